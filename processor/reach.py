"""Why no broker could be used: aiokafka says the same of a dead broker and of a wrong password."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from processor.logs import quiet_clients

__all__ = ["refusal"]

_NOT_OF_A_CONNECTION = {"bootstrap_servers", "request_timeout_ms"}
_PATIENCE_MS = 5_000  # a broker that refuses does so at once


async def refusal(options: Mapping[str, Any]) -> str | None:
    """Return why the first server that answers turns us away; None where none does, or none answers.

    Args:
        options: what `Settings.kafka_options` returns.
    """
    way = {name: value for name, value in options.items() if name not in _NOT_OF_A_CONNECTION}
    for server in _servers(options):
        host, _, port = server.rpartition(":")
        try:
            with quiet_clients():
                connection = await create_conn(
                    host.strip("[]"), int(port), request_timeout_ms=_PATIENCE_MS, **way
                )
        except (OSError, KafkaError, TimeoutError, asyncio.IncompleteReadError) as error:
            reason = _reason(error, server, options)
            if reason is not None:
                return reason
        else:
            connection.close()
            return None
    return None


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
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"FLEETFOLD_SSL_CA_FILE does not vouch for Kafka's certificate at {server}: {_why(error)}"
    if isinstance(error, ssl.SSLError):
        return f"Kafka at {server} speaks no TLS, or wants a certificate of ours: {_why(error)}"
    return None


def _why(error: ssl.SSLError) -> str:
    return str(getattr(error, "verify_message", "") or error.reason or error)
