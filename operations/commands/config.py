"""`lakehouse config`: the settings in force, and the files that a spark-submit needs."""

import argparse
from pathlib import Path
from typing import Any

import lakehouse
from lakehouse.settings import settings_files
from lakehouse.spark.defaults import defaults_file, store_file
from operations.call import Call
from operations.output import print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    if args.files:
        return _show_files(call.settings.root, json=args.json)
    settings = call.settings.model_dump(mode="json")
    if args.json:
        print_json(settings)
    else:
        title = ", ".join(map(str, settings_files()))
        print_table(("setting", "value"), sorted(_flat(settings).items()), title=title)
    return 0


def _show_files(root: str, *, json: bool) -> int:
    settings, jobs = [str(file) for file in settings_files()], str(_code_folder())
    spark = ", ".join(str(file) for file in (defaults_file(), store_file(root)) if file is not None)
    if json:
        print_json({"settings": settings, "spark_defaults": spark, "jobs": jobs})
    else:
        rows = [("settings", ", ".join(settings)), ("Spark settings", spark), ("folder of the jobs", jobs)]
        print_table(("what", "where"), rows)
    return 0


def _code_folder() -> Path:
    """Where bronze/ingest.py and the other jobs are: the checkout, or site-packages."""
    return Path(lakehouse.__file__).resolve().parent.parent


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in section.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return flat
