#include "simulations/plans/plan_draft.h"

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

#include "common/secagg/session_privacy.h"
#include "common/secagg/plan_check.h"
#include "models/trainer.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

Population population_of(std::size_t clients, std::size_t rows = 12) {
  PopulationBuilder builder;
  const char* categories[] = {"a", "b", "c", "b", "c", "c"};
  for (std::size_t client = 0; client < clients; ++client)
    for (std::size_t row = 0; row < rows; ++row)
      REQUIRE(builder.add("client" + std::to_string(1000 + client), {.time_s = static_cast<std::int64_t>(row), .amount_minor = 1, .category = categories[row % 6], .merchant = "", .currency = ""}));
  return std::move(builder).build();
}

Result<PlanDraft> draft(const Population& population, std::vector<std::string> settings = {}) {
  return draft_plan(population, {.population = "cards", .seed = 1, .demonstration = true, .settings = std::move(settings)});
}

std::string refusal(std::vector<std::string> settings) {
  const auto drafted = draft(population_of(3), std::move(settings));
  if (drafted) return "accepted";
  CHECK((drafted.error().code == ErrorCode::invalid_argument || drafted.error().code == ErrorCode::malformed));
  return drafted.error().message;
}

}  // namespace

TEST_CASE("a draft is a valid plan for the population and its model can be made") {
  const auto drafted = draft(population_of(400));
  REQUIRE_MESSAGE(drafted, drafted.error().message);
  const Plan& plan = drafted->plan;
  CHECK(plan.population == "cards");
  CHECK(plan.purpose == "next_category");
  CHECK(plan.model.categories == std::vector<std::string>{"c", "b", "a"});
  CHECK(plan.federation.cohort == 112);
  CHECK(plan.devices_asked() == 135);
  CHECK(drafted->eligible_clients == 400);
  const auto trainer = models::make_trainer(plan.model);
  REQUIRE(trainer);
  CHECK((*trainer)->parameter_count() == plan.model.parameter_count);
  CHECK(parse_plan(write_plan(plan)));
}

