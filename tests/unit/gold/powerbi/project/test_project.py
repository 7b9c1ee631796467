"""The Power BI project is consistent: fields, relationships, formulas, names and layout."""

import re
from itertools import combinations
from uuid import UUID

import pytest
from pyspark.sql.types import ArrayType, IntegerType, StructField, StructType

from gold.powerbi.project.measures import measures
from gold.powerbi.project.pages import pages
from gold.powerbi.project.queries import address, literal, shared_queries, table_query
from gold.powerbi.project.tables import exported_tables
from lakehouse.errors import TableError
from lakehouse.tables import SILVER_USERS, PowerBiExport, Table
from tests.support.powerbi_projects import WITHOUT_CHECKS, Project, fields_used, project

CATALOGUES = pytest.mark.parametrize("built", [project(), project(WITHOUT_CHECKS)], ids=["all", "no checks yet"])


def visuals(built: Project) -> dict[str, dict[str, object]]:
    return {path: document for path, document in built.documents.items() if path.endswith("visual.json")}


@CATALOGUES
def test_every_field_of_a_visual_is_in_the_model(built: Project) -> None:
    for path, document in visuals(built).items():
        used = list(fields_used(document))
        assert used, f"{path} shows nothing"
        for kind, table, name in used:
            known = built.columns if kind == "Column" else built.measures
            assert name in known.get(table, ()), f"{path}: no {kind.lower()} {table}[{name}]"


@CATALOGUES
def test_the_model_has_the_columns_of_the_export_its_keys_and_no_others(built: Project) -> None:
    keys = {table.name: [key.name for key in table.keys] for table in built.tables}
    assert built.columns == {table.name: [*table.names, *keys[table.name]] for table in built.tables}
    for name, text in built.definitions.items():
        assert re.findall(r"^\t\tsourceColumn: (.+)$", text, re.M) == built.columns[name]


@CATALOGUES
def test_every_exported_column_is_in_its_contract(built: Project) -> None:
    for table in built.tables:
        assert set(table.names) | set(table.omitted) <= set(table.source.columns)
        assert not set(table.names) & set(table.omitted)


@CATALOGUES
def test_relations_join_columns_of_the_model_and_end_in_a_key(built: Project) -> None:
    text = built.text("Lakehouse.SemanticModel/definition/relationships.tmdl")
    pairs = re.findall(r"fromColumn: (\w+)\.(\w+)\n\ttoColumn: (\w+)\.(\w+)", text)
    assert len(pairs) == text.count("relationship ") == 3
    for table, column, to_table, to_column in pairs:
        assert column in built.columns[table]
        # derived from the id that is the other table's key
        assert to_column == column
        known = next(one for one in built.tables if one.name == to_table)
        assert [(key.name, (key.id,)) for key in known.keys] == [(to_column, known.source.key)]


@CATALOGUES
def test_nothing_relates_counts_or_chooses_ids_but_by_their_keys(built: Project) -> None:
    """Power BI compares ids without case: a distinct count of ids would miss some, a slicer select two users."""
    ids = {(table.name, key.id) for table in built.tables for key in table.keys}
    assert len(ids) == 5
    relations = built.text("Lakehouse.SemanticModel/definition/relationships.tmdl")
    formulas = "".join(formula for own in built.measures.values() for formula in own.values())
    shown = {(table, name) for document in visuals(built).values() for _, table, name in fields_used(document)}
    for table, name in ids:
        assert not re.search(rf"{table}\.{name}\b", relations)
        assert f"'{table}'[{name}]" not in formulas
        assert (table, name) not in shown


@CATALOGUES
def test_each_key_is_made_of_its_id_whatever_the_source(built: Project) -> None:
    for table in built.tables:
        keyed = table_query(table, "/lake").rpartition("Keyed = ")[2]
        assert re.findall(r'"(\w+)", each ToKey\(\[(\w+)\]\), type text', keyed) == list(table.keys)
        hidden = re.findall(
            r"^\tcolumn (\w+)\n\t\tdataType: string\n\t\tisHidden$", built.definitions[table.name], re.M
        )
        assert hidden == [key.name for key in table.keys if key.id != "id"]


@CATALOGUES
def test_formulas_name_columns_and_measures_that_exist(built: Project) -> None:
    known = {name for own in built.measures.values() for name in own}
    for own in built.measures.values():
        for formula in own.values():
            for table, column in re.findall(r"'(\w+)'\[([^\]]+)\]", formula):
                assert column in built.columns[table], formula
            for name in re.findall(r"(?<!')\[([^\]]+)\]", re.sub(r"'\w+'\[[^\]]+\]", "", formula)):
                assert name in known, formula
            for table in re.findall(r"'(\w+)'", formula):
                assert table in built.columns, formula


@CATALOGUES
def test_no_two_names_differ_in_capitals_alone(built: Project) -> None:
    """Power BI treats them as equal: columns and measures within a table, measures within the model."""
    for name, columns in built.columns.items():
        own = [part.lower() for part in (*columns, *built.measures[name])]
        assert len(own) == len(set(own)), name
    everywhere = [measure.lower() for own in built.measures.values() for measure in own]
    assert len(everywhere) == len(set(everywhere))


@CATALOGUES
def test_visuals_stand_on_the_page_and_not_on_each_other(built: Project) -> None:
    for page in pages(built.tables):
        for box in (visual.box for visual in page.visuals):
            assert box.x >= 0
            assert box.y >= 0
            assert box.x + box.width <= 1280
            assert box.y + box.height <= 720
        for one, other in combinations(page.visuals, 2):
            a, b = one.box, other.box
            apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
            assert apart, f"{one.name} and {other.name}"


