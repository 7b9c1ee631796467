"""Stores: what each of the four clients (pyarrow, delta-rs, obstore, Spark's file systems) must know of one.

The endpoint, region and credentials are those of the environment (AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) or the machine's role. The clients read the credentials themselves: they
pass through no setting, so no log or error can show them.
"""

import os
from typing import TYPE_CHECKING

from pyarrow.fs import FileSystem, S3FileSystem

from lakehouse.paths import encoded_address, is_address

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore

_S3 = ("s3://", "s3a://")
# Seconds that pyarrow waits for a store, in each of three tries, as the other clients do: not its own 1 and 3.
_PATIENCE = {"connect_timeout": 10, "request_timeout": 30}
# What makes Delta and Spark write a local root by lakehouse/spark/java_classes.py.
_LOCAL = {
    "spark.delta.logStore.file.impl": "lakehouse.LocalLogStore",
    "spark.sql.streaming.checkpointFileManagerClass": "lakehouse.LocalCheckpointFileManager",
}
# The stores in which a put can be made conditional, by obstore.
_CONDITIONAL = (*_S3, "gs://", "abfs://", "abfss://", "az://")


def is_s3(address: str) -> bool:
    return address.startswith(_S3)


def has_conditional_puts(address: str) -> bool:
    """Whether this is in a store in which the lakehouse can write an object only if nobody else has."""
    return address.startswith(_CONDITIONAL)


def store_address(address: str) -> str:
    """The address for clients that know Amazon's scheme only as s3:// and expect a URI."""
    return encoded_address(f"s3://{address.partition('://')[2]}" if is_s3(address) else address)


def pyarrow_system(address: str) -> tuple[FileSystem, str]:
    """pyarrow's client, and the path in it."""
    if is_s3(address):
        # given only the address, pyarrow would first ask AWS itself for the bucket's region
        system = S3FileSystem(endpoint_override=_endpoint(), **_PATIENCE)
        return system, address.partition("://")[2]
    system, path = FileSystem.from_uri(encoded_address(address))
    return system, path


def delta_options(address: str) -> dict[str, str] | None:
    """What delta-rs does not read from the environment by itself: that an endpoint may be plain HTTP."""
    endpoint = _endpoint()
    if not is_s3(address) or not endpoint:
        return None
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(_is_plain(endpoint)).lower()}


def object_store(address: str) -> "ObjectStore":
    """obstore's client for the objects below this address: the only one that can make a put conditional."""
    from obstore.store import from_url

    endpoint = _endpoint()
    if not is_s3(address) or not endpoint:
        return from_url(store_address(address))
    plain: ClientConfig = {"allow_http": _is_plain(endpoint)}
    return from_url(store_address(address), endpoint=endpoint, client_options=plain)


def spark_options(address: str) -> dict[str, str]:
    """Spark's settings for the store. Spark itself takes the credentials from the same environment."""
    if not is_address(address):
        return _LOCAL
    if not is_s3(address):
        return {}
    options = {"spark.hadoop.fs.s3a.endpoint.region": _region()}
    endpoint = _endpoint()
    if endpoint:
        options["spark.hadoop.fs.s3a.endpoint"] = endpoint
        options["spark.hadoop.fs.s3a.path.style.access"] = "true"
    return options


def _endpoint() -> str | None:
    """The endpoint of a store other than Amazon's, from the variables that AWS's own tools read."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _is_plain(endpoint: str) -> bool:
    return endpoint.startswith("http://")
