"""Fine-tune a small open model on a tool-calling agent's own verified runs, every night, as a Dagster project."""

import os as _os

# Read by OpenMP when torch is first imported. By default its threads spin while they wait; as soon as anything else
# runs on the machine (a second step, a web server) they spin on each other: training fell from 221 to 40 tokens/s
# beside five busy processes on two cores.
_os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
