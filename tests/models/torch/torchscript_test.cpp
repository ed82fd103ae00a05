#include <algorithm>
#include <cmath>
#include <thread>

#include <doctest/doctest.h>

#include "models/next_category/next_category_features.h"
#include "models/torch_module.h"
#include "models/torchscript_spec.h"
#include "tests/models/torch/script_file.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;
using fedspend::testing::script_file;
using fedspend::testing::ScriptTensor;
using fedspend::testing::ScriptTensorKind;

namespace {

constexpr std::size_t kCategories = 12, kLength = 8;
constexpr std::int64_t kBuckets = 4;

// What a row was and what came before it in the window, linearly.
const std::string kForward = R"(
def forward(self, categories: Tensor, merchants: Tensor, numeric: Tensor) -> Tensor:
    x = torch.cat([torch.embedding(self.category, categories), torch.embedding(self.merchant, merchants), numeric], 2)
    h = torch.tanh(torch.cumsum(x, 1) * 0.2)
    return torch.matmul(torch.cat([x, h], 2), self.weight) + self.bias
)";

std::vector<ScriptTensor> tensors() {
  const auto c = static_cast<std::int64_t>(kCategories);
  const std::int64_t inputs = 5 + 3 + static_cast<std::int64_t>(kNumericFeatures);
  return {{"category", {c + 2, 5}}, {"merchant", {kBuckets + 1, 3}}, {"weight", {2 * inputs, c}}, {"bias", {c}}};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  REQUIRE(text.find(from) != std::string::npos);
  return text.replace(text.find(from), from.size(), to);
}

ModelSpec spec_of(const Bytes& file) {
  std::vector<std::string> categories;
  for (std::size_t i = 0; i < kCategories; ++i) categories.push_back("category " + std::to_string(i));
  ModelSpec model = default_torchscript(categories, "model.pt", file);
  model.sizes["sequence_length"] = kLength;
  model.sizes["merchant_buckets"] = kBuckets;
  model.sizes["past_rows"] = 9;
  return model;
}

const TorchModule& module() {
  static const Result<const TorchModule*> loaded = torch_module();
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error().message));
  return **loaded;
}

std::unique_ptr<Trainer> trainer_of(const Bytes& file) {
  auto made = make_trainer(spec_of(file), {.family = TrainerFamily::lean, .model_file = std::make_shared<const Bytes>(file)});
  REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
  return std::move(*made);
}

std::vector<float> initial(const Trainer& trainer) {
  std::vector<float> weights(trainer.parameter_count());
  trainer.initialize(weights, 7);
  return weights;
}

Result<TorchScriptReport> preflight(const Bytes& file, const ModelSpec& model) { return module().preflight_torchscript(model, {}, file, random_history(100, kCategories, 3)); }
Result<TorchScriptReport> preflight(const Bytes& file) { return preflight(file, spec_of(file)); }

void check_refused(const Result<TorchScriptReport>& report, ErrorCode code, const std::string& part) {
  REQUIRE(!report);
  CAPTURE(report.error().message);
  CHECK(report.error().code == code);
  CHECK(report.error().message.find(part) != std::string::npos);
  CHECK(report.error().message.find('\n') == std::string::npos);
  CHECK(report.error().message.find("model.p") != std::string::npos);  // the file or the key
  CHECK(!report.error().hint.empty());
}

}  // namespace

TEST_CASE("a file that keeps the contract passes, and the report says what is trained and what is frozen") {
  auto all = tensors();
  all.push_back({"table", {3}, ScriptTensorKind::buffer});
  all.push_back({"fixed", {2}, ScriptTensorKind::frozen_parameter});
  all.push_back({"unused", {6}});
  const Bytes file = script_file(all, kForward);
  const auto report = preflight(file);
  REQUIRE_MESSAGE(report.has_value(), (report ? "" : report.error().message));
  REQUIRE(report->parameters.size() == 5);
  CHECK(report->parameters[0].name == "category");
  CHECK(report->parameters[2].shape == std::vector<std::size_t>{48, kCategories});
  CHECK(report->parameters[1].offset == (kCategories + 2) * 5);
  CHECK(report->parameter_count == (kCategories + 2) * 5 + (kBuckets + 1) * 3 + 48 * kCategories + kCategories + 6);
  CHECK(report->without_gradient == std::vector<std::string>{"unused"});
  CHECK(report->frozen == std::vector<std::string>{"table", "fixed"});
  CHECK(!report->takes_past);
  CHECK(report->predictions > 40);
  CHECK(report->loss == doctest::Approx(std::log(double{kCategories})).epsilon(0.3));
  CHECK(report->update_norm_l2 > 0);
}

