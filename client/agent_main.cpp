// fedspend-device: the agent for branch hardware and demonstrations. See client/README.md.

#include <algorithm>
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

constexpr std::size_t kMaxTokenFileBytes = std::size_t{8} << 20;
constexpr std::size_t kMaxCertificatesBytes = std::size_t{64} << 20;

Result<std::string> read_population(const Arguments& arguments) {
  FEDSPEND_ASSIGN(std::string population, arguments.text("population"));
  if (population.empty() || population.size() > kMaxTextBytes || !is_plain_text(population))
    return fail(ErrorCode::invalid_argument, "--population is not the name of a population", "give the population of the plan: 1 to 64 bytes without control characters");
  return population;
}

// The lines of a text that are not empty, without their ends.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

// Tokens are secrets: no error quotes one.
Result<std::vector<EnrolmentToken>> read_tokens(const Arguments& arguments) {
  const auto path = arguments.optional_text("token-file");
  const auto given = arguments.optional_text("token");
  if (path.has_value() == given.has_value())
    return fail(ErrorCode::invalid_argument, path ? "--token-file and --token together" : "neither --token-file nor --token is given",
                "ask the enrolment authority for tokens (`fedspend-admin token`), and give --token-file FILE");
  std::vector<EnrolmentToken> tokens;
  if (given) {
    Result<EnrolmentToken> token = EnrolmentToken::parse(*given);
    if (!token) return fail(token.error().code, "--token: " + token.error().message, token.error().hint);
    tokens.push_back(std::move(*token));
    return tokens;
  }
  FEDSPEND_ASSIGN(Bytes bytes, program::read_file(*path, kMaxTokenFileBytes));
  const std::vector<std::string_view> lines = lines_of(as_text(bytes));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Result<EnrolmentToken> token = EnrolmentToken::parse(lines[i]);
    if (!token) return fail(token.error().code, *path + ", token " + std::to_string(i + 1) + ": " + token.error().message, token.error().hint);
    tokens.push_back(std::move(*token));
  }
  wipe(bytes);
  return tokens;
}

Result<Report> make_keys(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string root, arguments.text("profiles"));
  FEDSPEND_ASSIGN(const std::string list, arguments.text("list"));
  FEDSPEND_ASSIGN(const std::vector<fs::path> folders, find_profiles(root));
  EnrolmentRequests file;
  FEDSPEND_ASSIGN(file.population, read_population(arguments));
  FEDSPEND_ASSIGN(const std::vector<EnrolmentToken> tokens, read_tokens(arguments));
  if (tokens.size() < folders.size())
    return fail(ErrorCode::invalid_argument,
                root + " holds " + std::to_string(folders.size()) + " clients, and there are " + std::to_string(tokens.size()) + " tokens in " +
                    arguments.optional_text("token-file").value_or("--token"),
                "give one token a client: `fedspend-admin token --count " + std::to_string(folders.size()) + "`");
  SystemRandom random;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    FEDSPEND_ASSIGN(EnrolmentRequest request, request_enrolment(folders[i], file.population, tokens[i], random));
    file.requests.push_back(std::move(request));
  }
  FEDSPEND_TRY(program::write_file_atomically(list, as_bytes(file.text())));
  Report report;
  report.data = {{"clients", folders.size()}, {"list", list}};
  report.text = std::to_string(folders.size()) + " clients have keys; their requests for certificates are in " + list + " (give it to `fedspend-admin enrol`)\n";
  return report;
}

