"""Where tables are, and the only ways to create, read and write them."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from lakehouse import files
from lakehouse.errors import TableError, first_line
from lakehouse.folders import open_folder
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.sql import identifier, setting, text_literal
from lakehouse.tables import CATALOGUE, Table

# Delta's error for rows that a new constraint forbids.
_VIOLATED = "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION"
_BUILD_AGAIN = {"silver": "lakehouse rebuild silver", "gold": "move that folder away: lakehouse run --select gold"}


class TableDetail(NamedTuple):
    """`id` is Delta's own; a table that is deleted and recreated gets another one."""

    id: str
    properties: dict[str, str]
    files: int


def table_path(root: str, table: Table) -> str:
    return f"{root}/{table.layer}/{table.name}"


def checkpoint_path(root: str, stream: str) -> str:
    """The stream's checkpoint folder, e.g. for `bronze/events`."""
    return f"{root}/checkpoints/{stream}"


def exists(spark: SparkSession, root: str, table: Table) -> bool:
    return bool(DeltaTable.isDeltaTable(spark, table_path(root, table)))


def ensure(spark: SparkSession, root: str, table: Table, *, properties: Mapping[str, str] | None = None) -> None:
    """Create the table with its whole contract in one commit; an existing one must have the same schema.

    Nullable columns and fields that an earlier version of the contract lacked are added to an existing table in
    one commit, which changes none of its files. CHECK constraints that are new or have changed are set; those that
    only the table has stay. `properties` are set on a new table in addition to its contract. Raises TableError if
    the schema differs, if rows violate a constraint, or if the folder of a new table is not empty.
    """
    if _create_or_extend(spark, root, table, properties or {}):
        path = table_path(root, table)
        _add_checks(spark, path, table, _drop_changed_checks(spark, path, table))


def _create_or_extend(spark: SparkSession, root: str, table: Table, properties: Mapping[str, str]) -> bool:
    """Whether the table existed already; it now has the columns of its contract, but maybe not its constraints."""
    path = table_path(root, table)
    if exists(spark, root, table):
        found = spark.read.format("delta").load(path).schema
        added = additions(found, table.schema)
        if added:
            listed = ", ".join(f"{name} {kind}" for name, kind in added.items())
            spark.sql(f"ALTER TABLE delta.{identifier(path)} ADD COLUMNS ({listed})")
            found = spark.read.format("delta").load(path).schema
        _expect_schema(found, table, what=f"{table.sql_name} at {path}")
        return True
    _discard_unfinished(path, table)
    # without the name, Delta derives one from the location and does not double its backticks
    named = DeltaTable.createIfNotExists(spark).tableName(f"delta.{identifier(path)}").location(path)
    builder = named.addColumns(table.schema)
    for name, value in {**table.delta_properties, **properties}.items():
        builder = builder.property(name, value)
    builder.execute()
    return False


def _add_checks(spark: SparkSession, path: str, table: Table, due: Mapping[str, str]) -> None:
    """Add the constraints that are due, by the condition to restore ("" for none) if rows violate the new one.

    Raises TableError for such rows.
    """
    for check, before in due.items():
        try:
            _add_check(spark, path, check, table.checks[check])
        except (PySparkException, Py4JJavaError) as error:
            if _VIOLATED not in str(error):
                raise
            if before:
                _add_check(spark, path, check, before)
            raise TableError(
                f"{table.sql_name} at {path} cannot take the check {check} ({table.checks[check]}): "
                f"{first_line(error)}",
                todo=_BUILD_AGAIN.get(table.layer, "correct these rows"),
            ) from error


def _add_check(spark: SparkSession, path: str, check: str, condition: str) -> None:
    spark.sql(f"ALTER TABLE delta.{identifier(path)} ADD CONSTRAINT {check} CHECK ({condition})")


def _drop_changed_checks(spark: SparkSession, path: str, table: Table) -> dict[str, str]:
    """Drop constraints whose condition changed. Returns the old condition, or "", of each constraint to add."""
    if not table.checks:
        return {}
    name = f"delta.{identifier(path)}"
    held = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {name}").collect()}
    before = {check: held.get(f"delta.constraints.{check}", "") for check in table.checks}
    # ALTER TABLE stores the condition token by token, with a blank between them
    due = {check: old for check, old in before.items() if _tokens(old) != _tokens(table.checks[check])}
    for check, old in due.items():
        if old:
            spark.sql(f"ALTER TABLE {name} DROP CONSTRAINT {check}")
    return due


def _tokens(condition: str) -> str:
    return "".join(condition.split())


