#!/usr/bin/env bash
# no_streams.sh NM LIBRARY: what a phone ships asks the C++ runtime for no stream, no locale and no digits of a floating-point number
# (std::to_chars): with its own runtime inside it would be 560,000 bytes larger (client/README.md, Figures).
set -euo pipefail
asked=$("$1" --dynamic --undefined-only --demangle "$2")
grep -q 'operator new' <<<"$asked" || { echo "$2: what it asks for is not understood"; exit 1; }
found=$(grep -E 'std::[a-z_0-9:]*(ios|stream|locale|filebuf)|to_chars\(char\*, char\*, (float|double|long double)' <<<"$asked" || true)
[[ -z $found ]] || { printf '%s asks for:\n%s\n' "$2" "$found"; exit 1; }
