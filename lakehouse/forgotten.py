"""People whose data was deleted on request. What stays of one is a keyed hash, which keeps late events out.

Both files are under the root: `forgotten/key`, which only its owner may read, and `forgotten/people`. Who has the
key can find out whether an id that they know was forgotten; without it the hashes say nothing.
"""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from lakehouse.errors import InputError
from lakehouse.exports import write_file
from lakehouse.folders import open_folder
from lakehouse.paths import is_address
from lakehouse.pseudonyms import NOBODY, Forgotten, pseudonym

FOLDER = "forgotten"
_KEY = "key"
_PEOPLE = "people"


def read_forgotten(root: str) -> Forgotten:
    """Raises InputError if the key is gone: late events of the forgotten could not be told from others."""
    folder = open_folder(root) / FOLDER
    names = folder.names()
    if _PEOPLE not in names:
        return NOBODY
    if _KEY not in names:
        raise InputError(
            f"{folder.path}/{_KEY} is gone: late events of forgotten people cannot be recognized without it",
            todo="restore that file from a copy",
        )
    return Forgotten(folder.read(_KEY), frozenset(folder.read_text(_PEOPLE).split()))


def remember(root: str, user_ids: Iterable[str]) -> Forgotten:
    """Add these people to the forgotten, for good."""
    known = read_forgotten(root)
    key = known.key or _made_key(root)
    forgotten = Forgotten(key, known.pseudonyms | {pseudonym(key, one) for one in user_ids})
    lines = "".join(f"{name}\n" for name in sorted(forgotten.pseudonyms))
    write_file(f"{root}/{FOLDER}/{_PEOPLE}", lines.encode())
    return forgotten


def _made_key(root: str) -> bytes:
    """The key, made unless an interrupted run has made it."""
    folder = open_folder(root) / FOLDER
    if _KEY not in folder.names():
        path, key = f"{root}/{FOLDER}/{_KEY}", secrets.token_bytes(32)
        if not is_address(root):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        write_file(path, key)
        if not is_address(root):
            Path(path).chmod(0o600)
    return folder.read(_KEY)
