"""Digests of what a stage reads from outside the warehouse."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.warehouse.digest import digest_of, file_digest


def files(*paths: Path) -> dict[str, str]:
    """Digest of each file that exists, by its name; the stage itself says what is missing."""
    return {path.name: file_digest(path) for path in paths if path.is_file()}


def agent_file(settings: AgentSettings, relative: str | None) -> dict[str, str]:
    """Digest of one optional file of the agent's folder."""
    return {} if relative is None else files(settings.path(relative))


def sandbox(settings: AgentSettings) -> dict[str, str]:
    """Identity of the backend: its command, and the bytes of every word of it that is a file of the agent."""
    if settings.sandbox is None:
        return {}
    command = settings.sandbox.command
    scripts = files(*(path for word in command if (path := settings.path(word)).is_file()))
    return {"sandbox": digest_of({"command": list(command), "env": settings.sandbox.env, "scripts": scripts})}


def base_model(settings: BaseModelSettings, *, agent: AgentSettings) -> dict[str, str]:
    """Identity of the base model: the pinned digest, the package's version, the hub commit, or the folder's files."""
    if settings.folder is not None:
        folder = agent.path(settings.folder)
        return {f"base/{name}": digest for name, digest in files(*sorted(folder.glob("*"))).items()}
    if settings.package is not None:
        try:
            return {"base": digest_of([settings.package, version(settings.package), settings.sha256])}
        except PackageNotFoundError:
            return {"base": digest_of([settings.package, None, settings.sha256])}
    return {"base": digest_of([settings.hub, settings.revision])}
