#!/usr/bin/env bash
# A federation end to end on this machine: a real coordinator process and real device processes train the stock model.
set -euo pipefail

usage() {
  cat <<'TEXT'
bash simulations/quickstart.sh [options]

Installs what is missing, builds the programs, and runs a federation on loopback: one fedspend-coordinator and several
fedspend-device processes, each with the histories of some clients. Ends with the accuracy beside the baselines, the bytes and
the seconds. Sums are secure. It is a demonstration all the same: no noise is added, and every output says so.

  --data FILE        run on your transactions (a data description, e.g. simulations/data/purchase-cards.toml);
                     without it: on an invented population, made by `fedspend-sim synth`
  --data-root DIR    the folder that the description's file names are relative to
  --plan FILE        a plan to run; without it one is drafted for the data
  --rounds N         rounds of a drafted plan (default 30)
  --clients N        customers of the invented population (default 120)
  --processes K      device processes (default 3)
  --seed S           of the invented population and the drafted plan (default 1)
  --out DIR          where everything goes (default out/quickstart; replaced if this script made it)
  --check            afterwards repeat the same cohorts in the simulator, and fail unless it gives the same model to the bit
  --bin DIR          programs that are built already: installs and builds nothing
  --help             this text
TEXT
}

data="" data_root="" plan="" rounds=30 clients=120 processes=3 seed=1 out="" check=no bin=""
refuse() { echo "quickstart: $1" >&2; exit 4; }
while [ $# -gt 0 ]; do
  case "$1" in
    --help) usage; exit 0 ;;
    --check) check=yes; shift; continue ;;
    --data|--data-root|--plan|--rounds|--clients|--processes|--seed|--out|--bin)
      [ $# -ge 2 ] || refuse "$1 wants a value. See --help" ;;
    *) refuse "unknown option $1. See --help" ;;
  esac
  case "$1" in
    --data) data=$(realpath -m "$2") ;;
    --data-root) data_root=$(realpath -m "$2") ;;
    --plan) plan=$(realpath -m "$2") ;;
    --rounds) rounds=$2 ;;
    --clients) clients=$2 ;;
    --processes) processes=$2 ;;
    --seed) seed=$2 ;;
    --out) out=$(realpath -m "$2") ;;
    --bin) bin=$(realpath -m "$2") ;;
  esac
  shift 2
done
for number in "$rounds" "$clients" "$processes" "$seed"; do
  [[ "$number" =~ ^[0-9]{1,9}$ ]] || refuse "\"$number\" is not a whole number. See --help"
done
for option in rounds clients processes; do
  [ "$((10#${!option}))" -ge 1 ] || refuse "--$option wants at least 1"
done
[ -z "$plan" ] || [ -f "$plan" ] || refuse "--plan $plan is not a file: give a plan, or leave it out to have one drafted"
[ -z "$data_root" ] || [ -d "$data_root" ] || refuse "--data-root $data_root is not a folder: name the one that the description's files lie in"
for program in fedspend-coordinator fedspend-device fedspend-admin fedspend-sim; do
  [ -z "$bin" ] || [ -x "$bin/$program" ] || refuse "--bin $bin has no program $program: name the folder of a build, or leave --bin out to build"
done
[ -z "$data" ] || [ -f "$data" ] || refuse "$data does not exist: give a data description, e.g. simulations/data/purchase-cards.toml"

cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -n "$out" ] || out=$PWD/out/quickstart
step() { printf '\n== %s\n' "$1" >&2; }

if [ -z "$bin" ]; then
  step "packages"
  bash .ci/install
  step "build (preset release)"
  build_began=$(date +%s)
  [ -f build/release/build.ninja ] || cmake --preset release >&2
  cmake --build --preset release --target programs >&2
  bin=$PWD/build/release/bin
  echo "built in $(($(date +%s) - build_began)) s" >&2
fi
sim=$bin/fedspend-sim admin=$bin/fedspend-admin device=$bin/fedspend-device coordinator=$bin/fedspend-coordinator

if [ -e "$out" ]; then
  if [ -f "$out/.quickstart" ]; then rm -rf "$out"; elif [ -n "$(ls -A "$out" 2>/dev/null || echo x)" ]; then refuse "$out is there and was not made by this script: give another --out"; fi
fi
mkdir -p "$out" 2>/dev/null || refuse "$out cannot be made: give another --out"
: > "$out/.quickstart"
began=$(date +%s)

step "data"
data_options=()
if [ -z "$data" ]; then
  "$sim" synth --clients "$clients" --seed "$seed" --out "$out/population"
  data=$out/population/synthetic.toml
fi
data_options=(--data "$data")
[ -z "$data_root" ] || data_options+=(--data-root "$data_root")

step "plan, keys and clients"
if [ -z "$plan" ]; then
  "$sim" plan "${data_options[@]}" --model next_category --demonstration --seed "$seed" --set "federation.rounds=$rounds" --out "$out/plan.toml"
else
  cp "$plan" "$out/plan.toml"
