// The commands of fedspend-device on the stores of its clients. Each opens the devices by the C ABI and closes them again.

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "client/agent/agent_commands.h"
#include "common/crypto/hash.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/runtime.h"
#include "common/protocol/certificate.h"
#include "common/protocol/enrolment_request.h"
#include "common/protocol/messages.h"
#include "common/protocol/plain_text.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

constexpr std::size_t kMaxTokenFileBytes = std::size_t{8} << 20;
constexpr std::uint64_t kDescriptorsADevice = 16;  // its files, its connection
constexpr Millis kWithdrawalPatience{10'000};
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

// A secret that is wiped when it is not needed any more.
class WipedAtEnd {
 public:
  template <class Container>
  explicit WipedAtEnd(Container& secret) : bytes_(reinterpret_cast<std::uint8_t*>(secret.data()), secret.size()) {}
  ~WipedAtEnd() { wipe(bytes_); }
  WipedAtEnd(const WipedAtEnd&) = delete;
  WipedAtEnd& operator=(const WipedAtEnd&) = delete;

 private:
  MutableByteSpan bytes_;
};

// Tokens are secrets: no error quotes one, and no copy stays in memory (but what the shell gave with --token).
Result<std::vector<EnrolmentToken>> read_tokens(const Arguments& arguments) {
  const auto path = arguments.optional_text("token-file");
  auto given = arguments.optional_text("token");
  if (path.has_value() == given.has_value())
    return fail(ErrorCode::invalid_argument, path ? "--token-file and --token together" : "neither --token-file nor --token is given",
                "ask the enrolment authority for tokens (`fedspend-admin token`), and give --token-file FILE");
  std::vector<EnrolmentToken> tokens;
  if (given) {
    Result<EnrolmentToken> token = EnrolmentToken::parse(*given);
    const WipedAtEnd wiped(*given);
    if (!token) return fail(token.error().code, "--token: " + token.error().message, token.error().hint);
    tokens.push_back(std::move(*token));
    return tokens;
  }
  FEDSPEND_ASSIGN(Bytes bytes, program::read_file(*path, kMaxTokenFileBytes));
  const WipedAtEnd wiped(bytes);
  const std::vector<std::string_view> lines = lines_of(as_text(bytes));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Result<EnrolmentToken> token = EnrolmentToken::parse(lines[i]);
    if (!token) return fail(token.error().code, *path + ", token " + std::to_string(i + 1) + ": " + token.error().message, token.error().hint);
    tokens.push_back(std::move(*token));
  }
  return tokens;
}

// work(0) to work(count - 1), several at a time, since they mostly wait for the disk. The first error by place; those after it may be done or not.
template <class Work>
Status for_each(std::size_t count, const Work& work) {
  constexpr std::size_t kAtATime = 16;
  std::vector<Status> results(count);
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kAtATime, count); ++i)
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < count && !failed; at = next++) {
          results[at] = work(at);
          if (!results[at]) failed = true;
        }
      });
  }
  for (Status& result : results) FEDSPEND_TRY(std::move(result));
  return {};
}

Result<Report> make_keys(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const Opening opening, opening_of(arguments));
  FEDSPEND_ASSIGN(const std::string list, arguments.text("list"));
  FEDSPEND_ASSIGN(const std::vector<EnrolmentToken> tokens, read_tokens(arguments));
  const std::size_t clients = opening.folders.size();
  if (tokens.size() < clients)
    return fail(ErrorCode::invalid_argument,
                opening.folders.front().parent_path().string() + " holds " + std::to_string(clients) + " clients, and there are " + std::to_string(tokens.size()) + " tokens in " +
                    arguments.optional_text("token-file").value_or("--token"),
                "give one token a client: `fedspend-admin token --count " + std::to_string(clients) + "`");
  std::vector<std::string> labels;
  for (const fs::path& folder : opening.folders) {
    FEDSPEND_ASSIGN(std::string label, read_label(folder));
    labels.push_back(std::move(label));
  }
  FEDSPEND_ASSIGN(const Devices devices, open_devices(opening, false));
  EnrolmentRequests file;
  file.population = opening.options.population;
  file.requests.resize(clients);
  FEDSPEND_TRY(for_each(clients, [&](std::size_t i) -> Status {
    std::string token = tokens[i].text();
    const WipedAtEnd wiped(token);
    FEDSPEND_ASSIGN(const std::string text, devices[i]->text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
      return fedspend_enrolment_request(devices[i]->handle(), token.c_str(), labels[i].c_str(), buffer, capacity, needed);
    }));
    FEDSPEND_ASSIGN(EnrolmentRequests one, EnrolmentRequests::parse(text));
    file.requests[i] = std::move(one.requests.at(0));
    return {};
  }));
  FEDSPEND_TRY(program::write_file_atomically(list, as_bytes(file.text())));
  Report report;
  report.data = {{"clients", clients}, {"list", list}};
  report.text = std::to_string(clients) + " clients have keys; their requests for certificates are in " + list + " (give it to `fedspend-admin enrol`)\n";
  return report;
}

