"""`lakehouse drift`: fields that arrive but are not in the wire format."""

import argparse

from lakehouse import storage
from lakehouse.tables import SILVER_BATCHES
from operations.call import Call
from operations.output import print_json, print_table
from silver.drift import drifted_fields


def run(args: argparse.Namespace, call: Call) -> int:
    with call.spark() as spark:
        fields = drifted_fields(storage.read(spark, call.settings.root, SILVER_BATCHES)).collect()
    if args.json:
        print_json([field.asDict() for field in fields])
    elif fields:
        columns = ("topic", "type", "field", "first_seen", "first_batch", "records", "sample")
        print_table(columns, [[field[name] for name in columns] for field in fields])
    else:
        print("no unknown field was seen")
    return 0
