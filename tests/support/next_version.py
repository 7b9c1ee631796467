"""The next version of this project: a copy of its packages with changes, and a process that runs it.

The changes are those of docs/operations.md: a new optional field, content type and rule, a stricter rule, and a
wider type.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lakehouse.settings import Settings
from lakehouse.version import VERSION
from tests.support.folders import PROJECT
from tests.support.outcome import Outcome
from tests.support.processes import TIMEOUT, environment
from tests.support.settings_folder import SMALL_JOBS, make_settings_folder

_MAJOR, _MINOR, *_ = map(int, VERSION.split("."))
NEXT = f"{_MAJOR}.{_MINOR + 1}.0"
_PACKAGES = ("bronze", "gold", "lakehouse", "maintenance", "operations", "producers", "quality", "silver")
_FIELDS, _RULES, _TABLES = "silver/parsing/fields.py", "silver/rules.py", "lakehouse/tables/silver.py"
_SHARED = ("clasificacion", "generos", "directores", "actores")


class Edit(NamedTuple):
    """A text that a file has once, and what is there instead."""

    file: str
    old: str
    new: str


_VERSION = Edit("lakehouse/version.py", f'"{VERSION}"', f'"{NEXT}"')
_FIELD = (
    Edit(
        _FIELDS, 'Field("nombre_usuario", (USER,)),', 'Field("nombre_usuario", (USER,)), Field("pais", (USER,)),'
    ),
    Edit(
        _TABLES,
        '            optional("fecha_suscripcion"',
        '            optional("pais", STRING, "Country"),\n            optional("fecha_suscripcion"',
    ),
)
_TYPE = (
    Edit(
        _FIELDS,
        "USER, MOVIE, SERIES, FEEDBACK = TYPES = (",
        "USER, MOVIE, SERIES, FEEDBACK, DOCUMENTARY = TYPES = (",
    ),
    Edit(_FIELDS, '"series", "feedback")', '"series", "feedback", "documentary")'),
    Edit(_FIELDS, 'Field("titulo", (MOVIE, SERIES))', 'Field("titulo", (MOVIE, SERIES, DOCUMENTARY))'),
    *(
        Edit(
            _FIELDS,
            f'Field("{name}", (USER, MOVIE, SERIES)',
            f'Field("{name}", (USER, MOVIE, SERIES, DOCUMENTARY)',
        )
        for name in _SHARED
    ),
    Edit(_RULES, "import FEEDBACK, MOVIE", "import DOCUMENTARY, FEEDBACK, MOVIE"),
    Edit(
        _RULES,
        "    MOVIE: (*_EVENT, *_MOVIE),",
        "    MOVIE: (*_EVENT, *_MOVIE),\n    DOCUMENTARY: (*_EVENT, *_MOVIE),",
    ),
    Edit("silver/latest.py", '"series": "content",', '"series": "content", "documentary": "content",'),
    Edit(_TABLES, "type IN ('movie', 'series')", "type IN ('movie', 'series', 'documentary')"),
)
_RULE = (
    Edit(
        _RULES,
        "_MOVIE = (\n    _TITULO,",
        '_MOVIE = (\n    _TITULO,\n    Rule("titulo_too_long", "titulo", lambda record, _: '
        'len(record.event.fields["titulo"] or "") > 200),',
    ),
)
_STRICTER = (
    Edit(_RULES, 'outside("stars", 0.5, 5.0)', 'outside("stars", 1.0, 5.0)'),
    Edit(_TABLES, "rating BETWEEN 0.5 AND 5.0", "rating BETWEEN 1.0 AND 5.0"),
)
_WIDER = (
    Edit(_FIELDS, "import DATE, DOUBLE, INT,", "import DATE, DOUBLE, INT, LONG,"),
    Edit(
        _FIELDS,
        'Typed("seconds", INT, integer)',
        'Typed("seconds", LONG, lambda text: int(text) if text.isdecimal() else None)',
    ),
    Edit(_TABLES, 'optional("seconds_watched", INT,', 'optional("seconds_watched", LONG,'),
)
_EDITS = (_VERSION, *_FIELD, *_TYPE, *_RULE, *_STRICTER, *_WIDER)

# Runs steps in one Spark session: a root, what differs from the settings of silver, and `stream` or a command.
_STEPS = """
import io, json, sys
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from lakehouse.errors import run_guarded
from lakehouse.settings import load_settings
from lakehouse.spark.session import spark_session
from operations import cli
from silver.refine import refine

def outcome(settings, arguments):
    out, err = io.StringIO(), io.StringIO()
    if arguments == ["stream"]:
        with redirect_stderr(err):
            code = run_guarded(lambda: refine(spark, settings) or 0)
    else:
        session = lambda *_, **__: nullcontext(spark)
        code = cli.main(arguments, settings=settings, session=session, stdout=out, stderr=err)
    return code, out.getvalue(), err.getvalue()

base, results = load_settings(), []
with spark_session("next version") as spark:
    for root, silver, *arguments in json.loads(sys.argv[1]):
        changes = {"root": root, "silver": base.silver.model_copy(update=silver)}
        results.append(outcome(base.model_copy(update=changes), arguments))
Path(sys.argv[2]).write_text(json.dumps(results))
"""


def write_to(folder: Path) -> None:
    """Write the packages and the settings of the next version to the folder."""
    for name in _PACKAGES:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    make_settings_folder(folder / "conf", SMALL_JOBS)
    for file, old, new in _EDITS:
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, (file, old)
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def run_steps(folder: Path, settings: Settings, steps: Sequence[Sequence[object]]) -> list[Outcome]:
    """Run the steps by the next version in that folder, in a process of its own."""
    results = folder / "results.json"
    done = subprocess.run(
        [sys.executable, "-c", _STEPS, json.dumps(steps), str(results)],
        cwd=folder,
        env=environment(settings) | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [Outcome(*result) for result in json.loads(results.read_text())]
