"""`lakehouse runs`: the runs of jobs and of commands that write, newest first."""

import argparse
from collections.abc import Mapping

from lakehouse.lakehouse import Lakehouse
from lakehouse.runs import store
from lakehouse.runs.run import Run
from operations.call import Call
from operations.output import print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    runs = store.read(Lakehouse(call.settings.root))[: args.limit]
    if args.json:
        print_json([one._asdict() for one in runs])
        return 0
    columns = ("started", "seconds", "job", "result", "exit code", "rows", "written", "read", "command", "error")
    print_table(columns, map(_line, runs), title="newest first")
    return 0


def _line(run: Run) -> tuple[object, ...]:
    return (
        *(
            run.started_at.replace(microsecond=0),
            round(run.seconds, 1),
            run.job,
            run.result,
            run.exit_code,
            run.rows,
        ),
        *(_listed(run.versions_written), _listed(run.versions_read)),
        *(run.command, run.error or ""),
    )


def _listed(versions: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
