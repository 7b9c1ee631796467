"""What each client is encoded of a store: never a credential."""

import pytest
from obstore.store import S3Store

from lakehouse.stores import delta_options, has_conditional_puts, object_store, spark_options, store_address

ROOT = "s3a://bucket/raíz año/100% #1"
SECRETS = {"AWS_ACCESS_KEY_ID": "key-4711", "AWS_SECRET_ACCESS_KEY": "geheim", "AWS_SESSION_TOKEN": "token-4711"}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def test_amazon_needs_a_region_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert delta_options(ROOT) is None
    assert spark_options(ROOT) == {"spark.hadoop.fs.s3a.endpoint.region": "us-east-1"}
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert spark_options(ROOT) == {"spark.hadoop.fs.s3a.endpoint.region": "eu-west-1"}
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert spark_options(ROOT) == {"spark.hadoop.fs.s3a.endpoint.region": "eu-north-1"}


@pytest.mark.parametrize(("scheme", "plain"), [("http", "true"), ("https", "false")])
def test_another_store_has_an_endpoint(monkeypatch: pytest.MonkeyPatch, scheme: str, plain: str) -> None:
    endpoint = f"{scheme}://store:9000"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert delta_options(ROOT) == {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": plain}
    assert spark_options(ROOT) == {
        "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.path.style.access": "true",
    }
    store = object_store(ROOT)
    assert isinstance(store, S3Store)
    assert store.prefix == "raíz año/100% #1"
    assert not [secret for secret in SECRETS.values() if secret in repr(store)]


def test_a_local_folder_is_no_store() -> None:
    assert delta_options("/data/lake") is None
    assert {value.rpartition(".")[0] for value in spark_options("/data/lake").values()} == {"lakehouse"}
    assert not has_conditional_puts("/data/s3a://lake")


@pytest.mark.parametrize(
    ("address", "encoded"),
    [
        (ROOT, "s3://bucket/ra%C3%ADz%20a%C3%B1o/100%25%20%231"),
        ("s3://bucket/x", "s3://bucket/x"),
        ("gs://bucket/a b", "gs://bucket/a%20b"),
    ],
)
def test_an_address_is_encoded(address: str, encoded: str) -> None:
    assert store_address(address) == encoded
    assert has_conditional_puts(address)
