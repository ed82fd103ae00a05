#include "coordinator/enrol_devices.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/check.h"

namespace fedspend::coordinator {
namespace {

constexpr const char* kNewToken = "give the device a new token (`fedspend-admin token`) and make its request anew (`fedspend-device keys`)";

Error at(const std::string& place, Error error) {
  error.message = place + ": " + error.message;
  return error;
}

// One population for all files, and for those who are in the list already.
Status check_population(const IdentityPublicKey& authority, const EnrolmentList& present, const std::vector<RequestFile>& files) {
  const std::string& population = files.front().requests.population;
  for (const RequestFile& file : files)
    if (file.requests.population != population)
      return fail(ErrorCode::conflict, file.name + " is for another population than " + files.front().name, "a list of devices is for one population: enrol them apart");
  for (const EnrolledDevice& device : present.devices())
    if (!is_signed_by(device.certificate, authority, population))
      return fail(ErrorCode::conflict, "device " + device.id.hex() + " of the present list has a certificate of another authority or another population",
                  "a list of devices is for one authority and one population: give another --devices file");
  return {};
}

class Batch {
 public:
  Batch(const IdentityKey& authority, TokenLedger ledger, const RevocationList* revocations, const EnrolmentList& present, const EnrolmentTerms& terms)
      : authority_(authority), revocations_(revocations), terms_(terms), devices_(present.devices()) {
    outcome_.ledger = std::move(ledger);
    for (std::size_t i = 0; i < devices_.size(); ++i) place_of_.emplace(devices_[i].id, i);
  }

  Result<Certificate> take(const EnrolmentRequest& request, const std::string& population) {
    const ClientId id = client_id_of(request.identity);
    if (!taken_.insert(id).second) return fail(ErrorCode::conflict, "this device stands twice in the requests", "give each device's request once");
    const auto token = outcome_.ledger.tokens.find(request.token);
    if (token == outcome_.ledger.tokens.end()) return fail(ErrorCode::refused, "its token is not one of this authority, or it expired long ago", kNewToken);
    if (token->second.population != population) return fail(ErrorCode::refused, "its token is of another population", kNewToken);
    if (const Status proven = verify_enrolment_request(request, population); !proven) return fail(ErrorCode::refused, proven.error().message, proven.error().hint);
    if (revocations_ != nullptr && revocations_->contains(id))
      return fail(ErrorCode::refused, "this device is revoked", "a revoked device stays out: give it a new identity (remove its identity.key) and a new token");
    FEDSPEND_ASSIGN(const Certificate certificate, certificate_for(request, token->second, population));
    place(request, id, token->second.label, certificate);
    return certificate;
  }

  Result<EnrolmentOutcome> finish(std::vector<std::vector<Certificate>> certificates) {
    FEDSPEND_ASSIGN(outcome_.list, EnrolmentList::create(std::move(devices_)));
    outcome_.certificates = std::move(certificates);
    return std::move(outcome_);
  }

 private:
  Result<Certificate> certificate_for(const EnrolmentRequest& request, LedgerToken& token, const std::string& population) {
    if (token.used) {
      const auto present = place_of_.find(client_id_of(request.identity));
      const bool same_device = token.used->identity == request.identity && (present == place_of_.end() || devices_[present->second].transport == request.transport);
      if (!same_device) return fail(ErrorCode::refused, "its token is used already", kNewToken);
      if (is_expired(*token.used, terms_.now_s)) return fail(ErrorCode::refused, "its token is used already, and the certificate has expired", kNewToken);
      ++outcome_.repeated;
      return *token.used;
    }
    if (terms_.now_s >= token.expires_at_s) return fail(ErrorCode::refused, "its token has expired", kNewToken);
    token.used = issue_certificate(authority_, population, request.identity, outcome_.ledger.next_serial++, terms_.now_s, terms_.now_s + terms_.valid_for_s);
    return *token.used;
  }

  void place(const EnrolmentRequest& request, const ClientId& id, const std::string& label, const Certificate& certificate) {
    EnrolledDevice device{id, request.identity, request.transport, certificate, label.empty() ? request.label : label};
    const auto [found, added] = place_of_.try_emplace(id, devices_.size());
    if (added) {
      devices_.push_back(std::move(device));
      ++outcome_.added;
    } else if (devices_[found->second].certificate.serial < certificate.serial) {
      devices_[found->second] = std::move(device);
      ++outcome_.renewed;
    }
  }

  const IdentityKey& authority_;
  const RevocationList* revocations_;
  const EnrolmentTerms& terms_;
  std::vector<EnrolledDevice> devices_;
  std::unordered_map<ClientId, std::size_t> place_of_;
  std::unordered_set<ClientId> taken_;
  EnrolmentOutcome outcome_;
};

}  // namespace

Result<EnrolmentOutcome> enrol_devices(const IdentityKey& authority, TokenLedger ledger, const RevocationList* revocations, const EnrolmentList& present,
                                       const std::vector<RequestFile>& files, const EnrolmentTerms& terms) {
  FEDSPEND_CHECK(!files.empty() && terms.valid_for_s > 0, "requests, and a certificate that is valid for a while");
  FEDSPEND_TRY(check_population(authority.public_key(), present, files));
  Batch batch(authority, std::move(ledger), revocations, present, terms);
  std::vector<std::vector<Certificate>> certificates;
  for (const RequestFile& file : files) {
    std::vector<Certificate>& of_file = certificates.emplace_back();
    for (std::size_t i = 0; i < file.requests.requests.size(); ++i) {
      const Result<Certificate> certificate = batch.take(file.requests.requests[i], file.requests.population);
      if (!certificate) return fail(at(file.name + ", request " + std::to_string(i + 1), certificate.error()));
      of_file.push_back(*certificate);
    }
  }
  return batch.finish(std::move(certificates));
}

}  // namespace fedspend::coordinator
