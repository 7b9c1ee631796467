"""Job: silver users and content -> gold.affinity_ratings."""

from pyspark.sql import SparkSession

from gold import inputs as input_rows
from gold.affinity import cosine, features, title_index
from gold.affinity.changes import (
    FULL_HELP,
    NO_BASE,
    ChangedKeys,
    Derivation,
    changed_keys,
    known_lineage,
    only,
    write_changes,
)
from gold.affinity.cosine import TITLE_TASTES, USER_TASTES, rate_titles
from gold.affinity.weights import chosen_weights
from gold.inputs import Inputs, partitions_of, read_inputs
from lakehouse.configuration.gold import AffinitySettings
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import only_run
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import GOLD_AFFINITY, SILVER_CONTENT, SILVER_USERS

# Up to this percentage of changed users, only theirs are recomputed; above it, everybody's.
MOST_CHANGED = 20


def run(spark: SparkSession, settings: Settings, *, full: bool = False) -> None:
    """Rate titles for the users whose tastes changed since the last run; `full`: for all users."""
    lake, affinity = SparkLakehouse(settings.root, spark), settings.gold.affinity
    recipe = derivation_of(affinity)
    with only_run(settings.shared_ops, GOLD_AFFINITY.sql_name):
        inputs = read_inputs(lake, SILVER_USERS, SILVER_CONTENT)
        changed = ChangedKeys(None, why_all="as requested") if full else changed_users(lake, inputs, recipe)
        write_changes(
            lambda: rate_titles(
                only(inputs[SILVER_USERS], "id", changed),
                inputs[SILVER_CONTENT],
                weights=chosen_weights(affinity),
                titles_per_user=affinity.titles_per_user,
                partitions=partitions_of(spark),
            ),
            lake,
            GOLD_AFFINITY,
            key="user_id",
            changed=changed,
            inputs=inputs,
            recipe=recipe,
        )


def derivation_of(affinity: AffinitySettings) -> Derivation:
    kept = affinity.titles_per_user
    return Derivation(settings=(chosen_weights(affinity), kept), code=(cosine, features, input_rows, title_index))


def changed_users(lake: SparkLakehouse, inputs: Inputs, recipe: Derivation) -> ChangedKeys:
    """The users whose tastes changed; all if a title's features did: they affect the rarity of every feature."""
    before = known_lineage(lake, GOLD_AFFINITY, recipe)
    if before is None:
        return NO_BASE
    titles = changed_keys(lake, inputs, SILVER_CONTENT, before, key="id", columns=TITLE_TASTES, most=0)
    if titles.keys is None:
        return titles
    most = inputs[SILVER_USERS].count() * MOST_CHANGED // 100
    return changed_keys(lake, inputs, SILVER_USERS, before, key="id", columns=USER_TASTES, most=most)


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Rate how well each title fits each user's tastes, into gold.affinity_ratings.")
    parser.add_argument("--full", action="store_true", help=FULL_HELP)
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.rate_affinity") as spark:
        run(spark, settings, full=args.full)


if __name__ == "__main__":
    run_job(main)
