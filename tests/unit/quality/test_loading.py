"""Great Expectations is loaded without what few suites need; a suite that needs it still works."""

import json
import subprocess
import sys

import pytest

from tests.support.folders import PROJECT

PROGRAM = """
import json, sys
from quality.loading import load_validation
validation = load_validation()
early = [name for name in ("altair.vegalite", "scipy.stats.distributions") if name in sys.modules]
import great_expectations as gx, pandas as pd
from lakehouse.tables import SILVER_FEEDBACK
shares = {"values": ["a", "b"], "weights": [0.5, 0.5]}
close = gx.expectations.ExpectColumnKLDivergenceToBeLessThan(column="c", partition_object=shares, threshold=0.1)
rows = pd.DataFrame({"c": ["a", "b", "b", "b"]})
found = validation.validate(rows, gx.ExpectationSuite(name="s", expectations=[close]), SILVER_FEEDBACK, samples=1)
validation.data_docs(found, title="t", run_id="r")
print(json.dumps({"early": early, "distance": found.results[0].result["observed_value"]}))
"""


def test_modules_of_few_expectations_are_loaded_when_one_of_them_runs() -> None:
    """In a process of its own: this one may have imported them for another test."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # 0.25 log(0.25 / 0.5) + 0.75 log(0.75 / 0.5)
    assert json.loads(done.stdout) == {"early": [], "distance": pytest.approx(0.1308, abs=1e-4)}
