#!/bin/sh
# Measures how much one core simulates when the simulator is built as `make release` builds the
# program: as a whole, and by a profile. The profile is taken of 300 drawn seeds, with all their faults;
# measured are fair weather, and a thousand seeds. Takes about ten minutes.
set -eu

cd "$(dirname "$0")/.."
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR

tools=$(sh scripts/llvm-tools.sh)
host=$(rustc -vV | sed -n 's/^host: //p')
work=$CARGO_TARGET_DIR/profile-speed
flags=${RUSTFLAGS:-}

# Builds the benchmark, and prints where it is.
build() {
    RUSTFLAGS="$flags $1" cargo bench --profile dist --locked --target "$host" -p simulator \
        --bench speed --no-run --message-format json-render-diagnostics |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

rm -rf "$work"
mkdir -p "$work/counts"
counting=$(build "-Cprofile-generate=$work/counts")
LLVM_PROFILE_FILE=$work/counts/%m-%p.profraw "$counting" 0 0 300
"$tools/llvm-profdata" merge "$work"/counts/*.profraw -o "$work/all.profdata"
"$(build "-Cprofile-use=$work/all.profdata")" 10000 300 1000
