#!/bin/sh
# Measures which lines of `consensus` the simulator runs: prints a table by file, and fails below MIN
# per cent. Only worlds of the simulator count, none of the tests of `consensus` itself. Of drawn
# seeds and twins it runs one in SHARE; the mutants run copies, and are left out. Where a line was
# not run, lines.txt in the folder of the counts says so.
set -eu

MIN=${MIN:-90}
SHARE=${SHARE:-50}
export SHARE

cd "$(dirname "$0")/.."
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/coverage
export CARGO_TARGET_DIR

tools=$(sh scripts/llvm-tools.sh)

# Only what is measured counts its lines, and whose functions may be made elsewhere: the rest stays
# as quick as it is. Tests bring what writes the counts when they end.
mkdir -p "$CARGO_TARGET_DIR"
RUSTC_WORKSPACE_WRAPPER=$CARGO_TARGET_DIR/rustc.sh
export RUSTC_WORKSPACE_WRAPPER
cat >"$RUSTC_WORKSPACE_WRAPPER" <<'EOF_WRAPPER'
#!/bin/sh
case " $* " in
    *' --crate-name consensus '* | *' --crate-name simulator '* | *' --test '*)
        exec "$@" -C instrument-coverage ;;
esac
exec "$@"
EOF_WRAPPER
chmod +x "$RUSTC_WORKSPACE_WRAPPER"

# Each file is a test; the mutants are a folder.
set --
for file in simulator/tests/*.rs; do
    set -- "$@" --test "$(basename "$file" .rs)"
done
counts=$CARGO_TARGET_DIR/counts
rm -rf "$counts"
mkdir -p "$counts"
LLVM_PROFILE_FILE=$counts/%m-%p.profraw
export LLVM_PROFILE_FILE
cargo test --release --locked -p simulator "$@"

built=$(cargo test --release --locked -p simulator "$@" --no-run --message-format json 2>/dev/null)
objects=$(echo "$built" | sed -n 's/.*"executable":"\([^"]*\)".*/--object \1/p')
"$tools/llvm-profdata" merge --sparse "$counts"/*.profraw -o "$counts/all.profdata"
read_counts() {
    command=$1
    shift
    # Each object is two words.
    # shellcheck disable=SC2086
    "$tools/llvm-cov" "$command" --instr-profile "$counts/all.profdata" $objects "$@" \
        --sources consensus/src 2>/dev/null
}
read_counts show >"$counts/lines.txt"
read_counts report --show-region-summary=false --show-branch-summary=false |
    awk -v min="$MIN" '
        function row(name, lines, missed) {
            printf "| %s | %d | %d | %.1f %% |\n", name, lines, lines - missed,
                100 * (lines - missed) / lines
        }
        BEGIN { print "\n| file of consensus/src | lines | run | |\n|---|---|---|---|" }
        $1 ~ /\.rs$/ { row("`" $1 "`", $5, $6) }
        $1 == "TOTAL" { row("all", $5, $6); share = 100 * ($5 - $6) / $5 }
        END {
            if (share < min) {
                printf "error: the simulator runs less than %s %% of the lines\n", min
                exit 1
            }
        }'
echo "Every line with its count: $counts/lines.txt"
