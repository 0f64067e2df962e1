#!/usr/bin/env bash
# Coverage-guided fuzzing of the readers of outside data.
#
#   scripts/fuzz.sh build                 compile all targets (nightly or stable rustc, a C++ compiler)
#   scripts/fuzz.sh run TARGET [SECONDS]  npy, bvh, safetensors, torch_tar, request_json; 900 seconds unless said
#   scripts/fuzz.sh all [SECONDS]         one after the other
#
# Findings lie in fuzz/artifacts/TARGET, the corpus in fuzz/corpus/TARGET, what was printed in fuzz/artifacts/TARGET.log.
set -euo pipefail
cd "$(dirname "$0")/.."
host=x86_64-unknown-linux-gnu
target_dir=${FUZZ_TARGET_DIR:-$PWD/fuzz/target}
targets=(npy bvh safetensors torch_tar request_json)

build() {
    RUSTC_WRAPPER="$PWD/fuzz/instrument.sh" CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$target_dir \
        cargo "+${FUZZ_TOOLCHAIN:-nightly}" build --manifest-path fuzz/Cargo.toml --release --target $host --bins
}

run() {
    local target=$1 seconds=${2:-900}
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    local dictionary=()
    [ -f "fuzz/dictionaries/$target" ] && dictionary=(-dict="fuzz/dictionaries/$target")
    # What has been found comes first (and is written back), then the seeds that are in the repository.
    nice -n 5 "$target_dir/$host/release/$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$target/" "${dictionary[@]}" \
        "fuzz/corpus/$target" "fuzz/seeds/$target" >"fuzz/artifacts/$target.log" 2>&1 ||
        { tail -n 40 "fuzz/artifacts/$target.log"; return 1; }
    grep -E "^stat::|DONE|Done" "fuzz/artifacts/$target.log" | tail -n 8
}

case "${1:-}" in
build) build ;;
run) run "${2:?which target}" "${3:-900}" ;;
all)
    failed=0
    for target in "${targets[@]}"; do
        echo "$target"
        run "$target" "${2:-900}" || failed=1
    done
    exit $failed
    ;;
*) sed -n 2,8p "$0"; exit 2 ;;
esac
