"""How German users word requests of several calls or turns. Lines with = stand in evaluation tasks alone."""

WORDINGS = """
[order_by_mail]
{email} möchte {qty} {sku}.
Bestell {qty} {sku} für {email}.
Neue Bestellung, {email}: {qty} {sku}.
{email} nimmt {qty} {sku}, bitte anlegen.
= {email} will {qty} {sku} bestellen.
= Leg eine Bestellung von {qty} {sku} für {email} an.
[complaint_by_mail]
{email} beschwert sich: "{subject}".
Neues Ticket für {email}: "{subject}".
{email} schreibt "{subject}", mach ein Ticket auf.
Ticket von {email}: "{subject}".
= {email} meldet: "{subject}". Ticket bitte.
= Eröffne für {email} ein Ticket, "{subject}".
[block_by_mail]
Sperr {email} wegen {why}.
{email} muss gesperrt werden, Grund {why}.
{why} bei {email}, bitte sperren.
Kunde {email} sperren: {why}.
= Bei {email} liegt {why} vor, sperren.
= Bitte {email} sperren, der Grund ist {why}.
[phone_by_mail]
{email} hat eine neue Nummer: {phone}.
Telefon von {email} ist jetzt {phone}.
Ändere die Nummer von {email} auf {phone}.
Neue Telefonnummer für {email}: {phone}.
= Trag bei {email} das Telefon {phone} ein.
= Unter {phone} ist jetzt {email} zu erreichen, bitte ändern.
[undo_invoice]
Mach {invoice} rückgängig.
{invoice} war falsch, nimm sie auf dem passenden Weg zurück.
{invoice} erstatten oder auf void setzen, was passt.
{invoice} muss weg, so oder so.
= Die Rechnung {invoice} soll zurückgenommen werden.
= {invoice} rückgängig, auf dem richtigen Weg.
[decide_return]
Entscheide {ret} nach der Regel.
{ret} wartet, entscheide nach dem Zustand.
Wende bei {ret} die Hausregel an.
Retoure {ret} nach Zustand entscheiden.
= {ret} ist zu entscheiden, der Zustand zählt.
= Was wird aus {ret}? Nach der Regel bitte.
[return_arrived_and_settled]
{ret} ist {condition} zurück, {outcome} genehmigen.
Nimm {ret} als {condition} an und genehmige {outcome}.
{ret} kam {condition} an: {outcome}.
Retoure {ret}, {condition}, {outcome} bitte.
= {ret} ist da, {condition}, genehmige {outcome}.
= Verbuch {ret} als {condition}, dann {outcome}.
[look_then_cancel]
Zeig mir {order}. // Stornier sie, {reason}.
Was ist in {order}? // Bitte stornieren, Grund {reason}.
Status von {order}? // Dann stornieren: {reason}.
= Schlag {order} nach. // Diese Bestellung stornieren, {reason}.
[stock_then_move]
Wie viele {sku} sind in {wh}? // Verschieb {qty} nach {target}.
Bestand von {sku} in {wh}? // {qty} davon nach {target}.
Hat {wh} noch {sku}? // Bring {qty} nach {target}.
= Prüf {sku} in {wh}. // {target} braucht {qty} davon.
[parallel_then_assign]
Zeig {ticket} und {ticket2}. // Beide gehen an {agent}.
Wer hat {ticket} und {ticket2}? // {agent} nimmt beide.
Was ist mit {ticket} und {ticket2}? // Gib beide {agent}.
= Öffne {ticket} und {ticket2}. // Die beiden sind für {agent}.
[many_requests]
Zeig Bestellung {order}. // Und {ticket}? // Dieses Ticket auf Priorität {priority}. // Notiz dazu: "{note}". // \
 Wie viele {sku} gibt es? // Jetzt {invoice}. // Und wer ist {customer}?
= Zuerst {order}. // Dann {ticket}. // Priorität {priority} dafür. // Vermerk dort: "{note}". // \
 Bestand von {sku}? // Weiter mit {invoice}. // Zuletzt {customer}.
[close_all_open]
Schließ alle offenen Tickets von {customer}, {resolution}.
Alle offenen Tickets von {customer} sind {resolution}, schließen.
{customer}: jedes offene Ticket zumachen, {resolution}.
= Mach alles zu, was {customer} offen hat, {resolution}.
[unpaid_then_remind]
Welche Rechnungen von {customer} sind offen? // Erinner an die {nth} per {channel}.
Was hat {customer} nicht bezahlt? // Die {nth}: Erinnerung per {channel}.
Unbezahlte Rechnungen von {customer}? // Bitte die {nth} anmahnen, {channel}.
= Hat {customer} unbezahlte Rechnungen? // Zur {nth} eine Erinnerung per {channel}.
[list_then_track]
Welche Bestellungen von {customer} sind verschickt? // Wo ist die {nth}?
Was ist an {customer} unterwegs? // Wann kommt die {nth} an?
Verschickte Bestellungen von {customer} bitte. // Verfolge die {nth}.
= Zeig die verschickten Bestellungen von {customer}. // Und wo steckt die {nth}?
[all_open_tickets]
Ich brauche alle offenen Tickets von {customer}, bis zum letzten.
Wie viele offene Tickets hat {customer}, und welche?
Geh alle offenen Tickets von {customer} durch.
= Nenn mir jedes offene Ticket von {customer}.
[all_orders]
Wie viele Bestellungen hat {customer} insgesamt, und welche?
Alle Bestellungen von {customer}, bis zur letzten Seite.
Die ganze Liste der Bestellungen von {customer} bitte.
= Zähl alle Bestellungen von {customer} und nenn sie.
[orders_by_name]
Welche Bestellungen hat {name} aus {city}?
{name} in {city}: was ist bestellt?
Liste die Bestellungen von {name} auf, die Person aus {city}.
= Bestellungen von {name}, wohnhaft in {city}.
[which_namesake]
Zeig mir {name}. // Aus {city}.
Was wissen wir über {name}? // Die Person in {city}.
Daten von {name} bitte. // {city}.
= Ruf {name} auf. // Gemeint ist {city}.
[which_of_two_orders]
Halt die Bestellung mit {sku} an, es ist {order} oder {order2}.
{order} oder {order2}: die mit {sku} soll warten.
Eine von {order} und {order2} hat {sku}, halt diese an.
= Stopp von {order} und {order2} die mit {sku}, sie soll warten.
[priority_corrected]
{ticket} auf Priorität {priority}. // Nein, {priority2}.
Setz {ticket} auf {priority}. // Entschuldigung, {priority2}.
Priorität {priority} für {ticket}. // Ich meinte {priority2}.
= Gib {ticket} Priorität {priority}. // Halt, doch {priority2}.
[delivery_corrected]
{order} am {day} liefern. // Nein, am {day2}.
Lieferung von {order} auf {day}. // Entschuldigung, {day2}.
{order} soll {day} kommen. // Der Kunde sagt jetzt {day2}.
= Plan {order} für {day} ein. // Falsch gelesen, {day2}.
[other_invoice]
Ich habe {invoice} und {invoice2}. Zeig {invoice}. // Nein, die andere.
{invoice}, nicht {invoice2}: bezahlt? // Doch die andere.
Von {invoice} und {invoice2} bitte {invoice}. // Ach nein, die andere.
= Hier liegen {invoice} und {invoice2}. Öffne {invoice}. // Die andere war gemeint.
[assign_after_question]
Gib {ticket} jemandem. // {agent}.
{ticket} braucht jemanden. // Nimm {agent}.
Wer kann {ticket} nehmen? Gib es weiter. // {agent} macht das.
= {ticket} soll vergeben werden. // An {agent}.
[cancel_after_reason]
Storniere {order}. // Es ist {reason}.
{order} bitte stornieren. // Grund: {reason}.
{order} muss storniert werden. // {reason}
= Kannst du {order} stornieren? // Trag {reason} ein.
[remind_after_channel]
Erinner an {invoice}. // Per {channel}.
{invoice} ist überfällig, schick eine Erinnerung. // {channel} bitte.
Eine Erinnerung zu {invoice}. // Nimm {channel}.
= Bitte zu {invoice} erinnern. // Diesmal {channel}.
[order_after_quantity]
{customer} will {sku} bestellen. // {qty}.
Bestell {sku} für {customer}. // {qty} Stück.
Neue Bestellung für {customer}: {sku}. // Nimm {qty}.
= {customer} braucht {sku}, bitte anlegen. // Es sind {qty}.
[show_renumbered_order]
Zeig mir Bestellung {order}.
Was ist in {order}?
Status von {order}?
= Welche Artikel hat {order}?
= Öffne {order} bitte.
[cancel_shipped]
Storniere {order}, Grund: {reason}.
{order} ist {reason}, stornieren.
Bitte {order} stornieren: {reason}.
= {order} soll zurück, {reason}. Stornieren.
= Nimm {order} zurück, {reason}.
[order_sold_out]
{customer} will {qty} {sku}.
Bestell {qty} {sku} für {customer}.
Neue Bestellung von {customer}: {qty} {sku}.
= {customer} hätte gern {qty} {sku}.
= Leg {qty} {sku} für {customer} an.
[reserve_elsewhere]
Reservier {qty} {sku} in {wh}.
Leg {qty} {sku} in {wh} zurück.
{qty} {sku} in {wh} reservieren.
= Heb {qty} {sku} in {wh} auf.
= Ich brauche {qty} {sku} in {wh} als Reserve.
[void_paid]
Setz {invoice} auf void.
{invoice} muss void werden.
{invoice} war ein Fehler, auf void setzen.
= Mach {invoice} void.
= Rechnung {invoice} bitte void setzen.
[assign_to_absent]
Gib {ticket} an {agent}.
{agent} nimmt {ticket}.
{ticket} ist für {agent}.
= {ticket} geht an {agent}.
= {agent} soll {ticket} bekommen.
[refund_allowed]
Erstatte {invoice}.
Zahl {invoice} zurück.
Der Kunde will das Geld von {invoice} zurück.
{invoice} muss erstattet werden.
= Bitte das Geld zu {invoice} erstatten.
= {invoice} zurückzahlen, bitte.
"""
