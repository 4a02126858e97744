"""Rule 8, the last: secrets leave the run before anything is trained on it.

Invariant: after redaction no secret of the known kinds stands in a run, each is replaced everywhere by the same
surrogate of the same shape (prefix, length and kind of every character), and the run still validates. Replay comes
first: a backend would not know the surrogates.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string

import msgspec

from toolft_pipeline.trajectories.record import Message, Outcome, Part, ToolCall, Trajectory

SECRET_PATTERNS: dict[str, str] = {
    "openai_key": r"(?:sk-(?:proj-|live-|test-|ant-)?)[A-Za-z0-9_-]{16,}",
    "aws_access_key": r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    "github_token": r"(?:ghp_|gho_|ghu_|ghs_|ghr_|github_pat_)[A-Za-z0-9_]{20,}",
    "slack_token": r"xox[abprs]-[A-Za-z0-9-]{10,}",
    "google_api_key": r"AIza[A-Za-z0-9_-]{35}",
    "stripe_key": r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
    "json_web_token": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
}
"""Keys that announce themselves by a prefix: no word of a conversation looks like one."""

_PREFIX = re.compile(
    r"sk-(?:proj-|live-|test-|ant-)?|AKIA|ASIA|gh[pousr]_|github_pat_|xox[abprs]-|AIza|[srp]k_(?:live|test)_|eyJ"
)
_SECRET = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(SECRET_PATTERNS.values()) + ")")
_ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


def redact(trajectory: Trajectory, *, key: bytes) -> tuple[Trajectory, int]:
    """The run with every secret replaced, and how many places were changed; the same object where none was."""
    places = 0

    def clean(text: str) -> str:
        nonlocal places
        cleaned, found = redact_text(text, key=key)
        places += found
        return cleaned

    def clean_optional(text: str | None) -> str | None:
        return None if text is None else clean(text)

    def clean_message(message: Message) -> Message:
        return msgspec.structs.replace(
            message,
            content=tuple(_with_text(part, clean_optional(part.text)) for part in message.content),
            reasoning=clean_optional(message.reasoning),
            tool_calls=tuple(_with_arguments(call, clean(call.arguments_json)) for call in message.tool_calls),
        )

    redacted = msgspec.structs.replace(
        trajectory,
        task_key=clean_optional(trajectory.task_key),
        outcome=Outcome(status=trajectory.outcome.status, evidence=clean_optional(trajectory.outcome.evidence)),
        messages=tuple(clean_message(message) for message in trajectory.messages),
    )
    return (redacted, places) if places else (trajectory, 0)


def redact_text(text: str, *, key: bytes) -> tuple[str, int]:
    """A text with every secret replaced by its surrogate, and how many there were."""
    return _SECRET.subn(lambda match: _surrogate(match.group(), key), text)


def _with_text(part: Part, text: str | None) -> Part:
    return part if text == part.text else msgspec.structs.replace(part, text=text)


def _with_arguments(call: ToolCall, arguments: str) -> ToolCall:
    return call if arguments == call.arguments_json else msgspec.structs.replace(call, arguments_json=arguments)


def _surrogate(secret: str, key: bytes) -> str:
    """A made-up secret of the same shape, a function of the secret and the key alone."""
    prefix = _PREFIX.match(secret)
    kept = prefix.end() if prefix else 0
    stream = hashlib.shake_256(hmac.new(key, secret.encode(), hashlib.sha256).digest()).digest(len(secret))
    return secret[:kept] + "".join(_like(char, byte) for char, byte in zip(secret[kept:], stream, strict=False))


def _like(char: str, byte: int) -> str:
    for alphabet in _ALPHABETS:
        if char in alphabet:
            return alphabet[byte % len(alphabet)]
    return char
