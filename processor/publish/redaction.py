"""What a context must not say of people and secrets is replaced by a word in brackets, rule by rule.

The rules are a table, in the order in which they are used; each has examples, which the tests hold it to. A
context is cut first, so that the work is bounded, redacted, and then cut to what the topic takes. To redact
twice changes nothing. Rules err on the side of silence: a version of four numbers may pass for an address.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple

from schemas.limits import CONTEXT_CUT_MARK, CONTEXT_MAX, cut_context

__all__ = ["RULES", "Redact", "Rule", "redact", "redactor"]

Redact = Callable[[str], str]

_READ_MAX = 4 * CONTEXT_MAX
_WORD_MAX = 512
_NAME_MIN = 3
_COMMON_NAMES = frozenset({"root", "user", "users", "admin", "home", "nobody", "runner", "localhost", "var"})

Replacement = str | Callable[[re.Match[str]], str]


class Rule(NamedTuple):
    """One thing that is replaced.

    Attributes:
        name: what it finds.
        needs: lower-case texts of which one must occur, or the pattern is not tried; empty: always.
        pattern: what is found.
        replacement: what stands there instead.
        examples: texts and what becomes of them under all rules.
    """

    name: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: Replacement
    examples: tuple[tuple[str, str], ...]


def _v6(match: re.Match[str]) -> str:
    """Return `[ip]` for what is an IPv6 address of somewhere else, and anything else as it was."""
    try:
        address = IPv6Address(match[0].partition("%")[0])
    except AddressValueError:
        return match[0]
    return match[0] if address.is_loopback or address.is_unspecified else "[ip]"


_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_NAMES_OF_SECRETS = (
    r"(?:[\w.-]{0,64}(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|credentials?)"
    r"|pwd|auth|_auth)"
)

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "private key",
        ("private key",),
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)", re.DOTALL),
        "[key]",
        (
            (
                "bad key -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- here",
                "bad key [key] here",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMIIEcut off", "[key]"),
        ),
    ),
    Rule(
        "credentials in an address",
        ("://",),
        re.compile(r"(?<=://)[^\s/@'\"]{1,512}@"),
        "[secret]@",
        (
            (
                "no answer of https://me:hunter2@pypi.example/simple",
                "no answer of https://[secret]@pypi.example/simple",
            ),
            ("git+ssh://git@example/x", "git+ssh://[secret]@example/x"),
        ),
    ),
    Rule(
        "authorization header",
        ("authorization", "bearer ", "basic "),
        re.compile(
            r"(?i)\b((?:proxy-)?authorization\s*[:=]\s*|(?=bearer |basic ))"
            r"(?:(?:bearer|basic|token)\s+)?[\w.~+/=-]{4,}"
        ),
        r"\1[secret]",
        (
            ("sent Authorization: Bearer abc.def-123 to it", "sent Authorization: [secret] to it"),
            ("curl -H 'bearer s3cr3tvalue'", "curl -H '[secret]'"),
        ),
    ),
    Rule(
        "named secret",
        ("pass", "pwd", "secret", "token", "key", "auth", "credential"),
        re.compile(
            rf"(?i)(?<![\w.-])(--?)?({_NAMES_OF_SECRETS})([\"']?\s*[=:]\s*[\"']?|(?(1)\s+|(?!)))(?!\[)([^\s\"'&,;]{{1,512}})"
        ),
        r"\1\2\3[secret]",
        (
            ("PIP_PASSWORD=hunter2 pip install", "PIP_PASSWORD=[secret] pip install"),
            ('{"api_key": "abc123"}', '{"api_key": "[secret]"}'),
            ("tool --token abc123 --verbose", "tool --token [secret] --verbose"),
            ("//npm.example/:_authToken=npm_x", "//npm.example/:_authToken=[secret]"),
            ("no token given", "no token given"),
        ),
    ),
    Rule(
        "token by its shape",
        ("gh", "glpat-", "npm_", "pypi-", "sk-", "xox", "akia", "asia", "aiza", "eyj", "hf_", "dop_v1_"),
        re.compile(
            r"\b(?:gh[pousr]_\w{16,255}|github_pat_\w{16,255}|glpat-[\w-]{16,255}|npm_\w{16,255}|pypi-[\w-]{16,512}"
            r"|sk-[\w-]{16,255}|xox[abeprs]-[\w-]{10,255}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,64}|hf_\w{16,64}"
            r"|dop_v1_\w{16,128}|eyJ[\w-]{8,2048}\.[\w-]{4,2048}\.[\w-]{0,1024})"
        ),
        "[secret]",
        (
            ("denied: ghp_0123456789abcdefABCDEF0123456789abcd", "denied: [secret]"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln is expired", "[secret] is expired"),
            ("pypi-sphinx is no token", "pypi-sphinx is no token"),
        ),
    ),
    Rule(
        "e-mail address",
        ("@",),
        re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z][\w-]{1,62}(?![\w-])"),
        "[email]",
        (
            ("Maintainer: Ann Doe <ann.doe+deb@mail.example>", "Maintainer: Ann Doe <[email]>"),
            ("pkg:pypi/ruff@0.14 failed", "pkg:pypi/ruff@0.14 failed"),
        ),
    ),
    Rule(
        "hardware address",
        (":", "-"),
        re.compile(r"(?i)(?<![\w:-])[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?![\w:-])"),
        "[mac]",
        (("eth0 00:1A:2b:3c:4d:5e down", "eth0 [mac] down"),),
    ),
    Rule(
        "IPv6 address",
        (":",),
        re.compile(
            r"(?i)(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{0,4}|(?:\d{1,3}\.){3}\d{1,3})(?:%\w{1,32})?(?![\w:])"
        ),
        _v6,
        (
            ("connect to [2001:db8::12]:443 failed", "connect to [[ip]]:443 failed"),
            ("fe80::1%eth0 is down", "[ip] is down"),
            ("at 12:30:45 on ::1", "at 12:30:45 on ::1"),
        ),
    ),
    Rule(
        "IPv4 address",
        (".",),
        re.compile(rf"(?<![\w.])(?<![=~!<>]=)(?!127\.|0\.0\.0\.0\b)(?:{_OCTET}\.){{3}}{_OCTET}(?![\w]|\.\d)"),
        "[ip]",
        (
            ("no route to 10.1.2.3:8080", "no route to [ip]:8080"),
            ("listening on 127.0.0.1:80", "listening on 127.0.0.1:80"),
            ("needs x==1.2.3.4, got v1.2.3.4 and 1.2.3", "needs x==1.2.3.4, got v1.2.3.4 and 1.2.3"),
        ),
    ),
    Rule(
        "home folder",
        ("/home/", "/users/", "\\users\\", "/root", "/export/home/"),
        re.compile(
            r"(?i)(?:\b[a-z]:)?(?:[\\/]{1,2}(?:var|export|usr))?[\\/]{1,2}(?:home|users)[\\/]{1,2}[^\s\\/:;,'\"()<>]{1,64}|/root(?=[/\s:;,'\")]|$)"
        ),
        "~",
        (
            ("cannot write /home/ann/.cache/pip", "cannot write ~/.cache/pip"),
            ("C:\\Users\\Ann\\AppData is full", "~\\AppData is full"),
            ("/Users/ann/x and /root/y and /var/home/ann", "~/x and ~/y and ~"),
            ("/rooted/homely stays", "/rooted/homely stays"),
        ),
    ),
    Rule(
        "user by label",
        ("user", "login", "uid="),
        re.compile(
            r"(?i)\b((?:user(?:[ _-]?name)?|login|logname)\s*[=:]\s*[\"']?|for user [\"']?|uid=\d{1,10}\()"
            r"(?!\[)[\w.@\\-]{1,64}"
        ),
        r"\1[user]",
        (
            ("permission denied for user ann", "permission denied for user [user]"),
            ("USER=ann uid=1000(ann)", "USER=[user] uid=1000([user])"),
            ("user installation failed", "user installation failed"),
        ),
    ),
    Rule(
        "long random text",
        (),
        re.compile(
            r"(?<![\w/+=-])(?=[\w+/-]{0,255}[a-z])(?=[\w+/-]{0,255}[A-Z])(?=[\w+/-]{0,255}\d)[A-Za-z0-9+_-]{40,512}={0,2}(?![\w/+-])"
        ),
        "[secret]",
        (
            ("got Zm9vYmFyMTIzNDU2Nzg5MEFCQ0RFRkdISUpLTE1OT1BRUlNUVQ== back", "got [secret] back"),
            ("sha256:" + "0123456789abcdef" * 4, "sha256:" + "0123456789abcdef" * 4),
        ),
    ),
)
"""All that is replaced wherever it was written; what this machine is called comes with `redactor`."""


def redact(text: str, rules: Sequence[Rule] = RULES) -> str:
    """Return a context as it may leave the machine: redacted, and at most as long as the topic takes."""
    if not text:
        return text
    found, mark = _beginning(text)
    low = found.lower()
    for rule in rules:
        if not rule.needs or any(need in low for need in rule.needs):
            found = rule.pattern.sub(rule.replacement, found)
    return cut_context(found + mark)


def _beginning(text: str) -> tuple[str, str]:
    """Return what of a text is worth redacting, and the mark that it is cut, if it is.

    The last word is left out where the text is cut, since half a secret has no shape to know it by.
    """
    if len(text) <= _READ_MAX:
        return text, ""
    head = text[:_READ_MAX]
    space = max(head.rfind(" ", _READ_MAX - _WORD_MAX), head.rfind("\n", _READ_MAX - _WORD_MAX))
    return head[: space if space > 0 else _READ_MAX - _WORD_MAX], CONTEXT_CUT_MARK


def redactor(home: str = "", user: str = "", host: str = "") -> Redact:
    """Return `redact` with what this machine's home folder, user and host name add to it.

    Names of less than three characters, and common ones such as `root`, are left: they say nothing.
    """
    place = next(number for number, rule in enumerate(RULES) if rule.name == "home folder")
    rules = (*RULES[:place], *_own_rules(home, user, host), *RULES[place:])
    return lru_cache(maxsize=512)(lambda text: redact(text, rules))


def _own_rules(home: str, user: str, host: str) -> list[Rule]:
    rules = []
    if len(home.rstrip("/\\")) >= _NAME_MIN:
        folder = re.escape(home.rstrip("/\\"))
        rules.append(
            Rule(
                "this home folder",
                (home.rstrip("/\\").lower(),),
                re.compile(rf"(?i){folder}(?![\w.-])"),
                "~",
                (),
            )
        )
    for name, word in ((user, "[user]"), (host, "[host]"), (host.partition(".")[0], "[host]")):
        if len(name) >= _NAME_MIN and name.lower() not in _COMMON_NAMES:
            pattern = re.compile(rf"(?i)(?<![\w]){re.escape(name)}(?![\w])")
            rules.append(Rule(word, (name.lower(),), pattern, word, ()))
    return rules
