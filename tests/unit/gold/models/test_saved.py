"""What is saved of models, read without Spark."""

from pathlib import Path

import pyarrow as pa
import pytest

from gold.explanations.neighbours import factor_vectors
from gold.models.files import keep_models, save_model
from gold.models.saved import is_saved, read_frame, saved_versions
from lakehouse.folders import open_folder
from tests.support.delta_tables import write_model
from tests.support.folders import EVERY_SIGN


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / EVERY_SIGN)


def test_not_a_number_is_not_saved(root: str) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        save_model(root, "als-1", {}, {"mean": float("nan")})
    assert not is_saved(root, "als-1")


def test_files_that_no_model_needs_are_deleted(root: str) -> None:
    for version in ("als-1", "als-2", "half"):
        save_model(root, version, {}, {})
    open_folder(root).delete("models/half/model.json")
    for stray in (".DS_Store", "als-2 copy"):  # what a file manager leaves behind
        Path(root, "models", stray).touch()
    assert saved_versions(root) == ["als-1", "als-2"]
    keep_models(root, ["als-2"])
    assert open_folder(f"{root}/models").names() == [".DS_Store", "als-2", "als-2 copy"]


def test_a_frame_is_read_in_all_its_parts(root: str) -> None:
    rows = pa.table({"content_id": ["b", "a"], "factors": [[3.0, 4.0], None]})
    write_model(root, "als-1", {"item_factors": rows})
    assert read_frame(root, "als-1", "item_factors") == rows
    assert read_frame(root, "als-1", "user_factors") is None
    assert read_frame(root, "als-2", "item_factors") is None
    Path(root, "models/als-1/item_factors/part-0.parquet").unlink()  # the model is incomplete: it says nothing
    assert read_frame(root, "als-1", "item_factors") is None


def test_factors_become_unit_vectors_by_id() -> None:
    factors = pa.table(
        {"content_id": ["b", "a", "none", "zero"], "factors": [[3.0, 4.0], [0.0, 2.0], None, [0.0, 0.0]]}
    )
    vectors = factor_vectors(factors)
    assert (list(vectors.content_ids), vectors.rows.tolist()) == (["a", "b", "zero"], [[0, 1], [0.6, 0.8], [0, 0]])
    assert factor_vectors(factors, only={"b", "none", "unknown"}).content_ids == ["b"]
    assert factor_vectors(factors, only=set()).content_ids == []
