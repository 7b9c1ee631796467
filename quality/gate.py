"""The gate between layers: data that failed its checks goes no further."""

from pyspark.sql import SparkSession

from lakehouse.errors import CheckFailedError, CheckNotRunError
from lakehouse.history import acceptance
from lakehouse.settings import Settings
from quality.checking import check, chosen_tables
from quality.pages import write_pages
from quality.results import CheckRun, ExpectationResult

_SHOWN = 3
# The consequence of a failure at a layer's gate.
_CONSEQUENCES = {"silver": "gold is not built from it", "gold": "it is not exported"}


def require_passed(spark: SparkSession, settings: Settings, layer: str, *, compare: bool = True) -> CheckRun:
    """Check the layer's tables. Raises CheckFailedError, or CheckNotRunError if a check could not be made."""
    root = settings.root
    run = check(settings, chosen_tables(root, [layer]), session=lambda: spark, compare=compare)
    page = write_pages(root, run)["page"]
    if run.exit_code:
        published = acceptance.published_recommendations(root)
        stays = "nothing was published before" if published is None else f"{published} stays published"
        raised = CheckNotRunError if run.errors else CheckFailedError
        raise raised(
            f"{_summary(layer, run)}; {_CONSEQUENCES[layer]}, and {stays}",
            todo=f"see {page}; --no-gate skips the checks",
        )
    return run


def _summary(layer: str, run: CheckRun) -> str:
    wrong: list[ExpectationResult] = [*run.errors, *run.failed]
    what = "could not be checked" if run.errors else "did not pass its checks"
    shown = [result.line() for result in wrong[:_SHOWN]]
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    return f"{layer} {what}: " + "; ".join(shown + more)
