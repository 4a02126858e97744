"""Dagster's storage on this machine, for dagster.yaml: the same folders from any working directory, created by one.

Invariant: a relative `base_dir` is relative to the project folder (Dagster's own classes take it as relative to the
working directory, so that a cron job's runs do not show in the UI). The SQLite files are created and migrated under a
lock: two processes that create them at once leave two rows in `alembic_version`, after which nothing opens them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from toolft_pipeline.project import in_project
from toolft_pipeline.warehouse.lock import locked


class ProjectSqliteStorage(DagsterSqliteStorage):
    """Runs, events and schedules in SQLite files below a folder of the project."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the storage; its first opening creates it, whoever else opens it at the same time."""
        folder = in_project(config_value["base_dir"])
        with locked(folder):
            return cls.from_local(base_dir=str(folder), inst_data=inst_data)


class ProjectArtifactStorage(LocalArtifactStorage):
    """Files of runs, below a folder of the project."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage of dagster.yaml's `local_artifact_storage`."""
        return cls(base_dir=str(in_project(config_value["base_dir"])), inst_data=inst_data)


class ProjectComputeLogs(LocalComputeLogManager):
    """Output of steps, below a folder of the project."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The manager of dagster.yaml's `compute_logs`."""
        return cls(**{**config_value, "base_dir": str(in_project(config_value["base_dir"]))}, inst_data=inst_data)
