"""A driver that runs job files in sequence, as spark-submit does, in the JVM that spark-submit started.

    spark-submit --properties-file FILE tests/support/run_jobs.py JOBS.json

JOBS.json is a list of command lines, each a list of words without `spark-submit` and its flags. Each job starts
and stops its own session. JOBS.answers, next to it, gets the exit code and output of each.
"""

import io
import json
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.support.delta_cache import forget_tables


def run_job(job: str, *arguments: str) -> tuple[object, str]:
    """The job's exit code, and what it printed."""
    sys.argv = [job, *arguments]
    sys.path[0] = str(Path(job).parent)  # as spark-submit does
    output = io.StringIO()
    code: object = None
    with redirect_stdout(output), redirect_stderr(output):
        try:
            runpy.run_path(job, run_name="__main__")
        except SystemExit as ended:
            code = ended.code
    forget_tables()
    return code, output.getvalue()


if __name__ == "__main__":
    file = Path(sys.argv[1])
    answers = [run_job(*line) for line in json.loads(file.read_text(encoding="utf-8"))]
    file.with_suffix(".answers").write_text(json.dumps(answers), encoding="utf-8")
