#include "simulations/plans/profiles.h"

#include <doctest/doctest.h>

#include "models/transactions/transaction_csv.h"
#include "simulations/plans/plan_draft.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

Population population_of(std::size_t clients) {
  PopulationBuilder builder;
  for (std::size_t client = 0; client < clients; ++client)
    for (std::int64_t row = 0; row < static_cast<std::int64_t>(client == 1 ? 3 : 8 + client); ++row)  // the second has too few rows
      REQUIRE(builder.add("card " + std::to_string(client), {.time_s = row, .amount_minor = row * 7, .category = "c,\"d\"", .merchant = "m", .currency = "GBP"}));
  return std::move(builder).build();
}

}  // namespace

TEST_CASE("every eligible client is dealt in turn, with its whole history") {
  const tests::TemporaryFolder folder;
  const Population population = population_of(5);
  const Plan plan;
  const auto summary = write_profiles(population, plan, {.processes = 2}, folder.path());
  REQUIRE_MESSAGE(summary, summary.error().message);
  CHECK(summary->clients == 4);
  const std::vector<std::size_t> eligible = eligible_clients(population, plan);
  CHECK(eligible == std::vector<std::size_t>{0, 2, 3, 4});
  const char* folders[] = {"process-1/client-00001", "process-2/client-00002", "process-1/client-00003", "process-2/client-00004"};
  for (std::size_t i = 0; i < eligible.size(); ++i) {
    CHECK(profile_folder(i, 2) == folders[i]);
    const std::string csv = tests::TemporaryFolder::read(folder.path() / folders[i] / "transactions.csv");
    const auto rows = models::parse_transaction_csv(as_bytes(csv));
    REQUIRE_MESSAGE(rows, rows.error().message);
    const auto expected = population.history(eligible[i]);
    REQUIRE(rows->size() == expected.size());
    for (std::size_t row = 0; row < expected.size(); ++row) {
      CHECK((*rows)[row].time_s == expected[row].time_s);
      CHECK((*rows)[row].amount_minor == expected[row].amount_minor);
      CHECK((*rows)[row].category == "c,\"d\"");
    }
    CHECK(tests::TemporaryFolder::read(folder.path() / folders[i] / "label") == population.client_name(eligible[i]) + "\n");
  }
}

TEST_CASE("at most so many clients are written, and more processes than clients are refused") {
  const tests::TemporaryFolder folder;
  const auto summary = write_profiles(population_of(5), Plan{}, {.processes = 1, .max_clients = 2}, folder.path());
  REQUIRE(summary);
  CHECK(summary->clients == 2);
  const auto refused = write_profiles(population_of(5), Plan{}, {.processes = 5}, folder.path() / "x");
  REQUIRE(!refused);
  CHECK(refused.error().message == "5 processes for 4 eligible clients");
}
