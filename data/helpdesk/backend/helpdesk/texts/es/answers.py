"""What the agent says in Spanish: a tool or a saying, and its phrasings, the shortest first."""

READS = """
find_customer: Es {customer}, {name} de {city}.
    | {customer}: {name}, {city}, nivel {tier}.
find_customer many: Clientes llamados {name}: {customers}.
    | Hay varios llamados {name}: {customers}.
get_customer: {customer} es {name}, nivel {tier}, estado {status}.
    | {name} ({customer}) de {city}: nivel {tier}, estado {status}, {orders} pedidos.
get_order: {order}: estado {status}, total {total}, {items}.
    | Pedido {order} de {customer}: {items}, estado {status}, {total} euros en total.
list_orders: Pedidos de {customer}: {orders}.
    | {customer} tiene estos pedidos: {orders}.
list_orders none: {customer} no tiene pedidos así.
track_order: {order} va con {carrier}, está en {place} y llega el {day}.
    | {carrier} tiene {order} en {place}; llega el {day}.
get_return: Devolución {return} de {order}: estado {status}, motivo {reason}.
    | {return}: estado {status}, pedido {order}.
get_ticket: {ticket}: estado {status}, prioridad {priority}, lo lleva {agent}: "{subject}".
    | Ticket {ticket} de {customer}, "{subject}": estado {status}, agente {agent}.
list_tickets: Tickets de {customer}: {tickets}.
    | {customer} tiene estos tickets: {tickets}.
list_tickets none: {customer} no tiene tickets así.
check_stock: {sku}: {stock}.
    | Existencias de {sku}: {stock}, estante {shelf}.
get_invoice: {invoice} de {amount} euros, estado {status}.
    | Factura {invoice} de {order}: {amount} euros, estado {status}.
list_invoices: Facturas de {customer}: {invoices}.
    | {customer} tiene estas facturas: {invoices}.
list_invoices none: {customer} no tiene facturas así.
get_product: {sku} cuesta {price} euros, estante {shelf}.
    | El precio de {sku} es {price} euros y está en el estante {shelf}.
"""

WRITES = """
add_customer: {name} es ahora el cliente {customer}.
    | He dado de alta a {name} como {customer}, nivel {tier}.
update_contact: Los datos de contacto de {customer} están cambiados.
    | He cambiado los datos de contacto de {customer}.
change_address: {customer} vive ahora en {street}, {city}.
    | La dirección de {customer} es ahora {street}, {city}.
set_tier: {customer} es ahora {tier}.
    | {name} ({customer}) está ahora en el nivel {tier}.
block_customer: {customer} está bloqueado, motivo {reason}.
    | He bloqueado a {name} ({customer}) por {reason}.
unblock_customer: He desbloqueado a {customer}.
    | He desbloqueado a {name} ({customer}).
plan_callback: {callback}: llamada a {customer} el {day}.
    | La llamada {callback} a {customer} queda para el {day}.
place_order: El pedido {order} está hecho: {items}, total {total}.
    | He hecho el pedido {order} para {customer}: {items}, {total} euros.
cancel_order: {order} está cancelado, motivo {reason}.
    | He cancelado {order}, motivo {reason}.
add_item: {sku} está añadido a {order}, total {total}.
    | He añadido {qty} {sku} a {order}; el total es {total} euros.
ship_order: {order} está enviado con {carrier}.
    | He entregado {order} a {carrier}; está enviado.
hold_order: {order} está retenido.
    | He retenido el pedido {order}.
release_order: {order} está liberado.
    | He liberado el pedido {order}.
set_delivery: He puesto la entrega de {order} el {day}.
    | La entrega de {order} queda fijada para el {day}.
open_return: La devolución {return} de {order} está abierta.
    | He abierto {return} para {order}.
receive_return: {return} ha llegado, condición {condition}.
    | La devolución {return} está registrada, condición {condition}.
approve_return: {return} está aprobada: {outcome}.
    | He aprobado {return}, resultado {outcome}.
open_ticket: El ticket {ticket} está abierto.
    | He abierto {ticket} para {customer}, prioridad {priority}.
assign_ticket: {ticket} lo lleva ahora {agent}.
    | He dado {ticket} a {agent}.
set_priority: {ticket} tiene ahora prioridad {priority}.
    | La prioridad de {ticket} es ahora {priority}.
add_note: He añadido la nota a {ticket}.
    | La nota está añadida a {ticket}; ahora tiene {notes}.
close_ticket: {ticket} está cerrado como {resolution}.
    | He cerrado {ticket}, resultado {resolution}.
tag_ticket: {ticket} lleva ahora {tags}.
    | Las etiquetas de {ticket} son ahora {tags}.
merge_tickets: {ticket} está unido a {target}.
    | He unido {ticket} a {target}.
receive_stock: {received} {sku} están registrados; {warehouse} tiene {stock}.
    | {warehouse} tiene ahora {stock} {sku}, {received} nuevos.
move_stock: {moved} {sku} están trasladados: {stock}.
    | He trasladado {moved} {sku}; ahora {stock}.
reserve_stock: {qty} {sku} en {warehouse} están reservados: {reservation}.
    | Reserva {reservation}: {qty} {sku} en {warehouse}.
release_stock: {reservation} está anulada, {qty} {sku} de nuevo en {warehouse}.
    | He liberado {reservation}: {qty} {sku} libres en {warehouse}.
set_price: {sku} cuesta ahora {price} euros.
    | El precio de {sku} es ahora {price} euros.
create_invoice: La factura {invoice} de {amount} euros está hecha.
    | He facturado {order} con {invoice}, {amount} euros.
record_payment: El pago de {invoice} está anotado, quedan {due}.
    | He anotado {amount} en {invoice}; quedan {due} euros.
refund_invoice: {invoice} está reembolsada, {amount} euros.
    | He reembolsado {amount} euros de {invoice}.
void_invoice: He dejado {invoice} en void.
    | He puesto {invoice} en void.
apply_discount: He aplicado {percent} por ciento a {invoice}.
    | El descuento de {percent} por ciento en {invoice} está aplicado.
send_reminder: El recordatorio de {invoice} está enviado por {channel}.
    | He recordado {invoice} por {channel}.
extend_due_date: He ampliado el plazo de {invoice} a {days} días.
    | El plazo de {invoice} está ampliado a {days} días.
"""

