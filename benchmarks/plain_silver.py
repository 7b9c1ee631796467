"""What one would write instead of silver: parse, keep the latest event of each id, merge. No rules."""

from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from lakehouse.tables import BRONZE_EVENTS, SILVER_CONTENT, SILVER_USERS, Table

WIRE = (
    "id string, type string, timestamp string, nombre_usuario string, titulo string, fecha_suscripcion string, "
    "generos array<string>, directores array<string>, actores array<string>, clasificacion string, "
    "decadas_favoritas array<string>, decada_lanzamiento string, numero_temporadas int, numero_episodios int"
)
# Each table, and the types of events in it.
_TABLES = ((SILVER_USERS, ("user",)), (SILVER_CONTENT, ("movie", "series")))


def read_bronze(spark: SparkSession, root: Path, *, version: int, max_bytes_per_trigger: str) -> DataFrame:
    """Bronze's events from this version on, as silver reads them."""
    reader = spark.readStream.format("delta").option("startingVersion", version)
    return reader.option("maxBytesPerTrigger", max_bytes_per_trigger).load(BRONZE_EVENTS.path(str(root)))


def load(bronze: DataFrame, root: Path, *, checkpoint: Path) -> None:
    """Merge the rows of the stream into users and content below this root."""
    for table, _ in _TABLES:
        _create(bronze.sparkSession, root, table)
    writer = bronze.writeStream.foreachBatch(lambda rows, _: _merge_batch(rows, root))
    writer.option("checkpointLocation", str(checkpoint)).trigger(availableNow=True).start().awaitTermination()


def _create(spark: SparkSession, root: Path, table: Table) -> None:
    """The table of silver with its columns and change feed, without its constraints."""
    builder = DeltaTable.createIfNotExists(spark).location(table.path(str(root))).addColumns(table.schema)
    for name, value in table.properties.items():
        builder = builder.property(name, value)
    builder.execute()


def _merge_batch(bronze: DataFrame, root: Path) -> None:
    place = ("kafka_timestamp", "topic", "partition", "offset")
    parsed = bronze.select(F.from_json("value", WIRE).alias("wire"), *place).select("wire.*", *place)
    typed = parsed.withColumns(
        {
            "event_timestamp": F.col("timestamp").cast("timestamp"),
            "fecha_suscripcion": F.col("fecha_suscripcion").cast("date"),
        }
    )
    typed.persist()
    for table, types in _TABLES:
        _merge(typed.filter(F.col("type").isin(*types)), root, table)
    typed.unpersist()


def _merge(events: DataFrame, root: Path, table: Table) -> None:
    order = Window.partitionBy("id").orderBy(F.desc("event_timestamp"), F.desc("kafka_timestamp"))
    latest = events.withColumn("place", F.row_number().over(order)).filter("place = 1").select(*table.columns)
    target = DeltaTable.forPath(events.sparkSession, table.path(str(root))).alias("t")
    merge = target.merge(latest.alias("s"), "t.id = s.id")
    merge.whenMatchedUpdateAll("s.event_timestamp > t.event_timestamp").whenNotMatchedInsertAll().execute()
