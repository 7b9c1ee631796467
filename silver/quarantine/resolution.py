"""Apply corrections: record them in silver.corrections in one commit, then carry them out.

That commit decides. The steps after it compare their rows with what the tables hold, so they can be interrupted
and repeated: `settle` finishes what silver.corrections records and silver.quarantine does not reflect yet.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from silver import state
from silver.conditions import Rules
from silver.judging import judged
from silver.latest import RECORD, targeted
from silver.parsing.wire import parse
from silver.quarantine import corrections
from silver.quarantine.worklist import OPEN
from silver.rules import split


class Resolution(NamedTuple):
    """Counts of judged records: per outcome, of those whose verdict is new, and of open ones per broken rule."""

    outcomes: Mapping[str, int]
    changed: int
    open_rules: Mapping[str, int]


def has_corrections(lake: SparkLakehouse) -> bool:
    """Whether silver.corrections ever had a row: the table's first version has none."""
    table = SILVER_CORRECTIONS
    return lake.exists(table) and lake.version(table) > 0


def entries(lake: SparkLakehouse) -> DataFrame:
    """Every quarantined record in its current state (see corrections.entries)."""
    quarantine = lake.read(SILVER_QUARANTINE)
    if lake.exists(SILVER_CORRECTIONS):
        return corrections.entries(quarantine, lake.read(SILVER_CORRECTIONS))
    return corrections.entries(quarantine, lake.spark.createDataFrame([], SILVER_CORRECTIONS.schema))


def resolve(
    lake: SparkLakehouse, chosen: DataFrame, *, rules: Rules, cause: str, dry_run: bool = False
) -> Resolution:
    """Judge these entries with the stream's code, and change silver as if they had arrived this way.

    With `dry_run`, only return the result. All earlier corrections must be settled, or among the entries.
    """
    with state.materialized(targeted(judged(corrections.as_records(chosen), **rules._asdict()))) as records:
        valid = split(records).valid
        with state.materialized(state.compare(lake, valid, present=set(state.TARGETS))) as decided:
            outcome_rows = corrections.outcomes(records, decided)
            result = _result(outcome_rows)
            if result.changed and not dry_run:
                _log(lake, outcome_rows.filter(corrections.is_change()), cause)
            if not dry_run:
                with state.materialized(_unsettled(lake)) as pending:
                    if not pending.isEmpty():
                        _carry_out(lake, pending, valid, decided)
    return result


def settle(lake: SparkLakehouse) -> int:
    """Carry out the corrections that silver.quarantine does not reflect yet, and return their number.

    They were judged when they were recorded; here their events are merged as in a batch.
    """
    if not has_corrections(lake):
        return 0
    with state.materialized(_unsettled(lake)) as pending:
        count = pending.count()
        if count:
            resolved = pending.filter(F.col("logged.outcome") != OPEN)
            with (
                state.materialized(targeted(parse(corrections.as_records(resolved)))) as valid,
                state.materialized(state.compare(lake, valid, present=set(state.TARGETS))) as decided,
            ):
                _carry_out(lake, pending, valid, decided)
    return count


def _unsettled(lake: SparkLakehouse) -> DataFrame:
    return corrections.unsettled(entries(lake))


def _carry_out(lake: SparkLakehouse, pending: DataFrame, valid: DataFrame, decided: DataFrame) -> None:
    """Change silver's state as decided, then update the quarantine."""
    state.write(lake, valid, decided, state.count_changes(decided))
    _mark(lake, pending)


def reapply(lake: SparkLakehouse, rebuilt: SparkLakehouse, *, rules: Rules) -> None:
    """Apply the corrections of the lakehouse to its silver tables as `rebuilt`.

    The corrected values are judged by today's rules; a verdict that differs from that of the record's last
    correction is recorded as a new one.
    """
    if not has_corrections(lake):
        return
    rebuilt.append(lake.read(SILVER_CORRECTIONS), SILVER_CORRECTIONS)
    corrected = entries(rebuilt).filter(F.col("logged").isNotNull())
    resolve(rebuilt, corrected, rules=rules, cause="rebuild")


def _result(rows: DataFrame) -> Resolution:
    rules = F.when(F.col("outcome") == OPEN, F.array_distinct("reasons.rule"))
    flagged = rows.withColumns({"broken": rules, "is_change": corrections.is_change()})
    counted = flagged.groupBy("outcome", "broken").agg(
        F.count("*").alias("rows"), F.count_if("is_change").alias("new")
    )
    outcomes, open_rules, changed = Counter[str](), Counter[str](), 0
    for row in counted.collect():
        outcomes[row["outcome"]] += row["rows"]
        changed += row["new"]
        for rule in row["broken"] or ():
            open_rules[rule] += row["rows"]
    return Resolution(outcomes, changed, dict(sorted(open_rules.items(), key=lambda item: (-item[1], item[0]))))


def _log(lake: SparkLakehouse, changed: DataFrame, cause: str) -> None:
    last = lake.read(SILVER_CORRECTIONS).agg(F.max("replay_id")).collect()[0][0]
    rows = corrections.log_rows(changed, replay_id=(last or 0) + 1, replayed_at=F.current_timestamp(), cause=cause)
    lake.append(rows, SILVER_CORRECTIONS)


def _mark(lake: SparkLakehouse, pending: DataFrame) -> None:
    """Update silver.quarantine to the last correction of these entries, in one commit."""
    is_open = F.col("logged.outcome") == OPEN
    source = pending.select(
        *RECORD,
        F.col("logged.reasons").alias("reasons"),
        F.when(is_open, OPEN).otherwise("resolved").alias("status"),
        F.when(~is_open, F.col("logged.replayed_at")).alias("resolved_at"),
    )
    same = " AND ".join(f"t.`{name}` = s.`{name}`" for name in RECORD)
    merge = lake.delta_table(SILVER_QUARANTINE).alias("t").merge(source.alias("s"), same)
    shown = {name: F.col(f"s.{name}") for name in ("reasons", "status", "resolved_at")}
    merge.whenMatchedUpdate(set=dict(shown)).execute()
