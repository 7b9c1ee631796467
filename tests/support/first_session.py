"""A session that reads, writes and merges: it leaves Spark's jars in their cache, and a class archive.

Run on its own before the tests, whose hundred JVMs then start from both.
"""

import tempfile
from pathlib import Path

from delta.tables import DeltaTable
from pyspark import SparkContext

from lakehouse.spark.session import spark_session


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with spark_session("first", log_file=Path(folder) / "spark.log") as spark:
            table = str(Path(folder) / "table")
            spark.range(100).selectExpr("id", "id % 7 AS value").write.format("delta").save(table)
            changes = spark.range(50, 150).selectExpr("id", "id % 5 AS value")
            merge = DeltaTable.forPath(spark, table).alias("old").merge(changes.alias("new"), "old.id = new.id")
            merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
            assert spark.read.format("delta").load(table).groupBy("value").count().count() == 7
            jvm = SparkContext._gateway.proc
        jvm.stdin.close()  # which ends it, so it writes the archive
        jvm.wait()


if __name__ == "__main__":
    main()
