"""Where the project is, and what may be there beside it."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Data and schemas that are never copied into the project; tests that need them are skipped where they are missing.
SHARED = PROJECT.parent / "shared"
