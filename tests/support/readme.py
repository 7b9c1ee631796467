"""The commands in the README, exactly as written."""

import re

from tests.support.folders import PROJECT

README = PROJECT / "README.md"


def readme_commands() -> list[str]:
    """Every line of the README's shell blocks, without its comment, in order."""
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]
