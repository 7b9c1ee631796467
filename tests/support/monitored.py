"""The metrics that the dashboard and the alerts of conf/ use, and a scrape of a running process."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.folders import PROJECT

DASHBOARD = PROJECT / "conf" / "grafana" / "lakehouse.json"
SCRAPES = [PROJECT / "conf" / "prometheus" / name for name in ("prometheus.yml", "docker.yml")]
ALERTS = PROJECT / "conf" / "prometheus" / "alerts.yml"
_NAME = re.compile(r"\blakehouse_[a-z_]+")


def expressions() -> Iterator[str]:
    """Every query of the dashboard, and of the alerts."""
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    yield from (target["expr"] for panel in panels for target in panel["targets"])
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    yield from (rule["expr"] for group in groups for rule in group["rules"])


def used_names() -> set[str]:
    return {name for expression in expressions() for name in _NAME.findall(expression)}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def scrape(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def families(text: str) -> dict[str, Metric]:
    """The metrics by the name that queries use: a counter's ends in _total."""
    found = text_string_to_metric_families(text)
    return {f"{one.name}_total" if one.type == "counter" else one.name: one for one in found}


def values(metric: Metric) -> dict[tuple[str, ...], float]:
    """The samples by their labels' values, in the order of the labels' names."""
    return {
        tuple(sample.labels[name] for name in sorted(sample.labels)): sample.value for sample in metric.samples
    }
