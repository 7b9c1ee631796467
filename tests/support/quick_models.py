"""Models that are trained in no time, for tests of everything but how good they are."""

from typing import Any

from lakehouse.settings import Settings

_CHANGES: dict[str, dict[str, Any]] = {
    "als": {"ranks": (2,), "iterations": 1},
    "values": {"rank": 2, "iterations": 1},
}
# The same for a command of its own.
QUICK_MODELS = {
    f"LAKEHOUSE_GOLD__{section.upper()}__{name.upper()}": str(list(value) if isinstance(value, tuple) else value)
    for section, changes in _CHANGES.items()
    for name, value in changes.items()
}


def with_quick_models(settings: Settings) -> Settings:
    gold = settings.gold
    changed = {name: getattr(gold, name).model_copy(update=changes) for name, changes in _CHANGES.items()}
    return settings.model_copy(update={"gold": gold.model_copy(update=changed)})
