"""Removing forgotten people from what is stored beside the tables: models, exports, and the pages of checks."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gold.models.saved import model_names, part_names
from lakehouse.exports import write_file
from lakehouse.folders import Folder
from lakehouse.history.data_files import checksum_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.pseudonyms import Forgotten
from maintenance.leftovers import Leftovers, clear
from silver.parsing.people import names

USER_FACTORS = "user_factors"
# The columns of exported files with the id of a user; in the file of titles, `id` is a title's.
_ID_COLUMNS = ("id", "user_id", "userId", "user_key")
_TITLES = "content.csv"


def clean_files(lake: Lakehouse, ops_dir: Path, forgotten: Forgotten) -> list[str]:
    """Remove the forgotten from the files; the paths below the root of those that were changed or deleted."""
    models = [f"models/{name}/{USER_FACTORS}" for name in model_names(lake.root)]
    changed = [path for model in models for path in _clean_frame(lake, model, forgotten)]
    exports = lake.folder / "exports"
    changed += [f"exports/{path}" for path in exports.stored() if _clean_export(lake, path, forgotten)]
    return [*changed, *_clear_pages(lake, ops_dir, forgotten)]


def _clean_frame(lake: Lakehouse, folder: str, forgotten: Forgotten) -> list[str]:
    changed, frame = [], lake.folder / folder
    for part in part_names(frame):
        rows = pq.ParquetFile(io.BytesIO(frame.read(part))).read()
        kept = [forgotten.pseudonym_of([one]) is None for one in rows["user_id"].to_pylist()]
        if not all(kept):
            written = io.BytesIO()
            pq.write_table(rows.filter(pa.array(kept, pa.bool_())), written)
            frame.delete(checksum_of(part))  # Hadoop would refuse the new content
            write_file(f"{lake.root}/{folder}/{part}", written.getvalue())
            changed.append(f"{folder}/{part}")
    return changed


def _clean_export(lake: Lakehouse, path: str, forgotten: Forgotten) -> bool:
    """Whether the file named somebody. A table loses their rows; a page that shows them is deleted."""
    exports = lake.folder / "exports"
    if path.endswith(".csv"):
        return not path.endswith(_TITLES) and _clean_csv(lake, path, forgotten)
    if forgotten.pseudonym_of(names(exports.read_text(path))) is None:
        return False
    exports.delete(path)
    return True


def _clean_csv(lake: Lakehouse, path: str, forgotten: Forgotten) -> bool:
    text = (lake.folder / "exports").read(path).decode("utf-8-sig")
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    places = [place for place, name in enumerate(header) if name in _ID_COLUMNS]
    kept = [row for row in rows if forgotten.pseudonym_of(row[place] for place in places) is None]
    if len(kept) == len(rows):
        return False
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n").writerows([header, *kept])
    write_file(f"{lake.root}/exports/{path}", written.getvalue().encode("utf-8-sig"))
    return True


def _clear_pages(lake: Lakehouse, ops_dir: Path, forgotten: Forgotten) -> Sequence[str]:
    """Delete the pages of checks that show somebody's id: the next check writes new ones."""
    docs: Folder = lake.folder / "quality" / "docs"
    pages = [path for path in docs.stored() if forgotten.pseudonym_of(names(docs.read_text(path)))]
    clear(lake, ops_dir, Leftovers(tuple(pages), progress=False, size=0))
    return [f"quality/docs/{path}" for path in pages]
