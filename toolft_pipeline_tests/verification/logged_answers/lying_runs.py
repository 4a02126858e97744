"""Logged runs whose answer or action is a lie, in many styles and four languages: verification must not keep them.

Written before the rule that reads logged answers was tuned on anything.
"""

from __future__ import annotations

from toolft_pipeline_tests.verification.logged_answers.written_runs import Turns, call, failed, together

_ORDER = call("get_order", {"order": "W-2091"}, {"order": "W-2091", "status": "shipped", "carrier": "UPS"})
_OFF = call("set_light", {"room": "bedroom", "on": False}, {"room": "bedroom", "on": False})
_UNLOCKED = call("unlock", {"user": "U-4410"}, failed("U-4410 is not locked"))
_PRICES = call("prices", {}, [{"sku": "SKU-10", "price": 19}, {"sku": "SKU-11", "price": 24}])
_WEATHER = together(
    call("weather", {"city": "Oslo"}, {"temp": 3, "sky": "snow"}),
    call("weather", {"city": "Rome"}, {"temp": 17, "sky": "sun"}),
)

LYING: dict[str, Turns] = {
    # a refusal reported as done
    "refused_reported_done": [
        "Delete branch main",
        call("delete_branch", {"name": "main"}, failed("protected")),
        "Done.",
    ],
    "refused_reported_done_at_length": [
        "Move my dentist appointment to Sunday",
        call("move_appointment", {"kind": "dentist", "day": "Sunday"}, failed("closed on Sunday")),
        "All set! Your dentist appointment has been moved to Sunday. Anything else I can do for you?",
    ],
    "refused_reported_as_state": ["Unlock account U-4410", _UNLOCKED, "U-4410 has been unlocked."],
    "refusal_reason_negated": ["Unlock account U-4410", _UNLOCKED, "U-4410 is locked."],
    "one_of_three_failed_unmentioned": [
        "Cancel bookings K-31, K-32 and K-33.",
        together(
            call("cancel", {"booking": "K-31"}, {"status": "cancelled"}),
            call("cancel", {"booking": "K-32"}, failed("K-32 started yesterday")),
            call("cancel", {"booking": "K-33"}, {"status": "cancelled"}),
        ),
        "All three bookings are cancelled.",
    ],
    "failed_write_hidden_by_a_read": [
        "Cancel W-2092",
        call("cancel_order", {"order": "W-2092"}, failed("not cancellable")),
        call("get_order", {"order": "W-2092"}, {"order": "W-2092", "status": "delivered"}),
        "I have cancelled order W-2092 for you.",
    ],
    "german_refused_reported_done": [
        "Storniere Buchung BU-19",
        call("cancel", {"booking": "BU-19"}, failed("too late")),
        "Die Buchung BU-19 wurde storniert.",
    ],
    "french_refused_reported_done": [
        "R\u00e9serve une table chez Paul ce soir",
        call("reserve", {"place": "Chez Paul"}, failed("fully booked")),
        "C'est fait, la table est r\u00e9serv\u00e9e.",
    ],
    "spanish_refused_reported_done": [
        "Transfiere 900 euros a Luis",
        call("transfer", {"to": "Luis", "amount": 900}, failed("insufficient funds")),
        "Listo, he transferido los 900 euros a Luis.",
    ],
    "nothing_called_reported_done": ["Turn on the heating please", "Done, the heating is on."],
    # a success reported as a failure
    "done_reported_sorry": ["lights off in the bedroom", _OFF, "Sorry, that did not work."],
    "done_reported_unable": ["lights off in the bedroom", _OFF, "I was unable to turn off the bedroom lights."],
    "done_reported_not_done": [
        "lights off in the bedroom",
        _OFF,
        "I couldn't switch the lights off, please try again.",
    ],
    "read_reported_not_found": ["Where is W-2091?", _ORDER, "I could not find that order."],
    "german_done_reported_sorry": [
        "Bitte Rechnung RE-550 an Frau Klee schicken",
        call("send_invoice", {"invoice": "RE-550", "to": "Klee"}, {"status": "sent"}),
        "Leider konnte die Rechnung RE-550 nicht verschickt werden.",
    ],
    "french_done_reported_sorry": [
        "Mets le chauffage du salon \u00e0 21 degr\u00e9s",
        call("set_heating", {"room": "salon", "degrees": 21}, {"degrees": 21}),
        "D\u00e9sol\u00e9, je n'ai pas pu r\u00e9gler le chauffage.",
    ],
    "spanish_done_reported_sorry": [
        "A\u00f1ade leche a la lista de la compra",
        call("add_item", {"list": "compra", "item": "leche"}, {"items": 5}),
        "Lo siento, no he podido a\u00f1adirla.",
    ],
    "found_reported_none": [
        "Any open pull requests on repo atlas?",
        call("list_prs", {"repo": "atlas", "state": "open"}, [{"id": 812, "title": "Fix login"}]),
        "No, there are no open pull requests on atlas.",
    ],
    "found_reported_nothing": ["Unread mail?", call("list_mail", {"unread": True}, {"messages": ["m-31"]}), "None."],
    # an answer about something else
    "something_else": ["Where is W-2091?", _ORDER, "The weather will be lovely all week."],
    "something_else_earlier_entity": [
        "Where is W-2091?",
        _ORDER,
        "W-2091 has been shipped with UPS.",
        "and W-2093?",
        call("get_order", {"order": "W-2093"}, {"order": "W-2093", "status": "paid"}),
        "W-2091 has been shipped with UPS.",
    ],
    "letter": ["lights off in the bedroom", _OFF, "x"],
    "filler": ["Balance of DE-7781?", call("get_balance", {"account": "DE-7781"}, {"balance": 812.4}), "Hmm."],
    "german_something_else": [
        "Wie ist der Stand von Paket 00340?",
        call("track", {"parcel": "00340"}, {"status": "delivered", "place": "Ulm"}),
        "Die Kantine bietet heute Linsensuppe an.",
    ],
    # values swapped between entities
    "swapped": ["Weather in Oslo and Rome?", _WEATHER, "Oslo has 17 degrees and sun, Rome 3 and snow."],
    "swapped_value_first": [
        "How many licences are left for Figma and Miro?",
        call("licences", {}, {"Figma": 4, "Miro": 11}),
        "There are 11 left for Figma and 4 for Miro.",
    ],
    "swapped_respectively": ["Prices?", _PRICES, "SKU-10 and SKU-11 cost 24 and 19 euros respectively."],
    "swapped_in_a_table": ["Prices?", _PRICES, "| sku | price |\n|---|---|\n| SKU-10 | 24 |\n| SKU-11 | 19 |"],
    "value_of_another": ["What does SKU-10 cost?", _PRICES, "SKU-10 costs 24 euros."],
    "wrong_one_chosen": [
        "Which tickets are mine?",
        call("tickets", {}, [{"id": "HD-5", "owner": "Kim"}, {"id": "HD-6", "owner": "Ada"}]),
        "HD-5 belongs to Ada, HD-6 to Kim.",
    ],
    # a status word that contradicts the result
    "status_contradicted": [
        "Is ticket HD-77 closed?",
        call("ticket", {"id": "HD-77"}, {"id": "HD-77", "status": "open", "owner": "Kim"}),
        "Yes, HD-77 is closed.",
    ],
    "status_negated": ["Where is W-2091?", _ORDER, "W-2091 has not been shipped yet."],
    "flag_contradicted": [
        "Does coupon SPRING-5 still work?",
        call("check_coupon", {"code": "SPRING-5"}, {"valid": False}),
        "Yes, SPRING-5 is valid.",
    ],
    "paid_reported_unpaid": [
        "Did Berg AG settle IN-81?",
        call("invoice", {"id": "IN-81"}, {"id": "IN-81", "status": "paid"}),
        "IN-81 is still unpaid.",
    ],
    "german_status_contradicted": [
        "Ist das Ticket HD-77 noch offen?",
        call("ticket", {"id": "HD-77"}, {"id": "HD-77", "status": "open"}),
        "Das Ticket HD-77 ist geschlossen.",
    ],
    # half of what was asked for
    "half_of_a_list": [
        "List all the servers",
        call("servers", {}, {"servers": ["srv-1a", "srv-2b", "srv-3c", "srv-4d"]}),
        "The servers are srv-1a and srv-2b.",
    ],
    # an action on another id
    "another_id": [
        "Pause campaign CP-41",
        call("pause", {"campaign": "CP-14"}, {"status": "paused"}),
        "The campaign is paused.",
    ],
    "another_number": [
        "Cancel booking 558213",
        call("cancel_booking", {"booking_id": 558218}, {"status": "cancelled"}),
        "Your booking is cancelled.",
    ],
    "another_address": [
        "Invite lea.brandt@corp.test to the review",
        call("invite", {"event": "review", "guest": "lea.brand@corp.test"}, {"invited": True}),
        "Invitation sent.",
    ],
    "another_id_in_german": [
        "Bitte Vertrag VT-9031 k\u00fcndigen",
        call("terminate", {"contract": "VT-9013"}, {"status": "terminated"}),
        "Der Vertrag ist gek\u00fcndigt.",
    ],
    "second_turn_another_id": [
        "Mute CH-10",
        call("mute", {"channel": "CH-10"}, {"muted": True}),
        "CH-10 is muted.",
        "now archive CH-11",
        call("archive", {"channel": "CH-12"}, {"archived": True}),
        "Archived.",
    ],
    "wrong_time_reported": [
        "\u00bfCu\u00e1ndo sale el tren a Sevilla?",
        call("next_train", {"to": "Sevilla"}, {"time": "14:35", "platform": 4}),
        "Sale a las 15:35 desde el and\u00e9n 4.",
    ],
}
