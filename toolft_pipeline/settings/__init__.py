"""The keys of an agent file. One YAML file declares one agent and everything that is built for it.

Invariant: every key has its meaning and its default here and nowhere else. Defaults are the published recipe for
fine-tuning a small tool-calling model (QLoRA, Dettmers et al. 2023: NF4, double quantization, bf16 compute; LoRA on
all seven projections).
"""

from toolft_pipeline.settings.agent import AgentSettings
from toolft_pipeline.settings.alerts import AlertSettings, EmailSettings, WebhookSettings
from toolft_pipeline.settings.answers import AnswerFormsSettings
from toolft_pipeline.settings.base_model import BaseModelSettings
from toolft_pipeline.settings.catalog import CatalogSettings
from toolft_pipeline.settings.chat import CatalogMode, ChatSettings, LongRows, LossOnFailedCalls
from toolft_pipeline.settings.curation import CategoryName, CurationSettings
from toolft_pipeline.settings.evaluation import EndpointSettings, EvaluationSettings, RolloutClientName
from toolft_pipeline.settings.gate import FirstModelSettings, GateSettings, ShadowSettings
from toolft_pipeline.settings.logs import LogSettings
from toolft_pipeline.settings.managed import ManagedApi, ManagedSettings
from toolft_pipeline.settings.readiness import IncumbentSettings, ReadinessSettings
from toolft_pipeline.settings.redaction import PersonalData, RedactionSettings
from toolft_pipeline.settings.retention import RetentionSettings
from toolft_pipeline.settings.sandbox import SandboxSettings
from toolft_pipeline.settings.schedule import ScheduleSettings
from toolft_pipeline.settings.serving import CanarySettings, EngineName, EngineSettings, ServingSettings
from toolft_pipeline.settings.training import (
    ENTERS_IF_CHANGED,
    TRAINING_PLACEMENT,
    Method,
    Processes,
    TrainingSettings,
    changed_from_default,
    quantization_of,
)
from toolft_pipeline.settings.verification import (
    Grounded,
    GroundingSettings,
    LoggedAnswerSettings,
    OnUngrounded,
    VerificationSettings,
)

__all__ = [
    "ENTERS_IF_CHANGED",
    "TRAINING_PLACEMENT",
    "AgentSettings",
    "AlertSettings",
    "AnswerFormsSettings",
    "BaseModelSettings",
    "CanarySettings",
    "CatalogMode",
    "CatalogSettings",
    "CategoryName",
    "ChatSettings",
    "CurationSettings",
    "EmailSettings",
    "EndpointSettings",
    "EngineName",
    "EngineSettings",
    "EvaluationSettings",
    "FirstModelSettings",
    "GateSettings",
    "Grounded",
    "GroundingSettings",
    "IncumbentSettings",
    "LogSettings",
    "LoggedAnswerSettings",
    "LongRows",
    "LossOnFailedCalls",
    "ManagedApi",
    "ManagedSettings",
    "Method",
    "OnUngrounded",
    "PersonalData",
    "Processes",
    "ReadinessSettings",
    "RedactionSettings",
    "RetentionSettings",
    "RolloutClientName",
    "SandboxSettings",
    "ScheduleSettings",
    "ServingSettings",
    "ShadowSettings",
    "TrainingSettings",
    "VerificationSettings",
    "WebhookSettings",
    "changed_from_default",
    "quantization_of",
]
