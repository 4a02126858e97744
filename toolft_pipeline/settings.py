"""What an agent file may say: one YAML file declares one agent, and everything built for it follows from there.

Invariant: every key has its meaning and its default here and nowhere else. Defaults are the published recipe for
fine-tuning a small tool-calling model (QLoRA, Dettmers et al. 2023: NF4, double quantization, bf16 compute; LoRA on
all seven projections).
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _regular_expressions(value: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in value:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression ({error})") from error
    return value


class LogSettings(_Section):
    """Where the agent's production logs lie."""

    folder: str = "logs"
    """Folder of the logs, relative to the agent file; one file a day or several, named YYYY-MM-DD, perhaps
    more, and an ending. A trace's spans are joined over all files of one day."""
    format: Literal[
        "auto",
        "openai",
        "langchain",
        "anthropic",
        "atif",
        "langsmith",
        "otel",
        "langfuse",
        "mlflow",
        "agents_sdk",
        "span_rows",
    ] = "auto"
    """How runs stand in a file. One a line: OpenAI chat, LangChain `messages_to_dict`, Anthropic messages, ATIF. As
    spans that are joined by trace: LangSmith runs, OpenTelemetry (OTLP JSON with the attributes of GenAI, OpenInference
    or the Vercel AI SDK; Tempo's answers too), Langfuse observations, MLflow traces, the OpenAI Agents SDK's traces,
    and spans as plain objects, which Arize Phoenix and `ReadableSpan.to_json` write. `auto` takes it from the first
    lines of each file and says what it took."""
    remote_parents: bool = False
    """Whether traces may begin below a span that these logs never hold, as another service's. Where a span says itself
    whether its parent is remote (OTLP's flags, Langfuse's root observations), that counts; elsewhere a trace with a
    missing parent is refused as incomplete: it may be a part of a run over midnight."""
    side_calls: tuple[str, ...] = ()
    """Model calls of a trace that are not the agent's own turns and are left out: those that write titles or tags, or
    guard an answer. Each is a pattern as of file names (`title*`, case ignored) that a call's name or model matches.
    Without it a trace with such calls is refused, for they are not one conversation."""
    golden: str | None = None
    """File of golden runs (same format), relative to the agent file: they skip the outcome rule and no other."""
    max_line_bytes: int = Field(4_000_000, gt=0)
    """A longer line is rejected before it is parsed. Images in base64 are a third larger than their files: raise it
    for agents whose tools answer with several of them."""
    max_image_bytes: int = Field(3_000_000, gt=0)
    """A run that shows a larger image (as a file) is rejected before the image is decoded from base64."""
    max_image_pixels: int = Field(16_000_000, gt=0)
    """A run that shows an image of more pixels, by its header, is rejected before a pixel is decoded: 16 million take
    64 MB, and no processor looks at more than a few."""


class CatalogSettings(_Section):
    """Where the tools that exist today are declared; exactly one source."""

    file: str | None = None
    """JSON file in MCP, OpenAI, Anthropic or Bedrock shape, relative to the agent file."""
    module: str | None = None
    """Importable module whose Pydantic models are the tools."""
    mcp: bool = False
    """Ask the sandbox's own MCP server (`tools/list`); its reset and snapshot tools are left out."""
    renames: str | None = None
    """renames.yaml, relative to the agent file: old tool name -> new tool name."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum((self.file is not None, self.module is not None, self.mcp)) != 1:
            raise ValueError("name exactly one source: file, module or mcp")
        return self


class SandboxSettings(_Section):
    """The backend to replay runs and roll out models on: an MCP server that can be reset and can show its state."""

    command: tuple[str, ...] = Field(min_length=1)
    """The server's command line over stdio; a first word `python` means the interpreter that runs the pipeline."""
    env: dict[str, str] = {}
    """Variables added to the server's environment."""
    reset_tool: str = "sandbox_reset"
    """Tool that rebuilds a named state: called with {"state_ref": text}; the model never sees it."""
    snapshot_tool: str = "sandbox_snapshot"
    """Tool that returns the whole state as JSON text; the model never sees it."""
    volatile: tuple[str, ...] = ()
    """Keys whose values differ from run to run (times, request ids): masked in results and states alike."""
    start_timeout_s: float = Field(30.0, gt=0)
    call_timeout_s: float = Field(10.0, gt=0)
    trajectory_timeout_s: float = Field(60.0, gt=0)
    sessions: int = Field(2, ge=1)
    """Servers run side by side; a placement choice that enters no fingerprint."""


