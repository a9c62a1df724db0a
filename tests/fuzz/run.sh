#!/bin/bash
# Builds the fuzz targets on stable Rust and runs each for a while, from the committed corpus on:
#
#     tests/fuzz/run.sh [SECONDS for each target, default 20] [TARGET ...]
#     tests/fuzz/run.sh build [TARGET ...]
#
# Prints executions and coverage per target. Ends with 1 on a crash, a panic, an input that took too much CPU time (see
# src/lib.rs) or too much memory; the input is then in target/fuzz/findings/TARGET, and
#
#     target/fuzz/x86_64-unknown-linux-gnu/debug/TARGET FILE
#
# shows it again. What the targets find on the way stays in target/fuzz/corpus/TARGET for the next run.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-20}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(message zone config mmdb tsig ecs)

# Octets of an input: the longest message, and as much text.
max_len=65536
# What one process may take: the tables of the node, the embedded country database and what libFuzzer keeps.
memory_mb=2048

host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/fuzz
# Only what is built for --target gets these; build scripts do not.
flags=(
    -Dwarnings
    --cfg=fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)
RUSTFLAGS="${flags[*]}" cargo build --locked --manifest-path tests/fuzz/Cargo.toml --features libfuzzer \
    --target "$host" "${targets[@]/#/--bin=}"
[ "$seconds" != build ] || exit 0

# Runs one target; leaves its row of the table and how it ended beside its log.
fuzz() {
    local target=$1 log=target/fuzz/$1.log found=target/fuzz/corpus/$1 findings=target/fuzz/findings/$1 outcome=0
    mkdir -p "$found" "$findings"
    # -timeout is the net below the clock in the targets: what hangs for ever never returns to that clock.
    "target/fuzz/$host/debug/$target" "$found" "tests/fuzz/corpus/$target" \
        -max_len=$max_len -timeout=20 -rss_limit_mb=$memory_mb -max_total_time="$seconds" \
        -print_final_stats=1 -artifact_prefix="$findings/" >"$log" 2>&1 || outcome=$?
    local executions edges features inputs peak
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    edges=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | tr -dc '0-9' || true)
    features=$(grep -o 'ft: [0-9]*' "$log" | tail -n 1 | tr -dc '0-9' || true)
    inputs=$(grep -o 'corp: [0-9]*' "$log" | tail -n 1 | tr -dc '0-9' || true)
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log" | tail -n 1)
    printf '%-9s %12s %10s %10s %8s %9s\n' "$target" "${executions:-?}" "${edges:-?}" "${features:-?}" "${inputs:-?}" "${peak:-?}" >"$log.row"
    return $outcome
}

# Each takes one core; as many run side by side as there are.
failed=()
rows=()
cores=$(nproc)
for ((first = 0; first < ${#targets[@]}; first += cores)); do
    batch=("${targets[@]:first:cores}")
    started=()
    for target in "${batch[@]}"; do
        fuzz "$target" &
        started+=($!)
    done
    for place in "${!batch[@]}"; do
        target=${batch[$place]}
        if ! wait "${started[$place]}"; then
            failed+=("$target")
            tail -n 40 "target/fuzz/$target.log"
        fi
        rows+=("$(cat "target/fuzz/$target.log.row")")
    done
done

printf '\n%-9s %12s %10s %10s %8s %9s\n' target executions edges features inputs "peak MiB"
printf '%s\n' "${rows[@]}"
if [ ${#failed[@]} -gt 0 ]; then
    echo "FAILED: ${failed[*]}" >&2
    exit 1
fi
