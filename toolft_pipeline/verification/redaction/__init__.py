"""Rule 8, the last: secrets and personal data leave the run before anything is trained on it.

What is recognised has an unmistakable form or passes a checksum: keys and passwords (`credentials.py`), e-mail and IP
addresses, phone and card numbers, IBANs, national ids (`personal.py`). Names, street addresses and whatever else only
a model of language can tell apart is out of scope here, and so is what an image shows.
"""
