#!/usr/bin/env bash
# symbols.sh NM SHARED STATIC HEADER: what both libraries define for others is what the header declares, every function and nothing else.
set -euo pipefail
names() { "$@" | sed -n -e 's/@.*//' -e 's/^[0-9a-f]* [[:alpha:]] //p' | grep -v '^FEDSPEND_[0-9]*$' | sort; }
shared=$(names "$1" --dynamic --defined-only "$2")
static=$(names "$1" --extern-only --defined-only "$3")
# A declaration is one line or goes on in the next; the name is what stands before the first bracket.
declared=$(tr '\n' ' ' <"$4" | grep -oE 'FEDSPEND_API [a-z][^(;]*\(' | sed -E 's/.*[ *](fedspend_[a-z0-9_]+)\($/\1/' | sort)
[[ -n $declared && $(grep -c '^FEDSPEND_API ' "$4") == $(wc -l <<<"$declared") ]] || { echo "the declarations of $4 are not understood"; exit 1; }
for names in "$shared" "$static"; do
  [[ $names == "$declared" ]] || { echo "declared (<) and defined for others (>):"; diff <(echo "$declared") <(echo "$names"); exit 1; }
done
# Weak references would become null where a static C++ library has the code.
weak=$("$1" "$3" | sed -n 's/^ *[wv] \(_Z.*\)/\1/p')
[[ -z $weak ]] || { printf 'weakly referred to:\n%s\n' "$weak"; exit 1; }
