"""Every run leaves one row, and recording it changes nothing about the run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.errors import CheckFailedError, InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.runs import store
from lakehouse.runs.recording import recorded
from lakehouse.runs.run import Run, Work
from lakehouse.runs.versions import MAX_COMMITS
from lakehouse.settings import OpenLineage
from lakehouse.tables import BRONZE_EVENTS, GOLD_POPULARITY, SILVER_USERS
from tests.support.delta_tables import user, write

OFF = OpenLineage(namespace="lakehouse", file="", url="")
USERS = Work("silver.refine", "silver/refine.py", (SILVER_USERS,))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A lakehouse with a version of silver.users that no recorded run wrote."""
    write(tmp_path, SILVER_USERS, user(0, "Ana"))
    return tmp_path


def run(root: Path, work: Callable[[], int], what: Work = USERS) -> int:
    return recorded(work, what, root=str(root), openlineage=OFF)


def only_row(root: Path) -> Run:
    [row] = store.read(Lakehouse(str(root)))
    return row


def test_a_row_has_what_the_run_wrote_and_no_more(root: Path) -> None:
    def work() -> int:
        write(root, SILVER_USERS, user(1, "Luis"), user(2, "Zoé"))
        write(root, SILVER_USERS, user(3, "Eva"))
        write(root, BRONZE_EVENTS)  # someone else's table
        return 0

    assert run(root, work) == 0
    row = only_row(root)
    assert (row.job, row.command, row.parent_id) == ("silver.refine", "silver/refine.py", None)
    assert (row.result, row.exit_code, row.error) == ("succeeded", 0, None)
    assert (row.versions_written, row.rows, row.versions_read) == ({"silver.users": 2}, 3, {})


def test_the_versions_read_are_those_that_the_new_rows_record(root: Path) -> None:
    def work() -> int:
        write(root, GOLD_POPULARITY, note='{"inputs": {"silver.feedback": 7}}')
        return 0

    run(root, work, Work("gold.count_popularity", "gold/count_popularity.py", (GOLD_POPULARITY,)))
    assert only_row(root).versions_read == {"silver.feedback": 7}


@pytest.mark.parametrize(
    ("failure", "result", "code", "error"),
    [
        (InputError("no file x", todo="name one"), "failed", 2, "no file x; name one"),
        (CheckFailedError("3 rows lost"), "failed", 1, "3 rows lost"),
        (ValueError("first\nsecond"), "failed", 2, "first"),
        (KeyboardInterrupt(), "stopped", 130, None),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_failed_run_leaves_a_row_and_fails_as_it_did(
    root: Path, failure: BaseException, result: str, code: int, error: str | None
) -> None:
    def work() -> int:
        raise failure

    with pytest.raises(type(failure)) as raised:
        run(root, work)
    assert raised.value is failure
    row = only_row(root)
    assert (row.result, row.exit_code, row.error) == (result, code, error)


def test_a_failed_check_returns_its_code(root: Path) -> None:
    assert run(root, lambda: 1) == 1
    assert (only_row(root).result, only_row(root).exit_code) == ("failed", 1)


def test_steps_are_written_with_the_command_that_they_are_part_of(root: Path) -> None:
    def step() -> int:
        write(root, SILVER_USERS, user(1, "Luis"))
        return 0

    run(root, lambda: run(root, step), Work("run", "lakehouse run --select silver"))
    lake = Lakehouse(str(root))
    command, step_row = sorted(store.read(lake), key=lambda row: row.parent_id or "")
    assert (command.job, command.versions_written, command.rows) == ("run", {}, 0)
    assert (step_row.job, step_row.parent_id) == ("silver.refine", command.run_id)
    assert step_row.versions_written == {"silver.users": 1}
    # the contract is two commits of delta-rs: the table, and its constraint
    assert [commit.operation for commit in lake.history("ops.runs")] == ["MERGE", "ADD CONSTRAINT", "CREATE TABLE"]


def test_rows_beyond_the_limit_are_not_counted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream may have made a hundred thousand commits."""
    monkeypatch.setattr("lakehouse.runs.versions.MAX_COMMITS", 1)

    def work() -> int:
        for number in (1, 2):
            write(root, SILVER_USERS, user(number, "Luis"))
        return 0

    run(root, work)
    assert (only_row(root).rows, only_row(root).versions_written) == (None, {"silver.users": 2})
    assert MAX_COMMITS > 1


def test_a_row_that_cannot_be_written_changes_no_result(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "ops").write_text("a file where the folder belongs")
    assert run(root, lambda: 0) == 0
    assert capsys.readouterr().err.startswith("lakehouse: this run is not fully recorded: ")

    def work() -> int:
        raise InputError("no file x")

    with pytest.raises(InputError):
        run(root, work)
    assert capsys.readouterr().err == ""  # the failure's own line is enough


def test_wrong_arguments_and_a_wrong_root_leave_nothing(root: Path) -> None:
    def work() -> int:
        raise SystemExit(2)

    with pytest.raises(SystemExit):
        run(root, work)
    assert run(root / "mistyped", lambda: 0) == 0
    assert sorted(path.name for path in root.iterdir()) == ["silver"]


def test_a_path_with_brackets_is_written_too(tmp_path: Path) -> None:
    """delta-rs' own append panics there."""
    root = tmp_path / "a[b]^c|d"
    (root / "silver").mkdir(parents=True)
    for _ in range(2):
        run(root, lambda: 0)
    assert len(store.read(Lakehouse(str(root)))) == 2
