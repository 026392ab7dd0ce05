"""The writer of verdicts, one at a time for a fleet: reads the result topics, judges, writes what changed."""
