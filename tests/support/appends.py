"""Writers that append to one table, one row per commit, beside others that do the same.

python -m tests.support.appends NAME COUNT [default]
"""

import sys
from collections import Counter

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from lakehouse.settings import load_settings
from lakehouse.spark.session import spark_session
from lakehouse.stores import delta_options, store_address

_SCHEMA = pa.schema([("name", pa.string()), ("number", pa.int32())])


def table_of(root: str) -> str:
    return f"{root}/race"


def create_table(root: str) -> None:
    """Create the table, without rows: of two writers that create it at once, Delta refuses one."""
    address = table_of(root)
    DeltaTable.create(store_address(address), _SCHEMA, storage_options=delta_options(address))


def append_by_delta_rs(root: str, name: str, count: int) -> None:
    address = table_of(root)
    for number in range(count):
        rows = pa.table({"name": [name], "number": [number]}, schema=_SCHEMA)
        write_deltalake(store_address(address), rows, mode="append", storage_options=delta_options(address))


def commits_of(root: str) -> Counter[tuple[str, int]]:
    """How often each writer's row is in the table."""
    address = table_of(root)
    rows = DeltaTable(store_address(address), storage_options=delta_options(address)).to_pyarrow_table()
    return Counter((row["name"], row["number"]) for row in rows.to_pylist())


def use_the_default_log_store(spark: SparkSession) -> None:
    """Let Delta choose its log store, as it does in sessions that are not this project's. No table is open yet."""
    spark._jsparkSession.sparkContext().conf().remove("spark.delta.logStore.s3a.impl")


def main(name: str, count: int, log_store: str = "") -> None:
    """Append COUNT rows by Spark; each is committed, as far as Delta says, or the driver fails."""
    with spark_session("appends") as spark:
        if log_store == "default":
            use_the_default_log_store(spark)
        for number in range(count):
            row = spark.createDataFrame([(name, number)], "name string, number int")
            row.write.format("delta").mode("append").save(table_of(load_settings().root))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
