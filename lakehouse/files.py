"""Small files and folders on the root's file system, whichever it is, through Hadoop's own client."""

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

# Spark's own option (DataSource.GLOB_PATHS_KEY). An escaped pattern fails if a name contains a colon: Hadoop takes
# what stands before a colon in a pattern for a scheme.
_PATTERNS = "__globPaths__"


def read_text(spark: SparkSession, path: str) -> str:
    """The file's text (UTF-8). Raises Py4JJavaError if the file does not exist."""
    system, file = _at(spark, path)
    stream = system.open(file)
    try:
        return str(_jvm(spark).org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
    finally:
        stream.close()


def read_parquet(spark: SparkSession, folder: str, schema: StructType) -> DataFrame:
    """The rows of the folder's Parquet files. By default Spark takes a path for a pattern: `[1]` means `1`."""
    return spark.read.schema(schema).option(_PATTERNS, "false").parquet(folder)


def names(spark: SparkSession, folder: str) -> list[str]:
    """The names of the folder's entries, sorted; empty if there is no such folder."""
    system, path = _at(spark, folder)
    if not system.exists(path):
        return []
    return sorted(str(status.getPath().getName()) for status in system.listStatus(path))


def names_below(spark: SparkSession, folder: str) -> list[str]:
    """The names of all files in the folder and its subfolders; empty if there is no such folder."""
    system, path = _at(spark, folder)
    if not system.exists(path):
        return []
    found, listed = [], system.listFiles(path, True)
    while listed.hasNext():
        found.append(str(listed.next().getPath().getName()))
    return sorted(found)


def rename(spark: SparkSession, path: str, new: str) -> None:
    """Move a file or folder to another path. Raises OSError if the file system does not do it."""
    system, old = _at(spark, path)
    target = _at(spark, new)[1]
    system.mkdirs(target.getParent())
    if not system.rename(old, target):
        raise OSError(f"cannot rename {path} to {new}")


def delete(spark: SparkSession, path: str) -> None:
    """Delete a file, or a folder with its contents; do nothing if it does not exist."""
    system, old = _at(spark, path)
    system.delete(old, True)


def _at(spark: SparkSession, path: str) -> tuple[Any, Any]:
    file = _jvm(spark).org.apache.hadoop.fs.Path(path)
    return file.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), file


def _jvm(spark: SparkSession) -> Any:
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has its JVM
    return jvm
