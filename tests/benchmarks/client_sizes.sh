#!/usr/bin/env bash
# client_sizes.sh [--check]: what the client library for a phone weighs, in bytes: linked from the archives of the preset arm64 with
# libsodium inside, unused sections left out, stripped, with the C++ runtime of the system and with its own. With --check it ends with 1 where either misses
# a figure.
#
#   bash .ci/install arm64 && bash tests/benchmarks/client_sizes.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
arch=aarch64-linux-gnu
archives=/usr/lib/$arch
build() { cmake "$@" >/dev/null && cmake --build "$2" --target fedspend_client_archive >/dev/null; }
build -B build/arm64 --preset arm64
build -B build/arm64-zeromq --preset arm64 -DFEDSPEND_WITH_ZEROMQ=ON -DFEDSPEND_WITH_AGENT=OFF -DFEDSPEND_WITH_TESTS=OFF

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
missed=0
row() { # words, most, archive, libraries
  local words=$1 most=$2 archive=$3 runtime
  shift 3
  local sizes=()
  for runtime in "" "-static-libstdc++ -static-libgcc"; do
    # shellcheck disable=SC2086
    $arch-g++ -shared -o "$folder/client.so" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive "$@" $runtime -Wl,--gc-sections \
      -Wl,--version-script=client/client.map -Wl,-z,max-page-size=16384
    $arch-strip "$folder/client.so"
    $arch-nm --dynamic --defined-only "$folder/client.so" | grep -q ' fedspend_run_once' || { echo "nothing was linked" >&2; exit 1; }
    sizes+=("$(stat -c %s "$folder/client.so")")
  done
  printf '| %-34s | %9s | %9s | %9s |\n' "$words" "${sizes[0]}" "${sizes[1]}" "$most"
  [[ $most == - ]] || ((sizes[0] <= most && sizes[1] <= most)) || missed=1
}
plain=build/arm64/lib/libfedspend_client.a
zeromq=build/arm64-zeromq/lib/libfedspend_client.a
printf '| %-34s | %9s | %9s | %9s |\n' "arm64, stripped, bytes" "as it is" "C++ too" "at most"
echo "|---|---|---|---|"
row "core, lean trainer, libsodium" 1500000 "$plain" $archives/libsodium.a -lsqlite3
row "... and SQLite" - "$plain" $archives/libsodium.a $archives/libsqlite3.a -lm
row "... and ZeroMQ" 4000000 "$zeromq" $archives/libsodium.a $archives/libsqlite3.a $archives/libzmq.a -lpgm-5.3 -lnorm -lgssapi_krb5 -lbsd -lm
exit $([[ ${1:-} == --check ]] && echo $missed || echo 0)
