"""OpenLineage events, against OpenLineage's own published schemas."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openlineage.client.serde import Serde
from referencing import Registry, Resource

from lakehouse.lakehouse import Lakehouse
from lakehouse.runs import store
from lakehouse.runs.lineage import dataset_name, event
from lakehouse.runs.recording import recorded
from lakehouse.runs.run import Run, Work
from lakehouse.settings import OpenLineage
from lakehouse.tables import CATALOGUE, GOLD_POPULARITY, SILVER_USERS, Table, find_table, layer_tables
from lakehouse.tables.column_sources import column_sources
from tests.support.delta_tables import user, write
from tests.support.folders import PROJECT

SCHEMAS = PROJECT / "tests" / "sample" / "openlineage"
RUN = Run(
    *("3f5b8a0e-2f0c-4d0b-9d2e-0d6a2c1b4e5f", "9b1d0c52-5c0e-4b6f-8d59-1f1c3d7a2b10"),
    *(
        "gold.count_popularity",
        "gold: popularity",
        datetime(2026, 1, 2, tzinfo=UTC),
        2.5,
        "failed",
        2,
        "no file x",
    ),
    *({"silver.feedback": 7}, {table.sql_name: 3 for table in CATALOGUE}, 5),
)


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    schemas = [json.loads(file.read_text(encoding="utf-8")) for file in SCHEMAS.glob("*.json")]
    return Registry().with_resources([(one["$id"], Resource.from_contents(one)) for one in schemas])


def document(run: Run = RUN) -> dict[str, Any]:
    return json.loads(Serde.to_json(event(run, root="/data/lake", namespace="prod", parent_job="run")))


def facets(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "_schemaURL" in node:
            yield node
        for value in node.values():
            yield from facets(value)
    elif isinstance(node, list):
        for value in node:
            yield from facets(value)


def faults(found: dict[str, Any], registry: Registry[Any]) -> list[str]:
    """What the event's schema and that of each of its facets object to."""
    documents = [(found["schemaURL"], found), *((facet["_schemaURL"], facet) for facet in facets(found))]
    return [
        f"{url}: {error.message}"
        for url, one in documents
        for error in Draft202012Validator({"$ref": url}, registry=registry).iter_errors(one)
    ]


@pytest.mark.parametrize("result", ["started", "succeeded", "failed", "stopped"])
def test_every_event_is_valid(registry: Registry[Any], result: str) -> None:
    found = document(RUN._replace(result=result))
    kinds = {facet["_schemaURL"].rpartition("/")[2] for facet in facets(found)}
    assert len(kinds) == 6
    assert faults(found, registry) == []


def test_what_the_schemas_forbid_is_a_fault(registry: Registry[Any]) -> None:
    found = document()
    found["outputs"][2]["facets"]["columnLineage"]["fields"]["id"]["inputFields"][0].pop("field")
    assert [fault.partition(": ")[2] for fault in faults(found, registry)] == ["'field' is a required property"]


def test_an_event_says_what_ran_and_on_which_versions() -> None:
    found = document()
    assert (found["eventType"], found["eventTime"]) == ("FAIL", "2026-01-02T00:00:02.500000+00:00")
    assert found["job"]["name"] == "gold.count_popularity"
    assert found["run"]["facets"]["parent"]["job"] == {"namespace": "prod", "name": "run", "facets": {}}
    assert found["run"]["facets"]["errorMessage"]["message"] == "no file x"
    [read] = found["inputs"]
    assert (read["namespace"], read["name"]) == ("file", "/data/lake/silver/feedback")
    assert read["facets"]["version"]["datasetVersion"] == "7"


def test_columns_lead_to_their_sources() -> None:
    made = document(RUN._replace(versions_written={"gold.content_popularity": 3}))["outputs"][0]["facets"]
    assert [field["name"] for field in made["schema"]["fields"]] == GOLD_POPULARITY.columns
    [source] = made["columnLineage"]["fields"]["seconds_watched"]["inputFields"]
    assert (source["name"], source["field"]) == ("/data/lake/silver/feedback", "seconds_watched")


@pytest.mark.parametrize("table", [*layer_tables("silver"), *layer_tables("gold")], ids=lambda one: one.sql_name)
def test_the_sources_are_columns_of_the_layers_before(table: Table) -> None:
    sources = column_sources(table)
    assert set(sources) <= set(table.columns)
    order = ("bronze", "silver", "gold")
    for source in {one for found in sources.values() for one in found}:
        origin = find_table(source.table)
        assert source.column in origin.columns
        assert order.index(origin.layer) <= order.index(table.layer)
        assert origin.sql_name != table.sql_name


def test_every_column_that_people_read_has_sources() -> None:
    """The others are computed from no column: times of writing, numbers of batches, versions, what a model was."""
    unsourced = {
        table.sql_name: [name for name in table.columns if name not in column_sources(table)]
        for table in (*layer_tables("silver"), *layer_tables("gold"))
    }
    assert {name: columns for name, columns in unsourced.items() if columns} == {
        "silver.quarantine": ["quarantined_at", "status", "resolved_at"],
        "silver.corrections": ["replay_id", "replayed_at", "cause"],
        "silver.batches": ["query_id", "batch_id", "bronze_versions", "silver_versions", "finished_at"],
        "gold.recommendations": ["model_version"],
        "gold.model_metrics": ["model_version", "model", "metric", "input_versions"],
        "gold.models": find_table("gold.models").columns,
        "gold.tuning_trials": find_table("gold.tuning_trials").columns,
    }


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("/data/lake", ("file", "/data/lake/silver/users")),
        ("s3a://bucket/lake", ("s3a://bucket", "lake/silver/users")),
        (
            "abfss://box@account.dfs.core.windows.net/lake",
            ("abfss://box@account.dfs.core.windows.net", "lake/silver/users"),
        ),
    ],
)
def test_a_dataset_is_named_by_its_storage_and_path(root: str, expected: tuple[str, str]) -> None:
    assert dataset_name(root, SILVER_USERS) == expected


def test_a_run_sends_its_start_and_its_end_to_the_file_of_the_settings(tmp_path: Path) -> None:
    write(tmp_path, SILVER_USERS, user(0, "Ana"))
    file = tmp_path / "events.jsonl"
    receiver = OpenLineage(namespace="prod", file=str(file), url="")

    def work() -> int:
        write(tmp_path, SILVER_USERS, user(1, "Luis"))
        return 0

    recorded(work, Work("silver.refine", "", (SILVER_USERS,)), root=str(tmp_path), openlineage=receiver)
    started, ended = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    assert [started["eventType"], ended["eventType"]] == ["START", "COMPLETE"]
    [row] = store.read(Lakehouse(str(tmp_path)))
    assert started["run"]["runId"] == ended["run"]["runId"] == row.run_id
    assert [one["name"] for one in ended["outputs"]] == [f"{tmp_path}/silver/users"]


def test_a_receiver_that_does_not_answer_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, SILVER_USERS, user(0, "Ana"))
    with socket.socket() as taken:  # bound, but it listens to nobody
        taken.bind(("127.0.0.1", 0))
        receiver = OpenLineage(namespace="prod", file="", url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert recorded(lambda: 0, Work("check", ""), root=str(tmp_path), openlineage=receiver) == 0
    assert "lakehouse: this run is not fully recorded: " in capsys.readouterr().err
    assert len(store.read(Lakehouse(str(tmp_path)))) == 1
