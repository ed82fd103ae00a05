// fedspend-device: the agent for branch hardware and demonstrations. See client/README.md.

#include <filesystem>
#include <utility>

#include "client/agent.h"
#include "client/policy.h"
#include "client/profile.h"
#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/program.h"
#include "common/program/runtime.h"
#include "common/protocol/messages.h"
#include "common/protocol/plain_text.h"
#include "models/kernels.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

Result<Report> make_keys(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string root, arguments.text("profiles"));
  FEDSPEND_ASSIGN(const std::string list, arguments.text("list"));
  FEDSPEND_ASSIGN(const std::vector<fs::path> folders, find_profiles(root));
  SystemRandom random;
  std::string lines;
  for (const fs::path& folder : folders) {
    FEDSPEND_ASSIGN(const std::string line, ensure_keys(folder, random));
    lines += line + '\n';
  }
  FEDSPEND_TRY(program::write_file_atomically(list, as_bytes(lines)));
  Report report;
  report.data = {{"clients", folders.size()}, {"list", list}};
  report.text = std::to_string(folders.size()) + " clients have keys; their public halves are in " + list + " (give it to `fedspend-admin enrol`)\n";
  return report;
}

Result<DevicePolicy> read_policy(const Arguments& arguments) {
  const auto path = arguments.optional_text("policy");
  if (!path) return DevicePolicy{};
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(*path, 1 << 16));
  Result<DevicePolicy> policy = parse_policy(as_text(bytes));
  if (!policy) return fail(policy.error().code, *path + ": " + policy.error().message, policy.error().hint);
  return policy;
}

