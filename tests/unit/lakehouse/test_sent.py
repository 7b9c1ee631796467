"""A check expects no values for what no source fills, and expects them for what a source fills."""

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from lakehouse import sent
from lakehouse.errors import InputError
from lakehouse.kafka.client import Cluster
from lakehouse.settings import load_settings
from operations.live import producers as live_producers
from producers.sending import entry
from producers.sending.delivery import Delivery
from producers.sending.records import Feed

MOVIELENS = {"silver.users.id", "silver.content.generos", "silver.feedback.rating"}


def declare(root: Path, columns: Collection[str]) -> None:
    sent.declare(root / "ops", columns, root=str(root))


def test_without_a_source_nothing_is_excused(tmp_path: Path) -> None:
    known = sent.read(tmp_path)
    assert not known.lacks_column("silver.content.clasificacion")
    assert not known.lacks_table("silver.users")


def test_what_a_source_does_not_fill_is_excused(tmp_path: Path) -> None:
    declare(tmp_path, MOVIELENS)
    known = sent.read(tmp_path / "ops")
    assert known.lacks_column("silver.content.clasificacion")
    assert not known.lacks_column("silver.content.generos")
    assert known.lacks_column("silver.users.generos")  # from another table
    # gold is computed here: no source excuses it
    assert not known.lacks_column("gold.content_popularity.mean_rating")


def test_a_later_source_is_expected_to_fill_its_columns(tmp_path: Path) -> None:
    declare(tmp_path, MOVIELENS)
    declare(tmp_path, {"silver.content.clasificacion"})
    known = sent.read(tmp_path / "ops")
    assert not known.lacks_column("silver.content.clasificacion")
    assert not known.lacks_column("silver.content.generos")
    assert known.lacks_column("silver.content.decada_lanzamiento")
    # made-up records fill every column
    declare(tmp_path, sent.EVERY)
    declare(tmp_path, MOVIELENS)
    assert not sent.read(tmp_path / "ops").lacks_column("silver.content.decada_lanzamiento")


@pytest.mark.parametrize("live", [False, True], ids=["a producer", "up"])
def test_what_made_up_records_filled_no_later_source_excuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    settings = load_settings().model_copy(update={"root": str(tmp_path)})
    cluster, places = Cluster("127.0.0.1:1"), {"root": settings.root, "shared_ops": settings.shared_ops}
    if live:
        monkeypatch.setattr(live_producers, "ensure_topics", lambda *_, **__: None)
        monkeypatch.setattr(live_producers, "_ends", lambda *_: dict.fromkeys(settings.kafka.topics, 0))
        live_producers.LiveProducers(settings.demo, settings.kafka, cluster, **places, rate=1.0)
    else:
        monkeypatch.setattr(entry, "kafka_cluster", lambda *_: nullcontext(cluster))
        monkeypatch.setattr(entry, "ensure_topics", lambda *_, **__: None)
        monkeypatch.setattr(entry, "publish", lambda *_, **__: Delivery(0, 0, 0, 1.0))
        entry.send(Feed("users", "t", []), settings.kafka, **places, rate=None, count=None)
    declare(tmp_path, MOVIELENS)
    assert not sent.read(settings.shared_ops).lacks_column("silver.content.decada_lanzamiento")


def test_rows_of_an_undeclared_source_may_fill_every_column(tmp_path: Path) -> None:
    """In a lakehouse older than the file, or fed by others. Empty tables, as `up` creates them, do not count."""
    log = tmp_path / "bronze" / "events" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000010.checkpoint.parquet").touch()
    declare(tmp_path, MOVIELENS)
    assert sent.read(tmp_path / "ops").lacks_column("silver.content.decada_lanzamiento")
    (tmp_path / "ops" / sent.FILE).unlink()
    (tmp_path / "bronze" / "events" / "part-00000.parquet").touch()
    declare(tmp_path, MOVIELENS)
    assert not sent.read(tmp_path / "ops").lacks_column("silver.content.decada_lanzamiento")


def test_rows_of_a_declared_source_change_nothing(tmp_path: Path) -> None:
    declare(tmp_path, MOVIELENS)
    (tmp_path / "bronze" / "events").mkdir(parents=True)
    (tmp_path / "bronze" / "events" / "part-00000.parquet").touch()
    declare(tmp_path, MOVIELENS)
    assert sent.read(tmp_path / "ops").lacks_column("silver.content.decada_lanzamiento")


def test_two_sources_at_once_are_both_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one has read the file, and waits before it writes, when the second one arrives."""
    read, reading, go_on = sent.read, threading.Event(), threading.Event()

    def slow_read(folder: Path) -> sent.Sent:
        found = read(folder)
        if not reading.is_set():
            reading.set()
            go_on.wait(0.5)
        return found

    monkeypatch.setattr(sent, "read", slow_read)
    with ThreadPoolExecutor(2) as sources:
        first = sources.submit(declare, tmp_path, {"silver.users.id"})
        assert reading.wait(10)
        second = sources.submit(declare, tmp_path, {"silver.content.id"})
        second.add_done_callback(lambda _: go_on.set())
        first.result()
        second.result()
    assert read(tmp_path / "ops").columns == {"silver.users.id", "silver.content.id"}


@pytest.mark.parametrize(
    ("table", "lacks"),
    [
        ("silver.content", False),
        ("silver.users", True),
        ("silver.feedback", True),
        # computed from users, and from feedback
        ("gold.recommendations", True),
        ("gold.content_popularity", True),
        # silver's own bookkeeping: sources say nothing about it
        ("silver.batches", False),
    ],
)
def test_a_catalogue_alone_has_no_users(tmp_path: Path, table: str, lacks: bool) -> None:
    declare(tmp_path, {"silver.content.titulo"})
    assert sent.read(tmp_path / "ops").lacks_table(table) is lacks


@pytest.mark.parametrize("text", ["", "{", "3"])
def test_a_broken_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / sent.FILE).write_text(text)
    with pytest.raises(InputError, match=r"sent_columns\.json is not a JSON list of columns; delete it"):
        sent.read(tmp_path)
