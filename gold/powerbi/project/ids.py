"""Identifiers of the project's parts: stable between exports and machines."""

from uuid import NAMESPACE_DNS, uuid5

_PROJECT = uuid5(NAMESPACE_DNS, "powerbi.streaming-lakehouse")


def stable_id(*parts: str) -> str:
    """The UUID (version 5) of a compound name, such as `("column", "users", "id")`."""
    return str(uuid5(_PROJECT, "/".join(parts)))
