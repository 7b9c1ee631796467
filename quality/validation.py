"""Build a table's suite and run it on its rows, with Great Expectations. Import it through quality.loading."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
)
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    Expectation,
    MulticolumnMapExpectation,
)
from great_expectations.render import RenderedComponentContent
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
from great_expectations.util import convert_to_json_serializable
from jinja2 import PackageLoader, pass_context

from lakehouse.atomic_write import atomic_write
from lakehouse.errors import InputError, first_line
from lakehouse.tables import Table
from quality import gold_suites, silver_suites
from quality.batches import Profile, Rows
from quality.contract import contract
from quality.outcomes import Allowed, count_again, results_of
from quality.results import CheckedTable
from quality.subject import Subject

# It warns about what is intended here: values of an expectation are not stored in its own project.
logging.getLogger("great_expectations").setLevel(logging.ERROR)

# Great Expectations puts what failed first.
_PLACE = "place"
_MAPS = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
_NONE_UNEXPECTED = {"unexpected_count": 0, "unexpected_percent": 0.0, "partial_unexpected_list": []}

_MODULES: Mapping[str, ModuleType] = {"silver": silver_suites, "gold": gold_suites}


def own_suite(table: Table) -> Callable[[Subject], list[Expectation]] | None:
    """The function of the table's name in the suites of its layer; None if there is none."""
    return getattr(_MODULES.get(table.layer), table.name, None)


def suite_of(subject: Subject) -> gx.ExpectationSuite:
    """The table's own suite; a table without one is checked against its contract."""
    build = own_suite(subject.table) or contract
    return gx.ExpectationSuite(name=subject.table.sql_name, expectations=build(subject))


def validate_subject(
    subject: Subject, rows: Rows, profile: Profile, suite: gx.ExpectationSuite | None
) -> CheckedTable:
    """Run the table's suite, or another one, on rows that are not empty."""
    table, limits = subject.table, subject.limits
    outcome = validate(rows, suite or suite_of(subject), table, samples=limits.samples)
    allowed = Allowed(limits.may_be_null, subject.sent)
    results = results_of(outcome, table.sql_name, subject.version, profile, allowed)
    return CheckedTable(table.sql_name, subject.version, results, outcome)


def read_suite(file: Path) -> gx.ExpectationSuite:
    """A suite as Great Expectations writes it. Raises InputError if the file is none."""
    try:
        written = json.loads(file.read_text(encoding="utf-8"))
        suite = gx.ExpectationSuite(**written)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", todo="name the JSON file of a suite") from error
    except (ValueError, TypeError, GreatExpectationsError) as error:
        raise InputError(
            f"{file} is not a suite of Great Expectations: {first_line(error)}",
            todo="lakehouse check --suites DIR writes examples",
        ) from error
    _require_whole(file, written.get("expectations", []), suite)
    return suite


def _require_whole(file: Path, written: Sequence[Mapping[str, Any]], suite: gx.ExpectationSuite) -> None:
    """Raise InputError for expectations that Great Expectations left out of the suite, which it only logs."""
    held = Counter(one.expectation_type for one in suite.expectations)
    lost = Counter(str(one.get("type")) for one in written) - held
    if lost or not held:
        what = f"cannot build {', '.join(lost)}" if lost else "has no expectations"
        raise InputError(
            f"{file} {what}", todo=f"use only expectations and arguments of Great Expectations {gx.__version__}"
        )


