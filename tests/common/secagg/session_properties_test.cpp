// Whole sessions of random sizes under random losses: the sum is right or the session is aborted, and it is not aborted for losses
// that its parameters tolerate. And what the masks are for: what leaves a device says nothing about its update.
#include <algorithm>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/common/secagg/secure_session.h"

namespace fedspend::testing {
namespace {

struct Size {
  SessionOptions options;
  std::uint32_t roster = 0;   // who advertise
  std::uint32_t dropped = 0;  // of those, floor(delta n)
};

// A session that has parameters, also with the last few not advertising.
Size draw_size() {
  Size size;
  SessionOptions& options = size.options;
  options.clients = *rc::gen::inRange<std::uint32_t>(3, 41);
  options.seed = *rc::gen::arbitrary<std::uint32_t>();
  options.length = *rc::gen::inRange<std::uint64_t>(1, 60);
  options.bits = *rc::gen::inRange(2U, 33U);
  options.corrupt_ppm = *rc::gen::element(0U, 50'000U, 100'000U);
  options.dropout_ppm = *rc::gen::element(0U, 50'000U, 100'000U, 200'000U, 300'000U);
  options.threat = *rc::gen::element(Threat::curious, Threat::semi_malicious);
  size.roster = options.clients - *rc::gen::inRange<std::uint32_t>(0, options.clients / 4 + 1);
  size.dropped = static_cast<std::uint32_t>(std::uint64_t{size.roster} * options.dropout_ppm / 1'000'000);
  options.min_clients = *rc::gen::inRange<std::uint32_t>(1, size.roster - size.dropped + 1);
  RC_PRE(derive_parameters(terms_of(options), size.roster).has_value());
  return size;
}

// Clients in the order in which they are to be lost.
std::vector<std::size_t> draw_order(std::uint32_t clients, RandomSource& random) {
  std::vector<std::size_t> order(clients);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

TEST_CASE("losses within delta, each in a phase of its own, never abort a session, and the sum is right") {
  CHECK(rc::check([] {
    const Size size = draw_size();
    SeededRandom random(size.options.seed);
    const std::vector<std::size_t> order = draw_order(size.options.clients, random);
    std::vector<std::size_t> lost_from(size.options.clients, 5);  // the first message of these that does not arrive
    for (std::uint32_t i = 0; i < size.options.clients - size.roster; ++i) lost_from[order[i]] = 0;
    std::uint32_t contributors = size.roster;
    for (std::uint32_t i = 0; i < size.dropped; ++i) {
      const std::size_t phase = 1 + random.below(4);
      lost_from[order[size.options.clients - 1 - i]] = phase;
      if (phase <= 2) --contributors;
    }
    SecureSession session(size.options);
    std::size_t phase = 0;
    session.up = [&](std::vector<Delivery>& deliveries) {
      std::erase_if(deliveries, [&](const Delivery& delivery) { return lost_from[delivery.client] <= phase; });
      ++phase;
    };
    const SessionEnd end = session.run();
    RC_ASSERT(end.aborted == "");
    RC_ASSERT(end.is_right);
    RC_ASSERT(end.contributors.size() == contributors);
    RC_ASSERT(session.refusals() == 0U);
    RC_ASSERT(session.leak() == "");
  }));
}

// A network that loses, repeats and reorders, in both directions, and delivers late.
class FaultyNetwork {
 public:
  FaultyNetwork(std::uint64_t seed, std::uint32_t percent) : random_(seed), percent_(percent) {}
  void pass(std::vector<Delivery>& deliveries) {
    std::vector<Delivery> passed;
    for (const Delivery& delivery : deliveries) {
      if (!happens()) passed.push_back(delivery);
      if (happens()) passed.push_back(delivery);
      if (happens()) late_.push_back(delivery);
    }
    while (!late_.empty() && happens()) {
      const std::size_t which = random_.below(late_.size());
      passed.push_back(late_[which]);
      late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(which));
    }
    for (std::size_t i = passed.size(); i > 1; --i) std::swap(passed[i - 1], passed[random_.below(i)]);
    deliveries = std::move(passed);
  }

 private:
  bool happens() { return random_.below(100) < percent_; }
  SeededRandom random_;
  std::uint32_t percent_;
  std::vector<Delivery> late_;
};

TEST_CASE("messages lost, repeated, reordered and late: the sum is right or the session is aborted with a reason") {
  std::uint32_t right = 0;
  std::uint32_t aborted = 0;
  CHECK(rc::check([&] {
    const Size size = draw_size();
    const auto percent = *rc::gen::inRange<std::uint32_t>(1, 40);
    FaultyNetwork down(size.options.seed, percent);
    FaultyNetwork up(size.options.seed + 1, percent);
    SecureSession session(size.options);
    session.tries = *rc::gen::inRange<std::uint32_t>(1, 5);
    session.down = [&](std::vector<Delivery>& deliveries) { down.pass(deliveries); };
    session.up = [&](std::vector<Delivery>& deliveries) { up.pass(deliveries); };
    const SessionEnd end = session.run();
    RC_ASSERT(end.aborted.empty() == end.sum.has_value());
    RC_ASSERT(!end.sum || (end.is_right && end.contributors.size() >= size.options.min_clients));
    RC_ASSERT(end.blamed_dealers.empty());
    RC_ASSERT(end.wrong_holders.empty());
    RC_ASSERT(session.count(Verdict::equivocation) == 0U);
    RC_ASSERT(session.count(Verdict::bad_contents) == 0U);
    RC_ASSERT(session.leak() == "");
    ++(end.sum ? right : aborted);
  }));
  // Both happen, or the property would say little.
  CHECK(right >= 20);
  CHECK(aborted >= 5);
}

RingVector masked_input_of(const SecureSession& session, std::size_t client) {
  for (const Delivery& sent : session.sent()) {
    const auto* input = std::get_if<MaskedInput>(&sent.message);
    if (input != nullptr && sent.client == client) return *RingVector::unpack(sent.bulk, input->count, input->bits);
  }
  FAIL("a client that has sent a masked input");
  return RingVector(0, 1);
}

// Of `count` words of 16 bits, about count / 65,536 agree by chance.
std::uint32_t equal_words(const RingVector& a, const RingVector& b) {
  std::uint32_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a.values()[i] == b.values()[i] ? 1U : 0U;
  return equal;
}

// Five standard deviations around half of them, for each bit.
bool has_even_bits(const std::vector<std::uint32_t>& words, unsigned bits) {
  for (unsigned bit = 0; bit < bits; ++bit) {
    const auto ones = static_cast<double>(std::ranges::count_if(words, [&](std::uint32_t word) { return ((word >> bit) & 1) != 0; }));
    const double half = static_cast<double>(words.size()) / 2;
    if ((ones - half) * (ones - half) > 25 * half / 2) return false;
  }
  return true;
}

std::vector<std::uint32_t> difference(const RingVector& a, const RingVector& b) {
  std::vector<std::uint32_t> words;
  for (std::size_t i = 0; i < a.size(); ++i) words.push_back((a.values()[i] - b.values()[i]) & ((1U << a.bits()) - 1));
  return words;
}

TEST_CASE("a masked input is the update nowhere, and two of the same update have nothing to do with each other") {
  constexpr SessionOptions kFirst{.clients = 8, .length = 4'000, .dropout_ppm = 200'000};
  SessionOptions again = kFirst;
  again.attempt = 2;
  SecureSession first(kFirst);
  SecureSession second(again);
  const RingVector zeros(4'000, 16);
  for (SecureSession* session : {&first, &second}) {
    session->client(1).update = zeros;  // what shows through if anything does
    REQUIRE(session->run().is_right);
  }
  for (std::size_t i = 0; i < 8; ++i) {
    const RingVector y = masked_input_of(first, i);
    const RingVector other = masked_input_of(second, i);
    REQUIRE(std::ranges::equal(first.client(i).update.values(), second.client(i).update.values()));
    CHECK(equal_words(y, first.client(i).update) < 5);
    CHECK(equal_words(y, other) < 5);
    CHECK(has_even_bits(difference(y, first.client(i).update), 16));
    CHECK(has_even_bits(difference(y, other), 16));
    for (std::size_t j = 0; j < i; ++j) CHECK(has_even_bits(difference(y, masked_input_of(first, j)), 16));
  }
  // What is found of a mask is found: an update against itself has no even bits.
  CHECK_FALSE(has_even_bits(difference(zeros, zeros), 16));
}

// Or its silence elsewhere would mean nothing.
TEST_CASE("what watches for secrets finds each kind of them where it may not be") {
  const auto found = [](const std::function<Delivery(SecureSession&)>& sent) {
    SecureSession session;
    REQUIRE(session.run().is_right);
    REQUIRE(session.leak() == "");
    session.pretend_sent(sent(session));
    return session.leak();
  };
  const auto input = [](Bytes bulk) { return Delivery{.client = 3, .message = MaskedInput{}, .bulk = std::move(bulk)}; };
  const auto unmask_of = [](SecureSession& session, std::size_t client) {
    for (const Delivery& sent : session.sent()) {
      if (sent.client == client && std::holds_alternative<Unmask>(sent.message)) return sent;
    }
    return Delivery{};
  };
  CHECK(found([&](SecureSession& session) { return input(session.client(3).update.pack()); }) == "update of client 3 in masked_input of client 3");
  const auto secret = [&](std::uint32_t which) {
    return found([&](SecureSession& session) {
      SeededRandom random = session.client(3).same_random;
      SecretScalar scalar;
      for (std::uint32_t i = 0; i <= which; ++i) scalar = SecretScalar::random(random);
      Bytes bulk(7, 0xab);
      bulk.insert(bulk.end(), scalar.expose().begin(), scalar.expose().end());
      bulk.push_back(1);
      return input(std::move(bulk));
    });
  };
  CHECK(secret(0) == "r of client 3 in masked_input of client 3");
  CHECK(secret(1) == "b of client 3 in masked_input of client 3");
  // A share that its holder may reveal, in another message or from somebody else.
  CHECK(found([&](SecureSession& session) { return input(std::get<Unmask>(unmask_of(session, 3).message).shares); }).starts_with("share of b of client "));
  CHECK(found([&](SecureSession& session) {
          Delivery unmask = unmask_of(session, 3);
          unmask.client = 4;
          return unmask;
        }).ends_with("for client 3 in unmask of client 4"));
  // The share of a survivor's r: what was right when client 5 had dropped out.
  SecureSession session;
  session.up = [](std::vector<Delivery>& deliveries) {
    std::erase_if(deliveries, [](const Delivery& delivery) { return delivery.client == 5 && std::holds_alternative<MaskedInput>(delivery.message); });
  };
  REQUIRE(session.run().is_right);
  REQUIRE(session.leak() == "");
  for (std::uint32_t i = 0; i < 7; ++i) session.client(3).survivors.insert(i);
  CHECK(session.leak() == "share of r of client 5 for client 3 in unmask of client 3");
}

TEST_CASE("the same randomness gives the same session, byte for byte") {
  SecureSession first;
  SecureSession second;
  CHECK(first.run().is_right);
  CHECK(second.run().is_right);
  CHECK(first.transcript() == second.transcript());
  SecureSession other({.seed = 2});
  CHECK(other.run().is_right);
  CHECK(other.transcript() != first.transcript());
}

}  // namespace
}  // namespace fedspend::testing
