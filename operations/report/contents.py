"""What the report says, as plain values: reading fills them, rendering shows them, neither knows the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple


class TableState(NamedTuple):
    """One table at the version that was read: what one row is, and the versions that it records as its inputs."""

    name: str
    version: int
    rows: int
    written_at: datetime | None
    inputs: Mapping[str, int]
    row: str


class Flow(NamedTuple):
    """What became of the records that silver read, over all its batches."""

    batches: int
    taken: int
    applied: int
    superseded: int
    deleted: int
    quarantined: int


class Sample(NamedTuple):
    """One rejected record: its place in Kafka, what was wrong with it, and its beginning as text.

    `missing` is how many characters of the record were cut (bytes, if it is not UTF-8).
    """

    topic: str
    partition: int
    offset: int
    kafka_timestamp: datetime
    field: str | None
    value: str | None
    record: str
    missing: int


class Rejection(NamedTuple):
    """One rule, how many quarantined records broke it, and a few of them."""

    rule: str
    records: int
    samples: tuple[Sample, ...]


class Rejections(NamedTuple):
    """`records` counts each record once, however many rules it broke; `waiting` those not yet resolved."""

    records: int
    waiting: int
    rules: tuple[Rejection, ...]


class Batch(NamedTuple):
    """One micro-batch of a stream. `lag`: Kafka records not yet read when it ended."""

    ended_at: datetime
    rows: int
    seconds: float
    lag: int | None


class Stream(NamedTuple):
    """One stream over all its logged batches; `latest` are the last of them, oldest first.

    `delays` are seconds from a record's arrival in bronze to the end of the silver batch that read it, for the
    record of each batch that waited longest.
    """

    name: str
    batches: int
    rows: int
    seconds: float
    latest: tuple[Batch, ...]
    delays: tuple[float, ...] = ()


class StreamHistory(NamedTuple):
    """`shown`: the most batches kept per stream; `unreadable`: truncated lines of the log."""

    streams: tuple[Stream, ...]
    shown: int
    unreadable: int


class Period(NamedTuple):
    """The feedback events of one day, week, month, quarter or year, by kind."""

    first_day: date
    views: int
    likes: int
    dislikes: int
    ratings: int

    @property
    def events(self) -> int:
        return self.views + self.likes + self.dislikes + self.ratings


class Title(NamedTuple):
    """One of the titles with the most feedback. `history` has its events in each period."""

    id: str
    name: str
    kind: str
    events: int
    mean_rating: float | None
    history: tuple[int, ...]


class Popularity(NamedTuple):
    """`unit` is day, week, month, quarter or year: the length of each period. The days are those of the data."""

    unit: str
    first_day: date
    last_day: date
    periods: tuple[Period, ...]
    titles: tuple[Title, ...]


class UserGroup(NamedTuple):
    """Users with something in common; `label` is None for users for whom it is unknown.

    `shares` has, for each genre of the table, the share (0 to 1) of the group's events whose title has it.
    """

    label: str | None
    users: int
    events: int
    shares: tuple[float, ...]


class Grouping(NamedTuple):
    """One way to group users (`clasificacion`, `decada`, `suscripcion`); `left_out` groups are not shown."""

    name: str
    genres: tuple[str, ...]
    groups: tuple[UserGroup, ...]
    left_out: int


class Metric(NamedTuple):
    """One metric: the value of each model that has it, by the model's name."""

    name: str
    values: Mapping[str, float]

    @property
    def compared(self) -> bool:
        return len(self.values) > 1


class ModelQuality(NamedTuple):
    """The published model's metrics next to its baselines'; the first of `models` is the published one.

    `unmeasured` are the metrics that it would have if there were enough feedback.
    """

    model_version: str
    models: tuple[str, ...]
    metrics: tuple[Metric, ...]
    unmeasured: tuple[str, ...] = ()


class Check(NamedTuple):
    """One failed expectation of a quality check."""

    table: str
    expectation: str
    column: str | None
    observed: str | None
    expected: str | None


class Checks(NamedTuple):
    """The last quality check of one table, at the version that was checked."""

    table: str
    version: int
    passed: int
    failed: int
    checked_at: datetime


class DataQuality(NamedTuple):
    tables: tuple[Checks, ...]
    failures: tuple[Check, ...]


class Recommendation(NamedTuple):
    """`title` is an index into the list of titles."""

    title: int
    rating: float
    source: str


class UserList(NamedTuple):
    """One user's recommendations, best first."""

    id: str
    name: str
    titles: tuple[Recommendation, ...]


class Recommendations(NamedTuple):
    """The lists of some of all `users`: those with the most feedback, then by id."""

    users: int
    titles: tuple[str, ...]
    lists: tuple[UserList, ...]


@dataclass(frozen=True)
class Report:
    """Everything on the page. A part is None if its tables do not exist or are empty.

    `removed`: the rows that silver has taken and bronze no longer holds.
    """

    made_at: datetime
    tables: tuple[TableState, ...]
    removed: int
    flow: Flow | None
    rejections: Rejections | None
    streams: StreamHistory | None
    popularity: Popularity | None
    genres: tuple[Grouping, ...]
    quality: ModelQuality | None
    checks: DataQuality | None
    recommendations: Recommendations | None
