"""What each part may do on a Kafka with access rules, and nothing else: a table, and commands made of it.

Kafka lets whoever may read or write a topic see that it is there; so DESCRIBE stands only where a reader
asks how much is left to fold, and may not read what it is.
"""

import shlex
from dataclasses import dataclass
from typing import Literal, get_args

from processor.settings import Settings
from schemas.topics import (
    ALIASES,
    CHECKPOINTS,
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_HISTORY,
    COMPONENT_STATS,
    CORRECTIONS,
    DEAD_LETTERS,
    FLEET_TOTALS,
    HOST_LEDGER,
    OUTCOME_EVENTS,
    PAIR_DELTAS,
    ROUTED_EVENTS,
    VERDICTS,
)

__all__ = ["ROLES", "Right", "Role", "acl_commands", "rights", "verdicts_id"]

Role = Literal["publisher", "reader", "worker", "verdicts"]
Resource = Literal["topic", "group", "transactional-id"]
ROLES: tuple[Role, ...] = get_args(Role)

_READ, _WRITE, _DELETE, _CONFIGS = "Read", "Write", "Delete", "DescribeConfigs"
_DESCRIBE = "Describe"

_TOPICS: dict[Role, dict[str, tuple[str, ...]]] = {
    "publisher": {OUTCOME_EVENTS: (_WRITE,)},
    "reader": {
        **dict.fromkeys((COMPONENT_STATS, CO_FAILURES, COMPONENT_HISTORY, FLEET_TOTALS), (_READ,)),
        **dict.fromkeys((VERDICTS, HOST_LEDGER, DEAD_LETTERS, CORRECTIONS, ALIASES, CHECKPOINTS), (_READ,)),
        **dict.fromkeys((OUTCOME_EVENTS, COMPONENT_DELTAS, PAIR_DELTAS), (_DESCRIBE,)),
    },
    "worker": {
        OUTCOME_EVENTS: (_READ, _WRITE, _CONFIGS),  # it forwards events that arrived in the wrong partition
        COMPONENT_DELTAS: (_READ, _WRITE, _DELETE, _CONFIGS),  # it deletes what it has committed
        PAIR_DELTAS: (_READ, _WRITE, _DELETE, _CONFIGS),
        HOST_LEDGER: (_READ, _WRITE, _CONFIGS),
        COMPONENT_STATS: (_READ, _WRITE, _CONFIGS),
        CO_FAILURES: (_READ, _WRITE, _CONFIGS),
        COMPONENT_HISTORY: (_READ, _WRITE, _CONFIGS),
        FLEET_TOTALS: (_READ, _WRITE, _CONFIGS),
        CHECKPOINTS: (_READ, _WRITE, _CONFIGS),
        DEAD_LETTERS: (_WRITE, _CONFIGS),
        CORRECTIONS: (_DESCRIBE, _CONFIGS),  # it looks whether they are as they must be
        ALIASES: (_READ, _CONFIGS),  # a rebuilt generation's workers wait for the end of its rebuild
        VERDICTS: (_DESCRIBE, _CONFIGS),
    },
    "verdicts": {
        **dict.fromkeys((COMPONENT_STATS, CO_FAILURES, COMPONENT_HISTORY, FLEET_TOTALS), (_READ,)),
        ALIASES: (_READ,),
        VERDICTS: (_READ, _WRITE),
    },
}


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
    operation: str
    is_prefix: bool = False


def verdicts_id(settings: Settings) -> str:
    """Return the group and the transactional id of the writer of verdicts: there is one at a time."""
    return f"{settings.app_id}-verdicts"


def rights(role: Role, settings: Settings) -> list[Right]:
    """Return what a role needs, under the settings' topic prefix, application id and generation."""
    found = [
        Right("topic", settings.topic(topic), operation)
        for topic, operations in (_TOPICS[role] | _more(role, settings.generation)).items()
        for operation in operations
    ]
    if role == "worker":
        found.append(Right("group", settings.group, _READ))
        found.append(Right("transactional-id", f"{settings.group}-", _WRITE, is_prefix=True))
    if role == "verdicts":
        found.append(Right("group", verdicts_id(settings), _READ))
        found.append(Right("transactional-id", verdicts_id(settings), _WRITE))
    return found


def _more(role: Role, generation: int) -> dict[str, tuple[str, ...]]:
    """Return what a rebuilt generation asks for in another way than the first."""
    if generation <= 1 or role == "publisher":
        return {}
    if role == "reader":
        return {ROUTED_EVENTS: (_DESCRIBE,)}
    return {OUTCOME_EVENTS: (_READ, _CONFIGS), ROUTED_EVENTS: (_READ, _WRITE, _DELETE, _CONFIGS)}


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
