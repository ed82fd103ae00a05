#pragma once
// The coordinator's end of secure aggregation, as a pure machine (SECAGG.md, "Rounds"; Bell et al. 2020, figure 3): it takes the messages
// of one session and says what each client is to be sent; who is enrolled, signatures, deadlines and sending are the caller's. It
// learns the sum and nothing else; what it holds grows with n k and with d, never with n d. One object for one attempt. One thread.
//
//   phase        takes           is_complete()                    advance() goes on if                       next
//   Advertising  AdvertiseKeys   the caller says when             parameters exist for so many               Sharing
//   Sharing      ShareKeys       all on the roster have           U2 >= q and n_min, each with t alive       Masking
//   Masking      MaskedInput     all of U2 have                   U3 >= q and n_min, each with t alive       Signing
//   Signing      SignSurvivors   q of U3 have                     q have                                     Revealing
//   Revealing    Unmask          all of U3 have                   t shares of every secret                   Closed (take_unmasking)
//
// advance() closes a phase when it is complete or its deadline has passed; an error is why the session is aborted, and is final. A
// message never aborts anything: what is wrong with it is a Verdict, and the state is as before. In each phase but the first,
// message_for() is what a client that is waited for must be sent; it is the same whenever it is asked for.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/numeric/ring_vector.h"
#include "common/protocol/messages.h"
#include "common/result.h"
#include "common/secagg/beacon.h"
#include "common/secagg/graph.h"
#include "common/secagg/position_set.h"
#include "common/secagg/quorum.h"
#include "common/secagg/roster.h"
#include "common/secagg/session_terms.h"
#include "common/secagg/unmasking.h"

namespace fedspend {

enum class Verdict : std::uint8_t {
  accepted,
  duplicate,     // the same message again: nothing has changed (case 1)
  equivocation,  // another one of the same client in the same phase: the first one stays (case 4)
  wrong_phase,   // early or late (case 3)
  not_awaited,   // the client is not among those whom this phase waits for (case 16)
  bad_contents,  // lengths, pad bits, keys that are not canonical or that somebody else has (cases 5, 17 to 19, 21 to 23)
};
std::string_view to_string(Verdict verdict) noexcept;

struct Outgoing {
  Message message;
  std::shared_ptr<const Bytes> bulk;  // of Quorum: the same for all
};

class Aggregator {
 public:
  Aggregator(SessionTerms terms, Beacon& beacon);  // `beacon` outlives it

  // `certificate` is the enrolled one, kCertificateWireBytes; `signature` that of the envelope, which the caller has verified.
  Verdict on_advertise_keys(const IdentityPublicKey& identity, ByteSpan certificate, const AdvertiseKeys& message, const Signature& signature);
  Verdict on_share_keys(const ClientId& client, const ShareKeys& message);
  Verdict on_masked_input(const ClientId& client, const MaskedInput& message, ByteSpan bulk);
  Verdict on_sign_survivors(const ClientId& client, const SignSurvivors& message, const Signature& signature);
  Verdict on_unmask(const ClientId& client, const Unmask& message);

  std::uint32_t advertised() const;
  bool is_complete() const;  // false in Advertising and Closed
  Status advance();

  // Whose message the phase waits for, in the order of the roster; nobody in Advertising and Closed.
  std::vector<ClientId> awaited() const;
  std::uint32_t awaited_count() const;  // awaited().size(), without going through all clients
  bool is_awaited(const ClientId& client) const;
  // Nothing: the client is not waited for in this phase (it has answered or does not belong to it).
  std::optional<Outgoing> message_for(const ClientId& client) const;
  // Its message of this phase has been accepted.
  bool has_answered(const ClientId& client) const;

