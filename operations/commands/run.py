"""`lakehouse run`: run layers on existing data, without producers."""

import argparse

from rich.console import Console

from lakehouse.history.acceptance import without_gate
from operations.call import Call
from operations.pipeline.steps import Clock, broker_for, run_steps, selected_steps, ungated


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    steps = selected_steps(args.select)
    if args.no_gate:
        steps = ungated(steps)
    clock = Clock(Console())
    with (
        broker_for(steps, settings.kafka, settings.root) as cluster,
        call.spark() as spark,
        without_gate(when=args.no_gate),
    ):
        run_steps(steps, spark, settings, cluster, clock)
    return 0
