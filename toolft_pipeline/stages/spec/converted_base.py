"""A base model converted once for all agents of a warehouse, whichever asset asks for it.

Invariant: the key is the source's identity, the converting code and the libraries that convert. A source that may
change under its name (a hub id without a revision) is converted each time.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.training.base.base_model import BaseModelSummary, convert_base_model, source_name, summarize
from toolft_pipeline.training.runtime.heartbeat import pulse
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.shared import link_shared

CONVERSION_CODE = "1"
"""Raise it when the same source comes to be converted into other files."""


def converted_base(context: BuildContext, settings: AgentSettings, out: Path) -> BaseModelSummary:
    """Write `out/model`, from the conversion that is there or by a new one. Raises `BaseModelError`."""
    source = settings.base_model
    if source.hub is not None and source.revision is None:
        return convert_base_model(settings=settings, out=out, progress=context.progress)
    identity = {
        **sources.base_model(source, agent=settings),
        "code": CONVERSION_CODE,
        **{library: version(library) for library in ("torch", "transformers")},
    }
    with pulse(progress=context.progress) as said:
        said.doing = "waiting for another run that converts the same base"

        def make(folder: Path) -> None:
            said.doing = ""
            convert_base_model(settings=settings, out=folder, progress=context.progress)

        key = digest_of({**identity}).removeprefix("sha256:")[:24]
        made = link_shared(context.warehouse.root, key, into=out, make=make, fresh=context.force)
    if not made:
        context.progress(f"{source_name(source)}: converted before, for this agent or another; its files are shared")
    return summarize(settings=settings, model=out / "model")
