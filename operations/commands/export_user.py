"""`lakehouse export-user USER_ID`: everything that is held about a person, as JSON."""

import argparse

from lakehouse.exports import requested_file, write_file
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_USERS
from operations.call import Call
from operations.commands.unknown import as_in_silver, unknown_id
from operations.output import as_json, print_json
from operations.person.rows import rows_of


def run(args: argparse.Namespace, call: Call) -> int:
    lake, user_id = Lakehouse(call.settings.root), as_in_silver(args.user_id)
    lake.require(SILVER_USERS)
    file = None if args.output is None else requested_file(args.output)
    found = rows_of(lake, user_id)
    if found.is_empty:
        raise unknown_id("user", user_id, lake, SILVER_USERS)
    document = {"user_id": user_id, **found._asdict()}
    if file is None:
        print_json(document)
    else:
        write_file(file, as_json(document).encode())
    return 0
