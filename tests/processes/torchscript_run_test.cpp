// A TorchScript file from `plan --module` over `preflight` to a run, and every way in which it is refused.

#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/models/torch/script_file.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;
using testing::script_file;
using testing::ScriptTensor;
using testing::ScriptTensorKind;

constexpr std::int64_t kBuckets = 512;  // of a drafted plan

const SmallFederation& federation() {
  static const SmallFederation made({.clients = 20, .settings = {}});
  return made;
}

std::int64_t categories() {
  static const std::int64_t count = [] {
    const std::string text = content_of(federation() / "plan.toml");
    const std::size_t begin = text.find("categories = ["), end = text.find(']', begin);
    return static_cast<std::int64_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end), '\n')) - 1;
  }();
  return count;
}

Bytes module_file(const std::string& head = "x + 0.0", ScriptTensorKind kind = ScriptTensorKind::parameter) {
  const std::int64_t c = categories();
  return script_file({{"category", {c + 2, 6}, kind}, {"merchant", {kBuckets + 1, 2}, kind}, {"trust", {12}, kind}, {"weight", {24, c}, kind}},
                     "def forward(self, categories: Tensor, merchants: Tensor, numeric: Tensor, past: Tensor) -> Tensor:\n"
                     "    x = torch.cat([torch.embedding(self.category, categories), torch.embedding(self.merchant, merchants), numeric], 2)\n"
                     "    x = " + head + "\n"
                     "    return torch.matmul(x, self.weight) + torch.einsum('btkc,k->btc', [past, self.trust])\n");
}

