"""What the agent says in German: a tool or a saying, and its phrasings, the shortest first."""

READS = """
find_customer: Das ist {customer}, {name} aus {city}.
    | {customer}: {name}, {city}, Stufe {tier}.
find_customer many: Kunden namens {name}: {customers}.
    | Mehrere heißen {name}: {customers}.
get_customer: {customer} ist {name}, Stufe {tier}, Status {status}.
    | {name} ({customer}) aus {city}: Stufe {tier}, Status {status}, {orders} Bestellungen.
get_order: {order}: Status {status}, Summe {total}, {items}.
    | Bestellung {order} von {customer}: {items}, Status {status}, zusammen {total} Euro.
list_orders: Bestellungen von {customer}: {orders}.
    | {customer} hat diese Bestellungen: {orders}.
list_orders none: {customer} hat keine solchen Bestellungen.
track_order: {order} ist mit {carrier} in {place} und kommt am {day}.
    | {carrier} hat {order} in {place}, Ankunft am {day}.
get_return: Retoure {return} zu {order}: Status {status}, Grund {reason}.
    | {return}: Status {status}, Bestellung {order}.
get_ticket: {ticket}: Status {status}, Priorität {priority}, bei {agent}: "{subject}".
    | Ticket {ticket} von {customer}, "{subject}": Status {status}, zuständig {agent}.
list_tickets: Tickets von {customer}: {tickets}.
    | {customer} hat diese Tickets: {tickets}.
list_tickets none: {customer} hat keine solchen Tickets.
check_stock: {sku}: {stock}.
    | Bestand von {sku}: {stock}, Regal {shelf}.
get_invoice: {invoice} über {amount} Euro, Status {status}.
    | Rechnung {invoice} zu {order}: {amount} Euro, Status {status}.
list_invoices: Rechnungen von {customer}: {invoices}.
    | {customer} hat diese Rechnungen: {invoices}.
list_invoices none: {customer} hat keine solchen Rechnungen.
get_product: {sku} kostet {price} Euro, Regal {shelf}.
    | Der Preis von {sku} ist {price} Euro, es liegt im Regal {shelf}.
"""

WRITES = """
add_customer: {name} ist jetzt Kunde {customer}.
    | Ich habe {name} als {customer} angelegt, Stufe {tier}.
update_contact: Die Kontaktdaten von {customer} sind geändert.
    | Ich habe die Kontaktdaten von {customer} geändert.
change_address: {customer} wohnt jetzt in {street}, {city}.
    | Die Adresse von {customer} ist jetzt {street}, {city}.
set_tier: {customer} ist jetzt {tier}.
    | {name} ({customer}) hat nun die Stufe {tier}.
block_customer: {customer} ist gesperrt, Grund {reason}.
    | Ich habe {name} ({customer}) wegen {reason} gesperrt.
unblock_customer: Ich habe {customer} entsperrt.
    | Ich habe {name} ({customer}) entsperrt.
plan_callback: {callback}: Rückruf an {customer} am {day}.
    | Der Rückruf {callback} an {customer} ist für {day} geplant.
place_order: Bestellung {order} ist angelegt: {items}, Summe {total}.
    | Ich habe {order} für {customer} angelegt: {items}, {total} Euro.
cancel_order: {order} ist storniert, Grund {reason}.
    | Ich habe {order} storniert, Grund {reason}.
add_item: Ich habe {sku} zu {order} hinzugefügt, Summe jetzt {total}.
    | {qty} {sku} sind zu {order} hinzugefügt; die Summe ist {total} Euro.
ship_order: {order} ist mit {carrier} verschickt.
    | Ich habe {order} an {carrier} übergeben, es ist verschickt.
hold_order: {order} ist angehalten.
    | Ich habe {order} angehalten.
release_order: {order} ist freigegeben.
    | Ich habe {order} freigegeben.
set_delivery: Die Lieferung von {order} ist auf {day} gesetzt.
    | Ich habe die Lieferung von {order} auf {day} gesetzt.
open_return: Retoure {return} zu {order} ist offen.
    | Ich habe {return} zu {order} angelegt.
receive_return: {return} ist angekommen, Zustand {condition}.
    | Retoure {return} ist verbucht, Zustand {condition}.
approve_return: {return} ist genehmigt: {outcome}.
    | Ich habe {return} genehmigt, Ergebnis {outcome}.
open_ticket: Ticket {ticket} ist offen.
    | Ich habe {ticket} für {customer} angelegt, Priorität {priority}.
assign_ticket: {ticket} ist jetzt bei {agent}.
    | Ich habe {ticket} an {agent} gegeben.
set_priority: {ticket} hat jetzt Priorität {priority}.
    | Die Priorität von {ticket} ist nun {priority}.
add_note: Die Notiz ist bei {ticket} eingetragen.
    | Ich habe die Notiz bei {ticket} eingetragen, es hat jetzt {notes}.
close_ticket: {ticket} ist geschlossen als {resolution}.
    | Ich habe {ticket} geschlossen, Ergebnis {resolution}.
tag_ticket: {ticket} hat jetzt {tags}.
    | Die Schlagworte von {ticket} sind nun {tags}.
merge_tickets: {ticket} ist mit {target} zusammengelegt.
    | Ich habe {ticket} in {target} überführt.
receive_stock: {received} {sku} sind verbucht, {warehouse} hat {stock}.
    | {warehouse} hat jetzt {stock} {sku}, davon {received} neu.
move_stock: {moved} {sku} sind umgelagert: {stock}.
    | Ich habe {moved} {sku} umgelagert, jetzt {stock}.
reserve_stock: {qty} {sku} in {warehouse} sind reserviert: {reservation}.
    | Reservierung {reservation}: {qty} {sku} in {warehouse}.
release_stock: {reservation} ist aufgelöst, {qty} {sku} wieder in {warehouse}.
    | Ich habe {reservation} aufgelöst: {qty} {sku} in {warehouse} sind frei.
set_price: {sku} kostet jetzt {price} Euro.
    | Der Preis von {sku} ist nun {price} Euro.
create_invoice: Rechnung {invoice} über {amount} Euro ist geschrieben.
    | Ich habe {order} mit {invoice} berechnet, {amount} Euro.
record_payment: Die Zahlung auf {invoice} ist verbucht, {due} noch fällig.
    | Ich habe {amount} auf {invoice} verbucht, fällig sind {due} Euro.
refund_invoice: {invoice} ist erstattet, {amount} Euro.
    | Ich habe {amount} Euro zu {invoice} erstattet.
void_invoice: {invoice} ist void gesetzt.
    | Ich habe {invoice} auf void gesetzt.
apply_discount: Ich habe {percent} Prozent auf {invoice} gegeben.
    | Der Rabatt von {percent} Prozent auf {invoice} ist eingetragen.
send_reminder: Ich habe die Erinnerung zu {invoice} per {channel} geschickt.
    | Die Erinnerung zu {invoice} ist per {channel} verschickt.
extend_due_date: Ich habe die Frist von {invoice} auf {days} Tage verlängert.
    | Die Frist von {invoice} ist auf {days} Tage verlängert.
"""

