"""On a run's PYTHONPATH: the process of a step, and no other, gets the fault that TOOLFT_FAULT names."""

import os
import sys

if "TOOLFT_FAULT" in os.environ and sys.orig_argv[1:4] == ["-m", "dagster", "api"]:
    from toolft_pipeline_tests.faults.fault_in_training import install

    install()