class BaseModelSettings(_Section):
    """The open model to fine-tune; exactly one source."""

    package: str | None = None
    """An installed Python distribution that carries the model as one GGUF file."""
    folder: str | None = None
    """A folder in Hugging Face layout, relative to the agent file or absolute."""
    hub: str | None = None
    """A hub id such as google/gemma-3-4b-it."""
    revision: str | None = None
    """Commit of the hub id; a branch name moves under your feet."""
    sha256: str | None = None
    """Pinned digest of the GGUF file, refused when it differs."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(value is not None for value in (self.package, self.folder, self.hub)) != 1:
            raise ValueError("name exactly one source: package, folder or hub")
        return self


class CatalogMode(StrEnum):
    """What of the tool catalog stands in the prompt."""

    NONE = "none"
    NAMES = "names"
    FULL = "full"


class LongRows(StrEnum):
    """What becomes of a row above the limit. A row is cut where a user turn or a step begins, never within a turn, and
    no turn is trained on a history that lacks what the turn speaks of. Rows and loss tokens lost are counted."""

    DROP = "drop"
    """It is left out."""
    CUT_FRONT = "cut_front"
    """Its oldest turns are left out until it fits. The system prompt stays, and so does the request that the first kept
    step belongs to."""
    SPLIT = "split"
    """It becomes several rows, each with the system prompt and, as context without loss, as many of the turns before as
    fit into half of `max_length`: every turn is trained once, at the price of saying its context again."""


class ChatSettings(_Section):
    """How a conversation becomes text."""

    format: str = "gemma3"
    """Name of a registered chat format."""
    catalog_mode: CatalogMode = CatalogMode.NONE
    """`none` is the point of the exercise: the model knows its tools by heart."""
    system_prompt: Literal["keep", "strip", "strip_tools"] | str = "keep"
    """`keep` the logged one, `strip` it, or `replace: <text>` written as the text itself after `replace:`.
    `strip_tools` keeps it but for a tool list that was pasted into it: JSON of tools in MCP or OpenAI shape, half of
    which today's catalog has, and lines that each list a tool by its name, its signature or the words of its
    description, where they name half of the catalog; with them go the heading, code fence or tags around them. Advice
    on a tool stays, and so do examples of calls. Parts of a prompt are left out and counted, none is rewritten."""
    thinking: Literal["drop", "keep"] = "drop"
    """Whether reasoning of earlier turns is rendered."""
    max_length: int = Field(4096, gt=0)
    """Tokens of a row at most; `long_rows` says what becomes of a longer one. It is counted in any case."""
    long_rows: LongRows = LongRows.DROP
    """What becomes of a row that is longer than `max_length`."""
    images: Literal["drop_row", "refuse"] = "drop_row"
    """What becomes of a run that shows images where the chat format renders none (all but gemma4) or the base has no
    processor: it has no row and is counted, or chat_rows stops with one line. Where images can be rendered they are."""


class PersonalData(StrEnum):
    """Kinds of personal data that a form or a checksum gives away."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    NATIONAL_ID = "national_id"
    IP_ADDRESS = "ip_address"


class RedactionSettings(_Section):
    """What is replaced by surrogates before anything is trained on it. Secrets always are: no setting keeps one."""

    personal_data: tuple[PersonalData, ...] = tuple(PersonalData)
    """Kinds that are replaced."""
    allow: tuple[str, ...] = ()
    """Regular expressions of personal data that stays, because it is public or made up: each must match a whole value
    or, for an e-mail address, its whole domain. Domains reserved for examples (RFC 2606) stay anyhow."""
    phone_regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Countries (US, DE, ...) whose phone numbers are also found where they stand without their country's code."""
    patterns: tuple[str, ...] = ()
    """Regular expressions of secrets of your own, in RE2's syntax (no looking ahead or back): what the last group holds
    is replaced, or the whole match where there is none. They go like any secret, whatever `allow` says."""

    @field_validator("patterns")
    @classmethod
    def _secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        import re2

        options = re2.Options()
        options.log_errors = False
        for pattern in value:
            try:
                found = re2.compile(pattern, options).search("")
            except re2.error as error:
                raise ValueError(
                    f"{pattern!r} is no regular expression of RE2 ({error}): see google/re2's syntax"
                ) from error
            if found:
                raise ValueError(f"{pattern!r} matches the empty text: say what it must hold at least")
        return value

    @field_validator("allow")
    @classmethod
    def _expressions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _regular_expressions(value)


