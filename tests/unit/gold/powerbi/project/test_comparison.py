"""The note about ids that Power BI takes for equal: one line, and true of the project that is there."""

from gold.export_project import ExportedProject
from gold.powerbi.project.comparison import Alike, alike_note

FOUND = Alike("silver.users", 2, ("CaseM", "casem"))


def test_ids_with_line_breaks_stay_on_one_line() -> None:
    assert "(A\\nb, a\\tB)" in alike_note([Alike("silver.users", 2, ("A\nb", "a\tB"))])


def test_the_keys_of_a_new_project_keep_such_ids_apart() -> None:
    (note,) = ExportedProject([], [], [FOUND]).notes
    assert note.endswith("; user_key and content_key of its model keep them apart")


def test_a_project_that_was_kept_may_lack_the_keys() -> None:
    note, kept = ExportedProject([], ["my\nmodel.tmdl"], [FOUND]).notes
    assert note.endswith("; a project of an earlier version gets these keys with --replace")
    assert "(my\\nmodel.tmdl)" in kept
