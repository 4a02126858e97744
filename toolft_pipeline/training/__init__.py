"""Making a model: convert the base, draw rows, train an adapter with TRL, merge the adapter."""

import logging as _logging

# bitsandbytes logs at every import that its fast CPU kernel, which it downloads from a hub, is missing.
_logging.getLogger("bitsandbytes").setLevel(_logging.ERROR)