class Grounded(StrEnum):
    """Kinds of things that an agent says or asks for and must have been told."""

    IDS = "ids"
    NUMBERS = "numbers"
    DATES = "dates"
    CHOICES = "choices"
    BACKEND_VALUES = "backend_values"


Untold = Literal["refuse", "accept"]


class GroundingSettings(_Section):
    """What becomes of a run that says or asks for something that no message, no result and no word of the catalog told,
    by its kind: `refuse` the run, or `accept` it."""

    ids: Untold = "refuse"
    """Ids, codes, addresses and numbers of more than 15 digits in an answer, compared character by character; and
    statements about an id that no call asked about. Accept for an agent that answers on ids without a call."""
    numbers: Untold = "refuse"
    """Other numbers in an answer. Counts, sums, differences, products, percentages and roundings of told numbers are
    told. Accept for an agent that works out other figures in its head."""
    dates: Untold = "refuse"
    """Dates and times of day in an answer. Accept for an agent that knows today's date or reckons with dates."""
    choices: Untold = "refuse"
    """A choice (`enum`) of a parameter that nobody named where another choice of it was named."""
    backend_values: Untold = "refuse"
    """Names, ids and states that stand in the sandbox's initial state and that the agent used before anything told
    them. Asked where runs are replayed."""

    @model_validator(mode="before")
    @classmethod
    def _all_or_nothing(cls, value: Any) -> Any:
        return dict.fromkeys(cls.model_fields, "refuse" if value else "accept") if isinstance(value, bool) else value

    def refuses(self, kind: Grounded) -> bool:
        """Whether a run is refused for an untold thing of a kind."""
        return bool(getattr(self, kind.value) == "refuse")

    @property
    def asks(self) -> bool:
        """Whether messages alone are asked about: all kinds but the backend's values."""
        return any(self.refuses(kind) for kind in Grounded if kind is not Grounded.BACKEND_VALUES)


