#!/usr/bin/env bash
# Hours of mixed load at four fifths of capacity: memory, open files and threads must stay where they are.
#
#   scripts/soak.sh [SECONDS]     3600 unless said; flags for `duet serve` after that
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-3600}
[ $# -gt 0 ] && shift
exec python3 load.py --mix --rates 0.8 --seconds "$seconds" -- "$@"
