"""How a step is shown while it runs and when it ends."""

import io
import re

from rich.console import Console

from operations.pipeline.steps import STEPS, Clock


def test_in_a_pipe_a_step_says_what_it_waits_for_and_then_its_time() -> None:
    printed = io.StringIO()
    clock = Clock(Console(file=printed))
    with clock.step("gold: [lists]", "ALS"):
        assert printed.getvalue() == "          gold: [lists]: waits for ALS\n"
    assert re.fullmatch(r" +\d+\.\d s  gold: \[lists\]", printed.getvalue().splitlines()[-1])
    assert clock.seconds.keys() == {"gold: [lists]"}


def test_on_a_terminal_it_says_so_next_to_the_spinner() -> None:
    printed = io.StringIO()
    with Clock(Console(file=printed, force_terminal=True, width=80)).step("gold: [lists]", "ALS"):
        pass
    assert "gold: [lists]: waits for ALS" in printed.getvalue()


def test_every_step_says_what_it_waits_for() -> None:
    assert all(step.awaited for step in STEPS)
