"""The report's language: its words, and how it writes numbers, dates and sizes."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from typing import Any

CODES = ("es", "en")


@dataclass(frozen=True)
class Language:
    """`words` are operations/report/words/<code>.toml: sections of texts."""

    code: str
    words: Mapping[str, Any]

    def number(self, value: float, decimals: int = 0) -> str:
        """1234.5 as 1234,5 or 1,234.5: each language separates thousands from a length of its own."""
        style = self.words["format"]
        sign = "\u2212" if value < 0 and round(value, decimals) else ""
        whole, _, fraction = f"{abs(value):.{decimals}f}".partition(".")
        if len(whole) >= style["group_from"]:
            whole = f"{int(whole):,}".replace(",", style["group"])
        return sign + whole + (style["decimal"] + fraction if fraction else "")

    def percent(self, share: float, decimals: int = 0) -> str:
        """0.123 as 12 % or 12%. A share above zero is never written as zero."""
        text: str = self.words["format"]["percent"]
        smallest = 10**-decimals
        if 0 < share * 100 < smallest / 2:
            return "< " + text.format(self.number(smallest, decimals))
        return text.format(self.number(share * 100, decimals if share else 0))

    def day(self, day: date) -> str:
        return self._written("date", day)

    def moment(self, moment: datetime) -> str:
        """To the minute; `moment` is in UTC."""
        return self._written("moment", moment, time=f"{moment:%H:%M}")

    def seconds(self, value: float) -> str:
        """With useful precision: 0.35, 4.2, 95."""
        decimals = 2 if value < 1 else 1 if value < 20 else 0
        text: str = self.words["streams"]["seconds"]
        return text.format(value=self.number(value, decimals))

    def called(self, section: str, name: str) -> str:
        """The readable name; a name for which the language has no word stays as it is."""
        return str(self.words[section].get(name, name))

    def _written(self, pattern: str, day: date, **more: str) -> str:
        month = self.words["format"]["months"][day.month - 1]
        return str(self.words["page"][pattern].format(day=day.day, month=month, year=day.year, **more))


def load_language(code: str) -> Language:
    text = resources.files("operations.report").joinpath("words", f"{code}.toml").read_text(encoding="utf-8")
    return Language(code, tomllib.loads(text))
