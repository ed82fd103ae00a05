// A whole session of secure aggregation between both machines, with up to four of its messages changed on the way: lost, repeated,
// replaced by another client's, or with bytes of their encoding changed. (The machines' callers check signatures: a changed message of a
// device is one that a malicious device has signed, a changed one of the coordinator one that a malicious coordinator has sent.)
// Input: a byte for the number of clients, one for the randomness, then five bytes or more for each change.
// Properties: nothing crashes; the sum is that of the contributors' vectors or there is none; a session without a change succeeds, and
// so does one with a single loss; who is shown something else than the others never opens a share.
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/crypto/random.h"
#include "common/secagg/aggregator.h"
#include "common/secagg/participant.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/secure_cohort.h"

namespace fedspend {
namespace {

constexpr std::size_t kLength = 7;
constexpr unsigned kBits = 19;  // 133 bits: pad bits in the last byte
constexpr std::uint32_t kMask = (1U << kBits) - 1;

enum class Step : std::uint8_t { advertise, roster, share, deliver, masked, survivors, sign, quorum, unmask, number };
enum class Deed : std::uint8_t { edit_body, edit_bulk, edit_bulk_and_hash, lose, repeat, take_anothers, number };

struct Change {
  Step step{};
  std::size_t device = 0;
  Deed deed{};
  struct Edit {
    std::size_t place = 0;
    std::uint8_t with = 0;
  };
  std::vector<Edit> edits;
};

std::vector<Change> read_changes(fuzz::Decisions& decisions, std::size_t clients) {
  std::vector<Change> changes;
  while (!decisions.empty() && changes.size() < 4) {
    Change change;
    change.step = static_cast<Step>(decisions.u8() % static_cast<unsigned>(Step::number));
    change.device = decisions.u8() % clients;
    const unsigned deed = decisions.u8();
    change.deed = static_cast<Deed>(deed % static_cast<unsigned>(Deed::number));
    change.edits.resize(1 + (deed >> 5));
    for (Change::Edit& edit : change.edits) edit = {.place = decisions.u16(), .with = decisions.u8()};
    changes.push_back(std::move(change));
  }
  return changes;
}

void edit_bytes(const std::vector<Change::Edit>& edits, Bytes& bytes) {
  for (const Change::Edit& edit : edits) {
    if (bytes.empty()) return;
    const std::size_t place = edit.place % (bytes.size() + 4);
    if (place < bytes.size()) bytes[place] ^= edit.with;
    else if (place == bytes.size()) bytes.push_back(edit.with);
    else bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), edit.with));
  }
}

// What arrives of a message.
struct Arrival {
  Message message;
  Bytes bulk;
  bool changed = false;   // it is not what was sent
  bool repeated = false;
};

struct Device {
  const fuzz::CohortDevice& who;
  std::unique_ptr<SeededRandom> random;
  std::unique_ptr<Participant> participant;
  RingVector update{kLength, kBits};
  RingVector added{kLength, kBits};  // by a change of its masked input that the aggregator took
  bool ended = false;                // it has refused something, and says no more
  bool deceived = false;             // what it knows of the session is not what the aggregator knows: it must never open a share
  bool split = false;                // so of U2, before it masked: the sum is worthless to a coordinator that does this
  bool has_signed = false;           // a survivor set
};

class Session {
 public:
  explicit Session(fuzz::Decisions decisions);
  void run();

 private:
  std::optional<Arrival> carry(Step step, std::size_t device, const Message& message, ByteSpan bulk = {});
  std::optional<Arrival> to_device(Step step, std::size_t device);
  Signature signature_of(const Device& device, const SessionId& session, const Message& message) const;
  template <class Call>
  void repeat(const Arrival& arrival, Verdict first, Call call) const;
  void advertise();
  void share();
  void mask();
  void sign();
  void unmask();
  void mask_one(std::size_t i);
  bool check_sum();  // false: there is none

  std::vector<Device> devices_;
  std::vector<Change> changes_;
  std::array<std::optional<std::pair<Message, Bytes>>, static_cast<std::size_t>(Step::number)> before_;  // the last message of each step, as it was sent
  std::size_t losses_ = 0, disturbances_ = 0;  // changes that took place
  SessionTerms terms_;
  RosterBeacon beacon_;
  Aggregator aggregator_;
  SerialExecutor executor_;
};

SessionTerms terms_of_session() {
  SessionTerms terms;
  terms.assignment = SessionId{{7}};
  terms.cohort = 8;
  terms.length = kLength;
  terms.bits = kBits;
  terms.clip_norm_l2 = 1;
  terms.scale = 1;
  terms.min_clients = 3;
  terms.corrupt_ppm = 125'000;
  terms.dropout_ppm = 250'000;
  terms.security_bits = 40;
  terms.failure_bits = 20;
  return terms;
}

