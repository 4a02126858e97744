"""The built-in forms by which answers claim success, refuse, negate and ask, in six languages.

Invariant: a form a line, below its language; an indented line continues the one before (four spaces are its margin).
{participle} and {adverb} stand for the English ones.
"""

from __future__ import annotations

from toolft_pipeline.verification.answers.forms import forms_of

CLEAR_DONE = forms_of(r"""
[en]
(?:it(?:'s| is)|that(?:'s| is)|this is|everything(?:'s| is)?|all|consider (?:it|that)|and|^\W*|^\W*\w+,? )done
(?:it|that|this|everything|all) (?:has |have )?(?:been )?(?:worked|done|completed|went through|
    taken care of)(?! (?:for|by|with|before))
(?:you(?:'re| are)|it(?:'s| is)|all|everything(?:'s| is)?) (?:all )?(?:set|sorted|ready|arranged)
^\W*sorted|(?:taken|took) care of|success(?:ful|fully)?|mission accomplished
[de]
erledigt|fertig|geschafft|(?:hat )?geklappt|erfolgreich
[fr]
c'est fait
^\W*(?:voilà, )?fait|terminée?s?|réussi|avec succès
[es]
hecho
^\W*listo|completad[oa]s?|con éxito
[it]
fatto|completat[oaie]|con successo
[nl]
gedaan|klaar|gelukt|geregeld|voltooid
""")
"""Claims of success that can mean nothing else."""

DONE = forms_of(r"""
[en]
(?:i|we|i've|we've|i have|we have|i went ahead and|he|she|they) (?:{adverb} )*{participle}
(?:is|are|was|were|been|be|gets?|got|'s|it's|that's|has|have|now|will be) (?:{adverb} )*{participle}
^\W*(?:{adverb} )*{participle}|(?:and|,) (?:{adverb} )*{participle}|{participle}\W*$
^\W*(?:[\w-]+ ){1,2}{participle}(?! by)|{participle},
(?:is|are|it's|they're) (?:now |all )?(?:on (?:its|their|the) way|in(?: the system)?|out|gone|live|
    up|off|open|in place|on order|void|free|active|with|over)
(?:goes|go|went|belongs?|comes?) (?:straight |right )?(?:back |over |out |through )?(?:to|through)
(?:can|may) (?:now |once more )?\w+ (?:\w+ )?(?:again|now)|(?:has|have) (?:it|them|[\w-]+) now
(?:took|takes?|taking) (?:\w+ )?(?:over|care)|(?:here is|here's) your new|there(?:'s| is| are) now
(?:now|new|from now on|effective immediately|as requested|as you asked)
[de]
(?:ist|sind|wurde|wurden|habe|haben|hat|worden|bekommen|jetzt|nun) .{0,80}?\b(?:\w+ge|ge)\w+(?:t|en|n)
(?:ist|sind|wurde|wurden|habe|haben|hat) .{0,80}?\b(?:ver|er|be|zu|ent|zer|um|unter|über|wieder)\w+(?:t|en)
(?:ist|sind|wurde|wurden|habe|haben|hat) .{0,80}?\w+iert
^\W*(?:[\w-]+ ){1,4}(?:\w{2,4})?(?:ge|ver|be|er|ent)\w+(?:t|en)\W*$
(?:ist|sind) (?:raus|drin|weg|unterwegs|jetzt|nun|ab sofort)
^\W*(?:\w+iert|(?:\w{2,4})?ge\w+(?:t|en)|(?:ver|er|be|ent)\w+(?:t|en))\W*$
(?:jetzt|nun|ab sofort|wie gewünscht)
[fr]
(?:est|sont|a été|ont été|ai|j'ai|avons|a|ont|était) (?:\w+ ){0,2}?\w+(?:ée?s?|is?e?s?|ie?s?|ue?s?|it|erte?s?)
^\W*\w+ée?s?\W*$
(?:désormais|maintenant|comme demandé|en route)
[es]
(?:ha sido|han sido|he|hemos|ha|han|está|están|quedó|quedaron|qued[oa]|fue|fueron|
    ya está) (?:\w+ ){0,2}?\w+(?:ad[oa]s?|id[oa]s?|iert[oa]s?|est[oa]s?|ech[oa]s?|rit[oa]s?)
^\W*\w+(?:ad|id|iert)[oa]s?\W*$
(?:ahora|como pidió|de inmediato|en camino)
[it]
(?:è stat[oa]|sono stat[ie]|è|sono|ho|abbiamo|ha) (?:\w+ ){0,2}?\w+(?:at[oaie]|it[oaie]|ut[oaie]|
    ert[oaie]|ess[oaie]|ost[oaie])
^\W*\w+(?:at|it|ut|ert|ess)[oaie]\W*$
(?:adesso|ora|come richiesto|in arrivo)
[nl]
(?:is|zijn|heb|hebben|heeft|werd|werden|staat|staan) .{0,80}?\b(?:\w{2,4})?ge\w+
(?:is|zijn|heb|hebben|heeft|werd|werden) .{0,80}?\b(?:ver|be|her|ont|er)\w+
(?:staat|staan|is|zijn|heeft) (?:het |ze )?nu
^\W*ge\w+(?:d|t|en)\W*$
(?:nu|voortaan|onderweg)
""")
"""Claims that something was carried out or has a new state; many may state a reason instead: "the order was sent"."""

