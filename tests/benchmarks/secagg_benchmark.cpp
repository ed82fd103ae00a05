// The parts of secure aggregation that decide its time, each beside its floor in the same run:
//   masks      a vector of 100,000 values under 97 masks (a client of 1,000 at .1, .1), against libsodium's ChaCha20 alone for the
//              same bytes, in the size of calls at which it is fastest. bytes_per_second counts keystream, so the lines compare.
//   shares     dealing and combining against libsodium's scalar product, one for each coefficient or share that is multiplied
//   parameters, graph, roster: the whole computation for 10,000 clients
// items are masks, secrets or computations.

#include <benchmark/benchmark.h>
#include <sodium.h>

#include <numeric>
#include <vector>

#include "common/crypto/random.h"
#include "common/secagg/graph.h"
#include "common/secagg/key_schedule.h"
#include "common/secagg/masks.h"
#include "common/secagg/merkle_tree.h"
#include "common/secagg/parameters.h"
#include "common/secagg/shamir.h"

namespace fedspend {
namespace {

constexpr std::size_t kValues = 100'000;

void count_masks(benchmark::State& state, std::size_t masks) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(masks));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(masks * kValues * 4));
}

void chacha20_floor(benchmark::State& state) {
  const auto call_bytes = static_cast<std::size_t>(state.range(0));
  const auto masks = static_cast<std::size_t>(state.range(1));
  initialize_crypto();
  Bytes buffer(call_bytes);
  const std::array<std::uint8_t, 32> key{1};
  const std::array<std::uint8_t, 12> nonce{};
  for (auto _ : state) {
    for (std::size_t mask = 0; mask < masks; ++mask) {
      for (std::size_t done = 0; done < 4 * kValues; done += call_bytes)
        crypto_stream_chacha20_ietf(buffer.data(), std::min(call_bytes, 4 * kValues - done), nonce.data(), key.data());
      benchmark::ClobberMemory();
    }
  }
  count_masks(state, masks);
}
BENCHMARK(chacha20_floor)->ArgNames({"call", "masks"})->Args({8192, 97})->Args({16384, 97})->Args({32768, 97})->Args({65536, 97});

void masks(benchmark::State& state) {
  const auto bits = static_cast<unsigned>(state.range(0));
  SeededRandom random(1);
  std::vector<Mask> list(static_cast<std::size_t>(state.range(1)));
  for (std::size_t i = 0; i < list.size(); ++i) {
    random.fill(list[i].key.bytes.expose_mutable());
    list[i].sign = i % 2 == 0 ? MaskSign::add : MaskSign::subtract;
  }
  std::vector<std::uint32_t> values(kValues);
  for (auto _ : state) {
    apply_masks(list, bits, 0, values);
    benchmark::DoNotOptimize(values.data());
    benchmark::ClobberMemory();
  }
  count_masks(state, list.size());
}
BENCHMARK(masks)->ArgNames({"bits", "masks"})->Args({16, 97})->Args({24, 97})->Args({32, 97})->Args({24, 1000});

// --- shares: degree k, threshold t, shares missing

