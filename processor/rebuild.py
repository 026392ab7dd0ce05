"""A rebuild: the whole log folded again, by a router and workers that this process starts and watches.

It can be stopped at any moment, by SIGKILL too, and goes on where it was: each process commits what it does
in transactions, and the next one shuts out the last. It ends when all is folded that stood on the log; then
the generation's own workers go on.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable

from aiokafka.errors import KafkaError

from processor.admin import admin_client
from processor.app import engine_config
from processor.engine.errors import EngineError, engine_error
from processor.engine.runner import check_layout
from processor.errors import FleetfoldError, TopicsError
from processor.generations import begin, corrections_end, of_generation
from processor.obeying import hand_on_revocations, obeyed
from processor.router import Router
from processor.routes import Routes
from processor.serve.alias import read_aliases
from processor.settings import Settings
from processor.standing import Progress, standing
from processor.supervisor import Supervisor
from processor.topics import create, verify
from schemas.aliases import BuiltGeneration
from schemas.topics import OUTCOME_EVENTS

__all__ = ["build", "prepare", "run_router"]

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_NEAR = 20_000  # offsets: under load the end moves on, so being there is judged by what stood there before
_PATIENCE_S = 3.0


async def prepare(settings: Settings, partitions: int | None) -> tuple[Settings, BuiltGeneration]:
    """Make a generation's topics and its record, or find those of the rebuild that was stopped.

    Args:
        settings: which generation; if they name none, the unfinished one, else the next.
        partitions: how many its topics get; by default what the settings say.

    Returns:
        The settings for the generation, and how it is made.

    Raises:
        GenerationError: it was dropped, or begun in another way.
        TopicsError: topics are missing or not as they must be, or there is no right to make them.
        KafkaUnavailableError: no broker answers.
    """
    aliases = await read_aliases(settings)
    number = settings.generation if settings.generation > 1 else (aliases.unfinished or aliases.next)
    begun = aliases.built.get(number)
    count = partitions or (begun.partitions if begun else settings.partitions)
    wanted = of_generation(settings, number).model_copy(update={"partitions": count})
    made = await begin(wanted, await corrections_end(settings))
    if made.built is None:
        await create(wanted)
        problems = await verify(wanted)
        if problems:
            lines = "\n".join(f"  {problem}" for problem in problems)
            raise TopicsError(f"the topics are not as they must be:\n{lines}")
    return wanted, made


async def build(
    settings: Settings, supervisor: Supervisor, on_progress: Callable[[Progress], None]
) -> int | None:
    """Run the supervised processes until all is folded that stood on the log, or until they end.

    Args:
        settings: for the generation.
        supervisor: of a router and workers.
        on_progress: told about once a second.

    Returns:
        None when all is folded; else the supervisor's exit code, 0 after a signal.
    """
    running = asyncio.create_task(supervisor.run())
    watching = asyncio.create_task(_watch(settings, on_progress))
    await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
    if not watching.done():
        watching.cancel()
        await asyncio.wait((watching,))
        return running.result()
    supervisor.stop()
    await running
    watching.result()
    return None


async def _watch(settings: Settings, on_progress: Callable[[Progress], None]) -> None:
    """Return once everything is folded; a broker that does not answer is asked again."""
    told = False
    while True:
        try:
            async with standing(settings) as look:
                while True:
                    now = await look.progress()
                    on_progress(now)
                    if now.total - now.done <= _NEAR and await look.folded(_PATIENCE_S):
                        if told or not await hand_on_revocations(settings):
                            return
                        told = True
                        continue
                    await asyncio.sleep(_LOOK_EVERY_S)
        except FleetfoldError as error:
            logger.warning("how far the rebuild is cannot be told: %s", error)
        await asyncio.sleep(_LOOK_EVERY_S)


def run_router(settings: Settings) -> int:
    """Run the router of a generation's rebuild until a signal or a failure; returns the exit code."""
    gc.freeze()
    gc.set_threshold(500_000, 50, 1000)  # as a worker has it
    return asyncio.run(_route(settings))


async def _route(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = engine_config(settings)
    try:
        await check_layout(config)
        topic = settings.topic(OUTCOME_EVENTS)
        async with admin_client(settings.kafka_options()) as client:
            partitions = len((await client.leaders([topic]))[topic])
        routes = Routes(settings, void=await obeyed(settings))
        await Router(config, topic, partitions, routes).run(stop)
    except (EngineError, FleetfoldError) as error:
        logger.error("%s", error)  # noqa: TRY400 -- an expected failure needs no traceback
        return error.exit_code
    except KafkaError as error:
        made = engine_error(f"routing: {type(error).__name__}", error)
        logger.error("%s", made)  # noqa: TRY400 -- as above
        return made.exit_code
    return 0
