"""The settings of the lakehouse: conf/lakehouse.toml, an optional overlay, and environment variables on top."""

import difflib
import os
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypedDict

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lakehouse.errors import SettingsError, settings_error
from lakehouse.kafka_security import KafkaSecurity

PREFIX = "LAKEHOUSE_"
# Variables that choose where settings come from, and so cannot be settings themselves.
CONF_VARIABLE = "LAKEHOUSE_CONF"
ENV_VARIABLE = "LAKEHOUSE_ENV"

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewTopics(TypedDict):
    partitions: int
    replication_factor: int
    retention_ms: int
    timeout_seconds: float


class Kafka(KafkaSecurity):
    bootstrap_servers: str
    embedded_port: Annotated[int, Field(ge=0, le=65535)]
    users_topic: Name
    movies_topic: Name
    series_topic: Name
    feedback_topic: Name
    partitions: Count
    replication_factor: Count
    retention_ms: Annotated[int, Field(ge=-1)]
    connect_timeout_seconds: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _embedded_is_plaintext(self) -> Self:
        if self.security_protocol != "PLAINTEXT" and not self.bootstrap_servers:
            raise ValueError(
                f"kafka.security_protocol = {self.security_protocol} needs kafka.bootstrap_servers: "
                "the embedded broker speaks PLAINTEXT only"
            )
        return self

    @property
    def catalogue_topics(self) -> tuple[str, str, str]:
        return (self.users_topic, self.movies_topic, self.series_topic)

    @property
    def topics(self) -> tuple[str, str, str, str]:
        return (*self.catalogue_topics, self.feedback_topic)

    @property
    def new_topics(self) -> NewTopics:
        """How topics are made, as keyword arguments of lakehouse.topics.ensure_topics."""
        return NewTopics(
            partitions=self.partitions,
            replication_factor=self.replication_factor,
            retention_ms=self.retention_ms,
            timeout_seconds=self.connect_timeout_seconds,
        )


class Bronze(Section):
    max_offsets_per_trigger: Count
    fetch_max_wait_ms: Annotated[int, Field(ge=0)]


class Silver(Section):
    max_bytes_per_trigger: Name
    future_tolerance_seconds: Annotated[int, Field(ge=0)]
    clasificaciones: Annotated[tuple[Name, ...], Field(min_length=1)]


class Affinity(Section):
    genre_weight: Weight
    director_weight: Weight
    actor_weight: Weight
    rating_weight: Weight
    decade_weight: Weight
    titles_per_user: Count


class Feedback(Section):
    liked_from: Annotated[float, Field(ge=0.5, le=5)]
    like_weight: Positive
    view_weight: Weight
    dislike_weight: Weight
    recency_titles: Positive


class Als(Section):
    ranks: Annotated[tuple[Count, ...], Field(min_length=1)]
    iterations: Count
    regularization: Positive
    alpha: Positive
    holdout: Annotated[float, Field(gt=0, lt=1)]
    seed: int


class Blend(Section):
    taste_weight: Weight
    popularity_weight: float
    new_title_weight: Weight


class Values(Section):
    rank: Count
    iterations: Count
    regularization: Positive
    title_shrinkage: Positive
    user_shrinkage: Positive
    recency_ratings: Positive


class Models(Section):
    # those of gold.model_metrics that say how good a model is
    metric: Literal["rmse", "mae", "ndcg_at_10", "map_at_10", "precision_at_10", "recall_at_10", "hit_rate_at_10"]
    margin: Share
    keep: Count


class Recommendations(Section):
    titles_per_user: Count


class Popularity(Section):
    trend_days: Count


class Gold(Section):
    affinity: Affinity
    feedback: Feedback
    als: Als
    blend: Blend
    values: Values
    models: Models
    recommendations: Recommendations
    popularity: Popularity


class Export(Section):
    formulas: Literal["keep", "escape"]


class Report(Section):
    users: Count
    samples_per_rule: Count


