"""Where a correction would not reach: a rebuilt generation passes control records over.

What they say fits the first generation's partitions and ledgers alone. So while another one is in use, a
correction is only written down, if that is what is asked for, and a rebuild that begins later obeys it. One
that begins between this look and the correction does not know of it, and `switch` refuses it for that.
"""

from processor.correct.request import CorrectionError
from processor.generations import has_workers
from processor.serve.alias import read_aliases
from processor.settings import Settings

__all__ = ["require_reach"]


async def require_reach(settings: Settings) -> None:
    """Return if a correction made now reaches every generation that is in use.

    Raises:
        CorrectionError: it would not; the text says why, and what to do.
        TopicsError: there is no topic `aliases`, or no right to read it or to see the groups of workers.
        KafkaUnavailableError: no broker answers.
    """
    if (why := await _out_of_reach(settings)) is not None:
        raise CorrectionError(
            f"{why}, and a correction reaches the first generation only: with --for-rebuild it is written "
            "down, and a `fleetfold rebuild` that begins afterwards obeys it"
        )


async def _out_of_reach(settings: Settings) -> str | None:
    """Return what keeps a correction from reaching all that is in use, or None."""
    if settings.generation > 1:
        return f"FLEETFOLD_GENERATION names generation {settings.generation}"
    aliases = await read_aliases(settings)
    if aliases.live > 1:
        return f"generation {aliases.live} is live"
    for number, made in sorted(aliases.built.items()):
        if made.dropped is not None:
            continue
        if made.built is None:
            return (
                f"generation {number} is being built (`fleetfold drop-generation {number}` gives up its "
                "rebuild)"
            )
        if await has_workers(settings, number):
            return f"workers fold generation {number} (they can be stopped)"
    return None
