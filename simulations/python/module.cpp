// fedspend._fedspend: plans, data, runs and scores of the simulator as Python objects. Thin: every function is one of
// simulations/runs, plans or population; what is a table or a name for people is made in fedspend/__init__.py. Arrays are copies.
// Python's lock is given back while a run works, and taken for its callback; Ctrl-C ends a run after the round in progress.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/crypto/random.h"
#include "common/program/program.h"
#include "models/kernels.h"
#include "models/stock_models.h"
#include "models/trainer.h"
#include "simulations/plans/plan_draft.h"
#include "simulations/plans/plan_file.h"
#include "simulations/plans/plan_settings.h"
#include "simulations/population/baselines.h"
#include "simulations/population/population.h"
#include "simulations/population/synthetic.h"
#include "simulations/runs/output_folder.h"
#include "simulations/runs/run.h"
#include "simulations/runs/run_analysis.h"
#include "simulations/runs/run_course.h"
#include "simulations/runs/run_folder.h"

namespace py = pybind11;

namespace fedspend::simulations {
namespace {

// Becomes fedspend.Error(message, code, hint).
struct Failure {
  Error error;
};

template <class T>
T take(Result<T> result) {
  if (!result) throw Failure{std::move(result).error()};
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

struct Data {
  std::string name;
  ReadPopulation read;
};

struct FinishedRun {
  RunOptions options;
  RunResult result;
  nlohmann::json summary;
  DpStatement statement;
};

using Weights = py::array_t<float, py::array::c_style | py::array::forcecast>;

Weights array_of(std::span<const float> values) { return Weights(static_cast<py::ssize_t>(values.size()), values.data()); }

std::shared_ptr<Data> read_data(const std::filesystem::path& description, const std::optional<std::filesystem::path>& data_root, unsigned threads) {
  py::gil_scoped_release unlocked;
  const DataDescription described = take(read_data_description(description, data_root));
  return std::make_shared<Data>(Data{description.stem().string(), take(read_population(described, {.threads = threads}))});
}

PlanFile draft(const Data& data, const std::string& model, std::size_t max_categories, std::optional<std::uint64_t> seed, bool demonstration, const std::vector<std::string>& settings) {
  PlanDraft drafted = take(draft_plan(data.read.population,
                                      {.model = model, .population = data.name, .max_categories = max_categories, .seed = seed, .demonstration = demonstration, .settings = settings}));
  std::string text = write_plan(drafted.plan);
  return plan_file_of(std::move(text), std::move(drafted.plan));
}

// As the options of `run` in commands/course_options.h; 0: as without the option.
struct Course {
  std::optional<std::filesystem::path> world;
  std::uint32_t evaluate_every = 0, checkpoint_every = 0, keep_models = 0, stop_after_no_gain = 0;
  std::optional<double> min_gain;
};

RunCourse take_course(const Course& given) {
  RunCourse course;
  if (given.world) course.world = take(read_world_file(*given.world));
  if (given.evaluate_every != 0) course.evaluate_every = given.evaluate_every;
  if (given.checkpoint_every != 0) course.segment_rounds = given.checkpoint_every;
  course.keep_models_every = given.keep_models;
  course.early_stopping.evaluations = given.stop_after_no_gain;
  if (given.min_gain) {
    if (given.stop_after_no_gain == 0) throw Failure{{ErrorCode::invalid_argument, "min_gain says what a gain is, and nothing looks for one", "give stop_after_no_gain too"}};
    if (!(*given.min_gain >= 0 && *given.min_gain <= 1)) throw Failure{{ErrorCode::invalid_argument, "min_gain is not a number from 0 to 1", "e.g. 0.001"}};
    course.early_stopping.min_gain = *given.min_gain;
  }
  return course;
}

// What the callback is told of a round; the same names as in metrics.jsonl.
py::dict told(const SimulatedRound& round, const std::optional<HeldOutScore>& score) {
  py::dict values;
  values["round"] = round.summary.round.value;
  values["published"] = round.summary.published;
  values["updates"] = round.summary.contributors.size();
  values["simulated_ms"] = round.simulated_time.count();
  values["eval_accuracy"] = score ? py::object(py::float_(score->headline())) : py::none();
  values["eval_loss"] = score ? py::object(py::float_(score->loss())) : py::none();
  return values;
}

std::shared_ptr<FinishedRun> run(const PlanFile& plan, const Data& data, std::uint64_t seed, unsigned threads, const Course& course, const std::string& references,
                                 const py::object& on_round) {
  const WantedReferences wanted = take(parse_wanted_references(references));
  RunOptions options = run_options(plan, take_course(course), seed, threads);
  if (course.keep_models != 0 && plan.plan.federation.rounds / course.keep_models > kMaxKeptModels)
    throw Failure{{ErrorCode::invalid_argument, "keep_models would keep more than " + std::to_string(kMaxKeptModels) + " models", "give a larger number of rounds"}};
  py::gil_scoped_release unlocked;
  const std::vector<FederatedClient> clients = federated_clients(data.read.population, plan.plan);
  RunResult result = take(run_federation(options, clients, [&](const SimulatedRound& round, const std::optional<HeldOutScore>& score) {
    py::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (on_round.is_none()) return true;
    const py::object answer = on_round(told(round, score));
    return answer.is_none() || py::cast<bool>(answer);
  }));
  if (result.stopped) throw Failure{{ErrorCode::refused, "on_round ended the run after round " + std::to_string(result.record.rounds()), "return None or True to go on"}};
  const RunAnalysis analysis = take(analyse_run(options, result, clients, compute_baselines(data.read.population, evaluation_rule(plan.plan)), {.references = references_for(wanted, options, clients)}));
  DpStatement statement = take(statement_of(options, result));
  nlohmann::json summary = run_summary(options, result, clients, analysis, statement);
  return std::make_shared<FinishedRun>(FinishedRun{std::move(options), std::move(result), std::move(summary), std::move(statement)});
}

void write(const FinishedRun& finished, const std::filesystem::path& out) {
  py::gil_scoped_release unlocked;
  OutputFolder folder = take(OutputFolder::create(out, "fedspend-sim run"));
  take(write_run(finished.options, finished.result, finished.summary, finished.statement, folder.partial()));
  take(folder.commit());
}

// (name, shape, offset) of every block of the flat weights.
py::list layout_of(const FinishedRun& finished) {
  py::list blocks;
  const auto trainer = take(models::make_trainer(finished.options.plan.plan.model, finished.options.plan.trainers));
  for (const models::LayoutEntry& entry : trainer->layout()) blocks.append(py::make_tuple(entry.name, py::tuple(py::cast(entry.shape)), entry.offset));
  return blocks;
}

py::tuple evaluate(const PlanFile& plan, const Data& data, const Weights& weights, const std::string& counting, unsigned threads) {
  const bool frozen = counting == "frozen";
  if (!frozen && counting != "prequential") throw Failure{{ErrorCode::invalid_argument, "counting '" + counting + "' is not known", "frozen or prequential"}};
  if (weights.ndim() != 1 || static_cast<std::uint64_t>(weights.size()) != plan.plan.model.parameter_count)
    throw Failure{{ErrorCode::invalid_argument, "weights: " + std::to_string(weights.size()) + " values, the plan has " + std::to_string(plan.plan.model.parameter_count), "give a flat array of the plan's model"}};
  std::vector<HeldOutScore> scores;
  {
    const std::span<const float> values(weights.data(), static_cast<std::size_t>(weights.size()));
    py::gil_scoped_release unlocked;
    const std::vector<FederatedClient> clients = federated_clients(data.read.population, plan.plan);
    scores = take(score_clients(plan.plan, values, clients, frozen ? models::Counting::frozen : models::Counting::prequential, threads, nullptr, plan.trainers));
  }
  py::array_t<std::uint64_t> predictions(static_cast<py::ssize_t>(scores.size()));
  py::array_t<std::uint64_t> correct(static_cast<py::ssize_t>(scores.size()));
  HeldOutScore sum;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    predictions.mutable_at(static_cast<py::ssize_t>(i)) = scores[i].predictions;
    correct.mutable_at(static_cast<py::ssize_t>(i)) = scores[i].correct_top1;
    sum += scores[i];
  }
  py::dict totals;
  totals["predictions"] = sum.predictions;
  totals["accuracy"] = sum.headline();
  totals["top3"] = sum.second();
  totals["loss"] = sum.loss();
  return py::make_tuple(totals, predictions, correct);
}

py::dict baselines_of(const Data& data, const std::string& model, double holdout_fraction, std::size_t min_rows) {
  const models::StockModel* stock = models::find_stock_model(model);
  if (stock == nullptr) throw Failure{{ErrorCode::invalid_argument, "model \"" + model + "\" is not known", models::stock_model_names()}};
  if (!(holdout_fraction > 0 && holdout_fraction < 1)) throw Failure{{ErrorCode::invalid_argument, "holdout_fraction is outside ]0, 1[", "e.g. 0.2"}};
  Baselines baselines;
  {
    py::gil_scoped_release unlocked;
    baselines = compute_baselines(data.read.population, {holdout_fraction, min_rows, stock->default_model(data.read.population.categories())});
  }
  py::dict values;
  for (const Baseline& line : baselines.lines) values[py::str(line.key)] = line.score.headline();
  return values;
}

std::string synth(const std::filesystem::path& out, std::uint64_t clients, std::uint64_t seed, unsigned months, std::uint32_t unusual) {
  py::gil_scoped_release unlocked;
  OutputFolder folder = take(OutputFolder::create(out, "fedspend-sim synth"));
  take(write_synthetic({.seed = seed, .clients = clients, .months = months, .unusual_in_thousand = unusual}, folder.partial()));
  take(folder.commit());
  return (out / "synthetic.toml").string();
}

void define_plan(py::module_& module) {
  py::class_<PlanFile, std::shared_ptr<PlanFile>>(module, "Plan", "A plan. Immutable: set() makes another.")
      .def("set", [](const PlanFile& plan, const py::args& settings) { return take(apply_settings(plan, py::cast<std::vector<std::string>>(py::list(settings)))); },
           "set('section.key=value', ...): a plan with these keys changed, held to the same rules as a file")
      .def("__repr__", [](const PlanFile& plan) { return "<fedspend.Plan '" + plan.plan.name + "', " + plan.hash.hex().substr(0, 16) + ">"; })
      .def_property_readonly("text", [](const PlanFile& plan) { return plan.text; }, "the TOML that is hashed and signed")
      .def_property_readonly("hash", [](const PlanFile& plan) { return plan.hash.hex(); })
      .def_property_readonly("name", [](const PlanFile& plan) { return plan.plan.name; })
      .def_property_readonly("model", [](const PlanFile& plan) { return plan.plan.model.name; })
      .def_property_readonly("categories", [](const PlanFile& plan) { return plan.plan.model.categories; })
      .def_property_readonly("parameter_count", [](const PlanFile& plan) { return plan.plan.model.parameter_count; })
      .def_property_readonly("rounds", [](const PlanFile& plan) { return plan.plan.federation.rounds; })
      .def_property_readonly("cohort", [](const PlanFile& plan) { return plan.plan.federation.cohort; })
      .def_property_readonly("is_demonstration", [](const PlanFile& plan) { return plan.plan.is_demonstration(); })
      .def("initial_weights", [](const PlanFile& plan) { return array_of(take(initial_weights(plan.plan, plan.trainers))); });
  module.def("read_plan", [](const std::filesystem::path& path) { return take(read_plan_file(path)); }, py::arg("path"), "Reads a plan (TOML).");
}

void define_data(py::module_& module) {
  py::class_<Data, std::shared_ptr<Data>>(module, "Data", "The histories of a population, in memory. Made by read_data().")
      .def_readonly("name", &Data::name)
      .def_property_readonly("clients", [](const Data& data) { return data.read.population.clients(); })
      .def_property_readonly("rows", [](const Data& data) { return data.read.population.rows(); })
      .def_property_readonly("categories", [](const Data& data) { return data.read.population.categories(); })
      .def("__repr__", [](const Data& data) {
        return "<fedspend.Data '" + data.name + "': " + std::to_string(data.read.population.clients()) + " clients, " + std::to_string(data.read.population.rows()) + " rows>";
      });
  module.def("read_data", [](const std::filesystem::path& description, const std::optional<std::filesystem::path>& data_root, unsigned threads) {
    return read_data(description, data_root, threads);
  });
  module.def("baselines", &baselines_of);
  module.def("draft_plan", &draft);
  module.def("synth", &synth);
}

void define_run(py::module_& module) {
  py::class_<FinishedRun, std::shared_ptr<FinishedRun>>(module, "FinishedRun")
      .def("summary_json", [](const FinishedRun& run) { return run.summary.dump(); })
      .def("metrics_jsonl", [](const FinishedRun& run) { return run.result.record.jsonl(); })
      .def("weights", [](const FinishedRun& run) { return array_of(*run.result.weights); })
      .def("layout", &layout_of)
      .def("write", &write, py::arg("out"))
      .def_property_readonly("plan", [](const FinishedRun& run) { return run.options.plan; });
  module.def("run", [](const PlanFile& plan, const Data& data, std::uint64_t seed, unsigned threads, const std::string& references, const py::object& on_round, const std::optional<std::filesystem::path>& world,
                       std::uint32_t evaluate_every, std::uint32_t checkpoint_every, std::uint32_t keep_models, std::uint32_t stop_after_no_gain, std::optional<double> min_gain) {
    return run(plan, data, seed, threads, {world, evaluate_every, checkpoint_every, keep_models, stop_after_no_gain, min_gain}, references, on_round);
  });
  module.def("evaluate", [](const PlanFile& plan, const Data& data, const Weights& weights, const std::string& counting, unsigned threads) {
    return evaluate(plan, data, weights, counting, threads);
  });
}

// fedspend.Error: str() is the message with its hint; .code is the name that the programs' JSON has. Wrong arguments are a ValueError, too.
void define_error(py::module_& module) {
  static const py::object failed = py::reinterpret_steal<py::object>(PyErr_NewExceptionWithDoc("fedspend.Error", "What is wrong, where, and how to mend it: .code, .message, .hint.", PyExc_RuntimeError, nullptr));
  const py::tuple both = py::make_tuple(failed, py::reinterpret_borrow<py::object>(PyExc_ValueError));
  static const py::object wrong = py::reinterpret_steal<py::object>(PyErr_NewExceptionWithDoc("fedspend.ArgumentError", "An argument is wrong: a fedspend.Error and a ValueError.", both.ptr(), nullptr));
  module.attr("Error") = failed;
  module.attr("ArgumentError") = wrong;
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const Failure& failure) {
      const py::object& type = failure.error.code == ErrorCode::invalid_argument ? wrong : failed;
      const py::object value = type(failure.error.message + (failure.error.hint.empty() ? "" : ". " + failure.error.hint));
      value.attr("code") = std::string(to_string(failure.error.code));
      value.attr("message") = failure.error.message;
      value.attr("hint") = failure.error.hint;
      PyErr_SetObject(type.ptr(), value.ptr());
    }
  });
}

}  // namespace
}  // namespace fedspend::simulations

PYBIND11_MODULE(_fedspend, module) {
  using namespace fedspend;
  initialize_crypto();
  module.attr("version") = std::string(program::version());
  simulations::define_error(module);
  simulations::define_plan(module);
  simulations::define_data(module);
  simulations::define_run(module);
  module.def("active_isa", &models::active_isa, "The instruction set that the kernels use.");
  module.def("pin_isa", [](const std::string& name) { simulations::take(models::pin_isa(name)); }, py::arg("name"), "As --isa; \"best\" undoes it.");
}
