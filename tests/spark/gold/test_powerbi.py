"""The rows for Power BI."""

from chispa import assert_df_equality
from pyspark.sql import SparkSession

from gold.powerbi import name_titles, untitled

RECOMMENDATIONS = (
    "user_id string, content_id string, rank int, predicted_rating double, source string, model_version string"
)
POWERBI = "userId string, recommended_content string, titulo string, predicted_rating double"


def test_rows_are_named_rounded_and_in_order_of_user_and_rank(spark: SparkSession) -> None:
    recommendations = spark.createDataFrame(
        [
            ("u2", "b", 1, 3.0, "als", "m"),
            ("u1", "b", 2, 4.125, "als", "m"),  # half a cent: up
            ("u1", "a", 1, 4.126, "als", "m"),
            ("u1", "gone", 3, 1.0, "als", "m"),  # silver no longer has it: kept, without a name
            ("u10", "a", 1, 2.0, "als", "m"),  # as text, u10 comes before u2
        ],
        RECOMMENDATIONS,
    )
    titles = spark.createDataFrame([("a", "A"), ("b", "B"), ("b", "B"), ("c", "C")], "id string, titulo string")
    rows = name_titles(recommendations, titles)
    expected = [
        ("u1", "a", "A", 4.13),
        ("u1", "b", "B", 4.13),
        ("u1", "gone", None, 1.0),
        ("u10", "a", "A", 2.0),
        ("u2", "b", "B", 3.0),
    ]
    assert_df_equality(rows, spark.createDataFrame(expected, POWERBI), ignore_nullable=True)
    assert [row["recommended_content"] for row in untitled(rows).collect()] == ["gone"]