Result<Report> install(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string root, arguments.text("profiles"));
  FEDSPEND_ASSIGN(const std::vector<fs::path> folders, find_profiles(root));
  FEDSPEND_ASSIGN(const std::string key, arguments.text("authority-key"));
  PinnedEnrolment enrolment;
  enrolment.now_s = program::unix_time_s();
  FEDSPEND_ASSIGN(enrolment.authority, program::read_identity_public_key(key, "authority"));
  FEDSPEND_ASSIGN(enrolment.population, read_population(arguments));
  std::vector<Certificate> certificates;
  for (const std::string& path : arguments.texts("from")) {
    FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxCertificatesBytes));
    const std::vector<std::string_view> lines = lines_of(as_text(bytes));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const Result<Certificate> certificate = parse_certificate_line(lines[i]);
      if (!certificate) return fail(certificate.error().code, path + ", certificate " + std::to_string(i + 1) + ": " + certificate.error().message, certificate.error().hint);
      certificates.push_back(*certificate);
    }
  }
  FEDSPEND_TRY(install_certificates(folders, certificates, enrolment));
  Report report;
  report.data = {{"clients", folders.size()}};
  report.text = std::to_string(folders.size()) + " clients have certificates\n";
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
  FEDSPEND_ASSIGN(const std::string authority_key, arguments.text("authority-key"));
  FEDSPEND_ASSIGN(options.authority_key, program::read_identity_public_key(authority_key, "authority"));
  FEDSPEND_ASSIGN(options.population, read_population(arguments));
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
  const PinnedEnrolment enrolment{.authority = options.authority_key, .population = options.population, .now_s = program::unix_time_s()};
  for (const fs::path& folder : folders) {
    FEDSPEND_ASSIGN(Profile profile, load_profile(folder, enrolment));
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
  const program::Option authority_key{.name = "authority-key", .value_name = "FILE", .help = "the enrolment authority's public key, pinned", .required = true};
  const program::Option population{.name = "population", .value_name = "NAME", .help = "the population this device belongs to", .required = true};
  program::Command run{
      .name = "run",
      .summary = "take part in a federation with the clients of a folder",
      .example = "fedspend-device run --profiles profiles/process-0 --coordinator tcp://127.0.0.1:5570 --coordinator-key coordinator.key.pub "
                 "--release-key release.key.pub --authority-key authority.key.pub --population synthetic --policy policy.toml --cache cache",
      .options = {{.name = "profiles", .value_name = "DIR", .help = "the clients: one folder each, with transactions.csv, identity.key, curve.key and certificate", .required = true},
                  {.name = "coordinator", .value_name = "ADDRESS", .help = "tcp://HOST:PORT", .required = true},
                  {.name = "coordinator-key", .value_name = "FILE", .help = "the coordinator's CURVE public key, pinned", .required = true},
                  {.name = "release-key", .value_name = "FILE", .help = "the public key that plans must be signed with, pinned", .required = true},
                  authority_key,
                  population,
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
      .summary = "make the keys of the clients of a folder, and the requests for their certificates",
      .example = "fedspend-device keys --profiles profiles/process-0 --population synthetic --token-file process-0.tokens --list process-0.list",
      .options = {{.name = "profiles", .value_name = "DIR", .help = "the clients: one folder each, with a transactions.csv", .required = true},
                  population,
                  {.name = "token-file", .value_name = "FILE", .help = "one-time tokens of the enrolment authority, one a client, in the order of the folders' names"},
                  {.name = "token", .value_name = "TOKEN", .help = "the token of a single client; others on this machine can see it: a file is better"},
                  {.name = "list", .value_name = "FILE", .help = "where the requests go, for `fedspend-admin enrol`", .required = true}},
      .positional = "",
      .run = make_keys};
  program::Command certificate{
      .name = "certificate",
      .summary = "put the certificates beside the keys of the clients of a folder",
      .example = "fedspend-device certificate --profiles profiles/process-0 --from process-0.list.certificates --authority-key authority.key.pub --population synthetic",
      .options = {{.name = "profiles", .value_name = "DIR", .help = "the clients: one folder each, with identity.key", .required = true},
                  {.name = "from", .value_name = "FILE", .help = "the certificates that `fedspend-admin enrol` wrote", .required = true, .repeated = true},
                  authority_key,
                  population},
      .positional = "from",
      .run = install};
  return {.name = "fedspend-device", .summary = "the fedspend device agent: trains on transactions that stay here, and sends only model updates", .commands = {run, keys, certificate}};
}

}  // namespace
}  // namespace fedspend::client

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  return fedspend::program::run_program(fedspend::client::device_program(), argc, argv);
}
