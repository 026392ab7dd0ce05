"""What a plugin needs to import another program's records: see processor/publish/README.md."""

from processor.publish.importers.base import (
    Carry,
    Head,
    Importer,
    LineReader,
    Outcome,
    RawLine,
    Reader,
    Source,
)

__all__ = ["Carry", "Head", "Importer", "LineReader", "Outcome", "RawLine", "Reader", "Source"]
