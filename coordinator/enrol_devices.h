#pragma once
// The authority's decision on a batch of enrolment requests, all of them or none: a pure function, so that a refusal can leave
// nothing half-done. A token is taken for one identity, once. The same device may ask again with the token that it has used and
// gets the very same certificate: a process that died between writing two files is mended by running it again.
// With a new token an enrolled device gets a new certificate (renewal), and may bring a new CURVE key. Thread-safe (no state).

#include <cstdint>
#include <string>
#include <vector>

#include "common/crypto/identity.h"
#include "common/protocol/certificate.h"
#include "common/protocol/enrolment_request.h"
#include "common/protocol/revocation_list.h"
#include "common/result.h"
#include "coordinator/enrolment.h"
#include "coordinator/token_ledger.h"

namespace fedspend::coordinator {

// One file of requests; `name` is for errors.
struct RequestFile {
  std::string name;
  EnrolmentRequests requests;
};

struct EnrolmentOutcome {
  TokenLedger ledger;                                   // after it
  EnrolmentList list;                                   // after it: those present, renewed in their places, then the new ones
  std::vector<std::vector<Certificate>> certificates;   // of each file, in the order of its requests
  std::size_t added = 0, renewed = 0, repeated = 0;
};

struct EnrolmentTerms {
  std::uint64_t now_s = 0;            // seconds since 1970
  std::uint64_t valid_for_s = 0;      // at least 1
};

// refused, with file and number of the request: an unknown, used or expired token, or one of another population; a proof that does
// not hold; a revoked device. conflict: a device twice, a CURVE key of another device, a list of another authority or population.
Result<EnrolmentOutcome> enrol_devices(const IdentityKey& authority, TokenLedger ledger, const RevocationList* revocations, const EnrolmentList& present,
                                       const std::vector<RequestFile>& files, const EnrolmentTerms& terms);

}  // namespace fedspend::coordinator