Result<std::vector<Certificate>> read_certificates(const Arguments& arguments) {
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
  return certificates;
}

// All of them or none, but for a disk that fails in the middle.
Result<Report> install(const Arguments& arguments) {
  FEDSPEND_ASSIGN(Opening opening, opening_of(arguments));
  FEDSPEND_ASSIGN(const std::string key, arguments.text("authority-key"));
  FEDSPEND_ASSIGN(const IdentityPublicKey authority, program::read_identity_public_key(key, "authority"));
  opening.options.authority_key = authority.bytes;
  FEDSPEND_ASSIGN(const std::vector<Certificate> certificates, read_certificates(arguments));
  FEDSPEND_ASSIGN(const Devices devices, open_devices(opening, true));
  std::map<std::string, const Certificate*> of_device;
  for (const Certificate& certificate : certificates) of_device[client_id_of(certificate.identity).hex()] = &certificate;
  std::vector<std::string> lines;
  for (const auto& device : devices) {
    FEDSPEND_ASSIGN(const std::string id, device->text([&](char* buffer, std::size_t capacity, std::size_t* needed) { return fedspend_device_id(device->handle(), buffer, capacity, needed); }));
    const auto found = of_device.find(id);
    if (found == of_device.end()) return fail(ErrorCode::not_found, "there is no certificate for the client in " + device->folder().string(), "enrol it with `fedspend-admin enrol`");
    const Status valid = verify_certificate(*found->second, authority, opening.options.population, program::unix_time_s());
    // The file is what is wrong here, not a peer: exit code 4.
    if (!valid) return fail(ErrorCode::refused, device->folder().string() + ": " + valid.error().message, valid.error().hint);
    lines.push_back(certificate_line(*found->second));
  }
  FEDSPEND_TRY(for_each(devices.size(), [&](std::size_t i) { return devices[i]->done(fedspend_install_certificate(devices[i]->handle(), lines[i].c_str())); }));
  Report report;
  report.data = {{"clients", devices.size()}};
  report.text = std::to_string(devices.size()) + " clients have certificates\n";
  return report;
}

// Also of a client whose store an agent has open: that one withdraws.
Result<Report> withdraw(const Opening& opening, const std::string& purpose) {
  for (const fs::path& folder : opening.folders) {
    FEDSPEND_TRY(check_has_store(folder));
    const Result<std::unique_ptr<AgentDevice>> device = AgentDevice::open(options_of(opening, folder));
    if (device) {
      FEDSPEND_TRY((*device)->done(fedspend_consent_withdraw((*device)->handle(), purpose.c_str())));
      continue;
    }
    if (device.error().code != ErrorCode::conflict) return fail(device.error());
    FEDSPEND_ASSIGN(const bool is_done, request_withdrawal(folder, purpose, kWithdrawalPatience));
    if (!is_done) return fail(ErrorCode::timeout, folder.string() + ": the process that has its store open has not withdrawn within 10 s", "stop it: the withdrawal counts when the next one starts");
  }
  Report report;
  report.data = {{"clients", opening.folders.size()}, {"purpose", purpose}, {"given", false}};
  report.text = std::to_string(opening.folders.size()) + " clients: the consent to " + purpose + " is withdrawn\n";
  return report;
}

