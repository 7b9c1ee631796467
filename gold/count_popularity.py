"""Job: silver feedback -> gold.content_popularity."""

from pyspark.sql import SparkSession

from gold import popularity
from gold.changes import FULL_HELP, NO_BASE, Changed, Recipe, changed_keys, made_from, only, write
from gold.inputs import Inputs, read_inputs
from gold.popularity import COUNTED, count_daily
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import only_run
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings
from lakehouse.storage import read
from lakehouse.tables import GOLD_POPULARITY, SILVER_FEEDBACK

# Of so many titles in a hundred the days are counted again; of more, everyone's.
MOST_CHANGED = 50


def run(spark: SparkSession, settings: Settings, *, full: bool = False) -> None:
    """Count the days of the titles whose feedback has changed since the last run; `full`: of all titles."""
    root, recipe, trend_days = settings.root, recipe_of(settings), settings.gold.popularity.trend_days
    with only_run(settings.ops_dir, GOLD_POPULARITY.sql_name):
        inputs = read_inputs(spark, root, SILVER_FEEDBACK)
        changed = Changed(None, why_all="as asked for") if full else changed_titles(spark, root, inputs, recipe)
        write(
            lambda: count_daily(only(inputs[SILVER_FEEDBACK], "content_id", changed), trend_days=trend_days),
            spark,
            root,
            GOLD_POPULARITY,
            key="content_id",
            changed=changed,
            inputs=inputs,
            recipe=recipe,
        )


def recipe_of(settings: Settings) -> Recipe:
    return Recipe(settings=(settings.gold.popularity.trend_days,), code=(popularity,))


def changed_titles(spark: SparkSession, root: str, inputs: Inputs, recipe: Recipe) -> Changed:
    before = made_from(spark, root, GOLD_POPULARITY, recipe)
    if before is None:
        return NO_BASE
    counted = read(spark, root, GOLD_POPULARITY).select("content_id").distinct().count()
    most = counted * MOST_CHANGED // 100
    return changed_keys(inputs, root, SILVER_FEEDBACK, before, key="content_id", columns=COUNTED, most=most)


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Count each title's feedback per day, into gold.content_popularity.")
    parser.add_argument("--full", action="store_true", help=FULL_HELP)
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.count_popularity") as spark:
        run(spark, settings, full=args.full)


if __name__ == "__main__":
    run_job(main)
