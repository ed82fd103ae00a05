// The trainers of the stock models. epoch: next_category on DESIGN.md's workload (one local epoch of 200 windows of 32 steps, embedding 16, hidden 32,
// batch 16), the lean trainer against its torch twin in the same run: same weights in, the same out to 1e-3, clients a second on
// one thread and on two, and their ratio. client: the real workload, a card of `fedspend-sim run`'s purchase cards. The other stock models as they are
// drafted, on two years of a client. peak: the rate
// of multiply-adds in registers, the ceiling that models/README.md holds both against. Every time is the least of those measured:
// what the machine does beside it only adds.

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <ctime>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <thread>

#include "common/crypto/random.h"
#include "models/kernels.h"
#include "models/row_maker.h"
#include "models/stock_models.h"
#ifdef FEDSPEND_WITH_TORCH
#include "models/torch_module.h"
#endif

namespace {

using namespace fedspend;
using namespace fedspend::models;

struct Workload {
  ModelSpec model;
  TrainingSpec training;
  std::size_t rows = 0;  // of a client's history
  std::size_t merchants = 0;
  std::int64_t seconds_apart = 40'000;

  double sequences() const { return std::ceil(static_cast<double>(rows) / static_cast<double>(model.sizes.at("sequence_length"))); }
};

ModelSpec model_of(std::size_t categories, std::map<std::string, std::int64_t> sizes) {
  ModelSpec model;
  model.name = "next_category";
  model.sizes = {sizes.begin(), sizes.end()};
  model.categories.assign(categories, "a category");
  return model;
}

// DESIGN.md's shapes, as near as this model comes to them: it has merchants, 16 numeric inputs and its own past on top, which are
// cut to the least it allows (1 bucket of 1 float, 1 row), and 16 categories.
Workload design_workload(std::int64_t past_rows) {
  return {.model = model_of(16, {{"embedding", 16}, {"merchant_embedding", 1}, {"merchant_buckets", 1}, {"hidden", 32},
                                 {"sequence_length", 32}, {"past_rows", past_rows}}),
          .training = {.epochs = 1, .batch_size = 16, .learning_rate = 0.1, .momentum = 0.0, .gradient_clip_l2 = 1.0},
          .rows = 200 * 32,
          .merchants = 500};
}

// A purchase card of the mean size (110 training rows) under the plan of simulations/plans/purchase-cards.toml.
Workload card_workload() {
  return {.model = model_of(143, {{"embedding", 24}, {"merchant_embedding", 8}, {"merchant_buckets", 512}, {"hidden", 32},
                                  {"sequence_length", 16}, {"past_rows", 128}}),
          .training = {.epochs = 1, .batch_size = 2, .learning_rate = 0.7, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 512},
          .rows = 110,
          .merchants = 60};
}

// A few categories come most of the time, and a merchant mostly belongs to one.
std::vector<HistoryRow> spending(std::size_t rows, const ModelSpec& model, std::size_t merchants, std::int64_t seconds_apart = 40'000) {
  SeededRandom random(1);
  RowMaker maker(model);
  const std::size_t categories = model.categories.size();
  std::vector<HistoryRow> history;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t merchant = random.below(1 + random.below(merchants));
    const std::uint64_t category = random.below(10) == 0 ? random.below(categories) : merchant % categories;
    history.push_back({.time_s = static_cast<std::int64_t>(i) * seconds_apart,
                       .amount_minor = static_cast<std::int64_t>(random.below(10'000)),
                       .merchant_hash = 1 + merchant,
                       .category = static_cast<std::uint32_t>(category),
                       .text = maker.text("shop " + std::to_string(merchant) + " of the high street")});
  }
  return history;
}

// A trainer with a client of its own, for one thread.
struct Client {
  Client(std::unique_ptr<Trainer> made, const Workload& workload)
      : trainer(std::move(made)), history(spending(workload.rows, workload.model, workload.merchants, workload.seconds_apart)),
        weights(trainer->parameter_count()), update(weights.size()) {
    options.spec = workload.training;
    trainer->initialize(weights, 1);
  }
  void train() {
    const auto result = trainer->train(weights, history, options, update);
    if (!result || result->examples == 0) std::abort();
  }

  std::unique_ptr<Trainer> trainer;
  std::vector<HistoryRow> history;
  std::vector<float> weights, update;
  TrainingOptions options;
};

using MakeTrainer = Result<std::unique_ptr<Trainer>> (*)(const ModelSpec&);

std::vector<Client> clients_of(const Workload& workload, MakeTrainer make, std::size_t count) {
  std::vector<Client> clients;
  for (std::size_t i = 0; i < count; ++i) clients.emplace_back(std::move(*make(workload.model)), workload);
  return clients;
}

// Seconds for `times` trainings: by the clock on the wall until all threads are done, and of processor time (the thread that took
// most). The second is what the first would be on a machine that does nothing else.
struct Seconds {
  double wall = std::numeric_limits<double>::infinity(), processor = wall;

  void take_less(const Seconds& other, double trainings) {
    wall = std::min(wall, other.wall / trainings);
    processor = std::min(processor, other.processor / trainings);
  }
};

double processor_seconds_of_thread() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Each client is trained `times` times, on a thread of its own.
Seconds seconds_of(std::vector<Client>& clients, std::size_t times) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> processor(clients.size());
  const auto work = [&](std::size_t i) {
    const double start = processor_seconds_of_thread();
    for (std::size_t k = 0; k < times; ++k) clients[i].train();
    processor[i] = processor_seconds_of_thread() - start;
  };
  std::barrier together(static_cast<std::ptrdiff_t>(clients.size()));
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < clients.size(); ++i) {
    others.emplace_back([&, i] {
      together.arrive_and_wait();
      work(i);
      together.arrive_and_wait();
    });
  }
  together.arrive_and_wait();
  const auto start = Clock::now();
  work(0);
  together.arrive_and_wait();
  return {std::chrono::duration<double>(Clock::now() - start).count(), *std::max_element(processor.begin(), processor.end())};
}