Result<AgentOptions> agent_options(const Arguments& arguments) {
  AgentOptions options;
  FEDSPEND_ASSIGN(options.coordinator, arguments.text("coordinator"));
  FEDSPEND_ASSIGN(const std::string coordinator_key, arguments.text("coordinator-key"));
  FEDSPEND_ASSIGN(options.coordinator_key, program::read_curve_public_key(coordinator_key));
  FEDSPEND_ASSIGN(const std::string release_key, arguments.text("release-key"));
  FEDSPEND_ASSIGN(options.release_key, program::read_identity_public_key(release_key, "release"));
  FEDSPEND_ASSIGN(options.population, arguments.text("population"));
  if (options.population.empty() || options.population.size() > kMaxTextBytes || !is_plain_text(options.population))
    return fail(ErrorCode::invalid_argument, "--population is not the name of a population", "give the population of the plan: 1 to 64 bytes without control characters");
  FEDSPEND_ASSIGN(options.policy, read_policy(arguments));
  FEDSPEND_ASSIGN(const std::string cache, arguments.text("cache"));
  options.cache = cache;
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  options.threads = static_cast<unsigned>(threads);
  FEDSPEND_ASSIGN(const std::int64_t transient, arguments.integer("transient-backoff-s", 1, 86'400));
  options.transient_backoff = std::chrono::seconds(transient);
  FEDSPEND_ASSIGN(const std::int64_t permanent, arguments.integer("permanent-backoff-s", 1, 604'800));
  options.permanent_backoff = std::chrono::seconds(permanent);
  FEDSPEND_ASSIGN(const std::int64_t connect_timeout, arguments.integer("connect-timeout-s", 1, 3'600));
  options.connect_timeout = std::chrono::seconds(connect_timeout);
  options.exit_when_finished = arguments.flag("exit-when-finished");
  return options;
}

Result<Report> run_agent(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_ASSIGN(const std::string log_level, arguments.text("log-level"));
  FEDSPEND_TRY(program::set_log_level(log_level));
  FEDSPEND_ASSIGN(const std::string isa, arguments.text("isa"));
  if (const Status pinned = models::pin_isa(isa); !pinned)
    return fail(pinned.error().code, "--isa: " + pinned.error().message, pinned.error().hint);
  FEDSPEND_ASSIGN(AgentOptions options, agent_options(arguments));
  FEDSPEND_ASSIGN(const std::string root, arguments.text("profiles"));
  FEDSPEND_ASSIGN(const std::vector<fs::path> folders, find_profiles(root));
  std::vector<Profile> profiles;
  for (const fs::path& folder : folders) {
    FEDSPEND_ASSIGN(Profile profile, load_profile(folder));
    profiles.push_back(std::move(profile));
  }
  FEDSPEND_TRY(program::ensure_writable_directory(options.cache));
  const program::SteadyClock clock;
  SystemRandom random;
  const bool demonstration = options.policy.allow_open_aggregation || options.policy.allow_no_privacy;
  FEDSPEND_ASSIGN(const auto agent, Agent::create(std::move(profiles), std::move(options), clock, random));
  if (demonstration) program::log(program::LogLevel::warning, "demonstration", {{"reason", "the policy allows an open sum or a plan without noise"}});
  FEDSPEND_ASSIGN(const AgentSummary summary, agent->run(program::stop_requested()));

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
                 {"demonstration", demonstration}};
  report.text = std::string(demonstration ? "DEMONSTRATION: this device let the coordinator see single updates, or without noise\n" : "") +
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
                 "--release-key release.key.pub --population synthetic --policy policy.toml --cache cache",
      .options = {{.name = "profiles", .value_name = "DIR", .help = "the clients: one folder each, with transactions.csv, identity.key and curve.key", .required = true},
                  {.name = "coordinator", .value_name = "ADDRESS", .help = "tcp://HOST:PORT", .required = true},
                  {.name = "coordinator-key", .value_name = "FILE", .help = "the coordinator's CURVE public key, pinned", .required = true},
                  {.name = "release-key", .value_name = "FILE", .help = "the public key that plans must be signed with, pinned", .required = true},
                  {.name = "population", .value_name = "NAME", .help = "the population this device belongs to", .required = true},
                  {.name = "policy", .value_name = "FILE", .help = "what this device accepts (TOML); without it: no purpose, and nothing that is open or without noise"},
                  {.name = "cache", .value_name = "DIR", .help = "where the plan and the model are kept", .required = true},
                  {.name = "threads", .value_name = "N", .help = "training threads", .default_text = "1"},
                  {.name = "isa", .value_name = "NAME", .help = "the instruction set to train with, e.g. AVX2", .default_text = "best"},
                  {.name = "connect-timeout-s", .value_name = "S", .help = "end if nobody has answered for so long; once connected it tries without end", .default_text = "15"},
                  {.name = "transient-backoff-s", .value_name = "S", .help = "pause after a passing failure, +-20%", .default_text = "900"},
                  {.name = "permanent-backoff-s", .value_name = "S", .help = "pause after a refusal, +-20%", .default_text = "14400"},
                  {.name = "log-level", .value_name = "LEVEL", .help = "debug, info, warning or error", .default_text = "info"},
                  {.name = "exit-when-finished", .value_name = "", .help = "end when the coordinator says that the federation is finished"}},
      .positional = "",
      .run = run_agent};
  program::Command keys{
      .name = "keys",
      .summary = "make the keys of the clients of a folder, and list their public halves",
      .example = "fedspend-device keys --profiles profiles/process-0 --list process-0.list",
      .options = {{.name = "profiles", .value_name = "DIR", .help = "the clients: one folder each, with a transactions.csv", .required = true},
                  {.name = "list", .value_name = "FILE", .help = "where the lines for the enrolment list go", .required = true}},
      .positional = "",
      .run = make_keys};
  return {.name = "fedspend-device", .summary = "the fedspend device agent: trains on transactions that stay here, and sends only model updates", .commands = {run, keys}};
}

}  // namespace
}  // namespace fedspend::client

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  return fedspend::program::run_program(fedspend::client::device_program(), argc, argv);
}
