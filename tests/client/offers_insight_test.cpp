#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "client/consent.h"
#include "client/insights.h"
#include "models/offers/offers.h"
#include "tests/client/fallible_vault.h"
#include "tests/client/parsed_json.h"

using namespace fedspend;
using namespace fedspend::client;
using models::HistoryRow;

namespace {

const std::vector<std::string> kNames = {"fuel", "food", "books", "games"};

struct Customer {
  MemoryVault vault;
  std::unique_ptr<Consents> consents = Consents::open(vault).value();
  std::unique_ptr<models::Trainer> trainer = models::make_trainer(models::default_offers(kNames)).value();
  std::vector<float> weights = std::vector<float>(trainer->parameter_count());

  Customer() {
    REQUIRE(consents->give(kPurposePersonalInsights, {.version = "1"}, 1));
    trainer->initialize(weights, 1);
    // Whoever uses fuel takes up books: what its use says, and the output's weight of books on that.
    for (const models::LayoutEntry& entry : trainer->layout()) {
      if (entry.name == "use.ever") weights[entry.offset] = 3;
      if (entry.name == "output.hidden") weights[entry.offset + 2] = 4;
    }
  }
  Result<Insight> ask(std::span<const HistoryRow> history, const InsightOptions& options = {}) { return category_insight(*consents, *trainer, weights, {}, history, options); }
};

HistoryRow row(std::int64_t day, std::uint32_t category) { return {.time_s = (17'000 + day) * 86'400, .amount_minor = 500, .category = category}; }

}  // namespace

TEST_CASE("a suggestion is of what is new to the customer, with reasons that add up") {
  Customer customer;
  const std::vector<HistoryRow> history = {row(0, 0), row(1, 0), row(2, 1), row(3, 0)};
  const auto insight = customer.ask(history);
  REQUIRE(insight);
  CHECK(insight->kind == InsightKind::offers);
  CHECK_FALSE(insight->abstains);
  REQUIRE(insight->next.size() == 2);  // books and games; fuel and food are in use
  CHECK(insight->next[0].category == 2);
  CHECK(insight->next[1].category == 3);
  CHECK(insight->next[0].probability > 0.6);
  CHECK(insight->reasons.size() == models::kOfferGroups);
  CHECK(insight->reasons.front().id == "own_categories");
  double sum = insight->baseline_log_odds;
  for (const Reason& reason : insight->reasons) sum += reason.log_odds;
  CHECK(sum == doctest::Approx(insight->log_odds).epsilon(1e-9));
  const std::string text = insight_text(*insight, kNames);
  CHECK(text.starts_with("New to you, and perhaps for you: books ("));
  CHECK(text.find("what you have spent on so far makes this") != std::string::npos);
  CHECK(parsed(insight_json(*insight, kNames))["next"][0]["name"] == "books");
}

TEST_CASE("what was used before the newest rows is not new; below the least chance, with nothing known or nothing new, it abstains, and nobody is called") {
  Customer customer;
  std::vector<HistoryRow> history = {row(0, 2)};
  for (std::int64_t day = 1; day < 50; ++day) history.push_back(row(day, 0));
  const auto old = customer.ask(history, {.most_rows = 10});
  REQUIRE(old);
  CHECK(old->next.front().category != 2);
  const auto strict = customer.ask(history, {.min_offer_chance = 0.99});
  REQUIRE(strict);
  CHECK(strict->abstains);
  CHECK(strict->hand_over == HandOver::none);
  CHECK(insight_text(*strict, kNames) == "Nothing to suggest.\n");
  CHECK(customer.ask({})->abstains);
  const std::vector<HistoryRow> everything = {row(0, 0), row(0, 1), row(0, 2), row(0, 3)};
  const auto none = customer.ask(everything);
  REQUIRE(none);
  CHECK(none->abstains);
  CHECK(none->next.empty());
  CHECK(insight_text(*none, kNames) == "Nothing to suggest.\n");
  CHECK(parsed(insight_json(*none, kNames))["next"].empty());
}
