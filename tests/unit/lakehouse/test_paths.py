"""Which characters a path or an address may contain, and each library's form of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow.fs import FileSystem

from lakehouse.errors import MachineError
from lakehouse.folders import open_folder
from lakehouse.paths import (
    decoded_file_address,
    encoded_address,
    expected_folder,
    is_address,
    output_path,
)
from lakehouse.settings import load_settings
from lakehouse.spark.session import require_writable_root
from tests.support.folders import AWKWARD, EVERY_SIGN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3a://bucket/x", True),
        ("abfss://c@a.dfs.core.windows.net", True),
        ("/data/x://y", False),
        ("C://x", False),  # a drive
        ("data/s3a://x", False),
    ],
)
def test_an_address_begins_with_its_scheme(text: str, expected: bool) -> None:
    assert is_address(text) is expected


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("file:///data/lake", "/data/lake"),
        ("file:/data/lake", "/data/lake"),  # as Hadoop and Java print it
        ("FILE://localhost/data", "/data"),
        ("file:///ra%C3%ADz%20a%C3%B1o%20[1]%20100%25%20%23x", f"/{AWKWARD}"),
        ("file:///a b/100%", "/a b/100%"),  # not encoded, and unambiguous
        ("file:///a%2520b", "/a%20b"),
    ],
)
def test_a_file_address_is_a_local_path(address: str, path: str) -> None:
    assert decoded_file_address(address) == path


@pytest.mark.parametrize("path", [f"/{AWKWARD}", f"/x/{EVERY_SIGN}/y"])
def test_what_python_makes_of_a_path_is_decoded_to_it(path: str) -> None:
    assert decoded_file_address(Path(path).as_uri()) == path


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("file:data", "three slashes"),
        ("file:", "three slashes"),
        ("file://", "three slashes"),
        ("file://host/data", "three slashes"),
        ("file:////host/data", "three slashes"),
        ("file:///a#b", "%23 for #"),
        ("file:///a?b", "%3F for ?"),
        ("file:///a%FFb", "escapes that are UTF-8"),
    ],
)
def test_a_file_address_that_may_mean_another_path_is_refused(address: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        decoded_file_address(address)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("r.html", "/here/r.html"),
        ("/x/ñ 1.html", "/x/ñ 1.html"),
        ("file:///x/a%20b.html", "/x/a b.html"),
        ("FILE:/x/r.html", "/x/r.html"),
        ("s3a://bucket/x/r%20.html", "s3a://bucket/x/r%20.html"),
        ("v:1/r.html", "/here/v:1/r.html"),  # a single letter is no scheme
        ("report:1.html", "/here/report:1.html"),
    ],
)
def test_a_file_to_write_is_a_path_or_an_address(monkeypatch: pytest.MonkeyPatch, text: str, path: str) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: "/here")
    assert output_path(text) == path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("folder/", "a file, and not a folder"),
        ("file:r.html", "three slashes"),
        ("file://host/r.html", "three slashes"),
        ("s3a:/bucket/r.html", "two slashes"),
        ("s3a:///r.html", "an address with a bucket"),
        ("s3a://bucket", "an address of a file"),
        ("s3a://bucket/", "an address of a file"),
        ("s3a://bucket/folder/", "an address of a file"),
        ("s3a://bucket/../r.html", "whose parts after the bucket"),
        ("s3a://KEY:secret@bucket/r.html", "no login"),
    ],
)
def test_what_names_no_file_to_write_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        output_path(text)


@pytest.mark.parametrize(
    ("address", "encoded"),
    [
        ("gs://bucket/a b/c#d", "gs://bucket/a%20b/c%23d"),
        ("abfss://c@a.dfs.core.windows.net/100%", "abfss://c@a.dfs.core.windows.net/100%25"),
        ("gs://bucket", "gs://bucket"),
        ("hdfs://[::1]:8020/ñ", "hdfs://[::1]:8020/%C3%B1"),
    ],
)
def test_of_an_address_only_the_key_is_encoded(address: str, encoded: str) -> None:
    assert encoded_address(address) == encoded


def test_pyarrow_reads_the_very_keys_that_spark_writes() -> None:
    key = f"bucket/{AWKWARD}/a%20b?c"
    assert open_folder(f"gs://anonymous@{key}").path == key
    assert open_folder(f"s3a://{key}").path == key
    # what an unencoded address would silently have become: another folder
    assert FileSystem.from_uri("gs://anonymous@bucket/lake#1")[1] == "bucket/lake"


@pytest.mark.parametrize(
    "path", ["/", f"/{AWKWARD}", f"/x{EVERY_SIGN}", "/ a /b", "/" + "ñ" * 127, "/x" * 1750, "/a\u00a0b\U0001f600"]
)
def test_a_path_that_every_library_takes(path: str) -> None:
    assert expected_folder(path) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a\nb", "U+000A"),
        ("/a\tb", "U+0009"),
        ("/a\x00b", "U+0000"),
        ("/a\x7fb", "U+007F"),
        ("/a\x85b", "U+0085"),
        ("/a\u2028b", "U+2028"),  # a line break to the reader of the Power BI project
        ("/a\udcffb", "U+DCFF"),
        ("/a\\b", "backslash"),
        ("/a%20b", "a folder without %20, which delta-rs reads as an escaped character"),
        ("/100%25 x", "a folder without %25"),
        ("/" + "ñ" * 128, "at most 255 bytes each"),
        ("/x" * 1751, "at most 3,500 bytes"),
    ],
)
def test_a_path_that_some_library_cannot_take(path: str, expected: str) -> None:
    message = expected_folder(path)
    assert message is not None
    assert expected in message


_SHOWN = "from lakehouse.jvm.java import utf8_locale; print(utf8_locale())"


@pytest.mark.parametrize(
    ("locale", "shown"),
    [("C", {"LC_ALL": "C.UTF-8"}), ("xx_YY.UTF-8", {"LC_ALL": "C.UTF-8"}), ("C.UTF-8", {})],
)
def test_a_jvm_gets_a_locale_in_which_it_writes_what_python_writes(locale: str, shown: dict[str, str]) -> None:
    variables = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "1"}
    printed = subprocess.run(
        [sys.executable, "-c", _SHOWN], env=variables, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == str(shown)


@pytest.mark.parametrize(("root", "refused"), [("/data/lake", False), (f"/data/{AWKWARD}", True)])
@pytest.mark.usefixtures("conf")
def test_a_jvm_of_spark_submit_that_cannot_write_the_root_is_refused(
    monkeypatch: pytest.MonkeyPatch, root: str, refused: bool
) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", root)
    assert load_settings().root == root
    require_writable_root("UTF-8")
    if not refused:
        require_writable_root("ANSI_X3.4-1968")
        return
    with pytest.raises(MachineError, match=r"ANSI_X3.4-1968, which lacks .* /data/raíz .* LC_ALL=C.UTF-8"):
        require_writable_root("ANSI_X3.4-1968")
