"""The kernel. For notebooks and programs: `from lakehouse import Lakehouse`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lakehouse.lakehouse import Lakehouse as Lakehouse


def __getattr__(name: str) -> Any:
    # lazily: most of the kernel's users need neither Arrow nor delta-rs
    if name == "Lakehouse":
        from lakehouse.lakehouse import Lakehouse

        return Lakehouse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
