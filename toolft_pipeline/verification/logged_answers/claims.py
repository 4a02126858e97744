"""What a logged answer claims, clause by clause: success, failure, that nothing was found, a question.

Invariant: only declared forms decide, those of `polarity` and the ones below. Politeness ("no problem", "sorry to hear
that") and "no longer" deny nothing. An interjection ("Sorry, ...") belongs to the clause that it opens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms
from toolft_pipeline.verification.answers.polarity import polarity

_REGRETS = (
    r"sorry|apolog\w+|unfortunately|regret\w*|(?:i'm|i am|we're|we are) afraid|leider|tut mir leid|entschuldig\w+"
    r"|d\u00e9sol\u00e9e?s?|malheureusement|lo siento|lamentablemente|desafortunadamente|lamento|mi dispiace|"
    r"purtroppo|helaas"
)
"""Words that come with a failure, and with a correction or a delay as well."""
_FAILURES = (
    # English
    r"cannot|unable|impossible|not possible|not able|(?:can|could|did|does|do|won)(?:n?['\u2019]?t| not)|"
    r"fail(?:s|ed|ure)?"
    r"|went wrong|error|not (?:be )?(?:done|found|worked|completed|successful|carried out)|no luck|refused"
    r"|not (?:allowed|permitted|authori[sz]ed)|no (?:permission|access)|left .{0,40}?\b(?:untouched|unchanged)"
    # German
    r"|konnten? .{0,80}?\bnicht|kann .{0,60}?\bnicht|fehler|fehlgeschlagen|unm\u00f6glich|keine?n? (?:zugriff|"
    r"zugang|berechtigung)"
    r"|nicht (?:m\u00f6glich|gefunden|erledigt|geklappt|geschafft|gelungen|funktioniert)|funktioniert .{0,20}?\bnicht"
    # French
    r"|impossible|\u00e9chou\u00e9\w*|\u00e9chec|erreur|n['\u2019](?:ai|avons|a|ont) (?:pas|rien)|pas (?:pu|fait|"
    r"possible|acc\u00e8s|r\u00e9ussi|fonctionn\u00e9)"
    r"|ne (?:peux|peut|pouvons|marche|fonctionne|parviens|parvient) (?:\w+ )?(?:pas|\u00e0)"
    # Spanish
    r"|no (?:\w+ )?(?:he|hemos|ha|se ha) podido|no (?:se )?(?:puedo|puede|podemos|pude|pudo|pudimos|tengo "
    r"(?:acceso|permiso))"
    r"|no (?:fue|es|ha sido) posible|no (?:encuentro|encontr\u00e9|funcion\u00f3)|imposible|fall\u00f3|fallado"
    # Italian, Dutch
    r"|impossibile|errore|non (?:posso|possiamo|ho potuto|\u00e8 stato possibile|\u00e8 riuscito|ha funzionato)"
    r"|(?:kon|kan) .{0,60}?\bniet|mislukt|onmogelijk|niet gelukt"
)
_NEGATIONS = (
    r"not|\w+n['\u2019]t|isnt|never|no|none|nothing|nobody|without|neither|nope"
    r"|nicht|kein\w*|nie|nichts|ohne|pas|jamais|rien|aucune?s?|sans|sin|nunca|nada|ning[u\u00fa]n\w*"
    r"|non|nessun\w*|niente|nulla|mai|niet|geen|niets|nooit"
)
_EMPTY = (
    r"^\W*(?:no|nope|none|nothing|nobody|keine?r?|nichts|aucune?|rien|ninguno?a?|nada|nessun\w*|niente|geen|niets)\W*$"
    r"|(?:there (?:is|are|were|was)(?: currently)?|i (?:see|find|found)|you have|has|have|found) (?:no|none|nothing)\b"
    r"|\bno (?:\w+ ){0,3}(?:found|exists?|available|matching|matche[sd])\b|\bnothing (?:new|found|there|open|"
    r"matches)\b"
    r"|\bkeine? (?:\w+ ){0,3}(?:gefunden|vorhanden|offen\w*)|\b(?:es gibt|gibt es|habe|haben|hast|sind) (?:\w+ "
    r"){0,3}?keine?|\bnichts (?:gefunden|neues|da)"
    r"|\b(?:not|n['\u2019]t) (?:\w+ ){0,2}any\b|\bil n'y a (?:\w+ )?(?:pas|aucun|rien)|\bpas d(?:e |['\u2019])|"
    r"\baucune? \w+|\bno hay\b|\bning[u\u00fa]n\w* \w+|\bnon (?:c'\u00e8|ci sono)\b"
)
_POLITE = re.compile(
    r"\bno (?:problem|worries|trouble|need|further|more action|extra|charge|fees?|costs?|hurry|matter)\b"
    r"|\bnothing (?:else|more|further)\b|\bnot (?:only|just)\b|\bkein problem\b|\bpas de (?:probl\u00e8me|souci)\b"
    r"|\bsin (?:problema|coste|cargo)s?\b|\bdon['\u2019]?t (?:worry|hesitate|forget|have to|need)\b"
    r"|\bcan['\u2019]?t wait\b|\bwhy not\b|\bde hecho\b"
    r"|\b(?:so |very |really )*sorry (?:to hear|for|about|that (?:you|it|the|your))\b|\bapolog\w+ (?:for|about)\b"
    r"|\bsorry you\b|\btut mir leid, dass\b|\bd\u00e9sol\u00e9e? (?:pour|que|d'apprendre|de l)\b"
    r"|\b(?:lamento|siento) (?:que|el|la|mucho que|las|los)\b|\bentschuldig\w+ (?:f\u00fcr|die|bitte die)\b"
    r"|\bmi dispiace (?:che|per)\b|\bsorry voor\b",
    re.IGNORECASE,
)
_NO_LONGER = re.compile(
    r"\bno longer\b|\b(?:not|\w+n['\u2019]t) (?:[\w-]+ ){0,4}?any ?more\b|\bnicht (?:l\u00e4nger|mehr)\b"
    r"|\bkein\w* (?:\w+ )?mehr\b|\b(?:ne|n['\u2019])\s?(?:\w+ ){1,2}plus\b|\bya no\b|\bnon (?:\w+ )?pi\u00f9\b|"
    r"\bniet meer\b"
    r"|\b(?:will|won['\u2019]t|wo) ?(?:not )?be (?:charged|billed|renewed|disturbed|contacted)\b",
    re.IGNORECASE,
)
_BARE_NO = re.compile(r"^\W*(?:no|nope|nein|non|nee)\s*[,.:;!\u2014-]", re.IGNORECASE)
_INTERJECTION = re.compile(
    r"^\W*(?:i['\u2019]?m |i am |so |we['\u2019]?re )?(?:very |so |really )?(?:sorry|afraid|unfortunately|"
    r"apologies|no|oops|leider|entschuldigung|"
    r"d\u00e9sol\u00e9e?|malheureusement|non|lo siento|lamentablemente|desafortunadamente|purtroppo|mi dispiace|"
    r"helaas|"
    r"tut mir leid|nein|nee)\W*$",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\b(?:if|let me know|should you|feel free|anything else|would you|do you|please|unless|falls|wenn|sag|"
    r"n'h\u00e9sitez|"
    r"si vous|si tu|si necesita|si quieres|si desea|se hai|se vuoi)\b",
    re.IGNORECASE,
)
_SPLIT = re.compile(
    r"[.!;\n]+(?=\s|$)|(?<=\?)\s|:\s|,\s|\s[\u2014\u2013-]\s|\s(?:but|however|so|aber|mais|pero|ma|maar|because|since|"
    r"weil|denn|car|porque|and (?:so|i|the|it)|then)\s",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What an answer claims; several may hold."""

    done: bool
    """A clause claims success and neither a failure nor a negation."""
    opens_done: bool
    """The answer opens with a claim of success that can mean nothing else."""
    acted: bool
    """A clause claims an act that only a tool can carry out."""
    failed: bool
    """A clause claims a failure or regrets something, by more than a negation."""
    broken: bool
    """A clause claims a failure by more than regret: "sorry, my mistake" corrects, "could not" fails."""
    denied: bool
    """A clause holds a failure, a refusal or a negation."""
    empty: bool
    """A clause says that nothing was found."""
    asks: bool
    """It asks something."""


