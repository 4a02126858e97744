"""How Spanish users word what stands in evaluation tasks alone."""

WORDINGS = """
[tier_by_mail]
= {email} pasa al nivel {tier}.
= Pon a {email} en {tier}.
[unblock_by_mail]
= {email} puede comprar otra vez, desbloquea.
= Quita el bloqueo de {email}.
[invoices_by_mail]
= ¿Qué facturas tiene {email}?
= Facturas de {email}, por favor.
[tickets_by_mail]
= ¿Qué tickets abiertos tiene {email}?
= Tickets abiertos de {email}, por favor.
[look_then_deliver]
= Muestra {order}. // Entrégalo el {day}.
= ¿Qué hay en {order}? // Ese pedido tiene que llegar el {day}.
[look_then_tag]
= ¿Quién lleva {ticket}? // Márcalo con {tag} y {tag2}.
= Muestra {ticket}. // Ponle {tag} y {tag2}.
[look_then_remind]
= ¿Está pagada {invoice}? // Pues recuérdala, por {channel}.
= Muestra {invoice}. // Manda un recordatorio de esa por {channel}.
[check_then_reserve]
= ¿Cuántos {sku} hay en {wh}? // Reserva {qty} en {wh}.
= Comprueba {sku} en {wh}. // Aparta {qty} allí.
[cancel_the_new_one]
= ¿Qué pedidos nuevos tiene {customer}? // Cancela el {nth}, {reason}.
= ¿Pedidos de {customer} en estado new? // El {nth} se cancela, motivo {reason}.
[assign_all_open]
= Todos los tickets abiertos de {customer} para {agent}.
= {agent} coge cada ticket abierto de {customer}.
[discount_the_unpaid_one]
= Da a {customer} un {percent} por ciento en la factura sin pagar.
= La factura sin pagar de {customer} lleva {percent} por ciento de descuento.
[paid_too_much]
= {customer} pagó {amount} euros de la factura sin pagar, {method}. Anota lo que se debe.
= Anota {amount} euros ({method}) en la factura sin pagar de {customer}, como mucho lo que se debe.
[unpaid_then_hold]
= ¿Está pagada {invoice}? // Pues retén su pedido.
= Muestra {invoice}. // El pedido de esa factura tiene que esperar, retenlo.
[what_can_you_do]
= Soy {first}, nuevo en {city}. ¿Qué haces?
= {first} de {city}: ¿en qué ayudas?
[who_are_you]
= {first} en {city} pregunta: ¿quién eres?
= ¿Hablo con una persona? {first}, {city}.
[closing_time]
= Termino por hoy, {first} de {city}.
= {first} en {city} dice hasta mañana.
[customer_overview]
= Pedidos, tickets y facturas de {customer}, por favor.
= Lista de {customer} los pedidos, los tickets y las facturas.
[track_two]
= ¿Dónde están {order} y {order2}?
= Sigue {order} y {order2}.
[receive_two]
= A {wh} llegaron {qty} {sku} y {qty2} {sku2}.
= Registra {qty} {sku} y {qty2} {sku2} en {wh}.
[two_prices]
= Precios nuevos: {sku} {price} euros, {sku2} {price2} euros.
= {sku} cuesta ahora {price} euros y {sku2} {price2}.
[vip_care]
= Pon a {customer} en {tier} y marca {ticket} con vip.
= {ticket} lleva vip, y {customer} pasa a {tier}.
[duplicate_noted]
= Cierra {ticket} como duplicado y apunta en {ticket2}: "{note}".
= {ticket} es duplicado, ciérralo; nota en {ticket2}: "{note}".
[swap_agents]
= Cambia entre sí los agentes de {ticket} y {ticket2}.
= {ticket} y {ticket2} intercambian sus agentes.
[release_and_ship]
= Libera {order} y envíalo con {carrier}.
= {order} puede salir: libera y luego a {carrier}.
[pay_what_is_due]
= {invoice} está pagada del todo, {method}, anótalo.
= El cliente pagó todo {invoice}, {method}. Anota el pago.
[product_record]
= ¿Cuánto cuesta {sku}?
= Muéstrame el producto {sku}.
[merge_two_tickets]
= Une {ticket} a {ticket2}.
= {ticket} es lo mismo que {ticket2}, únelo a ese.
[callback_planned]
= Llamada a {customer} el {day}, {slot}.
= {customer} quiere que le llamen el {day} {slot}.
[more_days_to_pay]
= Da {days} días más para {invoice}.
= Amplía el plazo de {invoice} en {days} días.
"""