Result<Report> change_consent(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const Opening opening, opening_of(arguments));
  FEDSPEND_ASSIGN(const std::string purpose, arguments.text("purpose"));
  const bool withdraws = arguments.flag("withdraw");
  const auto notice = arguments.optional_text("notice");
  if (notice.has_value() == withdraws)
    return fail(ErrorCode::invalid_argument, withdraws ? "--notice and --withdraw together" : "neither --notice nor --withdraw is given", "give the version of the notice that the customer was shown, or withdraw");
  if (withdraws) return withdraw(opening, purpose);
  FEDSPEND_ASSIGN(const Devices devices, open_devices(opening, true));
  std::uint32_t retention_days = 0;
  if (arguments.has("retention-days")) {
    FEDSPEND_ASSIGN(const std::int64_t days, arguments.integer("retention-days", 1, 36'500));
    retention_days = static_cast<std::uint32_t>(days);
  }
  const Status given = for_each(devices.size(), [&](std::size_t i) -> Status {
    fedspend_device* const device = devices[i]->handle();
    if (retention_days != 0) FEDSPEND_TRY(devices[i]->done(fedspend_set_retention(device, purpose.c_str(), retention_days)));
    return devices[i]->done(fedspend_consent_give(device, purpose.c_str(), notice->c_str(), nullptr, "fedspend-device consent"));
  });
  FEDSPEND_TRY(given);
  Report report;
  report.data = {{"clients", devices.size()}, {"purpose", purpose}, {"given", true}};
  report.text = std::to_string(devices.size()) + " clients: the consent to " + purpose + " is given\n";
  return report;
}

// The same row again is the same transaction, as often as it stands there.
std::vector<std::string> ids_of(std::span<const models::Transaction> transactions) {
  std::map<std::string, std::uint64_t> seen;
  std::vector<std::string> ids;
  for (const models::Transaction& row : transactions) {
    const auto hash = Hasher("ingested-row").u64(static_cast<std::uint64_t>(row.time_s)).u64(static_cast<std::uint64_t>(row.amount_minor)).u64(row.direction == models::Direction::credit ? 1 : 0)
                          .field(as_bytes(row.category)).field(as_bytes(row.merchant)).field(as_bytes(row.currency)).finish();
    const std::string id = to_hex(hash).substr(0, 32);
    ids.push_back(id + "-" + std::to_string(++seen[id]));
  }
  return ids;
}

Result<Report> ingest(const Arguments& arguments) {
  FEDSPEND_ASSIGN(Opening opening, opening_of(arguments));
  std::erase_if(opening.folders, [](const fs::path& folder) { return !has_transactions(folder); });
  if (opening.folders.empty()) return fail(ErrorCode::not_found, "none of the clients has a transactions.csv", "put the rows there, in the form of `fedspend-sim profiles`");
  FEDSPEND_ASSIGN(const Devices devices, open_devices(opening, true));
  const bool lists_ids = arguments.flag("ids");
  std::uint64_t added = 0, known = 0, too_old = 0, pushed_out = 0;
  for (const auto& device : devices) {
    FEDSPEND_ASSIGN(const std::vector<models::Transaction> rows, read_transactions(device->folder()));
    const std::vector<std::string> ids = ids_of(rows);
    std::vector<fedspend_transaction> given;
    for (std::size_t i = 0; i < rows.size(); ++i)
      given.push_back({sizeof(fedspend_transaction), rows[i].direction == models::Direction::credit ? FEDSPEND_CREDIT : FEDSPEND_DEBIT, ids[i].c_str(), rows[i].time_s, rows[i].amount_minor,
                       rows[i].category.c_str(), rows[i].merchant.c_str(), rows[i].currency.c_str()});
    fedspend_ingest_report report{};
    report.struct_size = sizeof(report);
    FEDSPEND_TRY(device->done(fedspend_ingest(device->handle(), given.data(), given.size(), &report)));
    if (lists_ids) {
      std::string lines;
      for (const std::string& id : ids) lines += id + "\n";
      FEDSPEND_TRY(program::write_file_atomically(device->folder() / "transactions.ids", as_bytes(lines)));
    }
    added += report.added;
    known += report.unchanged + report.replaced;
    too_old += report.too_old;
    pushed_out += report.pushed_out;
  }
  Report report;
  report.data = {{"clients", devices.size()}, {"added", added}, {"known", known}, {"too_old", too_old}, {"pushed_out", pushed_out}};
  report.text = std::to_string(added) + " transactions are in the stores of " + std::to_string(devices.size()) + " clients, " + std::to_string(known) + " were there already, " + std::to_string(too_old) +
                " are older than what may be kept, " + std::to_string(pushed_out) + " did not fit any more. " +
                (pushed_out > 0 ? "Keep the transactions.csv: the stores do not hold all of it\n" : "The transactions.csv can go now: while one is there, it is used in place of the store\n");
  return report;
}

Result<Report> wipe_stores(const Arguments& arguments) {
  FEDSPEND_ASSIGN(Opening opening, opening_of(arguments));
  if (const auto cache = arguments.optional_text("cache")) opening.options.cache = *cache;
  for (const fs::path& folder : opening.folders) FEDSPEND_TRY(AgentDevice::wipe(options_of(opening, folder)));
  Report report;
  report.data = {{"clients", opening.folders.size()}};
  report.text = "the stores of " + std::to_string(opening.folders.size()) + " clients are wiped; a transactions.csv stays\n";
  return report;
}

}  // namespace

Result<Opening> opening_of(const Arguments& arguments) {
  Opening opening;
  FEDSPEND_ASSIGN(const std::string root, arguments.text("profiles"));
  FEDSPEND_ASSIGN(opening.folders, find_profiles(root));
  FEDSPEND_TRY(program::require_descriptors(opening.folders.size() * kDescriptorsADevice + 64));
  FEDSPEND_ASSIGN(opening.options.population, read_population(arguments));
  return opening;
}