def _discard_unfinished(path: str, table: Table) -> None:
    """Remove a log without any commit, left by a process that was killed while creating the table.

    Delta creates no table where a log exists. Such a log holds only folders, temporary files and the file system's
    checksums, whose names begin with a dot. Anything else belongs to someone, such as a table whose log was lost,
    and raises TableError.
    """
    folder = open_folder(path)
    others = [name for name in folder.names() if name != "_delta_log" and not name.endswith(".crc")]
    others += [f"_delta_log/{name}" for name in (folder / "_delta_log").names_below() if not name.startswith(".")]
    if others:
        raise TableError(
            f"{path} is to become {table.sql_name}, and it is no Delta table but not empty: it holds {others[0]}",
            todo="if a table was there, put its _delta_log back; else move that folder away",
        )
    folder.delete("_delta_log")


def require(spark: SparkSession, root: str, table: Table) -> str:
    """The table's path. Raises TableError if the table does not exist yet."""
    if not exists(spark, root, table):
        raise TableError(
            f"table {table.sql_name} does not exist under {root}",
            todo=f"make it with: {_makes(table)}",
        )
    return table_path(root, table)


def _makes(table: Table) -> str:
    return "lakehouse check" if table.layer == "quality" else f"lakehouse run --select {table.layer}"


def read(spark: SparkSession, root: str, table: Table, *, version: int | None = None) -> DataFrame:
    """The table's rows, at `version` if given. Raises TableError if the table does not exist."""
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(require(spark, root, table))


def detail(spark: SparkSession, root: str, table: Table) -> TableDetail:
    row = delta_table(spark, root, table).detail().select("id", "properties", "numFiles").collect()[0]
    return TableDetail(row["id"], dict(row["properties"]), row["numFiles"])


def set_properties(spark: SparkSession, root: str, table: Table, properties: Mapping[str, str]) -> None:
    """Set these table properties, in one commit."""
    listed = ", ".join(f"{text_literal(name)} = {text_literal(properties[name])}" for name in sorted(properties))
    path = identifier(require(spark, root, table))
    spark.sql(f"ALTER TABLE delta.{path} SET TBLPROPERTIES ({listed})")


def delta_table(spark: SparkSession, root: str, table: Table) -> DeltaTable:
    return DeltaTable.forPath(spark, require(spark, root, table))


def latest_version(spark: SparkSession, root: str, table: Table) -> int:
    """The number of the last commit, from the name of its file in the log (Delta protocol); no job runs."""
    require(spark, root, table)
    return Lakehouse(root).versions(table)[-1]


def changes(spark: SparkSession, root: str, table: Table, *, after: int, up_to: int) -> DataFrame:
    """The table's change data feed: what every commit after `after`, up to `up_to`, did to its rows.

    It fails, in part only when it is read, if the feed was off or its files are gone.
    """
    reader = spark.read.format("delta").option("readChangeFeed", "true")
    reader = reader.option("startingVersion", after + 1).option("endingVersion", up_to)
    return reader.load(require(spark, root, table))


def overwrite(
    rows: DataFrame,
    root: str,
    table: Table,
    *,
    input_versions: Mapping[str, int] | None = None,
    made_by: str | None = None,
) -> None:
    """Replace the table's rows in one commit, which also records the versions of the tables they were built from.

    `made_by` is whatever else the rows depend on, as gold.affinity.changes computes it.
    """
    options = {} if input_versions is None else {"userMetadata": _note(input_versions, made_by)}
    _create_or_extend(rows.sparkSession, root, table, {})
    _replace_rows(rows, root, table, options)


def overwrite_where(
    rows: DataFrame,
    root: str,
    table: Table,
    *,
    column: str,
    values: Collection[str],
    input_versions: Mapping[str, int],
    made_by: str | None = None,
) -> None:
    """Replace the rows that have one of these values in a text column, in one commit; `rows` may have no others.

    Files without such rows are not touched.
    """
    listed = ", ".join(text_literal(value) for value in values)
    writer = conform(rows, table).write.format("delta").mode("overwrite")
    writer = writer.option("replaceWhere", f"{identifier(column)} IN ({listed})")
    writer.option("userMetadata", _note(input_versions, made_by)).save(table_path(root, table))


def note_inputs(
    spark: SparkSession, root: str, table: Table, *, input_versions: Mapping[str, int], made_by: str | None = None
) -> None:
    """Record, in a commit without rows, that the table's rows are also those of other versions of its inputs."""
    nothing = spark.createDataFrame([], table.schema).write.format("delta").mode("append")
    with setting(spark, "spark.databricks.delta.skipRecordingEmptyCommits", "false"):
        nothing.option("userMetadata", _note(input_versions, made_by)).save(require(spark, root, table))


def _note(input_versions: Mapping[str, int], made_by: str | None) -> str:
    told = {"inputs": dict(sorted(input_versions.items())), "made_by": made_by}
    return json.dumps({name: value for name, value in told.items() if value is not None})


