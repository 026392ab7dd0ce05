"""Outcomes over HTTP, for shells and languages without a Kafka client: alone, or as part of a service."""
