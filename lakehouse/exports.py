"""Files for people and tools outside the lakehouse, each replaced as a whole: a reader never meets half a file."""

import csv
import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pyspark.sql import SparkSession

RECOMMENDATIONS_CSV = "final_recommendations.csv"

# Object stores in which a file appears at once when it is closed; renaming there copies and then deletes.
_WHOLE_ON_CLOSE = {"s3a", "gs"}


def export_path(root: str, name: str) -> str:
    return f"{root}/exports/{name}"


def write_csv(
    spark: SparkSession, path: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """One CSV file as RFC 4180 has it: UTF-8, CRLF, a field quoted where it needs to be, its quotes doubled.

    It begins with a byte order mark, without which Excel reads UTF-8 as the machine's own code page. Numbers
    have 2 decimals and a dot. Text stays as it is, spaces at its ends and a leading `=` included.
    """
    with replaced_file(spark, path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows([_written(value) for value in row] for row in rows)
        text.detach()


@contextmanager
def replaced_file(spark: SparkSession, path: str) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `path` at the end; a failure leaves the old one as it was."""
    address = urlsplit(path)
    if address.scheme in ("", "file") or "://" not in path:
        target = Path(url2pathname(address.path)) if address.scheme == "file" else Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        publish: Callable[[], None] = lambda: _replace_local(partial, target)
    else:
        partial = Path(tempfile.gettempdir()) / f"{secrets.token_hex(8)}.partial"
        publish = lambda: replace_remote(spark, partial, path)
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish()
    finally:
        partial.unlink(missing_ok=True)
