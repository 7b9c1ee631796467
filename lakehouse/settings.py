"""The settings of the lakehouse: conf/lakehouse.toml, an optional overlay, and environment variables on top."""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self, TypedDict, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from lakehouse.configuration.faults import settings_error
from lakehouse.configuration.gold import GoldSettings
from lakehouse.configuration.kinds import (
    LONG_MAX,
    ColumnName,
    Count,
    Integer,
    Name,
    OpsFolder,
    OptionalText,
    Positive,
    Real,
    Replicas,
    Retention,
    Root,
    Seconds,
    Section,
    Seed,
    Servers,
    Share,
    Size,
    TableName,
    Timeout,
    Topic,
    Url,
)
from lakehouse.configuration.sources import read_sources, variable
from lakehouse.errors import SettingsError
from lakehouse.kafka.security import KafkaSecurity
from lakehouse.paths import is_address
from lakehouse.stores import has_conditional_puts

# Variables that say where settings come from, and so cannot be settings themselves.
CONF_VARIABLE = "LAKEHOUSE_CONF"
ENV_VARIABLE = "LAKEHOUSE_ENV"


class NewTopics(TypedDict):
    partitions: int
    replication_factor: int
    retention_ms: int
    timeout_seconds: float


class KafkaSettings(KafkaSecurity):
    bootstrap_servers: Servers
    embedded_port: Annotated[Integer, Field(ge=0, le=65535)]
    users_topic: Topic
    movies_topic: Topic
    series_topic: Topic
    feedback_topic: Topic
    more_topics: tuple[Topic, ...]
    partitions: Count
    replication_factor: Replicas
    retention_ms: Retention
    connect_timeout_seconds: Timeout

    @model_validator(mode="after")
    def _embedded_is_plaintext(self) -> Self:
        if self.security_protocol != "PLAINTEXT" and not self.bootstrap_servers:
            raise ValueError(
                f"kafka.security_protocol = {self.security_protocol} needs kafka.bootstrap_servers: "
                "the embedded broker speaks PLAINTEXT only"
            )
        return self

    @model_validator(mode="after")
    def _topics_do_not_collide(self) -> Self:
        """Kafka's metrics write a dot as an underscore, so it rejects topics that differ only in these."""
        names = {topic.replace(".", "_"): topic for topic in self.topics}
        for topic in self.topics:
            other = names[topic.replace(".", "_")]
            if other != topic:
                raise ValueError(
                    f"kafka's topics {topic!r} and {other!r} differ only in . and _, which Kafka refuses: "
                    "expected distinct names"
                )
        return self

    @property
    def events_topics(self) -> tuple[str, ...]:
        """All topics but that of feedback, each once: several settings may name one topic."""
        return tuple(dict.fromkeys((self.users_topic, self.movies_topic, self.series_topic, *self.more_topics)))

    @property
    def own_feedback_topics(self) -> tuple[str, ...]:
        """The topic of feedback, unless it is one of the catalogue's."""
        return () if self.feedback_topic in self.events_topics else (self.feedback_topic,)

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic, each once."""
        return (*self.events_topics, *self.own_feedback_topics)

    @property
    def new_topics(self) -> NewTopics:
        """How topics are created, as keyword arguments of lakehouse.kafka.topics.ensure_topics."""
        return NewTopics(
            partitions=self.partitions,
            replication_factor=self.replication_factor,
            retention_ms=self.retention_ms,
            timeout_seconds=self.connect_timeout_seconds,
        )


class BronzeSettings(Section):
    # 0: all; at most a hundred years
    keep_days: Annotated[Integer, Field(ge=0, le=36_500)]
    max_offsets_per_trigger: Annotated[Integer, Field(ge=1, le=LONG_MAX)]
    # Kafka's request.timeout.ms: a fetch that waits longer is given up
    fetch_max_wait_ms: Annotated[Integer, Field(ge=0, lt=30_000)]


class SilverSettings(Section):
    max_bytes_per_trigger: Size
    in_process_rows: Annotated[Integer, Field(ge=0, le=1_000_000)]
    in_process_table_bytes: Size
    # a hundred years: Spark's timestamps have a limit
    future_tolerance_seconds: Annotated[Integer, Field(ge=0, le=3_155_760_000)]
    clasificaciones: Annotated[tuple[Name, ...], Field(min_length=1)]


class ExportSettings(Section):
    formulas: Literal["keep", "escape"]


class ReportSettings(Section):
    users: Count
    samples_per_rule: Count


class QualitySettings(Section):
    max_quarantined_share: Share
    max_unknown_references: Share
    min_rows: Count
    min_rows_ratio: Share
    max_rows_ratio: Annotated[Real, Field(ge=1)]
    max_age_hours: Annotated[Real, Field(gt=0)]
    max_drift: Share
    max_pandas_rows: Count
    samples: Count
    may_be_empty: tuple[TableName, ...]
    may_be_null: tuple[ColumnName, ...]


class Maintenance(Section):
    # a hundred years
    keep_days: Annotated[Integer, Field(ge=0, le=36_500)]


class DemoSettings(Section):
    users: Count
    titles: Annotated[Count, Field(ge=2)]
    feedback: Count
    dirty: Share
    seed: Seed


class UpSettings(Section):
    rate: Positive
    trigger_seconds: Seconds
    gold_every_seconds: Annotated[Seconds, Field(gt=0)]
    maintain_every_hours: Annotated[Real, Field(gt=0)]


class Metrics(Section):
    # 0: off
    port: Annotated[Integer, Field(ge=0, le=65535)]
    address: Name


class Streams(Section):
    retry_seconds: Seconds
    batch_log: Literal["off", "text", "json"]


class OpenLineage(Section):
    """Who gets an event when a job starts and ends: a file or an address, or nobody."""

    namespace: Name
    file: OptionalText
    url: Url

    @property
    def is_on(self) -> bool:
        return bool(self.file or self.url)

    @model_validator(mode="after")
    def _one_receiver(self) -> Self:
        if self.file and self.url:
            raise ValueError("openlineage.file and openlineage.url are both set: expected one of them at most")
        return self


class Settings(BaseModel):
    """All settings, frozen. Functions receive the values they need, never this object."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    root: Root
    ops_folder: OpsFolder
    durable: bool
    kafka: KafkaSettings
    bronze: BronzeSettings
    silver: SilverSettings
    gold: GoldSettings
    export: ExportSettings
    report: ReportSettings
    quality: QualitySettings
    maintenance: Maintenance
    demo: DemoSettings
    up: UpSettings
    streams: Streams
    metrics: Metrics
    openlineage: OpenLineage

    @property
    def ops_dir(self) -> Path:
        """Where this machine logs what it runs: `ops_folder`, under a local root, or the user's state folder."""
        if self.ops_folder:
            return Path(self.ops_folder)
        return _state_folder(self.root) if is_address(self.root) else Path(self.root) / "ops"

    @property
    def shared_ops(self) -> str:
        """Where all machines find the locks, and what has been sent: under the root.

        A store that cannot lock has them in `ops_dir`, for one machine.
        """
        can_lock = not is_address(self.root) or has_conditional_puts(self.root)
        return f"{self.root}/ops" if can_lock else str(self.ops_dir)


