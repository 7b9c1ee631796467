"""What Delta itself may delete: its table properties agree with what `maintain` promises."""

from deltalake.exceptions import CommitFailedError

from lakehouse.durability import commits_synced
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table
from lakehouse.tables.declaration import LOG_KEPT


def properties(keep_days: int) -> dict[str, str]:
    """No writer cleans up the log, and nobody's VACUUM deletes younger files unless it is forced to."""
    duration = f"interval {keep_days} days"
    return {**LOG_KEPT, "delta.deletedFileRetentionDuration": duration, "delta.logRetentionDuration": duration}


def is_kept(lake: Lakehouse, table: Table, keep_days: int) -> bool:
    return properties(keep_days).items() <= lake.delta(table).metadata().configuration.items()


def keep(lake: Lakehouse, table: Table, keep_days: int) -> bool:
    """Set the table's properties; whether no other commit came between. A writer's own commit would then fail."""
    opened = lake.delta(table)
    try:
        with commits_synced(opened):
            opened.alter.set_table_properties(properties(keep_days))
    except CommitFailedError:
        return False
    return True
