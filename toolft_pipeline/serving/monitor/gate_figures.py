"""The gate's figures of a model that served, and where served traffic falls short of them.

Invariant: a model is compared with the report that judged these very weights, found by their digest. A drop counts only
if the served rate's upper bound is too low: a handful of turns proves nothing.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.serving.monitor.served_rates import ServedRates
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse

METRICS_FILE = "metrics.json"


class GateFigures(Struct, frozen=True, kw_only=True):
    """What the gate saw of a model."""

    parse_rate: Rate
    hallucinated_tool: Rate
    valid_arguments: Rate
    latency_ms_single_p50: float | None = None
    tokens_per_turn: float | None = None

    @property
    def known_tools(self) -> float:
        """Share of turns that call no tool that the catalog does not have."""
        return 1 - self.hallucinated_tool.value


class _Verdict(Struct):
    judged: str | None = None


class _Metrics(Struct):
    models: dict[str, msgspec.Raw]
    verdict: _Verdict | None = None

    @property
    def judged(self) -> GateFigures:
        """The figures that the thresholds were held against: of the candidate as it is served."""
        name = (self.verdict and self.verdict.judged) or "candidate"
        return msgspec.json.decode(self.models[name], type=GateFigures)


class Shortfall(Struct, frozen=True, kw_only=True):
    """A rate of served turns that lies below the gate's."""

    rate: str
    served: Rate
    gate: float

    def __str__(self) -> str:
        served = f"{self.served.value:.1%} ({self.served.low:.1%} to {self.served.high:.1%})"
        return f"{self.rate} {served}, at the gate {self.gate:.1%}"


def gate_figures(warehouse: Warehouse, agent: str, rates: ServedRates) -> GateFigures | None:
    """The figures of the newest report on a model; None if no report on it is left."""
    address = ArtifactKey(agent=agent, asset="eval_report", partition=rates.model_day)
    judged = f"merged_model/{rates.model_day}"
    reports = [each for each in warehouse.versions(address) if each.manifest.inputs.get(judged) == rates.model_digest]
    return _figures(reports[-1]) if reports else None


def shortfalls(rates: ServedRates, gate: GateFigures, *, max_drop: float) -> list[Shortfall]:
    """The rates that are certainly lower than the gate's by more than `max_drop`."""
    compared = [
        ("parse rate", rates.parse_rate, gate.parse_rate.value),
        ("known tools", rates.known_tools, gate.known_tools),
        ("valid arguments", rates.valid_arguments, gate.valid_arguments.value),
    ]
    return [
        Shortfall(rate=name, served=served, gate=value)
        for name, served, value in compared
        if served is not None and served.high < value - max_drop
    ]


def _figures(report: Version) -> GateFigures | None:
    path = report.file(METRICS_FILE)
    if not path.is_file():
        return None
    return msgspec.json.decode(path.read_bytes(), type=_Metrics).judged
