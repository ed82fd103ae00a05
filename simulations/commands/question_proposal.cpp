#include "simulations/commands/question_proposal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "common/nearest_accepted.h"
#include "common/secagg/parameters.h"

namespace fedspend::simulations {
namespace {

constexpr double kMillion = 1e6, kNowhere = std::numeric_limits<double>::quiet_NaN();
constexpr double kMostDelta = 1e-5;  // more is no privacy to propose

struct Option {
  const char* name;
  enum class Kind { whole, millionths, number } kind;
  double (*get)(const Asked&);
  void (*set)(Asked&, double);
  std::array<double, 2> limits;  // this way first, then that; NaN: not
  bool of_distributed = true;    // of discrete-gaussian alone

  std::string typed(double value) const {
    const std::string text = kind == Kind::whole ? std::to_string(static_cast<std::int64_t>(value)) : exact_text(kind == Kind::millionths ? value / kMillion : value);
    return "--" + std::string(name) + " " + text;
  }
  Asked turned(const Asked& asked, double value) const {
    Asked other = asked;
    set(other, value);
    return other;
  }
};
using enum Option::Kind;

constexpr double count(std::uint64_t value) { return static_cast<double>(value); }

const Option kBits{"bits", whole, [](const Asked& a) { return count(a.question.round.bits); }, [](Asked& a, double v) { a.question.round.bits = static_cast<unsigned>(v); }, {32, 2}};
const Option kClip{"clip", number, [](const Asked& a) { return a.question.round.clip_norm_l2; }, [](Asked& a, double v) { a.question.round.clip_norm_l2 = v; }, {1e6, 1e-6}};
const Option kClients{"clients", whole, [](const Asked& a) { return count(a.question.round.clients); }, [](Asked& a, double v) { a.question.round.clients = static_cast<std::uint32_t>(v); }, {kMaxSecureClients, kMinSecureClients}};
const std::array kOthers = {
    Option{"dropout", millionths, [](const Asked& a) { return count(a.question.round.dropout_ppm); }, [](Asked& a, double v) { a.question.round.dropout_ppm = static_cast<std::uint32_t>(v); }, {0, kNowhere}},
    Option{"corrupt", millionths, [](const Asked& a) { return count(a.question.round.corrupt_ppm); }, [](Asked& a, double v) { a.question.round.corrupt_ppm = static_cast<std::uint32_t>(v); }, {0, kNowhere}},
    kClip,
    Option{"delta", number, [](const Asked& a) { return a.question.delta; }, [](Asked& a, double v) { a.question.delta = v; }, {kMostDelta, kNowhere}, false},
    Option{"steps", whole, [](const Asked& a) { return count(a.question.steps); }, [](Asked& a, double v) { a.question.steps = static_cast<std::uint64_t>(v); }, {1, kNowhere}, false},
    Option{"max-participations", whole, [](const Asked& a) { return count(a.question.max_participations.value_or(1)); }, [](Asked& a, double v) { a.question.max_participations = static_cast<std::uint64_t>(v); }, {1, kNowhere}, false},
};

struct Found {
  Asked asked;
  std::string typed;
};

std::optional<Found> turn(const Asked& asked, const Option& option, const Accepts& accepts) {
  if (option.of_distributed && asked.question.mechanism != Mechanism::discrete_gaussian) return std::nullopt;
  const auto accepted = [&](double value) { return accepts(option.turned(asked, value)); };
  const double given = option.get(asked);
  for (const double limit : option.limits) {
    if (std::isnan(limit)) continue;
    std::optional<double> value;
    if (option.kind == number) value = nearest_accepted_number(given, limit, accepted);
    else if (const auto found = nearest_accepted(static_cast<std::int64_t>(given), static_cast<std::int64_t>(limit), [&](std::int64_t v) { return accepted(static_cast<double>(v)); })) value = static_cast<double>(*found);
    if (value) return Found{option.turned(asked, *value), option.typed(*value)};
  }
  return std::nullopt;
}

std::optional<Found> turn_one(const Asked& asked, const Option& asked_number, const Accepts& accepts) {
  for (const Option* option : {&kBits, &asked_number, &kClients})
    if (auto found = turn(asked, *option, accepts)) return found;
  for (const Option& option : kOthers)
    if (auto found = turn(asked, option, accepts)) return found;
  return std::nullopt;
}

// Two of them, the first at a value that suits most questions.
std::optional<Found> turn_two(const Asked& asked, const Option& asked_number, const Accepts& accepts) {
  const PrivacyQuestion usual;
  const auto with = [&](const Option& first, double value) -> std::optional<Found> {
    if (first.get(asked) == value) return std::nullopt;
    auto found = turn_one(first.turned(asked, value), asked_number, accepts);
    if (found) found->typed = first.typed(value) + " " + found->typed;
    return found;
  };
  if (asked.question.mechanism == Mechanism::discrete_gaussian) {
    if (auto found = with(kBits, usual.round.bits)) return found;
    if (auto found = with(kClip, usual.round.clip_norm_l2)) return found;
    if (auto found = with(kOthers[0], usual.round.dropout_ppm)) return found;
    if (auto found = with(kOthers[1], usual.round.corrupt_ppm)) return found;
  }
  return with(kOthers[3], std::max(asked.question.delta, 1e-6));
}

// All of them at once, where too much is wrong.
std::optional<Found> begin_anew(const Asked& refused, const Option& asked_number, const Accepts& accepts) {
  const PrivacyQuestion usual;
  Asked asked = refused;
  std::string typed;
  const auto reset = [&](const Option& option, double value) {
    if (option.get(asked) == value || (option.of_distributed && asked.question.mechanism != Mechanism::discrete_gaussian)) return;
    option.set(asked, value);
    typed += option.typed(value) + " ";
  };
  reset(kBits, usual.round.bits);
  reset(kClip, usual.round.clip_norm_l2);
  reset(kClients, usual.round.clients);
  reset(kOthers[0], usual.round.dropout_ppm);
  reset(kOthers[1], usual.round.corrupt_ppm);
  reset(kOthers[3], std::max(asked.question.delta, 1e-6));
  if (accepts(asked)) return Found{asked, typed.substr(0, typed.size() - (typed.empty() ? 0 : 1))};
  std::optional<Found> found = turn(asked, asked_number, accepts);
  if (!found) found = turn(asked, kOthers[4], accepts);
  if (found) found->typed = typed + found->typed;
  return found;
}

}  // namespace

Proposal options_that_work(const Asked& refused, const AskedNumber& asked_number, const Accepts& accepts) {
  const Option number_option{asked_number.option, number, [](const Asked& a) { return a.number; }, [](Asked& a, double v) { a.number = v; }, {asked_number.most, asked_number.least}, false};
  // Processor time, so that a busy machine proposes what an idle one does. Each way of searching has a third of it, which what the one before left adds to.
  const std::clock_t begun = std::clock();
  double share = 0;
  const Accepts in_time = [&](const Asked& asked) { return static_cast<double>(std::clock() - begun) < share * kSearchSeconds * CLOCKS_PER_SEC && accepts(asked); };
  for (const auto search : {turn_one, turn_two, begin_anew}) {
    share += 1.0 / 3;
    if (auto found = search(refused, number_option, in_time)) return {std::move(found->typed), std::move(found->asked)};
  }
  return {};
}

}  // namespace fedspend::simulations
