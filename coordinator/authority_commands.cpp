#include "coordinator/authority_commands.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/runtime.h"
#include "common/protocol/messages.h"
#include "common/protocol/plain_text.h"
#include "coordinator/authority.h"
#include "coordinator/enrol_devices.h"
#include "coordinator/revocation_file.h"

namespace fedspend::coordinator {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

constexpr std::size_t kMaxListBytes = std::size_t{1} << 28;
constexpr std::int64_t kMaxTokensAtOnce = 100'000;
constexpr std::uint64_t kDay_s = 86'400;

Error at(const std::string& path, Error error) {
  error.message = path + ": " + error.message;
  return error;
}

// "90s", "30m", "12h", "7d": at least a second, at most ten years.
Result<std::uint64_t> duration_s(const Arguments& arguments, const std::string& name) {
  FEDSPEND_ASSIGN(const std::string text, arguments.text(name));
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::uint64_t seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3'600 : unit == "d" ? kDay_s : 0;
  if (error != std::errc() || seconds == 0 || count == 0 || count > 3'650 * kDay_s / seconds)
    return fail(ErrorCode::invalid_argument, "--" + name + " '" + text + "' is not a time", "give a number and a unit up to ten years: 90s, 30m, 12h or 7d");
  return count * seconds;
}

Result<EnrolmentList> read_list(const std::string& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxListBytes));
  Result<EnrolmentList> list = EnrolmentList::parse(as_text(bytes));
  if (!list) return fail(at(path, list.error()));
  return list;
}

std::string list_text(const EnrolmentList& list) {
  std::string text = "# identity key, CURVE key, certificate, label\n";
  for (const EnrolledDevice& device : list.devices()) text += EnrolmentList::format_line(device) + '\n';
  return text;
}

// In UTC, to the second.
std::string date_text(std::uint64_t time_s) {
  constexpr std::uint64_t kEndOfYear9999 = 253'402'300'799;
  if (time_s > kEndOfYear9999) return std::to_string(time_s);
  const std::chrono::sys_seconds time{std::chrono::seconds(static_cast<std::int64_t>(time_s))};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return text;
}

Result<Report> make_authority(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  SystemRandom random;
  FEDSPEND_TRY(Authority::create(out, random));
  const std::string key = fs::path(out) / "authority.key";
  Report report;
  report.data = {{"authority", out}, {"authority_key", key + ".pub"}};
  report.text = out + " holds the enrolment authority; keep it off the coordinator. Coordinator and devices pin " + key + ".pub\n";
  return report;
}

Result<Report> make_tokens(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string folder, arguments.text("authority"));
  FEDSPEND_ASSIGN(const std::string population, arguments.text("population"));
  if (population.empty() || population.size() > kMaxTextBytes || !is_plain_text(population))
    return fail(ErrorCode::invalid_argument, "--population is not the name of a population", "give the population of the plan: 1 to 64 bytes without control characters");
  FEDSPEND_ASSIGN(const std::uint64_t valid_for_s, duration_s(arguments, "valid-for"));
  FEDSPEND_ASSIGN(const std::int64_t count, arguments.integer("count", 1, kMaxTokensAtOnce));
  const std::string label = arguments.optional_text("label").value_or("");
  if (const Status checked = check_device_label(label); !checked) return fail(ErrorCode::invalid_argument, "--label: " + checked.error().message, "give a short name in one line");
  const auto out = arguments.optional_text("out");

  FEDSPEND_ASSIGN(Authority authority, Authority::open(folder));
  TokenLedger ledger = authority.ledger();
  const std::uint64_t now_s = program::unix_time_s();
  ledger.prune(now_s);
  if (ledger.tokens.size() + static_cast<std::size_t>(count) > kMaxTokens)
    return fail(ErrorCode::limit, folder + " has " + std::to_string(ledger.tokens.size()) + " tokens, at most " + std::to_string(kMaxTokens), "make another authority for the other devices");
  SystemRandom random;
  std::string lines;
  Report report;
  report.data = {{"population", population}, {"expires_at_s", now_s + valid_for_s}, {"count", count}};
  for (std::int64_t i = 1; i <= count; ++i) {
    const EnrolmentToken token = EnrolmentToken::generate(random);
    const std::string numbered = label.empty() || count == 1 ? label : label + "-" + std::to_string(i);
    ledger.tokens.emplace(token.key().public_key(), LedgerToken{.expires_at_s = now_s + valid_for_s, .population = population, .label = numbered, .used = {}});
    lines += token.text() + '\n';
    if (!out) report.data["tokens"].push_back(token.text());
  }
  if (out) {
    const program::FileToWrite file{*out, as_bytes(lines), 0600};
    FEDSPEND_TRY(authority.save(std::move(ledger), {&file, 1}));
    report.text = std::to_string(count) + " tokens for \"" + population + "\" are in " + *out + ", good until " + date_text(now_s + valid_for_s) + "; each enrols one device\n";
  } else {
    FEDSPEND_TRY(authority.save(std::move(ledger)));
    report.text = lines;
  }
  return report;
}

