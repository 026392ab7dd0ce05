"""Why no broker could be used: aiokafka says the same of a dead broker and of a wrong password."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from processor.greeting import Greeting, greet
from processor.logs import quiet_clients

__all__ = ["refusal"]

_NOT_OF_A_CONNECTION = {"bootstrap_servers", "request_timeout_ms"}
_PATIENCE_MS = 5_000  # a broker that refuses does so at once
# OpenSSL's codes of what is wrong with a certificate; the ssl module has no names for them.
_EXPIRED = {9, 10}  # not yet, not any more
_OTHER_NAME = {62, 64}  # host name, IP address


async def refusal(options: Mapping[str, Any]) -> str | None:
    """Return why the first server that answers turns us away; None where none does, or none answers.

    Args:
        options: what `Settings.kafka_options` returns.
    """
    for server in _servers(options):
        host, _, port = server.rpartition(":")
        host = host.strip("[]")
        try:
            with quiet_clients():
                # One that goes down closes connections as well, but does not take the next.
                strangers = await _is_stranger(host, int(port), options) and await _is_stranger(
                    host, int(port), options
                )
        except (OSError, KafkaError, TimeoutError, asyncio.IncompleteReadError) as error:
            reason = _reason(error, server, options) or await _heard(host, int(port), server, options)
            if reason is not None:
                return reason
        else:
            return _who_is_asked_for(server, options) if strangers else None
    return None


async def _is_stranger(host: str, port: int, options: Mapping[str, Any]) -> bool:
    """Connect to a server, and tell whether it closes when it is asked what only those are told it knows."""
    way = {name: value for name, value in options.items() if name not in _NOT_OF_A_CONNECTION}
    connection = await create_conn(host, port, request_timeout_ms=_PATIENCE_MS, **way)
    try:
        await connection.send(MetadataRequest([], allow_auto_topic_creation=False))
    except KafkaConnectionError:
        return True
    finally:
        connection.close()
    return False


async def _heard(host: str, port: int, server: str, options: Mapping[str, Any]) -> str | None:
    """Return what the server itself says of a connection that it closes."""
    context = options.get("ssl_context")
    greeting = await greet(host, port, context)
    if greeting is Greeting.WANTS_CERTIFICATE:
        return f"Kafka at {server} wants to see a certificate of ours: set FLEETFOLD_SSL_CERT_FILE"
    if greeting is Greeting.REFUSES_CERTIFICATE:
        return (
            f"Kafka at {server} does not accept our certificate (FLEETFOLD_SSL_CERT_FILE): "
            "it is expired, or of an authority that the broker does not know"
        )
    if greeting is Greeting.TLS:
        return f"Kafka at {server} speaks TLS: set FLEETFOLD_SECURITY_PROTOCOL to SSL or SASL_SSL"
    if (
        greeting is Greeting.SILENT
        and context is not None
        and await greet(host, port, None) is Greeting.KAFKA
    ):
        return f"Kafka at {server} speaks no TLS: see FLEETFOLD_SECURITY_PROTOCOL"
    return None


def _who_is_asked_for(server: str, options: Mapping[str, Any]) -> str:
    wanted = "SASL_SSL" if "ssl_context" in options else "SASL_PLAINTEXT"
    return f"Kafka at {server} asks who we are: set FLEETFOLD_SECURITY_PROTOCOL to {wanted}"


def _servers(options: Mapping[str, Any]) -> list[str]:
    servers = options.get("bootstrap_servers", ())
    return servers.split(",") if isinstance(servers, str) else list(servers)


def _reason(error: BaseException, server: str, options: Mapping[str, Any]) -> str | None:
    if isinstance(error, (AuthenticationFailedError, SaslAuthenticationFailed)):
        user = options.get("sasl_plain_username")
        return f"Kafka at {server} does not let in the user {user!r}: wrong name or password"
    if isinstance(error, UnsupportedSaslMechanismError):
        return (
            f"Kafka at {server} does not take {options.get('sasl_mechanism')}: see FLEETFOLD_SASL_MECHANISM"
        )
    if isinstance(error, IllegalSaslStateError):
        return f"Kafka at {server} asks for no password: see FLEETFOLD_SECURITY_PROTOCOL"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrust(error, server)
    return None


def _distrust(error: ssl.SSLCertVerificationError, server: str) -> str:
    """Return why we do not believe that the server is who it should be."""
    why = error.verify_message.rstrip(".")
    if error.verify_code in _EXPIRED:
        return f"the certificate of Kafka at {server} is not valid now: {why}; the broker needs a new one"
    if error.verify_code in _OTHER_NAME:
        return (
            f"the certificate of Kafka at {server} is for another name: {why}; "
            "name the brokers in FLEETFOLD_BOOTSTRAP as their certificates do"
        )
    return (
        f"FLEETFOLD_SSL_CA_FILE does not vouch for the certificate of Kafka at {server}: {why}; "
        "it must hold the authority that signed it"
    )