fi
population=$(sed -n 's/^population *= *"\(.*\)" *$/\1/p' "$out/plan.toml" | head -1)
"$admin" keygen --out "$out/keys"
"$admin" sign-plan --plan "$out/plan.toml" --release-key "$out/keys/release.key"
"$sim" init --plan "$out/plan.toml" --out "$out/initial.fsm"
"$sim" profiles "${data_options[@]}" --plan "$out/plan.toml" --out "$out/profiles" --processes "$processes"
"$admin" authority --out "$out/authority"
lists=()
for folder in "$out"/profiles/process-*; do
  name=$(basename "$folder")
  "$admin" token --authority "$out/authority" --population "$population" --count "$(find "$folder" -name transactions.csv | wc -l)" --out "$out/$name.tokens" >/dev/null
  "$device" keys --profiles "$folder" --population "$population" --token-file "$out/$name.tokens" --list "$out/$name.list" >/dev/null
  lists+=("$out/$name.list")
done
"$admin" enrol --authority "$out/authority" --devices "$out/devices.list" "${lists[@]}"
for folder in "$out"/profiles/process-*; do
  "$device" certificate --profiles "$folder" --from "$out/$(basename "$folder").list.certificates" --authority-key "$out/authority/authority.key.pub" --population "$population" >/dev/null
  # In an app each customer is asked; these are invented, or their owner is the one who runs this.
  "$device" consent --profiles "$folder" --population "$population" --purpose next_category --notice quickstart --retention-days 36500 >/dev/null
done
# What these devices accept. The defaults refuse a plan without noise and a cohort under 100.
cat > "$out/policy.toml" <<'TOML'
purposes = ["next_category"]
min_cohort = 1
max_clip_norm_l2 = 100.0
allow_no_privacy = true
TOML

step "federation"
pids=()
stop_all() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  pids=()
}
trap stop_all EXIT
trap 'exit 130' INT TERM
"$coordinator" --plan "$out/plan.toml" --release-key "$out/keys/release.key.pub" --initial-model "$out/initial.fsm" \
  --devices "$out/devices.list" --authority-key "$out/authority/authority.key.pub" --curve-key "$out/keys/coordinator.key" --listen 'tcp://127.0.0.1:*' --state "$out/coordinator" \
  --ready-file "$out/endpoint" --selection-timeout-s 60 --max-failed-rounds 3 --exit-when-finished --format json > "$out/coordinator.json" &
coordinator_pid=$!
pids+=("$coordinator_pid")
for _ in $(seq 300); do
  [ ! -f "$out/endpoint" ] || break
  kill -0 "$coordinator_pid" 2>/dev/null || { wait "$coordinator_pid" || exit $?; }
  sleep 0.1
done
[ -f "$out/endpoint" ] || { echo "quickstart: the coordinator is not ready after 30 s" >&2; exit 3; }
for folder in "$out"/profiles/process-*; do
  name=$(basename "$folder")
  "$device" run --profiles "$folder" --coordinator "$(cat "$out/endpoint")" --coordinator-key "$out/keys/coordinator.key.pub" \
    --release-key "$out/keys/release.key.pub" --authority-key "$out/authority/authority.key.pub" --population "$population" --policy "$out/policy.toml" --cache "$out/$name.cache" \
    --transient-backoff-s 2 --format json > "$out/$name.json" 2> "$out/$name.log" &
  pids+=("$!")
done
training_began=$(date +%s)
wait "$coordinator_pid" || { code=$?; echo "quickstart: the coordinator failed; the devices' logs are $out/process-*.log" >&2; exit "$code"; }
training_seconds=$(($(date +%s) - training_began))
pids=("${pids[@]:1}")
stop_all

step "result"
"$sim" evaluate "${data_options[@]}" --plan "$out/plan.toml" --model "$out/coordinator/model.fsm" | tee "$out/table.txt"
number_of() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$2"; }
printf '%s device processes, %s clients, %s rounds, %s aborted; %s bytes up, %s bytes down; training %s s, all %s s\n' \
  "$processes" "$(grep -vc '^#' "$out/devices.list")" "$(number_of rounds_done "$out/coordinator.json")" "$(number_of rounds_aborted "$out/coordinator.json")" \
  "$(number_of bytes_up "$out/coordinator.json")" "$(number_of bytes_down "$out/coordinator.json")" "$training_seconds" "$(($(date +%s) - began))" | tee -a "$out/table.txt"
echo "model: $out/coordinator/model.fsm   who took part: $out/coordinator/cohorts.jsonl   table: $out/table.txt"

if [ "$check" = yes ]; then
  step "the simulator repeats the same cohorts"
  "$sim" run "${data_options[@]}" --plan "$out/plan.toml" --cohorts "$out/coordinator/cohorts.jsonl" --out "$out/simulated" --no-progress > "$out/simulated.txt"
  if cmp "$out/coordinator/model.fsm" "$out/simulated/model.fsm"; then
    echo "the same model, to the bit, from the processes and from the simulator"
  else
    echo "quickstart: the simulator gives another model than the processes" >&2
    exit 5
  fi
fi
