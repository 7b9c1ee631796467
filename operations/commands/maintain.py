"""`lakehouse maintain [TABLE...]`: join small files, and delete what nobody needs any more."""

import argparse
from datetime import UTC, datetime

from lakehouse.spark.on_demand import on_demand
from lakehouse.tables import find_table
from maintenance import maintain
from operations.call import Call
from operations.output import in_units, print_json, print_table


def run(args: argparse.Namespace, call: Call) -> int:
    tables = [find_table(name) for name in args.tables]
    with on_demand(call.spark) as session:
        done = maintain.run(call.settings, tables, session=session, now=datetime.now(UTC), dry_run=args.dry_run)
    if args.json:
        print_json({"dry_run": args.dry_run, **maintain.described(done)})
    else:
        _show(done, dry_run=args.dry_run)
    return 0


def _show(done: maintain.Maintenance, *, dry_run: bool) -> None:
    rows = [
        (
            *(kept.expiry.table.sql_name, kept.expiry.begin, kept.expiry.since, kept.expiry.need.reason),
            *(in_units(kept.expiry.size), kept.small_files),
        )
        for kept in done.tables
    ]
    print_table(("table", "kept from version", "since", "because of", "freed", "small files joined"), rows)
    for kept in done.tables:
        if kept.retired is not None:
            print(f"{kept.expiry.table.sql_name}: {maintain.retired_line(kept.retired, dry_run=dry_run)}")
        for what in kept.waits:
            print(f"{kept.expiry.table.sql_name} waits: {what}")
    if done.leftovers is not None and done.leftovers.size:
        print(f"{in_units(done.leftovers.size)} of old check pages and stream progress")
    print(f"{'would free' if dry_run else 'freed'} {in_units(done.size)}")