  std::string_view phase() const;
  const SessionId& session() const;            // from Sharing on; zero before
  const SessionParameters& parameters() const;
  std::vector<ClientId> contributors() const;  // U3, sorted; from Signing on
  // After advance() has failed: dealers, sorted, of whose secret t holders answered and yet fewer than t had a share that opened. It is
  // the dealer who sealed them so, or more holders than are taken to be corrupt; those who are lost are nobody's fault (case 24).
  const std::vector<ClientId>& dealers_at_fault() const { return dealers_at_fault_; }
  // In Closed, once: what remains to be computed. It has everything it needs.
  std::unique_ptr<Unmasking> take_unmasking();

 private:
  struct Member {
    ClientId id;
    IdentityPublicKey identity;
    std::array<std::uint8_t, kCertificateWireBytes> certificate{};
    RoundKeys keys;
    RistrettoPoint mask_key;
    Signature signature{};
  };
  struct Session {  // what the roster has fixed
    std::vector<Member> members;  // by position
    Roster roster;
    MaskingGraph graph;
    SessionParameters parameters;
    BeaconDraw beacon;
    SessionId id;
  };
  struct Advertising {
    std::map<ClientId, Member> members;
    std::set<std::array<std::uint8_t, 32>> keys;
  };
  struct Sharing {
    std::unique_ptr<Session> session;
    std::vector<Bytes> sealed;  // by position; empty: not yet
    std::uint32_t answered = 0;
  };
  struct Masking {
    std::unique_ptr<Session> session;
    PositionSet sharing;        // U2
    std::vector<Bytes> sealed;
    RingVector sum;
    std::vector<std::optional<Hash256>> inputs;  // H(y), by position
    std::uint32_t answered = 0;
  };
  struct Signing {
    std::unique_ptr<Session> session;
    PositionSet sharing;
    PositionSet survivors;      // U3
    RingVector sum;
    MerkleTree inputs;
    Hash256 choice{};
    std::map<std::uint32_t, Signature> signatures;  // by position
  };
  struct Revealing {
    std::unique_ptr<Session> session;
    PositionSet sharing;
    PositionSet survivors;
    RingVector sum;
    std::uint32_t signers = 0;
    std::shared_ptr<const Bytes> quorum;
    std::vector<std::optional<Unmask>> revealed;  // by position
    std::uint32_t answered = 0;
  };
  struct Closed {
    std::unique_ptr<Session> session;
    PositionSet survivors;
    std::unique_ptr<Unmasking> unmasking;
  };
  using Phase = std::variant<Advertising, Sharing, Masking, Signing, Revealing, Closed>;
  struct RevealedShare {
    std::uint32_t holder = 0;  // its position
    ByteSpan bytes;            // empty: not revealed
  };
  struct RevealedOfDealer {
    std::vector<RevealedShare> shares;  // by the holder's coordinate around the dealer, from 1 on
    std::uint32_t answered = 0;  // neighbours who have revealed anything
  };

  const Session* session_data() const;
  std::optional<std::uint32_t> position_of(const ClientId& client) const;
  bool is_awaited(std::uint32_t position) const;
  Result<Phase> begin_sharing(Advertising& from);
  Result<Phase> begin_masking(Sharing& from) const;
  Result<Phase> begin_signing(Masking& from) const;
  Result<Phase> begin_unmasking(Signing& from) const;
  Result<Phase> close(Revealing& from);
  static std::vector<RevealedOfDealer> shares_by_dealer(const Revealing& from);
  static RevealedSecret revealed_secret(const Revealing& from, std::uint32_t position, const RevealedOfDealer& revealed);
  Status check_alive(const Session& session, const PositionSet& alive, std::string_view what) const;
  Status check_recoverable(const Session& session, const PositionSet& sharing, const PositionSet& survivors) const;
  Outgoing roster_view(const Session& session, std::uint32_t position) const;
  Outgoing shares_for(const Masking& at, std::uint32_t position) const;

  SessionTerms terms_;
  Beacon& beacon_;
  Phase phase_;
  std::vector<ClientId> dealers_at_fault_;
};

}  // namespace fedspend
