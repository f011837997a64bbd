#!/bin/sh
# Builds the program that people are given: optimised as a whole, and by a profile of what it does
# most. The profile is taken here: a first build counts while it simulates networks and while it runs
# one under load; the second build is laid out by these counts. Both must make the same histories of
# the same seeds, bit for bit. Takes about half an hour on two cores; the last line says where the
# program is.
set -eu

cd "$(dirname "$0")/.."
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR
# First port of the network that runs for the profile; twenty more are taken.
PORT=${PORT:-46656}
# Seeds whose histories must be the same.
SEEDS=1..101

tools=$(sh scripts/llvm-tools.sh)
host=$(rustc -vV | sed -n 's/^host: //p')
program=$CARGO_TARGET_DIR/$host/dist/lockstep
work=$CARGO_TARGET_DIR/profile
flags=${RUSTFLAGS:-}

# With a target, the flags are not for build scripts and macros.
build() {
    RUSTFLAGS="$flags $1" cargo build --profile dist --locked --target "$host" --bin lockstep
}

digest() {
    "$1" simulate --seeds "$SEEDS" --json | sed -n 's/.*"digest": *"\([^"]*\)".*/\1/p'
}

network=
leave() {
    [ -n "$network" ] || return 0
    # It lets its nodes end, who write their counts as they do.
    kill -INT "$network" 2>/dev/null || true
    wait "$network" || true
    network=
}
trap leave EXIT

echo "release: a build that counts"
rm -rf "$work"
mkdir -p "$work/counts"
LLVM_PROFILE_FILE=$work/counts/%m-%p.profraw
export LLVM_PROFILE_FILE
build "-Cprofile-generate=$work/counts"

echo "release: it simulates networks"
before=$(digest "$program")
[ -n "$before" ] || { echo "error: seeds $SEEDS give no digest" >&2; exit 1; }
"$program" simulate --seeds 1..9 --whole >/dev/null
"$program" simulate --seeds 1..3 --real-signatures >/dev/null

echo "release: it runs a network under load"
"$program" localnet -n 4 --dir "$work/network" --fresh --base-port "$PORT" >"$work/network.log" 2>&1 &
network=$!
rpc=http://127.0.0.1:$((PORT + 1))
tries=120
until "$program" status --node "$rpc" >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" = 0 ] || ! kill -0 "$network" 2>/dev/null; then
        cat "$work/network.log" >&2
        echo "error: the network for the profile did not start; is PORT=$PORT taken?" >&2
        exit 1
    fi
    sleep 0.5
done
endpoints=$rpc,http://127.0.0.1:$((PORT + 11))
# Slowly, with nearly empty blocks, then as much as it takes.
"$program" load --endpoints "$endpoints" --connections 2 --time 10 --rate 20 --grace 5
"$program" load --endpoints "$endpoints" --connections 8 --time 15 --rate 0 --grace 5
leave

# RocksDB takes no part in the profile, and is as it was built.
if [ -z "${ROCKSDB_LIB_DIR:-}" ]; then
    ROCKSDB_LIB_DIR=$(dirname "$(ls -t "$CARGO_TARGET_DIR/$host"/dist/build/*/out/librocksdb.a |
        head -n 1)")
    ROCKSDB_STATIC=1
    export ROCKSDB_LIB_DIR ROCKSDB_STATIC
fi

"$tools/llvm-profdata" merge "$work"/counts/*.profraw -o "$work/all.profdata"
unset LLVM_PROFILE_FILE

echo "release: the build by these counts"
build "-Cprofile-use=$work/all.profdata"
after=$(digest "$program")
if [ "$before" != "$after" ]; then
    echo "error: seeds $SEEDS have digest $before in the first build, $after in the second" >&2
    exit 1
fi

mkdir -p "$CARGO_TARGET_DIR/released"
cp "$program" "$CARGO_TARGET_DIR/released/"

echo "release: $CARGO_TARGET_DIR/released/lockstep, whose seeds $SEEDS have digest $after"
