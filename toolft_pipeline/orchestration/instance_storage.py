"""Dagster's local storage classes for dagster.yaml, with paths relative to the project folder.

Invariant: a relative `base_dir` is relative to the project folder. Dagster's own classes resolve it from the working
directory, so that a cron job's runs do not show in the UI. The SQLite files are created and migrated under a lock: two
processes that create them at the same time leave two rows in `alembic_version`, and nothing can open them after that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

# dagster.yaml can name a storage class, but the classes to derive it from have no public name
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from toolft_pipeline.project import in_project
from toolft_pipeline.warehouse.lock import locked


class ProjectSqliteStorage(DagsterSqliteStorage):
    """Runs, events and schedules in SQLite files, in a folder of the project."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the storage, or create it, under a lock."""
        folder = in_project(config_value["base_dir"])
        with locked(folder):
            return cls.from_local(base_dir=str(folder), inst_data=inst_data)


class ProjectArtifactStorage(LocalArtifactStorage):
    """Artifacts of runs, in a folder of the project."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the storage that dagster.yaml declares as `local_artifact_storage`."""
        return cls(base_dir=str(in_project(config_value["base_dir"])), inst_data=inst_data)


class ProjectComputeLogs(LocalComputeLogManager):
    """Stdout and stderr of steps, in a folder of the project."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Create the manager that dagster.yaml declares as `compute_logs`."""
        return cls(**{**config_value, "base_dir": str(in_project(config_value["base_dir"]))}, inst_data=inst_data)
