"""More honest logged runs, written when the rule on logged answers already passed the first ones."""

from __future__ import annotations

from toolft_pipeline_tests.verification.logged_answers.written_runs import Turns, call, failed, together

_STOCK = call(
    "inventory",
    {"item": "drill"},
    [{"store": "Mitte", "count": 12}, {"store": "Nord", "count": 0}, {"store": "West", "count": 7}],
)

MORE_HONEST: dict[str, Turns] = {
    "paid_is_no_id": [
        "Refund I-7.",
        call("get_invoice", {"invoice": "I-7"}, {"invoice": "I-7", "amount": 40, "paid": 40, "status": "paid"}),
        call("refund", {"invoice": "I-7"}, {"invoice": "I-7", "amount": 40, "status": "refunded"}),
        "I-7 is refunded, 40 euros.",
    ],
    "stock_by_store": ["How many drills do we have?", _STOCK, "12 in Mitte and 7 in West; Nord is out of them."],
    "stock_total": ["How many drills in all?", _STOCK, "19 drills altogether."],
    "stock_one": ["Drills in West?", _STOCK, "7"],
    "bare_yes": [
        "Is Dr. Hahn in on Tuesday?",
        call("practice_hours", {"doctor": "Hahn", "day": "Tuesday"}, {"open": True, "from": "08:00"}),
        "Yes, from 08:00.",
    ],
    "bare_no": [
        "Is the pool open on Tuesday?",
        call("opening_hours", {"place": "pool", "day": "Tuesday"}, {"open": False}),
        "No, it's closed on Tuesdays.",
    ],
    "ok_thumbs": [
        "Save this note: buy milk",
        call("save_note", {"text": "buy milk"}, {"id": "n-77"}),
        "Saved \U0001f44d",
    ],
    "got_it": [
        "Remind me at 5 to call mum",
        call("set_reminder", {"at": "17:00", "text": "call mum"}, {"ok": True}),
        "Got it.",
    ],
    "will_do": [
        "ping me when build 8841 is through",
        call("watch_build", {"build": 8841}, {"watching": True}),
        "Will do! I'll ping you as soon as build 8841 has finished.",
    ],
    "consider_it_done": [
        "Put me down for yoga on Thursday",
        call("enroll", {"class": "yoga", "day": "Thursday"}, {"status": "enrolled", "spot": 9}),
        "Consider it done, you have spot 9.",
    ],
    "youre_in": [
        "Sign me up for the hackathon",
        call("register", {"event": "hackathon"}, {"ticket": "HK-0093"}),
        "You're in! Your ticket is HK-0093.",
    ],
    "deleted_not_recoverable": [
        "Delete file draft_v1.docx",
        call("delete_file", {"path": "draft_v1.docx"}, {"deleted": True}),
        "draft_v1.docx is deleted. Note that this cannot be undone.",
    ],
    "refund_with_warning": [
        "Refund order B-1207",
        call("refund", {"order": "B-1207"}, {"status": "refunded", "days": 5}),
        "I refunded B-1207. It does not show up right away: allow 5 days.",
    ],
    "cancelled_no_fee": [
        "Cancel my subscription",
        call("cancel_subscription", {}, {"status": "cancelled", "ends": "2026-12-31"}),
        "Your subscription is cancelled. You won't be charged again and can use it until 2026-12-31.",
    ],
    "nothing_to_pay": [
        "What do I owe on account 70071?",
        call("get_balance", {"account": "70071"}, {"due": 0}),
        "You don't owe anything on account 70071.",
    ],
    "search_without_a_match": [
        "Find me a vegan place in Bonn",
        call("search_places", {"city": "Bonn", "tag": "vegan"}, {"results": []}),
        "I couldn't find a vegan place in Bonn. Want me to look in Cologne?",
    ],
    "not_among_them": [
        "Is Petra on the team?",
        call("list_members", {}, {"members": ["Ana", "Bo", "Chen"]}),
        "No, Petra is not on the team; it is Ana, Bo and Chen.",
    ],
    "failed_asks_how_to_go_on": [
        "Book seat 12A",
        call("book_seat", {"seat": "12A"}, failed("seat taken")),
        "Seat 12A is taken. Shall I try 12C?",
    ],
    "failed_other_offered": [
        "Ship with DHL Express",
        call("ship", {"carrier": "DHL Express"}, failed("carrier not available for this destination")),
        "DHL Express does not go to this destination.",
    ],
    "failed_permission": [
        "Give Tom admin rights",
        call("grant", {"user": "tom", "role": "admin"}, failed("forbidden: needs owner")),
        "Only an owner can do that.",
    ],
    "error_object": [
        "Convert 100 XYZ to EUR",
        call("convert", {"amount": 100, "from": "XYZ"}, {"error": "unknown currency XYZ"}),
        "XYZ is an unknown currency.",
    ],
    "ok_false": [
        "Open the garage",
        call("open_door", {"door": "garage"}, {"ok": False, "reason": "blocked"}),
        "The garage door did not open, something blocks it.",
    ],
    "second_tool_instead": [
        "Text Jo that I'm late",
        call("send_sms", {"to": "Jo"}, failed("no mobile number")),
        call("send_mail", {"to": "Jo"}, {"sent": True}),
        "Jo has no mobile number on file, so I mailed instead.",
    ],
    "policy_window": [
        "I want to return SH-8810",
        call("get_order", {"id": "SH-8810"}, {"id": "SH-8810", "delivered": "2026-08-02", "days": 71}),
        "Unfortunately SH-8810 came 71 days ago, and returns end after 30.",
    ],
    "two_orders_one_open": [
        "State of P-100 and P-101?",
        together(
            call("order", {"id": "P-100"}, {"id": "P-100", "state": "shipped"}),
            call("order", {"id": "P-101"}, {"id": "P-101", "state": "pending"}),
        ),
        "P-100 is shipped, P-101 is not shipped yet, it is pending.",
    ],
    "comparison": [
        "Which of plan S and plan L is cheaper?",
        call("plans", {}, [{"name": "plan S", "price": 8}, {"name": "plan L", "price": 14}]),
        "Plan S: at 8 it is 6 below the 14 of plan L.",
    ],
    "ranked": [
        "Top scores?",
        call("scores", {}, [{"player": "Ida", "score": 991}, {"player": "Max", "score": 870}]),
        "1. Ida - 991\n2. Max - 870",
    ],
    "three_languages_mixed": [
        "Wo ist meine Bestellung DE-501?",
        call("order_status", {"order": "DE-501"}, {"status": "in_transit", "hub": "Kassel"}),
        "Ihre Bestellung DE-501 ist unterwegs, zuletzt in Kassel.",
    ],
    "german_terse": ["Licht aus im Flur", call("licht", {"raum": "Flur", "an": False}, {"an": False}), "Ist aus."],
    "german_wird": [
        "Schick mir die Unterlagen zu Vertrag V-77",
        call("send_docs", {"contract": "V-77"}, {"queued": True}),
        "Alles klar, die Unterlagen zu V-77 kommen per Mail.",
    ],
    "german_refused_polite": [
        "Bitte Termin auf Samstag legen",
        call("move", {"day": "Samstag"}, failed("closed")),
        "Das geht leider nicht, am Samstag haben wir geschlossen.",
    ],
    "german_empty": [
        "Habe ich neue Nachrichten?",
        call("inbox", {}, {"messages": []}),
        "Nein, keine neuen Nachrichten.",
    ],
    "german_no_tool": ["Danke dir!", "Gern geschehen!"],
    "german_list": [
        "Welche Filialen gibt es in Bremen?",
        call("branches", {"city": "Bremen"}, {"branches": ["Nord", "Hafen"]}),
        "Es gibt zwei: Nord und Hafen.",
    ],
    "german_asks": ["Ich brauche einen Mietwagen", "Gern. Von wann bis wann, und wo m\u00f6chten Sie ihn abholen?"],
    "german_paid": [
        "Ist Rechnung R-2020 schon bezahlt?",
        call("invoice", {"id": "R-2020"}, {"id": "R-2020", "status": "open", "amount": 310}),
        "Nein, R-2020 \u00fcber 310 Euro ist noch offen.",
    ],
    "french_terse": ["Arr\u00eate la musique", call("stop_music", {}, {"stopped": True}), "Voil\u00e0."],
    "french_value": [
        "Quel temps fait-il \u00e0 Brest ?",
        call("meteo", {"ville": "Brest"}, {"temp": 11, "ciel": "pluie"}),
        "Il fait 11 degr\u00e9s \u00e0 Brest, sous la pluie.",
    ],
    "french_no_longer": [
        "D\u00e9bloque la carte C-9981",
        call("unblock_card", {"card": "C-9981"}, {"blocked": False}),
        "La carte C-9981 n'est plus bloqu\u00e9e.",
    ],
    "french_empty": [
        "Des rendez-vous demain ?",
        call("agenda", {"jour": "demain"}, []),
        "Non, aucun rendez-vous demain.",
    ],
    "french_refused_reason": [
        "Rembourse la commande F-312",
        call("rembourser", {"commande": "F-312"}, failed("delay exceeded")),
        "Le d\u00e9lai est d\u00e9pass\u00e9, je ne peux pas rembourser F-312.",
    ],
    "french_done_passive": [
        "Supprime le fichier notes.txt",
        call("delete", {"path": "notes.txt"}, {"deleted": True}),
        "Le fichier notes.txt a bien \u00e9t\u00e9 supprim\u00e9.",
    ],
    "spanish_terse": ["Apaga la tele", call("tv", {"on": False}, {"on": False}), "Apagada."],
    "spanish_done": [
        "Cambia mi cita al martes",
        call("mover_cita", {"dia": "martes"}, {"dia": "martes", "hora": "10:30"}),
        "Tu cita queda para el martes a las 10:30.",
    ],
    "spanish_refused": [
        "Cancela el pedido ES-40",
        call("cancelar", {"pedido": "ES-40"}, failed("already shipped")),
        "El pedido ES-40 ya sali\u00f3, as\u00ed que no se puede cancelar.",
    ],
    "spanish_empty": [
        "\u00bfTengo facturas pendientes?",
        call("facturas", {"estado": "pendiente"}, []),
        "No tienes facturas pendientes.",
    ],
    "spanish_de_hecho": [
        "\u00bfEst\u00e1 activo el usuario us-19?",
        call("usuario", {"id": "us-19"}, {"id": "us-19", "estado": "activo"}),
        "S\u00ed, de hecho us-19 est\u00e1 activo.",
    ],
    "italian_done": [
        "Prenota il campo 3 per le 18",
        call("prenota", {"campo": 3, "ora": "18:00"}, {"codice": "PR-61"}),
        "Fatto! Il codice \u00e8 PR-61.",
    ],
    "italian_refused": [
        "Sposta la lezione a domenica",
        call("sposta", {"giorno": "domenica"}, failed("chiuso")),
        "Purtroppo la domenica siamo chiusi.",
    ],
    "dutch_done": [
        "Zet de wekker op 6:30",
        call("alarm", {"tijd": "06:30"}, {"tijd": "06:30"}),
        "De wekker staat op 06:30.",
    ],
    "phone_number_written_otherwise": [
        "Change my number to 0151 2345678",
        call("update_phone", {"phone": "+491512345678"}, {"updated": True}),
        "Your number is updated.",
    ],
    "id_without_its_letters": [
        "cancel order 48213 pls",
        call("cancel_order", {"order_id": "ORD-48213"}, {"status": "cancelled"}),
        "done, 48213 is cancelled",
    ],
    "id_from_a_name": [
        "Block the card of customer 55120",
        call("get_customer", {"id": 55120}, {"id": 55120, "cards": ["4410", "4411"], "main": "4411"}),
        call("block_card", {"card": "4411"}, {"blocked": True}),
        "The main card 4411 is blocked.",
    ],
    "two_named_one_first": [
        "Compare TX-11 with TX-12",
        call("get_spec", {"model": "TX-11"}, {"model": "TX-11", "watts": 400}),
        call("get_spec", {"model": "TX-12"}, {"model": "TX-12", "watts": 550}),
        "TX-12 has 550 watts, 150 more than TX-11 with its 400.",
    ],
    "self_chosen_id": [
        "Create a project like PRJ-001",
        call("create_project", {"id": "PRJ-002", "template": "PRJ-001"}, {"id": "PRJ-002"}),
        "PRJ-002 is set up with the template of PRJ-001.",
    ],
    "summary_in_own_words": [
        "What does the log say?",
        call("read_file", {"path": "app.log"}, "WARN disk 91% full\nERROR write failed\nINFO retry ok"),
        "The disk is at 91%, one write failed and then succeeded on retry.",
    ],
    "thanks_after_a_failure": [
        "Buy 3 tickets",
        call("buy", {"n": 3}, failed("only 2 left")),
        "There are only 2 left. Should I take those?",
        "yes",
        call("buy", {"n": 2}, {"order": "TK-55"}),
        "Great, both are yours: TK-55.",
    ],
    "later_question_about_a_failure": [
        "Publish post 1190",
        call("publish", {"post": 1190}, failed("title missing")),
        "I can't publish 1190 yet, its title is missing.",
        "what was missing?",
        "The title.",
    ],
}
