"""What the report says, as plain values: reading fills them, rendering shows them, neither knows the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple


class TableState(NamedTuple):
    """One table at the version that was read. `inputs`: the versions it says it was made from."""

    name: str
    version: int
    rows: int
    written_at: datetime | None
    inputs: Mapping[str, int]


class Flow(NamedTuple):
    """What became of the records that silver took, over all its batches."""

    batches: int
    taken: int
    applied: int
    superseded: int
    deleted: int
    quarantined: int


class Sample(NamedTuple):
    """One rejected record: where it is in Kafka, what was wrong with it, and how it begins, as text.

    `missing` is how many characters of the record are not there (bytes, where it is no UTF-8).
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

    `delays` are seconds from a record's landing in bronze to the end of the batch of silver that took it, for the
    record of each batch that waited longest.
    """

    name: str
    batches: int
    rows: int
    seconds: float
    latest: tuple[Batch, ...]
    delays: tuple[float, ...] = ()


class Streams(NamedTuple):
    """`shown`: batches kept of a stream at most; `unreadable`: lines of the log that something has cut."""

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
    """One of the titles with most feedback. `history` has the events of each of the periods."""

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


class Group(NamedTuple):
    """Users who have something in common; `label` is None for those of whom it is not known.

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
    groups: tuple[Group, ...]
    left_out: int


class Metric(NamedTuple):
    """One metric by the name of each model that has it."""

    name: str
    values: Mapping[str, float]

    @property
    def compared(self) -> bool:
        return len(self.values) > 1


class Quality(NamedTuple):
    """The published model's metrics beside its baselines'; the first of `models` is the published one.

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
    """`title` is a place in the list of titles."""

    title: int
    rating: float
    source: str


class UserList(NamedTuple):
    """One user's recommendations, best first."""

    id: str
    name: str
    titles: tuple[Recommendation, ...]


class Recommendations(NamedTuple):
    """The lists of some of all `users`: those with most feedback, then by id."""

    users: int
    titles: tuple[str, ...]
    lists: tuple[UserList, ...]


@dataclass(frozen=True)
class Report:
    """Everything on the page. A part is None where the tables it comes from do not exist or are empty."""

    made_at: datetime
    tables: tuple[TableState, ...]
    flow: Flow | None
    rejections: Rejections | None
    streams: Streams | None
    popularity: Popularity | None
    genres: tuple[Grouping, ...]
    quality: Quality | None
    checks: DataQuality | None
    recommendations: Recommendations | None
