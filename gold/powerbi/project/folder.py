"""The folder of the Power BI project: replaced by each export, unless somebody has changed it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from lakehouse.exports import export_path, write_file

# What the export wrote, by path, with a digest of each file: any difference is a person's work.
_RECORD = ".exported.json"


def write_project(root: str, files: Mapping[str, bytes], *, replace: bool) -> list[str]:
    """Write the files. If somebody has changed some of them, write nothing and return their names.

    `replace` writes them anyway. Files of an earlier export that are no longer needed are deleted. On other
    storage than local folders Power BI Desktop cannot change anything, so no changes are looked for.
    """
    folder = export_path(root, "powerbi")
    local = None if "://" in root else Path(folder)
    earlier = _record(local) if local else {}
    changed = [] if replace or local is None else _changed(local, earlier, files)
    if changed:
        return changed
    for path, content in files.items():
        write_file(f"{folder}/{path}", content)
    for path in earlier.keys() - files.keys():
        if local:
            (local / path).unlink(missing_ok=True)
    written = {path: _digest(content) for path, content in files.items()}
    write_file(f"{folder}/{_RECORD}", json.dumps(written, indent=2, sort_keys=True).encode())
    return []


def _record(folder: Path) -> dict[str, str]:
    file = folder / _RECORD
    recorded: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return recorded


def _changed(folder: Path, earlier: Mapping[str, str], files: Mapping[str, bytes]) -> list[str]:
    """The files changed or deleted since the export, and new parts of the report and the model.

    A file as an export wrote it, or as this one would, is unchanged: an earlier export may have been interrupted.
    """
    known = {path: {digest} for path, digest in earlier.items()}
    for path, content in files.items():
        known.setdefault(path, set()).add(_digest(content))
    # .pbi holds Desktop's own files, such as its cache, not a person's work
    there = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and ".pbi" not in path.parts and path.name != _RECORD and path.suffix != ".partial"
    }
    changed = {name for name, path in there.items() if _digest(path.read_bytes()) not in known.get(name, ())}
    deleted = {path for path in earlier.keys() & files.keys() if path not in there}
    return sorted(changed | deleted)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
