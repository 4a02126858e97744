"""Whether the gate let a model pass behind a net, for the alert where it is served without.

Invariant: nothing is refused here. A model in service stays in service, and a person learns once what no longer holds.
"""

from __future__ import annotations

import msgspec

from toolft_pipeline.evaluation.promotion.verdict import VERDICT_FILE
from toolft_pipeline.serving.notice import Notice, Notify, log_notice
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError

REPORT = "eval_report"


class _Promotion(msgspec.Struct):
    promote: bool
    judged: str | None = None


def judged_behind(warehouse: Warehouse, *, agent: str, day: str, digest: str) -> str | None:
    """The net that the gate held its thresholds behind (`candidate+constrained`), in the newest report on this model
    that promotes it; None without one.
    """
    address = ArtifactKey(agent=agent, asset=REPORT, partition=day)
    try:
        versions = warehouse.versions(address)
    except WarehouseError:
        return None
    for version in sorted(versions, key=lambda each: each.manifest.created_at, reverse=True):
        if version.manifest.inputs.get(f"merged_model/{day}") == digest and (verdict := _gate(version)):
            return verdict.judged
    return None


class NetLeftOut:
    """Permits no model the net, which the agent file leaves out, and says so once of one that the gate let pass behind
    it.
    """

    def __init__(self, warehouse: Warehouse, *, agent: str, setting: str, notify: Notify = log_notice) -> None:
        """`setting` is the key that would put the net back."""
        self._warehouse = warehouse
        self._agent = agent
        self._setting = setting
        self._notify = notify
        self._seen: set[str] = set()

    def __call__(self, *, day: str, digest: str) -> bool:
        """False."""
        if digest in self._seen:
            return False
        self._seen.add(digest)
        net = judged_behind(self._warehouse, agent=self._agent, day=day, digest=digest)
        if net is not None:
            error = f"the gate let the model of {day} pass as {net}, and {self._setting} is off: it is served without"
            remedy = f"set {self._setting}, or let `toolft run {self._agent} --to {day}` judge it without the net"
            self._notify(Notice(agent=self._agent, subject="serving without a net", error=error, remedy=remedy))
        return False


def _gate(version: Version) -> _Promotion | None:
    try:
        verdict = msgspec.json.decode(version.file(VERDICT_FILE).read_bytes(), type=_Promotion)
    except (OSError, WarehouseError, msgspec.MsgspecError):
        return None
    return verdict if verdict.promote else None
