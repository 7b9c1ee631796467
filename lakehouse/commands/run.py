"""`lakehouse run`: layers on what is there, without producers."""

import argparse

from rich.console import Console

from lakehouse.acceptance import without_gate
from lakehouse.commands.steps import Clock, broker_for, run_steps, selected, ungated
from lakehouse.session import spark_session
from lakehouse.settings import load_settings


def run(args: argparse.Namespace) -> int:
    settings = load_settings()
    steps = selected(args.select)
    if args.no_gate:
        steps = ungated(steps)
    clock = Clock(Console())
    with (
        broker_for(steps, settings) as cluster,
        spark_session("lakehouse run", log_file=settings.ops_dir / "spark.log") as spark,
        without_gate(when=args.no_gate),
    ):
        run_steps(steps, spark, settings, cluster, clock)
    return 0
