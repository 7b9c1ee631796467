"""Paths of the project, and of data that may be next to it."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Data and schemas that are never copied into the project; tests that need them are skipped if they are missing.
SHARED = PROJECT.parent / "shared"
# The root names of the shared lakehouses: what a user may call a folder, with the signs that mean something to
# Spark, Hadoop, SQL, URIs, patterns or a shell.
AWKWARD = "raíz año [1] 100% #x"
EVERY_SIGN = " ñ n\u0303 [1] {2,3} *?%#'\"`,:;$&=@!~+^|<>() ${env:HOME}"
