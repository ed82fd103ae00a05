#pragma once
// One session of secure aggregation in one process, for tests: an Aggregator and n Participants with certified identities and seeded
// randomness, driven phase by phase. What is about to be delivered passes through two hooks, in which a test alters, withholds,
// repeats, replaces or reorders whatever it likes of any client or of the server. It does for the machines what their callers do
// (signs, answers a repeated message as before) and no more: a client that has refused a message is given the next one all the
// same, so that a test can see that its state has not changed, and a server that lies may go on after it was caught.
// It knows every secret of every client, from the same randomness, and finds them in whatever left a device. One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/remembered_credentials.h"
#include "common/crypto/random.h"
#include "common/secagg/aggregator.h"
#include "common/secagg/credentials.h"
#include "common/secagg/participant.h"
#include "tests/common/secagg/signing_beacon.h"

namespace fedspend::testing {

inline constexpr std::uint64_t kSessionTime_s = 1'750'000'000;
inline constexpr std::string_view kSessionPopulation = "session";

struct SessionOptions {
  std::uint32_t clients = 7;
  std::uint64_t seed = 1;
  std::uint64_t length = 40;
  unsigned bits = 16;
  std::uint32_t min_clients = 3;
  std::uint32_t corrupt_ppm = 100'000;
  std::uint32_t dropout_ppm = 290'000;  // two of seven
  Threat threat = Threat::semi_malicious;
  std::uint32_t security_bits = 40;
  std::uint32_t failure_bits = 20;
  std::uint64_t round = 3;
  std::uint64_t attempt = 1;  // in the assignment id, and in the randomness of the clients
  bool external_beacon = false;  // clients pin its key in either case
};
SessionTerms terms_of(const SessionOptions& options);

// A message on its way: to a client of the server, or of a client to the server.
struct Delivery {
  std::size_t client = 0;
  Message message;
  Bytes bulk = {};
  SessionId session = {};     // of the envelope
  Signature signature = {};   // of the envelope; a client's alone
};
Bytes bytes_of(const Delivery& delivery);  // body and bulk

struct SessionClient {
  IdentityKey identity;
  ClientId id;
  Bytes certificate;
  SeededRandom random;
  SeededRandom same_random;  // as it was before anything was drawn: what the secrets are computed from
  RingVector update;
  std::unique_ptr<Participant> participant = {};
  std::vector<Error> refusals = {};
  std::map<MessageType, std::pair<Bytes, Delivery>> answered = {};  // by the type that was answered: what came, what left
  PositionSet survivors = PositionSet();                            // U3 as it has signed it
  bool has_unmasked = false;
};

struct SessionEnd {
  std::string aborted;  // why; empty: there is a sum
  std::optional<RingVector> sum;
  std::vector<ClientId> contributors = {};
  std::vector<ClientId> wrong_holders = {};
  std::vector<ClientId> blamed_dealers = {};
  bool is_right = false;  // the sum of the updates of the contributors
  std::size_t masks = 0;  // that were taken off
};

class SecureSession {
 public:
  using Hook = std::function<void(std::vector<Delivery>& deliveries)>;
  using TermsOf = std::function<void(std::size_t client, SessionTerms& terms)>;

  explicit SecureSession(const SessionOptions& options = {}, const TermsOf& terms_for = {});

  // Called once in each exchange with all that is to be delivered; what is there afterwards is delivered, in that order.
  Hook down;
  Hook up;
  // Called when the aggregator has been asked to go on, before it does.
  std::function<void()> before_advance;
  std::uint32_t tries = 1;  // how often run() asks those again who have not answered

  std::size_t size() const { return clients_.size(); }
  SessionClient& client(std::size_t index) { return *clients_[index]; }
  std::optional<std::size_t> index_of(const ClientId& id) const;  // clients are in the order of their ids: of the roster, if all advertise
  Aggregator& aggregator() { return aggregator_; }
  const SessionTerms& terms() const { return terms_; }
  const IdentityKey& authority() const { return authority_; }
  const SigningBeacon& external_beacon() const { return external_beacon_; }

  // The current phase once: everybody who is awaited is sent what it must be sent, and what they answer reaches the server.
  void exchange();
  bool advance();  // false: aborted
  // From wherever it is to the end.
  SessionEnd run();
  // Up to and into this phase; false: aborted before.
  bool run_to(std::string_view phase);

  // One message by hand; both are recorded.
  Result<Delivery> deliver_to_client(const Delivery& delivery);
  Verdict deliver_to_server(const Delivery& delivery);
  std::optional<Delivery> message_for(std::size_t client) const;  // what the server would send it now
  void sign(Delivery& delivery) const;                            // as its client would, for the session of the envelope
  Bytes certificate_for(const IdentityPublicKey& identity, const IdentityKey& authority, std::uint64_t expires_at_s) const;

  const std::vector<Delivery>& sent() const { return sent_; }          // all that left a device, in order
  const std::map<Verdict, std::uint32_t>& verdicts() const { return verdicts_; }
  std::uint32_t count(Verdict verdict) const;
  std::uint32_t refusals() const;
  std::uint32_t unmasked() const;  // clients from which shares have left
  std::string aborted() const { return aborted_; }

  void pretend_sent(Delivery delivery) { sent_.push_back(std::move(delivery)); }  // for the test of leak() itself
  // The name of the first secret in what has left a device that may not be there; empty: none.
  std::string leak();
  const std::vector<std::string>& transcript() const { return transcript_; }

 private:
  struct Secret {
    std::string name;
    std::array<std::uint8_t, 32> bytes{};
    std::optional<SecretKind> share_of;  // nothing: may never leave
    std::size_t dealer = 0;
    std::uint32_t dealer_position = 0;
    std::size_t holder = 0;
  };
  Result<Delivery> answer(const Delivery& delivery);
  void learn_secrets(std::size_t client, const RosterView& roster);
  void learn(std::string name, std::span<const std::uint8_t, 32> bytes);
  bool may_leave(const Secret& secret, const Delivery& delivery);
  SessionEnd finish();
  void note(std::string line) { transcript_.push_back(std::move(line)); }

  SessionOptions options_;
  SessionTerms terms_;
  IdentityKey authority_;
  client::RememberedCredentials credentials_;
  RosterBeacon roster_beacon_;
  SigningBeacon external_beacon_;
  Aggregator aggregator_;
  std::vector<std::unique_ptr<SessionClient>> clients_;
  std::map<ClientId, std::size_t> index_;
  std::vector<Delivery> sent_;
  std::map<Verdict, std::uint32_t> verdicts_;
  std::vector<Secret> secrets_;
  std::string aborted_;
  std::vector<std::string> transcript_;
};

// A change to one message, for a hook.
template <class T>
void change(std::vector<Delivery>& deliveries, std::size_t client, const std::function<void(T&)>& how) {
  for (Delivery& delivery : deliveries) {
    if (delivery.client == client && std::holds_alternative<T>(delivery.message)) how(std::get<T>(delivery.message));
  }
}
template <class T>
Delivery* find(std::vector<Delivery>& deliveries, std::size_t client) {
  for (Delivery& delivery : deliveries) {
    if (delivery.client == client && std::holds_alternative<T>(delivery.message)) return &delivery;
  }
  return nullptr;
}

}  // namespace fedspend::testing
