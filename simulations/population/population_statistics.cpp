#include "simulations/population/population_statistics.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace fedspend::simulations {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::size_t kRowsForOwnEntropy = 20;

double share(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

template <class Counts>
double entropy_bits(const Counts& counts, std::uint64_t all) {
  double bits = 0;
  for (const std::uint64_t count : counts)
    if (count > 0) bits -= share(count, all) * std::log2(share(count, all));
  return bits;
}

std::int64_t day_of(const PopulationRow& row) { return row.time_s >= 0 ? row.time_s / kDaySeconds : -((-row.time_s + kDaySeconds - 1) / kDaySeconds); }

// Counts over all rows, client by client.
class Counter {
 public:
  explicit Counter(const Population& population)
      : population_(population), by_category_(population.categories().size(), 0), by_currency_(population.currencies().size(), 0), by_label_(population.labels().size(), 0),
        merchant_rows_(population.merchants().size(), 0), merchant_category_(population.merchants().size(), kNone), category_merchants_(population.categories().size()) {}

  void add_client(std::size_t client) {
    const auto history = population_.history(client);
    std::vector<std::uint64_t> own(population_.categories().size(), 0);
    std::unordered_set<std::uint32_t> merchants;
    std::unordered_map<std::uint32_t, std::int64_t> last_day;
    for (std::size_t i = 0; i < history.size(); ++i) {
      const PopulationRow& row = history[i];
      const std::int64_t day = day_of(row);
      add_row(row, day);
      category_met_before_ += own[row.category]++ > 0;
      merchant_met_before_ += !merchants.insert(row.merchant).second;
      const auto [last, first_time] = last_day.try_emplace(row.category, day);
      if (!first_time) {
        const std::int64_t gap = day - last->second;
        week_rhythm_ += gap > 0 && gap <= 28 && gap % 7 == 0;
        last->second = day;
      }
      if (i == 0) continue;
      repeated_category_ += row.category == history[i - 1].category;
      const std::int64_t gap = day - day_of(history[i - 1]);
      same_day_ += gap == 0;
      if (gap > 0) days_between_.push_back(static_cast<double>(gap));
    }
    if (history.empty()) return;
    const auto rows = static_cast<double>(history.size());
    rows_per_client_.push_back(rows);
    rows_per_week_.push_back(rows / std::max(1.0, static_cast<double>(day_of(history.back()) - day_of(history.front()) + 1) / 7));
    categories_per_client_.push_back(static_cast<double>(std::count_if(own.begin(), own.end(), [](std::uint64_t count) { return count > 0; })));
    merchants_per_client_.push_back(static_cast<double>(merchants.size()));
    if (history.size() >= kRowsForOwnEntropy) own_entropy_.push_back(entropy_bits(own, history.size()));
  }

  PopulationStatistics finish() {
    PopulationStatistics s;
    const std::uint64_t rows = population_.rows();
    s.clients = population_.clients();
    s.rows = rows;
    s.categories = population_.categories().size();
    s.merchants = population_.merchants().size();
    s.currencies = population_.currencies().size();
    s.weeks = rows == 0 ? 0 : static_cast<double>(last_day_ - first_day_ + 1) / 7;
    s.rows_per_client = quantiles_of(std::move(rows_per_client_));
    s.rows_per_week = quantiles_of(std::move(rows_per_week_));
    s.categories_per_client = quantiles_of(std::move(categories_per_client_));
    s.merchants_per_client = quantiles_of(std::move(merchants_per_client_));
    s.own_entropy_bits = quantiles_of(std::move(own_entropy_)).median;
    s.entropy_bits = entropy_bits(by_category_, rows);
    s.repeated_category = share(repeated_category_, rows);
    s.category_met_before = share(category_met_before_, rows);
    s.merchant_met_before = share(merchant_met_before_, rows);
    s.same_day = share(same_day_, rows);
    s.days_between = quantiles_of(std::move(days_between_));
    s.week_rhythm = share(week_rhythm_, rows);
    s.credits = share(credits_, rows);
    s.has_hours = with_hour_ * 2 > rows;
    s.night = s.has_hours ? share(night_, rows) : 0;
    for (std::size_t i = 0; i < 7; ++i) s.weekdays[i] = share(weekdays_[i], rows);
    for (std::size_t i = 0; i < 12; ++i) s.months[i] = share(months_[i], rows);
    s.clients_with_attributes = population_.clients_with_attributes();
    finish_names(s);
    finish_amounts(s);
    return s;
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff, kSeveral = 0xfffffffe;

  void add_row(const PopulationRow& row, std::int64_t day) {
    ++by_category_[row.category];
    ++by_currency_[row.currency];
    ++by_label_[row.label];
    ++merchant_rows_[row.merchant];
    std::uint32_t& category = merchant_category_[row.merchant];
    category = category == kNone || category == row.category ? row.category : kSeveral;
    category_merchants_[row.category].insert(row.merchant);
    amounts_.push_back(static_cast<double>(row.amount_minor) / 100);
    credits_ += row.direction == models::Direction::credit;
    const std::int64_t cents = row.amount_minor % 100;
    whole_ += cents == 0;
    nines_ += cents == 95 || cents == 99;
    first_day_ = std::min(first_day_, day);
    last_day_ = std::max(last_day_, day);
    ++weekdays_[static_cast<std::size_t>(((day + 3) % 7 + 7) % 7)];
    ++months_[models::month_of(row.time_s).month - 1];
    const std::int64_t second = row.time_s - day * kDaySeconds;
    with_hour_ += second != 0;
    night_ += second < 5 * 3600;
  }

  void finish_names(PopulationStatistics& s) {
    std::vector<std::uint64_t> sorted = by_category_;
    std::sort(sorted.rbegin(), sorted.rend());
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < sorted.size() && i < 20; ++i) {
      sum += sorted[i];
      if (i < 1) s.top1 = share(sum, s.rows);
      if (i < 5) s.top5 = share(sum, s.rows);
      s.top20 = share(sum, s.rows);
    }
    std::vector<double> merchants;
    for (const auto& names : category_merchants_) merchants.push_back(static_cast<double>(names.size()));
    s.merchants_per_category = quantiles_of(std::move(merchants));
    std::uint64_t once = 0, ambiguous = 0;
    for (std::size_t i = 0; i < merchant_rows_.size(); ++i) {
      once += merchant_rows_[i] == 1;
      if (merchant_category_[i] == kSeveral) ambiguous += merchant_rows_[i];
    }
    s.merchants_of_one_row = share(once, merchant_rows_.size());
    s.rows_at_ambiguous_merchants = share(ambiguous, s.rows);
    std::uint64_t known = 0, home = 0;  // a currency that is not given is not another one
    for (std::size_t i = 0; i < by_currency_.size(); ++i) {
      if (population_.currencies()[i].empty()) continue;
      known += by_currency_[i];
      home = std::max(home, by_currency_[i]);
    }
    s.foreign = share(known - home, known);
    std::uint64_t labelled = 0;
    for (std::size_t i = 0; i < by_label_.size(); ++i) {
      if (population_.labels()[i].empty()) continue;
      labelled += by_label_[i];
      s.labels[population_.labels()[i]] = by_label_[i];
    }
    s.unusual = share(labelled, s.rows);
  }

  void finish_amounts(PopulationStatistics& s) {
    double sum = 0, squares = 0;
    std::uint64_t count = 0;
    for (const double amount : amounts_) {
      if (amount <= 0) continue;
      const double logarithm = std::log10(amount);
      sum += logarithm;
      squares += logarithm * logarithm;
      ++count;
    }
    if (count > 0) {
      const double mean = sum / static_cast<double>(count);
      s.log10_amount_deviation = std::sqrt(std::max(0.0, squares / static_cast<double>(count) - mean * mean));
    }
    s.whole_amounts = share(whole_, s.rows);
    s.nines = share(nines_, s.rows);
    s.amount = quantiles_of(std::move(amounts_));
  }

  const Population& population_;
  std::vector<std::uint64_t> by_category_, by_currency_, by_label_, merchant_rows_;
  std::vector<std::uint32_t> merchant_category_;
  std::vector<std::unordered_set<std::uint32_t>> category_merchants_;
  std::vector<double> rows_per_client_, rows_per_week_, categories_per_client_, merchants_per_client_, own_entropy_, days_between_, amounts_;
  std::array<std::uint64_t, 7> weekdays_{};
  std::array<std::uint64_t, 12> months_{};
  std::uint64_t repeated_category_ = 0, category_met_before_ = 0, merchant_met_before_ = 0, same_day_ = 0, week_rhythm_ = 0, credits_ = 0, whole_ = 0, nines_ = 0, with_hour_ = 0, night_ = 0;
  std::int64_t first_day_ = INT64_MAX, last_day_ = INT64_MIN;
};

}  // namespace

Quantiles quantiles_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double fraction) { return values[static_cast<std::size_t>(std::lround(fraction * static_cast<double>(values.size() - 1)))]; };
  return {.p5 = at(0.05), .lower = at(0.25), .median = at(0.5), .upper = at(0.75), .p95 = at(0.95)};
}

PopulationStatistics compute_statistics(const Population& population) {
  Counter counter(population);
  for (std::size_t client = 0; client < population.clients(); ++client) counter.add_client(client);
  PopulationStatistics statistics = counter.finish();
  statistics.baselines = compute_baselines(population);
  return statistics;
}

}  // namespace fedspend::simulations
