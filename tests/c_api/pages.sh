#!/usr/bin/env bash
# pages.sh READELF LIBRARY: every segment that is loaded is aligned to 16 KB, in the file as in memory, so that a system with such
# pages can map it (Android asks that of apps; https://developer.android.com/guide/practices/page-sizes).
set -euo pipefail
count=0
while read -r _ offset address _ _ _ rest; do
  count=$((count + 1))
  align=${rest##* }
  if ((align < 16384 || (offset - address) % 16384 != 0)); then
    echo "$2: a segment at offset $offset for address $address with alignment $align"
    exit 1
  fi
done < <("$1" --program-headers --wide "$2" | grep -E '^ +LOAD ')
((count >= 2)) || { echo "$2: no segments"; exit 1; }
