// The coordinator's end against clients that send what they should not: hostile cases of SECAGG.md, each named. What concerns wrong
// shares that have the right form is in unmasking_test.cpp.
#include "common/secagg/aggregator.h"

#include <algorithm>

#include "common/overloaded.h"
#include "tests/common/secagg/forged_roster.h"
#include "tests/common/secagg/hostile_cases.h"

namespace fedspend::testing {
namespace {

constexpr std::size_t kSender = 2;

template <class T>
void drop(std::vector<Delivery>& deliveries, std::set<std::size_t> clients) {
  std::erase_if(deliveries, [&](const Delivery& delivery) { return std::holds_alternative<T>(delivery.message) && clients.contains(delivery.client); });
}
// A session in which these clients send no T.
template <class T>
SecureSession::Hook without(std::set<std::size_t> clients) {
  return [clients](std::vector<Delivery>& deliveries) { drop<T>(deliveries, clients); };
}

TEST_CASE("dropouts in every phase, as many as are tolerated: the sum of those whose masked inputs arrived is right") {
  struct Lost {
    SecureSession::Hook up;
    std::size_t contributors;
    std::size_t masks;  // self masks, and those between who dropped out and the survivors
  };
  for (const Lost& lost : {Lost{without<AdvertiseKeys>({1}), 6, 6}, Lost{without<ShareKeys>({1, 4}), 5, 5},
      Lost{without<MaskedInput>({1, 4}), 5, 5 + 2 * 5},
                           Lost{without<SignSurvivors>({1, 4}), 7, 7}, Lost{without<Unmask>({1, 4}), 7, 7},
                           Lost{[](auto& deliveries) { drop<ShareKeys>(deliveries, {6}); drop<MaskedInput>(deliveries, {0}); }, 5, 5 + 5}}) {
    SecureSession session;
    session.up = lost.up;
    const SessionEnd end = session.run();
    CHECK(end.aborted == "");
    CHECK(end.is_right);
    CHECK(end.contributors.size() == lost.contributors);
    CHECK(end.masks == lost.masks);
    CHECK(session.leak() == "");
  }
}

TEST_CASE("case 1: every message twice is acknowledged and never added again") {
  SecureSession session;
  session.up = [](std::vector<Delivery>& deliveries) {
    const std::vector<Delivery> once = deliveries;
    deliveries.insert(deliveries.end(), once.begin(), once.end());
  };
  CHECK(session.run().is_right);
  CHECK(session.count(Verdict::duplicate) == 5 * 7);
  CHECK(session.count(Verdict::accepted) == 5 * 7);
}

TEST_CASE("case 2: what was sent in another session is not accepted, or does not spoil this one") {
  // The caller drops it at the envelope; here it comes through.
  SecureSession other({.attempt = 2});
  REQUIRE(other.run_to("revealing"));
  check_server_drops<SignSurvivors>(
      [&](SignSurvivors& message) {
        for (const Delivery& sent : other.sent()) {
          if (const auto* theirs = std::get_if<SignSurvivors>(&sent.message)) message = *theirs;
        }
      },
      Verdict::bad_contents);
  // Sealed shares of another session open for nobody: seven secrets have one share less, and the one of the sender none.
  SecureSession session;
  session.up = [&](std::vector<Delivery>& deliveries) {
    change<ShareKeys>(deliveries, kSender, [&](ShareKeys& message) {
      for (const Delivery& sent : other.sent()) {
        if (sent.client == kSender && std::holds_alternative<ShareKeys>(sent.message)) message = std::get<ShareKeys>(sent.message);
      }
    });
  };
  const SessionEnd end = session.run();
  CHECK(end.aborted == "0 valid shares of a client's secret, of at least 4");
  CHECK_FALSE(end.sum.has_value());
  CHECK(session.leak() == "");
}

TEST_CASE("case 3: a message of another phase is dropped, and its sender counts as a dropout") {
  SecureSession model;
  REQUIRE(model.run().is_right);
  const std::vector<Delivery> all = model.sent();  // seven of each of five types
  REQUIRE(all.size() == 35);
  SecureSession session;
  std::size_t phase = 0;
  std::uint32_t wrong = 0;
  session.up = [&](std::vector<Delivery>& deliveries) {
    for (std::size_t type = 0; type < 5; ++type) {
      if (type == phase) continue;
      Delivery other = all[type * 7 + kSender];
      if (auto* keys = std::get_if<AdvertiseKeys>(&other.message)) keys->keys.commitment[0] ^= 1;  // not the same again
      if (type == 3 && phase == 4) continue;  // q were enough without it: acknowledged
      deliveries.insert(deliveries.begin(), other);
      ++wrong;
    }
    ++phase;
  };
  CHECK(session.run().is_right);
  CHECK(session.count(Verdict::wrong_phase) == wrong);
  CHECK(wrong == 19);
  CHECK(session.count(Verdict::accepted) == 35);
  // Closed, everything is late.
  for (std::size_t type = 1; type < 5; ++type) CHECK(session.deliver_to_server(all[type * 7 + kSender]) == Verdict::wrong_phase);
  CHECK(code_of(session.aggregator().advance()) == ErrorCode::conflict);

  // Late by one phase: the sum is that of the others.
  SecureSession late;
  Delivery held;
  late.up = [&](std::vector<Delivery>& deliveries) {
    if (const Delivery* input = find<MaskedInput>(deliveries, kSender)) {
      held = *input;
      drop<MaskedInput>(deliveries, {kSender});
    } else if (!held.bulk.empty()) {
      deliveries.push_back(held);
      held.bulk.clear();
    }
  };
  const SessionEnd end = late.run();
  CHECK(end.is_right);
  CHECK(end.contributors.size() == 6);
  CHECK(late.count(Verdict::wrong_phase) == 1);
  CHECK(late.leak() == "");
}

// Each is followed by the sender's first message again, which is no news.
TEST_CASE("case 4: another message of the same client in the same phase: the first one stays") {
  SecureSession session;
  SecureSession other({.attempt = 2});  // the same clients with other keys
  session.up = [&](std::vector<Delivery>& deliveries) {
    Delivery second = *std::ranges::find(deliveries, kSender, &Delivery::client);
    const Delivery first = second;
    std::visit(Overloaded{[&](AdvertiseKeys& keys) { keys = other.client(kSender).participant->advertise_keys(); },
        [](ShareKeys& keys) { keys.sealed[7] ^= 1; },
                          [&](MaskedInput& input) {
                            second.bulk[0] ^= 1;
                            input.bulk_hash = hash_of_update(second.bulk);
                          },
                          [](SignSurvivors& signature) { signature.choice[0] ^= 1; }, [](Unmask& unmask) { unmask.shares[0] ^= 1; }, [](auto&) {}},
               second.message);
    session.sign(second);
    deliveries.push_back(second);
    deliveries.push_back(first);
  };
  const SessionEnd end = session.run();
  CHECK(end.is_right);
  CHECK(end.contributors.size() == 7);
  CHECK(end.wrong_holders.empty());
  CHECK(session.count(Verdict::equivocation) == 5);
  CHECK(session.count(Verdict::duplicate) == 5);
}

TEST_CASE("case 5: a key that somebody else has advertised, or twice among one's own, is not accepted") {
  const auto others = [](SecureSession& session) { return session.client(0).participant->advertise_keys().keys; };
  using Alter = std::function<void(RoundKeys&, const RoundKeys& of_another)>;
  const std::vector<Alter> alters = {
      [](RoundKeys& keys, const RoundKeys& another) { keys.agreement = another.agreement; },
      [](RoundKeys& keys, const RoundKeys& another) { keys.mask = another.mask; },
      [](RoundKeys& keys, const RoundKeys& another) { keys.commitment = another.commitment; },
      [](RoundKeys& keys, const RoundKeys& another) { keys.commitment = another.mask; },
      [](RoundKeys& keys, const RoundKeys& another) { keys = another; },
      [](RoundKeys& keys, const RoundKeys&) { keys.commitment = keys.agreement; },
  };
  for (const Alter& alter : alters) {
    for (const bool then_the_right_one : {true, false}) {
      SecureSession session;
      session.up = [&](std::vector<Delivery>& deliveries) {
        Delivery* right = find<AdvertiseKeys>(deliveries, kSender);
        if (right == nullptr) return;
        Delivery wrong = *right;
        alter(std::get<AdvertiseKeys>(wrong.message).keys, others(session));
        session.sign(wrong);
        const Delivery kept = *right;
        drop<AdvertiseKeys>(deliveries, {kSender});
        deliveries.push_back(wrong);  // the others' are known by now
        if (then_the_right_one) deliveries.push_back(kept);
      };
      const SessionEnd end = session.run();
      CHECK(session.count(Verdict::bad_contents) == 1);
      CHECK(end.is_right);
      CHECK(end.contributors.size() == (then_the_right_one ? 7 : 6));
    }
  }
}

TEST_CASE("case 10: fewer than t valid shares of a secret: abort, and nothing is published") {
  SecureSession session;  // t = 4
  SUBCASE("too few answer") { session.up = without<Unmask>({0, 1, 2}); }
  SUBCASE("too few shares opened") {
    session.down = [](std::vector<Delivery>& deliveries) {
      for (Delivery& delivery : deliveries) {
        auto* shares = std::get_if<DeliverShares>(&delivery.message);
        for (std::size_t i = 0; shares != nullptr && delivery.client < 3 && i < 6; ++i) shares->sealed[i * kSealedShareBytes + 10] ^= 1;
      }
    };
  }
  SUBCASE("too few are canonical") {
    session.up = [](std::vector<Delivery>& deliveries) {
      for (std::size_t i = 0; i < 3; ++i) change<Unmask>(deliveries, i, [](Unmask& unmask) { std::ranges::fill(unmask.shares, std::uint8_t{0xff}); });
    };
  }
  const SessionEnd end = session.run();
  CHECK(holds(end.aborted, "valid shares of a client's secret, of at least 4"));
  CHECK_FALSE(end.sum.has_value());
  CHECK(session.aggregator().phase() == "revealing");
  CHECK(session.leak() == "");
}

TEST_CASE("case 10: exactly t valid shares are enough") {
  // With the two of seven who are silent, six shares of b become four or five.
  SecureSession session;
  session.up = without<Unmask>({0, 1});
  CHECK(session.run().is_right);
}

TEST_CASE("case 9: a revealed share that is no canonical scalar is discarded, the others do") {
  for (const std::size_t row : {0U, 3U, 5U}) {
    SecureSession session;
    session.up = [&](std::vector<Delivery>& deliveries) {
      change<Unmask>(deliveries, kSender, [&](Unmask& unmask) {
        std::ranges::fill(std::span(unmask.shares).subspan(32 * row, 32), std::uint8_t{0xff});
      });
    };
    const SessionEnd end = session.run();
    CHECK(end.is_right);
    CHECK(end.wrong_holders.empty());  // it was never on a polynomial
  }
}

TEST_CASE("case 11: survivors below the minimum, the quorum or the threshold: the server aborts with the reason") {
  const auto aborted = [](const SessionOptions& options, const SecureSession::Hook& up) {
    SecureSession session(options);
    session.up = up;
    const SessionEnd end = session.run();
    CHECK_FALSE(end.sum.has_value());
    CHECK(session.unmasked() == 0);
    CHECK(session.leak() == "");
    const auto phase = session.aggregator().phase();
    CHECK(reason_of(session.aggregator().advance()) == end.aborted);
    CHECK(session.aggregator().phase() == phase);
    return end.aborted;
  };
  CHECK(aborted({}, without<AdvertiseKeys>({0, 1, 2, 3, 4})) == "a roster of 2 clients, below the least of 3");
  CHECK(holds(aborted({.min_clients = 1}, without<AdvertiseKeys>({0, 1, 2, 3, 4, 5, 6})), "a roster of 0 clients"));
  CHECK(aborted({}, without<ShareKeys>({0, 1, 2, 3})) == "3 clients have shared keys, of at least 4");                     // q
  CHECK(aborted({}, without<ShareKeys>({0, 1, 2})) == "a client has 3 neighbours who have shared keys, of at least 4");    // t
  CHECK(aborted({}, without<MaskedInput>({0, 1, 2, 3})) == "3 clients have sent a masked input, of at least 4");
  CHECK(aborted({}, without<MaskedInput>({0, 1, 2})) == "a client has 3 neighbours who have sent a masked input, of at least 4");
  CHECK(aborted({}, without<SignSurvivors>({0, 1, 2, 3})) == "3 clients have signed the survivor set, of at least 4");
  CHECK(aborted({.min_clients = 5, .dropout_ppm = 280'000}, without<MaskedInput>({0, 1, 2})) == "4 clients have sent a masked input, of at least 5");
  CHECK(aborted({.min_clients = 5, .dropout_ppm = 280'000}, without<SignSurvivors>({0, 1, 2})) ==
        "4 clients have signed the survivor set, of at least 5");
}

// On a sparse graph alone: every survivor has t neighbours among the survivors, and somebody who dropped out has not.
TEST_CASE("case 10: a client that dropped out with fewer than t neighbours left: the server aborts before anybody reveals anything") {
  SecureSession session({.clients = 75, .dropout_ppm = 100'000});
  constexpr std::uint32_t kLost = 30;
  std::set<std::size_t> lost = {kLost};
  session.down = [&](std::vector<Delivery>& deliveries) {
    const Delivery* delivery = find<RosterView>(deliveries, kLost);
    if (delivery == nullptr) return;
    const auto& view = std::get<RosterView>(delivery->message);
    REQUIRE(session.aggregator().parameters() == SessionParameters{.clients = 75, .degree = 22, .threshold = 15, .quorum = 42});
    // Those at distance 1, 4, 10 and 11 on both sides: of the others nobody loses more than seven of 22 neighbours by it.
    for (const Neighbour& neighbour : MaskingGraph::draw(75, 22, view.root, view.beacon).neighbours(kLost)) {
      if (std::set<std::uint32_t>{1, 4, 10, 11, 12, 15, 21, 22}.contains(neighbour.coordinate)) lost.insert(neighbour.position);
    }
  };
  session.up = [&](std::vector<Delivery>& deliveries) { drop<MaskedInput>(deliveries, lost); };
  const SessionEnd end = session.run();
  CHECK(end.aborted == "a client that dropped out has 14 neighbours who could give its mask key back, of at least 15");
  CHECK(session.unmasked() == 0);
  CHECK(session.leak() == "");
}

TEST_CASE("case 16: a client that is not awaited is told nothing, and what it sends is dropped") {
  SecureSession session;
  session.up = [](std::vector<Delivery>& deliveries) {
    drop<ShareKeys>(deliveries, {1});
    drop<MaskedInput>(deliveries, {4});
  };
  SecureSession model;
  REQUIRE(model.run().is_right);
  SeededRandom random(9);
  const IdentityKey stranger = IdentityKey::generate(random);
  const ClientId unknown = client_id_of(stranger.public_key());
  std::size_t type = 0;
  session.before_advance = [&] {
    Aggregator& aggregator = session.aggregator();
    CHECK_FALSE(aggregator.message_for(unknown).has_value());
    CHECK_FALSE(aggregator.has_answered(unknown));
    const std::vector<Delivery>& all = model.sent();
    if (type == 1) CHECK(aggregator.on_share_keys(unknown, std::get<ShareKeys>(all[7].message)) == Verdict::not_awaited);
    if (type == 2) {
      CHECK(aggregator.on_masked_input(unknown, std::get<MaskedInput>(all[14].message), all[14].bulk) == Verdict::not_awaited);
      CHECK(session.deliver_to_server(all[14 + 1]) == Verdict::not_awaited);
      CHECK_FALSE(session.message_for(1).has_value());
    }
    if (type == 3) {
      CHECK(aggregator.on_sign_survivors(unknown, std::get<SignSurvivors>(all[21].message), {}) == Verdict::not_awaited);
      CHECK(session.deliver_to_server(all[21 + 4]) == Verdict::not_awaited);
    }
    if (type == 4) {
      CHECK(aggregator.on_unmask(unknown, std::get<Unmask>(all[28].message)) == Verdict::not_awaited);
      CHECK(session.deliver_to_server(all[28 + 4]) == Verdict::not_awaited);
      CHECK_FALSE(session.message_for(4).has_value());
      CHECK(aggregator.awaited().empty());
    }
    ++type;
  };
  const SessionEnd end = session.run();
  CHECK(type == 5);
  CHECK(end.is_right);
  CHECK(end.contributors.size() == 5);
}

TEST_CASE("case 16: one more than were asked finds no place") {
  SecureSession session({.clients = 7});
  session.exchange();
  CHECK(session.aggregator().advertised() == 7);
  SeededRandom random(9);
  const IdentityKey stranger = IdentityKey::generate(random);
  const RoundKeys keys{.agreement = AgreementKey::generate(random).public_key().bytes(),
                       .mask = RistrettoPoint::base_times(SecretScalar::random(random))->bytes(),
                       .commitment = {5}};
  const Bytes certificate = session.certificate_for(stranger.public_key(), session.authority(), kSessionTime_s + 1);
  CHECK(session.aggregator().on_advertise_keys(stranger.public_key(), certificate, AdvertiseKeys{keys}, {}) == Verdict::not_awaited);
  CHECK(session.aggregator().advertised() == 7);
  CHECK(session.advance());
  CHECK(session.run().is_right);
}

TEST_CASE("case 17: a masked input of another length is dropped, whichever of its three lengths is wrong") {
  using Input = MaskedInput;
  const auto dropped = [](const std::function<void(Input&, Delivery&)>& alter) {
    check_server_drops<Input>(
        [&](Input& message, Delivery& delivery, SecureSession&) {
          alter(message, delivery);
          message.bulk_hash = hash_of_update(delivery.bulk);
        },
        Verdict::bad_contents);
  };
  dropped([](Input&, Delivery& delivery) { delivery.bulk.pop_back(); });
  dropped([](Input&, Delivery& delivery) { delivery.bulk.push_back(0); });
  dropped([](Input&, Delivery& delivery) { delivery.bulk.clear(); });
  dropped([](Input& message, Delivery&) { ++message.count; });
  dropped([](Input& message, Delivery&) { message.count = 0; });
  dropped([](Input& message, Delivery& delivery) {
    ++message.count;
    delivery.bulk.resize(delivery.bulk.size() + 2);
  });
  dropped([](Input& message, Delivery& delivery) {
    message.count /= 2;
    delivery.bulk.resize(delivery.bulk.size() / 2);
  });
}

TEST_CASE("case 17: a masked input whose hash is another's is dropped") {
  check_server_drops<MaskedInput>([](MaskedInput& message) { message.bulk_hash[0] ^= 1; }, Verdict::bad_contents);
  check_server_drops<MaskedInput>([](MaskedInput&, Delivery& delivery, SecureSession&) { delivery.bulk[3] ^= 1; }, Verdict::bad_contents);
}

TEST_CASE("case 18: pad bits set, or another bit width: dropped") {
  const SessionOptions odd{.length = 41, .bits = 13};  // 533 bits in 67 bytes
  check_server_drops<MaskedInput>(
      [](MaskedInput& message, Delivery& delivery, SecureSession&) {
        delivery.bulk.back() |= 0x80;
        message.bulk_hash = hash_of_update(delivery.bulk);
      },
      Verdict::bad_contents, odd);
  for (const int bits : {0, 12, 14, 32, 33, 255})
    check_server_drops<MaskedInput>([&](MaskedInput& message) { message.bits = static_cast<std::uint8_t>(bits); }, Verdict::bad_contents, odd);
  check_server_drops<Unmask>([](Unmask& message) { message.opened[0] |= 0x80; }, Verdict::bad_contents);
}

TEST_CASE("cases 19 and 25: share lists and shares of a wrong length are dropped") {
  for (const std::size_t bytes : {0U, 1U, 104U, 623U, 625U, 728U})
    check_server_drops<ShareKeys>([&](ShareKeys& message) { message.sealed.resize(bytes); }, Verdict::bad_contents);
  for (const std::size_t bytes : {0U, 1U, 31U, 160U, 191U, 193U, 224U})
    check_server_drops<Unmask>([&](Unmask& message) { message.shares.resize(bytes); }, Verdict::bad_contents);
  check_server_drops<Unmask>([](Unmask& message) { message.opened.push_back(0); }, Verdict::bad_contents);
  check_server_drops<Unmask>([](Unmask& message) { message.opened.clear(); }, Verdict::bad_contents);
  check_server_drops<Unmask>([](Unmask& message) { message.opened[0] ^= 1; }, Verdict::bad_contents);
}

TEST_CASE("case 16: a share of a client that has shared no keys is dropped") {
  SecureSession session;
  session.up = [&](std::vector<Delivery>& deliveries) {
    drop<ShareKeys>(deliveries, {5});
    Delivery* right = find<Unmask>(deliveries, kSender);
    if (right == nullptr) return;
    Delivery wrong = *right;
    auto& unmask = std::get<Unmask>(wrong.message);
    REQUIRE(unmask.opened[0] != 0x3f);
    unmask.opened[0] = 0x3f;
    unmask.shares.resize(6 * 32);
    deliveries.insert(deliveries.begin(), wrong);
  };
  CHECK(session.run().is_right);
  CHECK(session.count(Verdict::bad_contents) == 1);
}

TEST_CASE("case 20: a count of 2^32 - 1 is dropped before anything is made of it") {
  check_server_drops<MaskedInput>([](MaskedInput& message) { message.count = 0xffffffff; }, Verdict::bad_contents);
}

TEST_CASE("cases 21, 22 and 23: keys that are none are dropped at advertise") {
  using Key = std::array<std::uint8_t, 32>;
  Key ones;
  ones.fill(0xff);
  Key prime = ones;
  prime[0] = 0xed;
  prime[31] = 0x7f;
  Key high_bit = {9};
  high_bit[31] = 0x80;
  const auto dropped = [](const std::function<void(RoundKeys&)>& alter) {
    check_server_drops<AdvertiseKeys>([&](AdvertiseKeys& message) { alter(message.keys); }, Verdict::bad_contents);
  };
  dropped([&](RoundKeys& keys) { keys.mask = ones; });           // 21
  dropped([&](RoundKeys& keys) { keys.mask = {1}; });            // 21: negative
  dropped([&](RoundKeys& keys) { keys.mask[31] |= 0x80; });      // 21: a second encoding, which libsodium accepts
  dropped([&](RoundKeys& keys) { keys.mask = {}; });             // 22: the identity
  dropped([&](RoundKeys& keys) { keys.agreement = {}; });        // 22 and 23: low order
  dropped([&](RoundKeys& keys) { keys.agreement = {1}; });       // 23
  dropped([&](RoundKeys& keys) { keys.agreement = prime; });     // 23
  dropped([&](RoundKeys& keys) { keys.agreement = high_bit; });  // 23
}

TEST_CASE("case 31: a flood of repeated and altered messages changes nothing") {
  SecureSession session;
  session.up = [&](std::vector<Delivery>& deliveries) {
    const Delivery first = *std::ranges::find(deliveries, kSender, &Delivery::client);
    for (std::uint32_t i = 0; i < 500; ++i) {
      Delivery flood = first;
      std::visit(Overloaded{[&](AdvertiseKeys& keys) { store_u32(keys.keys.commitment, i); },
                            [&](ShareKeys& keys) { store_u32(MutableByteSpan(keys.sealed), i); },
                            [&](MaskedInput& input) { store_u32(input.bulk_hash, i); },
                            [&](SignSurvivors& signature) { store_u32(signature.choice, i); },
                            [&](Unmask& unmask) { store_u32(MutableByteSpan(unmask.shares), i); }, [](auto&) {}},
                 flood.message);
      deliveries.push_back(flood);
    }
  };
  const SessionEnd end = session.run();
  CHECK(end.is_right);
  CHECK(end.contributors.size() == 7);
  CHECK(session.count(Verdict::equivocation) == 5 * 500);
  CHECK(session.count(Verdict::accepted) == 5 * 7);
}

TEST_CASE("case 33: the beacon is drawn for this attempt after the roster's root is fixed; if there is none, the session is aborted") {
  SecureSession clients({.external_beacon = true});
  SigningBeacon beacon;
  beacon.fails = true;
  Aggregator aggregator(clients.terms(), beacon);
  const std::vector<ForgedMember> members = advertised_by(clients);
  for (const ForgedMember& member : members)
    CHECK(aggregator.on_advertise_keys(member.identity, member.certificate, {member.keys}, member.signature) == Verdict::accepted);
  CHECK(beacon.asked.empty());
  CHECK(code_of(aggregator.advance()) == ErrorCode::unavailable);
  CHECK(aggregator.phase() == "advertising");
  CHECK(aggregator.advertised() == 7);
  beacon.fails = false;
  REQUIRE(aggregator.advance().has_value());
  // Asked again for the same, and only the same.
  const Hash256 root = ForgedRoster(clients.terms(), members).tree().root();
  using Asked = std::vector<std::pair<SessionId, Hash256>>;
  CHECK(beacon.asked == Asked(2, {clients.terms().assignment, root}));
  const Signature signature = sign_beacon(beacon.key(), clients.terms().assignment, root);
  const BeaconDraw draw = *open_beacon(beacon.key().public_key(), clients.terms().assignment, root, signature);
  CHECK(aggregator.session() == ForgedRoster(clients.terms(), members, draw).session());
  for (std::size_t i = 0; i < 7; ++i) {
    const Outgoing view = *aggregator.message_for(clients.client(i).id);
    CHECK(std::get<RosterView>(view.message).beacon == draw.value);
    CHECK(std::get<RosterView>(view.message).beacon_signature == signature);
    CHECK(clients.deliver_to_client({.client = i, .message = view.message, .session = aggregator.session()}).has_value());
  }
}

}  // namespace
}  // namespace fedspend::testing