class VerificationSettings(_Section):
    """Which runs are true: limits of the rules."""

    require_replay: bool = True
    """Whether a run that cannot be replayed (no sandbox, no recorded initial state), or whose replay proves too little
    (no recorded final state), is rejected. Where a run can be replayed, its results are compared either way."""
    accept_unknown_outcome: bool = False
    """Whether a run counts as a success where its log does not say how it ended."""
    allow_consecutive_system_turns: bool = False
    """Whether a system turn may follow another, as OpenAI's `developer` message follows `system`: all chat formats
    render each as a turn of its own, gemma3 the second one as a user turn, for the family has no system turn."""
    allow_system_turns_midway: bool = False
    """Whether a system or developer turn (a reminder, a locale) may stand behind a user turn, a result or an answer.
    All chat formats render it where it stands, gemma3 as a user turn."""
    allow_consecutive_user_turns: bool = False
    allow_user_turn_after_result: bool = False
    """Whether a user turn may follow a tool's result before the assistant has spoken: people interrupt. In logs of
    Anthropic messages it always may, for there a user turn holds the results and may add text."""
    opening_assistant_turn: Literal["refuse", "keep", "drop"] = "refuse"
    """What becomes of a run in which the assistant speaks first, as with a greeting: it is rejected; `keep` teaches the
    greeting, which needs a system turn before it (a model cannot be asked without any message), and so no
    `chat.system_prompt: strip`; `drop` leaves the greeting out."""
    cut_trailing_user_turns: bool = False
    """Whether user turns at the end of a run that nobody answered ("Thanks!") are cut off. Otherwise such a run is
    rejected."""
    allow_dangling_call: bool = False
    """Whether a run may end in a tool turn: its last results are then never spoken of."""
    allow_final_call: bool = False
    """Whether a run may end in calls without results, as rows of fine-tuning sets do. A replay makes such calls, and
    has no result to compare theirs with."""
    allow_unoffered_tools: bool = False
    """Whether a run may call tools beside those that its own log line offers: for logs that show the tools of a run's
    last request only."""
    max_turns: int = Field(40, gt=0)
    """Assistant turns of a run at most."""
    max_repeats: int = Field(2, ge=1)
    """How often one call (name and arguments) may stand in a run."""
    max_error_share: float = Field(0.5, ge=0, le=1)
    """Share of a run's tool results that may be errors."""
    error_forms: tuple[str, ...] = ()
    """Regular expressions of how this agent's failed calls begin, beside the usual ones: "Error: ", the words of MCP's,
    LangGraph's and OpenAI's libraries, a JSON object with `error` or `"isError": true`. They decide which results count
    as errors above, and a run's category. An example: "tool failed \\(\\d+\\)"."""
    redaction: RedactionSettings = RedactionSettings()
    grounding: GroundingSettings = GroundingSettings()
    """What becomes of a run that says or asks for what nothing told; `true` refuses every kind, `false` accepts all."""
    min_accepted: int = Field(1, ge=0)
    """Accepted runs of a day below which its check warns."""
    max_acceptance_drop: float = Field(0.2, ge=0, le=1)
    """How far a day's accepted share may lie below the mean of the window's days before it; below that its check
    warns: an agent's logger or a catalog that changed unseen shows here first."""
    min_runs_per_tool: int = Field(3, ge=0)
    """Accepted runs of a day that call a tool, below which the day's metadata names it."""

    @field_validator("error_forms")
    @classmethod
    def _forms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in _regular_expressions(value):
            if re.match(pattern, ""):
                raise ValueError(f"{pattern!r} matches an empty result, and so every one; say how a failure begins")
        return value


CategoryName = Literal[
    "single_call", "parallel_calls", "multi_step", "error_then_retry", "error_then_explain", "no_tool"
]
"""The categories of `trajectories.category`, which lies above this module."""


class CurationSettings(_Section):
    """Which true runs teach."""

    near_duplicate_threshold: float = Field(0.85, gt=0, le=1)
    """Jaccard similarity of 3-gram sets (task text and call sequence) at which two runs are near-duplicates. Runs whose
    calls returned something else never are: another balance is another answer. What differs in every result and means
    nothing (how long a search took) belongs into `sandbox.volatile`; times and random ids that no answer repeats do
    not count anyhow."""
    validation_share: float = Field(0.08, ge=0, lt=1)
    """Share of task keys held out for the validation loss."""
    min_rows_per_tool: int = Field(1, ge=0)
    """Training rows that each tool keeps, whatever side its tasks hash to and whatever a cap says."""
    max_rows_per_task: int | None = Field(None, ge=1)
    """Training rows of one task key at most, golden and older runs first; None is all."""
    max_rows_per_kind: int | None = Field(None, ge=1)
    """Training rows of one kind (category and set of tools) at most, golden and older runs first; None is all."""
    weights: dict[CategoryName, Annotated[int, Field(ge=1)]] = {}
    """How often the training rows of a category are repeated, by category; once where it is not named."""
    repeat_tools_to: int = Field(0, ge=0)
    """Training rows, repeats included, that each tool is brought to by repeating its rows; 0 repeats none."""
    max_weight: int = Field(4, ge=1)
    """How often one row is repeated at most: a handful of rows said a hundred times is learned by heart."""
    seed: int = 0


class IncumbentSettings(_Section):
    """Prices of the model that runs the agent now, in any one currency; what is not given is not reckoned."""

    price_per_million_prompt_tokens: float | None = Field(None, ge=0)
    price_per_million_completion_tokens: float | None = Field(None, ge=0)


