"""How people greet, thank and chat in German, around a request (@), and how they say the desk's values."""

MANNERS = (
    "@", "@", "Hallo, @", "Hi, @", "Bitte: @", "Kurze Frage: @", "@ Danke.", "@ Vielen Dank.", "Guten Morgen. @",
    "@ Es eilt.", "Moin! @", "Guten Tag. @", "Noch etwas: @", "Und das: @", "Ich brauche Hilfe. @", "@ Danke dir!",
)  # fmt: skip
SMALL_TALK = (
    "Entschuldige die Störung an so einem Tag.",
    "Ich habe hier jemanden am Telefon, der ungeduldig wird.",
    "Mein Bildschirm spinnt, deshalb schreibe ich.",
    "Ich bin erst seit einer Woche hier.",
    "Der Chef steht schon hinter mir.",
)
HELD_MANNERS = ("@", "@", "Servus, @", "Guten Abend. @", "@ Besten Dank.", "Eins noch: @", "@ Tschüss.")
HELD_SMALL_TALK = ("Die Kasse streikt und die Schlange ist lang.", "Ich habe bis fünf eine Antwort versprochen.")

VALUES = {
    "monday": "Montag", "tuesday": "Dienstag", "wednesday": "Mittwoch", "thursday": "Donnerstag", "friday": "Freitag",
    "saturday": "Samstag", "morning": "morgens", "noon": "mittags", "evening": "abends",
    "damaged": "beschädigt", "late": "zu spät", "unwanted": "unerwünscht", "wrong": "falsch",
    "low": "niedrig", "normal": "mittel", "high": "hoch", "email": "E-Mail", "sms": "SMS", "letter": "Brief",
    "card": "Karte", "cash": "bar", "transfer": "Überweisung", "fraud": "Betrug", "chargeback": "Rückbuchung",
    "abuse": "Missbrauch", "intact": "unversehrt", "used": "gebraucht", "broken": "kaputt",
    "refund": "Erstattung", "exchange": "Umtausch", "repair": "Reparatur",
    "solved": "gelöst", "duplicate": "doppelt", "rejected": "abgelehnt", "first": "erste", "second": "zweite",
}  # fmt: skip
