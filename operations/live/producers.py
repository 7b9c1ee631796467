"""The live mode's producers: the demo's users and titles, sent again and again, and endless feedback."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lakehouse import sent
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import end_offsets, ensure_topics
from lakehouse.settings import DemoSettings, KafkaSettings
from operations.live.workers import BackgroundWork
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.made_up.population import split_titles
from producers.made_up.timeline import wall_clock
from producers.sending.delivery import Delivery, publish
from producers.sending.records import Record

# Shares of the total rate. The number of users and titles is fixed: a laptop rebuilds gold from them every few
# minutes.
_FEEDBACK_SHARE = 0.8

RecordSource = Callable[[], Iterator[Record]]


class LiveFeed(NamedTuple):
    """One producer: what it sends first, as fast as it can, and what it sends after that, at its rate."""

    name: str
    topic: str
    opening: RecordSource
    lasting: RecordSource
    rate: float


class LiveProducers:
    """Sends from its start until `stop`; `sent` counts the records handed to Kafka's client, by producer.

    Without a rate it only creates the topics, for others to send to.
    """

    def __init__(
        self,
        demo: DemoSettings,
        kafka: KafkaSettings,
        cluster: Cluster,
        *,
        root: str,
        shared_ops: str,
        rate: float | None,
    ) -> None:
        ensure_topics(cluster, kafka.topics, **kafka.new_topics)
        if rate is not None:
            sent.declare(shared_ops, sent.EVERY, root=root)
        self._stopping, self._abandoned = threading.Event(), threading.Event()
        self._cluster = cluster
        self._deliveries: dict[str, list[Delivery]] = {}
        feeds = [] if rate is None else live_feeds(demo, kafka, _ends(kafka, cluster), rate=rate)
        self.sent = {feed.name: 0 for feed in feeds}
        self.workers = [BackgroundWork(f"producer of {feed.name}", self._sender(feed)) for feed in feeds]

    def stop(self, *, wait_seconds: float | None = None) -> list[str]:
        """Stop sending, wait until every record is confirmed, and report it in one line per producer.

        Raises CheckFailedError if records were not delivered; after `wait_seconds` unconfirmed ones count as
        undelivered.
        """
        self._stopping.set()
        for worker in self.workers:
            worker.join(wait_seconds)
        if wait_seconds is not None:
            self._abandoned.set()
            for worker in self.workers:
                worker.join(wait_seconds)
        lines = []
        for name, deliveries in self._deliveries.items():
            if not deliveries:
                continue
            whole = _sum(deliveries)
            whole.require_complete(name)
            lines.append(whole.line(name))
        return lines

    def _sender(self, feed: LiveFeed) -> Callable[[], None]:
        def send() -> None:
            self._deliveries[feed.name] = deliveries = []
            for records, rate in ((feed.opening(), None), (feed.lasting(), feed.rate)):
                delivery = publish(
                    self._counted(feed.name, records),
                    topic=feed.topic,
                    cluster=self._cluster,
                    rate=rate,
                    stopped=self._stopping.is_set,
                    abandoned=self._abandoned.is_set,
                )
                deliveries.append(delivery)
                delivery.require_complete(feed.name)

        return send

    def _counted(self, name: str, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self.sent[name] += 1
            # the time of sending, so that the delay means something; a repeatable run has its own times
            yield record._replace(timestamp_ms=None)


def live_feeds(demo: DemoSettings, kafka: KafkaSettings, ends: dict[str, int], *, rate: float) -> list[LiveFeed]:
    """The four producers; `ends` is how many records each topic has had so far."""
    movies, series = split_titles(demo.titles)
    seed, dirty = demo.seed, demo.dirty

    def users() -> Iterator[Record]:
        return user_records(seed, demo.users, dirty=dirty, instants=wall_clock())

    def films() -> Iterator[Record]:
        return movie_records(seed, movies, dirty=dirty, instants=wall_clock())

    def shows() -> Iterator[Record]:
        return series_records(seed, series, dirty=dirty, instants=wall_clock())

    def feedback() -> Iterator[Record]:
        # each feedback event is sent once: continue after those that earlier runs, or the demo, have sent
        return feedback_records(
            *(seed, None),
            users=demo.users,
            movies=movies,
            series=series,
            dirty=dirty,
            instants=wall_clock(),
            skip=ends[kafka.feedback_topic],
        )

    known = demo.users + demo.titles
    catalogue = (
        ("users", kafka.users_topic, users, demo.users),
        ("movies", kafka.movies_topic, films, movies),
        ("series", kafka.series_topic, shows, series),
    )
    # several producers may share a topic
    due = {topic: sum(size for _, shared, _, size in catalogue if shared == topic) for topic in kafka.topics}
    feeds = [
        LiveFeed(
            name,
            topic,
            opening=records if ends[topic] < due[topic] else _nothing,
            lasting=_again_and_again(records),
            rate=rate * (1 - _FEEDBACK_SHARE) * size / known,
        )
        for name, topic, records, size in catalogue
    ]
    return [*feeds, LiveFeed("feedback", kafka.feedback_topic, _nothing, feedback, rate * _FEEDBACK_SHARE)]


def _ends(kafka: KafkaSettings, cluster: Cluster) -> dict[str, int]:
    """How many records each topic has had, by the next offsets of its partitions."""
    ranges = end_offsets(cluster, kafka.topics, timeout_seconds=kafka.connect_timeout_seconds)
    return {
        topic: sum(following for part, (_, following) in ranges.items() if part[0] == topic)
        for topic in kafka.topics
    }


def _again_and_again(records: RecordSource) -> RecordSource:
    return lambda: itertools.chain.from_iterable(records() for _ in itertools.count())


def _nothing() -> Iterator[Record]:
    return iter(())


def _sum(deliveries: list[Delivery]) -> Delivery:
    errors = [delivery.error for delivery in deliveries if delivery.error]
    sent, delivered, failed = (sum(values) for values in zip(*(one[:3] for one in deliveries), strict=True))
    return Delivery(sent, delivered, failed, sum(one.seconds for one in deliveries), errors[0] if errors else "")
