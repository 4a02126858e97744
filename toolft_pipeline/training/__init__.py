"""A model made: the base converted, rows drawn within a budget, an adapter trained by TRL, the adapter merged."""

import logging as _logging

# bitsandbytes says at every import that its fast CPU kernel, which comes from a hub, is not there.
_logging.getLogger("bitsandbytes").setLevel(_logging.ERROR)
