"""The root that version 0.1.0 made (tests/sample/roots), and the settings to use it with."""

import tarfile
from pathlib import Path

from lakehouse.settings import Settings, load_settings
from tests.support.folders import PROJECT
from tests.support.small import with_quick_models

OLD = "0.1.0"


def extract(root: Path) -> Settings:
    """Extract it. It is as old as its archive, and small: the gates accept that."""
    with tarfile.open(PROJECT / "tests" / "sample" / "roots" / f"{OLD}.tar.xz") as archive:
        archive.extractall(root, filter="data")
    settings = with_quick_models(load_settings())
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0, "partitions": 1})
    quality = settings.quality.model_copy(update={"min_rows": 10, "max_age_hours": 1e6})
    return settings.model_copy(update={"root": str(root), "kafka": kafka, "quality": quality})
