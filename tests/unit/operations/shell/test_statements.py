"""Where a statement ends: at a semicolon outside of texts, names and comments."""

import pytest

from operations.shell.statements import SplitStatements, is_complete, split_statements


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("SELECT 1;", ["SELECT 1"], ""),
        ("SELECT 1; SELECT\n2 ; SELECT 3", ["SELECT 1", "SELECT\n2"], "SELECT 3"),
        ("SELECT 1", [], "SELECT 1"),
        ("", [], ""),
        (" ;; ;\n", [], ""),
        # texts and names
        ("SELECT 'a;b', \"c;d\" FROM `e;f`;", ["SELECT 'a;b', \"c;d\" FROM `e;f`"], ""),
        (r"SELECT 'it\'s;', 'it''s;';", [r"SELECT 'it\'s;', 'it''s;'"], ""),
        (r"SELECT 'ends in \\'; SELECT 2;", [r"SELECT 'ends in \\'", "SELECT 2"], ""),
        (
            r"SELECT r'raw\'; SELECT R"  # a raw text has no escapes
            '"raw\\"; SELECT 3;',
            ["SELECT r'raw\\'", 'SELECT R"raw\\"', "SELECT 3"],
            "",
        ),
        (r"SELECT bar'\';';", [r"SELECT bar'\';'"], ""),  # the r belongs to a name
        ("SELECT 'open;", [], "SELECT 'open;"),
        ("SELECT `open;", [], "SELECT `open;"),
        # comments
        ("-- a;b\nSELECT 1;", ["SELECT 1"], ""),
        ("SELECT 1 -- a;b\n, 2;", ["SELECT 1 -- a;b\n, 2"], ""),
        ("/* a; /* nested; */ b; */ SHOW TABLES; -- the end", ["SHOW TABLES"], ""),
        ("SELECT /* it's; */ 1;", ["SELECT /* it's; */ 1"], ""),
        ("-- nothing;", [], ""),
        ("/* nothing; */ ;", [], ""),
        ("/* open;", [], "/* open;"),
        ("SELECT 1 /* open /* ; */", [], "SELECT 1 /* open /* ; */"),
        ("SELECT '-- no comment;', '/*' ;", ["SELECT '-- no comment;', '/*'"], ""),
        ("SELECT 2 - -1; SELECT 4 / 2 * 1;", ["SELECT 2 - -1", "SELECT 4 / 2 * 1"], ""),
    ],
)
def test_split(text: str, statements: list[str], rest: str) -> None:
    assert split_statements(text) == SplitStatements(statements, rest)


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("SELECT 1;", True),
        ("SELECT 1", False),
        ("SELECT 1; SELECT 2", False),
        ("SELECT ';", False),
        ("", True),
        ("\n", True),
        (" \\d silver.users", True),
        ("SELECT '\\d'", False),
    ],
)
def test_enter_ends_a_complete_entry_only(text: str, complete: bool) -> None:
    assert is_complete(text) is complete
