"""`lakehouse config`: the settings in force."""

import argparse
from typing import Any

from lakehouse.settings import conf_dir
from operations.call import Call
from operations.output import print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings.model_dump(mode="json")
    if args.json:
        print_json(settings)
    else:
        print_table(
            ("setting", "value"), sorted(_flat(settings).items()), title=str(conf_dir() / "lakehouse.toml")
        )
    return 0


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in section.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return flat
