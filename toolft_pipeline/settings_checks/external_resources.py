"""Resources that an agent file names and this machine must have: files, packages, programs, modules, keys.

Invariant: nothing is started, imported or requested over a network. A missing resource is no error of the file, because
another machine may have it: the agent is loaded all the same, and whatever runs it checks here first.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from toolft_pipeline.settings import AgentSettings, EvaluationSettings, ManagedSettings, SandboxSettings
from toolft_pipeline.settings_checks.problem import Problem
from toolft_pipeline.training.base.packaged_gguf import BaseModelError, find_gguf
from toolft_pipeline.training.sft.trackers import tracker_problems


def missing_resources(settings: AgentSettings, *, for_model: bool) -> Iterator[Problem]:
    """Every resource that is missing; with `for_model` also those that only the model's stages read."""
    yield from _missing_paths(
        settings,
        {
            "logs.folder": settings.logs.folder,
            "logs.golden": settings.logs.golden,
            "catalog.file": settings.catalog.file,
            "catalog.renames": settings.catalog.renames,
            "base_model.folder": settings.base_model.folder,
        },
    )
    package = settings.base_model.package
    if package is not None:
        try:
            find_gguf(package)
        except BaseModelError as error:
            yield Problem(key="base_model.package", message=str(error).partition(": ")[2])
    module = settings.catalog.module
    if module is not None and not _module_exists(module, folder=settings.folder):
        yield Problem(key="catalog.module", message=f"no module named {module!r} in the agent's folder or installed")
    if settings.sandbox is not None:
        yield from _missing_programs(settings.sandbox, folder=settings.folder)
    if for_model:
        yield from missing_evaluation_resources(settings)


def missing_evaluation_resources(settings: AgentSettings) -> Iterator[Problem]:
    """Missing resources of a model's report, to check before anything is trained."""
    evaluation = settings.evaluation
    yield from _missing_paths(
        settings,
        {
            "evaluation.tasks": evaluation.tasks,
            "evaluation.bfcl": evaluation.bfcl,
            "evaluation.probes_file": evaluation.probes_file,
        },
    )
    yield from _missing_for_endpoints(evaluation)
    for problem in tracker_problems(settings.training.report_to):
        yield Problem(key="training.report_to", message=problem)
    if settings.managed is not None:
        yield from _missing_for_managed(settings.managed)


def _missing_paths(settings: AgentSettings, named: Mapping[str, str | None]) -> Iterator[Problem]:
    for key, relative in named.items():
        if relative is not None and not settings.path(relative).exists():
            yield Problem(key=key, message=f"{settings.path(relative)} does not exist")


def _missing_programs(sandbox: SandboxSettings, *, folder: Path) -> Iterator[Problem]:
    """The program, the script passed to an interpreter, the module after `-m`."""
    program = sandbox.command[0]
    if program != "python" and shutil.which(program) is None and not (folder / program).is_file():
        yield Problem(
            key="sandbox.command", message=f"no program {program} on this machine; install it or name another"
        )
    for before, word in pairwise(sandbox.command):
        if before == "-m" and not _module_exists(word, folder=folder):
            yield Problem(key="sandbox.command", message=f"no module named {word!r}")
        elif before == program and word.endswith(".py") and not (folder / word).is_file():
            yield Problem(key="sandbox.command", message=f"{folder / word} does not exist")


def _module_exists(name: str, *, folder: Path) -> bool:
    own = folder.joinpath(*name.split("."))
    if own.with_suffix(".py").is_file() or own.is_dir():
        return True
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _missing_for_endpoints(evaluation: EvaluationSettings) -> Iterator[Problem]:
    """Missing requirements of the endpoints to compare with: the client library and the keys."""
    compared = {name: evaluation.endpoints[name] for name in evaluation.compare if name in evaluation.endpoints}
    if compared and find_spec("openai") is None:
        message = "openai is not installed; pip install 'toolft_pipeline[endpoints]'"
        yield Problem(key="evaluation.endpoints", message=message)
    for name, endpoint in compared.items():
        if endpoint.key_from is not None and not os.environ.get(endpoint.key_from):
            message = f"environment variable {endpoint.key_from} is not set; set it where the run starts, or write null"
            yield Problem(key=f"evaluation.endpoints.{name}.key_from", message=message)


def _missing_for_managed(managed: ManagedSettings) -> Iterator[Problem]:
    """The same for the host that trains the model, which is evaluated there."""
    if find_spec("openai") is None:
        message = "openai is not installed, by which the model is evaluated; pip install 'toolft_pipeline[endpoints]'"
        yield Problem(key="managed", message=message)
    if managed.key_from is not None and not os.environ.get(managed.key_from):
        message = f"environment variable {managed.key_from} is not set; set it where the run starts, or write null"
        yield Problem(key="managed.key_from", message=message)