Result<std::vector<RequestFile>> read_requests(const std::vector<std::string>& paths) {
  std::vector<RequestFile> files;
  for (const std::string& path : paths) {
    FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxListBytes));
    Result<EnrolmentRequests> requests = EnrolmentRequests::parse(as_text(bytes));
    if (!requests) return fail(at(path, requests.error()));
    files.push_back({path, std::move(*requests)});
  }
  return files;
}

Result<Report> enrol(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string folder, arguments.text("authority"));
  FEDSPEND_ASSIGN(const std::string path, arguments.text("devices"));
  FEDSPEND_ASSIGN(const std::int64_t days, arguments.integer("certificate-days", 1, 3'650));
  FEDSPEND_ASSIGN(const std::vector<RequestFile> files, read_requests(arguments.texts("list")));
  EnrolmentList present;
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    FEDSPEND_ASSIGN(present, read_list(path));
  }
  FEDSPEND_ASSIGN(Authority authority, Authority::open(folder));
  const EnrolmentTerms terms{.now_s = program::unix_time_s(), .valid_for_s = static_cast<std::uint64_t>(days) * kDay_s};
  const RevocationList* revocations = authority.revocations() ? &*authority.revocations() : nullptr;
  FEDSPEND_ASSIGN(EnrolmentOutcome outcome, enrol_devices(authority.key(), authority.ledger(), revocations, present, files, terms));

  outcome.ledger.prune(terms.now_s);
  const std::string list = list_text(outcome.list);
  std::vector<std::string> texts(files.size());
  std::vector<program::FileToWrite> written = {{path, as_bytes(list)}};
  Report report;
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (const Certificate& certificate : outcome.certificates[i]) texts[i] += certificate_line(certificate) + '\n';
    written.push_back({files[i].name + ".certificates", as_bytes(texts[i])});
    report.data["certificates"].push_back(files[i].name + ".certificates");
  }
  FEDSPEND_TRY(authority.save(std::move(outcome.ledger), written));
  report.data["devices"] = outcome.list.devices().size();
  report.data["added"] = outcome.added;
  report.data["renewed"] = outcome.renewed;
  report.text = std::to_string(outcome.added) + " devices added, " + (outcome.renewed != 0 ? std::to_string(outcome.renewed) + " renewed, " : "") +
                std::to_string(outcome.list.devices().size()) + " in " + path + "; give FILE.certificates back to the devices (`fedspend-device certificate`)\n";
  return report;
}

Result<Report> revoke(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string folder, arguments.text("authority"));
  FEDSPEND_ASSIGN(const std::string copy, arguments.text("revocations"));
  FEDSPEND_ASSIGN(Authority authority, Authority::open(folder));
  const std::vector<ClientId> before = authority.revocations() ? authority.revocations()->ids() : std::vector<ClientId>();
  std::vector<ClientId> ids = before;
  for (const std::string& text : arguments.texts("id")) {
    const Result<ClientId> id = ClientId::parse(text);
    if (!id) return fail(ErrorCode::invalid_argument, "--id '" + text + "' is not an id: " + id.error().message, "see `fedspend-admin devices`");
    const bool again = std::binary_search(before.begin(), before.end(), *id);
    if (!again && !authority.ledger().has_certified(*id))
      return fail(ErrorCode::not_found, folder + " has given no device with the id " + text + " a certificate that is still valid", "see `fedspend-admin devices`");
    ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  // Nothing new: the same list once more, for a copy that was lost.
  const std::uint64_t sequence = (authority.revocations() ? authority.revocations()->sequence() : 0) + (ids == before ? 0 : 1);
  FEDSPEND_ASSIGN(RevocationList list, RevocationList::create(ids, sequence, authority.key()));
  FEDSPEND_TRY(authority.save(std::move(list), copy));
  Report report;
  report.data = {{"revoked", ids.size()}, {"added", ids.size() - before.size()}, {"sequence", sequence}, {"revocations", copy}};
  report.text = std::to_string(ids.size() - before.size()) + " devices revoked, " + std::to_string(ids.size()) + " in all; list " + std::to_string(sequence) + " is " + copy +
                ". The coordinator reads it when it starts: give it --revocations and restart it\n";
  return report;
}

