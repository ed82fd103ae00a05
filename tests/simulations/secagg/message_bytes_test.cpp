// What a device sends in a round with the distributed discrete Gaussian: 18 bits, 2^20 parameters, 1,000 clients. The messages are those of
// run_secure_round(), every one encoded and signed as on the wire, by a thousand clients with short vectors; the packed vector, which is all
// that grows with the model, is put in at its full length, and that nothing else grows is looked at with fewer clients.
#include <doctest/doctest.h>

#include "common/executor.h"
#include "common/numeric/ring_vector.h"
#include "common/secagg/session_terms.h"
#include "simulations/secagg/secure_round.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

constexpr unsigned kRingBits = 18;
constexpr std::uint64_t kParameters = std::uint64_t{1} << 20;

SecureRoundCosts round_of(std::uint32_t clients, std::uint64_t dimension, unsigned value_bits) {
  ThreadExecutor executor(2);
  Result<SecureRoundCosts> costs = run_secure_round({.clients = clients, .dimension = dimension, .tolerated_ppm = 100'000, .value_bits = value_bits, .full_quorum_checks = 1}, executor);
  REQUIRE(costs.has_value());
  return *costs;
}

}  // namespace

TEST_CASE("of what a device sends the packed vector alone grows with the model") {
  const double less = round_of(24, 64, 13).bytes_up_per_client, more = round_of(24, 6'400, 13).bytes_up_per_client;
  CHECK(more - less == static_cast<double>(packed_size(6'400, kRingBits) - packed_size(64, kRingBits)));
}

TEST_CASE("distributed discrete Gaussian at 18 bits, 2^20 parameters, 1,000 clients: at most 1.2 times the bytes of 16-bit values") {
  Plan plan;
  plan.model.parameter_count = kParameters;
  plan.federation.cohort = 1'000;
  plan.aggregation.bits = kRingBits;
  const SessionTerms terms = make_session_terms(plan, RoundId{1}, SessionId{}, 1'000, plan.aggregation.clip_norm_l2).value();
  const SessionParameters parameters = derive_parameters(terms, 1'000).value();  // with noise that fits the bits, or there are none
  REQUIRE(parameters.noise.has_value());
  CHECK(parameters.noise->goal.noise_multiplier == 1);
  const SecureRoundCosts costs = round_of(1'000, 64, kRingBits - 10);
  CHECK(costs.ring_bits == kRingBits);
  CHECK(costs.degree == parameters.degree);
  const double bytes = costs.bytes_up_per_client - static_cast<double>(packed_size(64, kRingBits)) + static_cast<double>(packed_size(terms.length, kRingBits));
  const double expansion = bytes / (kParameters * 2.0);
  MESSAGE(bytes << " bytes, expansion " << expansion);
  CHECK(expansion <= 1.2);
  CHECK(expansion >= 18 / 16.0);  // the vector itself
}