def write_suites(folder: Path, subjects: Sequence[Subject]) -> list[Path]:
    """One JSON file per table, as Great Expectations stores a suite."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write_suite(folder / f"{subject.table.sql_name}.json", suite_of(subject)) for subject in subjects]


def _write_suite(file: Path, suite: gx.ExpectationSuite) -> Path:
    with atomic_write(file) as draft:
        draft.write_text(json.dumps(suite.to_json_dict(), ensure_ascii=False, indent=2), encoding="utf-8")
    return file


def validate(
    rows: Rows, suite: gx.ExpectationSuite, table: Table, *, samples: int
) -> ExpectationSuiteValidationResult:
    """Run the suite on the rows, in this process or on Spark, whichever they are.

    Rows that fail are first only counted, in few queries, and most expectations pass. Those that do not are run
    again for the values: at most `samples` are shown, each with what names its row. The results are in the suite's
    order.
    """
    batch = _batch(rows, table)
    placed = [
        one.copy(update={"id": None, "meta": {**(one.meta or {}), _PLACE: place}})
        for place, one in enumerate(suite.expectations)
    ]
    counting = [one for one in placed if isinstance(one, _MAPS) and one.mostly == 1]
    others = [one for one in placed if not (isinstance(one, _MAPS) and one.mostly == 1)]
    counted = _run(batch, suite.name, counting, {"result_format": "BOOLEAN_ONLY"})
    results: dict[int, Any] = {_place(result): result for result in counted.results}
    for result in counted.results:
        result.result = dict(_NONE_UNEXPECTED)
    failed = [one for one in counting if not results[(one.meta or {})[_PLACE]].success]
    shown = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": samples,
        "unexpected_index_column_names": [name for name in (*table.key, "titulo") if name in rows.columns],
    }
    outcome: ExpectationSuiteValidationResult = _run(batch, suite.name, [*others, *failed], shown)
    results |= {_place(result): result for result in outcome.results}
    outcome.results = [results[place] for place in range(len(placed))]
    for result in results.values():
        del result.expectation_config.meta[_PLACE]
        # as it is in JSON: its renderer fails for numbers of numpy, and leaves them out of the page
        result.result = json.loads(json.dumps(convert_to_json_serializable(result.result)))
    count_again(outcome)
    return outcome


def _batch(rows: Rows, table: Table) -> Any:
    in_memory = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    project = DataContextConfig(store_backend_defaults=in_memory, progress_bars=ProgressBarsConfig(globally=False))
    context = gx.get_context(mode="ephemeral", project_config=project)
    if isinstance(rows, pd.DataFrame):
        asset: Any = context.data_sources.add_pandas(name="pandas").add_dataframe_asset(name=table.sql_name)
    else:  # the reader of the rows has persisted them, and releases them
        source = context.data_sources.add_spark(name="spark", persist=False)
        asset = source.add_dataframe_asset(name=table.sql_name)
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})


def _run(batch: Any, name: str, expectations: list[Any], shown: dict[str, Any]) -> Any:
    return batch.validate(gx.ExpectationSuite(name=name, expectations=expectations), result_format=shown)


def _place(result: Any) -> int:
    place: int = result.expectation_config.meta[_PLACE]
    return place


class _EscapingView(DefaultJinjaPageView):
    """Great Expectations writes values of rows into its page as they are: a title could run a script."""

    @pass_context
    def render_content_block(self, jinja_context: Any, content_block: Any, *args: Any, **kwargs: Any) -> Any:
        return super().render_content_block(jinja_context, _escaped(content_block), *args, **kwargs)


def _escaped(block: Any) -> Any:
    if isinstance(block, list):
        return [_escaped(one) for one in block]
    return block if block is None or isinstance(block, dict | RenderedComponentContent) else escape(str(block))


def data_docs(validation: ExpectationSuiteValidationResult, *, title: str, run_id: str) -> str:
    """The page that Great Expectations renders of a validation result, in a frame that needs no network.

    Its own frame loads Bootstrap, jQuery, Vega and icons from other hosts, and links to more pages of its project.
    """
    validation.meta["run_id"] = RunIdentifier(run_name=run_id)
    page = ValidationResultsPageRenderer().render(validation)
    del page.sections[0].content_blocks[0]  # the header, which links to them
    return str(_view().render(page, template="data_docs.html", title=title, run_id=run_id))


@cache
def _view() -> Any:
    """One for all pages: it compiles its templates when they are first used."""
    view: Any = _EscapingView()
    # Great Expectations would take a folder, which is not there if the code is in an archive
    view.env.loader.loaders.append(PackageLoader("quality", "templates"))
    return view