// Multiply-adds of the model's products for one step of one sequence, forward and backward (three products for each): straight from
// the definition, nothing folded, nothing padded.
double multiply_adds_per_step(const ModelSpec& model) {
  const auto size = [&model](const char* name) { return static_cast<double>(model.sizes.at(name)); };
  const double inputs = size("embedding") + size("merchant_embedding") + 16, hidden = size("hidden");
  const double outputs = static_cast<double>(model.categories.size()) + 6;
  return 3 * ((inputs + hidden) * 3 * hidden + (hidden + inputs) * outputs);
}

// Two years of a client with 40 categories, a transaction every day and a half.
Workload years_workload(const StockModel& stock) {
  std::vector<std::string> categories;
  for (int i = 0; i < 40; ++i) categories.push_back("category " + std::to_string(i));
  return {.model = stock.default_model(categories), .training = stock.default_training(), .rows = 500, .merchants = 60, .seconds_apart = 126'000};
}

#ifdef FEDSPEND_WITH_TORCH
void check_same_weights(benchmark::State& state, const Client& lean, const Client& torch) {
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < lean.update.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(lean.update[i]) - static_cast<double>(torch.update[i])));
    largest = std::max(largest, std::abs(static_cast<double>(torch.update[i])));
  }
  state.counters["worst_difference"] = worst;
  state.counters["largest_change"] = largest;
  // The same weights to a thousandth of what training changed, and that is more than rounding.
  const std::string apart = "lean trainer and torch twin: changes of up to " + std::to_string(largest) + ", apart by up to " + std::to_string(worst);
  if (!(worst <= 1e-3 * largest) || largest < 1e-4) state.SkipWithError(apart.c_str());
}

const TorchModule& torch_or_abort() {
  static const Result<const TorchModule*> module = torch_module();
  if (!module) std::fprintf(stderr, "%s\n", module.error().message.c_str());
  if (!module) std::abort();
  return **module;
}

Result<std::unique_ptr<Trainer>> make_twin(const ModelSpec& model) { return torch_or_abort().make_twin(model); }
void torch_threads(unsigned count) { torch_or_abort().set_threads_inside(count); }

