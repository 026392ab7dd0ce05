"""Runs a batch application as a process: from the checks before the start to the exit code.

Exit codes: 0 after SIGTERM or SIGINT, with the running batches committed and the partitions handed over;
otherwise the error's own (see errors.py).
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from processor.engine.app import BatchApp
from processor.engine.batch import FetchedRecord
from processor.engine.changelog import read_to_end
from processor.engine.checkpoints import LAYOUT_KEY, REMARKS_KEY, decode, layout_value, remarks_value
from processor.engine.config import EngineConfig
from processor.engine.errors import EngineError, RefusedError, engine_error
from processor.engine.telling import places

__all__ = ["check_layout", "run"]

logger = logging.getLogger(__name__)
Services = Sequence[AbstractAsyncContextManager[object]]
STOP_LIMIT_S = 9.0  # a supervisor's patience is commonly 10 s
FAIL_LIMIT_S = 3.0


def run(app: BatchApp, services: Services = ()) -> int:
    """Run until a signal or a failure.

    Args:
        app: the application, with its agents and tables declared.
        services: what runs beside it in its event loop, entered before all checks and left after the stop.

    Returns:
        The exit code.
    """
    # The collector would walk millions of live rows again and again: it took a third of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 50, 1000)
    return asyncio.run(_run(app, services))


async def _run(app: BatchApp, services: Services) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_exception_handler(partial(_note_stray_error, app))
    async with AsyncExitStack() as beside:
        try:
            for service in services:
                await beside.enter_async_context(service)
            if await _unless_stopped(check_layout(app.engine.config), stop):
                await _serve(app, stop)
        except EngineError as error:
            logger.error("%s", error, exc_info=error.__cause__)  # noqa: TRY400 -- a refusal needs no traceback of ours
            return await _leave(app, error.exit_code, FAIL_LIMIT_S)
        except KafkaError as error:
            made = engine_error(
                f"cannot work with {app.engine.config.bootstrap}: {type(error).__name__}", error
            )
            logger.error("%s", made)  # noqa: TRY400 -- as above
            return await _leave(app, made.exit_code, FAIL_LIMIT_S)
        return await _leave(app, 0, STOP_LIMIT_S)


def _note_stray_error(app: BatchApp, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep the log to the reason of a failure: a client that fails leaves futures that nobody awaits."""
    if app.engine.failure is None:
        loop.default_exception_handler(context)
    else:
        logger.debug("after the failure: %s: %r", context.get("message"), context.get("exception"))


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Return True once the work is done, False if a signal comes first: a silent broker holds nobody."""
    tasks = [asyncio.create_task(work), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            return False
        tasks[0].result()
        return True
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=FAIL_LIMIT_S)


async def _serve(app: BatchApp, stop: asyncio.Event) -> None:
    """Start the application; return on a signal, raise on a failure."""
    engine = app.engine
    purge = asyncio.create_task(engine.purge_regularly())
    start = asyncio.create_task(app.start())
    waits = [asyncio.create_task(event.wait()) for event in (stop, engine.failed, app._crashed)]  # noqa: SLF001 -- mode has no public event
    try:
        await asyncio.wait([start, *waits], return_when=asyncio.FIRST_COMPLETED)
        if start.done() and not start.cancelled():
            start.result()
            logger.info("ready")
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (purge, start, *waits):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    reason = engine.reason()
    if reason is not None:
        raise reason
    if app.crashed:
        raise EngineError(f"the application crashed: {app.crash_reason!r}") from app.crash_reason


async def _leave(app: BatchApp, code: int, limit_s: float) -> int:
    """Stop within a time; whatever hangs is cut off, since nothing that matters is left undone."""
    engine = app.engine
    try:
        async with asyncio.timeout(limit_s):
            if app.started:
                await app.stop()
            await engine.quiesce()
            await engine.close()
    except Exception as error:  # noqa: BLE001 -- the worker is going down; what is not committed is read again
        logger.warning("the stop was cut short: %r", error)
        logging.shutdown()
        os._exit(code or EngineError.exit_code)
    if code == 0 and engine.failure is not None:
        logger.error("%s", engine.reason())
        return EngineError.exit_code
    logger.info("stopped", extra={"committed": places(engine.committed)})
    return code


async def _store(config: EngineConfig, records: Mapping[bytes, bytes]) -> None:
    """Write records beside the layout, in their order."""
    if not records:
        return
    async with AIOKafkaProducer(enable_idempotence=True, **config.clients()) as producer:
        for key, value in records.items():
            await producer.send_and_wait(config.checkpoints_topic, key=key, value=value, partition=0)


async def check_layout(config: EngineConfig) -> None:
    """Compare the stored layout with the configured one; store it with the first start, and with an upgrade.

    Remarks are stored with each start. After an upgrade the release before refuses to start: it would not
    understand what stands on the topics.

    Raises:
        RefusedError: they differ.
    """
    found: dict[bytes, bytes] = {}

    def on_records(_: TopicPartition, records: Sequence[FetchedRecord]) -> None:
        found.update((record.key or b"", record.value) for record in records if record.value is not None)

    first = TopicPartition(config.checkpoints_topic, 0)
    # read_uncommitted: the layout is written outside transactions, and one that is open must not hide it.
    await read_to_end(config, [first], on_records, isolation_level="read_uncommitted")
    wanted, stored = layout_value(config.layout), found.get(LAYOUT_KEY)
    if stored is None and found:
        raise RefusedError(f"{config.checkpoints_topic} has checkpoints but no layout record: restore it")
    if stored is None or stored in {wanted, *map(layout_value, config.former_layouts)}:
        if stored not in {None, wanted}:
            logger.info("this release takes over the state of an earlier one, which cannot read it any more")
        records = {LAYOUT_KEY: wanted, REMARKS_KEY: remarks_value(config.remarks)}
        await _store(config, {key: value for key, value in records.items() if found.get(key) != value})
        return
    old, new = decode(stored)["layout"], dict(config.layout)
    assert isinstance(old, dict)  # noqa: S101 -- our own encoding
    changed = "; ".join(
        f"{name}: stored {old.get(name)!r}, now {new.get(name)!r}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )
    raise RefusedError(
        f"the state was made with another layout ({changed}). Put the settings and topics back as they were, "
        "or count anew with `fleetfold rebuild`",
    )
