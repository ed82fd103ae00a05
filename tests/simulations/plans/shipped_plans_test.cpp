// The plans of simulations/plans: each is read as it stands, is of a model that there is, and no model lacks one.
#include <filesystem>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "models/stock_models.h"
#include "simulations/plans/plan_file.h"
#include "tests/paths.h"

using namespace fedspend;
using namespace fedspend::simulations;

TEST_CASE("every model has a shipped plan: secure, read as it stands, with consent asked by the name of the model") {
  std::set<std::string> planned, stock;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(tests::source_dir()) / "simulations/plans")) {
    if (entry.path().extension() != ".toml") continue;
    CAPTURE(entry.path().string());
    const auto plan = read_plan_file(entry.path());
    REQUIRE(plan.has_value());
    CHECK(plan->plan.purpose == plan->plan.model.name);
    CHECK(plan->plan.model.parameter_count < 200'000);
    CHECK(plan->plan.aggregation.mode == Aggregation::secure);
    planned.insert(plan->plan.model.name);
  }
  for (const models::StockModel& model : models::stock_models()) stock.emplace(model.name);
  CHECK(planned == stock);
}