// Lean and torch by turns. On two threads torch may run two clients side by side, or one on two threads (by the wall clock alone:
// its threads are its own); the better one counts.
void compare(benchmark::State& state, const Workload& workload, std::size_t lean_times) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  std::vector<Client> lean = clients_of(workload, make_trainer, threads);
  std::vector<Client> torch = clients_of(workload, make_twin, threads);
  std::vector<Client> torch_alone = clients_of(workload, make_twin, 1);
  Seconds lean_s, side_by_side_s, inside_s;
  for (auto _ : state) {
    torch_threads(1);
    side_by_side_s.take_less(seconds_of(torch, 1), static_cast<double>(threads));
    const Seconds seconds = seconds_of(lean, lean_times);
    lean_s.take_less(seconds, static_cast<double>(threads * lean_times));
    state.SetIterationTime(seconds.wall);
    if (threads == 1) continue;
    torch_threads(static_cast<unsigned>(threads));
    inside_s.take_less(seconds_of(torch_alone, 1), 1);
    state.counters["torch_threads_inside_per_s"] = 1 / inside_s.wall;
  }
  const double torch_wall = std::min(side_by_side_s.wall, inside_s.wall);
  state.counters["lean_per_s"] = 1 / lean_s.wall;
  state.counters["torch_per_s"] = 1 / torch_wall;
  state.counters["lean_over_torch"] = torch_wall / lean_s.wall;
  state.counters["lean_per_processor_s"] = 1 / lean_s.processor;
  state.counters["torch_per_processor_s"] = 1 / side_by_side_s.processor;
  state.counters["lean_over_torch_processor"] = side_by_side_s.processor / lean_s.processor;
  state.SetLabel(std::string(active_isa()) + ", " + std::to_string(lean.front().weights.size()) + " parameters");
  check_same_weights(state, lean.front(), torch.front());
}

void epoch_against_torch(benchmark::State& state) { compare(state, design_workload(1), 8); }
BENCHMARK(epoch_against_torch)->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->Iterations(20)->Unit(benchmark::kMillisecond);

void card_against_torch(benchmark::State& state) { compare(state, card_workload(), 40); }
BENCHMARK(card_against_torch)->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->Iterations(20)->Unit(benchmark::kMillisecond);
#endif

void lean(benchmark::State& state, const Workload& workload, std::size_t times) {
  std::vector<Client> clients = clients_of(workload, make_trainer, static_cast<std::size_t>(state.range(0)));
  Seconds least;
  for (auto _ : state) {
    const Seconds seconds = seconds_of(clients, times);
    least.take_less(seconds, static_cast<double>(times * clients.size()));
    state.SetIterationTime(seconds.wall);
  }
  const double multiply_adds = multiply_adds_per_step(workload.model) * static_cast<double>(workload.rows);
  state.counters["per_s"] = 1 / least.wall;
  state.counters["per_processor_s"] = 1 / least.processor;
  state.counters["model_GFLOP_per_s"] = 2e-9 * multiply_adds / least.processor;
  state.SetLabel(std::string(active_isa()) + ", " + std::to_string(clients.front().weights.size()) + " parameters");
}

void epoch(benchmark::State& state) { lean(state, design_workload(1), 8); }
void epoch_with_past(benchmark::State& state) { lean(state, design_workload(128), 8); }
void card(benchmark::State& state) { lean(state, card_workload(), 40); }
BENCHMARK(epoch)->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(epoch_with_past)->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(card)->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);

void years(benchmark::State& state, const StockModel& stock) {
  std::vector<Client> clients = clients_of(years_workload(stock), make_trainer, 1);
  Seconds least;
  for (auto _ : state) {
    const Seconds seconds = seconds_of(clients, 20);
    least.take_less(seconds, 20);
    state.SetIterationTime(seconds.wall);
  }
  state.counters["per_processor_s"] = 1 / least.processor;
}

void register_the_others() {
  for (const StockModel& stock : stock_models()) {
    if (stock.name == "next_category") continue;
    benchmark::RegisterBenchmark((std::string(stock.name) + "_years").c_str(), [&stock](benchmark::State& state) { years(state, stock); })->UseManualTime()->Unit(benchmark::kMillisecond);
#ifdef FEDSPEND_WITH_TORCH
    benchmark::RegisterBenchmark((std::string(stock.name) + "_against_torch").c_str(), [&stock](benchmark::State& state) { compare(state, years_workload(stock), 20); })
        ->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->Iterations(20)->Unit(benchmark::kMillisecond);
#endif
  }
}

