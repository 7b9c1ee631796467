"""What each `lakehouse` command that reads costs, next to a Spark session that answers the same question.

    python benchmarks/commands.py data/lakehouse --runs 3
    python benchmarks/commands.py data/lakehouse --only audit history
    python benchmarks/commands.py data/lakehouse --no-reference --only status history    # starts no JVM

The commands run on a copy of that lakehouse, which must have gold, each as a process of its own, audit beside a
broker that already runs. The reference is a process too: it starts the project's Spark session, runs plain SQL and
ends. Prints the medians of wall-clock seconds, processor seconds and peak memory, the last two with all
descendants, and writes build/benchmarks/commands.json.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from process_tree import cpu_seconds, resident_bytes
from results import write_results

from lakehouse.broker.embedded import kafka_cluster
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import load_settings
from lakehouse.spark.session import spark_session
from lakehouse.tables import CATALOGUE

_SAMPLE_SECONDS = 0.05
_PROGRAM = str(Path(sys.executable).parent / "lakehouse")
_TABLE = re.compile(r"\b(bronze|silver|gold|quality)\.([a-z_]+)\b")


class Question(NamedTuple):
    """The command's arguments, and the queries that answer the same; none if SQL cannot."""

    arguments: Sequence[str]
    queries: Sequence[str] = ()


class Cost(NamedTuple):
    """Of one process and its descendants."""

    wall_seconds: float
    processor_seconds: float
    peak_megabytes: float


_AUDIT = (
    """
    SELECT topic, partition, count(*), count(DISTINCT offset), max(offset)
    FROM (SELECT * FROM bronze.events UNION ALL SELECT * FROM bronze.feedback) GROUP BY topic, partition
    """,
    """
    SELECT count(*) FROM (
        SELECT topic, partition, offset FROM silver.users
        UNION ALL SELECT topic, partition, offset FROM silver.content
        UNION ALL SELECT topic, partition, offset FROM silver.feedback
        UNION ALL SELECT topic, partition, offset FROM silver.quarantine
    ) LEFT ANTI JOIN (SELECT * FROM bronze.events UNION ALL SELECT * FROM bronze.feedback)
    USING (topic, partition, offset)
    """,
    "SELECT sum(rows_in), sum(applied + superseded + deleted + quarantined) FROM silver.batches",
)
_SIZE, _VERSION = "SELECT count(*) FROM {}", "SELECT * FROM silver.users VERSION AS OF {}"
_DRIFT = """
    SELECT field, sum(rows), min(first_seen)
    FROM (SELECT inline(unknown_fields) FROM silver.batches) GROUP BY field
"""
_REJECTED = """
    SELECT rule, topic, count(*)
    FROM (SELECT topic, explode(reasons.rule) AS rule FROM silver.quarantine WHERE status = 'open')
    GROUP BY rule, topic
"""
_SHOWN = "SELECT * FROM silver.quarantine WHERE array_contains(reasons.rule, 'id_missing') LIMIT 20"
_LIST = """
    SELECT * FROM gold.recommendations AS list JOIN silver.content AS title ON title.id = list.content_id
    WHERE user_id = '{user}' ORDER BY rank
"""
_LIKE = """
    SELECT other.id, size(array_intersect(title.generos, other.generos)) AS shared
    FROM silver.content AS title CROSS JOIN silver.content AS other
    WHERE title.id = '{title}' ORDER BY shared DESC LIMIT 10
"""


def questions(lake: Lakehouse) -> dict[str, Question]:
    """By name. User and title are the first of the lists, and the versions the last two of silver.users."""
    first = lake.query(
        "SELECT min(user_id) AS user, min(content_id) AS title FROM lists", lists="gold.recommendations"
    ).to_pylist()[0]
    last = lake.version("silver.users")
    before, after = (_VERSION.format(number) for number in (last - 1, last))
    sizes = [_SIZE.format(table.sql_name) for table in CATALOGUE if lake.exists(table)]
    count = "SELECT count(*) FROM silver.users"
    return {
        "status": Question(["status"], sizes),
        "history": Question(["history", "silver.users"], ["DESCRIBE HISTORY silver.users LIMIT 20"]),
        "diff": Question(
            ["diff", "silver.users", str(last - 1), str(last)],
            [f"{after} EXCEPT {before}", f"{before} EXCEPT {after}"],
        ),
        "audit": Question(["audit"], _AUDIT),
        "drift": Question(["drift"], [_DRIFT]),
        "quarantine": Question(["quarantine"], [_REJECTED]),
        "quarantine show": Question(["quarantine", "show", "id_missing"], [_SHOWN]),
        "models": Question(["models"], ["SELECT * FROM gold.models", "SELECT * FROM gold.model_metrics"]),
        "recommend": Question(["recommend", first["user"]], [_LIST.format(**first)]),
        "similar": Question(["similar", first["title"]], [_LIKE.format(**first)]),
        "sql": Question(["sql", count], [count]),
        "export": Question(["export", "--no-gate"]),
        "report": Question(["report"]),
        "check": Question(["check"]),
    }


