"""`lakehouse models`: the trained models and their status; `rollback` publishes an older one again."""

import argparse
from dataclasses import asdict

from gold.evaluation.figures import NOT_MEASURED, with_nulls
from gold.models.registry import ModelRecord, figure, read_models
from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import GOLD_MODELS
from operations.call import Call
from operations.output import print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    if args.model_version and args.action != "rollback":
        raise InputError(
            f"a model version without rollback: {args.model_version}", todo="write: models rollback MODEL_VERSION"
        )
    root = call.settings.root
    Lakehouse(root).require(GOLD_MODELS)
    if args.action == "rollback":
        _roll_back(args, call)
    records = read_models(root)[::-1]
    if args.json:
        print_json([{**asdict(record), "metrics": with_nulls(record.metrics)} for record in records])
    else:
        metric = call.settings.gold.models.metric
        columns = ("model_version", "status", "trained_at", metric, "reason")
        print_table(columns, [_row(record, metric) for record in records], title="newest first")
    return 0


def _roll_back(args: argparse.Namespace, call: Call) -> None:
    # only this needs Spark
    from gold import export_powerbi, roll_back
    from lakehouse.history.acceptance import is_gated, without_gate
    from quality.gate import require_passed

    settings = call.settings
    with without_gate(when=args.no_gate), call.spark() as spark:
        version = roll_back.run(spark, settings, args.model_version)
        if is_gated():
            require_passed(spark, settings, "gold")
        export_powerbi.run(spark, settings)
        if not args.json:
            print(f"{version} is published, and its lists are exported")


def _row(record: ModelRecord, metric: str) -> tuple[object, ...]:
    value = figure(record, metric)
    shown = NOT_MEASURED if value is None else value
    return (record.model_version, record.status, record.trained_at.replace(microsecond=0), shown, record.reason)
