"""`make bench`: the hot path beside its rivals, on one broker, in one run."""
