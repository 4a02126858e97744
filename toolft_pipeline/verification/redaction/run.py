"""Redacts a run: searches all its texts together and replaces every value everywhere.

Invariant: after redaction no text of the run contains a value of the configured kinds; each is replaced by the same
surrogate everywhere, and everything but text (roles, tool names, digests, times, counts) is unchanged. Tool names come
from the catalog, not from users; `source` names a file of the raw zone. Replay comes first: a backend would not know
the surrogates.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence

import msgspec

from toolft_pipeline.settings import RedactionSettings
from toolft_pipeline.trajectories.record import Message, Outcome, Role, ToolCall, Trajectory
from toolft_pipeline.verification.redaction.detector import Detector
from toolft_pipeline.verification.redaction.rewriting import write_surrogate
from toolft_pipeline.verification.redaction.surrogates import Surrogates

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_BETWEEN = "\0"
"""Separates the texts of a run; no pattern matches across it."""


class Redactor:
    """Replaces secrets and personal data by one agent's settings and one key."""

    def __init__(self, settings: RedactionSettings, *, key: bytes) -> None:
        self._detector = Detector(settings)
        self._key = key

    def run(self, trajectory: Trajectory) -> tuple[Trajectory, Counter[str]]:
        """The run with every value replaced, and how many values of each kind there were; the same object where
        there was none."""
        texts = _texts(trajectory)
        cleaned, counts = self._replaced(texts)
        return (_with_texts(trajectory, iter(cleaned)), counts) if counts else (trajectory, counts)

    def redact_texts(self, trajectory: Trajectory, *texts: str) -> Sequence[str]:
        """Texts about a run with every value replaced, including values that only the run's own texts reveal."""
        return self._replaced([*texts, *_texts(trajectory)])[0][: len(texts)]

    def text(self, text: str) -> str:
        """A text with every value replaced by the surrogate that it has in runs."""
        return self._replaced([text])[0][0]

    def _replaced(self, texts: Sequence[str]) -> tuple[Sequence[str], Counter[str]]:
        joined = _BETWEEN.join(texts)
        matches = self._detector.find(joined)
        surrogates = Surrogates(self._key, list(dict.fromkeys(match.value for match in matches))).by_value
        matches = [match for match in matches if match.value in surrogates]
        if not matches:
            return texts, Counter()
        cleaned, left, begin = [], deque(matches), 0
        for text in texts:
            pieces: list[str] = []
            end = begin + len(text)
            while left and left[0].start < end:
                match = left.popleft()
                pieces += (joined[begin : match.start], write_surrogate(match, surrogates[match.value]))
                begin = match.end
            cleaned.append("".join((*pieces, joined[begin:end])))
            begin = end + len(_BETWEEN)
        return cleaned, Counter(value.kind.value for value in surrogates)


def _undigested(ref: str | None) -> str | None:
    """A reference that somebody wrote; None for a digest, which reveals nothing."""
    return None if ref is None or _DIGEST.fullmatch(ref) else ref


def _texts(trajectory: Trajectory) -> list[str]:
    """Every text of a run except digests, in the order in which `_with_texts` puts them back."""
    outcome = trajectory.outcome
    final, tools = _undigested(trajectory.final_state_ref), _undigested(trajectory.tools_digest)
    texts = [trajectory.task_id, trajectory.task_key, outcome.evidence, trajectory.initial_state_ref, final, tools]
    for message in trajectory.messages:
        texts.extend([part.text for part in message.content])
        texts += (message.reasoning, message.tool_call_id)
        if message.role is not Role.TOOL:
            texts.append(message.name)
        for call in message.tool_calls:
            texts += (call.id, call.arguments_json)
    return [trajectory.trajectory_id, *[text for text in texts if text is not None]]


def _with_texts(trajectory: Trajectory, texts: Iterator[str]) -> Trajectory:
    def put(old: str | None) -> str | None:
        return None if old is None else next(texts)

    def put_message(message: Message) -> Message:
        return msgspec.structs.replace(
            message,
            content=tuple(msgspec.structs.replace(part, text=put(part.text)) for part in message.content),
            reasoning=put(message.reasoning),
            tool_call_id=put(message.tool_call_id),
            name=message.name if message.role is Role.TOOL else put(message.name),
            tool_calls=tuple(
                ToolCall(id=next(texts), name=call.name, arguments_json=next(texts)) for call in message.tool_calls
            ),
        )

    final, tools = trajectory.final_state_ref, trajectory.tools_digest
    return msgspec.structs.replace(
        trajectory,
        trajectory_id=next(texts),
        task_id=put(trajectory.task_id),
        task_key=put(trajectory.task_key),
        outcome=Outcome(status=trajectory.outcome.status, evidence=put(trajectory.outcome.evidence)),
        initial_state_ref=put(trajectory.initial_state_ref),
        final_state_ref=final if _undigested(final) is None else put(final),
        tools_digest=tools if _undigested(tools) is None else put(tools),
        messages=tuple(put_message(message) for message in trajectory.messages),
    )
