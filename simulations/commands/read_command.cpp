#include "simulations/commands/read_command.h"

#include "models/kernels.h"
#include "models/transactions/transaction_fields.h"

namespace fedspend::simulations {

std::vector<program::Option> data_options() {
  return {
      {.name = "data", .value_name = "FILE", .help = "data description (TOML), e.g. simulations/data/purchase-cards.toml", .required = true},
      {.name = "data-root", .value_name = "DIR", .help = "folder that the description's file names are relative to; by default its own"},
      {.name = "threads", .value_name = "N", .help = "threads that read", .default_text = "2"},
  };
}

Result<DataDescription> description_of(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("data"));
  std::optional<std::filesystem::path> root;
  if (const auto given = arguments.optional_text("data-root")) root = *given;
  return read_data_description(path, root);
}

Result<ReadPopulation> read_data(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const DataDescription description, description_of(arguments));
  return read_data(arguments, description);
}

Result<ReadPopulation> read_data(const program::Arguments& arguments, const DataDescription& description) {
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  return read_population(description, {.threads = static_cast<unsigned>(threads)});
}

program::Option isa_option() {
  return {.name = "isa", .value_name = "NAME", .help = "the instruction set to compute on, e.g. AVX2; by default the best that this processor has"};
}

Status pin_isa(const program::Arguments& arguments) {
  const auto name = arguments.optional_text("isa");
  return name ? models::pin_isa(*name) : Status();
}

nlohmann::json to_json(const ReadStatistics& statistics, const Population& population) {
  nlohmann::json skipped = nlohmann::json::object();
  for (std::size_t i = 0; i < kSkipReasons; ++i) {
    std::string key(to_string(static_cast<SkipReason>(i)));
    for (char& c : key) c = c == ' ' ? '_' : c;
    skipped[key] = statistics.skipped[i];
  }
  nlohmann::json json = {
      {"files", statistics.files},
      {"bytes", statistics.bytes},
      {"rows", statistics.rows},
      {"kept", statistics.kept},
      {"skipped", skipped},
      {"without_category", statistics.without_category},
      {"credits", statistics.credits},
      {"repeated", statistics.repeated},
      {"repeated_is_lower_bound", statistics.repeated_is_lower_bound},
      {"stray", statistics.stray},
      {"clients", population.clients()},
      {"categories", population.categories().size()},
      {"merchants", population.merchants().size()},
  };
  if (!population.attributes().empty()) {
    json["attributes"] = population.attributes();
    json["clients_with_attributes"] = population.clients_with_attributes();
  }
  if (statistics.kept > 0) {
    json["first_date"] = models::format_date(statistics.first_time_s);
    json["last_date"] = models::format_date(statistics.last_time_s);
  }
  return json;
}

std::string to_text(const ReadStatistics& statistics, const Population& population) {
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  std::string text = "read " + number(statistics.rows) + " rows of " + number(statistics.files) + (statistics.files == 1 ? " file" : " files");
  if (statistics.files == 0) text = "made " + number(statistics.rows) + " rows of a sample";
  if (statistics.kept > 0) text += ", " + models::format_date(statistics.first_time_s) + " to " + models::format_date(statistics.last_time_s);
  text += ": " + number(population.clients()) + " clients, " + number(population.categories().size()) + " categories, " + number(population.merchants().size()) + " merchants\n";
  text += "  left out: " + number(statistics.without_category) + " without a category";
  for (std::size_t i = 0; i < kSkipReasons; ++i)
    if (statistics.skipped[i] > 0) text += ", " + number(statistics.skipped[i]) + " " + std::string(to_string(static_cast<SkipReason>(i)));
  text += "\n  kept: " + number(statistics.credits) + " credits (refunds), " + number(statistics.repeated) + " repeated rows" + (statistics.repeated_is_lower_bound ? " or more" : "");
  if (statistics.monthly_files > 0) text += ", " + number(statistics.stray) + " rows outside their file's month";
  if (!population.attributes().empty()) {
    std::string names;
    for (const std::string& name : population.attributes()) (names += names.empty() ? "" : ", ") += name;
    text += "\n  attributes of " + number(population.clients_with_attributes()) + " clients: " + names;
  }
  return text + "\n";
}

}  // namespace fedspend::simulations
