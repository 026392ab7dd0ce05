"""A request's body is as large as is allowed, before and after decompression, or it is refused. Pure."""

import gzip
import zlib
from http import HTTPStatus
from io import BytesIO
from typing import Final

import zstandard

from processor.gateway.problems import ProblemError

__all__ = ["ENCODINGS", "JSON", "LINES", "media_type", "too_large", "unpacked"]

JSON: Final = "application/json"
LINES: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
ENCODINGS: Final = ("gzip", "zstd")
_WINDOW_BYTES = 8 * 1024 * 1024  # what zstd's own command line takes at most


def media_type(header: str) -> str:
    """Return the type of a body that is taken.

    A form's type, which a foreign web page could send without asking, is not.

    Raises:
        ProblemError: 415.
    """
    found = header.partition(";")[0].strip().lower()
    if found != JSON and found not in LINES:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"a body is {JSON} or application/x-ndjson, not {found or 'without a Content-Type'}",
        )
    return found


def unpacked(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return a body as it was before its content encoding.

    Args:
        body: as it came.
        encoding: the header; "" or "identity" for none.
        limit_bytes: no more than this is ever in memory.

    Raises:
        ProblemError: 413 too large, 415 another encoding, 400 damaged.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in ENCODINGS:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"a body is plain, {' or '.join(ENCODINGS)}, not {name[:40]}",
            headers={"Accept-Encoding": ", ".join(ENCODINGS)},
        )
    try:
        found = (_gunzipped if name == "gzip" else _unzstd)(body, limit_bytes + 1)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is no {name}: {error}") from error
    if len(found) > limit_bytes:
        raise too_large(limit_bytes)
    return found


def _gunzipped(body: bytes, max_bytes: int) -> bytes:
    with gzip.GzipFile(fileobj=BytesIO(body)) as reader:
        return reader.read(max_bytes)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    with decompressor.stream_reader(body, read_across_frames=True) as stream:
        found = stream.read(max_bytes)
    if len(found) < max_bytes:
        _check_frames_end(decompressor, body)
    return found


def _check_frames_end(decompressor: zstandard.ZstdDecompressor, body: bytes) -> None:
    """Raise an error if the last frame is cut off: a stream's reader does not tell."""
    while body:
        frame = decompressor.decompressobj()
        frame.decompress(body)
        if not frame.eof:
            raise EOFError("it ends in the middle")
        body = frame.unused_data


def too_large(limit_bytes: int) -> ProblemError:
    """Return the problem of a body that is too large."""
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {limit_bytes:,} bytes, decompressed too"
    )
