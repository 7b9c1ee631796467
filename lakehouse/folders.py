"""The lakehouse's files without a JVM, through pyarrow's own clients: local, S3, Google and Azure storage."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pyarrow.fs import FileSelector, FileSystem, FileType, GcsFileSystem, LocalFileSystem, S3FileSystem

from lakehouse.errors import InputError, first_line
from lakehouse.paths import is_address
from lakehouse.stores import pyarrow_system


class Stored(NamedTuple):
    """One stored file: its size in bytes, and when it was last modified, in UTC."""

    size: int
    written_at: datetime


@dataclass(frozen=True)
class Folder:
    """One folder of a file system; empty if it does not exist."""

    system: FileSystem
    path: str

    def __truediv__(self, name: str) -> "Folder":
        return Folder(self.system, f"{self.path}/{name}")

    def names(self) -> list[str]:
        """The names of the folder's entries, sorted."""
        return sorted(self.sizes())

    def names_below(self) -> list[str]:
        """The names of all files in the folder and its subfolders, sorted."""
        return sorted(path.rpartition("/")[2] for path in self.stored())

    def stored(self) -> dict[str, Stored]:
        """All files in the folder and its subfolders, by their paths below it."""
        entries = self.system.get_file_info(FileSelector(self.path, allow_not_found=True, recursive=True))
        begin = len(self.path) + 1
        return {
            info.path[begin:]: Stored(info.size or 0, info.mtime) for info in entries if info.type == FileType.File
        }

    def sizes(self) -> dict[str, int]:
        """The names of the folder's entries and their sizes in bytes; 0 for a folder."""
        entries = self.system.get_file_info(FileSelector(self.path, allow_not_found=True))
        return {info.base_name: info.size or 0 for info in entries}

    def times(self) -> dict[str, datetime]:
        """The names of the folder's entries and when each was last modified, in UTC."""
        entries = self.system.get_file_info(FileSelector(self.path, allow_not_found=True))
        return {info.base_name: info.mtime for info in entries}

    def read(self, name: str) -> bytes:
        """The file's content. Raises FileNotFoundError if it does not exist."""
        with self.system.open_input_file(f"{self.path}/{name}") as file:
            return bytes(file.read())

    def read_text(self, name: str) -> str:
        """The file's text, with a sign in place of bytes that are not UTF-8. Raises FileNotFoundError."""
        return self.read(name).decode(errors="replace")

    def delete(self, name: str) -> None:
        """Delete a file, or a folder with its contents; do nothing if it does not exist."""
        path = f"{self.path}/{name}"
        [entry] = self.system.get_file_info([path])
        if entry.type == FileType.Directory:
            self.system.delete_dir(path)
        elif entry.type != FileType.NotFound:
            self.system.delete_file(path)

    def move(self, new: "Folder") -> None:
        """Move the folder to another path of its file system.

        An object store cannot rename: there the files are copied, those at the top first, and then deleted, those
        at the top last. Called again after a crash, this finishes the move.
        """
        self.system.create_dir(new.path.rpartition("/")[0])
        if not isinstance(self.system, S3FileSystem | GcsFileSystem):
            self.system.move(self.path, new.path)
            return
        names = self._paths_below()
        for name in names:
            self.system.copy_file(f"{self.path}/{name}", f"{new.path}/{name}")
        for name in reversed(names):
            self.system.delete_file(f"{self.path}/{name}")
        self.system.delete_dir(self.path)

    def _paths_below(self) -> list[str]:
        """All files in the folder and its subfolders, relative to it, those at the top first."""
        entries = self.system.get_file_info(FileSelector(self.path, allow_not_found=True, recursive=True))
        names = [info.path[len(self.path) + 1 :] for info in entries if info.type == FileType.File]
        return sorted(names, key=lambda name: (name.count("/"), name))


def open_folder(root: str) -> Folder:
    """The root of a lakehouse: a local path, or an address with a scheme.

    Raises InputError if pyarrow has no client for the scheme.
    """
    if not is_address(root):
        return Folder(LocalFileSystem(), root)
    try:
        return Folder(*pyarrow_system(root))
    except (OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"pyarrow cannot read {root} ({first_line(error)})", todo="history and sql read it through Spark"
        ) from error
