"""Small files and folders of the lakehouse on whatever file system its root is, through Hadoop's own client."""

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

# Spark's own option (DataSource.GLOB_PATHS_KEY). A pattern with its signs escaped fails where a name has a colon:
# in a pattern Hadoop takes what is before it for a scheme.
_PATTERNS = "__globPaths__"


def read_text(spark: SparkSession, path: str) -> str:
    """The file's text (UTF-8). Raises Py4JJavaError where there is no such file."""
    system, file = _at(spark, path)
    stream = system.open(file)
    try:
        return str(_jvm(spark).org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
    finally:
        stream.close()


def read_parquet(spark: SparkSession, folder: str, schema: StructType) -> DataFrame:
    """The rows of the folder's Parquet files. By default Spark takes a path for a pattern: `[1]` is `1`."""
    return spark.read.schema(schema).option(_PATTERNS, "false").parquet(folder)


def names(spark: SparkSession, folder: str) -> list[str]:
    """The names of what the folder holds, sorted; none where there is no such folder."""
    system, path = _at(spark, folder)
    if not system.exists(path):
        return []
    return sorted(str(status.getPath().getName()) for status in system.listStatus(path))


def names_below(spark: SparkSession, folder: str) -> list[str]:
    """The names of all files in the folder and in its folders; none where there is no such folder."""
    system, path = _at(spark, folder)
    if not system.exists(path):
        return []
    found, listed = [], system.listFiles(path, True)
    while listed.hasNext():
        found.append(str(listed.next().getPath().getName()))
    return sorted(found)


def rename(spark: SparkSession, path: str, new: str) -> None:
    """Give a file or folder another path. Raises OSError where the file system does not do it."""
    system, old = _at(spark, path)
    target = _at(spark, new)[1]
    system.mkdirs(target.getParent())
    if not system.rename(old, target):
        raise OSError(f"cannot rename {path} to {new}")


def delete(spark: SparkSession, path: str) -> None:
    """Delete a file, or a folder with all that is in it; nothing happens where there is none."""
    system, old = _at(spark, path)
    system.delete(old, True)


def _at(spark: SparkSession, path: str) -> tuple[Any, Any]:
    file = _jvm(spark).org.apache.hadoop.fs.Path(path)
    return file.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), file


def _jvm(spark: SparkSession) -> Any:
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has its JVM
    return jvm
