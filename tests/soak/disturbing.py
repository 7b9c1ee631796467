"""What each disturbance does. All leave both streams running."""

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from tests.soak.records import USERS
from tests.soak.schedule import Disturbance, one_of
from tests.soak.whole import Platform

# Corrections that people make: a rule, and what is set. Without a rule all open records are judged again.
_CORRECTIONS = (
    ("--rule", "rating_out_of_range", "--set", "rating=5"),
    ("--rule", "clasificacion_unknown", "--set", 'clasificacion="PG"'),
    ("--rule", "titulo_missing", "--set", 'titulo="Sin título"'),
    ("--rule", "id_missing", "--set", 'id="u000003"'),
    ("--rule", "action_unknown", "--set", 'action="view"'),
    ("--rule", "seconds_watched_invalid", "--set", "seconds_watched=30"),
    (),
)
# What the settings of silver accept in turn, besides what is shipped: the producers send both.
_ACCEPTED = ("+12", "74 min")
_LOOKS = (
    ("audit", "--json"),
    ("status",),
    ("runs",),
    ("quarantine", "list"),
    ("drift",),
    ("history", "silver.users"),
)


class Disturber:
    """Does what the schedule says. `done` counts by kind, `forgotten` are the ids, `note` writes to the log."""

    def __init__(self, platform: Platform, note: Callable[[str], None]) -> None:
        self.done: Counter[str] = Counter()
        self.forgotten: list[str] = []
        self.retains = False
        self._platform, self._note = platform, note
        self._kinds: Mapping[str, Callable[[np.random.Generator], None]] = {
            "stop bronze": lambda draws: self._restart(("bronze",), draws, platform.stop),
            "stop silver": lambda draws: self._restart(("silver",), draws, platform.stop),
            "kill bronze": lambda draws: self._restart(("bronze",), draws, platform.kill),
            "kill silver": lambda draws: self._restart(("silver",), draws, platform.kill),
            "kill both": lambda draws: self._restart(("bronze", "silver"), draws, platform.kill),
            "restart the broker": lambda draws: self._broker(draws, platform.stop_broker),
            "kill the broker": lambda draws: self._broker(draws, platform.kill_broker),
            "maintain": self._maintain,
            "kill maintenance": self._kill_maintenance,
            "forget": self._forget,
            "kill forget": self._kill_forget,
            "correct": self._correct,
            "kill a correction": self._kill_correction,
            "rules": self._rules,
            "rebuild silver": self._rebuild,
            "kill a rebuild": self._kill_rebuild,
            "gold": lambda _: self._say(platform.command("run", "--select", "gold")),
            "look": self._look,
            "upgrade": self._upgrade,
            "retention": self._retain,
        }

    def do(self, what: Disturbance) -> None:
        self._kinds[what.kind](what.draws)
        self.done[what.kind] += 1

    def _say(self, said: str) -> None:
        lines = said.strip().splitlines()
        self._note(f"    {lines[-1][:200] if lines else ''}")

    def _restart(self, names: tuple[str, ...], draws: np.random.Generator, end: Callable[..., None]) -> None:
        end(*names)
        self._platform.wait(one_of(draws, (0.0, draws.uniform(0, 15))))
        self._platform.start(*names)

    def _broker(self, draws: np.random.Generator, end: Callable[[], None]) -> None:
        end()
        self._platform.wait(draws.uniform(0, 20))
        self._platform.start_broker()

    def _maintain(self, _: np.random.Generator) -> None:
        self._say(self._platform.maintain())

    def _kill_maintenance(self, draws: np.random.Generator) -> None:
        self._note_killed(self._platform.killed_maintenance(draws.uniform(1, 8)))

    def _note_killed(self, was_running: bool) -> None:
        self._note(f"    {'killed' if was_running else 'it had ended'}")

    def _at_rest(self) -> None:
        """Stop both streams once silver has read all of bronze."""
        self._platform.stop("bronze")
        self._platform.await_idle_silver()
        self._platform.stop("silver")

    def _drawn_people(self, draws: np.random.Generator) -> list[str]:
        numbers = draws.choice(USERS, size=int(draws.integers(1, 3)), replace=False)
        people = [f"u{number + 1:06d}" for number in numbers]
        self.forgotten += [one for one in people if one not in self.forgotten]
        self._note(f"    {', '.join(people)}")
        return people

    def _forget(self, draws: np.random.Generator) -> None:
        self._at_rest()
        self._say(self._platform.command("forget", *self._drawn_people(draws), "--yes"))
        self._platform.start("bronze", "silver")

    def _kill_forget(self, draws: np.random.Generator) -> None:
        """Killed, and done again at once or after the streams have gone on for a while."""
        self._at_rest()
        people = self._drawn_people(draws)
        self._note_killed(self._platform.killed_command(draws.uniform(1, 6), "forget", *people, "--yes"))
        if draws.random() < 0.5:
            self._platform.start("bronze", "silver")
            self._platform.wait(draws.uniform(10, 30))
            self._at_rest()
        self._say(self._platform.command("forget", *people, "--yes"))
        self._platform.start("bronze", "silver")

    def _at_silvers_rest(self) -> None:
        """The same, with bronze's stream running again."""
        self._at_rest()
        self._platform.start("bronze")

    def _correct(self, draws: np.random.Generator) -> None:
        self._at_silvers_rest()
        self._say(self._replay(one_of(draws, _CORRECTIONS)))
        self._platform.start("silver")

    def _replay(self, words: tuple[str, ...]) -> str:
        self._note(f"    {' '.join(words)}")
        return self._platform.command("quarantine", "replay", *words)

    def _kill_correction(self, draws: np.random.Generator) -> None:
        """Killed: silver's next start, or the next replay, finishes it."""
        self._at_silvers_rest()
        words = one_of(draws, _CORRECTIONS)
        self._note(f"    {' '.join(words)}")
        seconds = draws.uniform(8, 25)
        self._note_killed(self._platform.killed_command(seconds, "quarantine", "replay", *words))
        self._platform.start("silver")

    def _rules(self, _: np.random.Generator) -> None:
        """Silver accepts one classification more, or one less as long as it can be rebuilt."""
        self._at_silvers_rest()
        known = self._platform.settings.silver.clasificaciones
        more = [one for one in _ACCEPTED if one not in known]
        if more:
            self._note(f"    silver accepts {more[0]}")
            self._platform.change("silver", clasificaciones=(*known, more[0]))
            self._say(self._replay(("--rule", "clasificacion_unknown")))
        elif not self.retains:
            self._note(f"    silver no longer accepts {known[-1]}")
            self._platform.change("silver", clasificaciones=known[:-1])
            self._say(self._platform.command("rebuild", "silver"))
        self._platform.start("silver")

    def _rebuild(self, _: np.random.Generator) -> None:
        if self.retains:
            return
        self._platform.stop("silver")
        self._say(self._platform.command("rebuild", "silver"))
        self._platform.start("silver")

    def _kill_rebuild(self, draws: np.random.Generator) -> None:
        if self.retains:
            return
        self._platform.stop("silver")
        self._note_killed(self._platform.killed_command(draws.uniform(8, 40), "rebuild", "silver"))
        self._say(self._platform.command("rebuild", "silver"))
        self._platform.start("silver")

    def _look(self, draws: np.random.Generator) -> None:
        words = one_of(draws, _LOOKS)
        self._platform.command(*words)
        self._note(f"    {' '.join(words)}")

    def _upgrade(self, draws: np.random.Generator) -> None:
        """Silver first, whose rows its new rules judge again; bronze goes on with the old code for a while."""
        self._platform.stop("silver")
        self._platform.upgrade()
        self._say(self._platform.command("rebuild", "silver"))
        self._platform.start("silver")
        self._platform.wait(draws.uniform(0, 20))
        self._platform.stop("bronze")
        self._platform.start("bronze")

    def _retain(self, _: np.random.Generator) -> None:
        """From now on maintenance removes from bronze what silver has read."""
        self.retains = True
        self._platform.change("bronze", keep_days=1)
        self._platform.stop("bronze")
        self._platform.start("bronze")
        self._say(self._platform.maintain())
