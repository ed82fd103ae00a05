#pragma once
// One client of a device process on disk: a folder with transactions.csv (canonical form, models/transaction_csv.h), identity.key
// and curve.key (made by `fedspend-device keys`), certificate (put there by `fedspend-device certificate`) and, if there is one,
// label (a name for the enrolment list, never sent).
// Transactions are read once and stay in this process. Plain functions over files; any thread.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/curve_key.h"
#include "common/crypto/identity.h"
#include "common/protocol/certificate.h"
#include "common/protocol/enrolment_request.h"
#include "common/random_source.h"
#include "common/result.h"
#include "models/history.h"

namespace fedspend::client {

struct Profile {
  std::filesystem::path folder;
  IdentityKey identity;
  CurveKeyPair curve;
  Certificate certificate;
  std::vector<models::Transaction> transactions;  // stable by time
};

// The folders below `root` that hold a transactions.csv, sorted by name, or `root` itself. not_found: there is none.
Result<std::vector<std::filesystem::path>> find_profiles(const std::filesystem::path& root);

// What a device holds its certificate against.
struct PinnedEnrolment {
  IdentityPublicKey authority;
  std::string population;
  std::uint64_t now_s = 0;  // seconds since 1970
};

// Keys and certificate must be there (keys 0600), the certificate must be this device's own and valid, and the history must be
// readable: errors name the file. refused: a certificate that does not hold.
Result<Profile> load_profile(const std::filesystem::path& folder, const PinnedEnrolment& enrolment);

// Makes the keys that are missing; keys that are there stay. Returns the request for a certificate.
Result<EnrolmentRequest> request_enrolment(const std::filesystem::path& folder, std::string_view population, const EnrolmentToken& token, RandomSource& random);

// Puts each profile's own certificate beside its keys: all of them or none. not_found: there is none for a profile; refused: it
// does not hold.
Status install_certificates(const std::vector<std::filesystem::path>& folders, const std::vector<Certificate>& certificates, const PinnedEnrolment& enrolment);

}  // namespace fedspend::client
