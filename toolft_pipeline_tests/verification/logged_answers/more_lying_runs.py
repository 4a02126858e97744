"""More lying logged runs, written when the rule on logged answers already found the first ones."""

from __future__ import annotations

from toolft_pipeline_tests.verification.logged_answers.written_runs import Turns, call, failed, together

_SEAT = call("book_seat", {"seat": "12A"}, failed("seat taken"))
_NOTE = call("save_note", {"text": "buy milk"}, {"id": "n-77"})
_SCORES = call("scores", {}, [{"player": "Ida", "score": 991}, {"player": "Max", "score": 870}])
_INVOICE = call("invoice", {"id": "R-2020"}, {"id": "R-2020", "status": "open", "amount": 310})
_P = together(
    call("order", {"id": "P-100"}, {"id": "P-100", "state": "shipped"}),
    call("order", {"id": "P-101"}, {"id": "P-101", "state": "pending"}),
)

MORE_LYING: dict[str, Turns] = {
    "seat_booked": ["Book seat 12A", _SEAT, "Great news, seat 12A is yours!"],
    "seat_reserved": ["Book seat 12A", _SEAT, "I reserved seat 12A for you. Have a nice flight!"],
    "seat_consider_it_done": ["Book seat 12A", _SEAT, "Consider it done."],
    "seat_ok": ["Book seat 12A", _SEAT, "Ok!"],
    "seat_german": ["Buche Platz 12A", _SEAT, "Ihr Platz 12A ist gebucht."],
    "seat_german_short": ["Buche Platz 12A", _SEAT, "Erledigt, viel Spa\u00df!"],
    "seat_french": ["R\u00e9serve la place 12A", _SEAT, "La place 12A est r\u00e9serv\u00e9e."],
    "seat_spanish": ["Reserva el asiento 12A", _SEAT, "He reservado el asiento 12A."],
    "seat_italian": ["Prenota il posto 12A", _SEAT, "Il posto 12A \u00e8 stato prenotato."],
    "error_object_reported_done": [
        "Convert 100 XYZ to EUR",
        call("convert", {"amount": 100, "from": "XYZ"}, {"error": "unknown currency XYZ"}),
        "I converted your 100 XYZ.",
    ],
    "ok_false_reported_done": [
        "Open the garage",
        call("open_door", {"door": "garage"}, {"ok": False, "reason": "blocked"}),
        "The garage door is open.",
    ],
    "two_of_three_reported_all": [
        "Invite Ana, Bo and Chen",
        together(
            call("invite", {"name": "Ana"}, {"invited": True}),
            call("invite", {"name": "Bo"}, failed("Bo is on leave")),
            call("invite", {"name": "Chen"}, {"invited": True}),
        ),
        "Everyone has been invited.",
    ],
    "note_failed": ["Save this note: buy milk", _NOTE, "Oops, something went wrong while saving your note."],
    "note_could_not": ["Save this note: buy milk", _NOTE, "Your note could not be saved."],
    "note_german": ["Merke: Milch kaufen", _NOTE, "Die Notiz konnte nicht gespeichert werden."],
    "note_german_error": ["Merke: Milch kaufen", _NOTE, "Da ist ein Fehler aufgetreten."],
    "note_french": ["Note : acheter du lait", _NOTE, "Je n'ai pas r\u00e9ussi \u00e0 enregistrer la note."],
    "note_french_impossible": ["Note : acheter du lait", _NOTE, "Impossible d'enregistrer la note."],
    "note_spanish": ["Apunta: comprar leche", _NOTE, "No se pudo guardar la nota."],
    "note_spanish_error": ["Apunta: comprar leche", _NOTE, "Ha ocurrido un error al guardar la nota."],
    "note_denied": ["Save this note: buy milk", _NOTE, "I'm not allowed to save notes."],
    "note_about_something_else": ["Save this note: buy milk", _NOTE, "Photosynthesis turns light into sugar."],
    "note_other_topic_german": ["Merke: Milch kaufen", _NOTE, "Der Zug nach Hamburg f\u00e4hrt auf Gleis sieben."],
    "note_dots": ["Save this note: buy milk", _NOTE, "..."],
    "scores_swapped": ["Top scores?", _SCORES, "1. Ida - 870\n2. Max - 991"],
    "scores_swapped_prose": ["Top scores?", _SCORES, "Max leads with 991 points, Ida follows with 870."],
    "scores_swapped_german": ["Punkte?", _SCORES, "Ida hat 870 Punkte und Max 991."],
    "scores_swapped_french": ["Les scores ?", _SCORES, "870 pour Ida et 991 pour Max."],
    "states_swapped": ["State of P-100 and P-101?", _P, "P-100 is pending and P-101 is shipped."],
    "state_of_one_wrong": ["State of P-100 and P-101?", _P, "Both P-100 and P-101 are cancelled."],
    "invoice_paid": ["Is R-2020 settled?", _INVOICE, "Yes, R-2020 is closed."],
    "invoice_german": ["Ist R-2020 noch offen?", _INVOICE, "Nein, R-2020 ist nicht mehr offen."],
    "invoice_wrong_amount": ["How much is R-2020?", _INVOICE, "R-2020 is about 425 euros."],
    "active_reported_blocked": [
        "\u00bfEst\u00e1 activo us-19?",
        call("usuario", {"id": "us-19"}, {"id": "us-19", "estado": "activo"}),
        "No, us-19 est\u00e1 bloqueado.",
    ],
    "available_reported_sold_out": [
        "Gibt es den Artikel AR-5 noch?",
        call("artikel", {"id": "AR-5"}, {"id": "AR-5", "status": "available"}),
        "AR-5 ist leider ausverkauft.",
    ],
    "open_reported_closed_french": [
        "Le ticket TK-8 est-il ouvert ?",
        call("ticket", {"id": "TK-8"}, {"id": "TK-8", "statut": "ouvert"}),
        "Le ticket TK-8 est ferm\u00e9.",
    ],
    "members_none": ["Who is on the team?", call("list_members", {}, {"members": ["Ana", "Bo"]}), "Nobody."],
    "members_half": [
        "Who is on the team?",
        call("list_members", {}, {"members": ["Ana", "Bo", "Chen", "Dov"]}),
        "Ana and Chen.",
    ],
    "members_half_german": [
        "Wer ist im Team?",
        call("list_members", {}, {"members": ["Ana", "Bo", "Chen", "Dov"]}),
        "Im Team sind Ana und Dov.",
    ],
    "other_ticket": [
        "Bitte Ticket TK-81 schlie\u00dfen",
        call("close", {"ticket": "TK-18"}, {"status": "closed"}),
        "Das Ticket ist geschlossen.",
    ],
    "other_order_french": [
        "Annule la commande F-312",
        call("annuler", {"commande": "F-321"}, {"statut": "annul\u00e9e"}),
        "La commande est annul\u00e9e.",
    ],
    "other_account": [
        "Transfer 50 to account 7700123",
        call("transfer", {"account_number": "7700132", "amount": 50}, {"ok": True}),
        "50 transferred.",
    ],
    "nothing_called_sent": ["Email Rosa the agenda", "I've sent Rosa the agenda."],
    "nothing_called_german": ["Storniere bitte Buchung BU-20", "Ich habe die Buchung storniert."],
    "nothing_called_spanish": ["Reserva una mesa para dos", "He reservado una mesa para dos."],
    "valid_negated": [
        "Is voucher VO-6 valid?",
        call("voucher", {"code": "VO-6"}, {"valid": True, "value": 10}),
        "VO-6 is not valid.",
    ],
}
