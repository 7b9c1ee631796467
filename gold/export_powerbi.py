"""Job: gold.recommendations and silver content -> gold.powerbi_recommendations and its CSV file."""

from pyspark.sql import SparkSession

from gold.inputs import held, read_published
from gold.powerbi.lists import require_titles, write_lists
from gold.powerbi.rows import name_titles, untitled
from lakehouse.exports import EXPORT_LOCK, Formulas
from lakehouse.history.acceptance import without_gate
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import waiting_for
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import GOLD_POWERBI, GOLD_RECOMMENDATIONS, SILVER_CONTENT


def run(spark: SparkSession, settings: Settings) -> dict[str, int]:
    """Replace both the table and the file, or neither: a recommended title without a name raises TableError.

    The lists come from the last version of gold.recommendations that passed its checks. Returns the exported
    versions of the tables.
    """
    lake = SparkLakehouse(settings.root, spark)
    with waiting_for(settings.shared_ops, EXPORT_LOCK):
        return _export(lake, settings.export.formulas)


def _export(lake: SparkLakehouse, formulas: Formulas) -> dict[str, int]:
    inputs = read_published(lake, GOLD_RECOMMENDATIONS, SILVER_CONTENT)
    with held(name_titles(inputs[GOLD_RECOMMENDATIONS], inputs[SILVER_CONTENT])) as rows:
        require_titles([row["recommended_content"] for row in untitled(rows).collect()])
        lake.overwrite(rows, GOLD_POWERBI, input_versions=inputs.versions)
        lines = (tuple(row) for row in rows.toLocalIterator())
        write_lists(lake.root, lines, formulas=formulas)
    return inputs.versions


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Export the recommendations for Power BI, as a table and as one CSV file.")
    parser.add_argument(
        "--no-gate",
        action="store_true",
        help="export the newest lists, not the last ones that passed their checks",
    )
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.export_powerbi") as spark, without_gate(when=args.no_gate):
        run(spark, settings)


if __name__ == "__main__":
    run_job(main)
