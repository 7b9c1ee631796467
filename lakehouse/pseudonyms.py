"""People who were forgotten, by keyed hashes of their ids. Executors load no more of the kernel for them."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Forgotten:
    """The key of the hashes, and the pseudonyms of the forgotten."""

    key: bytes = b""
    pseudonyms: frozenset[str] = frozenset()

    def pseudonym_of(self, ids: Iterable[str]) -> str | None:
        """The pseudonym of the first of these ids whose person was forgotten; None if nobody was."""
        if not self.pseudonyms:
            return None
        return next((name for one in ids if (name := pseudonym(self.key, one)) in self.pseudonyms), None)


NOBODY = Forgotten()


def pseudonym(key: bytes, user_id: str) -> str:
    """What stands for the person: 128 bits of HMAC-SHA256."""
    return f"forgotten-{hmac.digest(key, user_id.encode(), hashlib.sha256).hex()[:32]}"
