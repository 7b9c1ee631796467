"""Whether topics are the ones that a bronze table was read from."""

import pytest

from bronze.resume import Topics, other_topics, require_same_topics, topic_properties
from lakehouse.spark.checkpoints import CheckpointError
from lakehouse.tables import BRONZE_EVENTS

KNOWN = topic_properties({"users": "u", "movies": "m"})


@pytest.mark.parametrize(
    ("ids", "others"),
    [
        ({"users": "u", "movies": "m"}, {}),
        ({"users": "u", "series": "s"}, {}),  # new to the table
        ({"users": "u2", "movies": "m"}, {"users": "u"}),
    ],
)
def test_topics_recreated_under_their_names(ids: dict[str, str], others: dict[str, str]) -> None:
    assert other_topics(KNOWN, Topics(ids, {})) == others


def test_a_recreated_topic_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"users is not the one .*its id is u2, it was u\)"):
        require_same_topics(BRONZE_EVENTS, KNOWN, Topics({"users": "u2"}, {}))
