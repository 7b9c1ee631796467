"""`lakehouse history` of the demo's tables: SQL accepts its times and versions."""

import json
from typing import Any

from tests.support.demo import Demo
from tests.support.outcome import Command


def test_history_and_time_travel_agree(demo: Demo, command: Command) -> None:
    outcome = command("history", "silver.users", "--json", settings=demo.settings)
    versions: list[dict[str, Any]] = json.loads(outcome.out)
    assert [version["version"] for version in versions] == list(range(len(versions)))[::-1]
    assert versions[-1]["operation"] == "CREATE TABLE"
    first = versions[-2]
    assert first["operation"] == "MERGE"
    assert first["rows written"] > 0
    query = "SELECT count(*) AS users FROM silver.users {} AS OF {}"

    def counted(kind: str, moment: str) -> object:
        outcome = command("sql", query.format(kind, moment), "--json", settings=demo.settings)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)

    assert counted("VERSION", "0") == [{"users": 0}]
    assert counted("VERSION", "1") == [{"users": first["rows written"]}]
    # TIMESTAMP AS OF accepts the times that history prints
    assert counted("TIMESTAMP", f"'{versions[-1]['time']}'") == [{"users": 0}]
    assert counted("TIMESTAMP", f"'{first['time']}'") == [{"users": first["rows written"]}]


def test_history_shows_at_most_the_limit(demo: Demo, command: Command) -> None:
    found = json.loads(command("history", "SILVER.users", "--limit", "1", "--json", settings=demo.settings).out)
    assert len(found) == 1