def answer(root: str, queries: Sequence[str]) -> None:
    """Answer the queries in a session of this process."""
    with spark_session("benchmark", log_file=Path(root, "spark.log")) as spark:
        for query in queries:
            spark.sql(_TABLE.sub(lambda name: f"delta.`{root}/{name[1]}/{name[2]}`", query)).collect()


def cost(command: Sequence[str], variables: Mapping[str, str]) -> Cost:
    """Run the command to its end. A failed check is an answer too; any other failure ends this benchmark."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, env=os.environ | variables, stdout=output, stderr=output)
        processor, peak = 0.0, 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            processor = max(processor, cpu_seconds(process.pid))
            peak = max(peak, resident_bytes(process.pid), highest_bytes(process.pid))
            time.sleep(_SAMPLE_SECONDS)
        wall = time.monotonic() - started
        _, status, usage = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            output.seek(0)
            sys.exit(f"{' '.join(command)}: {output.read()}")
    # what the process used between the last sample and its end; its memory is not in it, but that of this process
    return Cost(wall, max(processor, usage.ru_utime + usage.ru_stime), peak / 1e6)


def highest_bytes(pid: int) -> int:
    """The most memory that the process had until now; 0 if it is about to end."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def measure(root: str, names: Sequence[str], *, runs: int, reference: bool) -> dict[str, dict[str, list[Cost]]]:
    """By question, what the command and the reference cost in each run."""
    asked = questions(Lakehouse(root))
    found: dict[str, dict[str, list[Cost]]] = {}
    with broker(root, needed="audit" in names) as variables:
        for name in names:
            compared = [sys.executable, __file__, root, "--reference", name]
            costs = found.setdefault(name, {"command": [], "reference": []})
            for _ in range(runs):
                costs["command"].append(cost([_PROGRAM, *asked[name].arguments], variables))
                if reference and asked[name].queries:
                    costs["reference"].append(cost(compared, variables))
    return found


@contextmanager
def broker(root: str, *, needed: bool) -> Iterator[dict[str, str]]:
    """The environment of the commands, with a broker that runs if one is needed."""
    variables = {"LAKEHOUSE_ROOT": root}
    if not needed:
        yield variables
        return
    settings = load_settings().model_copy(update={"root": root})
    with kafka_cluster(settings.kafka, root) as cluster:
        yield variables | {"LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap}


def show(found: Mapping[str, Mapping[str, Sequence[Cost]]]) -> None:
    print(f"{'':18}{'lakehouse':>10}{'':20}{'Spark session':>16}")
    print(f"{'':18}" + f"{'wall s':>8}{'cpu s':>8}{'MB':>8}{'':6}" * 2)
    for name, costs in found.items():
        medians = [map(statistics.median, zip(*values, strict=True)) for values in costs.values() if values]
        figures = [f"{wall:8.2f}{cpu:8.2f}{megabytes:8.0f}" for wall, cpu, megabytes in medians]
        print(f"{name:18}" + f"{'':6}".join(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="a lakehouse in a local folder; it is copied")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], metavar="COMMAND", help="default: all of them")
    parser.add_argument("--no-reference", action="store_true", help="only the commands")
    parser.add_argument("--reference", metavar="COMMAND", help="only answer this one's question with Spark")
    args = parser.parse_args()
    if args.reference:
        answer(args.root, questions(Lakehouse(args.root))[args.reference].queries)
        return
    with tempfile.TemporaryDirectory() as folder:
        root = str(shutil.copytree(args.root, Path(folder, "lakehouse")))
        names = args.only or list(questions(Lakehouse(root)))
        found = measure(root, names, runs=args.runs, reference=not args.no_reference)
    show(found)
    write_results("commands", found)


if __name__ == "__main__":
    main()
