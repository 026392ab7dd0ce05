"""How every part (worker, publisher, view, command line) proves itself to Kafka and checks Kafka: one place.

Secrets come from a file or from the environment, and are never printed: a setting that holds one shows stars.
"""

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import FilePath, SecretStr
from pydantic_settings import BaseSettings

from processor.discreet import hide_proofs
from processor.errors import SettingsError
from processor.fields import text

__all__ = ["SecuritySettings"]

_KEY_MIN = 16
_PROTOCOLS = "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
_MECHANISMS = "SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN"


class SecuritySettings(BaseSettings):
    """The settings of the way to Kafka."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = text(
        "PLAINTEXT", _PROTOCOLS, "Whether the way to Kafka is encrypted (SSL) and who we are is told (SASL)."
    )
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = text(
        "SCRAM-SHA-256", _MECHANISMS, "How the password is proved."
    )
    sasl_username: str = text("", "a name", "The user, for SASL.")
    sasl_password: SecretStr = text(SecretStr(""), "a password", "Its password; better in a file.")
    sasl_password_file: FilePath | None = text(None, "a file that exists", "A file that holds the password.")
    ssl_ca_file: FilePath | None = text(
        None,
        "a PEM file that exists",
        "The authorities that sign the brokers' certificates; else the system's.",
    )
    ssl_cert_file: FilePath | None = text(
        None, "a PEM file that exists", "Our own certificate and its chain, for mutual TLS."
    )
    ssl_key_file: FilePath | None = text(
        None, "a PEM file that exists", "Its key, if that is not in the same file."
    )
    ssl_key_password_file: FilePath | None = text(
        None, "a file that exists", "A file that holds the key's password."
    )

    correction_key: SecretStr = text(
        SecretStr(""),
        "16 characters or more; none: corrections are taken only over PLAINTEXT",
        "Signs corrections, so that no publisher can forge one: the same for workers and who corrects.",
    )
    correction_key_file: FilePath | None = text(None, "a file that exists", "A file that holds that key.")

    def signing_key(self) -> bytes:
        """Return what corrections are signed with; empty if there is no key.

        Raises:
            SettingsError: the file cannot be read, or the key could be guessed.
        """
        key = self.correction_key.get_secret_value()
        if self.correction_key_file is not None:
            key = _secret(self.correction_key_file, "correction_key_file")
        if 0 < len(key) < _KEY_MIN:
            raise SettingsError(
                f"the correction key is too short: it must have {_KEY_MIN} characters or more"
            )
        return key.encode()

    def security_options(self) -> dict[str, Any]:
        """Return what every aiokafka client is given; nothing for PLAINTEXT.

        Raises:
            SettingsError: a file cannot be read, or what SASL needs is missing.
        """
        if self.security_protocol == "PLAINTEXT":
            return {}
        options: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            options |= self._sasl_options()
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = self._ssl_context()
        return options

    def _sasl_options(self) -> dict[str, str]:
        password = self.sasl_password.get_secret_value()
        if self.sasl_password_file is not None:
            password = _secret(self.sasl_password_file, "sasl_password_file")
        if not self.sasl_username or not password:
            raise SettingsError(
                f"security_protocol is {self.security_protocol}: FLEETFOLD_SASL_USERNAME and "
                "FLEETFOLD_SASL_PASSWORD_FILE (or FLEETFOLD_SASL_PASSWORD) must be set"
            )
        hide_proofs()
        return {
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": password,
        }

    def _ssl_context(self) -> ssl.SSLContext:
        """A context that checks the broker's certificate and name, and shows ours if we have one."""
        try:
            context = ssl.create_default_context(cafile=self.ssl_ca_file)
        except OSError as error:
            raise _unreadable("ssl_ca_file", self.ssl_ca_file, error) from error
        if self.ssl_cert_file is not None:
            password_file = self.ssl_key_password_file
            password = _secret(password_file, "ssl_key_password_file") if password_file else ""
            try:
                # Without a password OpenSSL would ask for one at the terminal.
                context.load_cert_chain(self.ssl_cert_file, self.ssl_key_file, password)
            except OSError as error:
                raise _unreadable("ssl_cert_file", self.ssl_cert_file, error) from error
        return context


def _secret(path: Path, name: str) -> str:
    """Return a file's text without its last line break."""
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(name, path, error) from error


def _unreadable(name: str, path: Path | None, error: Exception) -> SettingsError:
    why = getattr(error, "strerror", None) or str(error)
    return SettingsError(f"{name} (FLEETFOLD_{name.upper()}) is {str(path)!r}: {why}")
