#!/usr/bin/env bash
# kept_symbols.sh READELF NM ADDR2LINE LIBRARY: the library is stripped and names LIBRARY.debug, which is of the same build and tells functions and lines of its
# addresses: of a function of the C ABI (which the Java library has inside), and of one that is never seen from outside.
set -euo pipefail
readelf=$1 nm=$2 addr2line=$3 library=$4 kept=$4.debug
fail() { echo "$library: $1"; exit 1; }
[[ -f $kept ]] || fail "there is no $kept"
# Whole outputs first: a reader that ends early would end the writer, too.
sections=$("$readelf" --section-headers --wide "$library")
! grep -qE '\.(symtab|debug_)' <<<"$sections" || fail "it is not stripped"
link=$("$readelf" --string-dump=.gnu_debuglink "$library")
grep -qF "$(basename "$kept")" <<<"$link" || fail "it does not name $(basename "$kept")"
build() { "$readelf" --notes "$1" | sed -n 's/.*Build ID: //p'; }
[[ -n $(build "$library") && $(build "$library") == "$(build "$kept")" ]] || fail "$kept is of another build"
seen=$("$nm" --defined-only "$kept" | sed -n 's/^\([0-9a-f]*\) [Tt] fedspend_run_once$/\1/p')
[[ -n $seen ]] || fail "fedspend_run_once is not there"
[[ $("$addr2line" --functions --exe="$kept" "$seen" | tr '\n' ' ') == "fedspend_run_once "*c_api.cpp:[1-9]* ]] || fail "$kept does not know fedspend_run_once"
hidden=$("$nm" --defined-only "$kept" | sed -n 's/^\([0-9a-f]*\) t _ZN8fedspend6client6Device8run_onceEv$/\1/p')
[[ -n $hidden ]] || fail "$kept has no name for Device::run_once"
[[ $("$addr2line" --exe="$kept" "$hidden") == *client/device.cpp:[1-9]* ]] || fail "$kept does not know where Device::run_once is"
