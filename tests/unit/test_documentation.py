"""What the documentation lists is what there is."""

import re
import tomllib

from tests.support.folders import PROJECT

RULE = re.compile(r"^\| `([a-z_0-9]+)` \|", re.MULTILINE)


def test_every_rule_is_documented() -> None:
    words = tomllib.loads((PROJECT / "operations" / "report" / "words" / "en.toml").read_text(encoding="utf-8"))
    rules = (PROJECT / "docs" / "messages.md").read_text(encoding="utf-8").partition("## Rules")[2]
    assert set(RULE.findall(rules)) == set(words["rules"])
