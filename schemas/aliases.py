"""Aliases: which generation of the results is the live one, and which are built.

A generation is one fold of the whole log into topics of its own. Readers follow the live one: the record
under the key `live`, generation 1 while there is none. Each rebuild keeps a record, under `built-N`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from schemas.times import UtcTime

__all__ = ["LIVE_KEY", "AliasRecord", "BuiltGeneration", "LiveGeneration", "built_key"]

LIVE_KEY = b"live"


def built_key(generation: int) -> bytes:
    """Return the key of the record of a generation."""
    return b"built-%d" % generation


class _Alias(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    v: Literal[1] = Field(default=1, description="The version of this encoding")
    generation: int = Field(ge=1, description="Topics from 2 on begin with `gN.`")


class LiveGeneration(_Alias):
    """Which results readers follow."""

    since: UtcTime = Field(description="When somebody switched to it")


class BuiltGeneration(_Alias):
    """How a generation was made; it outlives the generation."""

    partitions: int = Field(ge=1, description="Of its topics")
    began: UtcTime = Field(description="When the rebuild was first started")
    built: UtcTime | None = Field(default=None, description="When all was folded that there was; null before")
    dropped: UtcTime | None = Field(default=None, description="When it was deleted; null while it is there")
    corrections: int = Field(ge=0, description="Where `corrections` ended when it began: those it obeys")


class AliasRecord(RootModel[LiveGeneration | BuiltGeneration]):
    """A value of `aliases`: under the key `live` the live generation, under `built-N` how N was made."""
