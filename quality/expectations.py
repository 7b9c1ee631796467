"""The expectations that Great Expectations lacks, as classes of its own kinds.

Import this module before you load a suite that contains one. Their metrics are in quality/row_metrics.py and
quality/table_metrics.py.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from great_expectations.expectations.expectation import (
    BatchExpectation,
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.render import RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer
from typing_extensions import override

from quality import row_metrics, table_metrics
from quality.distance import jensen_shannon, shares

_SHOWN = 20  # values of rows that fail, as many as Great Expectations shows by default
_NOT_SHOWN = {"batch_id", "root", "partition_object", "types"}
_LONGEST = 80
Metrics = dict[str, Any]
ResultDict = dict[str, Any]


@renderer(renderer_type="renderer.prescriptive")
def _described(cls: Any, /, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
    sentence = cls.__doc__.partition(";")[0].partition(".")[0].replace("`", "")
    given = {name: value for name, value in configuration.kwargs.items() if name not in _NOT_SHOWN}
    arguments = "; ".join(f"{name} {str(value)[:_LONGEST]}" for name, value in given.items())
    text = f"{sentence} ({arguments})" if arguments else sentence
    content = {"template": "$text", "params": {"text": text}}
    return [RenderedStringTemplateContent(content_block_type="string_template", string_template=content)]


class _Described:
    """In Data Docs, an expectation is its class's first sentence and its arguments.

    Without a renderer, Great Expectations would write the arguments as they are, and they may hold values of rows.
    """

    _prescriptive_renderer: Any = classmethod(_described)


class ExpectColumnItemsToMatchRegex(_Described, ColumnMapExpectation):
    """Expect every item of an array to match a pattern; `field` names the part of a struct that is compared."""

    regex: str
    field: str = ""
    map_metric: ClassVar[str] = row_metrics.ItemsMatchRegex.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "regex", "field")


class ExpectColumnItemCountsToBeAtLeast(_Described, ColumnMapExpectation):
    """Expect every array to have this many items or more."""

    min_value: int
    map_metric: ClassVar[str] = row_metrics.ItemCounts.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "min_value")


class ExpectRowsToMeetCondition(_Described, MulticolumnMapExpectation):
    """Expect a condition over several columns to be true, in what pandas and Spark SQL have in common."""

    condition: str
    map_metric: ClassVar[str] = row_metrics.RowsMeetCondition.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "condition")


class ExpectColumnPairDateToBeWithinDaysAfter(_Described, ColumnPairMapExpectation):
    """Expect the date A to be no later than `days` after the day of the timestamp B."""

    days: int
    ignore_row_if: Literal["both_values_are_missing", "either_value_is_missing", "neither"] = (
        "either_value_is_missing"
    )
    map_metric: ClassVar[str] = row_metrics.DateWithinDaysAfter.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("mostly", "days", "ignore_row_if")


class ExpectRanksToCountFromOne(_Described, MulticolumnMapExpectation):
    """Expect the ranks of each list to be 1, 2, 3 ...; the columns are the list and the rank."""

    map_metric: ClassVar[str] = row_metrics.RankCounts.condition_metric_name


class ExpectValuesToFallWithRank(_Described, MulticolumnMapExpectation):
    """Expect no value to be above the one before it; the columns are the list, the rank and the value."""

    map_metric: ClassVar[str] = row_metrics.ValuesFallWithRank.condition_metric_name


class _TableExpectation(_Described, BatchExpectation):
    """An expectation about all rows together, judged by `verdict`; its arguments are all success keys."""

    @override
    def _validate(
        self, metrics: Metrics, runtime_configuration: Any = None, execution_engine: Any = None
    ) -> ResultDict:
        outcome = self.verdict(*[metrics[name] for name in self.metric_dependencies])
        shown = (runtime_configuration or {}).get("result_format", {})
        if "partial_unexpected_list" in outcome["result"] and isinstance(shown, dict):
            del outcome["result"]["partial_unexpected_list"][shown.get("partial_unexpected_count", _SHOWN) :]
        return outcome

    def verdict(self, *actual: Any) -> ResultDict:
        raise NotImplementedError


class ExpectTableTypesToEqual(_TableExpectation):
    """Expect the table to have these columns, with these types, as Delta writes them.

    On Spark, Great Expectations' own ExpectTableColumnsToMatchSet takes the fields of a struct for columns.
    """

    types: dict[str, str]
    metric_dependencies: ClassVar[tuple[str, ...]] = (table_metrics.ColumnTypes.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("types",)

    def verdict(self, actual: Mapping[str, str]) -> ResultDict:
        wrong = [f"unexpected column {name}" for name in actual if name not in self.types]
        wrong += [f"no column {name}" for name in self.types if name not in actual]
        wrong += [
            f"column {name} is {actual[name]} instead of {wanted}"
            for name, wanted in self.types.items()
            if name in actual and actual[name] != wanted
        ]
        return {"success": not wrong, "result": {"observed_value": "; ".join(wrong) or "as expected"}}


class ExpectRowsToBeInTable(_TableExpectation):
    """Expect the values of `columns` to be those of `keys` in a row of another table of the lakehouse."""

    columns: list[str]
    root: str
    reference: str
    keys: list[str]
    at_version: int | None = None
    mostly: float = 1.0
    metric_dependencies: ClassVar[tuple[str, ...]] = (table_metrics.RowsNotInTable.metric_name, "table.row_count")
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "root", "reference", "keys", "at_version", "mostly")

    def verdict(self, unknown: Mapping[str, Any], rows: int) -> ResultDict:
        count = unknown["count"]
        known = 1 - count / rows if rows else 1.0
        result = {
            "element_count": rows,
            "unexpected_count": count,
            "unexpected_percent": 100 * (1 - known),
            "partial_unexpected_list": unknown["first"],
        }
        return {"success": known >= self.mostly, "result": result}


class ExpectEveryUserToHaveRecommendations(_TableExpectation):
    """Expect a row for every user of silver.users to whom a title can still be recommended.

    `versions` are those of silver.users, silver.content and silver.feedback; None is the latest.
    """

    root: str
    versions: dict[str, int | None]
    metric_dependencies: ClassVar[tuple[str, ...]] = (
        table_metrics.UsersWithoutList.metric_name,
        "table.row_count",
    )
    success_keys: ClassVar[tuple[str, ...]] = ("root", "versions")

    def verdict(self, without: list[str], rows: int) -> ResultDict:
        result = {
            "element_count": rows,
            "unexpected_count": len(without),
            "partial_unexpected_list": [{"user_id": user} for user in without],
        }
        return {"success": not without, "result": result}


class ExpectColumnJensenShannonDistanceToBeAtMost(_TableExpectation):
    """Expect a column's values, or its arrays' items, to be distributed as in `partition_object`.

    The distance is 0 for the same shares and 1 for no value in common. Without a `partition_object` the shares are
    only measured; fewer than `min_values` values are not judged.
    """

    column: str
    threshold: float
    partition_object: dict[str, list[Any]] | None = None
    min_values: int = 1
    metric_dependencies: ClassVar[tuple[str, ...]] = (table_metrics.ColumnCounts.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("column", "threshold", "partition_object", "min_values")

    def verdict(self, counts: Mapping[str, int]) -> ResultDict:
        now, number = shares(counts), sum(counts.values())
        details = {"shares": now}
        if not number:
            return {"success": False, "result": {"observed_value": None}}
        if number < self.min_values:
            return _unjudged(f"{number} values, too few to judge", details)
        if not self.partition_object:
            return _unjudged("no earlier run to compare with", details)
        before = dict(zip(self.partition_object["values"], self.partition_object["weights"], strict=True))
        distance = jensen_shannon(now, before)
        return {
            "success": distance <= self.threshold,
            "result": {"observed_value": distance, "details": details},
        }


class ExpectLargestRejectedShareToBeAtMost(_TableExpectation):
    """Expect no batch to have a larger share of quarantined rows; `since` is when the batches before it ended.

    Batches below `min_rows` count together as one, which is not judged if it is below `min_rows` too.
    """

    max_value: float
    min_rows: int
    since: str | None = None
    metric_dependencies: ClassVar[tuple[str, ...]] = (table_metrics.LargestRejectedShare.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("max_value", "min_rows", "since")

    def verdict(self, share: float | None) -> ResultDict:
        if share is None:
            return _unjudged(f"fewer than {self.min_rows} rows since then")
        return {"success": share <= self.max_value, "result": {"observed_value": share}}


class ExpectVersionToBeRecent(_TableExpectation):
    """Expect the version to be no older than `max_hours`. No row says how old it is: `age_hours` does."""

    age_hours: float
    max_hours: float
    success_keys: ClassVar[tuple[str, ...]] = ("age_hours", "max_hours")

    def verdict(self) -> ResultDict:
        return {"success": self.age_hours <= self.max_hours, "result": {"observed_value": self.age_hours}}


class ExpectInputVersionsToHavePassed(_TableExpectation):
    """Expect that the rows were made from versions that passed their own checks, as the version's commit says.

    `unaccepted` lists those that did not; None if the commit records no inputs.
    """

    unaccepted: list[str] | None
    success_keys: ClassVar[tuple[str, ...]] = ("unaccepted",)

    def verdict(self) -> ResultDict:
        actual = ["its commit does not record its inputs"] if self.unaccepted is None else self.unaccepted
        return {"success": not actual, "result": {"observed_value": ", ".join(actual) or "all of them passed"}}


def _unjudged(why: str, details: Mapping[str, Any] | None = None) -> ResultDict:
    result = {"observed_value": why} | ({"details": dict(details)} if details else {})
    return {"success": True, "result": result}
