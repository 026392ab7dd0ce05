"""Certificates for one test run: an authority, and what it or a stranger signed, as PEM files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

__all__ = ["Authority"]

_DAY = timedelta(days=1)


class Authority:
    """One authority.

    Args:
        folder: for its files.
        name: of the authority, and of its file.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._signer = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._signer.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *hosts: str, expired: bool = False, password: str = "") -> Path:
        """Sign a certificate.

        Args:
            name: its common name, and its file's.
            hosts: names and addresses that it is good for.
            expired: whether it ran out yesterday.
            password: of its key; without one the key lies open, in the same file.

        Returns:
            A file with the key (PKCS #8, which Java wants) and the chain.
        """
        now = datetime.now(UTC)
        issued = self._signer.issue_cert(
            *(hosts or (f"{name}.fleet.example",)),
            common_name=name,
            not_before=now - 2 * _DAY,
            not_after=now - _DAY if expired else now + _DAY,
        )
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
        path = self._folder / f"{name}{'-locked' if password else ''}.pem"
        path.write_bytes(pem + b"".join(each.bytes() for each in issued.cert_chain_pems))
        return path
