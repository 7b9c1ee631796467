"""UTF-16 and UTF-32, recognised by their byte order marks: settings and data files in them are refused."""

import codecs
from pathlib import Path

import pytest

from lakehouse.configuration.byte_order_marks import wide_encoding
from lakehouse.configuration.text import configuration_text
from lakehouse.errors import SettingsError
from producers.real.places import other_encoding


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
        (codecs.BOM_UTF32_LE, "UTF-32"),  # starts with UTF-16's
        (codecs.BOM_UTF32_BE, "UTF-32"),
        (codecs.BOM_UTF8, None),
        (b"", None),
    ],
)
def test_a_mark_reveals_the_encoding_of_settings_and_of_data(
    tmp_path: Path, mark: bytes, name: str | None
) -> None:
    assert wide_encoding(mark + b"a\xff") == name
    file = tmp_path / "file"
    file.write_bytes(mark + b"a")
    assert other_encoding(file) == name
    if name:
        with pytest.raises(SettingsError, match=f"file is {name}, but settings must be UTF-8"):
            configuration_text(file)
    else:
        assert configuration_text(file) == "a"
