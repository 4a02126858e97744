"""Compare the code of each stage with the lock, and record versions and acknowledgements.

Invariant: an entry of the lock changes only with its version, or together with a line that says why the change of code
alters no output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from toolft_pipeline.stages.code_lock.lock_file import CodeLockError, Lock, LockedCode
from toolft_pipeline.stages.code_lock.versioned_code import VersionedCode
from toolft_pipeline.warehouse.code_digest import code_digest, module_digests

_DIGITS, _MODULE_DIGITS = 24, 8
"""Hexadecimal digits of a digest that the lock keeps."""


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """An entry that the lock does not describe as it is."""

    name: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}\n    {self.fix}"


def mismatches(lock: Lock, codes: Mapping[str, VersionedCode]) -> list[Mismatch]:
    """What is wrong with the lock; empty where it describes all code."""
    modules = _modules(codes.values())
    found = [_mismatch(lock, code, modules) for code in codes.values()]
    gone = [
        Mismatch(name=name, problem="is in the lock but no longer in the code", fix=f"run `make ack STAGE={name}`")
        for name in lock.code.keys() - codes.keys()
    ]
    return [*(each for each in found if each is not None), *sorted(gone, key=lambda each: each.name)]


def _mismatch(lock: Lock, code: VersionedCode, modules: Mapping[str, str]) -> Mismatch | None:
    locked = lock.code.get(code.name)
    record = f"run `make ack STAGE={code.name}`"
    if locked is None:
        return Mismatch(name=code.name, problem="is not in the lock", fix=record)
    if locked.version != code.version:
        problem = f"version {locked.version} -> {code.version} is not in the lock"
        return Mismatch(name=code.name, problem=problem, fix=record)
    if locked.digest == _digest(code):
        return None
    moved = [each for each in module_digests(*code.entries) if lock.modules.get(each) != modules[each]]
    where = ", ".join(moved) or "definitions that it no longer reaches"
    return Mismatch(
        name=code.name,
        problem=f"its code changed under version {code.version}, in {where}",
        fix=f"if its output can change, raise the version and {record}; if it cannot, "
        f'run `make ack STAGE={code.name} WHY="..."`',
    )


def recorded(lock: Lock, codes: Mapping[str, VersionedCode], names: Iterable[str], *, why: str, today: str) -> Lock:
    """The lock with some entries brought up to date. Raises `CodeLockError` where a reason is needed and missing."""
    code = dict(lock.code)
    for name in names:
        if name not in codes:
            if code.pop(name, None) is None:
                raise CodeLockError(f"{name}: no stage or nested artifact of this name; there are {', '.join(codes)}")
            continue
        code[name] = _recorded(code.get(name), codes[name], why=why, today=today)
    new = Lock(code=code, modules=lock.modules)
    stale = [each for each in codes.values() if code.get(each.name) != _as_it_is(code.get(each.name), each)]
    return replace(new, modules=_merged(lock.modules, _modules(codes.values()), keep=_modules(stale).keys()))


def _recorded(locked: LockedCode | None, code: VersionedCode, *, why: str, today: str) -> LockedCode:
    if locked is None or locked.version != code.version:
        return LockedCode(version=code.version, digest=_digest(code))
    if locked.digest == _digest(code):
        return locked
    if not why:
        raise CodeLockError(
            f"{code.name}: its code changed under version {code.version}; raise the version, or say why the change "
            f'alters no output: `make ack STAGE={code.name} WHY="..."`'
        )
    return replace(locked, digest=_digest(code), acknowledged=(*locked.acknowledged, f"{today} {why}"))


def written(lock: Lock, codes: Mapping[str, VersionedCode]) -> Lock:
    """The lock of the code as it is; acknowledgements stay where the version is the same."""
    code = {name: _as_it_is(lock.code.get(name), each) for name, each in codes.items()}
    return Lock(code=code, modules=_modules(codes.values()))


def _as_it_is(locked: LockedCode | None, code: VersionedCode) -> LockedCode:
    kept = locked.acknowledged if locked is not None and locked.version == code.version else ()
    return LockedCode(version=code.version, digest=_digest(code), acknowledged=kept)


def _merged(old: Mapping[str, str], new: Mapping[str, str], *, keep: Iterable[str]) -> dict[str, str]:
    """Digests of modules; old ones for what entries that do not match yet reach, so that these still name them."""
    kept = {*keep}
    return {name: old.get(name, "") if name in kept else digest for name, digest in new.items()}


def _digest(code: VersionedCode) -> str:
    return code_digest(*code.entries)[:_DIGITS]


def _modules(codes: Iterable[VersionedCode]) -> dict[str, str]:
    entries = [entry for code in codes for entry in code.entries]
    return {name: digest[:_MODULE_DIGITS] for name, digest in module_digests(*entries).items()} if entries else {}
