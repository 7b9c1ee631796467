"""The real catalogue and ratings: every row accounted for. Skipped if the data is not next to the project."""

import json
from collections import Counter
from pathlib import Path

import pytest

from producers.replay import Replay, read_replay


@pytest.fixture(scope="module")
def replay(shared_data: Path) -> Replay:
    return read_replay(shared_data / "netflix_titles.csv", shared_data / "ml-latest-small")


def test_every_title_is_published(shared_data: Path, replay: Replay) -> None:
    alone = read_replay(shared_data / "netflix_titles.csv", None)
    assert (len(alone.movies), len(alone.series)) == (6131, 2676)
    assert len({record.key for record in alone.movies + alone.series}) == 8807
    assert replay.series == alone.series
    # the whole catalogue, and those of 9,742 movies that are not in it
    assert len(replay.movies) == 6131 + 9742 - replay.matched
    assert replay.movies[:6131] == alone.movies


def test_every_rating_is_one_event_on_a_published_title(replay: Replay) -> None:
    assert len(replay.feedback) == 100_836
    assert len({record.key for record in replay.feedback}) == 100_836
    titles = {record.key for record in replay.movies}
    users = {record.key for record in replay.users}
    assert len(users) == len(replay.users) == 610
    for record in replay.feedback:
        event = json.loads(record.value or b"")
        assert event["content_id"].encode() in titles
        assert event["user_id"].encode() in users


def test_the_known_dirt_is_counted(replay: Replay) -> None:
    assert replay.matched == 912
    counts = replay.unmapped
    assert counts["catalogue ratings that are durations: silver quarantines them"] == 3
    assert counts["catalogue rows without a date_added: dated by their release_year"] == 10
    assert counts["MovieLens movies without genres"] == 34
    assert counts["MovieLens movies without a year: no decade, not matched with a catalogue title"] == 13
    assert not [reason for reason in counts if "unreadable" in reason or "columns" in reason]


def test_titles_of_signs_digits_and_odd_spaces_survive(replay: Replay) -> None:
    titles = Counter(json.loads(record.value or b"")["titulo"] for record in replay.movies + replay.series)
    for title in ("1922", "Legend\xa0of\xa0Exorcism", "\u200bGoli Soda 2", "The Matrix", "#Alive"):
        assert title in titles, title
