"""The lakehouse's files read without a JVM, through pyarrow's own clients: local, S3, Google and Azure storage."""

from dataclasses import dataclass

from pyarrow.fs import FileSelector, FileSystem, LocalFileSystem

from lakehouse.errors import InputError


@dataclass(frozen=True)
class Folder:
    """One folder of a file system. It need not exist: it is then empty."""

    system: FileSystem
    path: str

    def __truediv__(self, name: str) -> "Folder":
        return Folder(self.system, f"{self.path}/{name}")

    def names(self) -> list[str]:
        """The names of what the folder holds, sorted."""
        found = self.system.get_file_info(FileSelector(self.path, allow_not_found=True))
        return sorted(info.base_name for info in found)

    def read(self, name: str) -> bytes:
        """The file's content. Raises FileNotFoundError where there is none."""
        with self.system.open_input_file(f"{self.path}/{name}") as file:
            return bytes(file.read())


def open_folder(root: str) -> Folder:
    """The root of a lakehouse: a local path, or an address with a scheme.

    Stores are reached with the credentials that pyarrow finds itself (environment, profile, the machine's role),
    not with Spark's. Raises InputError where pyarrow has no client for the scheme.
    """
    if "://" not in root:
        return Folder(LocalFileSystem(), root)
    # s3a is Hadoop's name for it
    address = root.replace("s3a://", "s3://", 1)
    try:
        system, path = FileSystem.from_uri(address)
    except (OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"pyarrow cannot read {root} ({error})", todo="lakehouse history and sql read it through Spark"
        ) from error
    return Folder(system, path)
