"""Digests of the files and packages that a stage reads from outside the warehouse."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.settings.sandbox import DEFAULT_KIND
from toolft_pipeline.stages.spec.declared_settings import golden_runs
from toolft_pipeline.surrogate_key import KEY_VARIABLE, key_digest
from toolft_pipeline.surrogate_key import surrogate_key as key_of_environment
from toolft_pipeline.training.base.packaged_gguf import BaseModelError
from toolft_pipeline.training.base.snapshot import model_files
from toolft_pipeline.verification.day import DaySources
from toolft_pipeline.warehouse.digest import digest_of, file_digest
from toolft_pipeline.warehouse.store import Version


def files(*paths: Path) -> dict[str, str]:
    """Digest of each existing file, by name; the stage reports missing ones."""
    return {path.name: file_digest(path) for path in paths if path.is_file()}


def agent_file(settings: AgentSettings, relative: str | None) -> dict[str, str]:
    """Digest of an optional file in the agent's folder."""
    return {} if relative is None else files(settings.path(relative))


def module(name: str, *, folder: Path) -> dict[str, str]:
    """Digest of the source of a module, or of a whole package; the agent's folder is searched first.

    Imports are not followed. A module that cannot be found has no digest: its stage reports it.
    """
    own = folder.joinpath(*name.split(".")).with_suffix(".py")
    if own.is_file():
        return {name: file_digest(own)}
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return {}
    if spec is None or spec.origin is None:
        return {}
    place = Path(spec.origin)
    code = sorted(place.parent.rglob("*.py")) if spec.submodule_search_locations else [place]
    return {name: digest_of({str(path.relative_to(place.parent)): file_digest(path) for path in code})}


def sandbox(settings: AgentSettings) -> dict[str, str]:
    """Digest of the backend: its command, the code beside the script or module that the command names, and its kind.

    The default kind is left out, so that versions from before there were kinds stay up to date.
    """
    if settings.sandbox is None:
        return {}
    command = settings.sandbox.command
    code = {
        path.relative_to(program.parent).as_posix(): file_digest(path)
        for program in _programs(settings, command)
        for path in sorted(program.parent.rglob("*"))
        if path.suffix in {".py", ".sql", ".json"}
    }
    kind = {} if settings.sandbox.kind == DEFAULT_KIND else {"kind": settings.sandbox.kind}
    return {"sandbox": digest_of({"command": list(command), "env": settings.sandbox.env, "code": code, **kind})}


def _programs(settings: AgentSettings, command: tuple[str, ...]) -> list[Path]:
    """The files that a command runs: words that are files of the agent, and the module after `-m`."""
    found = [path for word in command if (path := settings.path(word)).is_file()]
    for flag, name in pairwise(command):
        spec = find_spec(name) if flag == "-m" else None
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin))
    return found


def verified_day(settings: AgentSettings, raw: Version) -> DaySources:
    """What a day's verdicts and rows can be taken over by, from one version of the verified day to the next."""
    golden = [agent_file(settings, settings.logs.golden), golden_runs(settings)]
    return DaySources(backend=sandbox(settings), runs=[raw.manifest.content_digest, *golden])


def surrogate_key() -> dict[str, str]:
    """Digest of the key for surrogates and for the HMACs of rejects; the key itself is never written."""
    return {KEY_VARIABLE: key_digest(key_of_environment())}


def base_model(settings: BaseModelSettings, *, agent: AgentSettings) -> dict[str, str]:
    """Digest of the base model: package version and pinned sha256, hub id and commit, or the folder's files."""
    if settings.folder is not None:
        folder = agent.path(settings.folder)
        try:
            read = model_files(folder)
        except (BaseModelError, OSError):  # the stage reports what is wrong with the folder
            read = sorted(folder.glob("*"))
        return {f"base/{path.relative_to(folder).as_posix()}": file_digest(path) for path in read if path.is_file()}
    if settings.package is not None:
        try:
            return {"base": digest_of([settings.package, version(settings.package), settings.sha256])}
        except PackageNotFoundError:
            return {"base": digest_of([settings.package, None, settings.sha256])}
    return {"base": digest_of([settings.hub, settings.revision])}
