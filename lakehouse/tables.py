"""The catalogue of tables: each declared once, with its schema, key, constraints and properties."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pyspark.sql.types import StructType

from lakehouse import schemas
from lakehouse.errors import TableError


@dataclass(frozen=True)
class Table:
    """One table's contract. `checks` maps a constraint's name to the SQL condition that every row meets."""

    layer: str
    name: str
    schema: StructType
    key: tuple[str, ...]
    checks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def sql_name(self) -> str:
        return f"{self.layer}.{self.name}"

    def path(self, root: str) -> str:
        """Where the table is, or would be, in the lakehouse at this root."""
        return f"{root}/{self.layer}/{self.name}"

    def missing(self, root: str) -> TableError:
        """The error for a command that needs the table before anything made it."""
        makes = "lakehouse check" if self.layer == "quality" else f"lakehouse run --select {self.layer}"
        return TableError(f"table {self.sql_name} does not exist under {root}", todo=f"make it with: {makes}")

    @property
    def is_append_only(self) -> bool:
        return self.properties.get("delta.appendOnly") == "true"

    @property
    def columns(self) -> list[str]:
        return self.schema.fieldNames()

    @property
    def delta_properties(self) -> dict[str, str]:
        """Table properties as Delta stores them, constraints included, so that one commit creates everything."""
        checks = {f"delta.constraints.{name}": condition for name, condition in self.checks.items()}
        return {**self.properties, **checks}


_APPEND_ONLY = MappingProxyType({"delta.appendOnly": "true"})
_CHANGE_FEED = MappingProxyType({"delta.enableChangeDataFeed": "true"})

# The bronze columns that are used in filters: Delta keeps each one's minimum and maximum for every file. With all
# columns, `value` among them, a million messages took 8.5 s to write, not 7.6.
_BRONZE = MappingProxyType(
    {**_APPEND_ONLY, "delta.dataSkippingStatsColumns": "topic,partition,`offset`,kafka_timestamp,ingested_at"}
)

_VALID_OFFSETS = {"partition_valid": "partition >= 0", "offset_valid": "`offset` >= 0"}
_NOT_BLANK_ID = {"id_not_blank": "length(trim(id)) > 0"}

BRONZE_EVENTS = Table(
    "bronze", "events", schemas.BRONZE, ("topic", "partition", "offset"), _VALID_OFFSETS, _BRONZE
)
BRONZE_FEEDBACK = Table(
    "bronze", "feedback", schemas.BRONZE, ("topic", "partition", "offset"), _VALID_OFFSETS, _BRONZE
)

SILVER_USERS = Table("silver", "users", schemas.USERS, ("id",), _NOT_BLANK_ID, _CHANGE_FEED)
SILVER_CONTENT = Table(
    "silver",
    "content",
    schemas.CONTENT,
    ("id",),
    {
        **_NOT_BLANK_ID,
        "type_known": "type IN ('movie', 'series')",
        "seasons_positive": "numero_temporadas IS NULL OR numero_temporadas >= 1",
        "episodes_positive": "numero_episodios IS NULL OR numero_episodios >= 1",
    },
    _CHANGE_FEED,
)
SILVER_FEEDBACK = Table(
    "silver",
    "feedback",
    schemas.FEEDBACK,
    ("id",),
    {
        **_NOT_BLANK_ID,
        "action_known": "action IN ('rating', 'view', 'like', 'dislike')",
        "rating_in_range": "rating IS NULL OR rating BETWEEN 0.5 AND 5.0",
        "seconds_not_negative": "seconds_watched IS NULL OR seconds_watched >= 0",
    },
    _CHANGE_FEED,
)
SILVER_TOMBSTONES = Table("silver", "tombstones", schemas.TOMBSTONES, ("id",), _NOT_BLANK_ID, _CHANGE_FEED)
SILVER_QUARANTINE = Table(
    "silver",
    "quarantine",
    schemas.QUARANTINE,
    ("topic", "partition", "offset"),
    {
        "status_known": "status IN ('open', 'resolved')",
        "has_reason": "size(reasons) > 0",
    },
    _CHANGE_FEED,
)
# People's decisions are written once: no overwrite, update or delete removes them.
SILVER_CORRECTIONS = Table(
    "silver",
    "corrections",
    schemas.CORRECTIONS,
    ("topic", "partition", "offset", "replay_id"),
    {"outcome_known": "outcome IN ('applied', 'superseded', 'deleted', 'open')"},
    MappingProxyType({**_CHANGE_FEED, **_APPEND_ONLY}),
)
SILVER_BATCHES = Table(
    "silver",
    "batches",
    schemas.BATCHES,
    ("query_id", "batch_id"),
    {"adds_up": "rows_in = applied + superseded + deleted + quarantined"},
    _CHANGE_FEED,
)

GOLD_AFFINITY = Table(
    "gold",
    "affinity_ratings",
    schemas.AFFINITY,
    ("user_id", "content_id"),
    {"rating_in_range": "rating BETWEEN 1.0 AND 5.0"},
)
GOLD_RECOMMENDATIONS = Table(
    "gold",
    "recommendations",
    schemas.RECOMMENDATIONS,
    ("user_id", "content_id"),
    {
        "rank_positive": "rank >= 1",
        "rating_in_range": "predicted_rating BETWEEN 0.5 AND 5.0",
        "source_known": "source IN ('als', 'affinity', 'popularity')",
    },
)
GOLD_POPULARITY = Table("gold", "content_popularity", schemas.POPULARITY, ("content_id", "day"))
GOLD_METRICS = Table("gold", "model_metrics", schemas.METRICS, ("model_version", "model", "metric"))
GOLD_TRIALS = Table("gold", "tuning_trials", schemas.TUNING_TRIALS, ("trial_id",))
GOLD_MODELS = Table(
    "gold",
    "models",
    schemas.MODELS,
    ("model_version",),
    {
        "status_known": "status IN ('published', 'retired', 'withdrawn', 'refused', 'expired')",
        "published_has_time": "status IN ('refused', 'expired') OR published_at IS NOT NULL",
    },
)
GOLD_POWERBI = Table("gold", "powerbi_recommendations", schemas.POWERBI, ("userId", "recommended_content"))

QUALITY_RESULTS = Table(
    "quality",
    "results",
    schemas.QUALITY_RESULTS,
    ("run_id", "table_name", "expectation", "column"),
    {"an_error_is_no_success": "error IS NULL OR NOT success"},
    _APPEND_ONLY,
)

CATALOGUE: tuple[Table, ...] = (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_USERS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_TOMBSTONES,
    SILVER_QUARANTINE,
    SILVER_CORRECTIONS,
    SILVER_BATCHES,
    GOLD_AFFINITY,
    GOLD_RECOMMENDATIONS,
    GOLD_POPULARITY,
    GOLD_METRICS,
    GOLD_MODELS,
    GOLD_TRIALS,
    GOLD_POWERBI,
    QUALITY_RESULTS,
)


def layer_tables(layer: str) -> tuple[Table, ...]:
    """The tables of one layer, in the order of the catalogue."""
    return tuple(table for table in CATALOGUE if table.layer == layer)


def find_table(sql_name: str) -> Table:
    """The table of this SQL name (`silver.users`). Raises TableError naming the closest one."""
    by_name = {table.sql_name: table for table in CATALOGUE}
    if sql_name.lower() in by_name:
        return by_name[sql_name.lower()]
    close = difflib.get_close_matches(sql_name.lower(), by_name, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]}?" if close else "tables: " + ", ".join(by_name)
    raise TableError(f"no table {sql_name!r} in this lakehouse", todo=hint)
