"""Status words that exclude each other, in several languages, and flags, compared with what the results say.

Invariant: an answer contradicts a result only by a clause that states something (no question, condition or
possibility), and only if no clause states what the result says. Words are compared by what they mean: "offen" says
`open`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from toolft_pipeline.trajectories.grounding_text import leaves
from toolft_pipeline.trajectories.tool_failure import ERROR_PREFIX
from toolft_pipeline.verification.logged_answers.claims import clauses, is_denied, is_open
from toolft_pipeline.verification.logged_answers.logged_turns import LoggedCall, LoggedTurn

_WORDS = {
    "open": "open|unresolved|offen|ouverte?s?|abiert[oa]s?|apert[oaie]",
    "closed": "closed|resolved|solved|geschlossen|erledigt|ferm\u00e9e?s?|cl\u00f4tur\u00e9e?s?|cerrad[oa]s?|"
    "chius[oaie]|gesloten",
    "active": "active|aktiv|actifs?|actives?|activ[oa]s?|attiv[oaie]|actief",
    "inactive": "inactive|deactivated|suspended|inaktiv|inactifs?|inactiv[oa]s?|inattiv[oaie]",
    "blocked": "blocked|banned|gesperrt|blockiert|bloqu\u00e9e?s?|bloquead[oa]s?|bloccat[oaie]|geblokkeerd",
    "paid": "paid|settled|bezahlt|beglichen|pay\u00e9e?s?|r\u00e9gl\u00e9e?s?|pagad[oa]s?|pagat[oaie]|betaald",
    "unpaid": "unpaid|outstanding|overdue|unbezahlt|offen|impay\u00e9e?s?|impagad[oa]s?|non pagat[oaie]|onbetaald",
    "shipped": "shipped|dispatched|in transit|on (?:its|the) way|versandt|verschickt|exp\u00e9di\u00e9e?s?|"
    "enviad[oa]s?|spedit[oaie]|verzonden",
    "delivered": "delivered|arrived|zugestellt|geliefert|livr\u00e9e?s?|entregad[oa]s?|consegnat[oaie]|bezorgd",
    "cancelled": "cancel+ed|storniert|annul\u00e9e?s?|cancelad[oa]s?|anulad[oa]s?|annullat[oaie]|geannuleerd",
    "confirmed": "confirmed|best\u00e4tigt|confirm\u00e9e?s?|confirmad[oa]s?|confermat[oaie]|bevestigd",
    "approved": "approved|accepted|granted|genehmigt|approuv\u00e9e?s?|accept\u00e9e?s?|aprobad[oa]s?|"
    "approvat[oaie]|goedgekeurd",
    "rejected": "rejected|declined|denied|refused|abgelehnt|refus\u00e9e?s?|rejet\u00e9e?s?|rechazad[oa]s?|"
    "rifiutat[oaie]|afgewezen",
    "pending": "pending|in review|ausstehend|en attente|pendientes?|in attesa",
    "enabled": "enabled|switched on|turned on|aktiviert|activ\u00e9e?s?|activad[oa]s?|abilitat[oaie]|ingeschakeld",
    "disabled": "disabled|switched off|turned off|deaktiviert|d\u00e9sactiv\u00e9e?s?|desactivad[oa]s?|"
    "disabilitat[oaie]|uitgeschakeld",
    "available": "available|in stock|free|verf\u00fcgbar|auf lager|frei|disponibles?|libres?|disponibil[ei]|"
    "beschikbaar",
    "unavailable": "unavailable|out of stock|sold out|booked out|ausverkauft|ausgebucht|indisponibles?|"
    "\u00e9puis\u00e9e?s?|agotad[oa]s?|esaurit[oaie]|uitverkocht",
    "locked": "locked|verriegelt|verrouill\u00e9e?s?|cerrad[oa] con llave",
    "unlocked": "unlocked|entriegelt|entsperrt|d\u00e9verrouill\u00e9e?s?|desbloquead[oa]s?",
    "valid": "valid|g\u00fcltig|valides?|valable|v\u00e1lid[oa]s?|valid[oaie]|geldig",
    "invalid": "invalid|expired|ung\u00fcltig|abgelaufen|expir\u00e9e?s?|p\u00e9rim\u00e9e?s?|caducad[oa]s?|"
    "vencid[oa]s?|scadut[oaie]|verlopen",
    "running": "running|l\u00e4uft|en cours|en marcha|in esecuzione",
    "stopped": "stopped|paused|down|gestoppt|angehalten|pausiert|arr\u00eat\u00e9e?s?|detenid[oa]s?|pausad[oa]s?|"
    "ferm[oa]",
    "online": "online|en ligne|en l\u00ednea",
    "offline": "offline|hors ligne|desconectad[oa]s?",
    "public": "public|\u00f6ffentlich|publique?s?|p\u00fablic[oa]s?",
    "private": "private|privat|priv\u00e9e?s?|privad[oa]s?",
    "delayed": "delayed|late|versp\u00e4tet|retard\u00e9e?s?|en retard|retrasad[oa]s?|in ritardo|vertraagd",
    "punctual": "on time|punctual|p\u00fcnktlich|\u00e0 l'heure|a tiempo|puntual(?:es)?|in orario|op tijd",
    "succeeded": "succeeded|successful|passed|erfolgreich|bestanden|r\u00e9ussie?s?|exitos[oa]s?",
    "failed": "failed|fehlgeschlagen|\u00e9chou\u00e9e?s?|fallid[oa]s?|fallit[oaie]|mislukt",
    "draft": "draft|entwurf|brouillon|borrador|bozza",
    "published": "published|ver\u00f6ffentlicht|publi\u00e9e?s?|publicad[oa]s?",
}
_OPPOSED = (
    ("open", "closed"),
    ("active", "inactive blocked"),
    ("paid", "unpaid"),
    ("shipped", "cancelled delivered"),
    ("delivered", "cancelled shipped"),
    ("confirmed", "cancelled rejected pending"),
    ("approved", "rejected pending"),
    ("rejected", "pending"),
    ("enabled", "disabled"),
    ("available", "unavailable"),
    ("locked", "unlocked"),
    ("valid", "invalid"),
    ("running", "stopped failed"),
    ("online", "offline"),
    ("public", "private"),
    ("delayed", "punctual"),
    ("succeeded", "failed"),
    ("draft", "published"),
)
_GENERAL_FLAGS = frozenset({"success", "ok", "error", "found", "result", "done", "status", "succeeded", "changed"})
_SHORTEST_FLAG = 4


def status_contradiction(turn: LoggedTurn, text: str) -> str | None:
    """A sentence on the first clause that contradicts a status or a flag of the turn's results, if any.

    `text` is the answer in lower case.
    """
    statuses = set(_statuses(turn)) if _ANY_STATUS.search(text) else set()
    flagged = any("true" in call.result or "false" in call.result for call in turn.successes)
    flags = dict(_flags(turn)) if flagged else {}
    if not statuses and not flags:
        return None
    stated = [clause.casefold() for clause in clauses(turn.answer) if not is_open(clause)]
    return _by_status(statuses, stated) or _by_flag(flags, stated)


def reason_contradiction(turn: LoggedTurn, *, failures: Sequence[LoggedCall]) -> str | None:
    """A sentence on the first clause that contradicts the status that a failure names as its reason, if any."""
    stated = [clause.casefold() for clause in clauses(turn.answer) if not is_open(clause)]
    for call in failures:
        reasons = [clause.casefold() for clause in clauses(call.result.removeprefix(ERROR_PREFIX))]
        for status in (name for name, words in _WORDS.items() if any(_pattern(words).search(each) for each in reasons)):
            own = _pattern(_WORDS[status])
            given = {is_denied(clause) for clause in reasons if own.search(clause)}
            claimed = {is_denied(clause) for clause in stated if own.search(clause)}
            if claimed and not claimed & given:
                return f"it says the opposite of {call.result[:80]!r}"
            others = [each for each in _opposites(status) if not any(_pattern(_WORDS[each]).search(r) for r in reasons)]
            for clause in stated if not claimed and len(given) == 1 else ():
                other = next((each for each in others if _predicate(_WORDS[each]).search(clause)), None)
                if other is not None and {is_denied(clause)} == given:
                    return f"it says {other!r}, but the call failed with {call.result[:80]!r}"
    return None


def _by_status(statuses: set[str], stated: list[str]) -> str | None:
    for status in sorted(statuses):
        own = _pattern(_WORDS[status])
        if any(own.search(clause) and not is_denied(clause) for clause in stated):
            continue
        opposites = _opposites(status) - statuses
        for clause in stated:
            denied = is_denied(clause)
            if denied and own.search(clause):
                return f"it denies {status!r}, but a result says so"
            other = next((each for each in sorted(opposites) if _predicate(_WORDS[each]).search(clause)), None)
            if other is not None and not denied:
                return f"it says {other!r}, but a result says {status!r}"
    return None


def _by_flag(flags: dict[str, bool | None], stated: list[str]) -> str | None:
    for name, value in flags.items():
        if value is None:
            continue
        pattern = _predicate(rf"{re.escape(name[:-1] if name.endswith('e') else name)}\w{{0,3}}")
        claimed = [not is_denied(clause) for clause in stated if pattern.search(clause)]
        if claimed and value not in claimed:
            opposite, said = ("false", "true") if value else ("true", "false")
            return f"it says {name!r} is {opposite}, but a result says {said}"
    return None


def _statuses(turn: LoggedTurn) -> Iterator[str]:
    """The meanings of all one-word values of the results, and of the arguments of calls that succeeded."""
    for call in turn.successes:
        for value in (call.value, call.arguments if call.writes else None):
            for _, scalar, _ in leaves(value, {}):
                if isinstance(scalar, str) and len(scalar) <= 20 and (meaning := _meaning(scalar.casefold())):
                    yield meaning


def _flags(turn: LoggedTurn) -> Iterator[tuple[str, bool | None]]:
    """Truth values of the results by name; None where a name has both."""
    found: dict[str, bool | None] = {}
    for call in turn.successes:
        for name, value, _ in leaves(call.value, {}):
            word = name.casefold().removeprefix("is_").removeprefix("has_").replace("_", " ")
            if isinstance(value, bool) and len(word) >= _SHORTEST_FLAG and word not in _GENERAL_FLAGS:
                found[word] = value if found.get(word, value) == value else None
    yield from found.items()


@lru_cache(maxsize=8192)
def _meaning(value: str) -> str | None:
    text = value.replace("_", " ").strip()
    if not _ANY_STATUS.fullmatch(text):
        return None
    return next((name for name, words in _WORDS.items() if re.fullmatch(words, text)), None)


@lru_cache
def _opposites(status: str) -> frozenset[str]:
    found = {other for one, others in _OPPOSED if one == status for other in others.split()}
    return frozenset(found | {one for one, others in _OPPOSED if status in others.split()})


@lru_cache(maxsize=1024)
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


@lru_cache(maxsize=1024)
def _predicate(words: str) -> re.Pattern[str]:
    """The words where a clause says them of something: after a form of "to be", first, or last. "The next open day is
    Monday" calls nothing open."""
    be = r"is|are|was|were|been|be|now|still|both|'s|isn't|aren't|ist|sind|war|est|sont|son|est\u00e1n?|es|\u00e8|sono"
    return re.compile(
        rf"(?<!\w)(?:{be})(?: [^\s]+){{0,3}}? (?:{words})(?!\w)|^\W*(?:{words})(?!\w)|(?<!\w)(?:{words})\W*$"
    )


_ANY_STATUS = _pattern("|".join(_WORDS.values()))