@lru_cache(maxsize=4096)
def read_claims(text: str, forms: AnswerForms = BUILT_IN) -> Claims:
    """Read the claims of an answer."""
    read = [clause for clause in clauses(text) if not _ASIDE.search(clause)]
    plain = [clause for clause in (_NO_LONGER.sub(" ", _POLITE.sub(" ", clause)) for clause in read) if clause.strip()]
    own = [polarity(clause, forms) for clause in plain]
    carried_out = [each.done or bool(_CARRIED_OUT.search(clause)) for clause, each in zip(plain, own, strict=True)]
    failing = [bool(_FAILED.search(clause)) for clause in plain]
    denying = [
        fails or each.refused or bool(_NEGATED.search(clause))
        for clause, each, fails in zip(plain, own, failing, strict=True)
    ]
    done = [yes and not no for yes, no in zip(carried_out, denying, strict=True)]
    return Claims(
        done=any(done) or any(_NO_LONGER.search(clause) and not _FAILED.search(clause) for clause in read),
        opens_done=opens_done(text),
        acted=any(
            _ACTED.search(clause) and not no and not is_open(clause) for clause, no in zip(plain, denying, strict=True)
        ),
        failed=any(failing),
        broken=any(_BROKEN.search(clause) for clause in plain),
        denied=any(denying),
        empty=any(_NOTHING.search(clause) for clause in plain),
        asks="?" in text and any("?" in clause for clause in clauses(text) if not _OFFER.search(clause)),
    )