// The ceiling: multiply-adds on registers alone, one thread.
void peak(benchmark::State& state) {
  std::vector<float> values = {0.5f, 0.5f, 0.0f};
  double least = std::numeric_limits<double>::infinity(), operations = 0;
  for (auto _ : state) {
    const double start = processor_seconds_of_thread();
    operations = kernels::multiply_adds_in_registers(100'000, values.data());
    least = std::min(least, processor_seconds_of_thread() - start);
    benchmark::DoNotOptimize(values.data());
  }
  state.counters["GFLOP_per_s"] = 1e-9 * operations / least;
  state.SetLabel(active_isa());
}
BENCHMARK(peak);

// The products of the epoch, alone: rows, inner and columns as the network has them for a batch of 16 windows of 32 steps.
void product(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0)), inner = static_cast<std::size_t>(state.range(1));
  const auto columns = static_cast<std::size_t>(state.range(2));
  const bool transposed = state.range(3) != 0;
  kernels::Buffer a(rows * inner), b(inner * columns), c(rows * columns);
  const kernels::Product made{.rows = rows, .inner = inner, .columns = columns, .a = a.data(), .a_row_stride = transposed ? 1 : inner,
                              .a_inner_stride = transposed ? rows : 1, .b = b.data(), .b_stride = columns, .c = c.data(), .c_stride = columns};
  const auto times = std::max<std::size_t>(1, 20'000'000 / (rows * inner * columns));
  double least = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const double start = processor_seconds_of_thread();
    for (std::size_t i = 0; i < times; ++i) kernels::multiply(made, kernels::Into::overwrite);
    least = std::min(least, processor_seconds_of_thread() - start);
  }
  state.counters["GFLOP_per_s"] = 2e-9 * static_cast<double>(times * rows * inner * columns) / least;
}
BENCHMARK(product)->ArgNames({"rows", "inner", "columns", "transposed"})
    ->Args({16, 32, 96, 0})->Args({16, 96, 32, 0})->Args({512, 16, 96, 0})->Args({512, 48, 32, 0})->Args({512, 22, 32, 0})
    ->Args({32, 512, 96, 1})->Args({16, 512, 96, 1})->Args({48, 512, 32, 1})->Args({2, 32, 96, 0})->Args({32, 48, 160, 0})
    ->Args({48, 32, 160, 1})->Unit(benchmark::kMillisecond);

double most_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// An epoch over the pooled rows of many clients, and the memory that it takes beyond their histories.
void pooled(benchmark::State& state) {
  Workload workload = card_workload();
  workload.rows = static_cast<std::size_t>(state.range(1));
  workload.training.batch_size = 32;
  workload.training.max_rows = 0;
  Client client(std::move(*make_trainer(workload.model)), workload);
  std::vector<std::vector<HistoryRow>> copies(static_cast<std::size_t>(state.range(0)), client.history);
  const std::vector<std::span<const HistoryRow>> histories(copies.begin(), copies.end());
  const double before = most_memory_mib();
  for (auto _ : state) {
    if (!client.trainer->train_pooled(client.weights, histories, client.options, client.update)) state.SkipWithError("training failed");
  }
  state.counters["MiB_beyond_histories"] = most_memory_mib() - before;
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
  state.SetLabel("items are rows");
}
BENCHMARK(pooled)->ArgNames({"clients", "rows"})->Args({1306, 139})->Args({1000, 2000})->Iterations(1)->Unit(benchmark::kMillisecond);

void evaluate_history(benchmark::State& state) {
  Client client(std::move(*make_trainer(card_workload().model)), card_workload());
  client.history = spending(2048, card_workload().model, 60);
  for (auto _ : state) {
    const auto result = client.trainer->evaluate(client.weights, client.history, 0, Counting::prequential);
    if (!result) state.SkipWithError("evaluation failed");
    benchmark::DoNotOptimize(result->loss_sum);
  }
  state.SetItemsProcessed(state.iterations() * 2048);
  state.SetLabel("143 categories, items are predictions");
}
BENCHMARK(evaluate_history)->Unit(benchmark::kMillisecond);

void predict_next(benchmark::State& state) {
  Client client(std::move(*make_trainer(card_workload().model)), card_workload());
  client.history = spending(static_cast<std::size_t>(state.range(0)), card_workload().model, 60);
  std::vector<float> probabilities(client.trainer->output_count());
  for (auto _ : state) {
    if (!client.trainer->predict(client.weights, client.history, probabilities)) state.SkipWithError("prediction failed");
    benchmark::DoNotOptimize(probabilities.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(predict_next)->ArgName("rows")->Arg(50)->Arg(500);

}  // namespace

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  register_the_others();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
