"""Metrics of models and trials of a search, for people and programs."""

import json as json_format
import sys
from collections.abc import Mapping, Sequence

from pyspark.sql import Row
from rich.console import Console
from rich.table import Table

from gold.evaluation.figures import METRICS, NOT_MEASURED, finite, with_nulls
from gold.evaluation.metrics import BLEND, Measured
from gold.evaluation.tuning import SCORED, Trial

_WIDEST = 10_000


def print_models(measured: Measured, *, json: bool = False) -> None:
    """One line per metric, one column per model, in the order given; empty, or null, if it was not measured."""
    if json:
        _print_json({model: with_nulls(metrics) for model, metrics in measured.items()})
        return
    table = Table("metric", *measured, box=None)
    for metric in METRICS:
        values = [finite(metrics.get(metric)) for metrics in measured.values()]
        if any(value is not None for value in values):
            table.add_row(metric, *["" if value is None else _short(metric, value) for value in values])
    # full width on any terminal and in pipes: wrapped names cannot be searched for
    Console(width=_WIDEST).print(table)
    lacking = [metric for metric, value in with_nulls(measured.get(BLEND, {})).items() if value is None]
    if lacking:
        print(f"{NOT_MEASURED} for {BLEND}, too little feedback: {', '.join(lacking)}")


def print_trial(trial: Trial) -> None:
    """Print one line per finished trial, on stderr: stdout is for the best trials at the end."""
    print(f"trial {trial.proposal.number}: {_figures(trial.metrics)}, score {trial.score:.4f}", file=sys.stderr)


def print_trials(trials: Sequence[Row], *, json: bool = False) -> None:
    """Print the trials with their parameters, under the names of the settings."""
    if json:
        _print_json(
            [
                {
                    **row.asDict(),
                    "metrics": with_nulls(row["metrics"]),
                    "finished_at": row["finished_at"].isoformat(),
                }
                for row in trials
            ]
        )
        return
    for row in trials:
        print(f"trial {row['number']}: {_figures(row['metrics'])}, score {row['score']:.4f}")
        print("   " + ", ".join(f"{name} = {value:g}" for name, value in sorted(row["parameters"].items())))


def _figures(metrics: Mapping[str, float]) -> str:
    shown = {name: metrics.get(name) for name in SCORED}
    return ", ".join(f"no {name}" if value is None else f"{name} {value:.4f}" for name, value in shown.items())


def _print_json(value: object) -> None:
    print(json_format.dumps(value, indent=2, ensure_ascii=False))


def _short(metric: str, value: float) -> str:
    return f"{value:,.0f}" if metric.startswith(("test_", "unscored_")) else f"{value:.4f}"
