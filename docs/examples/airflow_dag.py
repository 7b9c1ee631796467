"""Every layer once an hour, by Airflow 3. Copy this file into Airflow's folder of DAGs.

Every job takes what is new since its last run, so a run may be repeated, late or skipped.
"""

import os
import subprocess
from datetime import datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

# Where the lakehouse is installed; its settings are in conf/ there.
FOLDER = os.environ.get("LAKEHOUSE_FOLDER", "/opt/lakehouse")
CHECK_FAILED = 1


@task
def lakehouse(*arguments: str) -> None:
    """Run one command. A failed check is final: the data has to change first. Anything else may pass: a retry."""
    command = f"{FOLDER}/.venv/bin/lakehouse"
    code = subprocess.run([command, *arguments], cwd=FOLDER, check=False).returncode  # noqa: S603 - our own command
    if code == CHECK_FAILED:
        raise AirflowFailException(f"lakehouse {' '.join(arguments)}: a check failed; its log says which")
    if code != 0:
        raise AirflowException(f"lakehouse {' '.join(arguments)}: exit code {code}; its log says why")


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # one run takes everything that earlier ones missed
    max_active_runs=1,  # a second one would find the first running, and refuse
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
)
def streaming_lakehouse() -> None:
    """Bronze, silver, gold with its quality gates, and the audit, one after the other."""
    bronze = lakehouse.override(task_id="bronze")("run", "--select", "bronze")
    silver = lakehouse.override(task_id="silver")("run", "--select", "silver")
    gold = lakehouse.override(task_id="gold")("run", "--select", "gold")
    audit = lakehouse.override(task_id="audit")("audit")
    bronze >> silver >> [gold, audit]


streaming_lakehouse()
