"""`lakehouse drift`: fields that arrive but are not in the wire format."""

import argparse

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_BATCHES
from operations.call import Call
from operations.output import print_json, print_table
from silver.drift import DriftedField, drifted_fields


def run(args: argparse.Namespace, call: Call) -> int:
    fields = drifted_fields(Lakehouse(call.settings.root).read(SILVER_BATCHES))
    if args.json:
        print_json([field._asdict() for field in fields])
    elif fields:
        print_table(DriftedField._fields, fields)
    else:
        print("no unknown field was seen")
    return 0
