#pragma once
// The external beacon's own end: a party apart from the coordinator that signs one roster an attempt (common/secagg/beacon.h; SECAGG.md,
// case 33). A coordinator that could have a second roster of the same attempt signed would try rosters until the graph suits it, so
// what was signed is in a ledger, on the disk before the signature leaves. Files, all beside the key PATH:
//   PATH, PATH.pub   its Ed25519 key; devices and coordinator pin the public half
//   PATH.ledger      mode 0600, text: "fedspend-beacon-v1", then a line "<assignment id> <root> <time in seconds>" for each
//   PATH.lock        held while one process signs
// Attempts are forgotten after kBeaconMemory_s, when no device can be in them any more (a plan's longest deadlines are a week and five
// hours); the clock must not be set forward by that much. A ledger that is missing, broken or full is an error, never begun anew: it would
// sign an attempt twice. One thread.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string_view>

#include "common/random_source.h"
#include "common/result.h"
#include "common/secagg/beacon.h"

namespace fedspend::coordinator {

inline constexpr std::uint64_t kBeaconMemory_s = 30 * 86'400;
inline constexpr std::size_t kMaxBeaconEntries = 1U << 16;

struct BeaconLedger {
  struct Entry {
    Hash256 root{};
    std::uint64_t signed_at_s = 0;
    bool operator==(const Entry&) const = default;
  };
  std::map<SessionId, Entry> entries;  // by assignment id

  std::string text() const;
  static Result<BeaconLedger> parse(std::string_view text);
  // refused: another root of this attempt was signed; limit: it is full. What it has entered must be durable before the signature leaves.
  Status enter(const SessionId& assignment, const Hash256& roster_root, std::uint64_t now_s);
  bool operator==(const BeaconLedger&) const = default;
};

// conflict: there is a key, or a ledger of one that is gone.
Status create_beacon(const std::filesystem::path& key_path, RandomSource& random);
// As enter(), and conflict: another process is signing.
Result<BeaconDraw> sign_once(const std::filesystem::path& key_path, const SessionId& assignment, const Hash256& roster_root, std::uint64_t now_s);

}  // namespace fedspend::coordinator
