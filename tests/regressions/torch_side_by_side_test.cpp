// Bug: torch trainers side by side on several threads gave wrong weights in about one run of twelve, because OpenBLAS' sequential
// build hands out its work buffers without a lock (OpenMathLib/OpenBLAS, issues 2126 and 2711, pull request 2136).

#include "models/torch_module.h"

#include <array>
#include <barrier>
#include <cstdlib>
#include <numeric>
#include <thread>

#include <doctest/doctest.h>

#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kThreads = 4;        // more than many machines have: one that is halted within a product leaves its buffer to the others
constexpr std::size_t kTrainings = 100;    // of each thread
constexpr std::size_t kCategories = 250;   // the own past is a small product for each step, whose kernels get a buffer each time

// Before the library is loaded. SkylakeX' kernels, and their successors', multiply what is so small without a buffer; Haswell's do not.
void choose_kernels_with_buffers() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) setenv("OPENBLAS_CORETYPE", "Haswell", 0);
#endif
}

// One client with a trainer of its own.
struct Client {
  explicit Client(std::uint64_t seed) : history(random_history(512, kCategories, seed)) {
    ModelSpec model = small_model(kCategories);
    model.sizes["sequence_length"] = 32;
    auto made = make_trainer(model, {.family = TrainerFamily::torch});
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    trainer = std::move(*made);
    weights.resize(trainer->parameter_count());
    trainer->initialize(weights, seed);
    options.spec = {.epochs = 1, .batch_size = 16, .learning_rate = 0.5, .momentum = 0.9, .gradient_clip_l2 = 1.0, .max_rows = 0};
    alone = train();
  }
  std::vector<float> train() {
    std::vector<float> update(weights.size());
    const auto result = trainer->train(weights, history, options, update);
    return result && result->examples > 0 ? update : std::vector<float>{};
  }

  std::unique_ptr<Trainer> trainer;
  std::vector<HistoryRow> history;
  std::vector<float> weights, alone;
  TrainingOptions options;
};

}  // namespace

TEST_CASE("torch trainers side by side on threads give to the bit what each gives alone") {
  choose_kernels_with_buffers();
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kThreads; ++i) clients.emplace_back(i + 1);
  for (const Client& client : clients) REQUIRE(!client.alone.empty());
  std::array<std::size_t, kThreads> wrong{};
  std::barrier together(static_cast<std::ptrdiff_t>(kThreads));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        together.arrive_and_wait();
        for (std::size_t k = 0; k < kTrainings; ++k) wrong[i] += clients[i].train() == clients[i].alone ? 0u : 1u;
      });
    }
  }
  CHECK(std::accumulate(wrong.begin(), wrong.end(), std::size_t{0}) == 0);  // of kThreads * kTrainings
}
