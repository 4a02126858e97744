"""How German users word requests of one call. A line that begins with = stands in evaluation tasks alone."""

WORDINGS = """
[find_customer]
Wer ist {email}?
Such mir den Kunden mit {email}.
Welche Kundennummer hat {email}?
Zu wem gehört {email}?
= Ich brauche die Kundennummer von {email}.
= Welcher Kunde steckt hinter {email}?
[get_customer]
Zeig mir Kunde {customer}.
Was wissen wir über {customer}?
Welche Stufe hat {customer}?
Daten von {customer} bitte.
= Ruf mir bitte den Kunden {customer} auf.
= Wie heißt {customer}, und welche Stufe ist das?
[add_customer]
Leg einen neuen Kunden an: {name}, {email}.
Neuer Kunde {name} mit {email}.
{name} ist neu bei uns, Adresse {email}.
Bitte {name} ({email}) als Kunden aufnehmen.
= Kannst du {name} mit {email} als Kunden anlegen?
= {name} möchte Kunde werden, {email}.
[change_address]
{customer} ist umgezogen: {street}, {city}.
Neue Adresse von {customer}: {street} in {city}.
Ändere die Adresse von {customer} auf {street}, {city}.
{customer} wohnt jetzt in {city}, {street}.
= Trag für {customer} die Adresse {street}, {city} ein.
= Die Anschrift von {customer} lautet nun {street}, {city}.
[set_tier]
Setz {customer} auf {tier}.
{customer} soll {tier} werden.
Stufe {tier} für {customer} bitte.
Mach {customer} zu einem {tier} Kunden.
= {customer} gehört ab heute in die Stufe {tier}.
= Bitte {customer} auf Stufe {tier} bringen.
[unblock_customer]
Entsperr {customer}.
{customer} darf wieder kaufen.
Nimm die Sperre von {customer} weg.
Die Sperre von {customer} war ein Irrtum, aufheben.
= Bitte heb die Sperre bei {customer} auf.
= {customer} soll wieder bestellen können.
[get_invoice]
Zeig mir Rechnung {invoice}.
Ist {invoice} bezahlt?
Wie hoch ist {invoice}?
Was ist mit {invoice}?
= Ich möchte die Rechnung {invoice} sehen.
= Schau bitte nach {invoice}.
[create_invoice]
Schreib eine Rechnung für {order} über {amount} Euro.
{order} muss berechnet werden, {amount} Euro.
Rechnung zu {order}: {amount}.
Stell {amount} Euro für {order} in Rechnung.
= Bitte {order} mit {amount} Euro berechnen.
= Für {order} fehlt die Rechnung, {amount} Euro.
[record_payment]
{amount} Euro für {invoice} sind da, {method}.
Verbuch {amount} auf {invoice}, {method}.
Zahlung zu {invoice}: {amount} Euro, {method}.
Auf {invoice} kamen {amount} Euro an, {method}.
= Bitte eine Zahlung von {amount} zu {invoice} eintragen, {method}.
= {invoice}: {amount} Euro erhalten, {method}.
[apply_discount]
Gib {percent} Prozent Rabatt auf {invoice}.
{invoice} bekommt {percent} Prozent Nachlass.
{percent} Prozent weniger bei {invoice}.
Rabatt auf {invoice}: {percent} Prozent.
= Bitte {invoice} um {percent} Prozent senken.
= {percent} Prozent Rabatt für {invoice}, bitte.
[get_order]
Zeig mir Bestellung {order}.
Was ist in {order}?
Wie steht es um {order}?
Status von {order} bitte.
= Schlag mal {order} nach.
= Welche Artikel hat {order}?
[list_orders]
Welche Bestellungen hat {customer}?
Liste die Bestellungen von {customer} auf.
Was hat {customer} bestellt?
Bestellungen von {customer} bitte.
= Ich brauche die Bestellungen von {customer}.
= Zeig, was {customer} alles bestellt hat.
[cancel_order]
Storniere {order}, Grund: {reason}.
{order} ist {reason}, bitte stornieren.
Bitte {order} stornieren, weil: {reason}.
{order} soll weg, {reason}.
= Nimm {order} zurück, der Grund ist {reason}.
= Der Kunde will {order} nicht mehr, {reason}. Stornieren.
[add_item]
Leg {qty} {sku} zu {order} dazu.
{order} soll noch {qty} {sku} bekommen.
Füg bei {order} {qty} {sku} hinzu.
Noch {qty} {sku} zu {order} bitte.
= Bitte {order} um {qty} {sku} ergänzen.
= Zu {order} kommen {qty} {sku}.
[ship_order]
Verschick {order} mit {carrier}.
{order} geht mit {carrier} raus.
Gib {order} an {carrier}.
Bitte {order} per {carrier} versenden.
= {order} kann los, {carrier} nimmt es mit.
= Übergib {order} an {carrier}, bitte.
[track_order]
Wo ist {order}?
Wann kommt {order} an?
Verfolge {order}.
Wer liefert {order}, und wo ist es gerade?
= Schau nach, wo {order} steckt.
= Wie weit ist {order} unterwegs?
[release_order]
Gib {order} frei.
{order} kann weiterlaufen.
{order} muss nicht mehr warten, freigeben.
Halt bei {order} aufheben.
= Lass {order} weitergehen.
= {order} ist jetzt in Ordnung, gib es frei.
[set_delivery_slot]
{order} soll {day} {slot} kommen.
Liefertermin für {order}: {day}, {slot}.
Setz die Lieferung von {order} auf {day} {slot}.
Bitte {order} am {day} {slot} liefern.
= Plane {order} für {day}, {slot}.
= Am {day} {slot} soll {order} da sein.
[get_return]
Was ist mit Retoure {ret}?
Zeig mir {ret}.
Wie steht es um {ret}?
Status von {ret}?
= Schau dir die Retoure {ret} an.
= Ich brauche den Stand von {ret}.
[check_stock]
Wie viele {sku} haben wir?
Bestand von {sku}?
Ist {sku} noch da?
Zeig den Bestand von {sku}.
= Wie viel {sku} liegt in den Lagern?
= Prüf mal, was von {sku} da ist.
[receive_stock]
{qty} {sku} sind in {wh} angekommen.
Verbuch {qty} {sku} in {wh}.
Wareneingang {wh}: {qty} {sku}.
{wh} hat {qty} {sku} bekommen.
= In {wh} kamen {qty} {sku} an.
= Nimm {qty} {sku} in {wh} auf.
[reserve_stock]
Reservier {qty} {sku} in {wh}.
Leg {qty} {sku} in {wh} zurück.
{qty} {sku} in {wh} bitte reservieren.
Ich brauche {qty} {sku} aus {wh}, reservieren.
= Heb mir {qty} {sku} in {wh} auf.
= Bitte in {wh} {qty} {sku} zurücklegen.
[release_stock]
Lös die Reservierung {res} auf.
{res} wird nicht gebraucht, auflösen.
Gib {res} wieder frei.
{res} kann weg.
= Reservierung {res} bitte aufheben.
= {res} brauchen wir nicht mehr.
[set_price]
{sku} kostet jetzt {price} Euro.
Neuer Preis für {sku}: {price}.
Setz den Preis von {sku} auf {price}.
Preis {price} Euro bei {sku} bitte.
= Ab sofort {price} Euro für {sku}.
= Ändere bei {sku} den Preis, {price} Euro.
[check_two_products]
Wie viele {sku} und {sku2} haben wir?
Bestand von {sku} und von {sku2}?
Sind {sku} und {sku2} noch da?
Prüf {sku} und auch {sku2}.
= Was liegt von {sku} und {sku2} in den Lagern?
= Zeig {sku} und {sku2}, beide Bestände.
[get_ticket]
Zeig mir Ticket {ticket}.
Wer hat {ticket}?
Wie steht es um {ticket}?
Worum geht es in {ticket}?
= Mach mal {ticket} auf.
= Ich möchte {ticket} sehen.
[set_priority]
Setz {ticket} auf Priorität {priority}.
{ticket} bekommt Priorität {priority}.
Priorität von {ticket}: {priority}.
Mach aus {ticket} Priorität {priority}.
= Bitte die Priorität {priority} für {ticket}.
= {ticket} soll Priorität {priority} haben.
[add_note]
Notiz zu {ticket}: "{text}".
Schreib bei {ticket} auf: "{text}".
Trag bei {ticket} "{text}" ein.
{ticket}, Notiz: "{text}".
= Vermerk bei {ticket}: "{text}".
= Halt bei {ticket} fest: "{text}".
[close_ticket]
Schließ {ticket}, {resolution}.
{ticket} ist {resolution}, schließen.
Mach {ticket} zu, Ergebnis {resolution}.
Ticket {ticket} bitte schließen: {resolution}.
= {ticket} kann zu, es ist {resolution}.
= Beende {ticket} als {resolution}.
[tag_ticket]
Markier {ticket} mit {tag} und {tag2}.
{ticket} bekommt die Schlagworte {tag} und {tag2}.
Schlagworte für {ticket}: {tag}, {tag2}.
Setz {tag} und {tag2} an {ticket}.
= Häng {tag} und {tag2} an {ticket}.
= {ticket} soll mit {tag} und {tag2} markiert sein.
[long_ticket]
Was ist bei {ticket} passiert?
Wie ist die Geschichte von {ticket}?
Bring mich bei {ticket} auf Stand.
= Wo stehen wir bei {ticket}?
[track_unshipped]
Wo ist {order}?
Wann kommt {order} an?
Wo steckt das Paket {order}?
= Schau bitte, wo das Paket {order} ist.
= Wo bleibt {order}?
[unknown_mail]
Wer ist {email}?
Such den Kunden {email}.
Welche Kundennummer gehört zu {email}?
= Kennen wir {email}?
= Finde {email} bei den Kunden.
[remind_paid]
Erinner an {invoice}, per {channel}.
{invoice} ist überfällig, Erinnerung per {channel}.
Schick zu {invoice} eine Erinnerung, {channel}.
= Mahn bitte {invoice} an, per {channel}.
= Zu {invoice} eine Erinnerung per {channel}.
[order_of_blocked_by_mail]
{email} will {qty} {sku} kaufen.
Bestell {qty} {sku} für {email}.
Neue Bestellung von {email}: {qty} {sku}.
= {email} hätte gern {qty} {sku}.
= Leg für {email} {qty} {sku} an.
[greeting]
Hallo, hier ist {first} aus {city}.
Guten Morgen, {first} in {city} hier.
{first} aus {city} am Apparat.
Grüß dich, ich bin {first} und sitze in {city}.
= Guten Tag zusammen, {first} aus {city}.
= Hallo von {first} in {city}.
[thanks]
Danke sehr, sagt {first} aus {city}.
Das hat geholfen, {first} in {city} dankt.
Super, vielen Dank von {first} aus {city}.
= Tausend Dank von {first} in {city}.
= Klasse, danke, {first} aus {city}.
[beyond_the_desk]
Wie ist das Wetter in {city}?
Schreib ein Gedicht über {sku}.
Welches Lokal in {city} ist gut?
Wer ist Bürgermeister von {city}?
= Wie warm ist es heute in {city}?
= Buch mir ein Zimmer in {city}.
"""
