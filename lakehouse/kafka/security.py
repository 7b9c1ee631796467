"""How to connect to a Kafka cluster: encrypted or not, as whom, and whom to trust. No secret is ever shown."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, field_serializer, model_validator

from lakehouse.configuration.kinds import OptionalText, Secret
from lakehouse.errors import SettingsError


class KafkaSecurity(BaseModel):
    """The part of [kafka] that secures the connection; its files are read when a client is created."""

    # a validation error would quote its input, and so a password, wherever it is printed
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    sasl_username: OptionalText
    sasl_password: Secret = SecretStr("")
    sasl_password_file: OptionalText
    ssl_ca_file: OptionalText
    ssl_certificate_file: OptionalText
    ssl_key_file: OptionalText
    ssl_key_password: Secret = SecretStr("")
    ssl_check_hostname: bool

    @property
    def uses_sasl(self) -> bool:
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        return self.security_protocol.endswith("SSL")

    @property
    def _protocol(self) -> str:
        return f"kafka.security_protocol = {self.security_protocol}"

    def password(self) -> str:
        """The password of the login. Raises SettingsError if its file cannot be read or is empty."""
        if not self.sasl_password_file:
            return self.sasl_password.get_secret_value()
        content = read_file(self.sasl_password_file, "kafka.sasl_password_file").strip()
        if not content:
            raise SettingsError(
                f"kafka.sasl_password_file {self.sasl_password_file} is empty", todo="write the password into it"
            )
        return content

    def ssl_context(self) -> ssl.SSLContext:
        """The TLS context. Raises SettingsError naming the file that is missing or wrong."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.ssl_check_hostname
        if not self.ssl_ca_file:
            context.load_default_certs()
        else:
            read_file(self.ssl_ca_file, "kafka.ssl_ca_file")
            try:
                context.load_verify_locations(self.ssl_ca_file)
            except ssl.SSLError as error:
                raise SettingsError(
                    f"kafka.ssl_ca_file {self.ssl_ca_file} contains no certificate",
                    todo="name a PEM file of the CA",
                ) from error
        if self.ssl_certificate_file:
            self._load_certificate(context)
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        for name in ("ssl_certificate_file", "ssl_key_file"):
            read_file(getattr(self, name), f"kafka.{name}")
        try:
            # always passed, even if empty: otherwise OpenSSL would ask for it on the terminal
            context.load_cert_chain(
                self.ssl_certificate_file, self.ssl_key_file, password=self.ssl_key_password.get_secret_value
            )
        except (ssl.SSLError, ValueError) as error:
            raise SettingsError(
                f"kafka.ssl_key_file {self.ssl_key_file} cannot be used with the certificate "
                f"{self.ssl_certificate_file}: not its key, not PEM, or another password",
                todo="correct the files, or LAKEHOUSE_KAFKA__SSL_KEY_PASSWORD",
            ) from error

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = [*self._unused(), *self._sasl_faults(), *self._tls_faults()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _unused(self) -> Iterator[str]:
        """Unused settings: a password or CA without effect means a connection that is less safe than intended."""
        for name in KafkaSecurity.model_fields:
            used = self.uses_sasl if name.startswith("sasl_") else self.uses_tls
            # checking the hostname is the default: leaving it on says nothing
            if name not in ("security_protocol", "ssl_check_hostname") and getattr(self, name) and not used:
                yield f"kafka.{name} is set, but {self._protocol} does not use it"

    def _sasl_faults(self) -> Iterator[str]:
        if not self.uses_sasl:
            return
        for name in ("sasl_mechanism", "sasl_username"):
            if not getattr(self, name):
                yield f"{self._protocol} needs kafka.{name}"
        if not self.sasl_password and not self.sasl_password_file:
            yield (
                f"{self._protocol} needs a password: LAKEHOUSE_KAFKA__SASL_PASSWORD or kafka.sasl_password_file"
            )
        if self.sasl_password and self.sasl_password_file:
            yield "kafka.sasl_password and kafka.sasl_password_file are both set: keep one of them"

    def _tls_faults(self) -> Iterator[str]:
        if bool(self.ssl_certificate_file) != bool(self.ssl_key_file):
            yield "kafka.ssl_certificate_file and kafka.ssl_key_file belong together: set both or neither"
        if self.ssl_key_password and not self.ssl_key_file:
            yield "kafka.ssl_key_password is set without kafka.ssl_key_file"

    @field_serializer("sasl_password", "ssl_key_password", when_used="json")
    def _masked(self, secret: SecretStr) -> str:
        return "***" if secret else ""


PLAINTEXT = KafkaSecurity(
    security_protocol="PLAINTEXT",
    sasl_mechanism="",
    sasl_username="",
    sasl_password_file="",
    ssl_ca_file="",
    ssl_certificate_file="",
    ssl_key_file="",
    ssl_check_hostname=True,
)


def read_file(path: str, setting: str) -> str:
    """The text of the file that a setting names. Raises SettingsError if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError:
        problem = "it is not text"
    raise SettingsError(f"{setting} {path} cannot be read: {problem}", todo=f"correct the file or {setting}")
