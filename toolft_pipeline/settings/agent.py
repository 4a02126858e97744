"""The whole agent file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from toolft_pipeline.settings.alerts import AlertSettings
from toolft_pipeline.settings.answers import AnswerFormsSettings
from toolft_pipeline.settings.base_model import BaseModelSettings
from toolft_pipeline.settings.catalog import CatalogSettings
from toolft_pipeline.settings.chat import ChatSettings
from toolft_pipeline.settings.curation import CurationSettings
from toolft_pipeline.settings.evaluation import EvaluationSettings
from toolft_pipeline.settings.gate import GateSettings
from toolft_pipeline.settings.logs import LogSettings
from toolft_pipeline.settings.managed import ManagedSettings
from toolft_pipeline.settings.readiness import IncumbentSettings, ReadinessSettings
from toolft_pipeline.settings.retention import RetentionSettings
from toolft_pipeline.settings.sandbox import SandboxSettings
from toolft_pipeline.settings.schedule import ScheduleSettings
from toolft_pipeline.settings.section import Section
from toolft_pipeline.settings.serving import ServingSettings
from toolft_pipeline.settings.training import TrainingSettings
from toolft_pipeline.settings.verification import VerificationSettings


class AgentSettings(Section):
    """One agent. Its name is the name of the folder of its agent file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    folder: Path
    description: str = ""
    """What the agent does; the model card repeats it."""
    owner: str = Field("team:ml-platform", min_length=3)
    """Shown on every asset: `team:NAME` or an e-mail address."""
    first_day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    """First day of logs: the first daily partition."""
    window_days: int = Field(30, ge=1, le=99)
    """Days that a model is trained on. At most 99: Dagster ignores staleness across 100 or more partitions."""
    logs: LogSettings = LogSettings()
    catalog: CatalogSettings
    sandbox: SandboxSettings | None = None
    base_model: BaseModelSettings
    chat: ChatSettings = ChatSettings()
    answers: AnswerFormsSettings = AnswerFormsSettings()
    verification: VerificationSettings = VerificationSettings()
    curation: CurationSettings = CurationSettings()
    incumbent: IncumbentSettings = IncumbentSettings()
    readiness: ReadinessSettings = ReadinessSettings()
    training: TrainingSettings = TrainingSettings()
    managed: ManagedSettings | None = None
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    serving: ServingSettings = ServingSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()
    retention: RetentionSettings = RetentionSettings()

    def path(self, relative: str) -> Path:
        """A path of the agent file, resolved against the file's folder."""
        return (self.folder / relative).resolve()
