"""Apply corrections: record them in silver.corrections in one commit, then carry them out.

That commit decides. The steps after it compare their rows with what the tables hold, so they can be interrupted
and repeated: `settle` finishes what silver.corrections records and silver.quarantine does not reflect yet.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse import storage
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from silver import state
from silver.latest import RECORD, targeted
from silver.parsing.wire import parse
from silver.quarantine import corrections
from silver.quarantine.worklist import OPEN
from silver.rules import judge, split


class Rules(NamedTuple):
    """The settings that silver's rules need."""

    clasificaciones: Sequence[str]
    future_tolerance_seconds: int


class Result(NamedTuple):
    """Counts of judged records: per outcome, of those whose verdict is new, and of open ones per broken rule."""

    outcomes: Mapping[str, int]
    changed: int
    open_rules: Mapping[str, int]


def has_corrections(spark: SparkSession, root: str) -> bool:
    """Whether silver.corrections ever had a row: the table's first version has none."""
    table = SILVER_CORRECTIONS
    return storage.exists(spark, root, table) and storage.latest_version(spark, root, table) > 0


def entries(spark: SparkSession, root: str) -> DataFrame:
    """Every quarantined record in its current state (see corrections.entries)."""
    quarantine = storage.read(spark, root, SILVER_QUARANTINE)
    if storage.exists(spark, root, SILVER_CORRECTIONS):
        return corrections.entries(quarantine, storage.read(spark, root, SILVER_CORRECTIONS))
    return corrections.entries(quarantine, spark.createDataFrame([], SILVER_CORRECTIONS.schema))


def resolve(
    spark: SparkSession, root: str, chosen: DataFrame, *, rules: Rules, cause: str, dry_run: bool = False
) -> Result:
    """Judge these entries with the stream's code, and change silver as if they had arrived this way.

    With `dry_run`, only return the result. All earlier corrections must be settled, or among the entries.
    """
    judged = judge(
        parse(corrections.as_records(chosen)),
        clasificaciones=rules.clasificaciones,
        future_tolerance_seconds=rules.future_tolerance_seconds,
    )
    with state.kept(targeted(judged)) as records:
        valid = split(records).valid
        with state.kept(state.compare(spark, root, valid, present=set(state.TARGETS))) as decided:
            found = corrections.outcomes(records, decided)
            result = _result(found)
            if result.changed and not dry_run:
                _log(spark, root, found.filter(corrections.is_change()), cause)
            if not dry_run:
                with state.kept(_unsettled(spark, root)) as pending:
                    if not pending.isEmpty():
                        _carry_out(spark, root, pending, valid, decided)
    return result


def settle(spark: SparkSession, root: str) -> int:
    """Carry out the corrections that silver.quarantine does not reflect yet, and return their number.

    They were judged when they were recorded; here their events are merged as in a batch.
    """
    if not has_corrections(spark, root):
        return 0
    with state.kept(_unsettled(spark, root)) as pending:
        count = pending.count()
        if count:
            resolved = pending.filter(F.col("logged.outcome") != OPEN)
            with (
                state.kept(targeted(parse(corrections.as_records(resolved)))) as valid,
                state.kept(state.compare(spark, root, valid, present=set(state.TARGETS))) as decided,
            ):
                _carry_out(spark, root, pending, valid, decided)
    return count


def _unsettled(spark: SparkSession, root: str) -> DataFrame:
    return corrections.unsettled(entries(spark, root))


def _carry_out(spark: SparkSession, root: str, pending: DataFrame, valid: DataFrame, decided: DataFrame) -> None:
    """Change silver's state as decided, then update the quarantine."""
    state.write(spark, root, valid, decided, state.count_verdicts(decided))
    _mark(spark, root, pending)


def reapply(spark: SparkSession, root: str, target: str, *, rules: Rules) -> None:
    """Apply the corrections of the lakehouse at `root` to the silver tables rebuilt under `target`.

    The corrected values are judged by today's rules; a verdict that differs from that of the record's last
    correction is recorded as a new one.
    """
    if not has_corrections(spark, root):
        return
    storage.append(storage.read(spark, root, SILVER_CORRECTIONS), target, SILVER_CORRECTIONS)
    corrected = entries(spark, target).filter(F.col("logged").isNotNull())
    resolve(spark, target, corrected, rules=rules, cause="rebuild")


def _result(found: DataFrame) -> Result:
    rules = F.when(F.col("outcome") == OPEN, F.array_distinct("reasons.rule"))
    told = found.withColumns({"broken": rules, "is_change": corrections.is_change()})
    counted = told.groupBy("outcome", "broken").agg(
        F.count("*").alias("rows"), F.count_if("is_change").alias("new")
    )
    outcomes, open_rules, changed = Counter[str](), Counter[str](), 0
    for row in counted.collect():
        outcomes[row["outcome"]] += row["rows"]
        changed += row["new"]
        for rule in row["broken"] or ():
            open_rules[rule] += row["rows"]
    return Result(outcomes, changed, dict(sorted(open_rules.items(), key=lambda item: (-item[1], item[0]))))


def _log(spark: SparkSession, root: str, changed: DataFrame, cause: str) -> None:
    last = storage.read(spark, root, SILVER_CORRECTIONS).agg(F.max("replay_id")).collect()[0][0]
    rows = corrections.log_rows(changed, replay_id=(last or 0) + 1, replayed_at=F.current_timestamp(), cause=cause)
    storage.append(rows, root, SILVER_CORRECTIONS)


def _mark(spark: SparkSession, root: str, pending: DataFrame) -> None:
    """Update silver.quarantine to the last correction of these entries, in one commit."""
    is_open = F.col("logged.outcome") == OPEN
    source = pending.select(
        *RECORD,
        F.col("logged.reasons").alias("reasons"),
        F.when(is_open, OPEN).otherwise("resolved").alias("status"),
        F.when(~is_open, F.col("logged.replayed_at")).alias("resolved_at"),
    )
    same = " AND ".join(f"t.`{name}` = s.`{name}`" for name in RECORD)
    merge = storage.delta_table(spark, root, SILVER_QUARANTINE).alias("t").merge(source.alias("s"), same)
    shown = {name: F.col(f"s.{name}") for name in ("reasons", "status", "resolved_at")}
    merge.whenMatchedUpdate(set=dict(shown)).execute()
