#include "common/secagg/plan_proposal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "common/nearest_accepted.h"
#include "common/protocol/plan_consistency.h"

namespace fedspend {
namespace {

using Accepts = std::function<bool(const Plan&)>;

constexpr double kMillion = 1e6;

// A setting that may be turned. Fractions are counted in parts per million, as a plan does.
struct Knob {
  const char* key;
  enum class Kind { whole, millionths, number } kind;
  double (*get)(const Plan&);
  void (*set)(Plan&, double);
  std::array<double, 2> limits;  // where to look: first this way, then that; NaN: not

  PlanSetting setting(double value) const {
    if (kind == Kind::whole) return {key, std::to_string(static_cast<std::int64_t>(value))};
    return {key, exact_text(kind == Kind::millionths ? value / kMillion : value)};
  }
  Plan turned(const Plan& plan, double value) const {
    Plan other = plan;
    set(other, value);
    return other;
  }
};

constexpr double kNowhere = std::numeric_limits<double>::quiet_NaN();
constexpr double kMostNoise = 1'000, kLeastNoise = 1e-9, kMostClipNorm = 1e6, kLeastClipNorm = 1e-9, kMostDelta = 1e-5, kMostCohort = 100'000, kMostEpsilon = 1e6;

template <class T>
T whole(double value) { return static_cast<T>(value); }

const std::array kFirst = {
    Knob{"aggregation.bits", Knob::Kind::whole, [](const Plan& p) { return static_cast<double>(p.aggregation.bits); }, [](Plan& p, double v) { p.aggregation.bits = whole<unsigned>(v); }, {32, 2}},
    Knob{"privacy.noise_multiplier", Knob::Kind::number, [](const Plan& p) { return p.privacy.noise_multiplier; }, [](Plan& p, double v) { p.privacy.noise_multiplier = v; }, {kMostNoise, kLeastNoise}},
    Knob{"federation.cohort", Knob::Kind::whole, [](const Plan& p) { return static_cast<double>(p.federation.cohort); }, [](Plan& p, double v) { p.federation.cohort = whole<std::uint32_t>(v); }, {kMostCohort, 2}},
};
const std::array kThen = {
    Knob{"federation.min_cohort", Knob::Kind::whole, [](const Plan& p) { return static_cast<double>(p.min_reports()); }, [](Plan& p, double v) { p.federation.min_cohort = whole<std::uint32_t>(v); }, {1, kNowhere}},
    Knob{"aggregation.dropout_fraction", Knob::Kind::millionths, [](const Plan& p) { return static_cast<double>(p.aggregation.dropout_ppm); }, [](Plan& p, double v) { p.aggregation.dropout_ppm = whole<std::uint32_t>(v); }, {0, kNowhere}},
    Knob{"aggregation.corrupt_fraction", Knob::Kind::millionths, [](const Plan& p) { return static_cast<double>(p.aggregation.corrupt_ppm); }, [](Plan& p, double v) { p.aggregation.corrupt_ppm = whole<std::uint32_t>(v); }, {0, kNowhere}},
    Knob{"privacy.delta", Knob::Kind::number, [](const Plan& p) { return p.privacy.delta; }, [](Plan& p, double v) { p.privacy.delta = v; }, {kMostDelta, kNowhere}},
    Knob{"privacy.max_participations", Knob::Kind::whole, [](const Plan& p) { return static_cast<double>(p.privacy.max_participations); }, [](Plan& p, double v) { p.privacy.max_participations = whole<std::uint32_t>(v); }, {1, kNowhere}},
    Knob{"aggregation.clip_norm_l2", Knob::Kind::number, [](const Plan& p) { return p.aggregation.clip_norm_l2; }, [](Plan& p, double v) { p.aggregation.clip_norm_l2 = v; }, {kMostClipNorm, kLeastClipNorm}},
};
// A promise that is broken rather than kept: where nothing else helps.
const Knob kBudget{"privacy.max_epsilon", Knob::Kind::number, [](const Plan& p) { return p.privacy.max_epsilon; }, [](Plan& p, double v) { p.privacy.max_epsilon = v; }, {kMostEpsilon, kNowhere}};

bool concerns(const Plan& plan, const Knob& knob) {
  const std::string_view key = knob.key;
  if (!plan.privacy.has_noise() && key.starts_with("privacy.")) return false;
  return plan.aggregation.mode == Aggregation::secure || (key != "aggregation.dropout_fraction" && key != "aggregation.corrupt_fraction");
}

struct Found {
  Plan plan;
  std::vector<PlanSetting> settings;
};

class Search {
 public:
  Search(const Accepts& quickly, const Accepts& accepts) : quickly_(quickly), accepts_(accepts) {}

  // One setting, and all others as they are.
  std::optional<Found> turn(const Plan& plan, const Knob& knob) {
    if (!concerns(plan, knob)) return std::nullopt;
    const double given = knob.get(plan);
    const auto accepted = [&](double value) { return asks(knob.turned(plan, value)); };
    for (const double limit : knob.limits) {
      if (std::isnan(limit)) continue;
      std::optional<double> value;
      if (knob.kind == Knob::Kind::number) value = nearest_accepted_number(given, limit, accepted);
      else if (const auto found = nearest_accepted(whole<std::int64_t>(given), whole<std::int64_t>(limit), [&](std::int64_t v) { return accepted(static_cast<double>(v)); })) value = static_cast<double>(*found);
      if (value) return Found{knob.turned(plan, *value), {knob.setting(*value)}};
    }
    return std::nullopt;
  }

