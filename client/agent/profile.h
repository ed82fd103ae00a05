#pragma once
// One client of a device process on disk: a folder with the device's store (device.db and its keys, made by `fedspend-device keys`), a
// transactions.csv (canonical form, models/transactions/transaction_csv.h) where the rows are not in the store, and, if there is one, label (a name for the
// enrolment list, never sent). Plain functions over files; any thread.

#include <filesystem>
#include <string>
#include <vector>

#include "common/result.h"
#include "models/history.h"

namespace fedspend::client {

// The folders below `root` that hold a transactions.csv or a store, sorted by name, or `root` itself. not_found: there is none.
Result<std::vector<std::filesystem::path>> find_profiles(const std::filesystem::path& root);

bool has_store(const std::filesystem::path& folder);
bool has_transactions(const std::filesystem::path& folder);

// Stable by time. Errors name the file.
Result<std::vector<models::Transaction>> read_transactions(const std::filesystem::path& folder);

// Empty: there is none.
Result<std::string> read_label(const std::filesystem::path& folder);

}  // namespace fedspend::client