class ReadinessSettings(_Section):
    """When fine-tuning is worth it: what the readiness report wants of the window's logs."""

    min_fit: float = Field(0.9, ge=0, le=1)
    """Share of the runs that call only tools that exist today."""
    min_runs: int = Field(100, ge=0)
    """Accepted runs; the published recipe does not hold below 100 training rows."""
    min_repeated: float = Field(0.8, ge=0, le=1)
    """Share of the accepted runs that are of a kind (category and set of tools) seen more than once."""
    min_accepted: float = Field(0.5, ge=0, le=1)
    """Share of the logged runs that pass every rule."""
    min_failing: float = Field(0.01, gt=0, le=1)
    """Share of the runs with a call that does not parse or validate: reason enough to fine-tune."""
    min_catalog_share: float = Field(0.3, gt=0, le=1)
    """The catalog's share of what a turn reads: the other reason that is enough."""
    min_runs_per_tool: int = Field(5, ge=0)
    """Accepted runs that call a tool, below which its check warns."""


class TrainingSettings(_Section):
    """How the adapter is trained."""

    quantization: Literal["nf4", "none"] = "nf4"
    lora_r: int = Field(16, gt=0)
    lora_alpha: int = Field(32, gt=0)
    lora_dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    learning_rate: float = Field(2e-4, gt=0)
    warmup_ratio: float = Field(0.05, ge=0, lt=1)
    batch_size: int = Field(1, gt=0)
    gradient_accumulation: int = Field(8, gt=0)
    epochs: float = Field(1.0, gt=0)
    packed_length: int = Field(512, gt=0)
    """Tokens of one packed batch row (best-fit-decreasing, block-diagonal attention). A longer row is not cut: it is
    trained in a packed row of its own, and the log says what that costs in memory."""
    token_budget: int | None = Field(None, gt=0)
    """Tokens of distinct rows at most, drawn evenly over categories and their tools; None trains on all."""
    seed: int = 0
    save_steps: int = Field(50, gt=0)
    compute_type: Literal["auto", "bf16", "fp32"] = "auto"
    """Number type that training, decoding and the checks of a merge compute in. `auto` takes bf16 where the machine
    multiplies it fast and float32 elsewhere, as on CPUs that emulate bf16. A placement choice that enters no
    fingerprint: the base is quantized, and the model is merged and saved, in the same way either way."""
    max_hours: float | None = Field(6.0, gt=0)
    """Hours that training may take by its estimate. Above that it does not start: `toolft run` asks on a terminal, and
    stops where nobody can be asked. None is no limit. It enters no fingerprint."""
    memory_check: Literal["refuse", "warn"] = "refuse"
    """What happens where training needs more memory than is free by the estimate: it is refused before a weight is
    loaded, or it goes ahead with the figures in the log. It enters no fingerprint."""
    peft: dict[str, Any] = {}
    """Anything else for `peft.LoraConfig`, by its own names."""
    sft: dict[str, Any] = {}
    """Anything else for `trl.SFTConfig`, by its own names."""


TRAINING_PLACEMENT = frozenset({"save_steps", "compute_type", "max_hours", "memory_check"})
"""Keys of `training` that say how the machine does the work, not what is learned: they enter no fingerprint."""


