#!/bin/sh
# Makes sure that this machine has what building RocksDB needs: a C++ compiler and libclang.
# Everything else is Rust and comes with cargo.
set -eu

has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    # Not libclang-cpp, which LLVM brings along and which bindgen cannot use.
    ldconfig -p 2>/dev/null | grep -Eq 'libclang(-[0-9.]+)?\.so' && return 0
    for lib in /usr/lib/llvm-*/lib/libclang.so* /usr/lib/llvm-*/lib/libclang-[0-9]*.so* \
        /usr/lib/*/libclang.so* /usr/lib/*/libclang-[0-9]*.so* /usr/lib64/libclang.so* \
        /usr/lib/libclang.so* /opt/homebrew/opt/llvm/lib/libclang.dylib \
        /Library/Developer/CommandLineTools/usr/lib/libclang.dylib; do
        [ -e "$lib" ] && return 0
    done
    return 1
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
