"""Rule 8, the last: secrets and personal data are replaced before anything is trained on a run.

Recognizers cover values with an unmistakable form or a checksum: keys and passwords (`credentials.py`), e-mail and IP
addresses, phone and card numbers, IBANs, national ids (`personal.py`). Names, street addresses and other values that
only a language model can recognize are out of scope, and so are images.
"""
