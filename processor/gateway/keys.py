"""A request that is sent again with its Idempotency-Key gets its first answer; nothing is sent twice. Pure.

Answers are remembered for a day, the oldest forgotten first where there are too many. A key that is
forgotten, or known to another gateway only, does no harm: the events that it names have the same ids each
time.
"""

from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus

from processor.gateway.problems import ProblemError

__all__ = ["KEY_MAX", "Keys"]

KEY_MAX = 255
_KEEP_S = 86_400.0
_MAX_BYTES = 64_000_000
_ENTRY_BYTES = 512


@dataclass(slots=True)
class _Entry:
    digest: bytes
    at_s: float
    answer: bytes | None = None  # None while the request is under way

    @property
    def size(self) -> int:
        return _ENTRY_BYTES + len(self.answer or b"")


class Keys:
    """The requests of the last day that had a key.

    Args:
        max_bytes: how much their answers may take.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._max_bytes = max_bytes

    def begin(self, key: str, digest: bytes, now_s: float) -> bytes | None:
        """Return the answer of a request that was answered before; None if it is to be done now.

        Args:
            key: of caller and request.
            digest: of the body.
            now_s: the time, by any clock that only goes forward.

        Raises:
            ProblemError: 409 it is under way, 422 the key was another body's.
        """
        while self._entries and now_s - next(iter(self._entries.values())).at_s > _KEEP_S:
            self._forget(next(iter(self._entries)))
        entry = self._entries.get(key)
        if entry is None:
            self._put(key, _Entry(digest, now_s))
            return None
        if entry.digest != digest:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another body"
            )
        if entry.answer is None:
            raise ProblemError(
                HTTPStatus.CONFLICT,
                "the request with this Idempotency-Key is under way",
                headers={"Retry-After": "1"},
            )
        return entry.answer

    def finish(self, key: str, answer: bytes) -> None:
        """Remember the answer of a request that is done."""
        entry = self._entries.get(key)
        if entry is not None:
            self._bytes += len(answer)
            entry.answer = answer
            self._make_room()

    def fail(self, key: str) -> None:
        """Forget a request that was not done, so that it can be sent again."""
        if key in self._entries:
            self._forget(key)

    def __len__(self) -> int:
        return len(self._entries)

    def _put(self, key: str, entry: _Entry) -> None:
        self._entries[key] = entry
        self._bytes += entry.size
        self._make_room()

    def _make_room(self) -> None:
        while self._bytes > self._max_bytes and len(self._entries) > 1:
            self._forget(next(iter(self._entries)))

    def _forget(self, key: str) -> None:
        self._bytes -= self._entries.pop(key).size
