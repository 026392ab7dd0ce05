"""What each part may do on a Kafka with access rules, and nothing else: made of the topics' own table.

Who writes and who reads a topic stands in `schemas.topics` alone, so that a new topic cannot be forgotten
here; this page adds which role each part plays, and the few rights beyond reading and writing. Kafka lets
whoever may read or write a topic see that it is there; DESCRIBE is for the others.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from processor.settings import Settings
from schemas.topics import (
    COMPONENT_DELTAS,
    OUTCOME_EVENTS,
    PAIR_DELTAS,
    ROUTED_EVENTS,
    TopicSpec,
    topics_of,
)

__all__ = [
    "PARTS",
    "ROLES",
    "Right",
    "Role",
    "acl_commands",
    "part_of",
    "quota_command",
    "rights",
    "verdicts_id",
]

Role = Literal["publisher", "reader", "worker", "verdicts", "operator"]
Resource = Literal["topic", "group", "transactional-id"]
Operation = Literal["Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs"]
ROLES: tuple[Role, ...] = get_args(Role)

PARTS: Final[Mapping[str, Role]] = MappingProxyType(
    {
        "publishers": "publisher",
        "scoring services": "reader",
        "failure queries": "reader",
        "views": "reader",
        "people": "reader",
        "queries": "reader",
        "intake": "worker",
        "components": "worker",
        "pairs": "worker",
        "recovery": "worker",
        "route": "worker",
        "workers": "worker",
        "verdicts": "verdicts",
        "dead-letter replay": "operator",
        "forget": "operator",
        "retract": "operator",
        "undeprecate": "operator",
        "override": "operator",
        "rebuild": "operator",
        "switch": "operator",
        "drop-generation": "operator",
    }
)
"""Which role each part plays that the topics' table names."""

_FOLDING = {"intake", "components", "pairs"}
# The worker deletes what it has committed; all of it was made from events, which nobody may delete.
_PURGED = {COMPONENT_DELTAS, PAIR_DELTAS, ROUTED_EVENTS}


@dataclass(frozen=True, slots=True)
class Right:
    """One operation on one thing.

    Attributes:
        resource: what kind of thing.
        name: its name, or the start of its name.
        operation: as `kafka-acls.sh` calls it.
        is_prefix: whether everything whose name begins so is meant.
    """

    resource: Resource
    name: str
    operation: Operation
    is_prefix: bool = False


def part_of(named: str) -> str:
    """Return the part that an entry of the topics' table names, without what stands in brackets behind."""
    return named.split(" (", maxsplit=1)[0]


def verdicts_id(settings: Settings) -> str:
    """Return the group and the transactional id of the writer of verdicts: there is one at a time."""
    return f"{settings.app_id}-verdicts"


def rights(role: Role, settings: Settings) -> list[Right]:
    """Return what a role needs, under the settings' topic prefix, application id and generation."""
    found = [
        Right("topic", settings.topic(spec.name), operation)
        for spec in topics_of(max(settings.generation, 1))
        for operation in _operations(role, spec, settings.generation)
    ]
    if role == "worker":
        found.append(Right("group", settings.group, "Read"))
        found.append(Right("transactional-id", f"{settings.group}-", "Write", is_prefix=True))
    if role == "verdicts":
        found.append(Right("group", verdicts_id(settings), "Read"))
        found.append(Right("transactional-id", verdicts_id(settings), "Write"))
    if role == "operator":
        found += _of_operator(settings)
    return found


def _of_operator(settings: Settings) -> Iterator[Right]:
    """Yield what an operator needs beside topics."""
    yield Right("transactional-id", f"{settings.app_id}-corrections", "Write")
    # How far generations are, and whether they have workers, before one is put to use, dropped or corrected.
    yield Right("group", settings.app_id, "Describe")
    yield Right("group", f"{settings.app_id}-g", "Describe", is_prefix=True)
    if settings.generation > 1:  # a rebuild's router and workers are the operator's own
        yield Right("group", settings.group, "Read")
        yield Right("transactional-id", f"{settings.group}-", "Write", is_prefix=True)
    else:
        yield Right("transactional-id", f"{settings.group}-dead-letter-replay", "Write")


def _operations(role: Role, spec: TopicSpec, generation: int) -> Iterator[Operation]:
    """Yield what a role may do with a topic."""
    readers, writers = set(map(part_of, spec.read_by)), set(map(part_of, spec.written_by))
    if generation > 1 and spec.name == OUTCOME_EVENTS:
        writers -= _FOLDING  # what arrives in the wrong partition is routed, not forwarded
    folds = role == "worker" or (role == "operator" and generation > 1)  # who rebuilds one folds it
    plays: set[Role] = {role, "worker"} if folds else {role}
    reads = any(PARTS[part] in plays for part in readers)
    writes = any(PARTS[part] in plays for part in writers)
    if reads:
        yield "Read"
    if writes:
        yield "Write"
    drops = role == "operator" and not spec.shared  # a generation; never the events, nor what people said
    if drops or (folds and spec.name in _PURGED):
        yield "Delete"
    if role == "operator":
        yield "Create"
    sees_all = role in {"worker", "operator"}  # they check the topics before they begin
    asks_for_ends = role == "reader" and bool(readers & _FOLDING)  # how much is left to fold
    if not (reads or writes) and (sees_all or asks_for_ends):
        yield "Describe"
    if sees_all:
        yield "DescribeConfigs"


def acl_commands(role: Role, user: str, settings: Settings) -> list[str]:
    """Return the shell commands that give a user a role's rights.

    Args:
        role: which part the user is.
        user: the principal's name, as SASL or the certificate tells it.
        settings: topic prefix, application id and where Kafka is.
    """
    return [
        shlex.join(
            [
                *("kafka-acls.sh", "--bootstrap-server", settings.bootstrap, "--add"),
                *("--allow-principal", f"User:{user}", "--operation", right.operation),
                *(f"--{right.resource}", right.name),
                *(("--resource-pattern-type", "prefixed") if right.is_prefix else ()),
            ]
        )
        for right in rights(role, settings)
    ]


def quota_command(user: str, rate_bytes: int, settings: Settings) -> str:
    """Return the shell command that limits how many bytes a second a user may write to each broker."""
    return shlex.join(
        [
            *("kafka-configs.sh", "--bootstrap-server", settings.bootstrap, "--alter"),
            *("--entity-type", "users", "--entity-name", user),
            *("--add-config", f"producer_byte_rate={rate_bytes}"),
        ]
    )