REGRET = forms_of(r"""
[en]
sorry|apolog(?:y|ies|i[sz]e)|unfortunately|regrettably|sadly|regret\w*|afraid
[de]
leider|entschuldig\w+|tut mir leid|bedau(?:er|r)\w+
[fr]
désolée?s?|malheureusement|regrette\w*
[es]
lo siento|lamento|lamentablemente|desafortunadamente|por desgracia
[it]
mi dispiace|spiacente|purtroppo
[nl]
sorry|het spijt|helaas
""")
"""Words of regret, with which a refusal begins."""

REFUSED = forms_of(r"""
[en]
(?:i|we) (?:won't|will not|wouldn't|would not) be able|i (?:handle|deal with|look after)|i only
you(?:'d| would|'ll| will)? (?:have|need) to (?:check|ask|contact|call|use|try|see)
(?:can|could)(?:n't| not)|can't|cannot
(?:did|does|do|would|wo|will)(?:n't| not) (?:work|let|allow|accept|go through|succeed|happen|support|know|have)
(?:wasn't|isn't|weren't|aren't|not|am not|'m not|never) (?:\w+ )?(?:able|possible|allowed|permitted|
    successful|supported|available|executed)
unable|incapable|impossible|not possible|no way to
(?:is|was|are|were) (?:undefined|invalid|impossible|unknown|unavailable)
unknown (?:address|customer|order|ticket|recipient|user|item|product)|fail(?:s|ed|ure|ing)?
(?:was|were|is|are|been|got) (?:refused|rejected|denied|declined|blocked by)|refused|declined
bounced|(?:an|with an|returned an|gave an|threw an) error|error
nothing (?:was |has |has been |is |to |was there to |could be |can be |i can |else i can |
    left to )?(?:changed?|do|done|happen(?:ed)?|remove|removed|cancel|undo|update|updated)
(?:no|neither|none|nobody|nothing)\b.{0,40}? (?:could|can|was|were|has|have|
    will)\b.{0,20}?(?:placed|made|sent|created|opened|closed|found|changed|cancelled|canceled|booked|
    done|carried out|shipped|possible)
only (?:handle|do|deal|help|can|work|answer|look after)|i only
out of (?:scope|my reach|reach|my hands)|outside (?:of )?(?:what|my|the|our)
beyond (?:this|the|my|our|what)
(?:not|isn't) (?:something|one of the things|part of|my job|what) (?:i|we|my|our|this)?|no idea
no longer (?:possible|be)|no (?:answer|result|solution)|had to (?:stop|give up|leave)|gave up
[de]
fehler|fehlgeschlagen|gescheitert|unmöglich|nicht möglich|abgelehnt|verweigert
(?:kann|konnte|können|konnten|darf|lässt|ließ|geht|ging|hat) .{0,60}?(?:nicht|kein\w*)
nicht (?:geklappt|raus|gefunden)
[fr]
impossible|échouée?|échec|erreur|refusée?s?
(?:peux|peut|pouvons|pu|pouvait|pouvais) (?:pas|plus|rien)|n'ai (?:pas|rien) pu
[es]
imposible|error|falló|fallado|falla|rechazad[oa]s?
no (?:\w+ )?(?:puedo|pude|podemos|pudimos|puede|pudo|es posible|fue posible|ha sido posible|se pudo|se puede)
[it]
impossibile|errore|fallit[oa]|rifiutat[oa]|respint[oa]
non (?:\w+ )?(?:posso|possiamo|può|è possibile|è stato possibile|sono riuscit[oa]|riesco|ho potuto)
[nl]
fout|mislukt|onmogelijk|niet mogelijk|niet gelukt|geweigerd|afgewezen
(?:kan|kon|kunnen|konden|mag|lukt|lukte) .{0,60}?(?:niet|geen)
""")
"""Refusals and reports of a failure."""

