"""Since when components are problematic, as far as somebody has seen it.

The topic holds only the newest row of a component. A turn that happens while we watch has a time; for what
was problematic before, the last failure stands in, the newest moment at which it can have turned.
"""

from processor.serve.statsrows import StatsRows

__all__ = ["Turn", "Turns"]

Turn = tuple[str, str]  # the time, RFC 3339 UTC; the component's id


class Turns:
    """Times of turning, for those that are problematic now."""

    def __init__(self) -> None:
        self._since: dict[str, str] = {}

    def look(self, rows: StatsRows) -> None:
        """Take note of who is problematic now; a component that recovered is forgotten."""
        for component_id in self._since.keys() - rows.problematic:
            del self._since[component_id]
        for component_id in rows.problematic - self._since.keys():
            row = rows.row(component_id)
            if row is not None:
                self._since[component_id] = row["last_failure"] or row["first_seen"] or ""

    def newest(self, limit: int) -> list[Turn]:
        """Return the newest turns, newest first, then by id."""
        turns = [(since, component_id) for component_id, since in self._since.items()]
        return sorted(sorted(turns, key=lambda turn: turn[1]), key=lambda turn: turn[0], reverse=True)[:limit]