def may_deny(text: str) -> bool:
    """Whether an answer in lower case has a word without which it claims no failure, denies nothing and asks nothing;
    it is the quick way past `read_claims` for most answers."""
    return "?" in text or any(
        word in _DENYING or word[:5] in _DENYING_STEMS or word.endswith(_NOT) for word in _WORD.findall(text)
    )


def opens_done(text: str) -> bool:
    """Whether an answer opens with a claim of success that can mean nothing else."""
    return bool(_OPENS_DONE.search(text))


def clauses(text: str) -> list[str]:
    """The clauses of an answer; an interjection stays with the next one."""
    found: list[str] = []
    for clause in _SPLIT.split(text):
        if not clause.strip():
            continue
        if found and _INTERJECTION.match(found[-1]):
            found[-1] = f"{found[-1]}, {clause}"
        else:
            found.append(clause)
    return found


def is_denied(clause: str) -> bool:
    """Whether a clause negates what it states; "no longer" negates it too."""
    return bool(_NEGATED.search(_POLITE.sub(" ", _BARE_NO.sub("", clause))))


def is_open(clause: str) -> bool:
    """Whether a clause states nothing: a question, a condition, a possibility, a wish."""
    return "?" in clause or bool(_OPEN.search(clause))


def _words(forms: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{forms})(?!\w)", re.IGNORECASE)


