#!/bin/sh
# Prints the folder with the toolchain's own llvm tools, or says how to get them.
set -eu

host=$(rustc -vV | sed -n 's/^host: //p')
tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
for tool in llvm-profdata llvm-cov; do
    [ -x "$tools/$tool" ] && continue
    echo "error: $tool is missing; \`rustup component add llvm-tools\`" >&2
    exit 1
done
echo "$tools"
