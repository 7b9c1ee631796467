"""The SELECT with which a person corrects quarantined records: run confined, and checked before it counts."""

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.errors import InputError, first_line
from lakehouse.spark.sql_sandbox import as_query, sandbox
from silver.latest import RECORD

VIEW = "quarantine"
_KINDS = {"topic": {"string"}, "partition": {"int", "bigint"}, "offset": {"int", "bigint"}, "value": {"string"}}
# The columns that the SELECT sees of an entry: `value` in its current state, `sent` and `value_raw` as in Kafka.
_SEEN = (
    *(*RECORD, "kafka_timestamp", "key", "key_raw", "value", "sent", "value_raw"),
    *("type", "id", "reasons", "quarantined_at"),
)


def run_fix(chosen: DataFrame, query: str) -> DataFrame:
    """topic, partition, offset and value of each record that the query corrects.

    `chosen` are entries, read in a session of their own, which is confined from then on. Raises InputError unless
    the query is one SELECT over the view `quarantine` that gives one value to each of some of its records.
    """
    session = chosen.sparkSession
    chosen.select(*_SEEN).createOrReplaceTempView(VIEW)
    sandbox(session)
    try:
        fixed = session.sql(as_query(query))
        _require_columns(fixed)
        fixed = fixed.localCheckpoint(eager=True)
    except (PySparkException, Py4JJavaError) as error:
        raise InputError(
            f"the fix cannot be run: {first_line(error)}", todo=f"it is one SELECT over the view {VIEW}"
        ) from error
    _require_records(fixed, chosen)
    return fixed.select("topic", F.col("partition").cast("int"), F.col("offset").cast("bigint"), "value")


def _require_columns(fixed: DataFrame) -> None:
    columns = [f"{name} {kind}" for name, kind in fixed.dtypes]
    fits = sorted(fixed.columns) == sorted(_KINDS) and all(kind in _KINDS[name] for name, kind in fixed.dtypes)
    if not fits:
        raise InputError(
            f"the fix returns {', '.join(columns)}",
            todo="return exactly topic, partition, offset and value, the corrected value as a STRING",
        )


def _require_records(fixed: DataFrame, chosen: DataFrame) -> None:
    selected = chosen.select(*RECORD, F.lit(True).alias("is_selected"))
    counted = fixed.groupBy(*RECORD).agg(
        F.count("*").alias("times"),
        F.count("value").alias("values"),
        F.count_if(~F.is_valid_utf8("value")).alias("no_text"),
    )
    known = counted.join(selected, on=list(RECORD), how="left")
    checks = {
        "a record that is not selected": F.col("is_selected").isNull(),
        "several values for a record": F.col("times") > 1,
        # null would be a tombstone: a fix corrects records, it does not delete them
        "no value for a record": F.col("values") < F.col("times"),
        "a value that is not UTF-8": F.col("no_text") > 0,
    }
    examples = known.agg(*[F.min(F.when(broken, _written())).alias(name) for name, broken in checks.items()])
    for name, example in examples.collect()[0].asDict().items():
        if example is not None:
            raise InputError(
                f"the fix returns {name}: {example}",
                todo="give each record of the view one value, or leave it out",
            )


def _written() -> Column:
    """A record's coordinates as topic/partition/offset."""
    return F.concat_ws("/", *[F.coalesce(F.col(name).cast("string"), F.lit("NULL")) for name in RECORD])