_WORD = re.compile(r"\w+(?:['\u2019]t)?")
_NOT = ("n't", "n\u2019t", "nt")
_DENYING_TEXT = (
    "sorry afraid cannot unable wrong error errors not luck refused never no none nothing nobody without neither "
    "nope untouched unchanged leid nicht nie nichts ohne kein keine keinen keiner keinem keines n ne pas jamais "
    "rien sans sin nunca nada non mai niet geen niets nooit isnt untrue"
)
_DENYING = frozenset(_DENYING_TEXT.split())
_DENYING_STEMS_TEXT = (
    "apolo unfor regre impos possi faile fails failu leide entsc fehle fehlg unm\u00f6g konnt d\xe9sol malhe "
    "\xe9chou \xe9chec "
    "erreu aucun sient lamen desaf falla fall\xf3 ning\xfa ningu dispi purtr nessu nient nulla helaa misl mislu onmog "
    "can't couldn declin denied rejec deny unsuc stimm"
)
_DENYING_STEMS = frozenset(_DENYING_STEMS_TEXT.split())
_FAILED = _words(f"{_REGRETS}|{_FAILURES}")
_BROKEN = _words(_FAILURES)
_NEGATED = _words(_NEGATIONS)
_NOTHING = re.compile(_EMPTY, re.IGNORECASE)
_OPENS_DONE = re.compile(
    r"^\W*(?:(?:ok|okay|alright|great|sure|yes|ja|oui|s\u00ed|s\u00ec)\W+)?(?:all )?(?:it['\u2019]?s |"
    r"that['\u2019]?s )?"
    r"(?:done|erledigt|c'est fait|hecho|listo|fatto|gedaan|all set)\b",
    re.IGNORECASE,
)
_CARRIED_OUT = _words(
    r"(?:ist|sind|wurden?|worden|habe|haben|hat) .{0,60}?\w{2,}(?:iert|ieren)|storniert|\w+iert"
    r"|(?:est|sont|a|ont|ai|avons) .{0,30}?\w+(?:\u00e9e?s?|is|ise|it|ite|ert|u|ue)"
    r"|(?:queda|qued\u00f3|est\u00e1n?|he|hemos|ha|se ha|fue|fueron) (?:\w+ ){0,2}?\w+(?:ad[oa]s?|id[oa]s?|ho|to)"
)
_ACTED = _words(
    r"(?:i|i've|we|we've|has been|have been|is|are|was|were|got|now) (?:just |now |already )?(?:sent|booked|cancel+ed|"
    r"reserved|assigned|deleted|transferred|refunded|scheduled|switched|turned (?:on|off))"
    r"|(?:wurden?|habe|ist|sind) .{0,60}?(?:gesendet|verschickt|gebucht|storniert|erstellt|gel\u00f6scht|"
    r"\u00fcberwiesen|reserviert)"
    r"|(?:ai|a \u00e9t\u00e9|est|sont) (?:\w+ )?(?:envoy|r\u00e9serv|annul|cr\u00e9|supprim|transf\u00e9r)\u00e9e?s?"
    r"|(?:he|hemos|ha sido|han sido|est\u00e1) (?:\w+ )?(?:enviad|reservad|cancelad|cread|eliminad|transferid)[oa]s?"
)
_OFFER = re.compile(
    r"\b(?:how (?:can|may) i|wie kann ich|comment puis-je|que puis-je|en qu\u00e9 puedo|c\u00f3mo puedo|anything "
    r"else|something else|what else|sonst noch|autre chose|algo m\u00e1s|altro|nog iets|more help)\b",
    re.IGNORECASE,
)
_OPEN = _words(
    r"if|once|until|unless|when|can|could|would|should|may|might|must|before|after|whether|let me know|to be|"
    r"will|by|expected|estimated|tomorrow|soon"
    r"|falls|wenn|sobald|bis|kann|k\u00f6nnen|k\u00f6nnte|soll\w*|m\u00fcss\w*|ob|wird|werden|voraussichtlich|"
    r"morgen|bald"
    r"|si|quand|lorsque|d\u00e8s que|peut|peux|pouvez|faut|sera|cuando|hasta|puede\w*|debe|ser\u00e1"
    r"|se|quando|finch\u00e9|pu\u00f2|als|zodra|kan|moet"
)
