"""What somebody asks to be corrected, who asks and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from processor.errors import FleetfoldError
from processor.publish.uuid7 import uuid7
from schemas.corrections import Correction, CorrectionKind

__all__ = ["CorrectionError", "Request"]


class CorrectionError(FleetfoldError):
    """A correction cannot be made; nothing was written."""


@dataclass(frozen=True, slots=True)
class Request:
    """A correction that is asked for.

    Attributes:
        kind: what is asked for.
        by: who asks.
        reason: why.
        selecting: the fields of `Correction` that say which events are meant.
    """

    kind: CorrectionKind
    by: str
    reason: str = ""
    selecting: Mapping[str, Any] = field(default_factory=dict)

    def correction(self, before: list[int] | None = None, **counts: int) -> Correction:
        """Return the correction, made now under a new id.

        Args:
            before: where each partition of `outcome-events` ends.
            counts: of events and hosts that it takes back.

        Raises:
            CorrectionError: it does not say what is meant, or says it in a wrong form.
        """
        stated = {"by": self.by, "reason": self.reason, "at": datetime.now(UTC), "before": before, **counts}
        try:
            return Correction.model_validate(
                {"correction_id": uuid7(), "kind": self.kind, **stated, **self.selecting}
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise CorrectionError(f"{where}: {first['msg']}" if where else first["msg"]) from error