def replace(rows: DataFrame, root: str, table: Table, *, note: Mapping[str, str]) -> None:
    """Replace the table's rows, and its columns with those of its contract, in one commit that carries `note`."""
    if not exists(rows.sparkSession, root, table):
        ensure(rows.sparkSession, root, table)
    _replace_rows(rows, root, table, {"overwriteSchema": "true", "userMetadata": json.dumps(dict(note))})


def _replace_rows(rows: DataFrame, root: str, table: Table, options: Mapping[str, str]) -> None:
    """Overwrite the table. Constraints that changed apply to the new rows alone: the old ones may violate them."""
    spark, path = rows.sparkSession, table_path(root, table)
    conforming = conform(rows, table)
    due = _drop_changed_checks(spark, path, table)
    conforming.write.format("delta").mode("overwrite").options(**options).save(path)
    _add_checks(spark, path, table, dict.fromkeys(due, ""))


def set_aside(spark: SparkSession, root: str, table: Table, *, stamp: str) -> str:
    """Rename the table's folder, so that the table can be recreated; the new path."""
    path = table_path(root, table)
    aside = f"{path}.before-{stamp}"
    files.rename(spark, path, aside)
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has its JVM
    # Delta would continue from the versions that it has cached
    jvm.org.apache.spark.sql.delta.DeltaLog.invalidateCache(
        spark._jsparkSession, jvm.org.apache.hadoop.fs.Path(path)
    )
    return aside


def append(rows: DataFrame, root: str, table: Table) -> None:
    conform(rows, table).write.format("delta").mode("append").save(table_path(root, table))


def append_once(rows: DataFrame, root: str, table: Table, *, txn_app_id: str, txn_version: int) -> None:
    """Append idempotently: a second call with the same application id and version changes nothing."""
    writer = conform(rows, table).write.format("delta").mode("append")
    writer = writer.option("txnAppId", txn_app_id).option("txnVersion", txn_version)
    writer.save(table_path(root, table))


def conform(rows: DataFrame, table: Table) -> DataFrame:
    """The rows in the contract's order of columns. Raises TableError listing every difference."""
    _expect_schema(rows.schema, table, what=f"rows for {table.sql_name}")
    return rows.select(*table.columns)


@contextmanager
def registered(spark: SparkSession, root: str) -> Iterator[list[str]]:
    """Let SQL know every existing table under its name (`silver.users`) inside the block. Yields the names.

    Afterwards they are unknown again: sessions of one application share their catalogue, and roots differ.
    """
    present = [table for table in CATALOGUE if exists(spark, root, table)]
    layers = dict.fromkeys(table.layer for table in present)
    try:
        for layer in layers:
            spark.sql(f"CREATE SCHEMA {layer}")
        for table in present:
            location = text_literal(table_path(root, table))
            spark.sql(f"CREATE TABLE {table.sql_name} USING delta LOCATION {location}")
        yield [table.sql_name for table in present]
    finally:
        for layer in layers:
            spark.sql(f"DROP SCHEMA IF EXISTS {layer} CASCADE")  # external tables: their files stay


def additions(found: StructType, wanted: StructType, prefix: str = "") -> dict[str, str]:
    """The nullable additions of `wanted` to `found`: names and types, as ALTER TABLE ADD COLUMNS takes them."""
    added: dict[str, str] = {}
    for field in wanted:
        path = f"{prefix}`{field.name}`"
        if field.name not in found.names:
            added |= {path: field.dataType.simpleString()} if field.nullable else {}
            continue
        held, inner = found[field.name].dataType, field.dataType
        if isinstance(held, ArrayType) and isinstance(inner, ArrayType):
            path, held, inner = f"{path}.element", held.elementType, inner.elementType
        if isinstance(held, StructType) and isinstance(inner, StructType):
            added |= additions(held, inner, f"{path}.")
    return added


def _expect_schema(got: StructType, table: Table, *, what: str) -> None:
    found = {field.name: _shape(field.dataType) for field in got}
    wanted = {field.name: _shape(field.dataType) for field in table.schema}
    differences = [f"no column {name}" for name in wanted if name not in found]
    differences += [f"unexpected column {name}" for name in found if name not in wanted]
    differences += [
        f"column {name} is {found[name]} instead of {wanted[name]}"
        for name in wanted
        if name in found and found[name] != wanted[name]
    ]
    if differences:
        raise TableError(f"{what}: {'; '.join(differences)}", todo="the contract is in lakehouse/tables.py")


def _shape(kind: DataType) -> str:
    """The type without nullability, which Spark infers and Delta enforces."""
    if isinstance(kind, ArrayType):
        return f"array<{_shape(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"map<{_shape(kind.keyType)},{_shape(kind.valueType)}>"
    if isinstance(kind, StructType):
        return "struct<" + ",".join(f"{field.name}:{_shape(field.dataType)}" for field in kind) + ">"
    return kind.simpleString()
