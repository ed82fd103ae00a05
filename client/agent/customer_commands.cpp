// The commands of fedspend-device that show what a customer is owed, and take the customer's word.

#include <functional>
#include <utility>

#include <nlohmann/json.hpp>

#include "client/agent/agent_commands.h"
#include "common/program/key_files.h"

namespace fedspend::client {
namespace {

using program::Arguments;
using program::Report;

// A text of one device, or of each with its folder's name.
using TextOfDevice = std::function<fedspend_status(fedspend_device*, std::int32_t, char*, std::size_t, std::size_t*)>;

Result<Report> show(const Arguments& arguments, const TextOfDevice& function) {
  FEDSPEND_ASSIGN(Opening opening, opening_of(arguments));
  if (arguments.has("cache")) {
    FEDSPEND_ASSIGN(const std::string cache, arguments.text("cache"));
    opening.options.cache = cache;
    FEDSPEND_ASSIGN(const std::string key, arguments.text("release-key"));
    FEDSPEND_ASSIGN(const IdentityPublicKey release, program::read_identity_public_key(key, "release"));
    opening.options.release_key = release.bytes;
  }
  FEDSPEND_ASSIGN(const Devices devices, open_devices(opening, true));
  Report report;
  report.data = nlohmann::json::object();
  for (const auto& device : devices) {
    const auto in = [&](std::int32_t format) { return device->text([&](char* buffer, std::size_t capacity, std::size_t* needed) { return function(device->handle(), format, buffer, capacity, needed); }); };
    FEDSPEND_ASSIGN(const std::string words, in(FEDSPEND_FORMAT_TEXT));
    FEDSPEND_ASSIGN(const std::string json, in(FEDSPEND_FORMAT_JSON));
    report.data[device->name()] = nlohmann::json::parse(json);
    if (devices.size() > 1) report.text += device->name() + ":\n";
    report.text += words;
  }
  return report;
}

std::string insight_names() {
  std::string names;
  for (std::int32_t kind = FEDSPEND_INSIGHT_NEXT; kind <= FEDSPEND_INSIGHT_OFFERS; ++kind) names += (names.empty() ? "" : ", ") + std::string(fedspend_insight_name(kind));
  return names;
}

Result<Report> explain(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string name, arguments.text("kind"));
  std::int32_t kind = FEDSPEND_INSIGHT_NEXT;
  while (kind <= FEDSPEND_INSIGHT_OFFERS && name != fedspend_insight_name(kind)) ++kind;
  if (kind > FEDSPEND_INSIGHT_OFFERS) return fail(ErrorCode::invalid_argument, "--kind " + name + " is no kind of insight", "give one of " + insight_names());
  const auto transaction = arguments.optional_text("transaction");
  return show(arguments, [&](fedspend_device* device, std::int32_t format, char* buffer, std::size_t capacity, std::size_t* needed) {
    return fedspend_insight(device, kind, transaction ? transaction->c_str() : nullptr, nullptr, format, buffer, capacity, needed);
  });
}

// Of one client: an id is its own.
Result<Report> correct(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const Opening opening, opening_of(arguments));
  FEDSPEND_ASSIGN(const std::string transaction, arguments.text("transaction"));
  FEDSPEND_ASSIGN(const std::string category, arguments.text("category"));
  if (opening.folders.size() != 1) return fail(ErrorCode::invalid_argument, "--profiles holds " + std::to_string(opening.folders.size()) + " clients", "give the folder of the one whose transaction it is");
  FEDSPEND_ASSIGN(const Devices devices, open_devices(opening, true));
  FEDSPEND_TRY(devices[0]->done(fedspend_correct_category(devices[0]->handle(), transaction.c_str(), category.c_str())));
  Report report;
  report.data = {{"transaction", transaction}, {"category", category}};
  report.text = "the transaction is of the category " + category + " from now on\n";
  return report;
}

program::Command text_command(const char* name, const char* summary, TextOfDevice function) {
  return {.name = name,
          .summary = summary,
          .example = std::string("fedspend-device ") + name + " --profiles profiles/process-0/client-1 --population synthetic",
          .options = {profiles_option(kStores), population_option()},
          .positional = "",
          .run = [function](const Arguments& arguments) { return show(arguments, function); }};
}

program::Command explain_command() {
  return {.name = "explain",
          .summary = "what a model says to each client, with its reasons; under the purpose personal_insights",
          .example = "fedspend-device explain --profiles profiles/process-0/client-1 --population synthetic --release-key release.key.pub --cache cache --kind next",
          .options = {profiles_option(kStores), population_option(), release_key_option(),
                      {.name = "cache", .value_name = "DIR", .help = "that of `run`, where the model is", .required = true},
                      {.name = "kind", .value_name = "KIND", .help = insight_names(), .default_text = "next"},
                      {.name = "transaction", .value_name = "ID", .help = "of the kinds that are about one, as `ingest --ids` lists them; without it the newest"}},
          .positional = "",
          .run = explain};
}

program::Command correct_command() {
  return {.name = "correct",
          .summary = "the customer's own word for what a transaction was for: counts from now on, in insights and in trainings",
          .example = "fedspend-device correct --profiles profiles/process-0/client-1 --population synthetic --transaction 4e2a...-1 --category groceries",
          .options = {profiles_option("the client: its folder, with the store that `keys` made"), population_option(),
                      {.name = "transaction", .value_name = "ID", .help = "as `ingest --ids` lists them", .required = true},
                      {.name = "category", .value_name = "NAME", .help = "best one of the plan's; another counts as \"other\"", .required = true}},
          .positional = "",
          .run = correct};
}

}  // namespace

std::vector<program::Command> customer_commands() {
  return {text_command("history", "everything that left each client's device, and everything that it refused", fedspend_history),
          text_command("statement", "what each client's device has spent of its privacy", fedspend_statement),
          explain_command(),
          correct_command()};
}

}  // namespace fedspend::client
