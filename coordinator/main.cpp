// fedspend-coordinator: the daemon. See coordinator/README.md.

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/program.h"
#include "common/program/runtime.h"
#include "common/protocol/model_file.h"
#include "common/transport/zmq_channel.h"
#include "coordinator/beacon_command.h"
#include "coordinator/daemon.h"
#include "coordinator/revocation_file.h"
#include "coordinator/signed_plan_file.h"

namespace fedspend::coordinator {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

constexpr std::size_t kMaxModelFileBytes = (std::size_t{4} << 24) + 4096;
constexpr std::size_t kMaxListBytes = std::size_t{1} << 28;

Error at(const std::string& path, Error error) {
  error.message = path + ": " + error.message;
  return error;
}

struct Federation {
  Plan plan;
  std::vector<CurvePublicKey> gateways;
  std::uint64_t revocation_list = 0;  // its sequence; 0: none given
  std::unique_ptr<Store> store;
  std::unique_ptr<CohortChooser> chooser;
  std::unique_ptr<Beacon> beacon;     // external; null: the roster's own
  std::unique_ptr<RoundMachine> machine;
};

Result<std::vector<float>> initial_weights(const Arguments& arguments, const Plan& plan, const PlanHash& hash) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("initial-model"));
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxModelFileBytes));
  Result<ModelFile> file = decode_model_file(bytes);
  if (!file) return fail(at(path, file.error()));
  if (file->plan_hash != hash || file->weights.size() != plan.model.parameter_count)
    return fail(ErrorCode::invalid_argument, path + " was made for another plan", "make it with `fedspend-sim init --plan PLAN --out FILE`");
  return std::move(file->weights);
}

struct Devices {
  IdentityPublicKey authority;
  std::optional<RevocationList> revocations;  // none given
  EnrolmentList admitted;
};

Result<Devices> read_devices(const Arguments& arguments, const std::string& population) {
  Devices devices;
  FEDSPEND_ASSIGN(const std::string authority_path, arguments.text("authority-key"));
  FEDSPEND_ASSIGN(devices.authority, program::read_identity_public_key(authority_path, "authority"));
  FEDSPEND_ASSIGN(const std::string path, arguments.text("devices"));
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxListBytes));
  const Result<EnrolmentList> list = EnrolmentList::parse(as_text(bytes));
  if (!list) return fail(at(path, list.error()));
  if (const auto revocations = arguments.optional_text("revocations")) {
    FEDSPEND_ASSIGN(devices.revocations, read_revocation_file(*revocations, devices.authority));
  }
  Result<EnrolmentList> admitted = list->admitted({.authority = devices.authority,
                                                   .population = population,
                                                   .now_s = program::unix_time_s(),
                                                   .revocations = devices.revocations ? &*devices.revocations : nullptr});
  if (!admitted) return fail(at(path, admitted.error()));
  devices.admitted = std::move(*admitted);
  return devices;
}

// A gateway's key is nobody else's: a device with it could speak for all the others.
Result<std::vector<CurvePublicKey>> read_gateways(const Arguments& arguments, const EnrolmentList& devices, const CurvePublicKey& own) {
  std::vector<CurvePublicKey> gateways;
  for (const std::string& path : arguments.texts("gateway-key")) {
    FEDSPEND_ASSIGN(const CurvePublicKey key, program::read_curve_public_key(path));
    if (key == own) return fail(ErrorCode::invalid_argument, path + ": this is the coordinator's own key", "give the gateway a key of its own (`fedspend-admin gateway-keygen`)");
    if (devices.knows_transport_key(key)) return fail(ErrorCode::invalid_argument, path + ": an enrolled device has this key", "give the gateway a key of its own (`fedspend-admin gateway-keygen`)");
    gateways.push_back(key);
  }
  return gateways;
}

void log_admission(const EnrolmentList& admitted, std::uint64_t revocation_list) {
  const std::size_t revoked = admitted.excluded(Exclusion::revoked), expired = admitted.excluded(Exclusion::expired);
  program::log(revoked + expired != 0 ? program::LogLevel::warning : program::LogLevel::info, "enrolment",
               {{"devices", std::to_string(admitted.devices().size())},
                {"revoked", std::to_string(revoked)},
                {"expired", std::to_string(expired)},
                {"revocations", revocation_list != 0 ? "list " + std::to_string(revocation_list) : "none given"}});
}