class EndpointSettings(_Section):
    """A model behind an OpenAI-compatible endpoint, to compare with. Prices in any one currency; 0 is not reckoned."""

    base_url: str = Field(pattern=r"^https?://")
    """Where the API begins, such as https://HOST/v1."""
    model: str = Field(min_length=1)
    """The model's name there. A name that the provider moves keeps its old evaluation: name a dated one."""
    key_from: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the key; null for a server that wants none."""
    price_per_million_prompt_tokens: float = Field(0.0, ge=0)
    price_per_million_completion_tokens: float = Field(0.0, ge=0)
    machine_hour_price: float = Field(0.0, ge=0)
    """Price of the machine's hour, for a model that you serve yourself."""
    parallel: int = Field(4, ge=1)
    """Requests under way at once."""
    timeout_s: float = Field(120.0, gt=0)
    """Seconds until a request is given up and tried again."""
    retries: int = Field(5, ge=0)
    """Tries beyond the first after 429, 5xx, a cut answer or a time-out, with growing pauses."""
    request: dict[str, Any] = {}
    """Anything else for the request, by the protocol's own names; null leaves out what is sent otherwise: max_tokens,
    temperature 0, seed 0."""

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers: prices, the key and pauses do not."""
        return {"base_url": self.base_url, "model": self.model, "request": self.request}


_COMPARED_BY_NAME = frozenset({"candidate", "in_service", "base", "base_catalog", "incumbent"})


class EvaluationSettings(_Section):
    """How models are judged."""

    tasks: str = "tasks.jsonl"
    """File of evaluation tasks, relative to the agent file."""
    max_tasks: int | None = Field(None, gt=0)
    """Tasks drawn evenly over categories and families; None takes all."""
    few_shot_tasks: int | None = Field(None, gt=0)
    """Of these, how many the untuned base is asked, which reads examples in every prompt; None is all."""
    catalog_tasks: int | None = Field(24, gt=0)
    """Of these, how many a model is asked that reads the full catalog: thousands of tokens a prompt; None is all."""
    max_turns: int = Field(12, gt=0)
    """Assistant turns of one rollout at most."""
    max_new_tokens: int = Field(192, gt=0)
    """Tokens of one assistant turn at most."""
    max_task_tokens: int | None = Field(2048, gt=0)
    """Tokens of all assistant turns of one rollout at most; None is no limit."""
    max_task_s: float | None = Field(600.0, gt=0)
    """Seconds of the machine that one rollout takes at most, model and backend: a guard against a model or a backend
    that crawls, not a measure. None is no limit."""
    batch_size: int = Field(16, gt=0)
    """Rollouts decoded side by side; a placement choice that enters no fingerprint."""
    probes: bool = True
    """Whether models are also asked the fixed questions on general ability, so that forgetting shows."""
    few_shot: int = Field(4, ge=0)
    """Golden runs shown to the untuned base in its prompt."""
    extra_calls: int = Field(1, ge=0)
    """Calls beyond the plan that a rollout may make."""
    compare: tuple[str, ...] = ("base",)
    """Models beside the candidate: `base` (few-shot), `base_catalog` (full catalog), a base-model package name, or a
    name of `endpoints`."""
    endpoints: dict[str, EndpointSettings] = {}
    """OpenAI-compatible endpoints by the name that they have in reports; asked where `compare` names them, on as many
    tasks as `catalog_tasks` says: they read the full catalog."""
    machine_hour_price: float = Field(0.0, ge=0)
    """Price of one hour of this machine, for the cost per 1,000 tasks."""
    bfcl: str | None = None
    """Folder of the Berkeley Function Calling Leaderboard's files (`data` in the package bfcl-eval), relative to the
    agent file or absolute: every model of the report is also asked its single-turn Python sets, with the questions' own
    tools in the prompt. Like general ability it is no part of the gate."""
    bfcl_questions: int | None = Field(25, gt=0)
    """Questions of each of the four sets; None is all 1,040."""

    @field_validator("endpoints")
    @classmethod
    def _names_are_free(cls, value: dict[str, EndpointSettings]) -> dict[str, EndpointSettings]:
        if taken := sorted(_COMPARED_BY_NAME & value.keys()):
            raise ValueError(f"{', '.join(taken)} is the name of another model in reports; choose another")
        return value


class ShadowSettings(_Section):
    """A second gate, on production's own work: verified runs of the newest day, done again by the candidate."""

    runs: int = Field(0, ge=0)
    """How many runs at most; those that the candidate was not trained on come first. 0 asks for no shadow gate."""
    min_runs: int = Field(10, gt=0)
    """A day with fewer runs that can be replayed refuses the candidate."""
    task_success: float = Field(0.5, ge=0, le=1)
    """What the lower end of the interval of the runs done right must reach."""


class GateSettings(_Section):
    """What a candidate must show: the lower end of each 95 % interval against a threshold."""

    parse_rate: float = Field(0.95, ge=0, le=1)
    right_tool: float = Field(0.8, ge=0, le=1)
    valid_arguments: float = Field(0.8, ge=0, le=1)
    task_success: float = Field(0.0, ge=0, le=1)
    margin: float = Field(0.0, ge=0, le=1)
    """How much worse than the model in service the candidate may be, at the lower end of the paired interval. With 0
    it must be shown to be better: a tie, and a lead that may be chance, keep the champion."""
    min_tasks: int = Field(20, gt=0)
    """A thinner test set refuses every candidate."""
    shadow: ShadowSettings = ShadowSettings()


