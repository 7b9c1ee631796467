"""How far the download of Spark's packages is, as Ivy logs it."""

import os
from pathlib import Path

from lakehouse.spark.downloads import downloads_reported, progress

FOUND = "\tfound io.delta#delta-spark_4.2_2.13;4.4.0 in central\n"
DOWNLOADED = (
    "downloading https://repo1.maven.org/maven2/io/delta/delta-spark.jar ...\n"
    "\t[SUCCESSFUL ] io.delta#delta-spark_4.2_2.13;4.4.0!delta-spark_4.2_2.13.jar (1061ms)\n"
)


def test_packages_that_are_cached_are_no_download() -> None:
    assert progress(FOUND * 13) == ""


def test_the_line_says_how_many_of_all_are_downloaded() -> None:
    assert progress(FOUND * 13 + DOWNLOADED * 5) == "downloading Spark's packages: 5 of 13 jars"


def test_only_lines_of_this_start_count_and_the_end_is_reported(tmp_path: Path) -> None:
    log = tmp_path / "spark.log"
    log.write_text(FOUND * 2 + DOWNLOADED * 2)
    reading, writing = os.pipe()
    with downloads_reported(log, writing), log.open("a") as more:
        more.write(FOUND * 3 + DOWNLOADED * 3)
    os.close(writing)
    with os.fdopen(reading) as lines:
        assert lines.read().splitlines()[-1] == "downloading Spark's packages: 3 of 3 jars"
