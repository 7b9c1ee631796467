"""Small programs that answer as a java does, for tests that start no JVM."""

import shutil
from pathlib import Path

STUB = "echo 'Unable to locate a Java Runtime.' >&2; exit 1"


def make_java(home: Path, body: str) -> Path:
    """A home whose bin/java is a shell script; returned as JAVA_HOME wants it."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    shell = shutil.which("sh", path="/bin:/usr/bin")  # a test may have a PATH of its own
    executable.write_text(f"#!{shell}\n{body}\n", encoding="utf-8")
    executable.chmod(0o755)
    return home


def says(home: Path | str, version: str) -> str:
    """A body that answers on stderr, as the real one does, after a line that an environment variable adds."""
    lines = [
        "Picked up JAVA_TOOL_OPTIONS: -Dx",
        f"    java.home = {home}",
        f"    java.specification.version = {version}",
    ]
    return "\n".join(f"echo '{line}' >&2" for line in lines)


def refuses(variable: str, complaint: str) -> str:
    """A body that does not start where the variable is set, and says so as a JVM does."""
    noted = f'echo "Picked up {variable}: ${variable}" >&2'
    return f'if [ -n "${variable}" ]; then {noted}; echo "{complaint}" >&2; exit 1; fi\n' + says("/opt/java", "17")
