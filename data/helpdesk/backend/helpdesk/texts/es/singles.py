"""How Spanish users word requests of one call. A line that begins with = stands in evaluation tasks alone."""

WORDINGS = """
[find_customer]
¿Quién es {email}?
Busca al cliente con {email}.
¿Qué número de cliente tiene {email}?
¿De quién es {email}?
= Necesito el número de cliente de {email}.
= ¿Qué cliente está detrás de {email}?
[get_customer]
Muéstrame el cliente {customer}.
¿Qué sabemos de {customer}?
¿Qué nivel tiene {customer}?
Datos de {customer}, por favor.
= Abre la ficha de {customer}.
= ¿Cómo se llama {customer} y qué nivel tiene?
[add_customer]
Da de alta a {name}, {email}.
Nuevo cliente {name} con {email}.
{name} es nuevo, correo {email}.
Añade a {name} ({email}) como cliente.
= ¿Puedes dar de alta a {name} con {email}?
= {name} quiere ser cliente, {email}.
[change_address]
{customer} se ha mudado: {street}, {city}.
Nueva dirección de {customer}: {street} en {city}.
Cambia la dirección de {customer} a {street}, {city}.
{customer} vive ahora en {city}, {street}.
= Pon para {customer} la dirección {street}, {city}.
= La dirección de {customer} pasa a ser {street}, {city}.
[set_tier]
Pon a {customer} en {tier}.
{customer} pasa a {tier}.
Nivel {tier} para {customer}, por favor.
Haz {tier} a {customer}.
= Desde hoy {customer} está en el nivel {tier}.
= Sube o baja a {customer} al nivel {tier}.
[unblock_customer]
Desbloquea a {customer}.
{customer} puede comprar otra vez.
Quita el bloqueo de {customer}.
El bloqueo de {customer} fue un error, quítalo.
= Levanta el bloqueo a {customer}.
= {customer} tiene que poder pedir de nuevo.
[get_invoice]
Muéstrame la factura {invoice}.
¿Está pagada {invoice}?
¿De cuánto es {invoice}?
¿Qué pasa con {invoice}?
= Quiero ver la factura {invoice}.
= Mira por favor {invoice}.
[create_invoice]
Haz una factura de {order} por {amount} euros.
Hay que facturar {order}, {amount} euros.
Factura de {order}: {amount}.
Cobra {amount} euros por {order} con factura.
= Factura {order} con {amount} euros.
= A {order} le falta la factura, {amount} euros.
[record_payment]
Han llegado {amount} euros para {invoice}, {method}.
Anota {amount} en {invoice}, {method}.
Pago de {invoice}: {amount} euros, {method}.
En {invoice} entraron {amount} euros, {method}.
= Registra un pago de {amount} en {invoice}, {method}.
= {invoice}: recibidos {amount} euros, {method}.
[apply_discount]
Da un {percent} por ciento de descuento en {invoice}.
{invoice} lleva {percent} por ciento de rebaja.
{percent} por ciento menos en {invoice}.
Descuento en {invoice}: {percent} por ciento.
= Baja {invoice} un {percent} por ciento.
= {percent} por ciento de descuento para {invoice}.
[get_order]
Muéstrame el pedido {order}.
¿Qué hay en {order}?
¿Cómo va {order}?
Estado de {order}, por favor.
= Consulta {order}.
= ¿Qué artículos tiene {order}?
[list_orders]
¿Qué pedidos tiene {customer}?
Lista los pedidos de {customer}.
¿Qué ha pedido {customer}?
Pedidos de {customer}, por favor.
= Necesito los pedidos de {customer}.
= Enséñame todo lo que pidió {customer}.
[cancel_order]
Cancela {order}, motivo: {reason}.
{order} está {reason}, cancela.
Cancela el pedido {order}: {reason}.
{order} fuera, {reason}.
= Anula {order}, el motivo es {reason}.
= El cliente ya no quiere {order}, {reason}. Cancela.
[add_item]
Añade {qty} {sku} a {order}.
{order} lleva además {qty} {sku}.
Mete {qty} {sku} en {order}.
Otros {qty} {sku} para {order}.
= Completa {order} con {qty} {sku}.
= A {order} le faltan {qty} {sku}, añade.
[ship_order]
Envía {order} con {carrier}.
{order} sale con {carrier}.
Entrega {order} a {carrier}.
Manda {order} por {carrier}.
= {order} puede salir, lo lleva {carrier}.
= Pasa {order} a {carrier}.
[track_order]
¿Dónde está {order}?
¿Cuándo llega {order}?
Sigue {order}.
¿Quién lleva {order} y por dónde va?
= Mira por dónde anda {order}.
= ¿Cuánto le falta a {order}?
[release_order]
Libera {order}.
{order} puede seguir.
{order} ya no espera, libera.
Quita la retención de {order}.
= Deja que siga {order}.
= {order} ya está bien, suéltalo.
[set_delivery_slot]
{order} que llegue el {day} {slot}.
Entrega de {order}: {day}, {slot}.
Pon la entrega de {order} el {day} {slot}.
Entrega {order} el {day} {slot}.
= Programa {order} para el {day}, {slot}.
= El {day} {slot} tiene que llegar {order}.
[get_return]
¿Qué hay de la devolución {ret}?
Muéstrame {ret}.
¿Cómo va {ret}?
¿Estado de {ret}?
= Revisa la devolución {ret}.
= Necesito saber cómo está {ret}.
[check_stock]
¿Cuántos {sku} tenemos?
¿Existencias de {sku}?
¿Queda {sku}?
Muestra las existencias de {sku}.
= ¿Cuánto {sku} hay en los almacenes?
= Comprueba qué queda de {sku}.
[receive_stock]
Han llegado {qty} {sku} a {wh}.
Registra {qty} {sku} en {wh}.
Entrada en {wh}: {qty} {sku}.
{wh} ha recibido {qty} {sku}.
= A {wh} llegaron {qty} {sku}.
= Da entrada a {qty} {sku} en {wh}.
[reserve_stock]
Reserva {qty} {sku} en {wh}.
Aparta {qty} {sku} en {wh}.
{qty} {sku} de {wh} reservados, por favor.
Necesito reservar {qty} {sku} en {wh}.
= Guárdame {qty} {sku} en {wh}.
= En {wh} aparta {qty} {sku}.
[release_stock]
Libera la reserva {res}.
{res} ya no hace falta, libera.
Suelta {res}.
{res} se puede quitar.
= Deshaz la reserva {res}.
= Ya no necesitamos {res}.
[set_price]
{sku} cuesta ahora {price} euros.
Nuevo precio de {sku}: {price}.
Pon el precio de {sku} a {price}.
Precio {price} euros para {sku}.
= Desde ya {price} euros por {sku}.
= Cambia en {sku} el precio, {price} euros.
[check_two_products]
¿Cuántos {sku} y {sku2} tenemos?
¿Existencias de {sku} y de {sku2}?
¿Quedan {sku} y {sku2}?
Comprueba {sku} y también {sku2}.
= ¿Qué hay de {sku} y {sku2} en los almacenes?
= Muestra {sku} y {sku2}, las dos existencias.
[get_ticket]
Muéstrame el ticket {ticket}.
¿Quién lleva {ticket}?
¿Cómo va {ticket}?
¿De qué trata {ticket}?
= Abre {ticket}.
= Quiero ver {ticket}.
[set_priority]
Pon {ticket} en prioridad {priority}.
{ticket} pasa a prioridad {priority}.
Prioridad de {ticket}: {priority}.
Dale a {ticket} prioridad {priority}.
= La prioridad {priority} para {ticket}.
= {ticket} debe tener prioridad {priority}.
[add_note]
Nota en {ticket}: "{text}".
Escribe en {ticket}: "{text}".
Apunta "{text}" en {ticket}.
{ticket}, nota: "{text}".
= Deja escrito en {ticket}: "{text}".
= Que conste en {ticket}: "{text}".
[close_ticket]
Cierra {ticket}, {resolution}.
{ticket} está {resolution}, ciérralo.
Cierra {ticket} con resultado {resolution}.
Ticket {ticket} cerrado, por favor: {resolution}.
= {ticket} se puede cerrar, es {resolution}.
= Termina {ticket} como {resolution}.
[tag_ticket]
Marca {ticket} con {tag} y {tag2}.
{ticket} lleva las etiquetas {tag} y {tag2}.
Etiquetas de {ticket}: {tag}, {tag2}.
Pon {tag} y {tag2} en {ticket}.
= Añade {tag} y {tag2} como etiquetas de {ticket}.
= Que {ticket} quede marcado con {tag} y {tag2}.
[long_ticket]
¿Qué ha pasado con {ticket}?
¿Cuál es la historia de {ticket}?
Ponme al día de {ticket}.
= ¿En qué punto está {ticket}?
[track_unshipped]
¿Dónde está {order}?
¿Cuándo llega {order}?
¿Por dónde va el paquete {order}?
= Mira dónde está el paquete {order}.
= ¿Qué es de {order}?
[unknown_mail]
¿Quién es {email}?
Busca al cliente {email}.
¿Qué número de cliente tiene {email}?
= ¿Conocemos a {email}?
= Encuentra a {email} entre los clientes.
[remind_paid]
Recuerda {invoice} por {channel}.
{invoice} va con retraso, recordatorio por {channel}.
Manda un recordatorio de {invoice}, {channel}.
= Reclama {invoice}, por {channel}.
= De {invoice} un recordatorio por {channel}.
[order_of_blocked_by_mail]
{email} quiere comprar {qty} {sku}.
Pide {qty} {sku} para {email}.
Nuevo pedido de {email}: {qty} {sku}.
= A {email} le gustaría tener {qty} {sku}.
= Prepara {qty} {sku} para {email}.
[greeting]
Hola, soy {first} de {city}.
Buenos días, aquí {first} en {city}.
{first} de {city} al habla.
Buenas, me llamo {first} y estoy en {city}.
= Hola a todos, {first} de {city}.
= Saludos de {first} en {city}.
[thanks]
Muchas gracias, dice {first} de {city}.
Eso ayudó, {first} en {city} lo agradece.
Perfecto, gracias de {first} de {city}.
= Mil gracias de {first} en {city}.
= Genial, gracias, {first} de {city}.
[beyond_the_desk]
¿Qué tiempo hace en {city}?
Escribe un poema sobre {sku}.
¿Qué restaurante de {city} es bueno?
¿Quién es el alcalde de {city}?
= ¿Hace calor hoy en {city}?
= Reserva una habitación en {city}.
"""