OTHERS = """
nobody: nadie
refused: Lo siento, no es posible: {reason}.
    | No se puede hacer: {reason}.
    | Lo siento, no ha sido posible: {reason}.
greeting: Hola {first}, ¿en qué puedo ayudar?
    | Hola {first}, ¿qué puedo hacer por {city}?
thanks: ¡De nada, {first}!
    | Me alegro, {first}.
beyond_the_desk: Lo siento, no puedo ayudar con eso: solo llevo pedidos, tickets, existencias, clientes y facturas.
    | Lo siento, no puedo; aquí solo llevo pedidos, tickets, existencias, clientes y facturas.
who_are_you: Soy el asistente de esta mesa, {first}.
    | Hola {first}, soy el asistente, un programa.
closing_time: ¡Hasta mañana, {first}!
    | Buenas noches, {first}.
what_can_you_do: Hola {first}, ayudo con pedidos, tickets, existencias, clientes y facturas.
ask_agent: ¿Quién debe llevar {ticket}?
    | ¿A qué persona doy {ticket}?
ask_reason: ¿Por qué se cancela {order}?
    | ¿Cuál es el motivo para {order}: dañado, tarde, no deseado o equivocado?
ask_channel: ¿Por qué vía para {invoice}: correo, SMS o carta?
    | ¿Cómo les recuerdo {invoice}?
ask_quantity: ¿Cuántos {sku} quiere {customer}?
    | ¿Cuántos {sku} pido?
which_namesake: ¿Cuál es: {rows}?
    | Hay varios llamados {name}: {rows}. ¿Cuál es?
all_tickets: {customer} tiene {count} tickets abiertos: {rows}.
    | Hay {count} tickets abiertos de {customer}: {rows}.
all_orders: {customer} tiene {count} pedidos: {rows}.
    | Hay {count} pedidos de {customer}: {rows}.
cancel_forbidden: Lo siento, no es posible: {order} cuesta {total} euros, más de {limit} solo lo cancela la gerencia.
    | No puedo cancelar {order}: {total} euros pasa de {limit}, eso es cosa de la gerencia.
refund_forbidden: Lo siento, no es posible: {invoice} es de {amount} euros, más de {limit} lo reembolsa contabilidad.
    | No puedo reembolsar {invoice}: {amount} euros pasa de {limit}, eso es cosa de contabilidad.
close_forbidden: Lo siento, no es posible: {ticket} tiene la etiqueta legal y queda abierto.
    | No puedo cerrar {ticket}: tiene la etiqueta legal.
"""

REFUSALS = (
    (r"(I-\d+) is paid", "{} ya está abonada"),
    (r"no customer with (.+)", "no hay cliente con {}"),
    (r"no customer called (.+)", "no hay cliente llamado {}"),
    (r"no (\S+ \S+) in (\w+)", "no hay {} en {}"),
    (r"(\S+) belongs to (\S+)", "{} es de {}"),
    (r"(\S+) is on its way to the old address", "{} va camino de la dirección antigua"),
    (r"(\S+) is blocked already", "{} ya está bloqueado"),
    (r"(\S+) is blocked", "{} está bloqueado"),
    (r"(\S+) is not blocked", "{} no está bloqueado"),
    (r"(\S+) is (\w+), not shipped", "{} tiene el estado {}, no enviado"),
    (r"(\S+) was renumbered", "{} tiene otro número"),
    (r"(\S+) was merged", "{} fue unido a otro"),
    (r"(\S+) was shipped", "{} ya salió de casa"),
    (r"(\S+) was delivered", "{} ya salió de casa"),
    (r"(\S+) is on hold already", "{} ya está retenido"),
    (r"(\w+) is full", "el {} está lleno"),
    (r"(.+) is sold out", "{} está agotado"),
    (r"only (\d+) is due", "solo se deben {}"),
    (r"(\S+) is away", "{} no está"),
    (r"(\S+) is cancelled already", "{} ya está cancelado"),
    (r"(\S+) is (\w+)(?: already)?", "{} tiene el estado {}"),
)
