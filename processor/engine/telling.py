"""How partitions and offsets stand in the log, and what a restore says there."""

import logging
from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition

from processor.engine.recovery import Restored

__all__ = ["log_restored", "names", "places"]

logger = logging.getLogger(__name__)


def names(partitions: Iterable[TopicPartition]) -> str:
    """A short list of partitions for the log."""
    return ", ".join(f"{tp.topic}[{tp.partition}]" for tp in sorted(partitions)) or "none"


def places(offsets: Mapping[TopicPartition, int]) -> str:
    """A short list of partitions with their next offsets for the log."""
    return ", ".join(f"{tp.topic}[{tp.partition}]@{offsets[tp]}" for tp in sorted(offsets)) or "none"


def log_restored(restored: Restored, duration_s: float) -> None:
    """Say how much was read, and from where each partition goes on."""
    detail = {
        "records": restored.records,
        "duration_s": round(duration_s, 3),
        "offsets": places(restored.positions),
    }
    text = "restored %(records)d records in %(duration_s).2f s: %(offsets)s"
    logger.info(text, detail, extra={"detail": detail})
