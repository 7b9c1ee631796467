"""Metrics of several models as one table for a person to read."""

from rich.console import Console
from rich.table import Table

from gold.measures import CUTOFF
from gold.metrics import Measured

# Shown in this order, where they were measured.
METRICS = (
    f"ndcg_at_{CUTOFF}",
    f"map_at_{CUTOFF}",
    f"precision_at_{CUTOFF}",
    f"recall_at_{CUTOFF}",
    f"hit_rate_at_{CUTOFF}",
    "coverage",
    "novelty",
    "rmse",
    "mae",
    "test_users",
    "test_ratings",
    "unscored_ratings",
)


def print_models(measured: Measured) -> None:
    """One line per metric, one column per model, in the order given; empty where it was not measured."""
    table = Table("metric", *measured, box=None)
    for metric in METRICS:
        values = [measured[model].get(metric) for model in measured]
        if any(value is not None for value in values):
            table.add_row(metric, *["" if value is None else _short(metric, value) for value in values])
    Console(width=40 + 16 * len(measured)).print(table, markup=False)


def _short(metric: str, value: float) -> str:
    return f"{value:,.0f}" if metric.startswith(("test_", "unscored_")) else f"{value:.4f}"
