"""How German users word what stands in evaluation tasks alone."""

WORDINGS = """
[tier_by_mail]
= {email} soll in die Stufe {tier}.
= Mach {email} zu {tier}.
[unblock_by_mail]
= {email} darf wieder kaufen, entsperren.
= Nimm die Sperre von {email} weg.
[invoices_by_mail]
= Welche Rechnungen hat {email}?
= Rechnungen von {email} bitte.
[tickets_by_mail]
= Welche offenen Tickets hat {email}?
= Offene Tickets von {email} bitte.
[look_then_deliver]
= Zeig {order}. // Liefer sie am {day}.
= Was ist in {order}? // Diese Bestellung soll am {day} kommen.
[look_then_tag]
= Wer hat {ticket}? // Markier es mit {tag} und {tag2}.
= Zeig {ticket}. // Häng {tag} und {tag2} an.
[look_then_remind]
= Ist {invoice} bezahlt? // Dann erinnern, per {channel}.
= Zeig {invoice}. // Schick dazu eine Erinnerung per {channel}.
[check_then_reserve]
= Wie viele {sku} hat {wh}? // Reservier {qty} davon in {wh}.
= Prüf {sku} in {wh}. // Davon {qty} dort zurücklegen.
[cancel_the_new_one]
= Welche neuen Bestellungen hat {customer}? // Storniere die {nth}, {reason}.
= Bestellungen von {customer} im Status new? // Die {nth} stornieren, Grund {reason}.
[assign_all_open]
= Alle offenen Tickets von {customer} an {agent}.
= {agent} nimmt jedes offene Ticket von {customer}.
[discount_the_unpaid_one]
= Gib {customer} {percent} Prozent auf die unbezahlte Rechnung.
= Die offene Rechnung von {customer} bekommt {percent} Prozent Rabatt.
[paid_too_much]
= {customer} hat {amount} Euro auf die unbezahlte Rechnung gezahlt, {method}. Verbuch, was fällig ist.
= Verbuch {amount} Euro ({method}) auf die unbezahlte Rechnung von {customer}, höchstens das Fällige.
[unpaid_then_hold]
= Ist {invoice} bezahlt? // Dann halt ihre Bestellung an.
= Zeig {invoice}. // Die Bestellung dazu soll warten, anhalten.
[what_can_you_do]
= Ich bin {first}, neu in {city}. Was kannst du?
= {first} aus {city}: wobei hilfst du?
[who_are_you]
= {first} in {city} fragt: wer bist du?
= Spreche ich mit einem Menschen? {first}, {city}.
[closing_time]
= Ich mache Schluss für heute, {first} aus {city}.
= {first} in {city} sagt bis morgen.
[customer_overview]
= Bestellungen, Tickets und Rechnungen von {customer} bitte.
= Liste von {customer} die Bestellungen, die Tickets und die Rechnungen auf.
[track_two]
= Wo sind {order} und {order2}?
= Verfolge {order} und {order2}.
[receive_two]
= In {wh} kamen {qty} {sku} und {qty2} {sku2} an.
= Verbuch {qty} {sku} und {qty2} {sku2} in {wh}.
[two_prices]
= Neue Preise: {sku} {price} Euro, {sku2} {price2} Euro.
= {sku} kostet jetzt {price} Euro und {sku2} {price2}.
[vip_care]
= Mach {customer} zu {tier} und markier {ticket} mit vip.
= {ticket} bekommt vip, und {customer} wird {tier}.
[duplicate_noted]
= Schließ {ticket} als doppelt und notier bei {ticket2}: "{note}".
= {ticket} ist doppelt, schließen; Notiz bei {ticket2}: "{note}".
[swap_agents]
= Tausch bei {ticket} und {ticket2} die Zuständigen.
= {ticket} und {ticket2} sollen die Zuständigen tauschen.
[release_and_ship]
= Gib {order} frei und verschick sie mit {carrier}.
= {order} darf los: freigeben, dann an {carrier}.
[pay_what_is_due]
= {invoice} ist ganz bezahlt, {method}, bitte verbuchen.
= Der Kunde hat alles von {invoice} bezahlt, {method}. Verbuchen.
[product_record]
= Was kostet {sku}?
= Zeig mir das Produkt {sku}.
[merge_two_tickets]
= Leg {ticket} in {ticket2} zusammen.
= {ticket} gehört zu {ticket2}, führ es dort ein.
[callback_planned]
= Rückruf an {customer} am {day}, {slot}.
= {customer} möchte am {day} {slot} zurückgerufen werden.
[more_days_to_pay]
= Gib {days} Tage mehr für {invoice}.
= Frist von {invoice} um {days} Tage verlängern.
"""
