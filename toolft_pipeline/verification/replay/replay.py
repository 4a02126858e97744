"""Rule 7: the backend does what the log records.

Invariant: an accepted run, replayed call by call from its recorded initial state, gives the recorded results and the
recorded final state, both in canonical JSON with volatile keys masked. A forged result, a dropped call or a changed
argument shows in one of the two. A run without a recorded final state is replayed too and every result compared; other
effects of its calls stay unproven, which is a fault of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from toolft_pipeline.sandbox.protocol import (
    MCP_FAILURE,
    Sandbox,
    SandboxError,
    SandboxStateError,
    SandboxTimeoutError,
    failure_text,
)
from toolft_pipeline.sandbox.state import canonical_result, state_digest
from toolft_pipeline.trajectories.record import Message, Role, Trajectory
from toolft_pipeline.verification.rules.state_grounding import UngroundedValue, check_backend_values
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation


def replay(
    sandbox: Sandbox, trajectory: Trajectory, *, volatile: Sequence[str], ungrounded: Sequence[UngroundedValue] = ()
) -> Violation | None:
    """Reset, call every tool in the recorded order, compare; None where everything agrees. Where all results agree and
    the log records no final state to compare, the fault is `no_final_state`; the settings decide whether it counts.

    None of the `ungrounded` values may occur in the initial state: the run would have used what it never read.
    Needs a run that passed structure and catalog. Raises `SandboxError` where the backend fails.
    """
    if trajectory.initial_state_ref is None:
        return not_replayable("the log records no initial state")
    sandbox.reset(trajectory.initial_state_ref)
    initially = sandbox.snapshot() if ungrounded else ""
    results = dict(_results(trajectory.messages))
    for place, message in enumerate(trajectory.messages):
        for call in message.tool_calls:
            result = sandbox.call(call.name, json.loads(call.arguments_json))
            answer = results.get((place, call.id))
            if answer is None:  # the run ends in this call, as `allow_final_call` allows
                continue
            recorded = answer.text
            if result.is_error and recorded.startswith(MCP_FAILURE):  # the server's own words, as its client got them
                recorded = failure_text(call.name, recorded)
            if canonical_result(result.text, volatile) != canonical_result(recorded, volatile):
                return Violation(
                    rule=Rule.REPLAY,
                    fault=Fault.RESULT_DIFFERS,
                    reason=f"message {place}: {call.name} returns {{}}, the log has {{}}",
                    quoted=(result.text, recorded),
                )
    if trajectory.final_state_ref is not None:
        digest = state_digest(sandbox.snapshot())
        if digest != trajectory.final_state_ref:
            reason = f"every result agrees, but the replay ends in {digest}, the log in {trajectory.final_state_ref}"
            return _fault(Fault.FINAL_STATE_DIFFERS, reason)
    not_read = check_backend_values(ungrounded, state=initially) if ungrounded else None
    return not_read or (_no_final_state() if trajectory.final_state_ref is None else None)


def not_replayable(why: str) -> Violation:
    """The violation of a run that cannot be replayed; the settings decide whether it counts."""
    return _fault(Fault.NOT_REPLAYABLE, f"{why}; verification.require_replay: false keeps such runs")


def _no_final_state() -> Violation:
    reason = "every result agrees, but the log records no final state to compare with"
    return _fault(Fault.NO_FINAL_STATE, f"{reason}; log it, or verification.require_replay: false keeps such runs")


def sandbox_failed(error: SandboxError) -> Violation:
    """The violation of a run on which the backend itself failed, after one retry on a fresh process."""
    if isinstance(error, SandboxStateError):
        return _fault(Fault.UNKNOWN_STATE, str(error))
    timeout = isinstance(error, SandboxTimeoutError)
    return _fault(Fault.SANDBOX_TIMEOUT if timeout else Fault.SANDBOX_CRASHED, str(error))


def _fault(fault: Fault, reason: str) -> Violation:
    return Violation(rule=Rule.REPLAY, fault=fault, reason=reason)


def _results(messages: Sequence[Message]) -> list[tuple[tuple[int, str], Message]]:
    """Each tool turn with (number of its assistant turn, call id) as key: ids may recur in later turns."""
    results, calls_at = [], 0
    for place, message in enumerate(messages):
        if message.role is Role.ASSISTANT:
            calls_at = place
        elif message.role is Role.TOOL:
            results.append(((calls_at, message.tool_call_id or ""), message))
    return results
