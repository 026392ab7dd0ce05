"""One test per place where the engine reaches into Faust and aiokafka: what a release moves fails here."""

import inspect
from importlib.metadata import version
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.fetcher import Fetcher as KafkaFetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import BaseCoordinator, GroupCoordinator
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.app.base import BootStrategy
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers import by_url
from mode.services import Service
from mode.utils.queues import FlowControlEvent

from processor.engine.app import BatchApp, BatchSchema, Boot
from processor.engine.config import EngineConfig
from processor.engine.manager import BatchTableManager
from processor.engine.table import PartitionedTable
from processor.engine.transport import BatchConsumer, Transport

CONFIG = EngineConfig(bootstrap="127.0.0.1:9", app_id="hooks", checkpoints_topic="checkpoints", layout={})


@pytest.fixture
def app() -> BatchApp:
    return BatchApp(CONFIG)


@pytest.mark.parametrize(("package", "release"), [("faust-streaming", "0.15.3"), ("aiokafka", "0.14.0")])
def test_the_pinned_releases_are_installed(package: str, release: str) -> None:
    """The hooks below were read in these releases; read them again before moving the pin."""
    assert version(package) == release


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (Consumer, "getmany", ["self", "timeout"]),
        (Consumer, "commit", ["self", "topics", "start_new_transaction"]),
        (Consumer, "wait_empty", ["self"]),
        (Consumer, "perform_seek", ["self"]),
        (Consumer, "seek", ["self", "partition", "offset"]),
        (Consumer, "_seek", ["self", "partition", "offset"]),
        (Consumer, "_to_message", ["self", "tp", "record"]),
        (Consumer, "resume_flow", ["self"]),
        (Consumer, "resume_partitions", ["self", "tps"]),
        (Consumer, "on_partitions_revoked", ["self", "revoked"]),
        (Consumer, "on_partitions_assigned", ["self", "assigned", "generation_id"]),
        (TableManager, "on_start", ["self"]),
        (TableManager, "on_stop", ["self"]),
        (TableManager, "on_rebalance", ["self", "assigned", "revoked", "newly_assigned", "generation_id"]),
        (TableManager, "on_partitions_revoked", ["self", "revoked"]),
        (TableManager, "on_actives_ready", ["self"]),
        (TableManager, "on_standbys_ready", ["self"]),
        (TableManager, "wait_until_recovery_completed", ["self"]),
        (faust.App, "on_rebalance_start", ["self"]),
        (faust.App, "on_rebalance_end", ["self"]),
        (faust.App, "_on_agent_error", ["self", "agent", "exc"]),
        (faust.App, "_create_directories", ["self"]),
        (faust.Table, "on_start", ["self"]),
        (Fetcher, "maybe_start", ["self"]),
        (FlowControlEvent, "resume", ["self"]),
        (Service, "wait_for_stopped", None),
        (AIOKafkaConsumer, "getmany", ["self", "partitions", "timeout_ms", "max_records"]),
        (AIOKafkaConsumer, "highwater", ["self", "partition"]),
        (AIOKafkaProducer, "create_batch", ["self"]),
        (AIOKafkaProducer, "send_batch", ["self", "batch", "topic", "partition"]),
        (AIOKafkaProducer, "send_offsets_to_transaction", ["self", "offsets", "group_id"]),
        (KafkaFetcher, "_get_actions_per_node", ["self", "assignment"]),
        (BatchBuilder, "append", ["self", "timestamp", "key", "value", "headers"]),
        (BatchBuilder, "size", ["self"]),
    ],
)
def test_the_method_is_where_it_was(owner: Any, name: str, parameters: list[str] | None) -> None:
    """A hook that is renamed or takes other parameters would silently no longer be called."""
    method = getattr(owner, name)
    assert parameters is None or list(inspect.signature(method).parameters) == parameters


def test_the_scheme_leads_to_the_transport(app: BatchApp) -> None:
    """Faust picks the transport by the broker URL's scheme, and the transport its consumer."""
    assert by_url("batches://127.0.0.1:9") is Transport
    assert isinstance(app.transport, Transport)
    assert Transport.Consumer is BatchConsumer


def test_the_settings_lead_to_table_and_manager(app: BatchApp) -> None:
    """`app.Table` and `app.tables` are Faust's, made from its settings `Table` and `TableManager`."""
    assert isinstance(app.tables, BatchTableManager)
    table = app.Table("rows", source_topic="words", changelog_topic=app.topic("rows"))
    assert isinstance(table, PartitionedTable)
    assert app.tables["rows"] is table
    assert table.changelog == "rows"


def test_no_changelog_is_assigned_by_the_group(app: BatchApp) -> None:
    """Faust's assignor asks the manager for `changelog_topics`; recovery reads them itself."""
    app.Table("rows", source_topic="words", changelog_topic=app.topic("rows"))
    assert app.tables.changelog_topics == set()


def test_faust_starts_no_producer_and_no_web_server(app: BatchApp) -> None:
    """Every record goes out with a transaction; nothing else listens or sends."""
    assert isinstance(app.boot_strategy, Boot)
    assert isinstance(app.boot_strategy, BootStrategy)
    assert list(app.boot_strategy.kafka_producer()) == []
    assert list(app.boot_strategy.web_server()) == []


async def test_a_batch_passes_the_schema_as_it_is(app: BatchApp) -> None:
    """Faust decodes with the topic's schema; ours hands the batch on."""
    decode = BatchSchema().compile(app)
    marker = object()

    class Message:
        key, value = None, marker

    event = await decode(Message())
    assert event.value is marker


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (KafkaFetcher.__init__, ["self._records = collections.OrderedDict()"]),
        (KafkaFetcher.fetched_records, ["res_or_error.getall(max_records)", "is FetchResult"]),
        (FetchResult.getall, ["self.check_assignment(tp)", "self._update_position()"]),
        (
            PartitionRecords._unpack_records,
            ["records.has_next()", "validate_crc()", "_consume_aborted_up_to"],
        ),
    ],
)
def test_the_fetcher_works_as_the_lean_one_assumes(owner: Any, names: list[str]) -> None:
    """`lean_fetch` stands in for `FetchResult.getall`; what it takes from aiokafka must still be there."""
    source = inspect.getsource(owner)
    assert [name for name in names if name not in source] == []


def test_the_coordinator_tells_member_and_generation() -> None:
    """The client has no public name for them; they tell whether membership was interrupted."""
    source = inspect.getsource(GroupCoordinator.__init__)
    assert "self.generation" in source
    assert "self.member_id" in source
    assert issubclass(GroupCoordinator, BaseCoordinator)
