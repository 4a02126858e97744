"""Random JSON Schemas as tools have them, each with a strategy of values that fit it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Pair = tuple[dict[str, Any], st.SearchStrategy[Any]]
"""A schema, and its values."""

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x7f\x01\x02"), max_size=12
) | st.sampled_from(
    ["</tool_call>", "a < b", '"', "\\", "<end_of_turn>", "<tool_call", "é😀", "[x]", "line\nline", "<|im_end|>", ""]
)
NAMES = st.sampled_from(["a", "b", "key", "key_2", "a-b", "Key", "naïve", "k v"])
WHOLE = st.integers(-(10**9), 10**9)
FLOATS = (
    st.floats(-1e6, 1e6, allow_nan=False)
    .filter(lambda number: number == 0 or abs(number) > 1e-3)
    .map(lambda number: 0.0 if number == 0 else number)
)


def _string(draw: st.DrawFn) -> Pair:
    low = draw(st.integers(0, 3))
    high = draw(st.none() | st.integers(low + 1, 14))
    schema: dict[str, Any] = {"type": "string"} | ({"minLength": low} if low else {})
    if high is not None:
        schema["maxLength"] = high
    return schema, TEXT.filter(lambda text: low <= len(text) and (high is None or len(text) <= high))


def _code(draw: st.DrawFn) -> Pair:
    digits = draw(st.integers(1, 4))
    return (
        {"type": "string", "pattern": rf"^[A-Z]-\d{{{digits}}}$"},
        st.from_regex(rf"[A-Z]-[0-9]{{{digits}}}", fullmatch=True),
    )


def _integer(draw: st.DrawFn) -> Pair:
    if draw(st.booleans()):
        return {"type": "integer"}, WHOLE
    low = draw(st.integers(-50, 50))
    high = low + draw(st.integers(0, 2000))
    return {"type": "integer", "minimum": low, "maximum": high}, st.integers(low, high)


def _scalar(draw: st.DrawFn) -> Pair:
    fixed: list[Pair] = [
        ({"type": "number"}, FLOATS | WHOLE),
        ({"type": "boolean"}, st.booleans()),
        ({"const": "fixed"}, st.just("fixed")),
    ]
    drawn = [_string, _code, _integer, _enum, _optional]
    kind = draw(st.integers(0, len(fixed) + len(drawn) - 1))
    return fixed[kind] if kind < len(fixed) else drawn[kind - len(fixed)](draw)


def _enum(draw: st.DrawFn) -> Pair:
    values = draw(st.lists(st.sampled_from(["low", "lower", "high", "a b", 'say "x"', 1, 12, None]), min_size=1))
    return {"enum": values}, st.sampled_from(values)


def _optional(draw: st.DrawFn) -> Pair:
    inner, values = _string(draw)
    return {"anyOf": [inner, {"type": "null"}], "default": None}, values | st.none()


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> Pair:
    """Any schema up to a depth."""
    kind = draw(st.sampled_from(["scalar", "scalar", "array", "object"] if depth else ["scalar"]))
    if kind == "array":
        inner, values = draw(schemas(depth - 1))
        low = draw(st.integers(0, 2))
        high = draw(st.none() | st.integers(low, 4))
        bounds = {"minItems": low} | ({} if high is None else {"maxItems": high})
        return {"type": "array", "items": inner, **bounds}, st.lists(values, min_size=low, max_size=high or 4)
    return draw(objects(depth)) if kind == "object" else _scalar(draw)


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> Pair:
    """An object with required and optional keys; its values have their keys in any order."""
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    parts = {name: draw(schemas(max(0, depth - 1))) for name in names}
    required = [name for name in names if draw(st.booleans())]
    schema: dict[str, Any] = {"type": "object", "properties": {name: part[0] for name, part in parts.items()}}
    if required:
        schema["required"] = required
    open_ = draw(st.sampled_from([None, False, {"type": "integer"}]))
    if open_ is not None:
        schema["additionalProperties"] = open_

    @st.composite
    def values(draw: st.DrawFn) -> dict[str, Any]:
        chosen = [name for name in names if name in required or draw(st.booleans())]
        value = {name: draw(parts[name][1]) for name in draw(st.permutations(chosen))}
        if open_ and draw(st.booleans()):
            value["more"] = draw(WHOLE)
        return value

    return schema, values()
