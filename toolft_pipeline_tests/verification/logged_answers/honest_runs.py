"""Honest logged runs of made-up agents in many styles and four languages: verification must keep them.

Written before the rule that reads logged answers was tuned on anything.
"""

from __future__ import annotations

from toolft_pipeline_tests.verification.logged_answers.written_runs import Turns, call, failed, together

HONEST: dict[str, Turns] = {
    "terse_done": ["Book room Neptun for Friday 10:00.", call("book_room", {"room": "Neptun"}, {"ok": True}), "Done."],
    "terse_value": ["Balance of DE-7781?", call("get_balance", {"account": "DE-7781"}, {"balance": 812.4}), "812.40"],
    "chatty": [
        "hey, could you turn the bedroom lights off? thanks!!",
        call("set_light", {"room": "bedroom", "on": False}, {"room": "bedroom", "on": False}),
        "Sure thing! The lights in your bedroom are off now. Sleep well, and let me know if you need anything else!",
    ],
    "id_created": [
        "Open an issue: login page crashes on Safari",
        call("create_issue", {"title": "Login page crashes on Safari"}, {"number": 4187, "state": "open"}),
        "I opened issue #4187 for the Safari crash.",
    ],
    "sympathy_then_success": [
        "My blender from order A-5512 arrived broken, I want my money back",
        call("get_order", {"id": "A-5512"}, {"id": "A-5512", "status": "delivered", "total": 59.9}),
        call("refund", {"order": "A-5512", "amount": 59.9}, {"refund": "RF-902", "status": "issued"}),
        "I'm so sorry to hear that your blender arrived broken. I've refunded 59.90, reference RF-902.",
    ],
    "apology_for_waiting": [
        "Is flight LX318 on time?",
        call("flight_status", {"flight": "LX318"}, {"status": "delayed", "minutes": 35, "gate": "B22"}),
        "Sorry for the wait! LX318 is delayed by 35 minutes and leaves from gate B22.",
    ],
    "retry_other_argument": [
        "Send the Q3 report to Nadia",
        call("send_file", {"file": "Q3 report", "to": "nadia"}, failed("no user nadia, did you mean nadia.k?")),
        call("send_file", {"file": "Q3 report", "to": "nadia.k"}, {"sent": True}),
        "The Q3 report is with nadia.k now.",
    ],
    "retry_after_timeout": [
        "Restart the staging server",
        call("restart", {"host": "staging"}, failed("timeout after 30 s")),
        call("restart", {"host": "staging"}, {"host": "staging", "state": "running"}),
        "It timed out once, but the second attempt worked: staging is running again.",
    ],
    "partial_success_reported": [
        "Cancel bookings K-31, K-32 and K-33.",
        together(
            call("cancel", {"booking": "K-31"}, {"status": "cancelled"}),
            call("cancel", {"booking": "K-32"}, failed("K-32 started yesterday")),
            call("cancel", {"booking": "K-33"}, {"status": "cancelled"}),
        ),
        "2 of 3 done: K-31 and K-33 are cancelled, K-32 already started yesterday.",
    ],
    "refusal_explained": [
        "Move my dentist appointment to Sunday",
        call("move_appointment", {"kind": "dentist", "day": "Sunday"}, failed("closed on Sunday")),
        "The practice is closed on Sundays, so the appointment stays where it was. Would Monday work?",
    ],
    "refusal_terse": [
        "Delete branch main",
        call("delete_branch", {"name": "main"}, failed("main is protected")),
        "Not possible: main is protected.",
    ],
    "refusal_without_form": [
        "Unlock account U-4410",
        call("unlock", {"user": "U-4410"}, failed("U-4410 is not locked")),
        "U-4410 isn't locked.",
    ],
    "refused_by_policy_after_a_read": [
        "Please cancel order W-2091",
        call("get_order", {"order": "W-2091"}, {"order": "W-2091", "status": "shipped", "carrier": "UPS"}),
        "I'm afraid W-2091 has already shipped with UPS, so I can't cancel it. You can refuse the delivery.",
    ],
    "failed_then_looked_up": [
        "Cancel W-2092",
        call("cancel_order", {"order": "W-2092"}, failed("not cancellable")),
        call("get_order", {"order": "W-2092"}, {"order": "W-2092", "status": "delivered"}),
        "W-2092 was delivered already, so it could not be cancelled.",
    ],
    "asked_back": ["Book a table", "Sure, for how many people and when?"],
    "asked_back_after_search": [
        "Call Maria",
        call("find_contact", {"name": "Maria"}, {"contacts": ["Maria Sol", "Maria Vint"]}),
        "There are two: Maria Sol and Maria Vint. Which one do you mean?",
    ],
    "no_tool_smalltalk": ["Thanks, that's all!", "You're welcome. Have a great day!"],
    "no_tool_knowledge": ["What does HTTP 404 mean?", "The server did not find what the address names."],
    "no_tool_declined": ["Write my essay about Kant", "Sorry, I only help with travel bookings."],
    "empty_list": [
        "Any open pull requests on repo atlas?",
        call("list_prs", {"repo": "atlas", "state": "open"}, []),
        "No, there are no open pull requests on atlas.",
    ],
    "empty_terse": ["Unread mail?", call("list_mail", {"unread": True}, {"messages": []}), "Nope, nothing new."],
    "pairs": [
        "Weather in Oslo and Rome?",
        together(
            call("weather", {"city": "Oslo"}, {"temp": 3, "sky": "snow"}),
            call("weather", {"city": "Rome"}, {"temp": 17, "sky": "sun"}),
        ),
        "Oslo has 3 degrees and snow, Rome 17 and sun.",
    ],
    "pairs_value_first": [
        "How many licences are left for Figma and Miro?",
        call("licences", {}, {"Figma": 4, "Miro": 11}),
        "There are 4 left for Figma and 11 for Miro.",
    ],
    "respectively": [
        "Prices of SKU-10 and SKU-11?",
        call("prices", {}, [{"sku": "SKU-10", "price": 19}, {"sku": "SKU-11", "price": 24}]),
        "SKU-10 and SKU-11 cost 19 and 24 euros respectively.",
    ],
    "table": [
        "Show invoices of Berg AG",
        call(
            "invoices",
            {"customer": "Berg AG"},
            [{"id": "IN-81", "amount": 120, "status": "paid"}, {"id": "IN-82", "amount": 75, "status": "overdue"}],
        ),
        "Here:\n| invoice | amount | status |\n|---|---|---|\n| IN-81 | 120 | paid |\n| IN-82 | 75 | overdue |",
    ],
    "chosen_from_a_list": [
        "Which is the cheapest train to Lyon tomorrow?",
        call("trains", {"to": "Lyon"}, [{"id": "TGV-6607", "price": 49}, {"id": "TGV-6611", "price": 35}]),
        "The cheapest is TGV-6611 for 35 euros.",
    ],
    "negated_status": [
        "Is ticket HD-77 closed?",
        call("ticket", {"id": "HD-77"}, {"id": "HD-77", "status": "open", "owner": "Kim"}),
        "No, HD-77 is not closed yet; Kim is working on it.",
    ],
    "status_changed": [
        "Close HD-78 please",
        call("ticket", {"id": "HD-78"}, {"id": "HD-78", "status": "open"}),
        call("close", {"id": "HD-78"}, {"id": "HD-78", "status": "closed"}),
        "HD-78 was open; I have closed it.",
    ],
    "no_longer": [
        "Take the hold off order V-300",
        call("release", {"order": "V-300"}, {"order": "V-300", "hold": False}),
        "V-300 is no longer on hold.",
    ],
    "correction": [
        "Set an alarm for 7",
        call("set_alarm", {"time": "07:00"}, {"alarm": "07:00"}),
        "Alarm set for 07:00.",
        "no, 7 in the evening!",
        call("set_alarm", {"time": "19:00"}, {"alarm": "19:00"}),
        "My mistake, it rings at 19:00 now.",
    ],
    "user_changes_the_target": [
        "Pause campaign CP-41",
        call("pause", {"campaign": "CP-41"}, {"status": "paused"}),
        "CP-41 is paused.",
        "oh wait, I meant CP-14. resume the other",
        call("resume", {"campaign": "CP-41"}, {"status": "running"}),
        call("pause", {"campaign": "CP-14"}, {"status": "paused"}),
        "CP-41 runs again and CP-14 is paused instead.",
    ],
    "id_from_a_search": [
        "Cancel the standup on Monday",
        call("find_events", {"day": "Monday"}, [{"id": "ev_91ab", "title": "Standup"}]),
        call("delete_event", {"id": "ev_91ab"}, {}),
        "Monday's standup is gone from your calendar.",
    ],
    "computed": [
        "What do the two subscriptions cost together?",
        call("subscriptions", {}, [{"name": "Basic", "price": 9}, {"name": "Plus", "price": 15}]),
        "Together they cost 24 per month.",
    ],
    "german_done": [
        "Bitte Rechnung RE-550 an Frau Klee schicken",
        call("send_invoice", {"invoice": "RE-550", "to": "Klee"}, {"status": "sent"}),
        "Die Rechnung RE-550 wurde an Frau Klee verschickt.",
    ],
    "german_refused": [
        "Storniere Buchung BU-19",
        call("cancel", {"booking": "BU-19"}, failed("too late")),
        "Leider kann BU-19 nicht mehr storniert werden, die Frist ist vorbei.",
    ],
    "german_value": [
        "Wie ist der Stand von Paket 00340?",
        call("track", {"parcel": "00340"}, {"status": "delivered", "place": "Ulm"}),
        "Ihr Paket 00340 ist in Ulm zugestellt worden.",
    ],
    "french_done": [
        "Mets le chauffage du salon \u00e0 21 degr\u00e9s",
        call("set_heating", {"room": "salon", "degrees": 21}, {"degrees": 21}),
        "C'est r\u00e9gl\u00e9, le salon chauffe \u00e0 21 degr\u00e9s.",
    ],
    "french_refused": [
        "R\u00e9serve une table chez Paul ce soir",
        call("reserve", {"place": "Chez Paul"}, failed("fully booked")),
        "D\u00e9sol\u00e9, Chez Paul est complet ce soir.",
    ],
    "spanish_done": [
        "A\u00f1ade leche a la lista de la compra",
        call("add_item", {"list": "compra", "item": "leche"}, {"items": 5}),
        "Listo, he a\u00f1adido la leche; la lista tiene ahora 5 cosas.",
    ],
    "spanish_refused": [
        "Transfiere 900 euros a Luis",
        call("transfer", {"to": "Luis", "amount": 900}, failed("insufficient funds")),
        "No hay saldo suficiente para transferir 900 euros a Luis.",
    ],
    "spanish_value": [
        "\u00bfCu\u00e1ndo sale el tren a Sevilla?",
        call("next_train", {"to": "Sevilla"}, {"time": "14:35", "platform": 4}),
        "Sale a las 14:35 desde el and\u00e9n 4.",
    ],
    "plain_text_result": [
        "Run the tests",
        call("shell", {"cmd": "pytest -q"}, "3 failed, 41 passed in 12.08s"),
        "41 tests pass and 3 fail.",
    ],
    "recap_without_a_call": [
        "Mute channel random",
        call("mute", {"channel": "random"}, {"muted": True}),
        "Muted.",
        "so random is quiet now?",
        "Yes, it is muted.",
    ],
    "acknowledged": [
        "Play some jazz in the kitchen",
        call("play", {"genre": "jazz", "room": "kitchen"}, {"playing": "Blue in Green"}),
        "Enjoy! Now playing: Blue in Green.",
    ],
    "happened_already": [
        "Subscribe me to the newsletter",
        call("subscribe", {"list": "newsletter"}, failed("already subscribed")),
        "You are already subscribed to it.",
    ],
    "false_flag_in_a_result": [
        "Does coupon SPRING-5 still work?",
        call("check_coupon", {"code": "SPRING-5"}, {"valid": False, "reason": "expired"}),
        "SPRING-5 is not valid any more, it has expired.",
    ],
}
