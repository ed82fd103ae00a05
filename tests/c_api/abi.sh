#!/usr/bin/env bash
# abi.sh check LIBRARY: holds libfedspend_client.so against the stored description of its ABI (client.abi, made by abidw; client.constants).
#   A function that is gone, a signature that is another one, a struct whose known fields are not where they were or have other
#   names or types, a constant with another number: an error. What was added at the end is reported.
# abi.sh renew LIBRARY: writes the description anew. After changing client.h:
#   cmake --build build/notorch --target renew_client_abi
set -euo pipefail
export LC_ALL=C
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
header=$folder/../../client/include/fedspend
library=$2

# The public types alone: what the header does not define is opaque.
describe() {
  abidw --headers-dir "$header" --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --no-architecture \
    --exported-interfaces-only --drop-private-types --drop-undefined-syms --type-id-style hash --out-file "$1" "$library"
}
constants() {
  {
    sed -nE 's/^#define (FEDSPEND_[A-Z0-9_]+) ([0-9]+).*/\1 = \2/p' "$header/client.h" | grep -v '^FEDSPEND_CLIENT_VERSION '
    grep -oE '\bFEDSPEND_[A-Z0-9_]+ = -?[0-9]+' "$header/client.h"
  } | sort
}

case $1 in
  renew)
    describe "$folder/client.abi"
    constants >"$folder/client.constants"
    ;;
  check)
    now=$(mktemp -d)
    trap 'rm -rf "$now"' EXIT
    constants >"$now/constants"
    describe "$now/abi"
    missing=$(comm -23 "$folder/client.constants" "$now/constants")
    [[ -z $missing ]] || { printf 'constants that are gone or have another number:\n%s\n' "$missing"; exit 1; }
    if ! python3 "$folder/abi_lines.py" "$folder/client.abi" "$now/abi"; then
      abidiff --harmless --redundant "$folder/client.abi" "$now/abi" || true
      echo "The ABI is broken: see conventions 3, 7 and 8 in client.h. If what is gone was never released: tests/c_api/abi.sh renew"
      exit 1
    fi
    comm -13 "$folder/client.constants" "$now/constants" | sed 's/^/new: /'
    ;;
esac
