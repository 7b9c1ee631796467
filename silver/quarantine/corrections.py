"""The quarantine as a work list: its rows with the corrections in silver.corrections applied."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.errors import InputError
from lakehouse.replay_request import Assignment
from lakehouse.tables import SILVER_CORRECTIONS
from silver.latest import RECORD, one_per_record
from silver.parsing.strict_json import as_json, is_unicode, parse_object
from silver.quarantine.worklist import OPEN


def latest(log: DataFrame) -> DataFrame:
    """The last correction of each record, which is the one that counts."""
    return one_per_record(log, F.desc("replay_id"))


def entries(quarantine: DataFrame, log: DataFrame) -> DataFrame:
    """One row is one quarantined record in its current state.

    The columns of silver.quarantine, where `value` is the corrected value if there is one; `sent`, the value in
    Kafka; `corrected`, the corrected value, null if there is none; `logged`, the whole last correction.
    """
    last = latest(log).select(*RECORD, F.struct(*SILVER_CORRECTIONS.columns).alias("logged"))
    joined = one_per_record(quarantine, "quarantined_at", "status").join(last, on=list(RECORD), how="left")
    return joined.withColumns(
        {
            "sent": F.col("value"),
            "corrected": F.col("logged.value"),
            "value": F.coalesce(F.col("logged.value"), F.col("value")),
        }
    )


def selected(rows: DataFrame, *, rule: str | None, since: datetime | None) -> DataFrame:
    """The open entries that break a rule, of records with a Kafka timestamp since then."""
    is_open = F.coalesce(F.col("logged.outcome"), F.col("status")) == OPEN
    chosen = rows.filter(is_open)
    if rule is not None:
        chosen = breaking(chosen, rule)
    return chosen if since is None else chosen.filter(F.col("kafka_timestamp") >= F.lit(since))


def breaking(rows: DataFrame, rule: str) -> DataFrame:
    return rows.filter(F.array_contains("reasons.rule", rule))


def unsettled(rows: DataFrame) -> DataFrame:
    """The entries whose row in silver.quarantine does not reflect their last correction yet."""
    status = F.when(F.col("logged.outcome") == OPEN, OPEN).otherwise("resolved")
    is_settled = (F.col("status") == status) & F.col("reasons").eqNullSafe(F.col("logged.reasons"))
    return rows.filter(F.col("logged").isNotNull() & ~is_settled)


def with_fields(chosen: DataFrame, assignments: Sequence[Assignment]) -> DataFrame:
    """Entries that hold a JSON object, with these fields of it set in `corrected`."""
    wanted = {one.field: _strict(one) for one in assignments}

    def set_fields(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            documents = [parse_object(value) if value else None for value in batch.column("value").to_pylist()]
            texts = [as_json(document | wanted) if document is not None else None for document in documents]
            corrected = pa.array(texts, pa.string())
            place = batch.schema.get_field_index("corrected")
            yield batch.set_column(place, "corrected", corrected).filter(corrected.is_valid())

    return chosen.mapInArrow(set_fields, chosen.schema)


def _strict(one: Assignment) -> Any:
    """The value, parsed as silver parses it. Raises InputError if silver would refuse it."""
    document = parse_object(f'{{"value":{one.value}}}') if is_unicode(one.value) else None
    if document is None:
        raise InputError(
            f"--set {one.field}: the value is not strict JSON", todo="write it so that silver can read it"
        )
    return document["value"]


def with_values(chosen: DataFrame, fixed: DataFrame) -> DataFrame:
    """The entries for which `fixed` (topic, partition, offset, value) has a value, in `corrected`.

    Giving the value that was sent is not a correction: it takes back an earlier one.
    """
    given = fixed.select(*RECORD, F.col("value").alias("given"))
    changed = F.when(~F.col("given").eqNullSafe(F.col("sent")), F.col("given"))
    return chosen.join(given, on=list(RECORD), how="inner").withColumn("corrected", changed).drop("given")


def as_records(chosen: DataFrame) -> DataFrame:
    """Entries in the shape of bronze rows, with the corrected value; `before` is their previous verdict."""
    is_corrected = F.col("corrected").isNotNull()
    before = F.struct(
        F.coalesce(F.col("logged.reasons"), F.col("reasons")).alias("reasons"),
        F.coalesce(F.col("logged.outcome"), F.lit(OPEN)).alias("outcome"),
        F.col("logged.value").alias("corrected"),
    )
    return chosen.select(
        *RECORD,
        "kafka_timestamp",
        "key",
        "key_raw",
        F.coalesce("corrected", "sent").alias("value"),
        F.when(~is_corrected, F.col("value_raw")).alias("value_raw"),
        "corrected",
        before.alias("before"),
    )


def outcomes(judged: DataFrame, decided: DataFrame) -> DataFrame:
    """Judged records with their `outcome`: open, or what silver does with their event."""
    winners = decided.filter("wins").select("row", F.lit(True).alias("wins"))
    won = F.coalesce(F.col("wins"), F.lit(False))
    outcome = (
        F.when(F.size("reasons") > 0, OPEN)
        .when(won & F.col("is_tombstone"), "deleted")
        .when(won, "applied")
        .otherwise("superseded")
    )
    return judged.join(winners, on="row", how="left").withColumn("outcome", outcome)


def is_change() -> Column:
    """Whether a record's outcome adds anything to `before`."""
    is_open, was_open = F.col("outcome") == OPEN, F.col("before.outcome") == OPEN
    other_reasons = ~F.col("reasons").eqNullSafe(F.col("before.reasons"))
    other_value = ~F.col("corrected").eqNullSafe(F.col("before.corrected"))
    return (is_open != was_open) | (is_open & (other_reasons | other_value))


def log_rows(changed: DataFrame, *, replay_id: int, replayed_at: Column, cause: str) -> DataFrame:
    """Rows of silver.corrections. A resolved record keeps the reasons for which it was quarantined."""
    is_open = F.col("outcome") == OPEN
    target = F.when(~is_open, F.col("target"))
    return changed.withColumns(
        {
            "replay_id": F.lit(replay_id).cast("bigint"),
            "replayed_at": replayed_at,
            "cause": F.lit(cause),
            "value": F.col("corrected"),
            "reasons": F.when(is_open, F.col("reasons")).otherwise(F.col("before.reasons")),
            "target": target,
            "id": F.when(~is_open, F.col("entity")),
            "event_timestamp": F.when(~is_open, F.col("event_timestamp")),
        }
    ).select(*SILVER_CORRECTIONS.columns)


def withhold(judged: DataFrame, log: DataFrame) -> DataFrame:
    """Judged bronze records; those with a correction are quarantined again, for the reasons recorded with it.

    A rebuild applies today's rules. Without this, a corrected record that now passes them would be merged
    uncorrected, and its quarantine row would be lost.
    """
    recorded = F.broadcast(latest(log).select(*RECORD, F.col("reasons").alias("recorded")))
    known = judged.join(recorded, on=list(RECORD), how="left")
    return known.withColumn("reasons", F.coalesce("recorded", "reasons")).drop("recorded")
