"""The tables, one module per layer, and the catalogue of all."""

from lakehouse.tables.bronze import BRONZE_EVENTS, BRONZE_FEEDBACK
from lakehouse.tables.catalogue import CATALOGUE, find_table, gated_tables, gold_jobs, layer_tables, written_by
from lakehouse.tables.declaration import Job, PowerBiExport, PowerBiKey, Table
from lakehouse.tables.gold import (
    GOLD_AFFINITY,
    GOLD_METRICS,
    GOLD_MODELS,
    GOLD_POPULARITY,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    GOLD_TRIALS,
)
from lakehouse.tables.ops import OPS_RUNS
from lakehouse.tables.quality import QUALITY_RESULTS
from lakehouse.tables.silver import (
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_CORRECTIONS,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
)

__all__ = [
    "BRONZE_EVENTS",
    "BRONZE_FEEDBACK",
    "CATALOGUE",
    "GOLD_AFFINITY",
    "GOLD_METRICS",
    "GOLD_MODELS",
    "GOLD_POPULARITY",
    "GOLD_POWERBI",
    "GOLD_RECOMMENDATIONS",
    "GOLD_TRIALS",
    "OPS_RUNS",
    "QUALITY_RESULTS",
    "SILVER_BATCHES",
    "SILVER_CONTENT",
    "SILVER_CORRECTIONS",
    "SILVER_FEEDBACK",
    "SILVER_QUARANTINE",
    "SILVER_TOMBSTONES",
    "SILVER_USERS",
    "Job",
    "PowerBiExport",
    "PowerBiKey",
    "Table",
    "find_table",
    "gated_tables",
    "gold_jobs",
    "layer_tables",
    "written_by",
]
