"""The root cause of a failure, and the file that it names, as Spark, Delta and py4j report it."""

import pytest

from lakehouse.errors import Cause, root_cause

FILE = "/data/lake house/bronze/events/part-00000-3a3f-c000.snappy.parquet"
# What foreachBatch of pyspark 4.2 reports for a missing file, without most of its frames.
PROXY = f"""[STREAM_FAILED] Query [id = 5ae5, runId = 0196] terminated with exception: \
[FOREACH_BATCH_USER_FUNCTION_ERROR] An error occurred in the user provided function in foreach batch sink. \
Reason: An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):
  File "/lib/py4j/clientserver.py", line 644, in _call_proxy
    return_value = getattr(self.pool[obj_id], method)(*params)
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/lib/py4j/protocol.py", line 327, in get_return_value
    raise Py4JJavaError(
py4j.protocol.Py4JJavaError: An error occurred while calling o63950.localCheckpoint.
: org.apache.spark.SparkException: [FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file \
file:{FILE}. File does not exist.
You can explicitly invalidate the cache. SQLSTATE: KD001
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.fileNotExistError(QueryExecutionErrors.scala:902)
"""
CAUSED_BY = f"""Caused by: java.util.concurrent.ExecutionException: java.io.FileNotFoundException
\tat java.base/java.util.concurrent.FutureTask.report(FutureTask.java:122)
\t... 21 more
Caused by: java.io.FileNotFoundException: File file:{FILE} does not exist
\tat org.apache.hadoop.fs.RawLocalFileSystem.open(RawLocalFileSystem.java:244)
"""
PLAN = """
=== Streaming Query ===
Caused by: java.lang.Error: the plan may hold any text, and /a/file.parquet
"""
PYTHON = """[FOREACH_BATCH_USER_FUNCTION_ERROR] Reason: Traceback (most recent call last):
  File "/silver/batch.py", line 39, in apply_batch
    raise OSError("disk full")
OSError: disk full
"""


class Java:
    """A Java exception as seen through py4j."""

    def __init__(self, message: str | None, cause: "Java | None" = None) -> None:
        self._message, self._cause = message, cause

    def getCause(self) -> "Java | None":  # noqa: N802 - Java's name
        return self._cause

    def getMessage(self) -> str | None:  # noqa: N802
        return self._message

    def toString(self) -> str:  # noqa: N802
        return "java.lang.NullPointerException"


class CapturedError(Exception):
    """pyspark keeps the Java exception in `_origin`."""

    def __init__(self, origin: Java) -> None:
        super().__init__("[STREAM_FAILED] Query terminated")
        self._origin = origin


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (Exception(PROXY + CAUSED_BY + PLAN), Cause(f"File file:{FILE} does not exist", FILE)),
        # the innermost exception may be py4j's, whose message is the traceback
        (CapturedError(Java("outer", Java(PROXY + CAUSED_BY))), Cause(f"File file:{FILE} does not exist", FILE)),
        # a Java exception without causes: its own message
        (
            Exception(PROXY + PLAN),
            Cause(
                "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file "
                f"file:{FILE}. File does not exist.",
                FILE,
            ),
        ),
        (Exception(PYTHON + PLAN), Cause("OSError: disk full")),
        (CapturedError(Java("outer", Java("No space left on device"))), Cause("No space left on device")),
        (CapturedError(Java(None)), Cause("java.lang.NullPointerException")),
        (
            Exception("s3a://lake/silver/users/part-1.parquet: gone"),
            Cause("s3a://lake/silver/users/part-1.parquet: gone", "/lake/silver/users/part-1.parquet"),
        ),
        # a folder may end like a file
        (
            Exception("s3a://raw.json/a.bin/lh/part-1.parquet: gone"),
            Cause("s3a://raw.json/a.bin/lh/part-1.parquet: gone", "/raw.json/a.bin/lh/part-1.parquet"),
        ),
        (Exception("cannot read '/a.json/b.crc', 7"), Cause("cannot read '/a.json/b.crc', 7", "/a.json/b.crc")),
        # delta-rs
        (
            Exception("Failed to fetch metadata for file tmp/a b/part-1.parquet: Object Store error"),
            Cause(
                "Failed to fetch metadata for file tmp/a b/part-1.parquet: Object Store error",
                "tmp/a b/part-1.parquet",
            ),
        ),
        (Exception("cannot read /a/b.jsonl"), Cause("cannot read /a/b.jsonl")),
        (ValueError(), Cause("ValueError")),
    ],
)
def test_the_innermost_cause(error: Exception, cause: Cause) -> None:
    assert root_cause(error) == cause


def test_the_cause_of_a_cause() -> None:
    outer = RuntimeError("outer")
    outer.__cause__ = OSError("disk full")
    assert root_cause(outer) == Cause("disk full")