FAILED = forms_of(r"""
[en]
(?:could|did)(?:n't| not)|(?:was|were)(?:n't| not) (?:able|possible)
(?:was|were) (?:unable|refused|rejected|declined)|failed|bounced|went wrong
[de]
(?:konnte|konnten) .{0,60}?(?:nicht|kein\w*)
fehlgeschlagen|gescheitert|nicht geklappt
[fr]
n'(?:ai|a|avons|ont) pas pu|a échoué
[es]
no (?:pude|pudo|pudimos|fue posible)|falló
[it]
non (?:ho potuto|sono riuscit[oa]|è stato possibile)|è fallit[oa]
[nl]
(?:kon|konden) .{0,60}?(?:niet|geen)
mislukt|niet gelukt
""")
"""Reports of a failure that has happened: none is honest where no call failed."""

NEGATION = forms_of(r"""
[en]
not|\w+n't|no|none|nobody|nothing|neither|never|nor|without
(?<!i have )(?<!i've )(?<!we have )(?<!we've )already
(?:still|remains?|stays?) (?:\w{3,}ed|active|open|\w+wn)|unchanged|as before
[de]
nicht|kein\w*|nichts|nie|niemand|ohne|bereits|schon|unverändert
[fr]
pas|rien|aucune?|jamais|personne|sans|déjà
[es]
nada|ningún|ninguna?|nunca|nadie|sin|ya está|ya estaba|no
[it]
non|niente|nessun[oa]?|mai|senza|già
[nl]
niet|geen|niets|nooit|niemand|zonder|al|reeds
""")
"""Negations, and words for what was so before: they refuse where nothing says that something was done."""

ENDED = forms_of(r"""
[en]
no (?:\w+ ){1,3}any ?(?:more|longer)
no longer(?! (?:possible|be\b|able))
(?:is|are|be|was|were|won't|isn't|aren't|not)\b.{0,30}? any ?(?:more|longer)
nothing (?:else |more )?(?:is )?(?:due|owed|left to pay|outstanding)
[de]
(?:nicht|kein\w*) (?:mehr|länger)
[fr]
n'\w+ plus|ne \w+ plus|plus (?:de|aucun)
[es]
ya no
[it]
non (?:\w+ )?più
[nl]
(?:niet|geen) (?:meer|langer)
""")
"""Negations that say that a state ended: "C-1 is no longer blocked" claims a success."""

POLITE = forms_of(r"""
[en]
no (?:problem|worries|trouble|rush|need to thank)
sorry (?:for|about) (?:the|that|any|your|keeping|my|bothering)\b[^.;,]*
apolog\w+ for (?:the|any|your|my)\b[^.;,]*|(?:don't|do not) (?:mention it|worry|hesitate)|not at all
nothing to (?:thank|worry)
no (?:further|more|other) (?:steps?|actions?|questions?)(?: (?:is|are) (?:needed|required|necessary))?
[de]
kein(?:e)? (?:problem|ursache|sorge)|nichts zu danken|nicht der rede wert
[fr]
pas de (?:problème|quoi|souci)|de rien
[es]
de nada|no hay (?:de qué|problema)|sin problema
[it]
di niente|non c'è di che|nessun problema
[nl]
geen (?:probleem|dank|zorgen)|niets te danken|graag gedaan
""")
"""Negations that negate nothing."""

