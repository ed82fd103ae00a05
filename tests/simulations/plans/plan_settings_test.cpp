#include "simulations/plans/plan_settings.h"

#include <doctest/doctest.h>

#include "models/next_category/next_category.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

PlanFile plan_file(const std::string& server = "", const std::string& comment = "# as it was signed\n") {
  const std::vector<std::string> categories = {"a", "b"};
  Plan plan;
  plan.name = plan.population = "cards";
  plan.purpose = "next_category";
  plan.task.bytes.fill(1);
  plan.model = models::default_next_category(categories);
  std::string text = write_plan(plan);
  if (!server.empty()) text.replace(text.find("[server]"), text.find("[aggregation]") - text.find("[server]"), "[server]\n" + server + "\n");
  text = comment + text;
  auto parsed = parse_plan(text);
  REQUIRE_MESSAGE(parsed, parsed.error().message);
  return plan_file_of(std::move(text), std::move(*parsed));
}

Plan with(const PlanFile& plan, const std::vector<std::string>& settings) {
  const auto changed = apply_settings(plan, settings);
  REQUIRE_MESSAGE(changed, changed.error().message);
  CHECK(changed->text == write_plan(changed->plan));
  CHECK(changed->hash == hash_of_plan(as_bytes(changed->text)));
  return changed->plan;
}

Error refused(const std::vector<std::string>& settings, const PlanFile& plan = plan_file()) {
  const auto changed = apply_settings(plan, settings);
  REQUIRE(!changed);
  CHECK(changed.error().message.find("(line") == std::string::npos);
  return changed.error();
}

}  // namespace

TEST_CASE("without settings the plan's bytes and its hash stay as they are") {
  const PlanFile plan = plan_file();
  const auto same = apply_settings(plan, {});
  REQUIRE(same);
  CHECK(same->text == plan.text);
  CHECK(same->hash == plan.hash);
}

TEST_CASE("any key of a plan can be set by its full name, also one that the plan leaves out") {
  const Plan plan = with(plan_file(), {"federation.rounds=7", "training.learning_rate=1", "aggregation.mode=open", "privacy.mode=none", "name=my plan", "training.proximal_mu=0.01", "server.schedule.kind=exponential",
                                       "server.schedule.decay=0.99", "training.schedule.kind=\"step\"", "training.schedule.decay=0.5", "training.schedule.period_rounds=3"});
  CHECK(plan.federation.rounds == 7);
  CHECK(plan.training.learning_rate == 1.0);
  CHECK(plan.aggregation.mode == Aggregation::open);
  CHECK(plan.name == "my plan");
  CHECK(plan.training.proximal_mu == 0.01);
  CHECK(plan.server.schedule == ScheduleSpec{.kind = ScheduleKind::exponential, .decay = 0.99});
  CHECK(plan.training.schedule == ScheduleSpec{.kind = ScheduleKind::step, .decay = 0.5, .period_rounds = 3});
}

TEST_CASE("what is not set stays, to the bit") {
  PlanFile plan = plan_file("optimizer = \"fedadam\"\nbeta1 = 0.1234567890123456789\nbeta2 = 1e-300\nlearning_rate = 0.30000000000000004");
  Plan expected = plan.plan;
  expected.federation.rounds = 3;
  CHECK(with(plan, {"federation.rounds=3"}) == expected);
}

TEST_CASE("of two settings of one key the later counts, and nothing is checked in between") {
  CHECK(with(plan_file(), {"federation.rounds=3", "federation.rounds=4"}).federation.rounds == 4);
  CHECK(with(plan_file(), {"federation.min_cohort=500", "federation.cohort=600"}).federation.min_cohort == 500);
  CHECK(refused({"federation.min_cohort=500"}).message == "--set: plan: federation.min_cohort: 500 is above the cohort, 112");
}

TEST_CASE("the parameter count follows the model's sizes and categories, and is left alone otherwise") {
  const PlanFile plan = plan_file();
  const Plan larger = with(plan, {"model.sizes.hidden=64", "model.categories=[\"c\", \"a\", \"d\"]"});
  CHECK(larger.model.sizes.at("hidden") == 64);
  CHECK(larger.model.categories.size() == 3);
  CHECK(larger.model.parameter_count == (*models::make_trainer(larger.model))->parameter_count());
  CHECK(larger.model.parameter_count > plan.plan.model.parameter_count);
  CHECK(refused({"model.parameter_count=3"}).message.find("parameter_count") != std::string::npos);
  CHECK(refused({"model.sizes.nonsense=3"}).message.find("nonsense") != std::string::npos);
}

TEST_CASE("another optimizer takes away the keys that it does not have, keeps those that it has, and has its defaults for the rest") {
  const PlanFile adam = plan_file("optimizer = \"fedadam\"\nbeta1 = 0.5\nbeta2 = 0.6\ntau = 0.7");
  const auto server = [&](const std::vector<std::string>& settings) { return with(adam, settings).server; };
  CHECK(server({"server.optimizer=fedavg"}) == ServerSpec{.optimizer = "fedavg"});
  CHECK(server({"server.optimizer=fedavgm"}) == ServerSpec{.optimizer = "fedavgm", .momentum = 0.9});
  CHECK(server({"server.optimizer=fedyogi"}) == ServerSpec{.optimizer = "fedyogi", .beta1 = 0.5, .beta2 = 0.6, .tau = 0.7});
  CHECK(server({"server.beta1=0", "server.optimizer=fedadagrad"}) == ServerSpec{.optimizer = "fedadagrad", .beta1 = 0, .tau = 0.7});
  CHECK(refused({"server.optimizer=fedavg", "server.tau=0.5"}, adam).message == "--set: plan: server.tau: the optimizer \"fedavg\" has no such key");
  CHECK(refused({"server.tau=0.5"}).message == "--set: plan: server.tau: the optimizer \"fedavg\" has no such key");
  CHECK(refused({"server.optimizer=adam"}).message.find("\"fedadam\"") != std::string::npos);
}

