#!/usr/bin/env bash
# symbols.sh NM SHARED STATIC: both libraries define the same names for others, and each of them begins with fedspend_.
set -euo pipefail
names() { "$@" | sed -n -e 's/@.*//' -e 's/^[0-9a-f]* [[:alpha:]] //p' | grep -v '^FEDSPEND_[0-9]*$' | sort; }
shared=$(names "$1" --dynamic --defined-only "$2")
static=$(names "$1" --extern-only --defined-only "$3")
(($(wc -l <<<"$shared") >= 28))
foreign=$(grep -v '^fedspend_' <<<"$shared"$'\n'"$static" || true)
[[ -z $foreign ]] || { printf 'seen from outside:\n%s\n' "$foreign"; exit 1; }
[[ $shared == "$static" ]] || { diff <(echo "$shared") <(echo "$static"); exit 1; }
# Weak references would become null where a static C++ library has the code.
weak=$("$1" "$3" | sed -n 's/^ *[wv] \(_Z.*\)/\1/p')
[[ -z $weak ]] || { printf 'weakly referred to:\n%s\n' "$weak"; exit 1; }