Result<std::optional<RevocationList>> read_revocations(const Arguments& arguments) {
  const auto path = arguments.optional_text("revocations");
  if (!path) return std::nullopt;
  const auto key_path = arguments.optional_text("authority-key");
  if (!key_path) return fail(ErrorCode::invalid_argument, "--revocations without --authority-key: nobody could say whose list it is", "give the authority's public key, too");
  FEDSPEND_ASSIGN(const IdentityPublicKey key, program::read_identity_public_key(*key_path, "authority"));
  FEDSPEND_ASSIGN(RevocationList list, read_revocation_file(*path, key));
  return std::optional(std::move(list));
}

Result<Report> show_devices(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("devices"));
  FEDSPEND_ASSIGN(const EnrolmentList list, read_list(path));
  FEDSPEND_ASSIGN(const std::optional<RevocationList> revocations, read_revocations(arguments));
  const std::uint64_t now_s = program::unix_time_s();
  std::vector<std::vector<std::string>> rows = {{"id", "serial", "expires", "state", "label"}};
  Report report;
  report.data["devices"] = nlohmann::json::array();
  report.data["revocations_known"] = revocations.has_value();
  for (const EnrolledDevice& device : list.devices()) {
    const bool revoked = revocations && revocations->contains(device.id);
    const std::string state = revoked ? "revoked" : is_expired(device.certificate, now_s) ? "expired" : "valid";
    rows.push_back({device.id.hex(), std::to_string(device.certificate.serial), date_text(device.certificate.expires_at_s), state, device.label});
    report.data["devices"].push_back({{"id", device.id.hex()},
                                      {"serial", device.certificate.serial},
                                      {"expires_at_s", device.certificate.expires_at_s},
                                      {"state", state},
                                      {"label", device.label}});
  }
  report.text = program::format_table(rows);
  if (!revocations) report.text += "Without --revocations nothing is known of revoked devices.\n";
  return report;
}

}  // namespace

std::vector<program::Command> authority_commands() {
  const program::Option authority{.name = "authority", .value_name = "DIR", .help = "the enrolment authority's folder", .required = true};
  const program::Option devices{.name = "devices", .value_name = "FILE", .help = "the enrolment list", .required = true};
  return {{.name = "authority",
           .summary = "make an enrolment authority: its key signs the devices' certificates",
           .example = "fedspend-admin authority --out authority",
           .options = {{.name = "out", .value_name = "DIR", .help = "where its key and its ledger go (mode 0600)", .required = true}},
           .positional = "",
           .run = make_authority},
          {.name = "token",
           .summary = "make one-time tokens, each of which enrols one device",
           .example = "fedspend-admin token --authority authority --population synthetic --count 40 --out process-1.tokens",
           .options = {authority,
                       {.name = "population", .value_name = "NAME", .help = "the population of the plan", .required = true},
                       {.name = "valid-for", .value_name = "TIME", .help = "a number and s, m, h or d", .default_text = "7d"},
                       {.name = "count", .value_name = "N", .help = "how many", .default_text = "1"},
                       {.name = "label", .value_name = "NAME", .help = "the bank's name for the device, instead of the device's own; of several: NAME-1, NAME-2, ..."},
                       {.name = "out", .value_name = "FILE", .help = "where they go (mode 0600); without it: standard output"}},
           .positional = "",
           .run = make_tokens},
          {.name = "enrol",
           .summary = "check requests and tokens, issue certificates, add the devices to the list",
           .example = "fedspend-admin enrol --authority authority --devices devices.list process-1.list process-2.list",
           .options = {authority, devices,
                       {.name = "list", .value_name = "FILE", .help = "requests of `fedspend-device keys`; the certificates go to FILE.certificates", .required = true, .repeated = true},
                       {.name = "certificate-days", .value_name = "N", .help = "how long the certificates are valid", .default_text = "365"}},
           .positional = "list",
           .run = enrol},
          {.name = "revoke",
           .summary = "take devices back before their certificates expire",
           .example = "fedspend-admin revoke --authority authority --id 5f0c... --revocations revocations.list",
           .options = {authority,
                       {.name = "id", .value_name = "ID", .help = "of a device, 64 hexadecimal digits", .required = true, .repeated = true},
                       {.name = "revocations", .value_name = "FILE", .help = "where the signed list of all revoked devices goes, for the coordinator", .required = true}},
           .positional = "",
           .run = revoke},
          {.name = "devices",
           .summary = "show the enrolment list",
           .example = "fedspend-admin devices --devices devices.list --revocations revocations.list --authority-key authority/authority.key.pub",
           .options = {devices,
                       {.name = "revocations", .value_name = "FILE", .help = "the list of revoked devices"},
                       {.name = "authority-key", .value_name = "FILE", .help = "the authority's public key, which that list must be signed with"}},
           .positional = "",
           .run = show_devices}};
}

}  // namespace fedspend::coordinator
