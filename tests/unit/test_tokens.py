"""Bearer tokens: what a file may hold, and who may do what."""

import hashlib
from pathlib import Path

import pytest

from processor.errors import SettingsError
from processor.tokens import Scope, Tokens, Verdict, load_tokens

READER, WRITER, BOSS = "reader-0123456789", "writer-0123456789", "boss-0123456789ab"


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    path = tmp_path / "tokens"
    hashed = hashlib.sha256(WRITER.encode()).hexdigest()
    path.write_text(
        f"# who may\n\nscoring read {READER}  # the service\nhosts publish,read sha256:{hashed}\n"
    )
    return load_tokens(str(path), f"ops admin {BOSS};")


@pytest.mark.parametrize(
    ("token", "scope", "verdict"),
    [
        (READER, Scope.READ, Verdict.ALLOWED),
        (READER, Scope.PUBLISH, Verdict.FORBIDDEN),
        (WRITER, Scope.PUBLISH, Verdict.ALLOWED),
        (WRITER, Scope.ADMIN, Verdict.FORBIDDEN),
        (BOSS, Scope.PUBLISH, Verdict.ALLOWED),
        ("nobody-0123456789", Scope.READ, Verdict.UNKNOWN),
        ("", Scope.READ, Verdict.UNKNOWN),
    ],
)
def test_a_token_is_good_for_its_scopes(tokens: Tokens, token: str, scope: Scope, verdict: Verdict) -> None:
    """A scope is not another, `admin` is all, and an unknown token is no token."""
    assert tokens.judge(f"Bearer {token}".encode(), scope) is verdict
    assert tokens.judge(f"bearer  {token} ".encode(), scope) is verdict


@pytest.mark.parametrize("header", [None, b"", b"Bearer", b"Basic cmVhZGVy", b"\xff\xfe", READER.encode()])
def test_without_a_bearer_nobody_is_known(tokens: Tokens, header: bytes | None) -> None:
    """No header, or one of another kind, is 401 and not a crash."""
    assert tokens.judge(header, Scope.READ) is Verdict.UNKNOWN


def test_without_tokens_everybody_may() -> None:
    """The service then listens on loopback only; that is the caller's part."""
    assert not load_tokens()
    assert load_tokens().judge(None, Scope.ADMIN) is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("only two", "must be NAME SCOPE"),
        ("a write 0123456789abcdef", "scopes are read, publish, admin"),
        ("a read short", "16 to 512"),
        ('a read "0123456789abcdef"', "16 to 512"),
        ("a read sha256:12", "64 hexadecimal digits"),
    ],
)
def test_a_wrong_line_is_named_and_its_token_is_not_shown(tmp_path: Path, line: str, complaint: str) -> None:
    """A typing error stops the start, and the log does not hold what was meant to be secret."""
    path = tmp_path / "tokens"
    path.write_text(line)
    with pytest.raises(SettingsError, match=complaint) as caught:
        load_tokens(str(path))
    assert line.rsplit(maxsplit=1)[-1] not in str(caught.value)


def test_a_file_without_tokens_is_a_mistake(tmp_path: Path) -> None:
    """An empty or missing file would open the service to everybody, or to nobody."""
    (tmp_path / "empty").write_text("# nothing\n")
    for name, complaint in (("empty", "holds no token"), ("missing", "cannot be read")):
        with pytest.raises(SettingsError, match=complaint):
            load_tokens(str(tmp_path / name))