def _state_folder(root: str) -> Path:
    """A folder for this root where programs keep their logs (XDG Base Directory Specification)."""
    states = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    bucket = root.partition("://")[2].partition("/")[0]
    return Path(states) / "lakehouse" / f"{bucket}-{hashlib.sha256(root.encode()).hexdigest()[:12]}"


def conf_dir() -> Path:
    """The configuration folder: LAKEHOUSE_CONF, else ./conf, else the one that came with the code."""
    chosen = os.environ.get(CONF_VARIABLE)
    if chosen:
        if not _holds_settings(Path(chosen)):
            raise SettingsError(
                f"{CONF_VARIABLE} = {chosen!r} contains no lakehouse.toml", todo="point it at a conf/ folder"
            )
        return Path(chosen).resolve()
    here, shipped = Path("conf").resolve(), _shipped_conf()
    if not _holds_settings(here) and not _holds_settings(shipped):  # as in a zip archive of the code
        raise SettingsError(
            f"no lakehouse.toml in {here}, nor in {shipped}", todo=f"point {CONF_VARIABLE} at a conf/ folder"
        )
    return here if _holds_settings(here) else shipped


def _shipped_conf() -> Path:
    """The folder inside this package, where a wheel has it; in a checkout, conf/ at its top."""
    package = Path(__file__).resolve().parent
    packaged = package / "conf"
    return packaged if _holds_settings(packaged) else package.parent / "conf"


def _holds_settings(folder: Path) -> bool:
    """Anything with that name counts, even a folder: reading it reports what is wrong with it."""
    return os.path.lexists(folder / "lakehouse.toml")


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once per process. Raises SettingsError naming every wrong key."""
    files = settings_files()
    kinds = dict(_keys(Settings))
    secrets = {key for key, kind in kinds.items() if kind is SecretStr}
    sources = read_sources(
        files,
        keys=kinds,
        lists={key for key, kind in kinds.items() if get_origin(kind) is tuple},
        secrets=secrets,
        others=(CONF_VARIABLE, ENV_VARIABLE),
    )
    try:
        return Settings.model_validate(sources.values)
    except ValidationError as error:
        raise settings_error(error, source=str(files[-1]), secrets=secrets, origins=sources.origins) from error


def settings_files() -> list[Path]:
    """The files that settings are read from; later ones win."""
    return [conf_dir() / "lakehouse.toml", *_overlays()]


def _overlays() -> Iterator[Path]:
    """The file that LAKEHOUSE_ENV selects, if it is set."""
    name = os.environ.get(ENV_VARIABLE)
    if not name:
        return
    if not re.fullmatch(r"[\w.-]+", name):
        raise SettingsError(
            f"{ENV_VARIABLE} = {name!r} is not the name of a settings file",
            todo="use the NAME of a conf/lakehouse.NAME.toml",
        )
    file = conf_dir() / f"lakehouse.{name}.toml"
    if not os.path.lexists(file):
        raise SettingsError(f"no settings file {file}", todo=f"create it or change {ENV_VARIABLE}")
    yield file


def variables() -> set[str]:
    return {variable(key) for key, _ in _keys(Settings)}


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every setting as section.key, with its type."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _keys(section, f"{prefix}{name}.")
        else:
            yield prefix + name, section
