// A quorum, valid bytes and then changed. A byte for the number of signers, two for each (which device stands there, and what is wrong with
// its record), then changes of three bytes (place, and what is XORed into it) and at the end a length. The property: a quorum is accepted
// exactly if it has q records by rising position, each of a survivor with a valid certificate and its own signature, and their proof.
#include <vector>

#include "common/secagg/quorum.h"
#include "common/secagg/roster.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/secure_cohort.h"

namespace fedspend {
namespace {

constexpr std::uint32_t kQuorum = 4;

struct World {
  Roster roster;
  PositionSet survivors;
  SessionId session;
  Hash256 choice{};
};

Hash256 keys_hash(std::uint32_t position) { return hash_of_round_keys({.agreement = {static_cast<std::uint8_t>(position)}, .mask = {}, .commitment = {}}); }

const World& world() {
  static const World made = [] {
    std::vector<RosterEntry> entries;
    PositionSet survivors(static_cast<std::uint32_t>(fuzz::cohort().size()));
    for (std::uint32_t i = 0; i < survivors.size(); ++i) {
      entries.push_back({fuzz::cohort()[i].id, roster_leaf(fuzz::cohort()[i].key.public_key(), keys_hash(i))});
      if (i != 2) survivors.insert(i);
    }
    return World{Roster::create(std::move(entries)).value(), survivors, SessionId{{1}}, Hash256{2}};
  }();
  return made;
}

enum class Fault : std::uint8_t { none, other_choice, other_session, expired_certificate, other_position, other_keys, other_key, number };

Signature signature_over(const fuzz::CohortDevice& device, const SessionId& session, const Hash256& choice) {
  return device.key.sign(signed_digest(MessageType::sign_survivors, session, device.id, choice));
}

QuorumSigner record_of(std::uint32_t position, Fault fault) {
  const fuzz::CohortDevice& device = fuzz::cohort()[position];
  QuorumSigner signer{.position = position, .identity = device.key.public_key(), .keys_hash = keys_hash(position), .certificate = device.certificate,
                      .signature = signature_over(device, world().session, world().choice)};
  if (fault == Fault::other_choice) signer.signature = signature_over(device, world().session, Hash256{3});
  if (fault == Fault::other_session) signer.signature = signature_over(device, SessionId{{4}}, world().choice);
  if (fault == Fault::expired_certificate) signer.certificate = device.expired;
  if (fault == Fault::other_position) signer.position ^= 1;
  if (fault == Fault::other_keys) signer.keys_hash = keys_hash(position + 1);
  if (fault == Fault::other_key) signer.identity = fuzz::cohort()[position ^ 1].key.public_key();
  return signer;
}

void check_one(fuzz::Decisions decisions) {
  std::vector<QuorumSigner> signers(decisions.u8() % 9);
  std::vector<std::uint32_t> positions;
  bool valid = signers.size() == kQuorum;
  for (std::size_t i = 0; i < signers.size(); ++i) {
    const std::uint32_t position = decisions.u8() % 8;
    const unsigned wrong = decisions.u8();
    const auto fault = wrong < static_cast<unsigned>(Fault::number) ? static_cast<Fault>(wrong) : Fault::none;
    signers[i] = record_of(position, fault);
    valid = valid && fault == Fault::none && world().survivors.contains(position) && (i == 0 || position > positions.back());
    positions.push_back(position);
  }
  std::vector<std::uint32_t> shown = positions;
  std::ranges::sort(shown);
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  const auto proof = shown.empty() ? std::vector<Hash256>() : world().roster.proof(shown);
  const Bytes made = encode_quorum(signers, proof);
  Bytes bulk = made;
  while (!decisions.empty() && !bulk.empty()) {
    const std::size_t place = decisions.u16() % (bulk.size() + 16);
    const std::uint8_t with = decisions.u8();
    if (place < bulk.size()) bulk[place] ^= with;
    else bulk.resize(bulk.size() - std::min<std::size_t>(bulk.size(), with));
  }
  const QuorumExpectation expected{.session = world().session, .roster_root = world().roster.root(), .clients = world().roster.size(), .quorum = kQuorum,
                                   .choice = world().choice, .survivors = world().survivors};
  SerialExecutor executor;
  const Status status = check_quorum(expected, static_cast<std::uint32_t>(signers.size()), bulk, fuzz::kNow_s, fuzz::credentials(), executor);
  FEDSPEND_CHECK(status.has_value() == (valid && bulk == made), "a quorum is accepted exactly if it is one");
  if (!status)
    FEDSPEND_CHECK(status.error().code == ErrorCode::malformed || status.error().code == ErrorCode::refused || status.error().code == ErrorCode::unauthorized,
                   "the errors of the header");
}

}  // namespace
}  // namespace fedspend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fedspend::check_one(fedspend::fuzz::Decisions(fedspend::ByteSpan(data, size)));
  return 0;
}
