#!/usr/bin/env bash
# All interop checks on a result's folder: run.sh [--cheap] RESULT [PYTHON]. README.md says what they need.
set -euo pipefail
cheap=false
if [ "${1:-}" = --cheap ]; then
    cheap=true
    shift
fi
result=$(realpath "${1:?name the folder of a result made with --format npy,npz,amass,bvh,glb,mp4,gif,png}")
python=${2:-python3}
cd "$(dirname "$0")"

node validate.mjs "$result"/*.glb
"$python" check_npz.py "$result"
"$python" check_glb.py "$result"
"$python" check_video.py "$result"
$cheap || "$python" check_blender.py "$result"
echo "all of it reads back"
