"""What executors run, in a Python with nothing but Spark's own pyspark and the archives of `make dist`."""

import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pyspark import cloudpickle

from gold.affinity.cosine import _scorer
from gold.affinity.features import FeatureWeights
from gold.affinity.title_index import index_features
from gold.recommender.blocks import Scorer, listing
from gold.recommender.scoring import BlendWeights, TitleFeatures
from silver.conditions import Rules
from silver.judging import judge_batch
from tests.support.processes import TIMEOUT, clean_environment
from tests.support.records import FEEDBACK, MOVIE, USER, bronze_batch, event
from tests.support.shipped import Shipped, bare_python, pyspark_of_spark, ship
from tests.support.wheel import Installed

Sent = tuple[Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]], pa.RecordBatch]

STRINGS = pa.list_(pa.string())
NUMBERS = [(name, pa.float64()) for name in ("seen", "confidence", "affinity")]
HISTORY = pa.list_(pa.struct([("content_id", pa.string()), *NUMBERS]))
WEIGHTS = FeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0)
# Unpickles [(function, batch)], as a Python worker does, and prints what the functions return.
WORKER = """
import pickle, sys, lakehouse, numpy
print(lakehouse.__file__)
print(numpy.__file__)
for function, batch in pickle.load(open(sys.argv[1], "rb")):
    print([row for result in function(iter([batch])) for row in result.to_pylist()])
"""


@pytest.fixture(scope="module")
def shipped(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    return ship(installed.wheel, tmp_path_factory.mktemp("shipped") / "dist")


@pytest.fixture(scope="module")
def environment(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shipped.unpacked(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_python(tmp_path_factory.mktemp("bare") / "venv")


def judged() -> Sent:
    """Silver's rules, for a valid user, a valid title, and feedback with a rating beyond the scale."""
    rules = Rules(frozenset(), 300)
    batch = bronze_batch([event(USER, "u", 1), event(MOVIE, "m", 2), event(FEEDBACK, "f", 3, rating=11)])
    return lambda batches: (judge_batch(batch, rules) for batch in batches), batch


def rated() -> Sent:
    """Gold's affinity, for a user who likes one of two titles' genres."""
    columns = {"id": ["u"], "generos": [["x"]], "directores": [[]], "actores": [[]], "clasificacion": [""]}
    users = pa.RecordBatch.from_pydict({**columns, "decadas": [[]], "features": [["genre:x"]]})
    return _scorer(SimpleNamespace(value=titles()), 1), users  # type: ignore[arg-type]  # a broadcast


def listed() -> Sent:
    """Gold's lists, for a user with factors who has seen one of two titles."""
    zeros = np.zeros((2, 1), np.float32)
    features = TitleFeatures(
        index=titles(),
        factors=zeros + 1,
        known=np.array([True, True]),
        scales=(np.ones((1, 1)),),
        value_factors=zeros,
        biases=np.zeros(2),
        viewers=np.ones(2),
        places=np.array([1, 2]),
    )
    scorer = Scorer(features, BlendWeights(1.0, 1.0, 1.0, 1.0), (1,), 3.0, titles_per_user=2)
    history = [[{"content_id": "a", "seen": 1.0, "confidence": 1.0, "affinity": None}]]
    users = pa.RecordBatch.from_pydict(
        {
            "user_id": ["u"],
            "features": pa.array([["genre:x"]], STRINGS),
            "history": pa.array(history, HISTORY),
            "factors": pa.array([[1.0]], pa.list_(pa.float32())),
            "value_factors": pa.array([[1.0]], pa.list_(pa.float32())),
            "bias": [0.5],
        }
    )
    return listing(SimpleNamespace(value=scorer)), users  # type: ignore[arg-type]  # a broadcast


def titles():  # type: ignore[no-untyped-def]  # pyarrow publishes no types
    table = pa.table({"id": ["a", "b"], "features": pa.array([["genre:x"], ["genre:y"]], STRINGS)})
    return index_features(table, weights=WEIGHTS)


def work(python: Path, path: list[str], given: str) -> subprocess.CompletedProcess[str]:
    """Run the worker's program with these folders and archives on its path, and nothing else of this checkout."""
    variables = clean_environment() | {"PYTHONPATH": os.pathsep.join([*pyspark_of_spark(), *path])}
    return subprocess.run(
        [str(python), "-c", WORKER, given],
        cwd=python.parent,
        env=variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_executors_run_every_function_with_what_they_are_sent(
    shipped: Shipped, environment: Path, bare: Path, tmp_path: Path
) -> None:
    """Once with the environment alone, once with the code of --py-files before it, as Spark places it."""
    sent: list[Sent] = [judged(), rated(), listed()]
    wanted = [
        [row for result in function(iter([batch])) for row in result.to_pylist()] for function, batch in sent
    ]
    assert all(wanted)
    given = tmp_path / "given"
    given.write_bytes(cloudpickle.dumps(sent))
    for path, code in (
        ([str(environment)], environment),
        ([str(shipped.code), str(environment)], shipped.code),
    ):
        done = work(bare, path, str(given))
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            str(code / "lakehouse" / "__init__.py"),
            str(environment / "numpy" / "__init__.py"),
            *map(str, wanted),
        ]


def test_without_the_environment_the_same_python_has_nothing(shipped: Shipped, bare: Path) -> None:
    done = work(bare, [str(shipped.code)], "given")
    assert "ModuleNotFoundError: No module named 'numpy'" in done.stderr


def test_the_archives_have_the_wheels_files_and_no_tests(shipped: Shipped, environment: Path) -> None:
    (wheel,) = shipped.folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as content, zipfile.ZipFile(shipped.code) as code:
        names = content.namelist()
        assert code.namelist() == names
    assert [name for name in names if not (environment / name).is_file()] == []
    # half of pip's files: executors unpack it for each job
    assert {file.name for file in environment.iterdir()} >= {"numpy", "numpy.libs", "pyarrow", "scipy", "msgspec"}
    assert [file for file in environment.rglob("tests") if file.is_dir()] == []
    assert shipped.environment.stat().st_size < 120_000_000
