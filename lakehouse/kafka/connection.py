"""Connecting to Kafka in bounded time, with a one-line error that says why it failed."""

import os
import re
import ssl
from collections.abc import Iterator
from typing import Any

from kafka.errors import (
    IllegalSaslStateError,
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.connection import KafkaConnection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from lakehouse.errors import BrokerError, NoBrokerError, first_line
from lakehouse.kafka.security import KafkaSecurity

_REFUSED_LOGINS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError, IllegalSaslStateError)
_CUT_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_OTHER_HOST = (62, 64)


class AdvertisedError(NoBrokerError):
    """A broker answers at the configured address, but nobody answers at the address that it advertises."""


class WatchedClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python has no types
    """kafka-python's connections, giving up at the first refusal.

    On its own it would retry a wrong password or an unknown certificate until time is up and then report only a
    timeout, and it would wait forever for a TLS handshake that nobody answers.
    """

    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        super().__init__(net=net, manager=_WatchedConnections(net, **configs), **configs)


class _WatchedConnections(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no types
    """Watches until the cluster has answered once; from then on a client rides out failures as usual."""

    def __init__(self, net: NetworkSelector, **configs: Any) -> None:
        self._failure: BaseException | None = None
        self._watching = True
        # Addresses that a broker has advertised, and why nobody answers there. Once an address has answered, a
        # later failure is not the address's fault.
        self.unreached: dict[str, str] = {}
        self._reached: set[str] = set()
        super().__init__(net, **configs)

    def bootstrap(self, timeout_ms: float | None = None, refresh: bool = True) -> None:
        """Raise the refusal, or a KafkaTimeoutError caused by the last failure; no thread keeps running then."""
        try:
            super().bootstrap(timeout_ms, refresh)
            self._watching = False
        except KafkaTimeoutError as error:
            self._end()
            raise error from self._failure
        except BaseException:
            self._end()
            raise

    def get_connection(self, node_id: Any, timeout_ms: float | None = None, **options: Any) -> KafkaConnection:
        if not self._watching:
            return self._watch_advertised(node_id, timeout_ms=timeout_ms, **options)
        if self._failure is not None and _is_refusal(self._failure):
            raise self._failure
        known = self._conns.get(node_id)
        connection = super().get_connection(node_id, timeout_ms=timeout_ms, **options)
        if connection is not known:
            self._watch(connection, timeout_ms)
        return connection

    def _watch_advertised(self, node_id: Any, **options: Any) -> KafkaConnection:
        """A connection to an address from the cluster's answer, not from the settings."""
        known = self._conns.get(node_id)
        connection = super().get_connection(node_id, **options)
        node = self.cluster.broker_metadata(node_id)
        if connection is not known and node is not None and not self.cluster.is_bootstrap(node_id):
            address = f"{node.host}:{node.port}"
            if address not in self._reached:
                self.unreached[address] = "no answer"
                connection.init_future.add_callback(lambda _: self._note_reached(address))
                connection.init_future.add_errback(lambda error: self._note_unreached(address, error))
        return connection

    def _note_reached(self, address: str) -> None:
        self._reached.add(address)
        self.unreached.pop(address, None)

    def _note_unreached(self, address: str, error: BaseException) -> None:
        # another connection to it may have succeeded meanwhile
        if address not in self._reached:
            self.unreached[address] = _plainly(error)

    def _watch(self, connection: KafkaConnection, timeout_ms: float | None) -> None:
        limit = self.config["socket_connection_setup_timeout_ms"] if timeout_ms is None else timeout_ms
        timer = self._net.call_later(limit / 1000, lambda: connection.close(KafkaTimeoutError("no answer")))
        connection.init_future.add_both(lambda _: self._net.cancel(timer))
        connection.init_future.add_errback(self._note)

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        """A connection that reads what a broker says before it hangs up.

        If the end of the stream comes with the last data, kafka-python drops that data, and so the broker's
        refusal.
        """
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        receive = transport._sock_recv

        def hear_out() -> tuple[bytes, BaseException | None]:
            data, error = receive()
            return data, None if data and _is_hang_up(error) else error  # the next read meets the end again

        transport._sock_recv = hear_out
        return transport

    def _note(self, failure: BaseException) -> None:
        # a timeout says less than the failure before it
        if self._failure is None or not isinstance(failure, KafkaTimeoutError):
            self._failure = failure

    def _end(self) -> None:
        """Stop the thread that kafka-python leaves running when the constructor of a client or consumer fails."""
        self.close()
        self._net.stop()


def connect_error(
    bootstrap: str, security: KafkaSecurity, error: BaseException, timeout_seconds: float
) -> BrokerError:
    """A one-line error for a client that could not be created: what happened, and which setting may be wrong."""
    failure = error.__cause__ if isinstance(error, KafkaTimeoutError) and error.__cause__ else error
    if isinstance(failure, _REFUSED_LOGINS):
        return _login_error(bootstrap, security, failure)
    fault = _tls_fault(failure)
    if _is_hang_up(failure) or isinstance(failure, InvalidReceiveError) or isinstance(fault, _CUT_OFF):
        return BrokerError(
            f"the server at {bootstrap} does not speak {security.security_protocol}",
            todo="correct kafka.security_protocol or the port",
        )
    if fault is not None:
        return _tls_error(bootstrap, fault)
    return NoBrokerError(
        f"no Kafka broker answers at {bootstrap} within {timeout_seconds:g} s",
        todo="start it, or leave kafka.bootstrap_servers empty for the embedded one",
    )


def advertised_error(cluster_at: str, client: Any, error: BaseException) -> AdvertisedError | None:
    """A one-line error if a kafka-python client failed because nobody answers at an advertised address.

    None if it failed otherwise, or if the settings name that address.
    """
    if not isinstance(error, (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError)):
        return None
    # a copy: the client's own thread keeps changing it
    addresses = client._manager.unreached.copy()
    unreached = {where: why for where, why in addresses.items() if where not in cluster_at.split(",")}
    if not unreached:
        return None
    hosts = ", ".join(f"{where} ({why})" for where, why in unreached.items())
    return AdvertisedError(
        f"the Kafka broker at {cluster_at} answers, but sends clients to {hosts}, which this machine cannot reach",
        todo="correct the broker's advertised.listeners, or make that name and port reachable from this machine",
    )


def _plainly(error: BaseException) -> str:
    """Why a connection failed, without the exception's name, which kafka-python repeats."""
    text = first_line(error).removeprefix(f"{type(error).__name__}: ")
    number = re.search(r"(\d+) E[A-Z]+$", text)  # kafka-python gives the number and the name of the system's error
    if number:
        return os.strerror(int(number[1])).lower()
    return "the name cannot be resolved" if text == "DNS Resolution failure" else text


def _login_error(bootstrap: str, security: KafkaSecurity, failure: BaseException) -> BrokerError:
    if isinstance(failure, SaslAuthenticationFailedError):
        return BrokerError(
            f"the Kafka broker at {bootstrap} refuses the login of {security.sasl_username!r} "
            f"with {security.sasl_mechanism}",
            todo="correct kafka.sasl_username, and the password in LAKEHOUSE_KAFKA__SASL_PASSWORD "
            "or kafka.sasl_password_file",
        )
    if isinstance(failure, UnsupportedSaslMechanismError):
        return BrokerError(
            f"the Kafka broker at {bootstrap} does not support the SASL mechanism {security.sasl_mechanism}",
            todo="correct kafka.sasl_mechanism",
        )
    return BrokerError(
        f"the Kafka broker at {bootstrap} accepts no logins on that port, but kafka.security_protocol is "
        f"{security.security_protocol}",
        todo="correct kafka.security_protocol or the port",
    )


def _tls_error(bootstrap: str, fault: ssl.SSLError) -> BrokerError:
    if isinstance(fault, ssl.SSLCertVerificationError) and fault.verify_code in _OTHER_HOST:
        return BrokerError(
            f"the certificate of the Kafka broker at {bootstrap} is for another host: {fault.verify_message}",
            todo="use the name it was issued for, or set kafka.ssl_check_hostname = false",
        )
    if isinstance(fault, ssl.SSLCertVerificationError):
        return BrokerError(
            f"the certificate of the Kafka broker at {bootstrap} is not trusted: {fault.verify_message}",
            todo="set kafka.ssl_ca_file to the CA that signed it",
        )
    what = (fault.reason or first_line(fault)).replace("_", " ").lower()
    if "certificate" in what or "unknown ca" in what:
        return BrokerError(
            f"the Kafka broker at {bootstrap} refuses this client's certificate: {what}",
            todo="correct kafka.ssl_certificate_file and kafka.ssl_key_file",
        )
    return BrokerError(
        f"the TLS handshake with {bootstrap} fails: {what}", todo="correct kafka.security_protocol or the port"
    )


def _is_refusal(failure: BaseException) -> bool:
    """Whether a retry would fail the same way; a connection that was cut off may well work the next time."""
    fault = _tls_fault(failure)
    refused = isinstance(failure, (*_REFUSED_LOGINS, InvalidReceiveError))
    return refused or (fault is not None and not isinstance(fault, _CUT_OFF))


def _is_hang_up(failure: BaseException | None) -> bool:
    return isinstance(failure, KafkaConnectionError) and "socket disconnected" in str(failure)


def _tls_fault(failure: BaseException) -> ssl.SSLError | None:
    """The TLS library's own error inside kafka-python's wrappers."""
    return next((error for error in _wrapped(failure) if isinstance(error, ssl.SSLError)), None)


def _wrapped(failure: BaseException) -> Iterator[object]:
    yield from (failure, *failure.args, failure.__cause__, failure.__context__)
