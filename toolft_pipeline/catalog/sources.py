"""Sources of a catalog: a file, a module of Pydantic models, or the live MCP server's tools/list.

Invariant: the tools that only the pipeline calls (reset and snapshot) never enter a catalog, whatever the source.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from msgspec.structs import replace
from pydantic import BaseModel

from toolft_pipeline.catalog.tool import Catalog, CatalogError, parse_catalog
from toolft_pipeline.settings import AgentSettings


def read_source(settings: AgentSettings, *, listed: Catalog | None = None) -> Catalog:
    """Read the catalog that the agent file names, without the sandbox's reset and snapshot tools.

    `listed` is the catalog of the sandbox's server, for an agent file with `catalog.mcp`. Raises `CatalogError` for a
    source that cannot be read.
    """
    source, sandbox = settings.catalog, settings.sandbox
    if source.file is not None:
        catalog = catalog_from_file(settings.path(source.file))
    elif source.module is not None:
        catalog = catalog_from_module(source.module, folder=settings.folder)
    elif listed is not None:
        catalog = listed
    else:
        raise CatalogError(f"{settings.name}: catalog.mcp needs a sandbox section in the agent file; add one")
    hidden = {sandbox.reset_tool, sandbox.snapshot_tool} if sandbox is not None else set()
    tools = tuple(tool for tool in catalog.tools if tool.name not in hidden)
    names = [tool.name for tool in tools]
    if unknown := [name for name in source.reads if name not in names]:
        raise CatalogError(
            f"{settings.name}: catalog.reads names {unknown[0]!r}, which is no tool of the catalog; correct the name"
        )
    declared = frozenset(source.reads)
    return replace(catalog, tools=tuple(replace(t, reads=True) if t.name in declared else t for t in tools))


def catalog_from_file(path: Path) -> Catalog:
    """Read a JSON file in MCP, OpenAI, Anthropic or Bedrock shape."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CatalogError(f"{path}: no such file; set catalog.file in the agent file") from error
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path}: cannot be read as JSON ({error}); fix the file") from error
    return parse_catalog(document, where=str(path))


def catalog_from_module(name: str, *, folder: Path) -> Catalog:
    """Read a module whose public Pydantic models are the tools, in the order of their definition.

    A model's schema title (its class name unless `model_config` sets one) is the tool's name, its docstring the
    description. If the module has `__all__`, only the models in it are tools. A module in the agent's folder comes
    first.
    """
    try:
        module = _import(name, folder)
    except Exception as error:  # whatever the user's module raises
        raise CatalogError(f"catalog.module {name}: cannot be imported ({error}); fix the module") from error
    public = getattr(module, "__all__", None)
    models = [
        value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
        if (key in public if public is not None else not key.startswith("_"))
    ]
    schemas = [model.model_json_schema() for model in models]
    document = [
        {"name": schema.pop("title"), "description": schema.pop("description", ""), "inputSchema": schema}
        for schema in schemas
    ]
    return parse_catalog(document, where=f"catalog.module {name}")


def _import(name: str, folder: Path) -> ModuleType:
    """Import a module; one in the agent's folder gets a unique name, so that agents' modules do not collide."""
    file = folder.joinpath(*name.split(".")).with_suffix(".py")
    if not file.is_file():
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"_catalog_of_{folder.name}.{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # pydantic resolves annotations through it
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[module.__name__]
    return module
