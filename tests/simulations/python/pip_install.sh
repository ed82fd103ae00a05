#!/usr/bin/env bash
# `pip install ./simulations/python` into a fresh environment of Debian's Python, without the network, and a first use of it.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/fedspend-test-XXXXXX")
trap 'rm -rf "$folder" "$source_dir/simulations/python/fedspend.egg-info" "$source_dir/simulations/python/build"' EXIT

"${1:-/usr/bin/python3}" -m venv --system-site-packages "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation "$source_dir/simulations/python"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import fedspend
assert fedspend.__file__.startswith(__import__("sys").prefix), fedspend.__file__
data = fedspend.read_data(fedspend.synth("population", clients=20, months=2))
plan = fedspend.draft_plan(data, seed=1, demonstration=True, settings=["federation.rounds=2", "federation.cohort=5"])
print(fedspend.run(plan, data))
PYTHON