Result<Devices> open_devices(const Opening& opening, bool must_be_there) {
  if (must_be_there)
    for (const fs::path& folder : opening.folders) FEDSPEND_TRY(check_has_store(folder));
  Devices devices(opening.folders.size());
  FEDSPEND_TRY(for_each(devices.size(), [&](std::size_t i) -> Status {
    FEDSPEND_ASSIGN(devices[i], AgentDevice::open(options_of(opening, opening.folders[i])));
    return {};
  }));
  return devices;
}

AgentDeviceOptions options_of(const Opening& opening, const fs::path& folder) {
  AgentDeviceOptions options = opening.options;
  options.folder = folder;
  if (!options.cache.empty()) options.cache /= folder.filename();
  return options;
}

Status check_has_store(const fs::path& folder) {
  if (has_store(folder)) return {};
  return fail(ErrorCode::not_found, folder.string() + "/device.db is not there: this client has no keys", "make them with `fedspend-device keys`");
}

program::Option authority_key_option() { return {.name = "authority-key", .value_name = "FILE", .help = "the enrolment authority's public key, pinned", .required = true}; }
program::Option release_key_option() { return {.name = "release-key", .value_name = "FILE", .help = "the public key that plans must be signed with, pinned", .required = true}; }
program::Option population_option() { return {.name = "population", .value_name = "NAME", .help = "the population this device belongs to", .required = true}; }
program::Option profiles_option(const char* what) { return {.name = "profiles", .value_name = "DIR", .help = what, .required = true}; }

namespace {

program::Command keys_command() {
  return {.name = "keys",
          .summary = "make the stores of the clients of a folder, with their keys, and the requests for their certificates",
          .example = "fedspend-device keys --profiles profiles/process-0 --population synthetic --token-file process-0.tokens --list process-0.list",
          .options = {profiles_option("the clients: one folder each, with a transactions.csv or a store"),
                      population_option(),
                      {.name = "token-file", .value_name = "FILE", .help = "one-time tokens of the enrolment authority, one a client, in the order of the folders' names"},
                      {.name = "token", .value_name = "TOKEN", .help = "the token of a single client; others on this machine can see it: a file is better"},
                      {.name = "list", .value_name = "FILE", .help = "where the requests go, for `fedspend-admin enrol`", .required = true}},
          .positional = "",
          .run = make_keys};
}

program::Command certificate_command() {
  return {.name = "certificate",
          .summary = "put the certificates into the stores of the clients of a folder",
          .example = "fedspend-device certificate --profiles profiles/process-0 --from process-0.list.certificates --authority-key authority.key.pub --population synthetic",
          .options = {profiles_option(kStores),
                      {.name = "from", .value_name = "FILE", .help = "the certificates that `fedspend-admin enrol` wrote", .required = true, .repeated = true},
                      authority_key_option(),
                      population_option()},
          .positional = "from",
          .run = install};
}

program::Command consent_command() {
  return {.name = "consent",
          .summary = "give or withdraw a consent of the clients of a folder; without one nothing is sent",
          .example = "fedspend-device consent --profiles profiles/process-0 --population synthetic --purpose next_category --notice 2026-11",
          .options = {profiles_option(kStores),
                      population_option(),
                      {.name = "purpose", .value_name = "NAME", .help = "of a plan, or personal_insights, or evaluation", .required = true},
                      {.name = "notice", .value_name = "VERSION", .help = "the version of the notice that the customer was shown"},
                      {.name = "retention-days", .value_name = "N", .help = "how long transactions may be used for this purpose, 1 to 36500; it stays until another is given. Without: 730"},
                      {.name = "withdraw", .value_name = "", .help = "withdraw it: counts at once, also for an agent that runs"}},
          .positional = "",
          .run = change_consent};
}

program::Command ingest_command() {
  return {.name = "ingest",
          .summary = "take the transactions.csv of the clients of a folder into their stores, where they are kept encrypted",
          .example = "fedspend-device ingest --profiles profiles/process-0 --population synthetic",
          .options = {profiles_option(kStores), population_option(),
                      {.name = "ids", .value_name = "", .help = "write a transactions.ids beside it: the id of each row, for `explain` and `correct`"}},
          .positional = "",
          .run = ingest};
}

program::Command wipe_command() {
  return {.name = "wipe",
          .summary = "wipe the stores of the clients of a folder: keys, enrolment, consents, transactions and history are gone for good",
          .example = "fedspend-device wipe --profiles profiles/process-0/client-1 --population synthetic --cache cache",
          .options = {profiles_option(kStores), population_option(), {.name = "cache", .value_name = "DIR", .help = "that of `run`: the plan and the model there go, too"}},
          .positional = "",
          .run = wipe_stores};
}

}  // namespace

std::vector<program::Command> store_commands() {
  return {keys_command(),
          certificate_command(),
          consent_command(),
          ingest_command(),
          wipe_command()};
}

}  // namespace fedspend::client
