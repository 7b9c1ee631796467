"""Delta's log store for S3, compiled when a session starts by the Java compiler that Spark itself brings.

Delta has none that lets several drivers write to S3 without a database (docs/decisions/0017-stores.md).
"""

import zipfile
from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path

from py4j.java_gateway import JavaObject, JVMView
from py4j.protocol import Py4JJavaError

# Also in an archive, where --py-files has the code.
_SOURCE = resources("lakehouse.spark") / "ConditionalLogStore.java"
# conf/s3.conf names it as Delta's log store for s3a.
_CLASS = "lakehouse.ConditionalLogStore"
_FENCE = "lakehouse.fence"


def add_log_store(jvm: JVMView, folder: Path, fence: Path) -> Path | None:
    """Give the JVM the class, which commits nothing after the moment in the file `fence`.

    Returns a jar of it for executors, in the folder; None if an earlier session of this JVM has added it.
    """
    jvm.java.lang.System.setProperty(_FENCE, str(fence))
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    if _has_class(loader):
        return None
    jar = folder / "log-store.jar"
    _write_jar(jar, _compiled(jvm, loader))
    loader.addURL(jvm.java.io.File(str(jar)).toURI().toURL())
    return jar


def _has_class(loader: JavaObject) -> bool:
    try:
        loader.loadClass(_CLASS)
    except Py4JJavaError:
        return False
    return True


def _compiled(jvm: JVMView, loader: JavaObject) -> Mapping[str, bytes]:
    """The bytes of each class, by its name."""
    compiler = jvm.org.codehaus.janino.SimpleCompiler()
    compiler.setParentClassLoader(loader)
    compiler.cook(_SOURCE.read_text(encoding="utf-8"))
    return dict(compiler.getBytecodes())


def _write_jar(jar: Path, classes: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(jar, "w") as archive:
        for name, content in classes.items():
            archive.writestr(f"{name.replace('.', '/')}.class", bytes(content))