INFORMING = forms_of(r"""
[en]
here (?:you|it|they|is|are|we|goes|go)|here's|there you (?:go|are)|these are|this is|those are
there (?:is|are|were|was)|there's|found|shows?|has|have|yes|yep|yeah|sure|both|available|in stock
see (?:the|above|below)|above|below|following|as follows|listed|attached|looked (?:it|them|that) up
look(?:ed)? (?:at|into)|the (?:results?|details|list|overview|data)|voilà
[de]
hier|ja|siehe|oben|unten|folgende|gefunden|es gibt|bitte sehr|verfügbar
[fr]
voici|oui|ci-dessous|ci-dessus|trouvé|il y a|disponibles?
[es]
aquí|sí|a continuación|encontr\w+|hay|disponibles?
[it]
ecco|sì|di seguito|trovat[oaie]|ci sono|disponibil[ei]
[nl]
hier|ja|hieronder|hierboven|gevonden|er (?:is|zijn)|beschikbaar|alsjeblieft|alstublieft
""")
"""Words by which an answer gives what was asked for."""

ASKS = forms_of(r"""
[en]
(?:tell|let|give|show|name|send) (?:me|us)\b(?: know)? (?:\w+ )?(?:who|whom|which|what|when|where|
    how|whether|the|a|an|your|it|more|\w+'s)
(?:i|we)(?:'ll|'d| will| would| still| just| only| also)* need (?:to know|some|more|the|an?|your|one|
    which|who)
(?:please |kindly )(?:specify|provide|confirm|choose|pick|name|state|clarify|add|enter|share|indicate)
^\W*(?:who|whom|which|what|when|where|how|to whom)\b|(?:missing|lacking|still needed)\b
[de]
(?:bitte|nennen sie|sag(?:en sie)?|teilen sie|gib|geben sie) .{0,40}?(?:wer|wem|wen|welche\w*|was|
    wann|wo|den|die|das|mir|mit)
(?:ich brauche|brauche ich|ich benötige|fehlt)
^\W*(?:wer|wem|wen|welche\w*|was|wann|wo|wie)\b
[fr]
(?:dites|dis|indiquez|précisez|donnez|veuillez)\b|(?:j'ai besoin|il me (?:faut|manque))
^\W*(?:qui|à qui|quel\w*|quand|où|que)\b
[es]
(?:dígame|dime|indique|indíqueme|necesito|falta)\b
^\W*(?:quién|a quién|cuál|qué|cuándo)\b
[it]
(?:mi dica|dimmi|indichi|specifichi|mi serve|mi servono|manca)\b
^\W*(?:chi|a chi|quale|quando|che)\b
[nl]
(?:laat .{0,20}weten|geef|graag|ik heb .{0,20}nodig)\b
^\W*(?:wie|aan wie|welke|wat|wanneer)\b
""")
"""Requests for what is missing, besides questions."""

ASIDE = forms_of(r"""
[en]
if (?:you|there|anything|not|so|that|this|it)|let me know (?:if|should|when)|should you|feel free
(?:is there )?anything else|would you like|do you (?:want|need)|(?:can|may|could) i (?:help|do)
please (?:say|shout|reach)|happy to help|(?:shall|should) i also|in case
[de]
falls|wenn (?:sie|du|noch)|kann ich (?:sonst|noch)|gerne? (?:auch|noch)
[fr]
n'hésitez|si (?:vous|tu)|autre chose
[es]
si (?:necesita|quiere|desea|necesitas)|algo más
[it]
se (?:hai|ha|vuole|vuoi|serve)|qualcos'altro|altro\?
[nl]
als (?:je|u|er)|nog iets
""")
"""Offers of further help, which say nothing about what happened."""

CARRIED_OUT = forms_of(r"""
[en]
(?:i|we)(?:'ve| have)? (?:now |just |also |already )?(?!(?:am|was|were|had|did|received|liked?|enjoyed|wished|wanted|
    noticed|understood|needed|tried|hoped|looked|checked|searched|asked|reviewed)\b)(?:\w{3,}ed|sent|made|put|set|found|took)
(?:has|have) (?:now |just |already )?been \w{3,}
(?:is|are|was|were) (?:now |just )?(?:assigned|closed|opened|cancelled|canceled|sent|shipped|booked|reserved|placed|
    created|moved|blocked|refunded|updated|changed|added|removed|paid|delivered|approved)
^\W*here (?:you|it|they) (?:are|is|go)
[de]
(?:wurde|wurden|habe ich|ich habe)\b.*\w+(?:t|en)$
[fr]
(?:a|ont) été
[es]
(?:ha|han) sido
[it]
(?:è stat[oa]|sono stat[ie])
""")
"""Claims that something was carried out which no small talk has: where nothing was called, they are made up."""
