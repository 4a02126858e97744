"""How people write a value: the same number, date, day or state in other words, digits or languages.

Invariant: two spellings count as one value only if they cannot mean two: 1,250 may be 1250 or 1.25 and counts as
either; "12/10/2026" may be the 12th of October or the 10th of December.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from toolft_pipeline.trajectories.grounding_text import amounts, is_identifier, words

_SAME_WORDS: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split("|"))
    for line in """
monday|mon|montag|lundi|lunes|lunedì|maandag
tuesday|tue|tues|dienstag|mardi|martes|martedì|dinsdag
wednesday|wed|mittwoch|mercredi|miércoles|mercoledì|woensdag
thursday|thu|thur|thurs|donnerstag|jeudi|jueves|giovedì|donderdag
friday|fri|freitag|vendredi|viernes|venerdì|vrijdag
saturday|sat|samstag|sonnabend|samedi|sábado|sabato|zaterdag
sunday|sun|sonntag|dimanche|domingo|domenica|zondag
north|northern|norden|nord|norte|noorden|noord
south|southern|süden|süd|sud|sur|zuiden|zuid
east|eastern|osten|ost|oosten|oost
west|western|westen|ouest|oeste|ovest
open|offen|ouvert|ouverte|abierto|abierta|aperto|aperta|geopend
closed|geschlossen|fermé|fermée|cerrado|cerrada|chiuso|chiusa|gesloten
paid|settled|bezahlt|payé|payée|pagado|pagada|pagato|pagata|betaald
unpaid|unbezahlt|impayé|impayée|impagado|impagada|non pagato|non pagata|onbetaald
shipped|dispatched|versandt|verschickt|expédié|expédiée|enviado|enviada|spedito|spedita|verzonden
delivered|geliefert|zugestellt|ausgeliefert|livré|livrée|entregado|entregada|consegnato|consegnata|geleverd|bezorgd
cancelled|canceled|storniert|annulé|annulée|cancelado|cancelada|annullato|annullata|geannuleerd
received|erhalten|eingegangen|reçu|reçue|recibido|recibida|ricevuto|ricevuta|ontvangen
approved|genehmigt|approuvé|approuvée|aprobado|aprobada|approvato|approvata|goedgekeurd
rejected|abgelehnt|rejeté|rejetée|rechazado|rechazada|respinto|respinta|afgewezen
refunded|erstattet|remboursé|remboursée|reembolsado|reembolsada|rimborsato|rimborsata|terugbetaald
blocked|gesperrt|blockiert|bloqué|bloquée|bloqueado|bloqueada|bloccato|bloccata|geblokkeerd
active|aktiv|actif|active|activo|activa|attivo|attiva|actief
pending|ausstehend|en attente|pendiente|in attesa|in behandeling
new|neu|nouveau|nouvelle|nuevo|nueva|nuovo|nuova|nieuw
used|gebraucht|usagé|usado|usada|usato|usata|gebruikt
broken|kaputt|defekt|cassé|roto|rota|rotto|rotta|kapot
intact|unversehrt|intacto|intatto
gold|oro|goud
silver|silber|argent|plata|argento|zilver
high|hoch|haute|alta|hoog
low|niedrig|basse|baja|bassa|laag
morning|morgen|vormittag|matin|mañana|mattina|ochtend
noon|midday|mittag|midi|mediodía|mezzogiorno|middag
evening|abend|soir|noche|avond
eur|€|euro|euros
usd|$|dollar|dollars
gbp|£|pound|pounds
""".strip().splitlines()
)
_MONTHS = (
    "january|jan|januar|janvier|enero|gennaio|januari",
    "february|feb|februar|février|febrero|febbraio|februari",
    "march|mar|märz|mars|marzo|maart",
    "april|apr|avril|abril|aprile",
    "may|mai|mayo|maggio|mei",
    "june|jun|juni|juin|junio|giugno",
    "july|jul|juli|juillet|julio|luglio",
    "august|aug|août|agosto|augustus",
    "september|sep|sept|septembre|septiembre|settembre",
    "october|oct|oktober|octobre|octubre|ottobre",
    "november|nov|novembre|noviembre",
    "december|dec|dezember|dez|décembre|diciembre|dicembre",
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split("|")}
_MONTH = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_DATE = re.compile(
    rf"(?P<iso>\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}})"
    rf"|(?P<digits>\d{{1,2}}[-/.]\s?\d{{1,2}}[-/.]\s?(?:\d{{4}}|\d{{2}})\b)"
    rf"|(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?(?:\s|-)+(?:of |de |di )?(?P<m>{_MONTH})\b\.?"
    rf"(?:,?(?:\s|-)+(?:de |del )?(?P<y>\d{{4}}))?"
    rf"|\b(?P<m2>{_MONTH})\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y2>\d{{4}}))?"
)
_TIME = re.compile(r"(?<![\d:.])(?P<h>\d{1,2})(?:(?:[:.h](?P<m>\d{2}))(?::\d{2})?)?\s?(?P<half>[ap]\.?m\b\.?|uhr|h\b)?")

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = dict(
    zip(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], range(20, 100, 10), strict=True)
)
_SMALL = {
    0: "none|no|null|keine|keiner|keines|nichts|aucun|aucune|zéro|ninguno|ninguna|cero|nessuno|nessuna|geen|nul|nil",
    1: "ein|eine|einen|un|une|uno|una|een|single|a single",
    2: "zwei|deux|dos|due|twee|both|beide",
    3: "drei|trois|tres|tre|drie",
    4: "vier|quatre|cuatro|quattro",
    5: "fünf|cinq|cinco|cinque|vijf",
    6: "sechs|seis|sei|zes",
    7: "sieben|sept|siete|sette|zeven",
    8: "acht|huit|ocho|otto",
    9: "neun|neuf|nueve|nove|negen",
    10: "zehn|dix|diez|dieci|tien",
    11: "elf|onze|once|undici",
    12: "zwölf|douze|doce|dodici|twaalf|dozen|a dozen",
}
_WORD_NUMBERS: dict[str, int] = {
    **{word: number for number, line in _SMALL.items() for word in line.split("|")},
    **{word: number for number, word in enumerate(_UNITS)},
    **_TENS,
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_FIRST = "|".join(sorted((*_WORD_NUMBERS, *_SCALES), key=len, reverse=True))
_LATER = "|".join(sorted((*_UNITS, *_TENS, *_SCALES), key=len, reverse=True))
_WORDED = re.compile(
    rf"(?<!\w)(?:a\s(?=hundred|thousand|million))?(?:{_FIRST})(?:(?:[\s-]|\sand\s)(?:{_LATER}))*(?!\w)"
)


def conveys(text: str, value: str) -> bool:
    """Whether a plain text states a value, in any spelling."""
    return next(mentions(text, value), None) is not None


def mentions(text: str, value: str) -> Iterator[tuple[int, int]]:
    """Where a plain text states a value: begin and end of each mention."""
    phrase = " ".join(value.casefold().split())
    yield from (match.span() for match in _pattern(phrase).finditer(text))
    if wanted := amounts(phrase):
        yield from (span for span, word in _words_at(text) if word != phrase and amounts(word) & wanted)
        if phrase.isdigit():
            yield from (span for span, number in number_words(text) if number == int(phrase))
    elif phrase[:1].isdigit():
        if day := _iso_date(phrase):
            yield from (span for span, days in dates(text) if _same_day(days, day))
        elif moments := _moments(phrase):
            yield from (span for span, found in times(text) if found & moments)


def number_words(text: str) -> Iterator[tuple[tuple[int, int], int]]:
    """Numbers written as words: English ones of any size, in five other languages up to twelve."""
    for match in _WORDED.finditer(text):
        total = part = 0
        for word in re.split(r"[\s-]+", match[0]):
            if word in _SCALES:
                part = max(part, 1) * _SCALES[word]
                if word != "hundred":
                    total, part = total + part, 0
            elif word not in {"and", "a"}:
                part += _WORD_NUMBERS[word]
        yield match.span(), total + part


def dates(text: str) -> Iterator[tuple[tuple[int, int], set[tuple[int | None, int, int]]]]:
    """Dates with every (year, month, day) that they can mean; the year is None where none is written."""
    for match in _DATE.finditer(text):
        if match["iso"]:
            found = {tuple(int(part) for part in re.split(r"[-/.]", match["iso"]))}
        elif match["digits"]:
            one, two, year = (int(part) for part in re.split(r"[-/.]\s?", match["digits"]))
            year += 2000 if year < 100 else 0
            found = {(year, one, two), (year, two, one)}
        else:
            year_text = match["y"] or match["y2"]
            month, day = _MONTH_OF[match["m"] or match["m2"]], int(match["d"] or match["d2"])
            yield match.span(), {(int(year_text) if year_text else None, month, day)}
            continue
        yield match.span(), {(each[0], each[1], each[2]) for each in found}


def times(text: str) -> Iterator[tuple[tuple[int, int], set[tuple[int, int]]]]:
    """Times of day as (hour, minute), of which a bare number is none."""
    for match in _TIME.finditer(text):
        if match["m"] is None and match["half"] is None:
            continue
        hour, minute = int(match["h"]), int(match["m"] or 0)
        if match["half"] and match["half"][0] in "ap":
            hour = hour % 12 + (12 if match["half"][0] == "p" else 0)
        if hour < 24 and minute < 60:
            yield match.span(), {(hour, minute)}


@lru_cache(maxsize=4096)
def _pattern(phrase: str) -> re.Pattern[str]:
    """A phrase as whole words, in the plural too; other words for a word of the tables."""
    same = next((group for group in _SAME_WORDS if phrase in group), frozenset({phrase}))
    spelled = "|".join(_spelled(word) for word in sorted(same, key=len, reverse=True))
    return re.compile(rf"(?<![\w])(?:{spelled})(?!\w|[-/]\w)" if same == {phrase} else rf"(?<!\w)(?:{spelled})(?!\w)")


def _spelled(phrase: str) -> str:
    if is_identifier(phrase) or "@" in phrase or phrase[:1].isdigit():
        return re.escape(phrase)
    inner = r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s_-]+", phrase) if part)
    return f"{inner or re.escape(phrase)}{'(?:e?s)?' if phrase[-1:].isalpha() else ''}"


def _words_at(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    at = 0
    for word in words(text):
        at = text.find(word, at)
        if at < 0:
            return
        yield (at, at + len(word)), word
        at += len(word)


def _iso_date(phrase: str) -> date | None:
    try:
        return date.fromisoformat(phrase[:10])
    except ValueError:
        return None


def _same_day(found: set[tuple[int | None, int, int]], day: date) -> bool:
    return any((year or day.year, month, number) == (day.year, day.month, day.day) for year, month, number in found)


def _moments(phrase: str) -> set[tuple[int, int]]:
    return {moment for _, found in times(phrase) for moment in found}