Session::Session(fuzz::Decisions decisions) : terms_(terms_of_session()), aggregator_(terms_, beacon_) {
  const std::size_t clients = 5 + decisions.u8() % 4;
  const std::uint64_t seed = decisions.u8() % 4;
  changes_ = read_changes(decisions, clients);
  for (std::size_t i = 0; i < clients; ++i) {
    Device device{.who = fuzz::cohort()[i], .random = std::make_unique<SeededRandom>(seed * 8 + i), .participant = nullptr};
    device.participant = std::make_unique<Participant>(terms_, device.who.key.public_key(), *device.random, fuzz::credentials());
    for (std::uint32_t& value : device.update.mutable_values()) value = static_cast<std::uint32_t>(device.random->below(kMask + 1));
    devices_.push_back(std::move(device));
  }
}

// The message as the changes leave it; nothing: lost, or it does not decode, which is the same to the machines.
std::optional<Arrival> Session::carry(Step step, std::size_t device, const Message& message, ByteSpan bulk) {
  const auto change = std::ranges::find_if(changes_, [&](const Change& one) { return one.step == step && one.device == device; });
  auto& before = before_[static_cast<std::size_t>(step)];
  std::optional<std::pair<Message, Bytes>> anothers = std::exchange(before, std::pair(message, Bytes(bulk.begin(), bulk.end())));
  Arrival arrival{message, Bytes(bulk.begin(), bulk.end())};
  if (change == changes_.end()) return arrival;
  Bytes body = encode_body(message);
  switch (change->deed) {
    case Deed::edit_body: edit_bytes(change->edits, body); break;
    case Deed::edit_bulk_and_hash:
    case Deed::edit_bulk:
      edit_bytes(change->edits, arrival.bulk);
      if (auto* input = std::get_if<MaskedInput>(&arrival.message); input != nullptr && change->deed == Deed::edit_bulk_and_hash) {
        input->bulk_hash = hash_of_update(arrival.bulk);
        body = encode_body(arrival.message);
      }
      break;
    case Deed::lose: ++losses_; return std::nullopt;
    case Deed::repeat: arrival.repeated = true; return arrival;
    case Deed::take_anothers:
      if (anothers) {
        body = encode_body(anothers->first);
        arrival.bulk = std::move(anothers->second);
      }
      break;
    case Deed::number: break;
  }
  arrival.changed = body != encode_body(message) || !std::ranges::equal(arrival.bulk, bulk);
  disturbances_ += arrival.changed ? 1U : 0U;
  Result<Message> decoded = decode_body(type_of(message), body);
  if (!decoded) return std::nullopt;
  FEDSPEND_CHECK(encode_body(*decoded) == body, "a body has one form");
  arrival.message = std::move(*decoded);
  return arrival;
}

std::optional<Arrival> Session::to_device(Step step, std::size_t device) {
  if (devices_[device].ended) return std::nullopt;
  const auto outgoing = aggregator_.message_for(devices_[device].who.id);
  if (!outgoing) return std::nullopt;
  return carry(step, device, outgoing->message, outgoing->bulk ? ByteSpan(*outgoing->bulk) : ByteSpan());
}

Signature Session::signature_of(const Device& device, const SessionId& session, const Message& message) const {
  return device.who.key.sign(signed_digest(type_of(message), session, device.who.id, encode_body(message)));
}

// A message that was taken and comes again is acknowledged, and changes nothing (case 1).
template <class Call>
void Session::repeat(const Arrival& arrival, Verdict first, Call call) const {
  if (arrival.repeated && first == Verdict::accepted) FEDSPEND_CHECK(call() == Verdict::duplicate, "the same message again is a duplicate");
}

void Session::advertise() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i];
    const auto arrival = carry(Step::advertise, i, device.participant->advertise_keys());
    if (!arrival) continue;
    const auto call = [&] {
      return aggregator_.on_advertise_keys(device.who.key.public_key(), device.who.certificate, std::get<AdvertiseKeys>(arrival->message),
                                           signature_of(device, terms_.assignment, arrival->message));
    };
    const Verdict verdict = call();
    repeat(*arrival, verdict, call);
    device.deceived = arrival->changed;
  }
}

void Session::share() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i];
    const auto arrival = to_device(Step::roster, i);
    if (!arrival) continue;
    const auto shares = device.participant->on_roster(std::get<RosterView>(arrival->message), aggregator_.session(), fuzz::kNow_s);
    FEDSPEND_CHECK(shares.has_value() == !(arrival->changed || device.deceived), "a roster is believed exactly if it is the aggregator's and has the client's own keys");
    device.ended = !shares;
    if (!shares) continue;
    if (arrival->repeated)
      FEDSPEND_CHECK(!device.participant->on_roster(std::get<RosterView>(arrival->message), aggregator_.session(), fuzz::kNow_s), "one roster");
    const auto sent = carry(Step::share, i, *shares);
    if (!sent) continue;
    const auto call = [&] { return aggregator_.on_share_keys(device.who.id, std::get<ShareKeys>(sent->message)); };
    repeat(*sent, call(), call);
  }
}

void Session::mask() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i];
    const auto true_message = aggregator_.message_for(device.who.id);
    const auto arrival = to_device(Step::deliver, i);
    if (!arrival) continue;
    const auto& shares = std::get<DeliverShares>(arrival->message);
    device.ended = !device.participant->on_shares(shares);
    if (device.ended) {
      FEDSPEND_CHECK(arrival->changed, "shares as the aggregator sends them are taken");
      continue;
    }
    if (arrival->repeated) FEDSPEND_CHECK(!device.participant->on_shares(shares), "shares once");
    device.split = device.deceived = shares.sharing != std::get<DeliverShares>(true_message->message).sharing;
    mask_one(i);
  }
}

