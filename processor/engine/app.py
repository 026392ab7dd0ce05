"""A Faust application whose agents get batches, exactly once."""

from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.types import EventT

from processor.engine.config import EngineConfig
from processor.engine.engine import Engine, Fold
from processor.engine.manager import BatchTableManager
from processor.engine.observer import Observer
from processor.engine.table import PartitionedTable
from processor.engine.transport import SCHEME

__all__ = ["BatchApp", "BatchSchema"]


class BatchSchema(faust.Schema):
    """Passes a batch through as it is; its records are decoded by the fold."""

    def compile(self, app: Any, **kwargs: Any) -> Any:  # noqa: ARG002 -- Faust's signature
        """Return the function that turns a message into an event."""

        async def decode(message: Any, *, propagate: bool = False) -> EventT:  # noqa: ARG001
            return app.create_event(message.key, message.value, {}, message)

        return decode


class Boot(BootStrategy):
    """Faust's own producer is not started: every record goes out with a transaction."""

    enable_kafka_producer = False
    enable_web = False


class BatchApp(faust.App):
    """The application.

    Args:
        config: the engine's settings.
        observer: is told of what the engine does.
        kwargs: further Faust settings.
    """

    BootStrategy = Boot

    def __init__(self, config: EngineConfig, observer: Observer | None = None, **kwargs: Any) -> None:
        self.engine = Engine(config, observer)
        servers = [f"{SCHEME}://{server.strip()}" for server in config.bootstrap.split(",")]
        super().__init__(
            config.app_id,
            broker=servers,
            autodiscover=False,
            Table=PartitionedTable,
            TableManager=BatchTableManager,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            stream_wait_empty=True,
            broker_session_timeout=config.session_timeout_ms / 1000,
            broker_request_timeout=max(config.request_timeout_ms, config.session_timeout_ms) / 1000,
            **kwargs,
        )

    def source(self, name: str) -> Any:
        """A topic that an agent reads in batches.

        Faust notes each acknowledged offset, and each gap between two, until a commit of its own; none comes.
        """
        return self.topic(name, schema=BatchSchema(), acks=False)

    def fold_agent(self, topic: str, fold: Fold, name: str) -> Any:
        """Declare the agent that folds a topic.

        Args:
            topic: full name of the source topic.
            fold: see `Engine.process`.
            name: the agent's name.
        """
        engine = self.engine

        async def agent(stream: Any) -> None:
            async for batch in stream:
                engine.process(batch, fold)

        agent.__name__ = name
        return self.agent(self.source(topic), name=name)(agent)

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:  # noqa: ARG002 -- Faust's signature
        self.engine.fail(exc)

    def _create_directories(self) -> None:
        """None needed: nothing is kept on disk."""