@CATALOGUES
def test_names_and_ids_are_unique(built: Project) -> None:
    names = [visual.name for page in pages(built.tables) for visual in page.visuals]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"\w{1,50}", name) for name in names)
    ids = [
        UUID(found)
        for content in built.files.values()
        for found in re.findall(r"(?:lineageTag: |relationship |logicalId\": \")([0-9a-f-]+)", content.decode())
    ]
    assert len(ids) == len(set(ids)) > 60


def test_the_pages_are_the_three_of_the_report() -> None:
    built = project()
    order = built.documents["Lakehouse.Report/definition/pages/pages.json"]["pageOrder"]
    titles = [
        built.documents[f"Lakehouse.Report/definition/pages/{name}/page.json"]["displayName"] for name in order
    ]
    assert titles == [
        "Recommendations of a user",
        "Popularity and catalogue over time",
        "Pipeline and data quality",
    ]
    slicers = [visual for page in pages(built.tables) for visual in page.visuals if visual.kind == "slicer"]
    assert len(slicers) == 5


def test_without_checks_only_what_shows_them_is_left_out() -> None:
    all_names = {visual.name for page in pages(exported_tables()) for visual in page.visuals}
    fewer = {visual.name for page in pages(exported_tables(WITHOUT_CHECKS)) for visual in page.visuals}
    assert all_names - fewer == {"pipeline_card_3", "pipeline_card_4", "data_quality"}
    assert fewer < all_names


def test_every_table_has_measures() -> None:
    names = tuple(table.name for table in exported_tables())
    assert {measure.table for measure in measures(names)} == set(names)
    assert len(names) == 8


def test_the_same_tables_give_the_same_bytes() -> None:
    assert project().files == project().files


def test_files_are_utf8_with_crlf_and_without_a_mark() -> None:
    for path, content in project().files.items():
        assert not content.startswith(b"\xef\xbb\xbf"), path
        assert content.count(b"\n") == content.count(b"\r\n") > 0, path


def test_paths_in_the_project_lead_to_its_parts() -> None:
    built = project()
    report = built.documents["Lakehouse.pbip"]["artifacts"][0]["report"]["path"]
    assert f"{report}/definition.pbir" in built.files
    model = built.documents[f"{report}/definition.pbir"]["datasetReference"]["byPath"]["path"].removeprefix("../")
    assert f"{model}/definition.pbism" in built.files
    assert f"{model}/definition/model.tmdl" in built.files
    listed = re.findall(r"^ref table (\w+)$", built.text(f"{model}/definition/model.tmdl"), re.M)
    assert listed == list(built.definitions)


def test_the_data_source_file_leads_to_the_exported_files() -> None:
    connection = project(root="/lake").documents["Lakehouse.pbids"]["connections"][0]
    assert connection["details"] == {"protocol": "folder", "address": {"path": "/lake/exports/tables"}}
    assert "Lakehouse.pbids" not in project(root="s3a://bucket/lake").files


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", '"plain"'),
        ('say "no"', '"say ""no"""'),
        (r"C:\lake", r'"C:\lake"'),
        ("#(lf) is no line break", '"#(#)(lf) is no line break"'),
        ("a\r\n\tb", '"a#(cr)#(lf)#(tab)b"'),
    ],
)
def test_text_in_m(text: str, written: str) -> None:
    assert literal(text) == written


@pytest.mark.parametrize(
    ("root", "reached", "opened"),
    [
        ("/data/lake", "/data/lake", "File.Contents"),
        ("abfss://c@a.dfs.core.windows.net/x/y", "https://a.dfs.core.windows.net/c/x/y", "AzureStorage.DataLake"),
        ("abfss://c@a.example/x #1/100%", "https://a.example/c/x%20%231/100%25", "AzureStorage.DataLake"),
        ('/raíz "año" [1] 100% #(lf)', '/raíz "año" [1] 100% #(lf)', "File.Contents"),
        ("s3a://bucket/lake", "s3a://bucket/lake", "File.Contents"),  # no such connector: the files are copied
    ],
)
def test_a_root_is_reached_from_power_bi(root: str, reached: str, opened: str) -> None:
    assert address(root) == reached
    assert opened in table_query(exported_tables()[0], root)


def test_files_are_read_as_they_are_written() -> None:
    """UTF-8, commas, and line breaks within quotes: M's defaults depend on the file or the locale."""
    query = next(query for query in shared_queries("/lake", source="csv") if query.name == "ParseCsv")
    assert (
        'Csv.Document(file, [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv])' in query.expression
    )


def test_the_source_is_what_the_parameter_says_at_first() -> None:
    path = "Lakehouse.SemanticModel/definition/expressions.tmdl"
    for source in ("csv", "delta"):
        assert f'expression DataSource = "{source}" meta' in project(source=source).text(path)


def test_a_column_that_no_file_can_hold_is_named() -> None:
    schema = StructType([StructField("odd", ArrayType(IntegerType()))])
    (odd,) = exported_tables([Table("gold", "odd", schema, (), export=PowerBiExport("odd"))])
    with pytest.raises(TableError, match=r"column odd of gold.odd is array<int>, which the export cannot write"):
        _ = odd.columns


def test_an_omitted_column_is_in_no_file_of_the_project() -> None:
    users = next(table for table in exported_tables() if table.source is SILVER_USERS)
    assert "kafka_timestamp" in users.omitted
    assert "kafka_timestamp" not in project().definitions["users"]
