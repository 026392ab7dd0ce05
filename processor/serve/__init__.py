"""For scoring services and people: views of the result topics, HTTP, and a page."""

from processor.serve.answers import Answers
from processor.serve.blocking import BlockingOutcomeView
from processor.serve.changes import Change, MissedError
from processor.serve.view import AsOf, OutcomeView

__all__ = ["Answers", "AsOf", "BlockingOutcomeView", "Change", "MissedError", "OutcomeView"]
