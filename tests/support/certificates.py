"""Certificates made with openssl for one test run: a CA, what it signed, and an unknown CA."""

import shutil
import subprocess
from pathlib import Path

import pytest

# The password of a key that exists only during its test.
KEY_WORD = 'geheim "42" \\'


def require_openssl() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make certificates")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_ca(folder: Path, name: str) -> None:
    """Write `name`.pem and `name`.key: a CA certificate and its key."""
    openssl(folder, "req", "-x509", *_key(name), "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")


def make_certificate(folder: Path, name: str, *, ca: str, san: str = "") -> None:
    """Write `name`.pem and `name`.key, signed by the CA; `san` are its hosts (`IP:127.0.0.1`)."""
    openssl(folder, "req", *_key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (folder / f"{name}.ext").write_text(f"subjectAltName={san}\n" if san else "basicConstraints=CA:FALSE\n")
    signing = ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2")
    request = ("-req", "-in", f"{name}.csr", "-extfile", f"{name}.ext")
    openssl(folder, "x509", *request, *signing, "-out", f"{name}.pem")


def encrypt_key(folder: Path, name: str, target: str, *scheme: str) -> None:
    """Encrypt the key with KEY_WORD; `scheme` are openssl's options for it."""
    password = ("-passout", f"pass:{KEY_WORD}")
    openssl(folder, "pkcs8", "-topk8", *scheme, "-in", f"{name}.key", "-out", target, *password)


def _key(name: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
