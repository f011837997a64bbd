#!/bin/sh
# Searches for seeds that fail, for hours: each profile below gets an equal share of the time. Prints
# a table for each. Seeds that fail are added to night-failures.txt, with the version and how to
# replay them; their traces lie beside it.
set -u

HOURS=${HOURS:-8}
LOCKSTEP=${LOCKSTEP:-lockstep}
FAILURES=${FAILURES:-night-failures.txt}

# One profile a line: what is asked of its networks. The first is anything at all.
PROFILES='--faults all
--whole
--network lan
--network wan
--faults none
--beyond-a-third
--real-signatures
--validators 25 --heights 10'

case $HOURS in
    '' | *[!0-9]* | 0) echo "HOURS: $HOURS is no number of hours; give 1 or more" >&2; exit 1 ;;
esac

count=$(echo "$PROFILES" | wc -l)
seconds=$((HOURS * 3600 / count))
# Other seeds every night.
from=$(date +%s)000000
failed=0

echo "$HOURS hours: $count profiles of $seconds seconds each, seeds from $from"
while IFS= read -r profile; do
    printf '\n== lockstep simulate %s\n' "$profile"
    # A profile is several words.
    # shellcheck disable=SC2086
    "$LOCKSTEP" simulate --seeds "$from.." --within "$seconds" --failures "$FAILURES" $profile ||
        failed=$((failed + 1))
done <<EOF_PROFILES
$PROFILES
EOF_PROFILES

echo
if [ "$failed" -gt 0 ]; then
    echo "$failed of $count profiles have seeds that fail: see $FAILURES"
    exit 1
fi
echo "no seed failed in $count profiles"
