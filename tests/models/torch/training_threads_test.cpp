#include <filesystem>
#include <future>
#include <iterator>
#include <thread>

#include <doctest/doctest.h>

#include "models/torch_module.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 12;

const TorchModule& module() {
  static const Result<const TorchModule*> loaded = torch_module();
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error().message));
  return **loaded;
}

// Products and tensors large enough to be shared among threads, if there may be several.
std::unique_ptr<Trainer> large_trainer() {
  ModelSpec model = small_model(kCategories);
  model.sizes["hidden"] = 64;
  model.sizes["sequence_length"] = 32;
  return std::move(*module().make_twin(model));
}

void train(Trainer& trainer) {
  std::vector<float> weights(trainer.parameter_count()), update(weights.size());
  trainer.initialize(weights, 1);
  TrainingOptions options;
  options.spec = {.epochs = 1, .batch_size = 16, .learning_rate = 0.1, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 0};
  REQUIRE(trainer.train(weights, random_history(1024, kCategories, 1), options, update));
}

// Of this process. Those that OpenMP starts for a thread's parallel regions stay until that thread ends.
std::ptrdiff_t threads_now() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

}  // namespace

TEST_CASE("a thread that trains computes on itself alone, whatever another one has set before and since") {
  module().set_threads_inside(3);
  std::promise<void> made, set;
  std::ptrdiff_t before = 0, after = 0;
  std::jthread trains([&] {
    const std::unique_ptr<Trainer> trainer = large_trainer();
    made.set_value();
    set.get_future().wait();
    before = threads_now();
    train(*trainer);
    after = threads_now();
  });
  made.get_future().wait();
  module().set_threads_inside(3);
  set.set_value();
  trains.join();
  module().set_threads_inside(1);
  CHECK(after == before);
}

TEST_CASE("torch computes on more threads where a benchmark asks for them, which is how the case above would see them") {
  const std::unique_ptr<Trainer> trainer = large_trainer();
  module().set_threads_inside(3);
  const std::ptrdiff_t before = threads_now();
  train(*trainer);
  const std::ptrdiff_t after = threads_now();
  module().set_threads_inside(1);
  CHECK(after > before);
}
