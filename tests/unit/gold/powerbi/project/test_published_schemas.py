"""The report's JSON validated against Microsoft's published schemas, if they are next to this checkout."""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from tests.support.folders import SHARED
from tests.support.powerbi_projects import WITHOUT_CHECKS, Project, project

SCHEMAS = SHARED / "powerbi-schemas"
ADDRESS = "https://developer.microsoft.com/json-schemas/"
# No schema is published for a .pbids file; that of .platform is not among those next to this checkout.
WITHOUT_SCHEMA = {"Lakehouse.pbids", "Lakehouse.Report/.platform", "Lakehouse.SemanticModel/.platform"}


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    if not SCHEMAS.is_dir():
        pytest.skip(f"needs Power BI's published JSON schemas in {SCHEMAS}")
    found = [
        (ADDRESS + file.relative_to(SCHEMAS).as_posix(), json.loads(file.read_text(encoding="utf-8")))
        for file in SCHEMAS.rglob("*.json")
    ]
    return Registry().with_resources([(address, Resource.from_contents(schema)) for address, schema in found])


def faults(document: dict[str, Any], registry: Registry[Any]) -> list[str]:
    schema = registry.contents(document["$schema"])
    Draft7Validator.check_schema(schema)
    return [error.message for error in Draft7Validator(schema, registry=registry).iter_errors(document)]


@pytest.mark.parametrize("built", [project(), project(WITHOUT_CHECKS)], ids=["all", "no checks yet"])
def test_every_document_is_valid(built: Project, registry: Registry[Any]) -> None:
    checked = {path: document for path, document in built.documents.items() if path not in WITHOUT_SCHEMA}
    assert len(checked) > 30
    for path, document in checked.items():
        assert faults(document, registry) == [], path


def test_an_unknown_property_of_a_field_is_a_fault(registry: Registry[Any]) -> None:
    path = "Lakehouse.Report/definition/pages/user/visuals/user_list/visual.json"
    document = project().documents[path]
    document["visual"]["query"]["queryState"]["Values"]["projections"][0]["colour"] = "red"
    assert faults(document, registry) == ["Additional properties are not allowed ('colour' was unexpected)"]
