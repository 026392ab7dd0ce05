"""A broker with a listener for each way to prove oneself, and each that a client must not trust.

Its plain listener is the harness's own: who comes by it may do anything. By the others a name may do what
access rules say, and nothing at first.
"""

from collections.abc import Iterable
from pathlib import Path

from processor.broker import EmbeddedKafka
from processor.broker.ports import LOOPBACK, free_port
from processor.rights import ROLES, Right, rights
from processor.settings import Settings, load_settings
from tests.certificates import Authority
from tests.guarded import allow

__all__ = ["USERS", "WAYS", "Secured", "password_of"]

USERS = ROLES
WAYS = ("TLS", "MUTUAL", "SCRAM512")
"""Listeners by how a client says who it is inside TLS: not at all, by a certificate, by a password."""

_PLAIN, _CONTROLLER, _TLS, _EXPIRED, _ELSEWHERE = "CLIENT", "CONTROLLER", "TLS", "EXPIRED", "ELSEWHERE"
_SCRAM = {"SCRAM256": "SCRAM-SHA-256", "SCRAM512": "SCRAM-SHA-512"}
_MECHANISMS = _SCRAM | {"WORDS": "PLAIN"}
_LOGINS = "org.apache.kafka.common.security"
_LISTENERS = (_PLAIN, _TLS, "MUTUAL", *_MECHANISMS, _EXPIRED, _ELSEWHERE)


def _protocol(listener: str) -> str:
    if listener in {_PLAIN, _CONTROLLER}:
        return "PLAINTEXT"
    return "SASL_SSL" if listener in _MECHANISMS else "SSL"


class Secured:
    """The broker, the authority that its clients trust, and another.

    Args:
        folder: for certificates and data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.stranger = Authority(self.folder), Authority(self.folder, "stranger")
        self._certificates: dict[str, Path] = {user: self.authority.issue(user) for user in USERS}
        self._ports: dict[str, int] = {}
        for listener in (*_LISTENERS, _CONTROLLER):
            self._ports[listener] = free_port(frozenset(self._ports.values()))
        self.broker = EmbeddedKafka(
            data_dir=self.folder / "broker",
            port=self._ports[_PLAIN],
            extra_config=self._config(),
            format_args=[
                f"--add-scram={mechanism}=[name={user},password={password_of(user)}]"
                for mechanism in _SCRAM.values()
                for user in USERS
            ],
        )

    def _config(self) -> dict[str, str]:
        ports = self._ports
        config = {
            "listeners": ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items()),
            "controller.quorum.voters": f"1@{LOOPBACK}:{ports[_CONTROLLER]}",
            "listener.security.protocol.map": ",".join(f"{name}:{_protocol(name)}" for name in ports),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.authority.issue("broker", LOOPBACK)),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",  # the plain listener, the controller's, and TLS without a name
        }
        wrong = {
            _EXPIRED: self.authority.issue("expired", LOOPBACK, expired=True),
            _ELSEWHERE: self.authority.issue("elsewhere", "kafka.fleet.example"),
        }
        for listener, certificate in wrong.items():
            config[f"listener.name.{listener.lower()}.ssl.keystore.location"] = str(certificate)
            config[f"listener.name.{listener.lower()}.ssl.keystore.type"] = "PEM"
        for listener, mechanism in _MECHANISMS.items():
            name = f"listener.name.{listener.lower()}"
            config[f"{name}.sasl.enabled.mechanisms"] = mechanism
            config[f"{name}.{mechanism.lower()}.sasl.jaas.config"] = _login(mechanism)
        return config

    def at(self, listener: str) -> str:
        """Where a listener is."""
        return f"{LOOPBACK}:{self._ports[listener]}"

    def tls(self, listener: str = _TLS) -> dict[str, str]:
        """Settings of a client that trusts our authority and says nothing of itself."""
        return {
            "bootstrap": self.at(listener),
            "security_protocol": "SSL",
            "ssl_ca_file": str(self.authority.file),
        }

    def told(self, way: str, user: str) -> dict[str, str]:
        """Settings of a user by a listener; a password stands in a file."""
        if way == _TLS:
            return self.tls(way)
        if way not in _MECHANISMS:
            return self.tls(way) | {"ssl_cert_file": str(self._certificates[user])}
        secret = self.folder / f"{user}.password"
        secret.write_text(password_of(user) + "\n", "utf-8")
        return self.tls(way) | {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": _MECHANISMS[way],
            "sasl_username": user,
            "sasl_password_file": str(secret),
        }

    def harness(self, prefix: str, **settings: object) -> Settings:
        """Settings by the plain listener, where anything is allowed."""
        names = {"topic_prefix": prefix, "app_id": f"{prefix}app", "partitions": 2}
        return load_settings(bootstrap=self.at(_PLAIN), **names | settings)

    async def give(self, user: str, rights: Iterable[Right]) -> None:
        """Give a user rights; they hold once the broker has read them."""
        await allow({"bootstrap_servers": self.at(_PLAIN)}, user, rights)

    async def give_roles(self, settings: Settings) -> None:
        """Give each user the rights of the role that it is named after."""
        for user in ROLES:
            await self.give(user, rights(user, settings))


def _login(mechanism: str) -> str:
    """What Kafka must be told to check passwords: for PLAIN all of them."""
    if mechanism != "PLAIN":
        return f'{_LOGINS}.scram.ScramLoginModule required username="nobody" password="-";'
    known = " ".join(f'user_{user}="{password_of(user)}"' for user in USERS)
    return f"{_LOGINS}.plain.PlainLoginModule required {known};"


def password_of(user: str) -> str:
    """A user's password."""
    return f"{user}-s3cret-word"
