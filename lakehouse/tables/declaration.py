"""What is true of a table, declared once: everything else about it is derived from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from lakehouse.errors import TableError

STRING, INT, LONG, DOUBLE, BOOLEAN = StringType(), IntegerType(), LongType(), DoubleType(), BooleanType()
TIMESTAMP, DATE, BINARY = TimestampType(), DateType(), BinaryType()
STRINGS = ArrayType(STRING)

# Delta refuses to change or remove rows, or it does not.
APPEND_ONLY = MappingProxyType({"delta.appendOnly": "true"})
CHANGEABLE = MappingProxyType({"delta.appendOnly": "false"})
# No writer deletes a table's log when it writes a checkpoint: only `lakehouse maintain` knows who still needs it.
LOG_KEPT = MappingProxyType({"delta.enableExpiredLogCleanup": "false"})
CHANGE_FEED = MappingProxyType({"delta.enableChangeDataFeed": "true"})
# Rows are replaced without rewriting their files, which needs readers that know deletion vectors.
DELETION_VECTORS = MappingProxyType({"delta.enableDeletionVectors": "true"})

# What a layer's gate does with a table. "decides": checks it, and accepts no version of the layer without it.
# "reports": checks it. "after": nothing, the table is made after it. "": nothing.
Gate = Literal["decides", "reports", "after", ""]
_NONE: Mapping[str, str] = MappingProxyType({})
# What makes the tables of a layer that is not part of the pipeline.
_COMMANDS = {"quality": "lakehouse check", "ops": "lakehouse run"}
# Before a constraint's name, in Delta's table properties.
_CHECK = "delta.constraints."


class Job(NamedTuple):
    """The module that makes a table.

    `step` is its name in the pipeline, and `awaited` what takes its time. If the pipeline does not run it,
    `arguments` are those that make the table.
    """

    module: str
    step: str = ""
    awaited: str = ""
    arguments: str = ""

    @property
    def script(self) -> str:
        """The file that spark-submit takes."""
        return f"{self.module.replace('.', '/')}.py"


class PowerBiKey(NamedTuple):
    """A column that only the Power BI model has: column `id`, made distinct for an engine that ignores case.

    Relationships join on keys, and counts count keys.
    """

    name: str
    id: str


class PowerBiExport(NamedTuple):
    """How Power BI gets the table: its name there, the columns it does not get, and its keys."""

    name: str
    omitted: tuple[str, ...] = ()
    keys: tuple[PowerBiKey, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table's contract. `checks` maps a constraint's name to the SQL condition that every row meets.

    `row` says what one row is; the comment of each column, what it holds. `may_be_empty`: a check does not ask for
    rows. `export`: None if Power BI does not get the table. `accumulates`: a run adds rows and does not make the
    earlier ones again. `decided`: the rows are people's decisions, which nothing can restore. `append_only`: a new
    table is created so that Delta refuses to change or remove its rows.
    """

    layer: str
    name: str
    schema: StructType
    key: tuple[str, ...]
    checks: Mapping[str, str] = field(default_factory=lambda: _NONE)
    properties: Mapping[str, str] = field(default_factory=lambda: _NONE)
    row: str = field(default="", kw_only=True)
    made_by: Job = field(default=Job(""), kw_only=True)
    gate: Gate = field(default="", kw_only=True)
    export: PowerBiExport | None = field(default=None, kw_only=True)
    may_be_empty: bool = field(default=False, kw_only=True)
    accumulates: bool = field(default=False, kw_only=True)
    decided: bool = field(default=False, kw_only=True)
    append_only: bool = field(default=False, kw_only=True)

    @property
    def sql_name(self) -> str:
        return f"{self.layer}.{self.name}"

    @property
    def is_gated(self) -> bool:
        return self.gate == "decides"

    @property
    def columns(self) -> list[str]:
        return self.schema.fieldNames()

    @property
    def descriptions(self) -> dict[str, str]:
        """What each column means, by its name."""
        return {column.name: comment_of(column) for column in self.schema}

    @property
    def own_properties(self) -> dict[str, str]:
        """Its properties and those of every table."""
        return {**LOG_KEPT, **(APPEND_ONLY if self.append_only else {}), **self.properties}

    @property
    def delta_properties(self) -> dict[str, str]:
        """Table properties as Delta stores them, constraints included, so that one commit creates everything."""
        checks = {f"{_CHECK}{name}": condition for name, condition in self.checks.items()}
        return {**self.own_properties, **checks}

    @property
    def command(self) -> str:
        """What to run for the table to exist."""
        if self.layer in _COMMANDS:
            return _COMMANDS[self.layer]
        if self.made_by.step:
            return f"lakehouse run --select {self.layer}"
        return f"spark-submit {self.made_by.script} {self.made_by.arguments}".rstrip()

    def path(self, root: str) -> str:
        """Where the table is, or would be, in the lakehouse at this root."""
        return f"{root}/{self.layer}/{self.name}"

    def missing(self, root: str) -> TableError:
        """The error for a command that needs the table before anything made it."""
        return TableError(
            f"table {self.sql_name} does not exist under {root}", todo=f"make it with: {self.command}"
        )


def required(name: str, kind: DataType, comment: str = "") -> StructField:
    return _column(name, kind, comment, nullable=False)


def optional(name: str, kind: DataType, comment: str = "") -> StructField:
    return _column(name, kind, comment, nullable=True)


def _column(name: str, kind: DataType, comment: str, *, nullable: bool) -> StructField:
    return StructField(name, kind, nullable, {"comment": comment} if comment else None)


def comment_of(column: StructField) -> str:
    return str(column.metadata.get("comment", ""))


def record_key() -> list[StructField]:
    """The columns that identify a Kafka record."""
    return [
        required("topic", STRING, "Kafka topic of the record"),
        required("partition", INT, "Kafka partition of the record"),
        required("offset", LONG, "Kafka offset of the record in its partition"),
    ]


def kafka_timestamp() -> StructField:
    return required("kafka_timestamp", TIMESTAMP, "Kafka timestamp of the record (UTC)")


def checks_in(properties: Mapping[str, str]) -> dict[str, str]:
    """The CHECK constraints among a table's properties: their conditions by name."""
    return {name.removeprefix(_CHECK): value for name, value in properties.items() if name.startswith(_CHECK)}
