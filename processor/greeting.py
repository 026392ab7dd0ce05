"""What a server says to a first word, where a Kafka client only says that the connection was closed.

A broker that wants TLS, a certificate or a password closes the connection; why stands in the bytes before.
"""

import asyncio
import ssl
from enum import Enum

__all__ = ["Greeting", "greet"]

_PATIENCE_S = 5.0
_TLS_ALERT = b"\x15\x03"
_ANSWER_TO_US = b"\x00\x00\x00\x01"
# ApiVersions, version 0, our correlation id 1, our name: what any broker answers before it knows who asks.
_HELLO = b"\x00\x00\x00\x13\x00\x12\x00\x00" + _ANSWER_TO_US + b"\x00\x09fleetfold"
_SHOWS_NONE = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
_SHOWS_WRONG = (
    "CERTIFICATE_UNKNOWN",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_EXPIRED",
    "UNSUPPORTED_CERT",
)


class Greeting(Enum):
    """What a server turned out to be."""

    KAFKA = "it answers as Kafka does"
    TLS = "it speaks TLS, and we do not"
    WANTS_CERTIFICATE = "it wants to see a certificate of ours"
    REFUSES_CERTIFICATE = "it does not accept the certificate that we show"
    SILENT = "it says nothing that tells why"


async def greet(host: str, port: int, context: ssl.SSLContext | None) -> Greeting:
    """Say one word to a server.

    Args:
        host: its name or address.
        port: its port.
        context: for TLS; None: without.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await _answer(host, port, context)
    except ssl.SSLError as error:
        alert = error.reason or ""
        if any(word in alert for word in _SHOWS_NONE):
            return Greeting.WANTS_CERTIFICATE
        return (
            Greeting.REFUSES_CERTIFICATE if any(word in alert for word in _SHOWS_WRONG) else Greeting.SILENT
        )
    except (OSError, TimeoutError):
        return Greeting.SILENT


async def _answer(host: str, port: int, context: ssl.SSLContext | None) -> Greeting:
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(_HELLO)
        heard = await reader.read(8)
    finally:
        writer.transport.abort()
    if heard.startswith(_TLS_ALERT):
        return Greeting.TLS
    return Greeting.KAFKA if heard[4:8] == _ANSWER_TO_US else Greeting.SILENT
