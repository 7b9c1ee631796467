"""A root of version 0.1.0 goes on: its streams read what its own broker gets, and its tables are upgraded."""

import json
from typing import NamedTuple

import pytest
from deltalake import DeltaTable

from lakehouse.broker.embedded import kafka_cluster
from lakehouse.lakehouse import Lakehouse
from lakehouse.root_version import root_version
from lakehouse.settings import Settings
from lakehouse.tables import (
    CATALOGUE,
    GOLD_TRIALS,
    OPS_RUNS,
    QUALITY_RESULTS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_USERS,
    Table,
    layer_tables,
)
from lakehouse.tables.declaration import checks_in, comment_of
from lakehouse.version import VERSION
from producers.sending.delivery import publish
from producers.sending.records import Record
from tests.support.old_root import extract
from tests.support.outcome import Command, Outcome
from tests.support.records import FEEDBACK, MOVIE, USER
from tests.support.tables import contents

NEW = [event | {"id": f"new-{event['type']}"} for event in (USER, MOVIE, FEEDBACK)]

# What a run without gates does not write.
UNWRITTEN = (GOLD_TRIALS, QUALITY_RESULTS)


class Continued(NamedTuple):
    """The rows of bronze and silver before, by table, and the results of the commands."""

    settings: Settings
    before: dict[str, list[str]]
    run: Outcome
    audit: Outcome


@pytest.fixture(scope="module")
def continued(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Continued:
    old = extract(tmp_path_factory.mktemp("old") / "lakehouse")
    assert root_version(old.root) is None
    tables = (*layer_tables("bronze"), *layer_tables("silver"))
    before = {table.sql_name: contents(old.root, table) for table in tables}
    with kafka_cluster(old.kafka, old.root) as cluster:
        kafka = old.kafka.model_copy(update={"bootstrap_servers": cluster.bootstrap})
        settings = old.model_copy(update={"kafka": kafka})
        records = [Record(event["id"].encode(), json.dumps(event).encode(), None) for event in NEW]
        publish(records, topic=kafka.users_topic, cluster=cluster).require_complete("new records")
        run, audit = command("run", "--no-gate", settings=settings), command("audit", settings=settings)
    return Continued(settings, before, run, audit)


def test_a_run_takes_all_layers_on_and_nothing_is_missing(continued: Continued) -> None:
    assert continued.run.code == 0, continued.run.out + continued.run.err
    assert continued.audit.code == 0, continued.audit.out + continued.audit.err
    assert root_version(continued.settings.root) == VERSION


def test_all_rows_are_still_there_and_new_ones_follow(continued: Continued) -> None:
    for table in (*layer_tables("bronze"), *layer_tables("silver")):
        now = contents(continued.settings.root, table)
        assert set(continued.before[table.sql_name]) <= set(now), table.sql_name
    lake = Lakehouse(continued.settings.root)
    for table in (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK):
        assert lake.read(table, columns=["id"], where="id LIKE 'new-%'").num_rows == 1, table.sql_name


@pytest.mark.parametrize("table", [one for one in CATALOGUE if one not in UNWRITTEN], ids=lambda one: one.sql_name)
def test_each_table_has_todays_contract(continued: Continued, table: Table) -> None:
    told = DeltaTable(table.path(continued.settings.root)).metadata()
    schema = DeltaTable(table.path(continued.settings.root)).schema()
    columns = {field.name: dict(field.metadata).get("comment", "") for field in schema.fields}
    assert columns == {field.name: comment_of(field) for field in table.schema}
    assert told.description == table.row
    assert table.own_properties.items() <= dict(told.configuration).items()
    checks = {name: "".join(check.split()) for name, check in checks_in(told.configuration).items()}
    assert checks.keys() == table.checks.keys()
    if table is not OPS_RUNS:  # delta-rs adds its constraint, and rewrites the condition: OR in place of IN
        assert checks == {name: "".join(check.split()) for name, check in table.checks.items()}


def test_the_run_is_the_first_of_ops_runs(continued: Continued) -> None:
    runs = Lakehouse(continued.settings.root).read(OPS_RUNS, columns=["job", "result"]).to_pylist()
    assert {"job": "run", "result": "succeeded"} in runs