  std::optional<Found> turn_one(const Plan& plan) {
    for (const Knob& knob : kFirst)
      if (auto found = turn(plan, knob)) return found;
    for (const Knob& knob : kThen)
      if (auto found = turn(plan, knob)) return found;
    return std::nullopt;
  }

  // Twice to sixteen times the cohort, other bits, or both, and one setting more.
  std::optional<Found> turn_several(const Plan& plan) {
    const auto& [bits, noise, cohort] = kFirst;
    for (std::uint32_t factor = 1; factor <= 16; factor *= 2) {
      const double clients = static_cast<double>(factor) * plan.federation.cohort;
      if (clients > kMostCohort) break;
      const Plan larger = factor == 1 ? plan : cohort.turned(plan, clients);
      const std::vector<PlanSetting> settings = factor == 1 ? std::vector<PlanSetting>{} : std::vector{cohort.setting(clients)};
      if (factor > 1)
        for (const Knob* knob : {&bits, &noise})
          if (auto found = turn(larger, *knob)) return with(settings, std::move(*found));
      for (unsigned step = 1; step <= 30; ++step)
        for (const double value : {bits.get(plan) + step, bits.get(plan) - step}) {
          if (value < bits.limits[1] || value > bits.limits[0]) continue;
          std::vector<PlanSetting> both = settings;
          both.push_back(bits.setting(value));
          if (auto found = turn(bits.turned(larger, value), noise)) return with(both, std::move(*found));
        }
    }
    return std::nullopt;
  }

  std::optional<Found> allow_more(const Plan& plan) { return turn(plan, kBudget); }

  // Noise that there can be at all, whatever it costs (the nearest, or the most), and then fewer participations, or the budget that it takes.
  std::optional<Found> turn_noise_first(const Plan& plan) {
    const Knob &noise = kFirst[1], &participations = kThen[4];
    const Plan unbounded = kBudget.turned(participations.turned(plan, 1), kMostEpsilon);
    for (const Plan& from : {unbounded, noise.turned(unbounded, kMostNoise)}) {
      const auto possible = turn(from, noise);
      if (!possible) continue;
      const Plan noisy = noise.turned(plan, noise.get(possible->plan));
      if (auto found = turn(noisy, participations)) return with(possible->settings, std::move(*found));
      if (auto found = allow_more(noisy)) return with(possible->settings, std::move(*found));
    }
    return std::nullopt;
  }

  // With the values of a plan that says nothing of them, where too much is wrong to turn one thing after the other.
  std::optional<Found> begin_anew(const Plan& plan) {
    static const Plan kDefault;
    Plan other = plan;
    std::vector<PlanSetting> settings;
    const auto reset = [&](const Knob& knob, double value) {
      if (!concerns(plan, knob) || knob.get(other) == value) return;
      knob.set(other, value);
      settings.push_back(knob.setting(value));
    };
    reset(kThen[1], kThen[1].get(kDefault));
    reset(kThen[2], kThen[2].get(kDefault));
    reset(kThen[3], std::max(plan.privacy.delta, kDefault.privacy.delta));
    reset(kThen[5], kDefault.aggregation.clip_norm_l2);
    reset(kFirst[0], kDefault.aggregation.bits);
    reset(kFirst[2], std::max(plan.federation.cohort, kDefault.federation.cohort));
    if (plan.federation.min_cohort > other.most_min_cohort()) reset(kThen[0], other.most_min_cohort());
    if (asks(other)) return Found{other, settings};
    if (auto found = turn_one(other)) return with(settings, std::move(*found));
    if (auto found = turn_several(other)) return with(settings, std::move(*found));
    if (auto found = allow_more(other)) return with(settings, std::move(*found));
    if (auto found = turn_noise_first(other)) return with(settings, std::move(*found));
    return std::nullopt;
  }

 private:
  static Found with(std::vector<PlanSetting> settings, Found found) {
    // The last word on a key.
    for (PlanSetting& one : found.settings) {
      std::erase_if(settings, [&](const PlanSetting& other) { return other.key == one.key; });
      settings.push_back(std::move(one));
    }
    return {std::move(found.plan), std::move(settings)};
  }

  bool asks(const Plan& plan) { return quick_left_ > 0 && --quick_left_ > 0 && !find_contradiction(plan) && quickly_(plan) && left_ > 0 && --left_ > 0 && accepts_(plan); }

  const Accepts& quickly_;
  const Accepts& accepts_;
  int quick_left_ = 40'000, left_ = 400;  // a refusal has to come, too
};

}  // namespace

std::vector<PlanSetting> settings_that_work(const Plan& plan, const Accepts& quickly, const Accepts& accepts) {
  for (const auto way : {&Search::turn_one, &Search::turn_several, &Search::allow_more, &Search::turn_noise_first, &Search::begin_anew}) {
    Search search(quickly, accepts);
    std::optional<Found> found = (search.*way)(plan);
    if (!found) continue;
    const Result<Plan> read = parse_plan(write_plan(found->plan));
    if (read && *read == found->plan && accepts(*read)) return std::move(found->settings);
  }
  return {};
}

std::string as_hint(const std::vector<PlanSetting>& settings) {
  std::string hint;
  for (std::size_t i = 0; i < settings.size(); ++i) hint += (i == 0 ? "set " : i + 1 == settings.size() ? " and " : ", ") + settings[i].key + " = " + settings[i].value;
  return hint;
}

}  // namespace fedspend
