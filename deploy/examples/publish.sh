#!/bin/sh
# Publishes an outcome through the gateway with curl, and tries again until it is accepted.
#
#   GATEWAY=http://127.0.0.1:8090 [TOKEN=...] publish.sh HOST COMPONENT OUTCOME
#
# The Idempotency-Key is the same for each attempt, so that an answer that was lost does not count an outcome twice.
set -eu
[ $# -eq 3 ] || { echo "usage: publish.sh HOST COMPONENT OUTCOME" >&2; exit 2; }

quoted() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }
event="{\"host_id\": $(quoted "$1"), \"component_id\": $(quoted "$2"), \"outcome_type\": $(quoted "$3")}"
key="$(date +%s)-$$-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')"

if [ -n "${TOKEN:-}" ]; then set -- --header "Authorization: Bearer $TOKEN"; else set --; fi
curl --silent --show-error --fail-with-body \
  --retry 5 --retry-connrefused --max-time 30 \
  --header "Content-Type: application/json" --header "Idempotency-Key: $key" "$@" \
  --data-binary "$event" "${GATEWAY:-http://127.0.0.1:8090}/v1/outcomes"
