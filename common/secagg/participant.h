#pragma once
// The client's end of secure aggregation, as a pure machine: messages in, messages out; time and randomness come from outside, and
// the caller signs, sends and records (SECAGG.md, "Rounds"; Bell et al. 2020, figure 3). One object for one attempt at a round; its
// secrets are wiped as soon as no later phase needs them, and with it. One thread per object.
//
//   phase       call              next        gives         what it holds
//   Advertised  on_roster         Shared      ShareKeys     r, b, the agreement key
//   Shared      on_shares         Keyed       -             r, b, a channel to each neighbour
//   Keyed       mask              Masked      MaskedInput   the shares of others
//   Masked      on_survivors      Signed      SignSurvivors the same
//   Signed      on_survivors      Signed      SignSurvivors the same again, for the same set only (case 13)
//   Signed      on_quorum         Unmasked    Unmask        nothing any more
//
// A call in another phase is `conflict`, and so is a second one with other contents; every other error says what failed a check, and
// the caller ends the session with it. On an error nothing has changed. What must be durable before a message leaves is the caller's:
// that the session was answered (before ShareKeys), the participation (before MaskedInput), the choice (before SignSurvivors).
// No share of one's own secrets is kept, and no share is ever given to oneself.

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "common/executor.h"
#include "common/numeric/ring_vector.h"
#include "common/protocol/messages.h"
#include "common/random_source.h"
#include "common/result.h"
#include "common/secagg/credentials.h"
#include "common/secagg/graph.h"
#include "common/secagg/key_schedule.h"
#include "common/secagg/position_set.h"
#include "common/secagg/session_terms.h"

namespace fedspend {

struct MaskedVector {
  MaskedInput message;
  std::shared_ptr<const Bytes> packed;  // y_i; shared because it is kept until it is acknowledged
};

class Participant {
 public:
  // Draws the keys of the round. `random` and `credentials` outlive the object; `random` is libsodium's generator but in tests and simulations.
  // `beacon_key` is the external beacon's that this device pins; without one, no roster with an external beacon is taken.
  Participant(SessionTerms terms, const IdentityPublicKey& identity, RandomSource& random, Credentials& credentials,
              std::optional<IdentityPublicKey> beacon_key = std::nullopt);

  AdvertiseKeys advertise_keys() const { return {keys_}; }

  // `session` is what the envelope says. refused: parameters that do not follow from the terms, a roster that does not hold
  // together (cases 5, 11, 16, 22, 23, 33); unauthorized: a key that its owner has not signed for this assignment (case 26), a
  // beacon that its key has not signed for it (case 33), a certificate, a proof.
  Result<ShareKeys> on_roster(const RosterView& roster, const SessionId& session, std::uint64_t now_s);
  // refused: fewer than t neighbours or min_clients alive, or oneself left out (case 15). Shares that do not open are skipped;
  // their senders are left out of Unmask::opened (cases 7, 8, 9).
  Status on_shares(const DeliverShares& shares);
  // `update` has the length and the width of the terms (a programmer's mistake otherwise). Consumed; wiped when it has been masked.
  Result<MaskedVector> mask(RingVector update);
  // refused: U3 is not within U2, too small (case 11), without oneself (case 15), with fewer than t neighbours; conflict: another
  // set than the one signed before (case 13).
  Result<SignSurvivors> on_survivors(const Survivors& survivors);
  // quorum.h says what is checked. The shares leave once.
  Result<Unmask> on_quorum(const Quorum& quorum, ByteSpan bulk, std::uint64_t now_s, Executor& executor);

  const SessionTerms& terms() const { return terms_; }
  // From the roster on.
  const SessionId& session() const;
  const SessionParameters& parameters() const;
  std::uint32_t unopened() const;  // neighbours in U2 whose shares did not open; from the shares on

 private:
  struct Secrets {
    SecretScalar mask_secret;  // r_i
    SecretScalar self_secret;  // b_i
  };
  struct Neighbouring {
    std::uint32_t position = 0;
    PairEnd end;                              // id and R_j
    std::optional<ShareChannel> channel;      // until the neighbour's shares are opened
    std::uint32_t coordinate_of_own = 0;      // of this client around the neighbour
  };
  struct Session {  // what the roster has fixed
    SessionId id;
    SessionParameters parameters;
    Hash256 roster_root{};
    std::uint32_t position = 0;
    std::vector<Neighbouring> neighbours;     // by their coordinate around this client
  };
  struct Held {  // of one neighbour
    std::optional<SharePair> shares;          // nothing: not in U2, or they did not open
  };

  struct Advertised {
    Secrets secrets;
    AgreementKey agreement;
  };
  struct Shared {
    Secrets secrets;
    Session session;
  };
  struct Keyed {
    Secrets secrets;
    Session session;
    PositionSet sharing;                      // U2
    std::vector<Held> held;                   // by coordinate
  };
  struct Masked {
    Session session;
    PositionSet sharing;
    std::vector<Held> held;
    Hash256 input_hash{};                     // H(y_i)
  };
  struct Signed {
    Masked masked;
    PositionSet survivors;                    // U3
    Hash256 choice{};
  };
  struct Unmasked {
    SessionId id;
    SessionParameters parameters;
  };
  using Phase = std::variant<Advertised, Shared, Keyed, Masked, Signed, Unmasked>;

  Result<Session> check_roster(const RosterView& roster, const SessionId& session, std::uint64_t now_s, const AgreementKey& agreement) const;
  Status check_beacon(const RosterView& roster) const;
  Status check_neighbour_keys(const RosterView& roster, std::uint64_t now_s) const;
  Status check_distinct(const RosterView& roster) const;
  Status check_proof(const RosterView& roster) const;
  ShareKeys deal(const Session& session, const Secrets& secrets);
  Result<SignSurvivors> choose(const Masked& masked, const Survivors& survivors, PositionSet& set) const;

  SessionTerms terms_;
  IdentityPublicKey identity_;
  ClientId id_;
  RandomSource& random_;
  Credentials& credentials_;
  std::optional<IdentityPublicKey> beacon_key_;
  RoundKeys keys_;
  Phase phase_;
};

}  // namespace fedspend
