"""The composition: settings, engine, tables and agents become one application."""

from processor.agents import Agents
from processor.engine.app import BatchApp
from processor.engine.config import EngineConfig
from processor.engine.runner import run
from processor.meters import Meters
from processor.monitor import serve
from processor.routes import Routes
from processor.settings import Settings
from processor.tables import declare_tables
from schemas.topics import CHECKPOINTS, COMPONENT_DELTAS, OUTCOME_EVENTS, PAIR_DELTAS, ROUTED_EVENTS

__all__ = ["create_app", "engine_config", "run_worker"]

LEDGER_VERSION = STATS_VERSION = 2
PAIRS_VERSION = 1


def engine_config(settings: Settings) -> EngineConfig:
    """What the engine is told of the settings.

    Args:
        settings: the process's settings.
    """
    layout: dict[str, int | str] = {
        "partitions": settings.partitions,
        "session_gap_s": settings.session_gap_s,
        "ledger_version": LEDGER_VERSION,
        "stats_version": STATS_VERSION,
        "pairs_version": PAIRS_VERSION,
    }
    return EngineConfig(
        bootstrap=settings.bootstrap,
        app_id=settings.group,
        checkpoints_topic=settings.topic(CHECKPOINTS),
        layout=layout,
        remarks=settings.remarks(),
        former_layouts=({**layout, "ledger_version": 1, "stats_version": 1},),  # no sessions, no history
        client_options={
            name: value
            for name, value in settings.kafka_options().items()
            if name not in {"bootstrap_servers", "request_timeout_ms"}
        },
        max_record_bytes=settings.max_message_bytes,
        fetch_min_bytes=settings.fetch_min_bytes,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        gather_ms=settings.gather_ms,
        fetch_max_bytes=settings.fetch_max_bytes,
        max_batch_records=settings.max_batch_records,
        session_timeout_ms=settings.session_timeout_s * 1000,
        heartbeat_interval_ms=settings.heartbeat_interval_s * 1000,
        request_timeout_ms=settings.request_timeout_s * 1000,
        transaction_timeout_ms=settings.transaction_timeout_s * 1000,
        purged_topics=frozenset(map(settings.topic, (COMPONENT_DELTAS, PAIR_DELTAS, ROUTED_EVENTS))),
    )


def create_app(settings: Settings, meters: Meters | None = None, *, building: bool = False) -> BatchApp:
    """Make the application of one worker.

    Args:
        settings: the process's settings.
        meters: count and time what it does.
        building: whether a rebuild is under way: then its router hands on the events, and no agent does.

    Returns:
        The application, its agents and tables declared, not yet started.
    """
    app = BatchApp(engine_config(settings), meters)
    tables = declare_tables(app, settings)
    agents = Agents(settings, tables, meters.taken_in, meters.refused) if meters else Agents(settings, tables)
    if settings.generation > 1 and not building:
        routes = Routes(settings, meters.taken_in) if meters else Routes(settings)
        app.fold_agent(settings.topic(OUTCOME_EVENTS), routes.route, name="route")
    app.fold_agent(settings.intake_topic, agents.intake, name="intake")
    app.fold_agent(settings.topic(COMPONENT_DELTAS), agents.components, name="components")
    app.fold_agent(settings.topic(PAIR_DELTAS), agents.pairs, name="pairs")
    return app


def run_worker(settings: Settings, number: int = 1, *, building: bool = False) -> int:
    """Run one worker until a signal or a failure, with its metrics beside it if they have a port.

    Args:
        settings: the process's settings.
        number: which of the supervised workers it is, from 1; each has its own port, the first the one set.
        building: as `create_app` has it.

    Returns:
        The exit code.
    """
    if not settings.metrics_port:
        return run(create_app(settings, building=building))
    meters = Meters()
    app = create_app(settings, meters, building=building)
    return run(app, [serve(app, meters, settings.metrics_host, settings.metrics_port + number - 1)])
