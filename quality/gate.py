"""The gate between layers: data that did not pass its checks goes no further."""

from pyspark.sql import SparkSession

from lakehouse.errors import CheckFailedError, CheckNotRunError
from lakehouse.history import acceptance
from lakehouse.settings import Settings
from quality.checking import check, chosen_tables
from quality.pages import write_pages
from quality.results import Result, Run

_SHOWN = 3
# What does not happen after a failure at a layer's gate.
_STAYS = {"silver": "gold is not made from it", "gold": "it is not exported"}


def require_passed(spark: SparkSession, settings: Settings, layer: str, *, compare: bool = True) -> Run:
    """Check the layer's tables. Raises CheckFailedError, or CheckNotRunError if a check could not be made."""
    root = settings.root
    run = check(settings, chosen_tables(root, [layer]), session=lambda: spark, compare=compare)
    page = write_pages(root, run)["page"]
    if run.exit_code:
        published = acceptance.published_recommendations(root)
        stays = "nothing was published before" if published is None else f"{published} stays published"
        raised = CheckNotRunError if run.errors else CheckFailedError
        raise raised(
            f"{_told(layer, run)}; {_STAYS[layer]}, and {stays}",
            todo=f"see {page}; --no-gate goes on without checks",
        )
    return run


def _told(layer: str, run: Run) -> str:
    wrong: list[Result] = [*run.errors, *run.failed]
    what = "could not be checked" if run.errors else "did not pass its checks"
    shown = [result.line() for result in wrong[:_SHOWN]]
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    return f"{layer} {what}: " + "; ".join(shown + more)
