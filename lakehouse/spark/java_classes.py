"""Java classes that Delta and Spark call, compiled when a session starts by the compiler that Spark itself brings.

On a local disk, a log store and a checkpoint's file manager that survive a power failure, which neither Delta nor
Spark has (docs/decisions/0021-durable-commits.md); for S3, a log store that lets several drivers write without a
database (docs/decisions/0017-stores.md).
"""

import zipfile
from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path

from py4j.java_gateway import JavaObject, JVMView
from py4j.protocol import Py4JJavaError

from lakehouse.stores import is_s3

# Also in an archive, where --py-files has the code.
_SOURCES = resources("lakehouse.spark")
# Each may call those before it.
_LOCAL = ("LocalFiles", "LocalLogStore", "LocalCheckpointFileManager")
_S3 = ("ConditionalLogStore",)
# Java 8, the first that calls static methods of interfaces, such as Delta's `Action.fromJson`.
_TARGET = 8
_DURABLE, _FENCE = "lakehouse.durable", "lakehouse.fence"


def add_classes(jvm: JVMView, root: str, folder: Path, *, durable: bool, fence: Path) -> list[Path]:
    """Give the JVM the classes that a root needs. They wait for the disk if `durable`, and commit nothing to S3
    after the moment in the file `fence`.

    Returns jars of them for executors, in the folder, without those that an earlier session of this JVM has added.
    """
    jvm.java.lang.System.setProperty(_DURABLE, str(durable).lower())
    jvm.java.lang.System.setProperty(_FENCE, str(fence))
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    jars = []
    for name in _S3 if is_s3(root) else _LOCAL:
        if _has(loader, name):
            continue
        jar = folder / f"{name}.jar"
        _write_jar(jar, _compiled(jvm, loader, name))
        loader.addURL(jvm.java.io.File(str(jar)).toURI().toURL())
        jars.append(jar)
    return jars


def _has(loader: JavaObject, name: str) -> bool:
    try:
        loader.loadClass(f"lakehouse.{name}")
    except Py4JJavaError:
        return False
    return True


def _compiled(jvm: JVMView, loader: JavaObject, name: str) -> Mapping[str, bytes]:
    """The bytes of each class, by its name."""
    compiler = jvm.org.codehaus.janino.SimpleCompiler()
    compiler.setParentClassLoader(loader)
    compiler.setTargetVersion(_TARGET)
    compiler.cook((_SOURCES / f"{name}.java").read_text(encoding="utf-8"))
    return dict(compiler.getBytecodes())


def _write_jar(jar: Path, classes: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(jar, "w") as archive:
        for name, content in classes.items():
            archive.writestr(f"{name.replace('.', '/')}.class", bytes(content))
