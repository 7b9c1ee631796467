"""What only Hadoop's client does: renaming a folder on whichever file system holds it.

pyarrow renames no folder of an object store, which has none: Hadoop copies its files and deletes the old ones.
Everything else is in lakehouse/folders.py.
"""

from pyspark.sql import SparkSession


def rename(spark: SparkSession, path: str, new: str) -> None:
    """Move a file or folder to another path. Raises OSError if the file system does not do it."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has its JVM
    old, target = jvm.org.apache.hadoop.fs.Path(path), jvm.org.apache.hadoop.fs.Path(new)
    system = old.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    system.mkdirs(target.getParent())
    if not system.rename(old, target):
        raise OSError(f"cannot rename {path} to {new}")
