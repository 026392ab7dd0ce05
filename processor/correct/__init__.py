"""Corrections: planned from the whole log, written in one transaction, applied by the workers."""