void Session::mask_one(std::size_t i) {
  Device& device = devices_[i];
  const auto masked = device.participant->mask(device.update);
  FEDSPEND_CHECK(masked.has_value(), "a client with shares masks");
  const auto arrival = carry(Step::masked, i, masked->message, *masked->packed);
  if (!arrival) return;
  const auto call = [&] { return aggregator_.on_masked_input(device.who.id, std::get<MaskedInput>(arrival->message), arrival->bulk); };
  const Verdict verdict = call();
  repeat(*arrival, verdict, call);
  if (verdict != Verdict::accepted || !arrival->changed) return;
  // Whatever a malicious device adds is in the sum, like any vector of its own; what the honest ones add must still be right.
  device.deceived = true;
  const RingVector sent = RingVector::unpack(*masked->packed, kLength, kBits).value();
  const RingVector taken = RingVector::unpack(arrival->bulk, kLength, kBits).value();
  for (std::size_t w = 0; w < kLength; ++w) device.added.mutable_values()[w] = (taken.values()[w] - sent.values()[w]) & kMask;
}

void Session::sign() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i];
    const auto arrival = to_device(Step::survivors, i);
    if (!arrival) continue;
    const auto signature = device.participant->on_survivors(std::get<Survivors>(arrival->message));
    device.ended = !signature;
    if (!signature) {
      FEDSPEND_CHECK(arrival->changed || device.deceived, "a survivor set as the aggregator sends it is signed");
      continue;
    }
    device.has_signed = true;
    if (arrival->repeated) {
      const auto again = device.participant->on_survivors(std::get<Survivors>(arrival->message));
      FEDSPEND_CHECK(again && again->choice == signature->choice, "the same set, the same signature");
    }
    device.deceived = device.deceived || arrival->changed;
    const auto sent = carry(Step::sign, i, *signature);
    if (!sent) continue;
    const auto& message = std::get<SignSurvivors>(sent->message);
    const auto call = [&] { return aggregator_.on_sign_survivors(device.who.id, message, signature_of(device, aggregator_.session(), message)); };
    const Verdict verdict = call();
    repeat(*sent, verdict, call);
    if (device.deceived && !sent->changed) FEDSPEND_CHECK(verdict == Verdict::bad_contents, "a client that saw other sets does not sign the aggregator's");
  }
}

void Session::unmask() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    Device& device = devices_[i];
    const auto arrival = to_device(Step::quorum, i);
    if (!arrival) continue;
    const auto shares = device.participant->on_quorum(std::get<Quorum>(arrival->message), arrival->bulk, fuzz::kNow_s, executor_);
    const bool believes = device.has_signed && !arrival->changed && !device.deceived;
    FEDSPEND_CHECK(shares.has_value() == believes, "shares are opened exactly for a quorum over the set that the client has signed");
    device.ended = !shares;
    if (!shares) continue;
    const auto again = device.participant->on_quorum(std::get<Quorum>(arrival->message), arrival->bulk, fuzz::kNow_s, executor_);
    FEDSPEND_CHECK(!again, "the shares leave once");
    const auto sent = carry(Step::unmask, i, *shares);
    if (!sent) continue;
    const auto call = [&] { return aggregator_.on_unmask(device.who.id, std::get<Unmask>(sent->message)); };
    repeat(*sent, call(), call);
  }
}

bool Session::check_sum() {
  const auto unmasked = aggregator_.take_unmasking()->run(executor_);
  if (!unmasked) {
    FEDSPEND_CHECK(!unmasked.error().why.empty(), "a failure has a reason");
    return false;
  }
  const std::vector<ClientId> contributors = aggregator_.contributors();
  RingVector expected(kLength, kBits);
  bool split = false;
  for (const Device& device : devices_) {
    if (!std::ranges::binary_search(contributors, device.who.id)) continue;
    expected.add(device.update);
    expected.add(device.added);
    split = split || device.split;
  }
  FEDSPEND_CHECK(split || std::ranges::equal(unmasked->sum.values(), expected.values()), "the sum is that of the contributors");
  return true;
}

void Session::run() {
  bool whole = true;
  for (const auto phase : {&Session::advertise, &Session::share, &Session::mask, &Session::sign, &Session::unmask}) {
    (this->*phase)();
    const Status status = aggregator_.advance();
    whole = status.has_value();
    if (whole) continue;
    FEDSPEND_CHECK(!status.error().message.empty(), "an end has a reason");
    break;
  }
  whole = whole && check_sum();
  FEDSPEND_CHECK(whole || disturbances_ != 0 || losses_ > 1, "a session without a change, or with one loss, succeeds");
}

}  // namespace
}  // namespace fedspend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fedspend::Session(fedspend::fuzz::Decisions(fedspend::ByteSpan(data, size))).run();
  return 0;
}
