"""How Spanish users word requests of several calls or turns. Lines with = stand in evaluation tasks alone."""

WORDINGS = """
[order_by_mail]
{email} quiere {qty} {sku}.
Pide {qty} {sku} para {email}.
Pedido nuevo, {email}: {qty} {sku}.
{email} se lleva {qty} {sku}, haz el pedido.
= {email} quiere pedir {qty} {sku}.
= Haz un pedido de {qty} {sku} para {email}.
[complaint_by_mail]
{email} se queja: "{subject}".
Ticket nuevo para {email}: "{subject}".
{email} escribe "{subject}", abre un ticket.
Ticket de {email}: "{subject}".
= {email} avisa: "{subject}". Un ticket, por favor.
= Abre para {email} un ticket, "{subject}".
[block_by_mail]
Bloquea a {email} por {why}.
Hay que bloquear a {email}, motivo {why}.
{why} con {email}, bloquéalo.
Cliente {email} bloqueado: {why}.
= Con {email} hay {why}, bloquea.
= Bloquea a {email}, el motivo es {why}.
[phone_by_mail]
{email} tiene un número nuevo: {phone}.
El teléfono de {email} es ahora {phone}.
Cambia el número de {email} a {phone}.
Nuevo teléfono de {email}: {phone}.
= Pon a {email} el teléfono {phone}.
= Al {phone} se localiza ahora a {email}, cámbialo.
[undo_invoice]
Deshaz {invoice}.
{invoice} estaba mal, deshazla como corresponda.
Reembolsa {invoice} o ponla en void, lo que toque.
{invoice} fuera, de una forma u otra.
= La factura {invoice} hay que deshacerla.
= {invoice} se deshace, por la vía correcta.
[decide_return]
Decide {ret} según la regla.
{ret} espera, decide por su condición.
Aplica a {ret} la regla de la casa.
Decide la devolución {ret} por la condición.
= {ret} está por decidir, manda la condición.
= ¿Qué hacemos con {ret}? Según la regla.
[return_arrived_and_settled]
{ret} volvió {condition}, aprueba {outcome}.
Recibe {ret} como {condition} y aprueba {outcome}.
{ret} llegó {condition}: {outcome}.
Devolución {ret}, {condition}, {outcome} por favor.
= {ret} está aquí, {condition}, aprueba {outcome}.
= Registra {ret} como {condition}, luego {outcome}.
[look_then_cancel]
Muéstrame {order}. // Cancélalo, {reason}.
¿Qué hay en {order}? // Cancela, motivo {reason}.
¿Estado de {order}? // Pues cancela: {reason}.
= Consulta {order}. // Ese pedido se cancela, {reason}.
[stock_then_move]
¿Cuántos {sku} hay en {wh}? // Mueve {qty} a {target}.
¿Existencias de {sku} en {wh}? // {qty} a {target}.
¿Le queda {sku} a {wh}? // Lleva {qty} a {target}.
= Comprueba {sku} en {wh}. // {target} necesita {qty}.
[parallel_then_assign]
Muestra {ticket} y {ticket2}. // Los dos para {agent}.
¿Quién lleva {ticket} y {ticket2}? // {agent} coge los dos.
¿Qué pasa con {ticket} y {ticket2}? // Dale los dos a {agent}.
= Abre {ticket} y {ticket2}. // Ambos son de {agent}.
[many_requests]
Muestra el pedido {order}. // ¿Y {ticket}? // Ese ticket en prioridad {priority}. // Nota en él: "{note}". // \
 ¿Cuántos {sku} hay? // Ahora {invoice}. // ¿Y quién es {customer}?
= Primero {order}. // Luego {ticket}. // Prioridad {priority} para ese. // Apunta ahí: "{note}". // \
 ¿Existencias de {sku}? // Sigue con {invoice}. // Por último {customer}.
[close_all_open]
Cierra todos los tickets abiertos de {customer}, {resolution}.
Todos los tickets abiertos de {customer} como {resolution}, ciérralos.
{customer}: cierra cada ticket abierto, {resolution}.
= Cierra todo lo que {customer} tenga abierto, {resolution}.
[unpaid_then_remind]
¿Qué facturas de {customer} están sin pagar? // Recuerda el {nth} de la lista por {channel}.
¿Qué no ha pagado {customer}? // El {nth} de la lista: recordatorio por {channel}.
¿Facturas sin pagar de {customer}? // Reclama el {nth} de la lista, {channel}.
= ¿Tiene {customer} facturas sin pagar? // Del {nth} de la lista, un recordatorio por {channel}.
[list_then_track]
¿Qué pedidos de {customer} están enviados? // ¿Dónde está el {nth}?
¿Qué va de camino a {customer}? // ¿Cuándo llega el {nth}?
Pedidos enviados de {customer}, por favor. // Sigue el {nth}.
= Muestra los pedidos enviados de {customer}. // ¿Y por dónde va el {nth}?
[all_open_tickets]
Necesito todos los tickets abiertos de {customer}, hasta el final.
¿Cuántos tickets abiertos tiene {customer} y cuáles?
Recorre todos los tickets abiertos de {customer}.
= Dime cada ticket abierto de {customer}.
[all_orders]
¿Cuántos pedidos tiene {customer} en total y cuáles?
Todos los pedidos de {customer}, hasta la última página.
La lista completa de pedidos de {customer}, por favor.
= Cuenta todos los pedidos de {customer} y dilos.
[orders_by_name]
¿Qué pedidos tiene {name} de {city}?
{name} en {city}: ¿qué ha pedido?
Lista los pedidos de {name}, la persona de {city}.
= Pedidos de {name}, que vive en {city}.
[which_namesake]
Muéstrame a {name}. // De {city}.
¿Qué sabemos de {name}? // La persona de {city}.
Datos de {name}, por favor. // {city}.
= Abre la ficha de {name}. // Me refiero a {city}.
[which_of_two_orders]
Retén el pedido con {sku}, es {order} o {order2}.
{order} o {order2}: el que tiene {sku} que espere.
Uno de {order} y {order2} lleva {sku}, retén ese.
= De {order} y {order2}, para el que tenga {sku}.
[priority_corrected]
{ticket} en prioridad {priority}. // No, {priority2}.
Pon {ticket} en {priority}. // Perdón, {priority2}.
Prioridad {priority} para {ticket}. // Quería decir {priority2}.
= Dale a {ticket} prioridad {priority}. // Espera, mejor {priority2}.
[delivery_corrected]
Entrega {order} el {day}. // No, el {day2}.
Entrega de {order}: {day}. // Perdón, {day2}.
{order} que llegue el {day}. // El cliente dice ahora {day2}.
= Programa {order} para el {day}. // Leí mal, {day2}.
[other_invoice]
Tengo {invoice} y {invoice2}. Muestra {invoice}. // No, la otra.
{invoice}, no {invoice2}: ¿está pagada? // Mejor la otra.
De {invoice} y {invoice2}, mira {invoice}. // Ah no, la otra.
= Aquí hay {invoice} y {invoice2}. Abre {invoice}. // Quería la otra.
[assign_after_question]
Dale {ticket} a alguien. // {agent}.
{ticket} necesita a alguien. // Pon a {agent}.
¿Quién puede llevar {ticket}? Asígnalo. // Lo hace {agent}.
= Hay que repartir {ticket}. // A {agent}.
[cancel_after_reason]
Cancela {order}. // Está {reason}.
Cancela el pedido {order}. // Motivo: {reason}.
Hay que cancelar {order}. // {reason}
= ¿Puedes cancelar {order}? // Pon {reason}.
[remind_after_channel]
Recuerda {invoice}. // Por {channel}.
{invoice} va con retraso, manda un recordatorio. // {channel}, por favor.
Un recordatorio de {invoice}. // Usa {channel}.
= Reclama {invoice}, por favor. // Esta vez {channel}.
[order_after_quantity]
{customer} quiere pedir {sku}. // {qty}.
Pide {sku} para {customer}. // {qty} unidades.
Pedido nuevo de {customer}: {sku}. // Que sean {qty}.
= {customer} necesita {sku}, haz el pedido. // Son {qty}.
[show_renumbered_order]
Muéstrame el pedido {order}.
¿Qué hay en {order}?
¿Estado de {order}?
= ¿Qué artículos tiene {order}?
= Abre {order}, por favor.
[cancel_shipped]
Cancela {order}, motivo: {reason}.
{order} está {reason}, cancela.
Cancela el pedido {order}: {reason}.
= Anula {order}, {reason}.
= {order} no lo quieren, {reason}. Cancela.
[order_sold_out]
{customer} quiere {qty} {sku}.
Pide {qty} {sku} para {customer}.
Pedido nuevo de {customer}: {qty} {sku}.
= A {customer} le gustaría tener {qty} {sku}.
= Prepara {qty} {sku} para {customer}.
[reserve_elsewhere]
Reserva {qty} {sku} en {wh}.
Aparta {qty} {sku} en {wh}.
Quiero {qty} {sku} reservados en {wh}.
= Guárdame {qty} {sku} en {wh}.
= Necesito {qty} {sku} en {wh} como reserva.
[void_paid]
Pon {invoice} en void.
{invoice} tiene que quedar en void.
{invoice} fue un error, ponla en void.
= Deja {invoice} en void.
= Factura {invoice} en void, por favor.
[assign_to_absent]
Dale {ticket} a {agent}.
{agent} coge {ticket}.
{ticket} es para {agent}.
= {ticket} va a {agent}.
= Que {agent} lleve {ticket}.
[refund_allowed]
Reembolsa {invoice}.
Devuelve el dinero de {invoice}.
El cliente quiere el dinero de {invoice}.
Hay que reembolsar {invoice}.
= Por favor, reembolsa la factura {invoice}.
= {invoice} se pagó por error, reembolsa.
"""
