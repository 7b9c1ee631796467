"""SQL text in statements: they end with a semicolon that is not in a quoted text, a quoted name or a comment."""

import re
from typing import NamedTuple

# In a raw text, r'...', a backslash escapes nothing.
_PART = re.compile(
    r"""(?P<line>--[^\n]*)
    | (?P<block>/\*)
    | \b[rR](?:'[^']*'?|"[^"]*"?)
    | '(?:\\.|[^'\\])*'?
    | "(?:\\.|[^"\\])*"?
    | `[^`]*`?
    | (?P<end>;)""",
    re.DOTALL | re.VERBOSE,
)
_VISIBLE = re.compile(r"\S")
_BLOCK_EDGE = re.compile(r"/\*|\*/")


class SplitStatements(NamedTuple):
    """The statements that are complete, without their semicolons, and the text after the last of them."""

    statements: list[str]
    rest: str


def split_statements(text: str) -> SplitStatements:
    """Split the text. Comments before a statement are dropped, and so are statements of nothing but comments."""
    statements: list[str] = []
    at = 0
    begin: int | None = None  # where the current statement begins: at its first part that is not a comment
    while match := _PART.search(text, at):
        if begin is None:
            begin = _first_visible(text, at, match.start())
        at = match.end()
        if match["block"]:
            end = _block_end(text, at)
            if end is None:
                return SplitStatements(statements, text[match.start() if begin is None else begin :].strip())
            at = end
        elif match["end"]:
            if begin is not None:
                statements.append(text[begin : match.start()].strip())
            begin = None
        elif not match["line"] and begin is None:
            begin = match.start()
    return SplitStatements(statements, text[at if begin is None else begin :].strip())


def _first_visible(text: str, begin: int, end: int) -> int | None:
    """The position of the first non-blank character between these two."""
    match = _VISIBLE.search(text, begin, end)
    return match.start() if match else None


def _block_end(text: str, at: int) -> int | None:
    """Where the comment ends whose start is before `at`: comments nest. None if it is still open."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


def is_complete(text: str) -> bool:
    """Whether nothing is missing: a command of the shell, whole statements, or nothing at all."""
    return text.lstrip().startswith("\\") or not split_statements(text).rest