TEST_CASE("a draft of spend_forecast trains on all rows, since an own year is longer than the newest of them") {
  const auto drafted = draft_plan(population_of(20, 3'000), {.model = "spend_forecast", .population = "cards", .seed = 1, .demonstration = true, .settings = {}});
  REQUIRE_MESSAGE(drafted, drafted.error().message);
  CHECK(drafted->plan.purpose == "spend_forecast");
  CHECK(drafted->plan.training.max_rows == 0);
  CHECK(drafted->plan.server.optimizer == "fedadam");
  CHECK(models::make_trainer(drafted->plan.model).has_value());
}

TEST_CASE("a draft is protected unless it is a demonstration") {
  const Population population = population_of(10);
  const auto guarded = draft_plan(population, {.population = "cards"});
  REQUIRE(guarded);
  CHECK(guarded->plan.aggregation.mode == Aggregation::secure);
  CHECK(guarded->plan.privacy.mode == PrivacyMode::distributed);
  CHECK(!guarded->plan.is_demonstration());
  const auto demonstration = draft(population);
  REQUIRE(demonstration);
  CHECK(demonstration->plan.aggregation.mode == Aggregation::secure);
  CHECK(demonstration->plan.privacy.mode == PrivacyMode::none);
  CHECK(demonstration->plan.is_demonstration());
}

TEST_CASE("a protected draft lets its rounds be filled, and has the least noise that keeps within its budget") {
  for (const std::size_t clients : {3UL, 40UL, 400UL, 20'000UL}) {
    CAPTURE(clients);
    const auto drafted = draft_plan(population_of(clients), {.population = "cards", .seed = 1});
    REQUIRE_MESSAGE(drafted, drafted.error().message);
    const Plan& plan = drafted->plan;
    CHECK(std::uint64_t{plan.privacy.max_participations} * clients >= std::min<std::uint64_t>(std::uint64_t{plan.federation.rounds} * plan.devices_asked() * 3 / 2, plan.federation.rounds * clients));
    CHECK(plan.privacy.max_participations <= plan.federation.rounds);
    CHECK(plan.privacy.noise_multiplier >= 0.5);
    REQUIRE(drafted->epsilon_at_cap.has_value());
    CHECK(*drafted->epsilon_at_cap == epsilon_at_cap(plan, plan.privacy.delta).value());
    CHECK(*drafted->epsilon_at_cap <= plan.privacy.max_epsilon);
    CHECK(check_privacy_budget(plan).has_value());
    Plan quieter = plan;
    quieter.privacy.noise_multiplier *= 0.98;
    CHECK_FALSE(check_privacy_budget(quieter).has_value());
  }
}

TEST_CASE("a setting of the privacy stands, and the rest follows from it; what would overspend is refused") {
  const Population population = population_of(400);
  const auto with = [&](std::vector<std::string> settings) { return draft_plan(population, {.population = "cards", .seed = 1, .settings = std::move(settings)}); };
  const auto once = with({"privacy.max_participations=1"}), often = with({"privacy.max_participations=9"});
  REQUIRE(once);
  REQUIRE(often);
  CHECK(once->plan.privacy.max_participations == 1);
  CHECK(once->plan.privacy.noise_multiplier < often->plan.privacy.noise_multiplier);
  const auto noisy = with({"privacy.noise_multiplier=50"});
  REQUIRE(noisy);
  CHECK(noisy->plan.privacy.noise_multiplier == 50);
  CHECK(*noisy->epsilon_at_cap < 2);
  const auto strict = with({"privacy.max_epsilon=1"});
  REQUIRE(strict);
  CHECK(*strict->epsilon_at_cap <= 1);
  const auto central = with({"privacy.mode=central"});
  REQUIRE(central);
  CHECK(central->epsilon_at_cap <= 8);
  const auto none = with({"privacy.mode=none"});
  REQUIRE(none);
  CHECK_FALSE(none->epsilon_at_cap.has_value());
  const auto over = with({"privacy.noise_multiplier=0.5", "privacy.max_participations=50"});
  REQUIRE_FALSE(over);
  CHECK(over.error().code == ErrorCode::refused);
  CHECK(over.error().hint.find("privacy.noise_multiplier = ") != std::string::npos);
}

TEST_CASE("a draft takes the three clients that a secure sum needs, or is refused; an open one takes fewer") {
  for (const std::size_t clients : {1UL, 2UL}) {
    CAPTURE(clients);
    const std::string refusal = "a secure sum needs 3 clients, and only " + std::to_string(clients) + " have the training rows that a plan asks for";
    const auto few = draft_plan(population_of(clients), {.population = "cards"});
    REQUIRE(!few);
    CHECK(few.error().message == refusal);
    const auto demonstration = draft(population_of(clients));
    REQUIRE(!demonstration);
    CHECK(demonstration.error().message == refusal);
    CHECK(demonstration.error().hint.find("aggregation.mode=open") != std::string::npos);
    const auto other_setting = draft(population_of(clients), {"federation.rounds=2"});
    REQUIRE(!other_setting);
    CHECK(other_setting.error().message == refusal);
    CHECK(!draft(population_of(clients), {"aggregation.mode=secure"}));
    const auto for_others = draft(population_of(clients), {"federation.cohort=3"});
    REQUIRE_MESSAGE(for_others, for_others.error().message);
    CHECK(for_others->plan.federation.cohort == 3);
    const auto open = draft(population_of(clients), {"aggregation.mode=open"});
    REQUIRE_MESSAGE(open, open.error().message);
    CHECK(open->plan.federation.cohort == clients);
  }
}

TEST_CASE("a draft's cohort is 112, or half of the clients, but three of them at least") {
  const std::pair<std::size_t, std::uint32_t> cohorts[] = {{3, 3}, {4, 3}, {5, 3}, {6, 3}, {7, 4}, {50, 25}, {111, 56}, {112, 112}, {200, 112}};
  for (const auto& [clients, cohort] : cohorts) {
    CAPTURE(clients);
    for (const bool demonstration : {false, true}) {
      const auto drafted = draft_plan(population_of(clients), {.population = "cards", .demonstration = demonstration});
      REQUIRE_MESSAGE(drafted, drafted.error().message);
      CHECK(drafted->plan.federation.cohort == cohort);
    }
  }
}

TEST_CASE("the task id is random without a seed, and the same with one") {
  const Population population = population_of(10);
  CHECK(draft(population)->plan.task == draft(population)->plan.task);
  CHECK(draft_plan(population, {.population = "cards"})->plan.task != draft_plan(population, {.population = "cards"})->plan.task);
}

TEST_CASE("a small population gives a cohort that it can fill") {
  for (const std::size_t clients : {3UL, 4UL, 5UL, 99UL, 111UL, 112UL, 134UL, 135UL, 200UL}) {
    CAPTURE(clients);
    const auto drafted = draft(population_of(clients));
    REQUIRE(drafted);
    CHECK(drafted->plan.devices_asked() <= clients);
    CHECK(drafted->plan.federation.cohort >= kMinSecureClients);
  }
  const auto none = draft(population_of(5, 4));
  REQUIRE(!none);
  CHECK(none.error().code == ErrorCode::malformed);
}

TEST_CASE("counts and training reach over the whole history of three clients in four, within bounds") {
  const auto lengths = [](const Population& population) {
    const auto drafted = draft(population);
    REQUIRE_MESSAGE(drafted, drafted.error().message);
    return std::pair(drafted->plan.model.sizes.at("past_rows"), drafted->plan.training.max_rows);
  };
  CHECK(lengths(population_of(4, 12)) == std::pair<std::int64_t, std::uint32_t>(128, 256));
  CHECK(lengths(population_of(4, 400)) == std::pair<std::int64_t, std::uint32_t>(512, 512));  // 320 to train on
  CHECK(lengths(population_of(4, 9000)) == std::pair<std::int64_t, std::uint32_t>(1024, 1024));
  const auto mixed = [](std::size_t long_ones) {  // of eight: rows of a client with 700, of one with 12
    PopulationBuilder builder;
    for (std::size_t client = 0; client < 8; ++client)
      for (std::size_t row = 0; row < (client < long_ones ? 700 : 12); ++row)
        REQUIRE(builder.add("client" + std::to_string(client), {.time_s = static_cast<std::int64_t>(row), .amount_minor = 1, .category = "a", .merchant = "", .currency = ""}));
    return std::move(builder).build();
  };
  CHECK(lengths(mixed(1)).first == 128);
  CHECK(lengths(mixed(2)).first == 1024);  // 560 to train on
}

TEST_CASE("categories beyond the cap, and those that a plan cannot hold, are left to other") {
  const auto drafted = draft_plan(population_of(10), {.population = "cards", .max_categories = 2});
  REQUIRE(drafted);
  CHECK(drafted->plan.model.categories == std::vector<std::string>{"c", "b"});
  CHECK(drafted->categories_left_to_other == 1);
  PopulationBuilder builder;
  for (int i = 0; i < 10; ++i) REQUIRE(builder.add("a", {.time_s = i, .amount_minor = 1, .category = i % 2 == 0 ? std::string(200, 'x') : "fine", .merchant = "", .currency = ""}));
  const auto odd = draft(std::move(builder).build(), {"aggregation.mode=open"});
  REQUIRE_MESSAGE(odd, odd.error().message);
  CHECK(odd->plan.model.categories == std::vector<std::string>{"fine"});
  CHECK(odd->categories_left_to_other == 1);
}

TEST_CASE("settings change any key, and the parameter count follows the sizes") {
  const auto plain = draft(population_of(10));
  const auto drafted = draft(population_of(10), {"federation.rounds=7", "training.learning_rate=1", "aggregation.mode=open", "name=my plan", "model.sizes.hidden=64", "model.categories=[\"c\", \"a\"]"});
  REQUIRE_MESSAGE(drafted, drafted.error().message);
  const Plan& plan = drafted->plan;
  CHECK(plan.federation.rounds == 7);
  CHECK(plan.training.learning_rate == 1.0);
  CHECK(plan.aggregation.mode == Aggregation::open);
  CHECK(plan.name == "my plan");
  CHECK(plan.model.sizes.at("hidden") == 64);
  CHECK(plan.model.categories == std::vector<std::string>{"c", "a"});
  CHECK(plan.model.parameter_count != plain->plan.model.parameter_count);
  CHECK((*models::make_trainer(plan.model))->parameter_count() == plan.model.parameter_count);
}

TEST_CASE("settings are those of plan_settings.h, and a wrong one is refused") {
  CHECK(refusal({"federation.rouns=3"}) == "--set federation.rouns: a plan has no such key");
  CHECK(refusal({"federation.rounds=0"}).find("federation.rounds") != std::string::npos);
  CHECK(refusal({"model.parameter_count=3"}).find("parameter_count") != std::string::npos);
}
