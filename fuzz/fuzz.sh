#!/bin/sh
# Grows the corpora: sh fuzz/fuzz.sh [MINUTES per target] [TARGET…]
# Needs a C++ compiler (libFuzzer is built from source); no nightly Rust, no cargo-fuzz.
set -eu
cd "$(dirname "$0")"
minutes=${1:-1}
[ $# -gt 0 ] && shift
targets=${*:-"agent_names browser_frames circuit_parcels link_frames merged_facts node_inputs simulator_ops stored_records tmux_control"}
work=${CARGO_TARGET_DIR:-target}

host=$(rustc -vV | sed -n 's/^host: //p')

# Coverage counters and compared values for libFuzzer; what cargo-fuzz passes, without a sanitizer. Naming the
# target keeps the flags from build scripts.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing" \
    cargo build --release --quiet --manifest-path driver/Cargo.toml \
    --target "$host" --target-dir "$work"
driver=$work/$host/release/consort-fuzz-driver

for target in $targets; do
    echo "$target: $minutes min"
    mkdir -p "corpus/$target" "$work/found/$target" "$work/minimised"
    export FUZZ_TARGET="$target"
    "$driver" "$work/found/$target" "corpus/$target" -max_total_time=$((minutes * 60)) -max_len=800 -timeout=20 \
        -rss_limit_mb=3000 -artifact_prefix="$work/crash-$target-" -verbosity=0 -print_final_stats=1
    # Keep what reaches everything that was reached; of too many files, some of every length.
    rm -rf "$work/minimised/$target" && mkdir "$work/minimised/$target"
    "$driver" -merge=1 "$work/minimised/$target" "corpus/$target" "$work/found/$target" -verbosity=0 2>/dev/null
    rm -rf "corpus/$target" && mkdir "corpus/$target"
    ls -S "$work/minimised/$target" | awk -v most=48 '{ file[NR] = $0 }
        END { step = NR > most ? NR / most : 1; for (at = 1; at <= NR; at += step) print file[int(at)] }' |
        while read -r file; do cp "$work/minimised/$target/$file" "corpus/$target/"; done
    echo "$target: $(ls "corpus/$target" | wc -l) files, $(cat "corpus/$target"/* | wc -c) bytes"
done
