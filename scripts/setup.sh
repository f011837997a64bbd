#!/bin/sh
# Makes sure that this machine has what building RocksDB needs: a C++ compiler and libclang.
# Everything else is Rust and comes with cargo.
set -eu

# Not libclang-cpp, which is another library and often there alone.
is_libclang='libclang([-.][0-9.]+)?\.(so|dylib)'

has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    ldconfig -p 2>/dev/null | grep -Eq "$is_libclang" && return 0
    ls /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/lib /opt/homebrew/opt/llvm/lib \
        /Library/Developer/CommandLineTools/usr/lib 2>/dev/null | grep -Eq "^$is_libclang"
}

missing=""
command -v c++ >/dev/null 2>&1 || missing="$missing c++"
has_libclang || missing="$missing libclang"
command -v cargo >/dev/null 2>&1 || {
    echo "error: cargo is not on the PATH; install Rust (rustup) first" >&2
    exit 1
}
[ -z "$missing" ] && exit 0

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"
if command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || command -v sudo >/dev/null; }; then
    echo "setup: installing what is missing:$missing"
    $as_root apt-get update -q
    $as_root apt-get install -q -y --no-install-recommends g++ libclang-dev
elif command -v dnf >/dev/null 2>&1; then
    $as_root dnf install -y gcc-c++ clang-devel
elif command -v pacman >/dev/null 2>&1; then
    $as_root pacman -S --noconfirm --needed gcc clang
else
    echo "error: building needs$missing; install a C++ compiler and libclang, then try again" >&2
    exit 1
fi