void write(const fs::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Outcome sim(std::vector<std::string> arguments, bool with_data = true) {
  arguments.insert(arguments.begin(), program_path("fedspend-sim"));
  if (with_data)
    for (const std::string& option : federation().data_options()) arguments.push_back(option);
  return run_to_end(arguments, Millis(120'000));
}

// A folder with a drafted plan and its file.
fs::path drafted(const std::string& name, const Bytes& module) {
  const fs::path folder = federation() / name;
  fs::create_directories(folder / "from");
  write(folder / "from" / "model.pt", module);
  const Outcome outcome = sim({"plan", "--model", "torchscript", "--module", folder / "from" / "model.pt", "--demonstration", "--seed", "3", "--out", folder / "plan.toml", "--set", "federation.rounds=4", "--set",
                               "federation.cohort=6", "--set", "training.learning_rate=0.3"});
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  return folder;
}

void check_refused(const Outcome& outcome, const std::string& part) {
  CAPTURE(outcome.err);
  CHECK(outcome.code == 4);
  CHECK(outcome.err.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("a checkpoint of a run by torch says which libraries computed, and the lean trainers' does not") {
  for (const char* family : {"torch", "lean"}) {
    CAPTURE(family);
    const fs::path out = federation() / (std::string("checkpointed-") + family);
    std::vector<std::string> command = {program_path("fedspend-sim"), "run", "--plan", federation() / "plan.toml", "--trainers", family, "--rounds", "400", "--references", "none", "--checkpoint-every", "2", "--out", out};
    for (const std::string& option : federation().data_options()) command.push_back(option);
    Process process = federation().start(out.filename(), command);
    REQUIRE(eventually(Millis(60'000), [&] { return fs::exists(out.string() + ".checkpoint"); }));
    process.kill();
    CHECK((content_of(out.string() + ".checkpoint").find("libtorch ") != std::string::npos) == (std::string(family) == "torch"));
  }
}

TEST_CASE("a TorchScript model is planned, tried and trained, the same for any number of threads, and its file goes with the plan") {
  const fs::path folder = drafted("script", module_file());
  CHECK(content_of(folder / "model.pt") == content_of(folder / "from" / "model.pt"));
  const std::string plan = content_of(folder / "plan.toml");
  CHECK(plan.find("name = \"torchscript\"") != std::string::npos);
  const std::int64_t count = (categories() + 2) * 6 + (kBuckets + 1) * 2 + 12 + 24 * categories();
  CHECK(plan.find("parameter_count = " + std::to_string(count)) != std::string::npos);

  const Outcome tried = sim({"preflight", "--plan", folder / "plan.toml", "--format", "json"});
  REQUIRE_MESSAGE(tried.code == 0, tried.err);
  const auto found = nlohmann::json::parse(tried.out)["data"];
  CHECK(found["parameters"] == count);
  CHECK(found["takes_past"] == true);
  CHECK(found["layout"].size() == 4);
  CHECK(found["without_gradient"].empty());

  std::string first;
  for (const char* threads : {"1", "3"}) {
    const fs::path out = folder / ("run" + std::string(threads));
    const Outcome outcome = sim({"run", "--plan", folder / "plan.toml", "--out", out, "--no-progress", "--references", "none", "--threads", threads});
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    if (first.empty()) first = content_of(out / "model.fsm");
    CHECK(content_of(out / "model.fsm") == first);
    CHECK(content_of(out / "model.pt") == content_of(folder / "model.pt"));
    const auto summary = nlohmann::json::parse(content_of(out / "summary.json"));
    CHECK(summary["eval_accuracy"].get<double>() > summary["untrained_accuracy"].get<double>());
  }
  // What a run leaves can be scored and run again from its own folder.
  const Outcome scored = sim({"evaluate", "--plan", folder / "run1" / "plan.toml", "--model", folder / "run1" / "model.fsm"});
  CHECK_MESSAGE(scored.code == 0, scored.err);
}

TEST_CASE("the torch twin runs a plan of next_category as the lean trainers do, to rounding") {
  const auto accuracy_of = [](const std::string& trainers) {
    const fs::path out = federation() / ("by-" + trainers);
    const Outcome outcome = sim({"run", "--plan", federation() / "plan.toml", "--out", out, "--rounds", "2", "--no-progress", "--references", "none", "--trainers", trainers});
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    return nlohmann::json::parse(content_of(out / "summary.json"))["eval_loss"].get<double>();
  };
  CHECK(accuracy_of("torch") == doctest::Approx(accuracy_of("lean")).epsilon(1e-3));
  check_refused(sim({"run", "--plan", federation() / "plan.toml", "--out", federation() / "x", "--trainers", "tensorflow"}), "there are no trainers \"tensorflow\"");
}

TEST_CASE("files that are not what the plan says are refused in one line, before anything runs") {
  const fs::path folder = drafted("refused", module_file());
  const std::vector<std::string> run = {"run", "--plan", folder / "plan.toml", "--out", folder / "out", "--no-progress"};
  const std::vector<std::string> preflight = {"preflight", "--plan", folder / "plan.toml"};
  for (const auto& command : {run, preflight}) {
    write(folder / "model.pt", module_file("x * 2.0"));
    check_refused(sim(command), "its bytes are not those that the plan names");
    fs::remove(folder / "model.pt");
    check_refused(sim(command), "model.pt");
    write(folder / "model.pt", module_file());
  }
  check_refused(sim({"run", "--plan", folder / "plan.toml", "--out", folder / "out", "--trainers", "lean"}), "a torchscript model has none");
  const auto plan = [&](const Bytes& module, const std::vector<std::string>& more) {
    write(folder / "other.pt", module);
    std::vector<std::string> command = {"plan", "--demonstration", "--out", folder / "other.toml"};
    command.insert(command.end(), more.begin(), more.end());
    return sim(command);
  };
  const std::string file = folder / "other.pt";
  check_refused(plan(Bytes(100, 'x'), {"--model", "torchscript", "--module", file}), "other.pt: it is not a TorchScript file");
  check_refused(plan(module_file("x + 0.0", ScriptTensorKind::frozen_parameter), {"--model", "torchscript", "--module", file}), "no trainable parameter");
  check_refused(plan(module_file(), {"--model", "torchscript"}), "a torchscript model needs its file");
  check_refused(plan(module_file(), {"--module", file}), "--module is for a torchscript model");
  check_refused(sim({"preflight", "--plan", federation() / "plan.toml"}), "not a TorchScript file");
}

TEST_CASE("a module that looks ahead, and one whose shapes do not fit, do not get as far as a round") {
  for (const auto& [head, part] : {std::pair<std::string, std::string>{"x.flip([1])", "looks ahead"}, {"x.unsqueeze(0)", "where"}}) {
    const fs::path folder = drafted("bad-" + part, module_file(head));
    check_refused(sim({"preflight", "--plan", folder / "plan.toml"}), part);
    check_refused(sim({"run", "--plan", folder / "plan.toml", "--out", folder / "out", "--no-progress"}), part);
    CHECK(!fs::exists(folder / "out" / "model.fsm"));
  }
}

}  // namespace fedspend::test
