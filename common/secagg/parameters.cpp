#include "common/secagg/parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "common/secagg/shamir.h"
#include "common/secagg/tail_bounds.h"

namespace fedspend {
namespace {

static_assert(kMaxSecureClients <= TailBounds::kMaxPopulation && kMaxDegree <= kMaxShares);

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::uint32_t kMinThreshold = 2;

Status in_range(std::string_view name, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
  if (value >= least && value <= most) return {};
  return fail(ErrorCode::invalid_argument, "secure aggregation: " + std::string(name) + " is " + std::to_string(value),
              "choose " + std::to_string(least) + " to " + std::to_string(most));
}

Status check_goal(const SecurityGoal& goal) {
  FEDSPEND_TRY(in_range("the number of clients", goal.clients, kMinSecureClients, kMaxSecureClients));
  FEDSPEND_TRY(in_range("the corrupt part (ppm)", goal.corrupt_ppm, 0, kMillion - 1));
  FEDSPEND_TRY(in_range("the tolerated dropout (ppm)", goal.dropout_ppm, 0, kMillion - 1));
  FEDSPEND_TRY(in_range("the security in bits", goal.security_bits, 1, 128));
  return in_range("the failure rate in bits", goal.failure_bits, 1, 128);
}

std::string percent(std::uint32_t ppm) {
  std::string text = std::to_string(ppm / 10'000);
  if (ppm % 10'000 == 0) return text + "%";
  std::string rest = std::to_string(ppm % 10'000);
  rest.insert(0, 4 - rest.size(), '0');
  while (rest.back() == '0') rest.pop_back();
  return text + "." + rest + "%";
}

std::string said(const SecurityGoal& goal) {
  return std::to_string(goal.clients) + " clients, " + percent(goal.corrupt_ppm) + " corrupt, " + percent(goal.dropout_ppm) + " lost, " +
         std::string(to_string(goal.threat)) + " server";
}

class Conditions {
 public:
  explicit Conditions(const SecurityGoal& goal) : goal_(goal), tails_(goal.clients) {}

  bool is_secure(GraphSize size) const { return meets(security(size), goal_.security_bits); }
  bool survives(GraphSize size) const { return meets(failure(size), goal_.failure_bits); }
  bool connects(std::uint32_t degree) const { return meets(connectivity(degree), goal_.security_bits); }

  Scaled security(GraphSize size) const {
    const bool curious = goal_.threat == Threat::curious;
    if (!curious && 2 * size.threshold <= size.degree) return all_clients(Scaled::of(1));
    return all_clients(tails_.at_least(curious ? size.threshold : 2 * size.threshold - size.degree, goal_.corrupt(), size.degree));
  }
  Scaled failure(GraphSize size) const { return all_clients(tails_.at_least(size.degree - size.threshold + 1, goal_.dropped(), size.degree)); }
  Scaled connectivity(std::uint32_t degree) const {
    if (degree == goal_.clients - 1) return {};
    const std::uint32_t gone = std::min(goal_.clients, goal_.corrupt() + goal_.dropped());
    const Scaled pairs = divide(all_clients(Scaled::of(goal_.clients)), Scaled::of(2), Rounding::up);
    return multiply(pairs, tails_.all(gone, degree), Rounding::up);
  }

 private:
  Scaled all_clients(const Scaled& tail) const { return multiply(tail, Scaled::of(goal_.clients), Rounding::up); }
  static bool meets(const Scaled& bound, std::uint32_t bits) {
    Scaled limit = Scaled::of(1);
    limit.exponent -= bits;
    return bound.is_at_most(limit);
  }
  const SecurityGoal& goal_;
  TailBounds tails_;
};

Status check_size(const SecurityGoal& goal, GraphSize size) {
  const bool complete = size.degree == goal.clients - 1;
  if (size.degree < 2 || size.degree >= goal.clients || size.degree > kMaxDegree || (!complete && size.degree % 2 != 0))
    return fail(ErrorCode::invalid_argument, "secure aggregation: a degree of " + std::to_string(size.degree) + " among " + std::to_string(goal.clients) + " clients",
                "an even degree below the number of clients, or all others; 1,024 at most");
  if (size.threshold < kMinThreshold || size.threshold > size.degree)
    return fail(ErrorCode::invalid_argument, "secure aggregation: a threshold of " + std::to_string(size.threshold) + " of " + std::to_string(size.degree) + " shares",
                "2 to the degree");
  return {};
}

// The complete graph has neither luck nor tails: what its threshold must be above, and what it may be at most.
Result<GraphSize> complete_graph(const SecurityGoal& goal) {
  const std::uint32_t degree = goal.clients - 1;
  const std::uint32_t least = goal.threat == Threat::curious ? goal.corrupt() + 1 : (degree + goal.corrupt()) / 2 + 1;
  const std::uint32_t most = degree - std::min(degree, goal.dropped());
  const GraphSize size{degree, std::max(least, kMinThreshold)};
  if (size.threshold <= most) return size;
  return fail(ErrorCode::refused,
              "secure aggregation: " + said(goal) + ": no graph holds. Even with all as neighbours a threshold must be at least " +
                  std::to_string(size.threshold) + ", or a coalition could get both secrets of a client, and at most " + std::to_string(most) +
                  ", or too few shares would be left",
              goal.threat == Threat::curious ? "tolerate less: corrupt and lost together must stay below all clients"
                                             : "tolerate less: corrupt and twice the lost together must stay below all clients");
}

}  // namespace

std::uint32_t SecurityGoal::corrupt() const { return static_cast<std::uint32_t>(std::uint64_t{clients} * corrupt_ppm / kMillion); }
std::uint32_t SecurityGoal::dropped() const { return static_cast<std::uint32_t>(std::uint64_t{clients} * dropout_ppm / kMillion); }

Result<GraphSize> smallest_graph(const SecurityGoal& goal) {
  FEDSPEND_TRY(check_goal(goal));
  FEDSPEND_ASSIGN(const GraphSize complete, complete_graph(goal));
  if (goal.clients < kCompleteBelow) return complete;
  const Conditions conditions(goal);
  // The least secure threshold never falls as the degree grows, so each degree goes on from where the one before stopped.
  std::uint32_t threshold = kMinThreshold;
  for (std::uint32_t degree = 2; degree < complete.degree && degree <= kMaxDegree; degree += 2) {
    while (threshold <= degree && !conditions.is_secure({degree, threshold})) ++threshold;
    if (threshold > degree) continue;
    const GraphSize size{degree, threshold};
    if (conditions.survives(size) && conditions.connects(degree)) return size;
  }
  if (complete.degree <= kMaxDegree) return complete;
  return fail(ErrorCode::refused, "secure aggregation: " + said(goal) + ": more than " + std::to_string(kMaxDegree) + " neighbours would be needed",
              "tolerate less, or ask fewer clients");
}

Status check_graph(const SecurityGoal& goal, GraphSize size) {
  FEDSPEND_TRY(check_goal(goal));
  FEDSPEND_TRY(check_size(goal, size));
  const Conditions conditions(goal);
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::refused, "secure aggregation: " + said(goal) + ": degree " + std::to_string(size.degree) + " and threshold " +
                                        std::to_string(size.threshold) + ": " + std::string(why));
  };
  if (!conditions.is_secure(size)) return refuse("a coalition could get both secrets of a client");
  if (!conditions.survives(size)) return refuse("too few shares of a client could be left");
  if (!conditions.connects(size.degree)) return refuse("the honest survivors could fall apart into two sums");
  return {};
}

Result<FailureBounds> failure_bounds(const SecurityGoal& goal, GraphSize size) {
  FEDSPEND_TRY(check_goal(goal));
  FEDSPEND_TRY(check_size(goal, size));
  const Conditions conditions(goal);
  return FailureBounds{.security_log2 = conditions.security(size).log2(),
                       .failure_log2 = conditions.failure(size).log2(),
                       .connectivity_log2 = conditions.connectivity(size.degree).log2()};
}

Result<std::uint32_t> quorum_size(const SecurityGoal& goal, std::uint32_t min_clients) {
  FEDSPEND_TRY(check_goal(goal));
  const std::uint64_t majority = (kMillion + goal.corrupt_ppm) * goal.clients / (2 * kMillion) + 1;
  const std::uint64_t quorum = std::max<std::uint64_t>(majority, min_clients);
  if (quorum * kMillion > (kMillion - goal.dropout_ppm) * goal.clients)
    return fail(ErrorCode::refused,
                "secure aggregation: " + said(goal) + ": a quorum takes " + std::to_string(quorum) + " signatures, more than are left when the tolerated part is lost",
                quorum > majority ? "lower the smallest cohort or ask more clients" : "tolerate less dropout or fewer corrupt clients");
  return static_cast<std::uint32_t>(quorum);
}

}  // namespace fedspend