// Null: the plan has the roster's own. What devices would refuse is not begun.
Result<std::unique_ptr<Beacon>> external_beacon(const Arguments& arguments, const std::string& plan_path, const Plan& plan) {
  const auto command = arguments.optional_text("beacon-command"), key_path = arguments.optional_text("beacon-key");
  const bool is_needed = plan.aggregation.mode == Aggregation::secure && plan.aggregation.beacon == BeaconSource::external;
  if (!command || !key_path) {
    if (is_needed)
      return fail(ErrorCode::invalid_argument, plan_path + ": the plan has an external beacon, and --" + (command ? "beacon-key" : "beacon-command") + " is not given",
                  "give --beacon-command and --beacon-key, or sign a plan with aggregation.beacon = \"roster\"");
    if (command || key_path) return fail(ErrorCode::invalid_argument, "--beacon-command and --beacon-key are given together or not at all", "give both");
    return nullptr;
  }
  FEDSPEND_ASSIGN(const IdentityPublicKey key, program::read_identity_public_key(*key_path, "beacon"));
  return std::make_unique<BeaconCommand>(*command, key);
}

// Everything that is given is read and checked before the first folder is made.
Result<Federation> open_federation(const Arguments& arguments, const fs::path& state, const fs::path& out, const CurvePublicKey& own_key, RandomSource& random) {
  FEDSPEND_ASSIGN(const std::string plan_path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const std::string release_path, arguments.text("release-key"));
  FEDSPEND_ASSIGN(const IdentityPublicKey release_key, program::read_identity_public_key(release_path, "release"));
  FEDSPEND_ASSIGN(SignedPlan signed_plan, read_signed_plan(plan_path));
  Result<Plan> plan = open_plan(signed_plan, release_key);
  // The file is what is wrong here, not a peer: exit code 4.
  if (!plan && plan.error().code == ErrorCode::unauthorized)
    return fail(ErrorCode::refused, at(plan_path, plan.error()).message, "sign it again with `fedspend-admin sign-plan`, or name the public half of the key that signed it");
  if (!plan) return fail(at(plan_path, plan.error()));
  if (Status supported = check_supported(*plan); !supported) return fail(at(plan_path, supported.error()));
  if (plan->last_day && std::chrono::system_clock::now() >= *plan->last_day + std::chrono::days(1))
    return fail(ErrorCode::invalid_argument, plan_path + ": the plan has expired: its last day was " + day_text(*plan->last_day), "no device takes part any more: sign a plan with a later last_day");
  const PlanHash hash = hash_of_plan(signed_plan.bytes);

  FEDSPEND_ASSIGN(Devices devices, read_devices(arguments, plan->population));
  FEDSPEND_ASSIGN(std::vector<float> weights, initial_weights(arguments, *plan, hash));
  FEDSPEND_ASSIGN(const std::int64_t selection_timeout, arguments.integer("selection-timeout-s", 1, 86'400));
  FEDSPEND_ASSIGN(std::unique_ptr<Beacon> beacon, external_beacon(arguments, plan_path, *plan));
  FEDSPEND_ASSIGN(std::vector<CurvePublicKey> gateways, read_gateways(arguments, devices.admitted, own_key));
  FEDSPEND_TRY(program::ensure_writable_directory(state));
  FEDSPEND_TRY(program::ensure_writable_directory(out));
  Federation federation;
  federation.plan = *plan;
  federation.gateways = gateways;
  federation.beacon = std::move(beacon);
  FEDSPEND_ASSIGN(federation.store, Store::open(state / "coordinator.sqlite", hash));
  FEDSPEND_TRY(accept_revocations(state, devices.authority, devices.revocations ? &*devices.revocations : nullptr));
  federation.revocation_list = devices.revocations ? devices.revocations->sequence() : 0;
  FEDSPEND_ASSIGN(std::optional<StoredModel> stored, federation.store->latest_model());
  federation.chooser = std::make_unique<UniformChooser>(random);
  Checkpoint checkpoint{.rounds_done = 0, .weights = std::move(weights), .optimizer_state = {}, .ledger = {}};
  if (stored) checkpoint = {.rounds_done = stored->round, .weights = std::move(stored->weights), .optimizer_state = std::move(stored->optimizer_state), .clip_norm_l2 = stored->next_clip_norm_l2, .ledger = {}};
  FEDSPEND_ASSIGN(checkpoint.ledger, federation.store->ledger());
  FEDSPEND_ASSIGN(federation.machine,
                  RoundMachine::create(std::move(signed_plan), release_key, std::move(checkpoint), std::move(devices.admitted),
                                       {.selection_timeout = std::chrono::seconds(selection_timeout), .gateways = std::move(gateways), .external_beacon = federation.beacon.get(), .unix_time_s = program::unix_time_s},
                                       *federation.chooser, random));
  return federation;
}

Report report_of(const DaemonSummary& summary, const Federation& federation, const fs::path& out) {
  Report report;
  report.data = {{"rounds_done", federation.machine->rounds_done()},
                 {"rounds_published", summary.rounds_published},
                 {"rounds_aborted", summary.rounds_aborted},
                 {"messages_dropped", summary.messages_dropped},
                 {"bytes_up", summary.bytes_up},
                 {"bytes_down", summary.bytes_down},
                 {"finished", summary.finished},
                 {"why_early", summary.why_early},
                 {"demonstration", federation.plan.is_demonstration()},
                 {"model", (out / "model.fsm").string()},
                 {"dp_statement", (out / kDpStatementJson).string()}};
  report.text = (federation.plan.is_demonstration() ? std::string(federation.plan.demonstration_note()) + "\n" : std::string()) + (summary.why_early.empty() ? std::string() : "ended early: " + summary.why_early + "\n") + "round " +
                std::to_string(federation.machine->rounds_done()) + " of " + std::to_string(federation.plan.federation.rounds) + " done, " +
                std::to_string(summary.rounds_aborted) + " rounds aborted, " + std::to_string(summary.bytes_up) + " bytes up, " + std::to_string(summary.bytes_down) +
                " bytes down; the model is " + (out / "model.fsm").string() + ", what bounds what it tells about a customer: " + (out / kDpStatementText).string() + "\n";
  return report;
}

Result<Report> run_coordinator(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_ASSIGN(const std::string log_level, arguments.text("log-level"));
  FEDSPEND_TRY(program::set_log_level(log_level));
  FEDSPEND_ASSIGN(const std::string state, arguments.text("state"));
  const fs::path out = arguments.optional_text("out").value_or(state);
  FEDSPEND_ASSIGN(const std::string curve_path, arguments.text("curve-key"));
  FEDSPEND_ASSIGN(const CurveKeyPair curve, program::read_curve_key(curve_path));
  FEDSPEND_ASSIGN(const std::int64_t max_failed, arguments.integer("max-failed-rounds", 0, 1'000'000));
  std::int64_t threads = std::max<std::int64_t>(std::thread::hardware_concurrency(), 1);
  if (arguments.has("threads")) {
    FEDSPEND_ASSIGN(threads, arguments.integer("threads", 1, 256));
  }

  SystemRandom random;
  FEDSPEND_ASSIGN(Federation federation, open_federation(arguments, state, out, curve.public_key, random));
  const EnrolmentList& enrolment = federation.machine->enrolment();
  FEDSPEND_TRY(program::require_descriptors(enrolment.devices().size() * 2 + 128));
  FEDSPEND_ASSIGN(const std::string listen, arguments.text("listen"));
  ZmqServerOptions server{.address = listen, .allow = [&](const CurvePublicKey& key) {
                            return enrolment.knows_transport_key(key) || std::find(federation.gateways.begin(), federation.gateways.end(), key) != federation.gateways.end();
                          }};
  server.limits.max_bulk_bytes = largest_bulk_bytes(federation.plan);
  const auto ready = arguments.optional_text("ready-file");
  std::error_code ignored;
  if (ready && fs::is_regular_file(*ready, ignored)) fs::remove(*ready, ignored);  // of an earlier run: its endpoint may be another
  FEDSPEND_ASSIGN(const auto channel, ZmqServerChannel::bind(std::move(server), curve));
  program::log(program::LogLevel::info, "listening", {{"endpoint", channel->last_endpoint()}, {"devices", std::to_string(enrolment.devices().size())}});
  log_admission(enrolment, federation.revocation_list);
  if (ready)
    FEDSPEND_TRY(program::write_file_atomically(*ready, as_bytes(channel->last_endpoint() + "\n")));

  const program::SteadyClock clock;
  program::Progress progress("rounds", federation.plan.federation.rounds, !arguments.flag("no-progress"));
  progress.update(federation.machine->rounds_done());
  Daemon daemon(*federation.machine, *federation.store, *channel, clock,
                {.out = out, .max_failed_rounds = static_cast<std::uint32_t>(max_failed), .threads = static_cast<unsigned>(threads), .exit_when_finished = arguments.flag("exit-when-finished")},
                [&](const RoundSummary& round) {
                  if (round.published) progress.update(round.round.value, std::to_string(round.contributors.size()) + " updates");
                });
  FEDSPEND_ASSIGN(const DaemonSummary summary, daemon.run(program::stop_requested()));
  progress.finish();
  return report_of(summary, federation, out);
}

program::ProgramSpec coordinator_program() {
  program::Command run{
      .name = "",
      .summary = "run a federation: select cohorts, aggregate their updates, publish models",
      .example = "fedspend-coordinator --plan plan.toml --release-key release.key.pub --initial-model initial.fsm --devices devices.list --authority-key authority.key.pub "
                 "--curve-key coordinator.key --listen tcp://127.0.0.1:5570 --state state",
      .options = {{.name = "plan", .value_name = "FILE", .help = "the plan, with its signature beside it as FILE.sig", .required = true},
                  {.name = "release-key", .value_name = "FILE", .help = "the public key that the plan is signed with", .required = true},
                  {.name = "initial-model", .value_name = "FILE", .help = "where the first round begins (`fedspend-sim init`)", .required = true},
                  {.name = "devices", .value_name = "FILE", .help = "the enrolment list (`fedspend-admin enrol`)", .required = true},
                  {.name = "authority-key", .value_name = "FILE", .help = "the public key that the devices' certificates are signed with", .required = true},
                  {.name = "revocations", .value_name = "FILE", .help = "the authority's list of revoked devices (`fedspend-admin revoke`); without it: none"},
                  {.name = "curve-key", .value_name = "FILE", .help = "this coordinator's CURVE key, mode 0600 (`fedspend-admin keygen`)", .required = true},
                  {.name = "gateway-key", .value_name = "FILE", .help = "the public CURVE key of a fedspend-gateway, which may bring messages of all devices; without it: none", .repeated = true},
                  {.name = "listen", .value_name = "ADDRESS", .help = "tcp://ADDRESS:PORT; * is any", .default_text = "tcp://127.0.0.1:5570"},
                  {.name = "state", .value_name = "DIR", .help = "the database; a restart goes on from the last published model", .required = true},
                  {.name = "out", .value_name = "DIR", .help = "where model.fsm and cohorts.jsonl go; without it: --state"},
                  {.name = "threads", .value_name = "N", .help = "threads that unmask a secure sum, and as many that check signatures; by default all cores"},
                  {.name = "beacon-command", .value_name = "PROGRAM", .help = "for plans with beacon = \"external\": run as PROGRAM AID ROOT, prints the beacon's signature (`fedspend-admin beacon-sign`)"},
                  {.name = "beacon-key", .value_name = "FILE", .help = "the external beacon's public key, which devices pin: what PROGRAM prints is checked by it"},
                  {.name = "max-failed-rounds", .value_name = "N", .help = "give up after so many aborted rounds in a row; 0: never", .default_text = "10"},
                  {.name = "selection-timeout-s", .value_name = "S", .help = "abort a round for which too few devices come in this time", .default_text = "600"},
                  {.name = "exit-when-finished", .value_name = "", .help = "end after the plan's last round"},
                  {.name = "log-level", .value_name = "LEVEL", .help = "debug, info, warning or error", .default_text = "info"},
                  {.name = "no-progress", .value_name = "", .help = "no progress display"},
                  {.name = "ready-file", .value_name = "FILE", .help = "written with the endpoint once devices can connect"}},
      .positional = "",
      .run = run_coordinator};
  return {.name = "fedspend-coordinator", .summary = "the fedspend coordinator daemon", .commands = {run}};
}

}  // namespace
}  // namespace fedspend::coordinator

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  return fedspend::program::run_program(fedspend::coordinator::coordinator_program(), argc, argv);
}
