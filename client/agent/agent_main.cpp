// fedspend-device: the agent for branch hardware and demonstrations. See client/README.md.

#include <filesystem>
#include <list>
#include <utility>

#include <nlohmann/json.hpp>

#include "client/agent/agent.h"
#include "client/agent/agent_commands.h"
#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/runtime.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

struct Policy {
  std::string toml;
  bool is_demonstration = false;
};

Result<Policy> read_policy(const Arguments& arguments) {
  const auto path = arguments.optional_text("policy");
  if (!path) return Policy{};
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(*path, 1 << 16));
  Policy policy{.toml = std::string(as_text(bytes))};
  std::uint8_t is_demonstration = 0;
  if (policy.toml.find('\0') != std::string::npos) return fail(ErrorCode::malformed, *path + ": a policy has no NUL bytes", "a policy is a TOML file (toml.io)");
  const fedspend_status checked = fedspend_check_policy(policy.toml.c_str(), &is_demonstration);
  if (checked != FEDSPEND_OK) return fail(abi_error(checked, *path));
  policy.is_demonstration = is_demonstration != 0;
  return policy;
}

Result<std::uint32_t> milliseconds(const Arguments& arguments, const char* name, std::int64_t most_s) {
  FEDSPEND_ASSIGN(const std::int64_t seconds, arguments.integer(name, 1, most_s));
  return static_cast<std::uint32_t>(seconds * 1'000);
}

Status read_connection(const Arguments& arguments, AgentDeviceOptions& options) {
  FEDSPEND_ASSIGN(options.coordinator, arguments.text("coordinator"));
  FEDSPEND_ASSIGN(const std::string coordinator_key, arguments.text("coordinator-key"));
  FEDSPEND_ASSIGN(const CurvePublicKey coordinator, program::read_curve_public_key(coordinator_key));
  options.coordinator_key = coordinator.bytes;
  FEDSPEND_ASSIGN(const std::string release_key, arguments.text("release-key"));
  FEDSPEND_ASSIGN(const IdentityPublicKey release, program::read_identity_public_key(release_key, "release"));
  options.release_key = release.bytes;
  FEDSPEND_ASSIGN(const std::string authority_key, arguments.text("authority-key"));
  FEDSPEND_ASSIGN(const IdentityPublicKey authority, program::read_identity_public_key(authority_key, "authority"));
  options.authority_key = authority.bytes;
  FEDSPEND_ASSIGN(options.transient_backoff_ms, milliseconds(arguments, "transient-backoff-s", 86'400));
  FEDSPEND_ASSIGN(options.permanent_backoff_ms, milliseconds(arguments, "permanent-backoff-s", 604'800));
  FEDSPEND_ASSIGN(options.connect_timeout_ms, milliseconds(arguments, "connect-timeout-s", 3'600));
  return {};
}

// Of one that is not enrolled, the words why; before anything is written to the cache.
Status check_enrolled(const AgentDevice& device) {
  std::uint8_t enrolled = 0;
  FEDSPEND_TRY(device.done(fedspend_is_enrolled(device.handle(), &enrolled)));
  if (enrolled != 0) return {};
  FEDSPEND_ASSIGN(const fedspend_run_report why, device.run_once());
  return fail(ErrorCode::not_found, device.folder().string() + ": " + why.words, "enrol it (`fedspend-admin enrol`), then `fedspend-device certificate`");
}

Result<Report> run_devices(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_ASSIGN(const std::string log_level, arguments.text("log-level"));
  FEDSPEND_TRY(program::set_log_level(log_level));
  FEDSPEND_ASSIGN(const std::string isa, arguments.text("isa"));
  if (const fedspend_status pinned = fedspend_pin_instruction_set(isa.c_str()); pinned != FEDSPEND_OK) return fail(abi_error(pinned, "--isa"));
  FEDSPEND_ASSIGN(Opening opening, opening_of(arguments));
  FEDSPEND_TRY(read_connection(arguments, opening.options));
  opening.options.starts_now = arguments.flag("now");
  FEDSPEND_ASSIGN(const Policy policy, read_policy(arguments));
  opening.options.policy_toml = policy.toml;
  FEDSPEND_ASSIGN(const std::string cache, arguments.text("cache"));
  opening.options.cache = cache;

  std::list<std::vector<models::Transaction>> transactions;
  Devices devices;
  for (const fs::path& folder : opening.folders) {
    if (program::stop_requested().load()) break;
    FEDSPEND_TRY(check_has_store(folder));
    AgentDeviceOptions options = options_of(opening, folder);
    if (has_transactions(folder)) {
      FEDSPEND_ASSIGN(std::vector<models::Transaction> rows, read_transactions(folder));
      options.transactions = &transactions.emplace_back(std::move(rows));
    }
    FEDSPEND_ASSIGN(std::unique_ptr<AgentDevice> device, AgentDevice::open(options));
    FEDSPEND_TRY(check_enrolled(*device));
    devices.push_back(std::move(device));
  }
  for (const auto& device : devices) FEDSPEND_TRY(program::ensure_writable_directory(opening.options.cache / device->name()));
  if (policy.is_demonstration) program::log(program::LogLevel::warning, "demonstration", {{"reason", "the policy allows an open sum or a plan without noise"}});
  FEDSPEND_ASSIGN(const AgentSummary summary, run_agent(devices, arguments.flag("exit-when-finished"), program::stop_requested()));

  Report report;
  report.data = {{"clients", summary.clients},
                 {"trainings", summary.trainings},
                 {"updates_accepted", summary.updates_accepted},
                 {"updates_not_accepted", summary.updates_not_accepted},
                 {"assignments_refused", summary.assignments_refused},
                 {"last_refusal", summary.last_refusal},
                 {"clients_refused", summary.clients_refused},
                 {"bytes_sent", summary.bytes_sent},
                 {"finished", summary.finished},
                 {"demonstration", policy.is_demonstration}};
  report.text = std::string(policy.is_demonstration ? "DEMONSTRATION: this device let the coordinator see single updates, or without noise\n" : "") +
                std::to_string(summary.updates_accepted) + " updates of " + std::to_string(summary.clients) + " clients accepted, " +
                std::to_string(summary.updates_not_accepted) + " not, " + std::to_string(summary.assignments_refused) + " assignments refused" +
                (summary.last_refusal.empty() ? "" : " (" + summary.last_refusal + ")") + "\n";
  return report;
}

program::ProgramSpec device_program() {
  program::Command run{
      .name = "run",
      .summary = "take part in a federation with the clients of a folder",
      .example = "fedspend-device run --profiles profiles/process-0 --coordinator tcp://127.0.0.1:5570 --coordinator-key coordinator.key.pub "
                 "--release-key release.key.pub --authority-key authority.key.pub --population synthetic --policy policy.toml --cache cache",
      .options = {profiles_option("the clients: one folder each, with the store that `keys` made and, where the transactions are not in it, a transactions.csv"),
                  {.name = "coordinator", .value_name = "ADDRESS", .help = "tcp://HOST:PORT", .required = true},
                  {.name = "coordinator-key", .value_name = "FILE", .help = "the coordinator's CURVE public key, pinned", .required = true},
                  release_key_option(),
                  authority_key_option(),
                  population_option(),
                  {.name = "policy", .value_name = "FILE", .help = "what this device accepts (TOML); without it: no purpose, and nothing that is open or without noise"},
                  {.name = "cache", .value_name = "DIR", .help = "where the plans and the models are kept, a folder a client", .required = true},
                  {.name = "isa", .value_name = "NAME", .help = "the instruction set to train with, e.g. AVX2", .default_text = "best"},
                  {.name = "connect-timeout-s", .value_name = "S", .help = "end if nobody has answered for so long; once connected it tries without end", .default_text = "15"},
                  {.name = "transient-backoff-s", .value_name = "S", .help = "pause after a passing failure, +-20%", .default_text = "900"},
                  {.name = "permanent-backoff-s", .value_name = "S", .help = "pause after a refusal, +-20%", .default_text = "14400"},
                  {.name = "now", .value_name = "", .help = "begin at once, whatever pause an earlier process was asked for; another address, key or policy does so by itself"},
                  {.name = "log-level", .value_name = "LEVEL", .help = "debug, info, warning or error", .default_text = "info"},
                  {.name = "exit-when-finished", .value_name = "", .help = "end when the coordinator says that the federation is finished"}},
      .positional = "",
      .run = run_devices};
  std::vector<program::Command> commands = {std::move(run)};
  for (const auto& more : {store_commands(), customer_commands()}) commands.insert(commands.end(), more.begin(), more.end());
  return {.name = "fedspend-device", .summary = "the fedspend device agent: trains on transactions that stay here, and sends only model updates", .commands = std::move(commands)};
}

}  // namespace
}  // namespace fedspend::client

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  return fedspend::program::run_program(fedspend::client::device_program(), argc, argv);
}
