"""`lakehouse demo`: the whole lakehouse once, on generated or on real data, in one Spark session."""

import argparse
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

from rich.console import Console

from lakehouse.broker.embedded import kafka_cluster
from lakehouse.history.acceptance import without_gate
from lakehouse.spark.lakehouse import SparkLakehouse
from operations.call import Call
from operations.output import print_json
from operations.pipeline import sources, summary
from operations.pipeline.steps import STEPS, Clock, run_steps, uncompared, ungated


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    source = sources.choose_source(
        *(settings.demo, settings.kafka, settings.silver), catalogue=args.catalogue, ratings=args.ratings
    )
    clock = Clock(Console(stderr=args.json))
    for line in source.findings:
        clock.tell(line)
    started = datetime.now(UTC)
    with ExitStack() as opened:
        with clock.step("broker: connect to Kafka", "a broker that answers"):
            cluster = opened.enter_context(kafka_cluster(settings.kafka, settings.root))
        with clock.step("producers: publish to Kafka while Spark starts", "every acknowledgement, and the JVM"):
            published = opened.enter_context(ThreadPoolExecutor(1)).submit(
                partial(sources.publish_once, root=settings.root, shared_ops=settings.shared_ops),
                *(source, settings.kafka, cluster),
            )
            spark = opened.enter_context(call.spark())
            lines = published.result()
        for line in lines:
            clock.tell(line)
        # other data than last time: its genres and row counts are not a baseline for these
        steps = STEPS if lines == [sources.ALREADY_PUBLISHED] else uncompared(STEPS)
        opened.enter_context(without_gate(when=args.no_gate))
        if args.no_gate:
            steps = ungated(steps)
        run_steps(steps, spark, settings, cluster, clock)
        outcome = summary.collect_summary(
            SparkLakehouse(settings.root, spark), settings.ops_dir, since=started, seconds=clock.seconds
        )
    if args.json:
        print_json(outcome)
    else:
        summary.show(outcome)
    return 0
