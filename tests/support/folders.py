"""Where the project is, and what may be there beside it."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Data and schemas that are never copied into the project; tests that need them are skipped where they are missing.
SHARED = PROJECT.parent / "shared"
# The names of the shared lakehouses' roots: what a person may call a folder, and all signs that mean something to
# Spark, Hadoop, SQL, URIs, patterns or a shell.
AWKWARD = "raíz año [1] 100% #x"
EVERY_SIGN = " ñ n\u0303 [1] {2,3} *?%#'\"`,:;$&=@!~+^|<>() ${env:HOME}"
