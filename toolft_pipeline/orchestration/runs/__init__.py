"""How runs execute: executor, GPU lease, queue, and runs whose process is gone."""
