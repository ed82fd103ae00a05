#pragma once
// One client of a device process on disk: a folder with transactions.csv (canonical form, models/transaction_csv.h), identity.key
// and curve.key (made by `fedspend-device keys`), and, if there is one, label (a name for the enrolment list, never sent).
// Transactions are read once and stay in this process. Plain functions over files; any thread.

#include <filesystem>
#include <string>
#include <vector>

#include "common/crypto/curve_key.h"
#include "common/crypto/identity.h"
#include "common/random_source.h"
#include "common/result.h"
#include "models/history.h"

namespace fedspend::client {

struct Profile {
  std::filesystem::path folder;
  IdentityKey identity;
  CurveKeyPair curve;
  std::vector<models::Transaction> transactions;  // stable by time
};

// The folders below `root` that hold a transactions.csv, sorted by name, or `root` itself. not_found: there is none.
Result<std::vector<std::filesystem::path>> find_profiles(const std::filesystem::path& root);

// Keys must be there (0600) and the history must be readable: errors name the file.
Result<Profile> load_profile(const std::filesystem::path& folder);

// Makes the keys that are missing; keys that are there stay. Returns the line of the enrolment list:
// identity public key, CURVE public key, label.
Result<std::string> ensure_keys(const std::filesystem::path& folder, RandomSource& random);

}  // namespace fedspend::client
