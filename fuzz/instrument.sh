#!/usr/bin/env bash
# Stands in front of rustc: the crates that read bytes are compiled with coverage for libFuzzer, as cargo-fuzz compiles all of
# them. Tensors, the network and the page are not what is fuzzed; without coverage they build in half the time.
set -euo pipefail
rustc=$1
shift
crate=""
previous=""
for argument in "$@"; do
    [ "$previous" = --crate-name ] && crate=$argument
    previous=$argument
done
case " $* " in *" --target "*) for_target=1 ;; *) for_target=0 ;; esac
case "$crate" in
duet | npyz | safetensors | serde_json | toml | toml_parser | winnow | zip | base64 | npy | bvh | torch_tar | request_json)
    if [ "$for_target" = 1 ]; then
        exec "$rustc" "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0
    fi
    ;;
esac
exec "$rustc" "$@"