void scalar_product_floor(benchmark::State& state) {
  SeededRandom random(2);
  Scalar a = *Scalar::parse(SecretScalar::random(random).expose());
  const Scalar b = a.inverse() + Scalar::of(5);
  for (auto _ : state) {
    a = a * b;
    benchmark::DoNotOptimize(a);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(scalar_product_floor);

void deal(benchmark::State& state) {
  SeededRandom random(3);
  const SecretScalar secret = SecretScalar::random(random);
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const auto threshold = static_cast<std::uint32_t>(state.range(1));
  for (auto _ : state) {
    const ScalarRows shares = deal_shares(secret, threshold, count, random);
    benchmark::DoNotOptimize(shares.expose_all());
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["products"] = static_cast<double>(count) * threshold;  // what Horner's rule would take of libsodium's
}
BENCHMARK(deal)->ArgNames({"k", "t"})->Args({96, 67})->Args({398, 223});

std::vector<std::uint32_t> places_without(std::uint32_t count, std::uint32_t missing, RandomSource& random) {
  std::vector<std::uint32_t> places(count);
  std::iota(places.begin(), places.end(), 1U);
  for (std::uint32_t i = 0; i < missing; ++i) places.erase(places.begin() + static_cast<std::ptrdiff_t>(random.below(places.size())));
  return places;
}

// Another set of places each time, so that nothing is found among the kept weights (unless none is missing).
void combine(benchmark::State& state) {
  SeededRandom random(4);
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const auto threshold = static_cast<std::uint32_t>(state.range(1));
  const auto missing = static_cast<std::uint32_t>(state.range(2));
  const ScalarRows dealt = deal_shares(SecretScalar::random(random), threshold, count, random);
  struct Case {
    std::vector<std::uint32_t> places;
    ScalarRows shares;
  };
  std::vector<Case> cases;
  for (int i = 0; i < 1000; ++i) {
    auto places = places_without(count, missing, random);
    ScalarRows shares(places.size());
    for (std::size_t j = 0; j < places.size(); ++j) shares.set(j, dealt.get(places[j] - 1));
    cases.push_back({std::move(places), std::move(shares)});
  }
  ShareCombiner combiner(count, threshold);
  std::size_t next = 0;
  for (auto _ : state) {
    const auto secret = combiner.combine(cases[next].places, cases[next].shares);
    benchmark::DoNotOptimize(secret->expose().data());
    next = (next + 1) % cases.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["products"] = count - missing;  // one for each share, were the weights known
}
BENCHMARK(combine)->ArgNames({"k", "t", "missing"})->Args({96, 67, 0})->Args({96, 67, 10})->Args({398, 223, 0})->Args({398, 223, 131});

void correct(benchmark::State& state) {
  SeededRandom random(5);
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const auto threshold = static_cast<std::uint32_t>(state.range(1));
  ScalarRows shares = deal_shares(SecretScalar::random(random), threshold, count, random);
  for (std::uint32_t i = 0; i < (count - threshold) / 2; ++i) shares.set(2 * i, SecretScalar::random(random));
  const auto places = places_without(count, 0, random);
  const ShareCombiner combiner(count, threshold);
  for (auto _ : state) {
    const auto corrected = combiner.correct(places, shares);
    if (!corrected) state.SkipWithError("not corrected");
    benchmark::DoNotOptimize(corrected);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(correct)->ArgNames({"k", "t"})->Args({96, 67})->Args({398, 223})->Unit(benchmark::kMillisecond);

// --- curve operations and sealing, one for each neighbour or so

void diffie_hellman_of_pair(benchmark::State& state) {
  SeededRandom random(7);
  const SecretScalar secret = SecretScalar::random(random);
  const RistrettoPoint point = *RistrettoPoint::base_times(SecretScalar::random(random));
  for (auto _ : state) benchmark::DoNotOptimize(diffie_hellman(secret, point));
}
BENCHMARK(diffie_hellman_of_pair)->Unit(benchmark::kMicrosecond);

void check_secret_against_point(benchmark::State& state) {
  SeededRandom random(8);
  const SecretScalar secret = SecretScalar::random(random);
  for (auto _ : state) benchmark::DoNotOptimize(RistrettoPoint::base_times(secret));
}
BENCHMARK(check_secret_against_point)->Unit(benchmark::kMicrosecond);

void parse_keys(benchmark::State& state) {
  SeededRandom random(9);
  const auto agreement = AgreementKey::generate(random).public_key().bytes();
  const auto point = RistrettoPoint::base_times(SecretScalar::random(random))->bytes();
  for (auto _ : state) {
    benchmark::DoNotOptimize(AgreementPublicKey::parse(agreement));
    benchmark::DoNotOptimize(RistrettoPoint::parse(point));
  }
}
BENCHMARK(parse_keys)->Unit(benchmark::kMicrosecond);

// X25519 once, then a sealed pair of shares each way.
void share_channel(benchmark::State& state) {
  SeededRandom random(10);
  const AgreementKey own = AgreementKey::generate(random);
  const AgreementKey peer = AgreementKey::generate(random);
  const ClientId own_id{{1}};
  const ClientId peer_id{{2}};
  const ShareChannel other({}, peer_id, peer, own_id, own.public_key());
  const auto share = Scalar::of(5).bytes();
  const Bytes received = other.seal(4, share, share, random);
  for (auto _ : state) {
    const ShareChannel channel({}, own_id, own, peer_id, peer.public_key());
    benchmark::DoNotOptimize(channel.seal(3, share, share, random));
    benchmark::DoNotOptimize(channel.open(4, received));
  }
}
BENCHMARK(share_channel)->Unit(benchmark::kMicrosecond);

// --- what a session is set up with

void parameters(benchmark::State& state) {
  const SecurityGoal goal{.clients = static_cast<std::uint32_t>(state.range(0)),
                          .corrupt_ppm = static_cast<std::uint32_t>(state.range(1)),
                          .dropout_ppm = static_cast<std::uint32_t>(state.range(2))};
  for (auto _ : state) benchmark::DoNotOptimize(smallest_graph(goal));
}
BENCHMARK(parameters)
    ->ArgNames({"clients", "corrupt_ppm", "dropout_ppm"})
    ->Args({1'000, 100'000, 100'000})
    ->Args({10'000, 100'000, 100'000})
    ->Args({10'000, 50'000, 330'000})
    ->Args({100'000, 330'000, 330'000})
    ->Unit(benchmark::kMillisecond);

void draw_graph(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(MaskingGraph::draw(10'000, 122, {}, {}));
}
BENCHMARK(draw_graph)->Unit(benchmark::kMillisecond);

std::vector<Hash256> leaves(std::size_t count) {
  std::vector<Hash256> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(Hasher("leaf").u64(i).finish());
  return list;
}

void merkle_tree(benchmark::State& state) {
  const auto list = leaves(10'000);
  for (auto _ : state) benchmark::DoNotOptimize(MerkleTree(list).root());
}
BENCHMARK(merkle_tree)->Unit(benchmark::kMillisecond);

// What a quorum check of 1,000 clients takes of proofs: one for all signers, or one for each.
void quorum_proofs(benchmark::State& state) {
  SeededRandom random(6);
  const MerkleTree tree(leaves(1'000));
  std::vector<std::uint32_t> signers = places_without(1'000, 449, random);
  std::vector<PlacedLeaf> placed;
  for (std::uint32_t& signer : signers) placed.push_back({--signer, tree.leaf(signer)});
  const bool together = state.range(0) == 1;
  std::size_t hashes = 0;
  std::vector<std::vector<Hash256>> proofs;
  if (together) proofs.push_back(tree.proof(signers));
  else
    for (const std::uint32_t signer : signers) proofs.push_back(tree.proof(std::span(&signer, 1)));
  for (const auto& proof : proofs) hashes += proof.size();
  for (auto _ : state) {
    for (std::size_t i = 0; i < proofs.size(); ++i) {
      const auto checked = verify_leaves(tree.root(), tree.size(), together ? std::span<const PlacedLeaf>(placed) : std::span(placed).subspan(i, 1), proofs[i]);
      if (!checked) state.SkipWithError("not verified");
    }
  }
  state.counters["bytes"] = static_cast<double>(32 * hashes);
}
BENCHMARK(quorum_proofs)->ArgName("together")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fedspend

BENCHMARK_MAIN();
