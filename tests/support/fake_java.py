"""Small programs that answer like a java, for tests that start no JVM."""

import shutil
from pathlib import Path

STUB = "echo 'Unable to locate a Java Runtime.' >&2; exit 1"


def make_java(home: Path, body: str) -> Path:
    """Create a home whose bin/java is a shell script; returns it in the form of JAVA_HOME."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    shell = shutil.which("sh", path="/bin:/usr/bin")  # a test may change PATH
    executable.write_text(f"#!{shell}\n{body}\n", encoding="utf-8")
    executable.chmod(0o755)
    return home


def says(home: Path | str, version: str) -> str:
    """A script body that prints the version on stderr, like the real one, after a line that a variable adds."""
    lines = [
        "Picked up JAVA_TOOL_OPTIONS: -Dx",
        f"    java.home = {home}",
        f"    java.specification.version = {version}",
    ]
    return "\n".join(f"echo '{line}' >&2" for line in lines)


def refuses(variable: str, complaint: str) -> str:
    """A script body that fails if the variable is set, with a message like a JVM's."""
    noted = f'echo "Picked up {variable}: ${variable}" >&2'
    return f'if [ -n "${variable}" ]; then {noted}; echo "{complaint}" >&2; exit 1; fi\n' + says("/opt/java", "17")
