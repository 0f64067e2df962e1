#!/usr/bin/env bash
# Requests made from our own /openapi.json, sound ones and broken ones: no 5xx, and every answer as the document says.
#
#   scripts/schemathesis.sh [SECONDS]      300 unless said
#
# Takes $SCHEMATHESIS, or installs it into target/schemathesis (Python 3.10 and later, from PyPI). The server is $DUET or
# target/release/duet, with a tiny model, so that long clips do not take the time that many requests need.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-300}
tool=${SCHEMATHESIS:-$PWD/target/schemathesis/bin/schemathesis}
if [ ! -x "$tool" ]; then
    python3 -m venv target/schemathesis
    target/schemathesis/bin/pip install --quiet --disable-pip-version-check 'schemathesis==4.32.5'
fi
work=$(mktemp -d)
server=
finish() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" || true
    rm -rf "$work"
}
trap finish EXIT
PYTHONDONTWRITEBYTECODE=1 python3 scripts/small_model.py "$work/models" >"$work/import.log"
env DUET_MODEL=small DUET_MODELS="$work/models" "${DUET:-target/release/duet}" serve --port 0 --queue 64 --data-dir "$work/results" \
    >"$work/said" 2>"$work/log" &
server=$!
for _ in $(seq 100); do
    address=$(sed -n 's|^Duet is ready: ||p' "$work/said")
    [ -n "$address" ] && break
    sleep 0.2
done
[ -n "$address" ] || { cat "$work/log"; exit 1; }

# What is looked at is in the configuration; that no request has too little time, in the hooks. Run where its notes may lie.
status=0
config=$PWD/scripts/schemathesis.toml
export SCHEMATHESIS_HOOKS=$PWD/scripts/schemathesis_hooks.py PYTHONDONTWRITEBYTECODE=1
cd "$work"
"$tool" --config-file "$config" run "$address/openapi.json" --max-time "$seconds" --workers 2 --no-color \
    --continue-on-failure --request-timeout 600 --generation-database none --output-truncate true || status=$?
# Alive, and works.
curl --fail --silent --show-error "$address/healthz" >/dev/null
curl --fail --silent --show-error "$address/generate" -H 'content-type: application/json' -d '{"prompt":"they bow","frames":16}' >/dev/null
if grep -E "panicked|code=\"internal\"" "$work/log"; then status=1; fi
exit $status
