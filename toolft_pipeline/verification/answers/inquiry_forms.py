"""The built-in forms of inquiries, written as `built_in_forms` writes its own: what was looked up, not carried out."""

from __future__ import annotations

from toolft_pipeline.verification.answers.forms import forms_of

INQUIRED = forms_of(r"""
[en]
looked|checked|tried|searched|found|noticed|reviewed|attempted|asked|verified|wanted|see|saw
[de]
geprüft|nachgesehen|gesucht|gefunden|versucht
[fr]
vérifié|cherché|trouvé|essayé
[es]
comprobado|buscado|encontrado|intentado
[it]
controllato|cercato|trovato|provato
[nl]
gecontroleerd|gezocht|gevonden|geprobeerd
""")
"""What an agent does before it says that something is not possible."""
