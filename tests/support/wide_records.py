"""Records as large as Kafka accepts."""

import os

from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import Settings
from producers.sending.delivery import publish
from producers.sending.records import Record, encode
from tests.support.records import USER


def send(settings: Settings, *values: bytes) -> int:
    """Send each value, and return how many were delivered."""
    cluster = configured_cluster(settings.kafka)
    ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics)
    records = [Record(b"k", value, None) for value in values]
    return publish(records, topic=settings.kafka.users_topic, cluster=cluster).delivered


def wide_user(size: int, id_: str) -> bytes:
    """A user whose record has exactly that many bytes, with text that compresses little."""
    name = os.urandom(size).hex()
    fields = USER | {"id": id_, "nombre_usuario": ""}
    return encode(fields | {"nombre_usuario": name[: size - len(encode(fields))]})
