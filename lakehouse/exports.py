"""Files for people and tools outside the lakehouse, each replaced as a whole: nobody ever reads half a file."""

import csv
import io
import math
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from lakehouse.durability import sync
from lakehouse.errors import InputError
from lakehouse.folders import Folder, open_folder
from lakehouse.paths import is_address, output_path

RECOMMENDATIONS_CSV = "final_recommendations.csv"
REPORT_HTML = "report.html"
# Only one process at a time writes the exported tables and files.
EXPORT_LOCK = "export"

Formulas = Literal["keep", "escape"]

# A spreadsheet reads text that begins with one of these as a formula (OWASP, "CSV Injection"), in East Asian
# settings also the full-width forms. After apostrophes too: otherwise the escaped `=x` would equal the text `'=x`.
_FORMULA_START = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

# Object stores in which a file appears, complete, when it is closed; a rename there copies and then deletes.
_WHOLE_ON_CLOSE = {"s3", "s3a", "gs"}


def export_path(root: str, name: str) -> str:
    return f"{root}/exports/{name}"


def write_csv(
    path: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    decimals: int | None = 2,
    formulas: Formulas = "keep",
) -> None:
    """One CSV file as in RFC 4180: UTF-8, CRLF, fields quoted only if needed, quotes doubled.

    It begins with a byte order mark: without one, Excel reads UTF-8 in the machine's own code page. Numbers have a
    decimal point and this many decimals, or (None) as many as they need. Text is unchanged, including spaces at
    its ends and a leading `=`; `formulas="escape"` puts an apostrophe before what a spreadsheet would compute, and
    before such a text that has one already, so that different texts stay different.
    NULL, NaN and infinity become empty fields: Power BI does not read NaN and infinity as numbers.
    """

    def written(value: object) -> object:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float):
            if not math.isfinite(value):
                return None
            return repr(value) if decimals is None else f"{value:.{decimals}f}"
        if formulas == "escape" and isinstance(value, str) and _FORMULA_START.match(value):
            return f"'{value}"
        return value

    with replaced_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows([written(value) for value in row] for row in rows)
        text.detach()


def write_file(path: str, content: bytes) -> None:
    with replaced_file(path) as file:
        file.write(content)


@contextmanager
def replaced_file(path: str) -> Iterator[IO[bytes]]:
    """A file to write that replaces `path` at the end; after a failure the old file is unchanged.

    Raises InputError if `path` is a folder, a device or a pipe.
    """
    target = _local_path(path)
    if target:
        require_replaceable(target)
    folder = target.parent if target else Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / _partial_name()
    try:
        with partial.open("xb") as file:
            yield file
        sync([partial])
        if target:
            _replace_local(partial, target)
        else:
            _replace_remote(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def requested_file(output: str) -> str:
    """The path or address that `--output` names, links followed.

    Raises InputError for what would otherwise fail after a minute of work.
    """
    try:
        path = output_path(output)
    except ValueError as error:  # not shown: there may be a login in it
        raise InputError("--output is not the path or address of a file", todo=f"expected {error}") from error
    if is_address(path):
        return path
    require_replaceable(Path(path))
    return str(Path(path).resolve())


def require_replaceable(target: Path) -> None:
    """Raise InputError if the path is a folder, a device or a pipe, or cannot be looked up."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"cannot write {target}: {error.strerror}", todo="make it writable, or name another place"
        ) from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{target} is a folder", todo="name a file in it")
    if not stat.S_ISREG(mode):
        raise InputError(f"{target} is not a regular file", todo="name another file")


def replace_file(folder: Folder, name: str, finished: Path, *, whole_on_close: bool) -> None:
    """Replace the folder's file of this name with a finished local file.

    If files there are readable before they are closed, the content gets another name first. A store that cannot
    rename over a file may briefly have no file, but never half of one.
    """
    staged = name if whole_on_close else _partial_name()
    if not whole_on_close:  # a store of objects has no folders
        folder.system.create_dir(folder.path)
    with finished.open("rb") as source, folder.system.open_output_stream(f"{folder.path}/{staged}") as target:
        shutil.copyfileobj(source, target)
    if staged != name:
        folder.system.move(f"{folder.path}/{staged}", f"{folder.path}/{name}")


def _replace_remote(finished: Path, path: str) -> None:
    address, _, name = path.rpartition("/")
    whole_on_close = path.partition("://")[0] in _WHOLE_ON_CLOSE
    replace_file(open_folder(address), name, finished, whole_on_close=whole_on_close)


def _replace_local(finished: Path, target: Path) -> None:
    finished.replace(target)
    sync([target.parent])  # the rename itself must survive a power failure


def _local_path(path: str) -> Path | None:
    """The path on this machine, or None if it is in another store."""
    return None if is_address(path) else Path(path)


def _partial_name() -> str:
    """A name that readers of the folder skip and no other writer uses, short whatever the target's name is."""
    return f".{secrets.token_hex(8)}.partial"
