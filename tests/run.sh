#!/usr/bin/env bash
# Installs what is missing, builds and runs the tests of each preset. See --help.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash tests/run.sh [options] [preset...]

Installs the packages that are missing (.ci/install), then configures, builds and tests each preset in turn, and says how long
its build took. Ends at the first failure with its exit code; the last lines are ctest's.
Without presets: fuzz (its fuzz tests alone) and release. Presets: dev release notorch asan tsan phone arm64 fuzz (CMakePresets.json).

  --jobs N          compile and test N at a time (default: ninja's choice, and as many tests as there are processors)
  --fuzz-seconds N  time for all fuzz targets together (default 60)
  --explore N       N cases of each property, from seeds of their own (default: 100, always the same)
  --label NAME      only the tests with this label: unit, protocol, statistical, sim, fuzz, data
  --no-install      do not look at the packages
  --help            print this and end

Example: bash tests/run.sh --fuzz-seconds 600 asan fuzz
TEXT
}

wrong() {
  printf 'tests/run.sh: %s. See bash tests/run.sh --help\n' "$*" >&2
  exit 4
}

is_count() { [[ $1 =~ ^[1-9][0-9]{0,5}$ ]]; }

known=" dev release notorch asan tsan phone arm64 fuzz "
presets=()
jobs=
fuzz_seconds=
label=
install=yes
while (($# > 0)); do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --no-install) install=no ;;
    --jobs | --fuzz-seconds | --explore | --label)
      (($# > 1)) || wrong "$1 needs a value"
      [[ $1 == --label ]] || is_count "$2" || wrong "$1 '$2' is not a whole number above 0"
      case $1 in
        --jobs) jobs=$2 ;;
        --fuzz-seconds) fuzz_seconds=$2 ;;
        --explore) export RC_PARAMS="max_success=$2" ;;
        --label) label=$2 ;;
      esac
      shift
      ;;
    -*) wrong "unknown option $1" ;;
    *)
      [[ $known == *" $1 "* ]] || wrong "unknown preset '$1'; there are:${known% }"
      presets+=("$1")
      ;;
  esac
  shift
done
((${#presets[@]} > 0)) || presets=(fuzz release)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
architectures=()
[[ " ${presets[*]} " != *" arm64 "* ]] || architectures=(arm64)
[[ $install == no ]] || bash .ci/install "${architectures[@]}"

say() { printf '\n== %s\n' "$*"; }

build() {
  local preset=$1 options=() targets=()
  [[ $preset != fuzz || -z $fuzz_seconds ]] || options+=("-DFEDSPEND_FUZZ_SECONDS=$fuzz_seconds")
  # `build || exit` below switches off errexit in here.
  cmake --preset "$preset" "${options[@]}" || return
  if [[ $preset == fuzz ]]; then
    # Of this preset, the fuzz targets alone: the other tests are built by the other presets.
    mapfile -t targets < <(cmake --build --preset fuzz --target help | sed -n 's/^\(fuzz_[a-z0-9_]*\): phony.*/\1/p')
    ((${#targets[@]} > 0)) || {
      echo "tests/run.sh: the preset fuzz has no fuzz target" >&2
      return 1
    }
    targets=(--target "${targets[@]}")
  fi
  cmake --build --preset "$preset" ${jobs:+--parallel "$jobs"} "${targets[@]}"
}

for preset in "${presets[@]}"; do
  say "$preset: building"
  started=$SECONDS
  build "$preset" || exit
  took=$((SECONDS - started))
  selection=()
  wanted_label=$label
  [[ -n $label || $preset != fuzz ]] || wanted_label=fuzz
  [[ -z $wanted_label ]] || selection=(--label-regex "^$wanted_label\$")
  count=$(ctest --preset "$preset" "${selection[@]}" --show-only | sed -n 's/^Total Tests: //p')
  say "$preset: built in $took s; running ${count:-no} tests"
  ctest --preset "$preset" "${selection[@]}" --parallel "${jobs:-$(nproc)}" --no-tests=error </dev/null || exit
done