TEST_CASE("the initial weights are those in the file, whatever the seed") {
  const auto trainer = trainer_of(script_file({{"bias", {static_cast<std::int64_t>(kCategories)}}}, R"(
def forward(self, categories: Tensor, merchants: Tensor, numeric: Tensor) -> Tensor:
    return self.bias.expand(categories.size(0), categories.size(1), self.bias.size(0))
)"));
  const std::vector<float> weights = initial(*trainer);
  REQUIRE(weights.size() == kCategories);
  for (std::size_t i = 0; i < weights.size(); ++i) CHECK(weights[i] == 0.3f * std::sin(static_cast<float>(3 * i + 1)));
}

TEST_CASE("the loss is the mean over known targets: padding and rows of other do not count") {
  // With nothing but a bias, zero at first, the gradient is 1/C minus the share of each category among the targets.
  const auto trainer = trainer_of(script_file({{"bias", {static_cast<std::int64_t>(kCategories)}, ScriptTensorKind::parameter, 0.0f}}, R"(
def forward(self, categories: Tensor, merchants: Tensor, numeric: Tensor) -> Tensor:
    return self.bias.expand(categories.size(0), categories.size(1), self.bias.size(0))
)"));
  const std::vector<HistoryRow> history = random_history(90, kCategories, 21);  // the last window is not full
  std::vector<double> share(kCategories, 0);
  std::size_t targets = 0;
  for (const HistoryRow& row : history) {
    if (row.category >= kCategories) continue;
    ++share[row.category];
    ++targets;
  }
  REQUIRE(targets < history.size());
  const std::vector<float> weights = initial(*trainer);
  std::vector<float> update(weights.size());
  TrainingOptions options;
  options.spec = {.epochs = 1, .batch_size = 1000, .learning_rate = 1.0, .momentum = 0.0, .gradient_clip_l2 = 0.0, .max_rows = 0};
  const auto result = trainer->train(weights, history, options, update);
  REQUIRE(result);
  CHECK(result->examples == targets);
  CHECK(result->mean_loss == doctest::Approx(std::log(double{kCategories})));
  for (std::size_t c = 0; c < kCategories; ++c)
    CHECK(update[c] == doctest::Approx(share[c] / static_cast<double>(targets) - 1.0 / kCategories).epsilon(1e-4));
  // Clipped to a norm, the direction stays.
  options.spec.gradient_clip_l2 = 0.01;
  REQUIRE(trainer->train(weights, history, options, update));
  double norm = 0;
  for (const float value : update) norm += static_cast<double>(value) * value;
  CHECK(std::sqrt(norm) == doctest::Approx(0.01).epsilon(1e-4));
}

TEST_CASE("what is scored is the step's own logits, by known earlier rows") {
  // It says the last category again.
  const auto trainer = trainer_of(script_file({{"scale", {1}}}, R"(
def forward(self, categories: Tensor, merchants: Tensor, numeric: Tensor) -> Tensor:
    return torch.one_hot(categories, 14)[:, :, :12].to(6) * (self.scale.abs() + 1.0)
)"));
  const std::vector<HistoryRow> history = random_history(400, kCategories, 5);
  std::uint64_t repeats = 0, known = 0;
  for (std::size_t i = 300; i < history.size(); ++i) {
    if (history[i].category >= kCategories) continue;
    ++known;
    // A tie goes to the lower index: after a row of other, to category 0.
    const std::uint32_t said = history[i - 1].category < kCategories ? history[i - 1].category : 0;
    if (said == history[i].category) ++repeats;
  }
  REQUIRE(repeats > 0);
  const auto result = trainer->evaluate(initial(*trainer), history, 300);
  REQUIRE(result);
  CHECK(result->predictions == known);
  CHECK(result->correct_top1 == repeats);
  CHECK(result->loss_sum > 0);
  std::vector<float> probabilities(trainer->output_count());
  std::vector<HistoryRow> short_history(history.begin(), history.begin() + 3);
  short_history.back().category = 4;
  REQUIRE(trainer->predict(initial(*trainer), short_history, probabilities));
  CHECK(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin() == 4);
  double sum = 0;
  for (const float p : probabilities) sum += static_cast<double>(p);
  CHECK(sum == doctest::Approx(1.0));
  CHECK(probabilities.back() == 0.0f);
}

TEST_CASE("a scored step has at least half a window before it, or the whole past") {
  // Category 0 if there are at least kLength / 2 steps in the window so far, otherwise category 1.
  const auto trainer = trainer_of(script_file({{"scale", {1}}}, R"(
def forward(self, categories: Tensor, merchants: Tensor, numeric: Tensor) -> Tensor:
    steps = torch.cumsum(torch.ones_like(categories), 1) - 1
    zero = (steps >= 4).to(6).unsqueeze(2) * 2.0 - 1.0
    rest = torch.zeros(categories.size(0), categories.size(1), 10) - 5.0
    return torch.cat([zero, torch.zeros_like(zero), rest], 2) * (self.scale.abs() + 1.0)
)"));
  std::vector<HistoryRow> history(100);
  for (std::size_t first : {std::size_t{4}, std::size_t{37}, std::size_t{99}}) {
    const auto result = trainer->evaluate(initial(*trainer), history, first);
    REQUIRE(result);
    CHECK(result->predictions == 100 - first);
    CHECK(result->correct_top1 == 100 - first);
  }
  // Step i has i steps before it where the history is that short.
  CHECK(trainer->evaluate(initial(*trainer), history, 0)->correct_top1 == 96);
}

TEST_CASE("the own past is a fourth input, the same numbers as next_category's, frozen where that is asked") {
  const auto trainer = trainer_of(script_file({{"scale", {1}}}, R"(
def forward(self, categories: Tensor, merchants: Tensor, numeric: Tensor, past: Tensor) -> Tensor:
    return past[:, :, 3, :] * (self.scale.abs() + 1.0) * 10.0
)"));
  const std::vector<HistoryRow> history = random_history(200, kCategories, 8);
  for (const Counting counting : {Counting::frozen, Counting::prequential}) {
    FeatureScan scan(kCategories, kBuckets, 9);
    Steps steps;
    scan.scan(history, 150, counting == Counting::frozen ? 150 : 200, steps);
    std::uint64_t correct = 0;
    for (std::size_t i = 150; i < 200; ++i) {
      const Step& step = steps.steps[i];
      if (step.target < 0) continue;
      std::vector<float> counts(kCategories, 0.0f);
      for (std::uint32_t e = step.past_begin; e < step.past_end; ++e)
        if (steps.past[e].kind == kPastAfterCategory) counts[steps.past[e].category] = steps.past[e].value;
      correct += std::max_element(counts.begin(), counts.end()) - counts.begin() == step.target ? 1u : 0u;
    }
    REQUIRE(correct > 0);
    CHECK(trainer->evaluate(initial(*trainer), history, 150, counting)->correct_top1 == correct);
  }
}

TEST_CASE("training lowers the loss of the rows it trains on") {
  const auto trainer = trainer_of(script_file(tensors(), kForward));
  const std::vector<HistoryRow> history = random_history(120, kCategories, 9);
  const std::vector<float> weights = initial(*trainer);
  std::vector<float> update(weights.size());
  TrainingOptions options;
  options.spec = {.epochs = 60, .batch_size = 4, .learning_rate = 0.2, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
  const double before = trainer->evaluate(weights, history, 0)->loss_sum;
  REQUIRE(trainer->train(weights, history, options, update));
  std::vector<float> trained = weights;
  for (std::size_t i = 0; i < trained.size(); ++i) trained[i] += update[i];
  CHECK(trainer->evaluate(trained, history, 0)->loss_sum < 0.7 * before);
}

TEST_CASE("an update depends on nothing that a trainer did before, on no thread and not on dropout") {
  std::string source = replaced(kForward, "    h = ", "    x = torch.dropout(x, 0.5, self.training)\n    h = ");
  const Bytes file = script_file(tensors(), source);
  CHECK(preflight(file).has_value());
  const std::vector<HistoryRow> history = random_history(150, kCategories, 10);
  TrainingOptions options;
  options.spec = {.epochs = 2, .batch_size = 4, .learning_rate = 0.2, .momentum = 0.5, .gradient_clip_l2 = 1.0, .max_rows = 0};
  std::vector<std::vector<float>> updates(4);
  std::vector<std::unique_ptr<Trainer>> trainers;
  for (std::size_t i = 0; i < updates.size(); ++i) trainers.push_back(trainer_of(file));
  const std::vector<float> weights = initial(*trainers[0]);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < updates.size(); ++i) {
      threads.emplace_back([&, i] {
        updates[i].resize(weights.size());
        // The first one comes to it fresh, the others have trained before.
        for (std::size_t earlier = 0; earlier < i; ++earlier) static_cast<void>(trainers[i]->train(weights, random_history(90, kCategories, 50 + earlier), options, updates[i]));
        static_cast<void>(trainers[i]->train(weights, history, options, updates[i]));
      });
    }
  }
  CHECK(std::any_of(updates[0].begin(), updates[0].end(), [](float value) { return value != 0; }));
  for (std::size_t i = 1; i < updates.size(); ++i) CHECK(updates[i] == updates[0]);
}

TEST_CASE("bytes that are no TorchScript file are refused in one line") {
  for (const std::string& text : {std::string(), std::string("model"), std::string(4096, 'x'), std::string("PK\x03\x04 and no more")}) {
    const Bytes file(text.begin(), text.end());
    check_refused(preflight(file), ErrorCode::malformed, "it is not a TorchScript file");
  }
  Bytes cut = script_file(tensors(), kForward);
  cut.resize(cut.size() / 2);
  check_refused(preflight(cut), ErrorCode::malformed, "it is not a TorchScript file");
}

TEST_CASE("the module says which libraries compute, in one short line") {
  const std::string libraries = module().libraries();
  CAPTURE(libraries);
  CHECK(libraries.starts_with("libtorch "));
  CHECK(libraries.find('\n') == std::string::npos);
  CHECK(libraries.size() < 200);
  CHECK(libraries == module().libraries());
}

TEST_CASE("a file whose directory claims more than it holds is refused before libtorch unpacks it") {
  Bytes file = script_file(tensors(), kForward);
  const std::size_t end = file.size() - 22;
  std::size_t entry = load_u32(ByteSpan(file).subspan(end + 16)), code = 0;
  for (std::uint16_t left = load_u16(ByteSpan(file).subspan(end + 10)); left > 0; --left) {
    const ByteSpan rest = ByteSpan(file).subspan(entry);
    if (load_u16(rest.subspan(10)) == 8) code = entry;  // deflated
    entry += 46u + load_u16(rest.subspan(28)) + load_u16(rest.subspan(30)) + load_u16(rest.subspan(32));
  }
  REQUIRE(code != 0);
  store_u32(MutableByteSpan(file).subspan(code + 24), 0xfffffff0);
  check_refused(preflight(file), ErrorCode::limit, "its code is larger than 16 MiB once it is unpacked");
}

TEST_CASE("another file than the plan's, and another parameter count, are refused") {
  const Bytes file = script_file(tensors(), kForward);
  ModelSpec model = spec_of(file);
  model.file_hash.bytes[3] ^= 1;
  check_refused(preflight(file, model), ErrorCode::conflict, "not those that the plan names");
  model = spec_of(file);
  model.parameter_count = 17;
  check_refused(preflight(file, model), ErrorCode::invalid_argument, "parameter_count is 17");
  model = spec_of(file);
  model.sizes.erase("past_rows");
  CHECK(preflight(file, model).error().message == "model.sizes.past_rows is missing");
  model = spec_of(file);
  model.sizes["hidden"] = 3;
  CHECK(preflight(file, model).error().message == "model.sizes.hidden is not a size of a torchscript model");
}

TEST_CASE("a forward that does not keep the contract is refused by what is wrong with it") {
  const auto refused = [](const std::string& source, const std::string& part) { check_refused(preflight(script_file(tensors(), source)), ErrorCode::malformed, part); };
  refused(replaced(kForward, "def forward", "def backwards"), "it has no forward");
  refused(replaced(kForward, "categories: Tensor, merchants: Tensor, numeric: Tensor", "categories: Tensor, merchants: Tensor, numeric: Tensor, past: Tensor, more: Tensor"), "not one from three or four tensors");
  refused(replaced(kForward, "numeric: Tensor)", "numeric: Tensor, temperature: float)"), "not one from three or four tensors");
  refused(replaced(replaced(kForward, "return ", "return ("), "+ self.bias", "+ self.bias)[:, :, 1:]"), "forward gives [1, 8, 11] where [1, 8, 12]");
  refused(replaced(kForward, "return torch.matmul(torch.cat([x, h], 2), self.weight) + self.bias", "return (torch.matmul(torch.cat([x, h], 2), self.weight) + self.bias).to(7)"), "forward gives Double where float32");
  refused(replaced(kForward, "cumsum(x, 1)", "cumsum(x, 1).mean(1, True) + x"), "looks ahead");
  refused(replaced(kForward, "cumsum(x, 1)", "cumsum(x, 0)"), "mixes the windows");
  refused(replaced(kForward, "cumsum(x, 1)", "flip(torch.cumsum(torch.flip(x, [0]), 0), [0])"), "mixes the windows");
  refused(replaced(kForward, "self.bias", "self.bias + torch.rand_like(self.bias)"), "something else the second time");
  refused(replaced(kForward, "self.bias", "self.bias / 0.0"), "not finite");
  refused(replaced(kForward, "    return torch.matmul(torch.cat([x, h], 2), self.weight) + self.bias", "    y = torch.matmul(torch.cat([x, h], 2), self.weight) + self.bias\n    return y.detach()"), "does not require grad");
}

TEST_CASE("tensors that do not fit are refused by name") {
  auto some = tensors();
  some[1].shape = {kBuckets, 3};  // one row too few: the buckets, and none
  check_refused(preflight(script_file(some, kForward)), ErrorCode::malformed, "index out of range");
  some = tensors();
  some[2].shape = {7, 12};
  check_refused(preflight(script_file(some, kForward)), ErrorCode::malformed, "its forward fails");
  some = tensors();
  for (ScriptTensor& tensor : some) tensor.kind = ScriptTensorKind::frozen_parameter;
  check_refused(preflight(script_file(some, kForward)), ErrorCode::malformed, "no trainable parameter");
  some = tensors();
  some.push_back({"wide", {2}, ScriptTensorKind::double_parameter});
  check_refused(preflight(script_file(some, kForward)), ErrorCode::malformed, "wide is of type Double");
  some = tensors();
  some.push_back({"endless", {1'000'000, 1'000'000}, ScriptTensorKind::expanded_buffer});
  check_refused(preflight(script_file(some, kForward)), ErrorCode::limit, "not trained are larger than 128 MiB");
  some = tensors();
  some.push_back({"calls", {1}, ScriptTensorKind::buffer});
  check_refused(preflight(script_file(some, replaced(kForward, "    x = ", "    self.calls.add_(1)\n    x = "))), ErrorCode::malformed, "changes a buffer");
  check_refused(preflight(script_file(some, replaced(replaced(kForward, "    x = ", "    self.calls.add_(1)\n    x = "), "self.bias", "self.bias * self.calls"))), ErrorCode::malformed, "something else the second time");
}
