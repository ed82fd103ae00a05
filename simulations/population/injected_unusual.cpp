#include "simulations/population/injected_unusual.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "simulations/population/dice.h"

namespace fedspend::simulations {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr int kAttempts = 40;  // to find a row of somebody else in a category that is new to the client

struct LabelledRow {
  models::Transaction transaction;
  const char* label = "";
};

class Injector {
 public:
  Injector(const Population& population, std::uint32_t in_thousand_rows, std::uint64_t seed) : population_(population), in_thousand_rows_(in_thousand_rows), seed_(seed) {}

  std::vector<LabelledRow> history(std::size_t client) const {
    Dice dice("injected-unusual", seed_, client);
    const auto rows = population_.history(client);
    std::set<std::uint32_t> used;
    for (const PopulationRow& row : rows) used.insert(row.category);
    const bool has_times = std::ranges::any_of(rows, [](const PopulationRow& row) { return row.time_s % kDay != 0; });
    std::vector<LabelledRow> out;
    for (const PopulationRow& row : rows) {
      out.push_back({population_.transaction(row), ""});
      if (!dice.chance(in_thousand_rows_)) continue;
      switch (dice.below(4)) {
        case 0:
          out.push_back({out.back().transaction, "repeated"});
          if (has_times) out.back().transaction.time_s += dice.between(1, 300);
          break;
        case 1:
          out.back().transaction.amount_minor *= dice.chance(300) ? 100 : 10;
          out.back().label = "wrong_amount";
          break;
        case 2: foreign(dice, client, used, row.time_s + (has_times ? dice.between(600, 6 * 3600) : 0), 1, has_times, out); break;
        default: foreign(dice, client, used, row.time_s + (has_times ? dice.between(600, 6 * 3600) : 0), dice.between(3, 8), has_times, out); break;
      }
    }
    return out;
  }

 private:
  void foreign(Dice& dice, std::size_t client, const std::set<std::uint32_t>& used, std::int64_t time_s, std::int64_t count, bool has_times, std::vector<LabelledRow>& out) const {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const std::size_t other = dice.below(static_cast<std::uint32_t>(population_.clients()));
      const auto theirs = population_.history(other);
      if (other == client || theirs.empty()) continue;
      const std::size_t at = dice.below(static_cast<std::uint32_t>(theirs.size()));
      if (used.contains(theirs[at].category)) continue;
      const char* label = count == 1 ? "foreign_row" : "foreign_burst";
      for (std::size_t i = at; i < theirs.size() && count > 0; ++i) {
        if (used.contains(theirs[i].category)) continue;
        --count;
        LabelledRow& row = out.emplace_back(population_.transaction(theirs[i]), label);
        row.transaction.time_s = time_s;
        time_s += has_times ? dice.between(30, 6 * 3600) : dice.chance(300) ? kDay : 0;
      }
      return;
    }
  }

  const Population& population_;
  std::uint32_t in_thousand_rows_;
  std::uint64_t seed_;
};

}  // namespace

Result<Population> inject_unusual(const Population& population, std::uint32_t in_thousand_rows, std::uint64_t seed) {
  const Injector injector(population, in_thousand_rows, seed);
  PopulationBuilder builder;
  for (std::size_t client = 0; client < population.clients(); ++client)
    for (const LabelledRow& row : injector.history(client)) FEDSPEND_TRY(builder.add(population.client_name(client), row.transaction, row.label));
  return std::move(builder).build();
}

}  // namespace fedspend::simulations
