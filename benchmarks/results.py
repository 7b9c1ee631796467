"""Where a benchmark leaves its figures for programs."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path("build/benchmarks")


def write_results(name: str, found: Any) -> None:
    """Write what a benchmark measured as build/benchmarks/NAME.json, in the folder it was started in."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