TEST_CASE("open aggregation takes away the keys that secure aggregation alone has") {
  const PlanFile secure = plan_file();
  CHECK(with(secure, {"aggregation.mode=open", "privacy.mode=none"}).aggregation == AggregationSpec{.mode = Aggregation::open});
  CHECK(with(secure, {"aggregation.threat=curious", "aggregation.dropout_fraction=0.25"}).aggregation == AggregationSpec{.dropout_ppm = 250'000, .threat = Threat::curious});
  CHECK(refused({"aggregation.mode=open", "privacy.mode=none", "aggregation.beacon=roster"}).message == "--set: plan: aggregation.beacon: open aggregation has no such key");
}

TEST_CASE("another mode of privacy takes away the keys that it does not have, and distributed noise does not go with an open sum") {
  const PlanFile noisy = plan_file();
  CHECK(with(noisy, {"privacy.noise_multiplier=2", "privacy.clip_quantile=0.5"}).privacy == PrivacySpec{.noise_multiplier = 2, .clip_quantile = 0.5, .clip_learning_rate = 0.2});
  CHECK(with(noisy, {"privacy.mode=none"}).privacy == PrivacySpec{.mode = PrivacyMode::none});
  CHECK(with(noisy, {"privacy.mode=central", "privacy.max_participations=3", "aggregation.mode=open"}).privacy == PrivacySpec{.mode = PrivacyMode::central, .max_participations = 3});
  CHECK(refused({"privacy.mode=central", "privacy.wrap_stddevs=4"}).message == "--set: plan: privacy.wrap_stddevs: central noise has no such key");
  CHECK(refused({"aggregation.mode=open"}).message.find("distributed noise needs secure aggregation") != std::string::npos);
  const Result<PlanFile> adaptive = apply_settings(noisy, std::vector<std::string>{"privacy.clip_quantile=0.5"});
  REQUIRE(adaptive);
  CHECK(with(*adaptive, {"privacy.clip_quantile=0"}).privacy == PrivacySpec{});
}

TEST_CASE("another kind of schedule takes away the keys that it does not have") {
  const PlanFile step = plan_file("[server.schedule]\nkind = \"step\"\ndecay = 0.5\nperiod_rounds = 4\nfloor = 0.1\nwarmup_rounds = 2");
  CHECK(with(step, {"server.schedule.kind=constant"}).server.schedule == ScheduleSpec{.warmup_rounds = 2});
  CHECK(with(step, {"server.schedule.kind=cosine"}).server.schedule == ScheduleSpec{.kind = ScheduleKind::cosine, .warmup_rounds = 2, .period_rounds = 4, .floor = 0.1});
  CHECK(refused({"server.schedule.kind=exponential"}).message == "--set: plan: server.schedule.decay: this key is required and missing");
}

TEST_CASE("a key that no plan has is refused with what is near") {
  const auto both = [](const std::string& setting) {
    const Error error = refused({setting});
    CHECK(error.code == ErrorCode::invalid_argument);
    return error.message + "; " + error.hint;
  };
  CHECK(both("federation.rouns=3") == "--set federation.rouns: a plan has no such key; did you mean federation.rounds?");
  CHECK(both("federations.rounds=3") == "--set federations.rounds: a plan has no such key; did you mean federation.rounds?");
  CHECK(both("rounds=3") == "--set rounds: a plan has no such key; did you mean federation.rounds?");
  CHECK(both("server.schedule=3") == "--set server.schedule: a plan has no such key; it is a table: set server.schedule.decay, server.schedule.floor, server.schedule.kind, "
                                     "server.schedule.period_rounds, server.schedule.warmup_rounds");
  CHECK(both("quite.different=3") == "--set quite.different: a plan has no such key; common/protocol/PROTOCOL.md lists the keys");
  CHECK(both(std::string(100'000, 'x') + "=3").find("lists the keys") != std::string::npos);
  CHECK(both("rounds").starts_with("--set \"rounds\" is not of the form section.key=value"));
  CHECK(both("=3").starts_with("--set \"=3\" is not of the form section.key=value"));
}

TEST_CASE("a value of another type or out of range is refused by the plan's own rules") {
  CHECK(refused({"federation.rounds=many"}).message == "--set: plan: federation.rounds: a whole number expected");
  CHECK(refused({"federation.rounds=3\nname=\"x\""}).message == "--set: plan: federation.rounds: a whole number expected");
  CHECK(refused({"federation.rounds=1.5"}).message == "--set: plan: federation.rounds: a whole number expected");
  CHECK(refused({"federation.rounds="}).message == "--set: plan: federation.rounds: a whole number expected");
  CHECK(refused({"federation.rounds=0"}).message == "--set: plan: federation.rounds: 0 is outside 1 ... 1000000");
  CHECK(refused({"server.learning_rate={a = 1}"}).message == "--set: plan: server.learning_rate: a number expected");
}
