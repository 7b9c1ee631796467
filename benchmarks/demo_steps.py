"""How long each step of `make demo` takes, and how much memory all its processes use together.

    python benchmarks/demo_steps.py --runs 3

Each run has its own root; the jars must exist from an earlier run. Prints medians with the minimum and maximum of
the runs, next to the goals of 90 s and 4 GB, and writes build/benchmarks/demo_steps.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import write_results

GOAL_SECONDS, GOAL_BYTES = 90, 4 * 1024**3
_SAMPLE_SECONDS = 0.5


def run_once() -> dict[str, float]:
    """Seconds per step, in total (`all`, the whole command from outside) and peak resident bytes (`memory`)."""
    with tempfile.TemporaryDirectory() as root:
        environment = {**os.environ, "LAKEHOUSE_ROOT": root, "LAKEHOUSE_KAFKA__EMBEDDED_PORT": "0"}
        command = [str(Path(sys.executable).parent / "lakehouse"), "demo", "--json"]
        started, peak = time.monotonic(), 0
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.DEVNULL)
            while process.poll() is None:
                peak = max(peak, resident_bytes(root, process.pid))
                time.sleep(_SAMPLE_SECONDS)
            took = time.monotonic() - started
            output.seek(0)
            if process.returncode:
                sys.exit(f"lakehouse demo ended with exit code {process.returncode}")
            return {**json.load(output)["seconds"], "all": took, "memory": float(peak)}


def resident_bytes(root: str, pid: int) -> int:
    """Memory of the command, its descendants, and the broker, which has its own session under `root`."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,rss=,args="], capture_output=True, text=True, check=True)
    processes = [line.split(None, 3) for line in listing.stdout.splitlines()]
    family, total = {pid}, 0
    for own, parent, rss, *arguments in processes:  # a child is listed after its parent
        if int(own) in family or int(parent) in family or root in "".join(arguments):
            family.add(int(own))
            total += int(rss) * 1024
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = [run_once() for _ in range(parser.parse_args().runs)]
    figures = {name: [run[name] for run in runs] for name in runs[0]}
    print(f"{'step':40}{'median':>9}{'min':>9}{'max':>9}")
    for name, values in figures.items():
        unit, scale = ("MB", 1024**2) if name == "memory" else ("s", 1)
        shown = [value / scale for value in (statistics.median(values), min(values), max(values))]
        print(f"{name + ' (' + unit + ')':40}" + "".join(f"{value:9.1f}" for value in shown))
    print(f"goals: all under {GOAL_SECONDS} s, memory under {GOAL_BYTES / 1024**2:.0f} MB")
    write_results("demo_steps", figures)


if __name__ == "__main__":
    main()
