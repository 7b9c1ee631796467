"""What grows beside the tables: pages of old checks, and the log of micro-batches."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.progress import OLD_PROGRESS, PROGRESS
from maintenance.leftovers import clear, leftovers
from operations.live.view import ProgressTail
from tests.support.maintained import DAYS, age

NOW = datetime.now(UTC)
SINCE = NOW - timedelta(days=30)


def logged(days_ago: float, rows: int) -> str:
    line = {
        "logged_at": (NOW - timedelta(days=days_ago)).isoformat(),
        "stream": "silver",
        "rows": rows,
        "durations_ms": {"triggerExecution": 5},
        "kafka_lag": None,
    }
    return json.dumps(line) + "\n"


def test_old_check_pages_go_and_the_index_forgets_them(tmp_path: Path) -> None:
    docs = tmp_path / "quality" / "docs"
    (docs / "old").mkdir(parents=True)
    for name in ("old.html", "old.json", "old/silver.users.html"):
        (docs / name).write_text("x" * 10)
    age(docs, 31 * DAYS)
    (docs / "new.html").write_text("x")
    items = '<li><a href="new.html">new</a></li>\n<li><a href="old.html">old</a></li>\n'
    (docs / "index.html").write_text(f"<ul>\n{items}</ul>\n")
    found = leftovers(Lakehouse(tmp_path), tmp_path / "ops", since=SINCE)
    assert found.size == 30
    clear(Lakehouse(tmp_path), tmp_path / "ops", found)
    assert sorted(path.name for path in docs.rglob("*") if path.is_file()) == ["index.html", "new.html"]
    assert (docs / "index.html").read_text() == '<ul>\n<li><a href="new.html">new</a></li>\n</ul>\n'


def test_batches_stay_in_one_of_two_logs_for_the_whole_window(tmp_path: Path) -> None:
    (tmp_path / OLD_PROGRESS).write_text(logged(70, 1))
    (tmp_path / PROGRESS).write_text(logged(31, 2) + logged(1, 3))
    lake = Lakehouse(tmp_path / "lakehouse")
    found = leftovers(lake, tmp_path, since=SINCE)
    assert found.size == len(logged(70, 1))
    clear(lake, tmp_path, found)
    assert (tmp_path / OLD_PROGRESS).read_text() == logged(31, 2) + logged(1, 3)
    assert not (tmp_path / PROGRESS).exists()


def test_a_log_that_begins_inside_the_window_stays(tmp_path: Path) -> None:
    (tmp_path / PROGRESS).write_text("half a li\n" + logged(29, 2))
    assert not leftovers(Lakehouse(tmp_path / "lakehouse"), tmp_path, since=SINCE).progress


def test_the_live_view_goes_on_with_the_new_log(tmp_path: Path) -> None:
    file = tmp_path / PROGRESS
    file.write_text(logged(31, 1) + logged(2, 2))
    tail = ProgressTail(file)
    file.replace(tmp_path / OLD_PROGRESS)
    file.write_text(logged(0, 5))
    assert tail.read(now=NOW, seconds=60)["silver"].rows == 5
