"""Who may use the HTTP services: bearer tokens, each with scopes.

One token is `NAME SCOPE[,SCOPE] TOKEN` on a line of a file (`#` begins a comment), or the same in the
environment with `;` between tokens. NAME is for people and logs. TOKEN is the token itself, or
`sha256:` and the hexadecimal SHA-256 of it, so that the file need not hold it. `admin` may do all.

Tokens are compared by their hashes, each with all that are known, in constant time.
"""

import hashlib
import hmac
import string
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from processor.errors import SettingsError

__all__ = ["Scope", "Tokens", "Verdict", "load_tokens"]

_TOKEN_MIN = 16
_TOKEN_MAX = 512
_FIELDS = 3
_HASHED = "sha256:"
_BEARER = b"bearer "
_ALLOWED = frozenset(string.ascii_letters + string.digits + "-._~+/=")  # RFC 6750, b64token


class Scope(StrEnum):
    """What a token is good for."""

    READ = "read"
    PUBLISH = "publish"
    ADMIN = "admin"


class Verdict(StrEnum):
    """Whether a request may go on: yes; not without a known token (401); not with these scopes (403)."""

    ALLOWED = "allowed"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class _Token:
    name: str
    scopes: frozenset[Scope]
    sha256: bytes


class Tokens:
    """The tokens that are known; false if there are none, and then everybody may do everything.

    Args:
        known: the tokens.
    """

    def __init__(self, known: Iterable[_Token] = ()) -> None:
        self._known = tuple(known)

    def __bool__(self) -> bool:
        return bool(self._known)

    def judge(self, authorization: bytes | None, scope: Scope) -> Verdict:
        """Say whether a request may go on.

        Args:
            authorization: the header of that name as it came, or None.
            scope: what the request needs.
        """
        if not self._known:
            return Verdict.ALLOWED
        if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
            return Verdict.UNKNOWN
        found = self._scopes_of(authorization[len(_BEARER) :].strip())
        if found is None:
            return Verdict.UNKNOWN
        return Verdict.ALLOWED if scope in found or Scope.ADMIN in found else Verdict.FORBIDDEN

    def _scopes_of(self, token: bytes) -> frozenset[Scope] | None:
        sha256 = hashlib.sha256(token).digest()
        found = None
        for known in self._known:  # all of them, so that the time says nothing
            if hmac.compare_digest(known.sha256, sha256):
                found = known.scopes
        return found


def load_tokens(path: str = "", text: str = "") -> Tokens:
    """Return the tokens of a file and of a text.

    Args:
        path: the file; "" for none.
        text: what the environment holds, `;` between tokens.

    Raises:
        SettingsError: the file cannot be read, or a line is not a token; no token is shown.
    """
    known: list[_Token] = []
    if path:
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"the tokens' file {path} cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            known += _parsed(line.split("#")[0], f"line {number} of {path}")
        if not known:
            raise SettingsError(f"the tokens' file {path} holds no token: nobody could use the service")
    for number, part in enumerate(text.split(";"), 1):
        known += _parsed(part, f"token {number} of FLEETFOLD_TOKENS")
    return Tokens(known)


def _parsed(line: str, where: str) -> list[_Token]:
    """Return the token of a line; none if it is empty."""
    fields = line.split()
    if not fields:
        return []
    if len(fields) != _FIELDS:
        raise SettingsError(f"{where} must be NAME SCOPE,... TOKEN: it has {len(fields)} fields")
    name, scopes, token = fields
    return [_Token(name, _scopes(scopes, where), _sha256(token, where))]


def _scopes(text: str, where: str) -> frozenset[Scope]:
    try:
        return frozenset(map(Scope, text.split(",")))
    except ValueError:  # its text would repeat the word, which may be a token in the wrong place
        raise SettingsError(f"{where}: the second word is no scope: scopes are {', '.join(Scope)}") from None


def _sha256(token: str, where: str) -> bytes:
    if token.startswith(_HASHED):
        digits = token.removeprefix(_HASHED)
        if len(digits) != hashlib.sha256().digest_size * 2 or set(digits) - set(string.hexdigits):
            raise SettingsError(f"{where}: after {_HASHED} 64 hexadecimal digits must stand")
        return bytes.fromhex(digits)
    if not _TOKEN_MIN <= len(token) <= _TOKEN_MAX or not _ALLOWED.issuperset(token):
        raise SettingsError(
            f"{where}: a token has {_TOKEN_MIN} to {_TOKEN_MAX} letters, digits or any of -._~+/="
        )
    return hashlib.sha256(token.encode()).digest()
