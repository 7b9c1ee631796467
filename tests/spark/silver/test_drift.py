"""Fields that no type has: recorded by silver's batches, even if the table is older than their details."""

from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.folders import open_folder
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.checkpoints import read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES, SILVER_CORRECTIONS, SILVER_USERS
from silver.continuity import require_continuity
from silver.drift import DriftedField, drifted_fields
from silver.refine import STREAM, refine
from tests.support.records import FEEDBACK, MOVIE, USER, bronze_row, land, moment

OLD_FIELDS = "array<struct<field:string,rows:bigint,sample:string>>"


def drift(settings: Settings) -> list[DriftedField]:
    return drifted_fields(Lakehouse(settings.root).read(SILVER_BATCHES))


def make_older(spark: SparkSession, settings: Settings) -> None:
    """Silver as the previous version wrote it: no table of corrections, fewer details about unknown fields."""
    root = settings.root
    batches = SparkLakehouse(root, spark).read(SILVER_BATCHES)
    older = batches.withColumns(
        {
            "silver_versions": F.map_filter(
                "silver_versions", lambda name, _: name != SILVER_CORRECTIONS.sql_name
            ),
            "unknown_fields": F.transform(
                "unknown_fields", lambda one: F.struct(one.field, one.rows, one["sample"])
            ),
        }
    )
    kept = older.withColumn("unknown_fields", F.col("unknown_fields").cast(OLD_FIELDS)).localCheckpoint()
    writer = kept.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.option("userMetadata", '{"lakehouse": "test"}').save(SILVER_BATCHES.path(root))
    for file in sorted(Path(root, "silver", "corrections").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    Path(root, "silver", "corrections").rmdir()


def test_fields_never_seen_before(spark: SparkSession, tmp_path: Path) -> None:
    settings = load_settings().model_copy(update={"root": str(tmp_path / "lakehouse")})
    root = settings.root
    lake = SparkLakehouse(root, spark)
    first = [
        bronze_row(USER | {"pais": "MX"}, at="2025-05-13T12:00:02Z"),
        bronze_row(USER | {"pais": None, "edad": 31}, at="2025-05-13T12:00:01Z"),
        bronze_row(MOVIE | {"pais": "AR"}),
        bronze_row(MOVIE | {"titulo": "", "premio": True}),  # rejected records count as well
        bronze_row(MOVIE | {"type": "book", "isbn": "1"}),  # unknown type: no fields that it could lack
    ]
    land(root, BRONZE_EVENTS, first)
    land(root, BRONZE_FEEDBACK, [bronze_row(FEEDBACK)])
    refine(spark, settings)
    at, later, last = (moment(f"2025-05-13T12:00:0{second}Z") for second in (0, 1, 2))
    seen = drift(settings)
    assert [(*row[:3], *row[4:]) for row in seen] == [
        ("events", "movie", "pais", 0, 1, "AR"),
        ("events", "movie", "premio", 0, 1, "true"),
        ("events", "user", "edad", 0, 1, "31"),
        ("events", "user", "pais", 0, 2, "MX"),
    ]
    first_seen = lake.read(SILVER_BATCHES).select(F.explode("unknown_fields.first_seen").alias("at"))
    assert {row["at"].astimezone(at.tzinfo) for row in first_seen.collect()} == {at, later}
    assert lake.read(SILVER_USERS).count() == 1  # the stream continues, and nothing is lost

    make_older(spark, settings)
    assert {row[2] for row in drift(settings)} == {"pais", "premio", "edad"}
    land(root, BRONZE_EVENTS, [bronze_row(USER | {"edad": 32}, at="2025-05-13T12:00:02Z")])
    refine(spark, settings)  # adds what the tables lack
    newer = [row for row in drift(settings) if row[1] is not None]
    assert [(*row[:3], *row[4:]) for row in newer] == [("events", "user", "edad", 1, 1, "32")]
    assert newer[0].first_seen == last
    # the old batch still shows what it recorded, and its end
    assert {(row[2], row[4], row[5]) for row in drift(settings) if row[1] is None} == {
        ("pais", 0, 3),
        ("premio", 0, 1),
        ("edad", 0, 1),
    }
    # and the continuity checks pass
    require_continuity(lake, read_checkpoint(open_folder(root), STREAM))
