#include "simulations/plans/profiles.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "common/program/runtime.h"
#include "models/transactions/transaction_csv.h"
#include "simulations/plans/plan_draft.h"

namespace fedspend::simulations {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Status write_new(const std::filesystem::path& path, std::string_view text) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "wbx"));
  if (file == nullptr || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() || std::fflush(file.get()) != 0)
    return fail(ErrorCode::io, "cannot write " + path.string(), "check the disk's space and the permissions");
  return {};
}

std::string one_line(std::string name) {
  std::replace_if(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return name + "\n";
}

}  // namespace

std::filesystem::path profile_folder(std::size_t index, std::size_t processes) {
  char client[32];
  std::snprintf(client, sizeof client, "client-%05zu", index + 1);
  return std::filesystem::path("process-" + std::to_string(index % processes + 1)) / client;
}

Result<ProfilesSummary> write_profiles(const Population& population, const Plan& plan, const ProfilesOptions& options, const std::filesystem::path& folder) {
  std::vector<std::size_t> clients = eligible_clients(population, plan);
  if (options.max_clients > 0 && clients.size() > options.max_clients) clients.resize(options.max_clients);
  if (clients.size() < options.processes || options.processes == 0)
    return fail(ErrorCode::malformed, std::to_string(options.processes) + " processes for " + std::to_string(clients.size()) + " eligible clients", "fewer processes, more clients, or a lower eligibility.min_examples");
  ProfilesSummary summary{.clients = clients.size()};
  std::string text;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (program::stop_requested().load()) return fail(ErrorCode::io, "stopped by a signal", "nothing was written");
    const std::filesystem::path place = folder / profile_folder(i, options.processes);
    std::error_code error;
    std::filesystem::create_directories(place, error);
    if (error) return fail(ErrorCode::io, "cannot create " + place.string() + ": " + error.message(), "check the disk's space and the permissions");
    text = std::string(models::kTransactionCsvHeader) + "\n";
    for (const PopulationRow& row : population.history(clients[i])) models::append_transaction_csv(population.transaction(row), text);
    summary.rows += population.history(clients[i]).size();
    // Transactions are their owner's alone, wherever they lie.
    std::filesystem::permissions(place, std::filesystem::perms::owner_all, error);
    if (error) return fail(ErrorCode::io, "cannot set the permissions of " + place.string() + ": " + error.message(), "give a folder on a file system that has them");
    FEDSPEND_TRY(write_new(place / "transactions.csv", text));
    FEDSPEND_TRY(write_new(place / "label", one_line(population.client_name(clients[i]))));
  }
  return summary;
}

}  // namespace fedspend::simulations
