"""Memory over many steps whose packed rows differ in length, as a process of its own sees it."""

from __future__ import annotations

import subprocess
import sys

from toolft_pipeline_tests.conftest import HANG_S

STEPS = """
import sys
from toolft_pipeline.training.runtime.kernel_caches import limit_kernel_caches

if sys.argv[1] == "bounded":
    limit_kernel_caches()
import torch

def resident():
    status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return int(status["VmRSS"].split()[0]) / 1024

layers = [torch.ones(n, k, dtype=torch.bfloat16) for n, k in [(640, 640), (2048, 640), (640, 2048), (1024, 640)]]
for step in range(60):
    hidden = torch.ones(512 - 2 * step, 640, dtype=torch.bfloat16, requires_grad=True)
    out = hidden
    for layer in layers:
        out = out @ layer.t()
    out.sum().backward()
    if step == 4:
        early = resident()
print(resident() - early)
"""


def growth(how: str) -> float:
    """Megabytes between the fifth and the sixtieth step."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True, timeout=HANG_S
    )
    return float(done.stdout)


def test_memory_does_not_grow_with_each_new_length() -> None:
    assert growth("bounded") < 120
