"""Both streams, run by spark-submit, stopped in each way that a person or a scheduler uses."""

import pytest
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from tests.support.submits import Stop, expect_stop_in_order, to_the_jvm_alone, to_the_whole_group


@pytest.mark.parametrize("stop", [to_the_jvm_alone, to_the_whole_group])
@pytest.mark.parametrize("job", ["bronze/ingest.py", "silver/refine.py"])
def test_a_stream_is_stopped_in_order(spark: SparkSession, settings: Settings, job: str, stop: Stop) -> None:
    expect_stop_in_order(spark, settings, job, stop)