OTHERS = """
nobody: niemand
refused: Das geht leider nicht: {reason}.
    | Leider nicht möglich: {reason}.
    | Tut mir leid, das ging nicht: {reason}.
greeting: Hallo {first}, wie kann ich helfen?
    | Hallo {first}, was kann ich für {city} tun?
thanks: Gern geschehen, {first}!
    | Freut mich, {first}.
beyond_the_desk: Dabei kann ich leider nicht helfen: Ich kenne Bestellungen, Tickets, Bestand, Kunden und Rechnungen.
    | Das kann ich leider nicht, ich bearbeite nur Bestellungen, Tickets, Bestand, Kunden und Rechnungen.
who_are_you: Ich bin der Assistent der Hotline, {first}.
    | Hallo {first}, ich bin der Assistent, ein Programm.
closing_time: Bis morgen, {first}!
    | Schönen Abend, {first}.
what_can_you_do: Hallo {first}, ich helfe bei Bestellungen, Tickets, Bestand, Kunden und Rechnungen.
ask_agent: Wer soll {ticket} bekommen?
    | Welche Person übernimmt {ticket}?
ask_reason: Warum soll {order} storniert werden?
    | Welcher Grund gilt für {order}: beschädigt, zu spät, unerwünscht oder falsch?
ask_channel: Auf welchem Weg bei {invoice}: E-Mail, SMS oder Brief?
    | Wie soll ich an {invoice} erinnern?
ask_quantity: Wie viele {sku} möchte {customer}?
    | Wie viele {sku} soll ich bestellen?
which_namesake: Welcher Eintrag ist gemeint: {rows}?
    | Mehrere heißen {name}: {rows}. Wer ist gemeint?
all_tickets: {customer} hat {count} offene Tickets: {rows}.
    | {count} Tickets von {customer} sind offen: {rows}.
all_orders: {customer} hat {count} Bestellungen: {rows}.
    | Es gibt {count} Bestellungen von {customer}: {rows}.
cancel_forbidden: Das geht leider nicht: {order} kostet {total} Euro, über {limit} storniert nur die Leitung.
    | {order} kann ich leider nicht stornieren: {total} Euro liegt über {limit}, das darf nur die Leitung.
refund_forbidden: Das geht leider nicht: {invoice} hat {amount} Euro, über {limit} erstattet nur die Buchhaltung.
    | {invoice} kann ich leider nicht erstatten: {amount} Euro liegt über {limit}, das darf nur die Buchhaltung.
close_forbidden: Das geht leider nicht: {ticket} ist mit legal markiert und bleibt offen.
    | {ticket} kann ich leider nicht schließen, es ist mit legal markiert.
"""

REFUSALS = (
    (r"(I-\d+) is paid", "{} ist schon beglichen"),
    (r"no customer with (.+)", "kein Kunde mit {}"),
    (r"no customer called (.+)", "kein Kunde namens {}"),
    (r"no (\S+ \S+) in (\w+)", "kein {} in {}"),
    (r"(\S+) belongs to (\S+)", "{} gehört zu {}"),
    (r"(\S+) is on its way to the old address", "{} ist zur alten Adresse unterwegs"),
    (r"(\S+) is blocked already", "{} ist schon gesperrt"),
    (r"(\S+) is blocked", "{} ist gesperrt"),
    (r"(\S+) is not blocked", "{} ist nicht gesperrt"),
    (r"(\S+) is (\w+), not shipped", "{} hat den Status {}, nicht verschickt"),
    (r"(\S+) was renumbered", "{} wurde umnummeriert"),
    (r"(\S+) was merged", "{} wurde zusammengelegt"),
    (r"(\S+) was shipped", "{} hat das Haus verlassen"),
    (r"(\S+) was delivered", "{} hat das Haus verlassen"),
    (r"(\S+) is on hold already", "{} ist schon angehalten"),
    (r"(\w+) is full", "{} ist voll"),
    (r"(.+) is sold out", "{} ist ausverkauft"),
    (r"only (\d+) is due", "nur {} ist fällig"),
    (r"(\S+) is away", "{} ist nicht da"),
    (r"(\S+) is cancelled already", "{} ist schon storniert"),
    (r"(\S+) is (\w+)(?: already)?", "{} hat den Status {}"),
)