class Quality(Section):
    max_quarantined_share: Share
    max_unknown_references: Share
    min_rows: Count
    min_rows_ratio: Share
    max_rows_ratio: Annotated[float, Field(ge=1)]
    max_age_hours: Annotated[float, Field(gt=0)]
    max_drift: Share
    may_be_empty: tuple[Name, ...]
    may_be_null: tuple[Name, ...]


class Demo(Section):
    users: Count
    titles: Annotated[int, Field(ge=2)]
    feedback: Count
    dirty: Share
    seed: int


class Up(Section):
    rate: Annotated[float, Field(gt=0)]
    trigger_seconds: Annotated[float, Field(ge=0)]
    gold_every_seconds: Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """All settings, frozen. Functions receive the values they need, never this object."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        case_sensitive=False,
        hide_input_in_errors=True,
    )
    files: ClassVar[tuple[Path, ...]] = ()

    root: Name
    kafka: Kafka
    bronze: Bronze
    silver: Silver
    gold: Gold
    export: Export
    report: Report
    quality: Quality
    demo: Demo
    up: Up

    @property
    def ops_dir(self) -> Path:
        """Where the running lakehouse keeps its own records: under a local root, else ./data/ops."""
        return Path("data/ops").resolve() if "://" in self.root else Path(self.root) / "ops"

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str) -> str:
        return root.rstrip("/") if "://" in root else str(Path(root).expanduser().resolve())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = [TomlConfigSettingsSource(settings_cls, path) for path in reversed(cls.files)]
        return (init_settings, env_settings, *files)


def conf_dir() -> Path:
    """The folder of the configuration: LAKEHOUSE_CONF, else ./conf, else the one beside the installed code."""
    chosen = os.environ.get(CONF_VARIABLE)
    if chosen:
        if not (Path(chosen) / "lakehouse.toml").is_file():
            raise SettingsError(
                f"{CONF_VARIABLE} = {chosen!r} holds no lakehouse.toml", todo="point it at a conf/ folder"
            )
        return Path(chosen).resolve()
    here = Path("conf").resolve()
    return here if (here / "lakehouse.toml").is_file() else Path(__file__).resolve().parent.parent / "conf"


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once per process. Raises SettingsError naming every wrong key."""
    _refuse_unknown_variables()
    files = [conf_dir() / "lakehouse.toml"]
    overlay = os.environ.get(ENV_VARIABLE)
    if overlay:
        files.append(conf_dir() / f"lakehouse.{overlay}.toml")
    for file in files:
        _refuse_broken(file)
    Settings.files = tuple(files)
    try:
        return Settings()
    except ValidationError as error:
        raise settings_error(error, source=str(files[-1]), secrets=_secrets()) from error
    except ValueError as error:
        # pydantic-settings: an environment variable of a list that is no JSON
        raise SettingsError(str(error), todo="lists are written as JSON in the environment") from error


def _refuse_broken(file: Path) -> None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"no settings file {file}", todo=f"create it or change {ENV_VARIABLE}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is no valid TOML: {error}", todo="correct that line") from error
    for key in _secrets():
        value: object = content
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value:
            variable = PREFIX + key.replace(".", "__").upper()
            other = " or kafka.sasl_password_file" if key == "kafka.sasl_password" else ""
            raise SettingsError(f"{file} holds {key}", todo=f"take it out of there and set {variable}{other}")


def _refuse_unknown_variables() -> None:
    """pydantic-settings passes over variables that name no field; a typing error must not pass."""
    known = {CONF_VARIABLE, ENV_VARIABLE, *variables()}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "conf/lakehouse.toml lists all settings"
            raise SettingsError(f"unknown setting {name} in the environment", todo=hint)


def variables() -> set[str]:
    return {PREFIX + key.replace(".", "__").upper() for key, _ in _keys(Settings)}


def _secrets() -> set[str]:
    """The keys whose values are shown nowhere."""
    return {key for key, kind in _keys(Settings) if kind is SecretStr}


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every setting as section.key, with its type."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _keys(section, f"{prefix}{name}.")
        else:
            yield prefix + name, section