class ScheduleSettings(_Section):
    """When the night starts, what starts by itself, and when a night is not worth a model."""

    hour: int = Field(2, ge=0, le=23)
    time_zone: str = "UTC"
    running: bool = False
    """Whether the nightly schedule, the sensors and the automation of this agent run as soon as the daemon does. Until
    then a person starts each in the UI. What was switched there by hand stays as it was switched."""
    min_new_rows: int = Field(10, ge=1)
    """Accepted runs that are new since the last model, below which the night makes no model."""
    settle_s: float = Field(300.0, ge=0)
    """Seconds that a log file must lie unchanged before its day is read: a file that is still being written waits."""


class WebhookSettings(_Section):
    """Where an alert is posted."""

    url_from: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the URL; whoever knows the URL can post, so it stands in no file."""


class EmailSettings(_Section):
    """How an alert is mailed."""

    host: str = Field(min_length=1)
    port: int = Field(587, gt=0, lt=65536)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` refuses a server that does not offer it; `none` is for a relay on this machine."""
    sender: str = Field(min_length=3)
    to: tuple[str, ...] = Field(min_length=1)
    user: str | None = None
    """Name to log in with; None sends without a login."""
    password_from: str = Field("TOOLFT_SMTP_PASSWORD", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the password; read where `user` is set."""


class AlertSettings(_Section):
    """Who is told when a run or a tick fails or an asset is late, and by which ways. Each way is tried; where all of
    them fail, the alert is sent again for a quarter of an hour."""

    webhook: WebhookSettings | None = None
    """A POST of one JSON object: agent, stage, day, days, error, run_id, run_ids, text; `day` is null for
    several."""
    slack: WebhookSettings | None = None
    """A Slack incoming webhook."""
    email: EmailSettings | None = None
    timeout_s: float = Field(10.0, gt=0)
    """Seconds until one way is given up."""
    ui: str = Field("http://127.0.0.1:3000", pattern=r"^https?://")
    """Where people reach the UI: alerts link to the run there."""


class RetentionSettings(_Section):
    """What `toolft prune` leaves beside what is in force, what serves, and all that either was made from."""

    keep_days: int = Field(30, ge=1)
    """Days that a version stays after another came into force in its place."""
    keep_versions: int = Field(2, ge=1)
    """Versions of a partition that stay at the least, the one in force among them."""
    merged_models: int = Field(3, ge=1)
    """Newest as-of days whose merged models keep their weights. Of older ones the manifest stays, and the adapter makes
    the weights again."""
    served_models: int = Field(2, ge=2)
    """Models that keep their weights because they serve or served last: a rollback finds them whole. Two at the least:
    a model that serves is judged again beside the one before it."""
    hour: int = Field(12, ge=0, le=23)
    """When the schedule `<agent>_prune` runs, in `schedule.time_zone`."""


class AgentSettings(_Section):
    """One agent. `name` and `folder` come from where the file lies."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    folder: Path
    description: str = ""
    owner: str = Field("team:ml-platform", min_length=3)
    """Shown on every asset: `team:NAME` or an e-mail address."""
    first_day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    """First day of logs: where the daily partitions begin."""
    window_days: int = Field(30, ge=1, le=99)
    """Days that a model is trained on; Dagster's staleness ignores 100 or more upstream partitions."""
    logs: LogSettings = LogSettings()
    catalog: CatalogSettings
    sandbox: SandboxSettings | None = None
    base_model: BaseModelSettings
    chat: ChatSettings = ChatSettings()
    verification: VerificationSettings = VerificationSettings()
    curation: CurationSettings = CurationSettings()
    incumbent: IncumbentSettings = IncumbentSettings()
    readiness: ReadinessSettings = ReadinessSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()
    retention: RetentionSettings = RetentionSettings()

    @model_validator(mode="after")
    def _shadow_needs_a_sandbox(self) -> Self:
        if self.gate.shadow.runs and self.sandbox is None:
            raise ValueError("gate.shadow.runs needs a backend to replay on: name a sandbox, or set it to 0")
        return self

    def path(self, relative: str) -> Path:
        """A path of the agent file, resolved against the file's folder."""
        return (self.folder / relative).resolve()
