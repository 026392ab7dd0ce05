"""What the engine must be told; it reads no environment and has no defaults of the application's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["EngineConfig"]


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Settings of one worker.

    Attributes:
        bootstrap: `host:port`, several separated by commas.
        app_id: the consumer group; also the start of every transactional id.
        checkpoints_topic: compacted topic with as many partitions as the sources.
        layout: what the stored state depends on (partition count, encoding versions, …). It is stored with
            the first start, and a later start with another layout is refused.
        remarks: what somebody who reads the state may want to know of its making. It is stored when it
            differs from what is stored, and refuses nothing.
        former_layouts: those of earlier releases whose state this one reads; the new one takes their place.
        client_options: passed to every Kafka client (security settings).
        max_record_bytes: the topics' `max.message.bytes`; a record batch stays below it.
        fetch_min_bytes: the broker gathers this much, or
        fetch_max_wait_ms: waits this long, before it answers a fetch.
        fetch_max_bytes: how much a fetch may return, be it of one partition or of several.
        max_batch_records: how many records one transaction covers at most.
        gather_ms: how long what comes at a low rate gathers before it is fetched.
        session_timeout_ms: after this long without heartbeats the group gives the partitions to others.
        heartbeat_interval_ms: how often a heartbeat is sent.
        rebalance_timeout_ms: how long the group waits for a member to rejoin.
        request_timeout_ms: how long any request to a broker may take.
        transaction_timeout_ms: after this long the broker aborts a transaction that nobody ended.
        commit_timeout_s: a transaction that takes longer ends the worker.
        purge_interval_s: how often records below the checkpoint are deleted from `purged_topics`.
        purged_topics: sources that only this application reads.
    """

    bootstrap: str
    app_id: str
    checkpoints_topic: str
    layout: Mapping[str, int | str]
    remarks: Mapping[str, int | str] = field(default_factory=dict)
    former_layouts: Sequence[Mapping[str, int | str]] = ()
    client_options: Mapping[str, Any] = field(default_factory=dict)
    max_record_bytes: int = 1_048_576
    fetch_min_bytes: int = 1
    fetch_max_wait_ms: int = 40
    fetch_max_bytes: int = 16 * 1_048_576
    max_batch_records: int = 80_000
    gather_ms: int = 160
    session_timeout_ms: int = 30_000
    heartbeat_interval_ms: int = 3_000
    rebalance_timeout_ms: int = 60_000
    request_timeout_ms: int = 40_000
    transaction_timeout_ms: int = 60_000
    commit_timeout_s: float = 90.0
    purge_interval_s: float = 60.0
    purged_topics: frozenset[str] = frozenset()

    def clients(self) -> dict[str, Any]:
        """What every aiokafka client is made with."""
        return {
            "bootstrap_servers": self.bootstrap,
            "request_timeout_ms": self.request_timeout_ms,
            **self.client_options,
        }
