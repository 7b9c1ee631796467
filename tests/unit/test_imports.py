"""Programs in strings, health checks and images import modules that exist: nothing else notices a moved module."""

import re
from pathlib import Path

from tests.support.folders import PROJECT

PACKAGES = "benchmarks|bronze|gold|lakehouse|maintenance|operations|producers|quality|silver|tests"
IMPORT = re.compile(rf"\bfrom ((?:{PACKAGES})(?:\.\w+)*) import\b|-m ((?:{PACKAGES})(?:\.\w+)+)")


def programs() -> list[Path]:
    """Every file of the repository that may contain a program or name one."""
    folders = [PROJECT / name for name in (*PACKAGES.split("|"), "conf", "docs")]
    found = [file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".md", ".toml")]
    # decisions describe the past
    found = [file for file in found if "decisions" not in file.parts]
    return [*found, *(PROJECT / name for name in ("Dockerfile", "Makefile", "README.md", "docker-compose.yml"))]


def exists(module: str) -> bool:
    path = PROJECT.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def test_every_imported_module_exists() -> None:
    missing = []
    for file in programs():
        for found in IMPORT.finditer(file.read_text(encoding="utf-8")):
            module = found[1] or found[2]
            if not exists(module):
                missing.append(f"{file.relative_to(PROJECT)}: {module}")
    assert missing == []
