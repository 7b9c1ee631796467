"""The types of settings: each rejects values that would fail or mean nothing later, and says what it expects."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from lakehouse.errors import first_line
from lakehouse.paths import (
    control_character,
    decoded_file_address,
    expected_address,
    expected_folder,
    expected_literal,
    is_address,
)
from lakehouse.text import cleaned

INT_MAX, LONG_MAX = 2**31 - 1, 2**63 - 1
# Kafka's internal topics: it rejects records that others send there.
_INTERNAL_TOPICS = ("__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_URL = re.compile(r"https?://[^\s/@]+(?:/\S*)?")
_SIZE = re.compile(r"(\d+)\s*(?:([kmgtp])b?|b)?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
# A scheme has two letters or more: a single letter is a drive.
_ONE_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?!//)/?")
_PLAIN = "text in UTF-8 without line breaks and other control characters"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _expected(what: str) -> PydanticCustomError:
    # pydantic would take text in braces for a placeholder of its own
    return PydanticCustomError("expected", "{what}", {"what": f"expected {what}"})


def _hidden(what: str) -> PydanticCustomError:
    """The same for a value that may itself hold a secret."""
    return PydanticCustomError("hidden", "{what}", {"what": f"expected {what}"})


def _no_boolean(value: Any) -> Any:
    """Reject booleans: pydantic would accept true as 1."""
    if isinstance(value, bool):
        raise _expected("a number, not true or false")
    return value


def _readable(text: str) -> str:
    if control_character(text):
        raise _expected(_PLAIN)
    return text


def _not_blank(text: str) -> str:
    if text and not text.strip():
        raise _expected("text that is not blank, or an empty value")
    return text


def _named(text: str) -> str:
    name = unicodedata.normalize("NFC", text)
    if not text or cleaned(text) != name:  # silver would store another text, which would never be equal
        raise _expected("a name that is not blank, without white space or invisible characters around it")
    return name


def _table(name: str) -> str:
    if not re.fullmatch(r"[a-z]+\.[a-z_]+", name):
        raise _expected("the name of a table, such as silver.users")
    return name


def _column(name: str) -> str:
    if not re.fullmatch(r"[a-z]+\.[a-z_]+\.\w+", name):
        raise _expected("the name of a table's column, such as silver.users.clasificacion")
    return name


def _topic(name: str) -> str:
    if not _TOPIC.fullmatch(name) or name in (".", "..", *_INTERNAL_TOPICS):
        raise _expected(
            "a topic name that Kafka accepts: 1 to 249 of a-z A-Z 0-9 . _ -, and none of its internal topics"
        )
    return name


def _servers(text: str) -> str:
    """Empty, or `host:port,host:port`; spaces around the commas are dropped."""
    if not text:
        return text
    servers = [server.strip() for server in text.split(",")]
    for server in servers:
        match = _SERVER.fullmatch(server)
        if match is None or not 1 <= int(match[1]) <= 65535:
            raise _expected("host:port or host:port,host:port with ports from 1 to 65535, or an empty value")
    return ",".join(servers)


def _url(text: str) -> str:
    if text and not _URL.fullmatch(text):
        # it may hold a login
        raise _hidden("an address such as http://127.0.0.1:5000, or an empty value")
    return text


def size_in_bytes(size: str) -> int:
    """The number of a size as Spark writes it, such as 128m; 0 if it is none."""
    match = _SIZE.fullmatch(size.strip())
    return 0 if match is None else int(match[1][:20]) * 1024 ** _POWERS[(match[2] or "").lower()]


def _size(text: str) -> str:
    if not 0 < size_in_bytes(text) <= LONG_MAX:
        raise _expected("a size above 0 as Spark writes it, such as '128m', '1g' or '500000b'")
    return "".join(text.split()).lower()


def _root(text: str) -> str:
    """An absolute path, or an address without a trailing slash."""
    # a login may stand before an @
    expected = _hidden if "@" in text else _expected
    if control_character(text):
        raise expected(_PLAIN)
    if not text.strip() or text != text.strip():
        raise expected("a folder or an address such as s3a://bucket/lakehouse, without white space around it")
    if text.lower().startswith("file:"):
        try:
            path = decoded_file_address(text)
        except ValueError as error:
            raise expected(str(error)) from error
        return _folder(path, expected)
    if "://" not in text or text.startswith("/"):
        if _ONE_SLASH.match(text):
            raise expected("an address with two slashes, such as s3a://bucket/lakehouse, or a folder")
        return _folder(text, expected)
    wanted = expected_address(text) or expected_literal(text)
    if wanted:
        raise expected(wanted)
    return text.rstrip("/")


def _ops_folder(text: str) -> str:
    if not text:
        return text
    folder = _root(text)
    if is_address(folder):
        raise _expected("a folder of this machine, or an empty value")
    return folder


def _folder(path: str, expected: Callable[[str], PydanticCustomError]) -> str:
    """The absolute path. The current folder and links may add names that are not in the setting."""
    try:
        folder = str(Path(path).expanduser().resolve())
    except (OSError, RuntimeError) as error:  # ~name of an unknown user, circular links
        # the error's text contains the path
        raise expected("a folder" if expected is _hidden else f"a folder: {first_line(error)}") from error
    if not folder.strip("/"):
        raise expected("a folder for the lakehouse, not the root of the file system")
    wanted = expected_folder(folder)
    if wanted:
        raise expected(wanted)
    return folder


def _encodable(secret: SecretStr) -> SecretStr:
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        # the exception chain would show part of it
        raise _hidden("text in UTF-8") from None
    return secret


def _kept_or_dropped(value: int) -> int:
    if value == 0:
        raise _expected("-1 to keep everything, or milliseconds above 0: with 0 Kafka drops every record at once")
    return value


Integer = Annotated[int, BeforeValidator(_no_boolean)]
# JSON and TOML parsers also accept NaN and infinity.
Real = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]

# Weights and factors are multiplied and squared, some as 32-bit floats: within these bounds none overflows.
Weight = Annotated[Real, Field(ge=0, le=1e6)]
SignedWeight = Annotated[Real, Field(ge=-1e6, le=1e6)]
Positive = Annotated[Real, Field(gt=0, le=1e6)]
Share = Annotated[Real, Field(ge=0, le=1)]
# Spark, MLlib and Kafka count in 32 bits.
Count = Annotated[Integer, Field(ge=1, le=INT_MAX)]
# Kafka's protocol has 16 bits for this.
Replicas = Annotated[Integer, Field(ge=1, le=2**15 - 1)]
# Spark's seeds have 64 bits; the parts of a model add small numbers to theirs.
Seed = Annotated[Integer, Field(ge=0, le=2**62)]
# Kafka and Spark hold waiting times in 32-bit milliseconds.
Seconds = Annotated[Real, Field(ge=0, le=INT_MAX // 1000)]
Timeout = Annotated[Real, Field(ge=0.001, le=INT_MAX // 1000)]
Retention = Annotated[Integer, Field(ge=-1, le=LONG_MAX), AfterValidator(_kept_or_dropped)]

OptionalText = Annotated[str, AfterValidator(_readable), AfterValidator(_not_blank)]
Name = Annotated[str, AfterValidator(_readable), AfterValidator(_named)]
TableName = Annotated[str, AfterValidator(_table)]
ColumnName = Annotated[str, AfterValidator(_column)]
Topic = Annotated[str, AfterValidator(_topic)]
Servers = Annotated[str, AfterValidator(_readable), AfterValidator(_not_blank), AfterValidator(_servers)]
Url = Annotated[str, AfterValidator(_readable), AfterValidator(_url)]
Size = Annotated[str, AfterValidator(_size)]
Root = Annotated[str, AfterValidator(_root)]
OpsFolder = Annotated[str, AfterValidator(_ops_folder)]
Secret = Annotated[SecretStr, AfterValidator(_encodable)]
