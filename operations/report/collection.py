"""Everything the report shows, read from the tables and from the streams' log."""

from datetime import datetime
from pathlib import Path

from lakehouse.lakehouse import Lakehouse
from operations.report.contents import Report
from operations.report.genres import read_genres
from operations.report.lists import read_lists
from operations.report.pinned_tables import pin_tables, read_flow, removed_rows, table_states
from operations.report.popularity import read_popularity
from operations.report.quality import read_checks, read_quality
from operations.report.rejections import read_rejections
from operations.report.streams import read_streams, with_delays

# What fits on a page that people read; the numbers of users and samples are settings.
TITLES, GENRES, GROUPS, FAILURES, BATCHES = 12, 10, 8, 50, 60


def collect_report(
    lakehouse: Lakehouse, progress: Path, *, users: int, samples_per_rule: int, made_at: datetime
) -> Report:
    """The report's contents; missing parts are None. Raises TableError if the lakehouse has no table."""
    snapshot = pin_tables(lakehouse)
    streams = read_streams(progress, latest=BATCHES)
    return Report(
        made_at=made_at,
        tables=table_states(snapshot),
        removed=removed_rows(snapshot),
        flow=read_flow(snapshot),
        rejections=read_rejections(snapshot, samples_per_rule=samples_per_rule),
        streams=streams and with_delays(streams, snapshot, latest=BATCHES),
        popularity=read_popularity(snapshot, titles=TITLES),
        genres=read_genres(snapshot, genres=GENRES, groups=GROUPS),
        quality=read_quality(snapshot),
        checks=read_checks(snapshot, failures=FAILURES),
        recommendations=read_lists(snapshot, users=users),
    )
