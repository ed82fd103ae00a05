#include "common/privacy/ledger.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"
#include "common/privacy/figure_text.h"

namespace fedspend {
namespace {

constexpr std::uint32_t kAccountVersion = 1;
constexpr std::uint32_t kLedgerVersion = 1;

std::size_t curve_bytes() {
  static const std::size_t size = RdpCurve().serialise().size();
  return size;
}

void put_u32(Bytes& out, std::uint32_t value) {
  out.resize(out.size() + 4);
  store_u32(MutableByteSpan(out).last(4), value);
}

void put_u64(Bytes& out, std::uint64_t value) {
  out.resize(out.size() + 8);
  store_u64(MutableByteSpan(out).last(8), value);
}

void put_cost(Bytes& out, bool has_noise, const RdpCurve& rdp, double delta) {
  put_u32(out, has_noise ? 1 : 0);
  put_u64(out, std::bit_cast<std::uint64_t>(delta));
  const Bytes curve = rdp.serialise();
  out.insert(out.end(), curve.begin(), curve.end());
}

// Bytes from the front; what is not there is reported once, at the end.
class Cursor {
 public:
  explicit Cursor(ByteSpan bytes) : rest_(bytes) {}
  ByteSpan take(std::size_t count) {
    if (count > rest_.size()) is_short_ = true;
    if (is_short_) return {};
    const ByteSpan taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::uint32_t u32() {
    const ByteSpan bytes = take(4);
    return bytes.empty() ? 0 : load_u32(bytes);
  }
  std::uint64_t u64() {
    const ByteSpan bytes = take(8);
    return bytes.empty() ? 0 : load_u64(bytes);
  }
  // A count of records that are still to come, `size` bytes each.
  std::uint64_t count(std::size_t size) {
    const std::uint64_t value = u64();
    if (value > rest_.size() / size) is_short_ = true;
    return is_short_ ? 0 : value;
  }
  bool is_whole() const { return !is_short_ && rest_.empty(); }

 private:
  ByteSpan rest_;
  bool is_short_ = false;
};

Result<PrivacyCost> take_cost(Cursor& in) {
  PrivacyCost cost;
  const std::uint32_t flag = in.u32();
  cost.has_noise = flag == 1;
  cost.delta = std::bit_cast<double>(in.u64());
  FEDSPEND_ASSIGN(cost.rdp, RdpCurve::parse(in.take(curve_bytes())));
  if (flag > 1 || !(cost.delta >= 0) || std::signbit(cost.delta)) return fail(ErrorCode::malformed, "a stored privacy cost is not one");
  return cost;
}

}  // namespace

Bytes PrivacyCost::serialise() const {
  Bytes out;
  put_cost(out, has_noise, rdp, delta);
  return out;
}

Result<PrivacyCost> PrivacyCost::parse(ByteSpan bytes) {
  Cursor in(bytes);
  FEDSPEND_ASSIGN(PrivacyCost cost, take_cost(in));
  if (!in.is_whole()) return fail(ErrorCode::malformed, "a stored privacy cost is not one");
  return cost;
}

double PrivacyAccount::epsilon(double at_delta) const {
  FEDSPEND_CHECK(at_delta > 0 && at_delta < 1, "delta between 0 and 1");
  if (participations == 0) return 0;
  if (without_noise > 0) return std::numeric_limits<double>::infinity();
  // Downwards: what is left for the conversion must not be overstated.
  const double left = delta == 0 ? at_delta : std::nextafter(at_delta - delta, 0.0);
  return left > 0 ? rdp_epsilon(rdp, left).epsilon : std::numeric_limits<double>::infinity();
}

Status PrivacyAccount::check_next(RoundId round, const PrivacyLimits& limits) const {
  if (participations >= limits.max_participations)
    return fail(ErrorCode::refused, "the participations in this task are spent: " + std::to_string(participations) + " of " + std::to_string(limits.max_participations));
  if (participations == 0 || limits.min_separation_rounds == 0) return {};
  if (round.value < last_round)
    return fail(ErrorCode::refused, "round " + std::to_string(round.value) + " comes after a contribution to round " + std::to_string(last_round) + ", and rounds are to lie apart");
  if (round.value - last_round < limits.min_separation_rounds)
    return fail(ErrorCode::refused, "round " + std::to_string(round.value) + " is " + std::to_string(round.value - last_round) + " after the last contribution, and " +
                                        std::to_string(limits.min_separation_rounds) + " must lie between two");
  return {};
}

Result<PrivacyAccount> PrivacyAccount::charged(RoundId round, const PrivacyCost& cost, const PrivacyLimits& limits) const {
  FEDSPEND_TRY(check_next(round, limits));
  PrivacyAccount next = *this;
  ++next.participations;
  next.last_round = std::max(next.last_round, round.value);  // where rounds need not lie apart, an earlier one may come later
  if (cost.has_noise) {
    next.rdp += cost.rdp;
    next.delta = add_up(next.delta, cost.delta);
  } else {
    ++next.without_noise;
  }
  if (std::isinf(limits.max_epsilon)) return next;
  const double epsilon = next.epsilon(limits.delta);
  // Written so that what is no number is refused.
  if (!(epsilon <= limits.max_epsilon))
    return fail(ErrorCode::refused, "one more contribution would take epsilon to " + bound_text(epsilon) + ", above " + bound_text(limits.max_epsilon, 6) + " (delta " + bound_text(limits.delta, 6) + ")");
  return next;
}

Bytes PrivacyAccount::serialise() const {
  Bytes out;
  put_u32(out, kAccountVersion);
  put_u32(out, participations);
  put_u32(out, without_noise);
  put_u64(out, last_round);
  put_cost(out, true, rdp, delta);
  return out;
}

Result<PrivacyAccount> PrivacyAccount::parse(ByteSpan bytes) {
  Cursor in(bytes);
  PrivacyAccount account;
  const std::uint32_t version = in.u32();
  account.participations = in.u32();
  account.without_noise = in.u32();
  account.last_round = in.u64();
  FEDSPEND_ASSIGN(const PrivacyCost cost, take_cost(in));
  account.rdp = cost.rdp;
  account.delta = cost.delta;
  if (version != kAccountVersion || !in.is_whole() || account.without_noise > account.participations)
    return fail(ErrorCode::malformed, "a stored privacy account is not one of version " + std::to_string(kAccountVersion));
  return account;
}

PrivacyAccount repeated(const PrivacyCost& cost, std::uint32_t participations) {
  return {.participations = participations,
          .without_noise = cost.has_noise ? 0 : participations,
          .rdp = cost.rdp.times(participations),
          .delta = multiply_up(cost.delta, participations)};
}

PrivacyCost PopulationLedger::dearest_with(const PrivacyCost& cost) const {
  PrivacyCost dearest = dearest_;
  dearest.has_noise = dearest.has_noise && cost.has_noise;
  dearest.delta = std::max(dearest.delta, cost.delta);
  std::vector<double> values(dearest.rdp.values().begin(), dearest.rdp.values().end());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::max(values[i], cost.rdp.values()[i]);
  dearest.rdp = RdpCurve::of(std::move(values)).value();
  return dearest;
}

Status PopulationLedger::admits(const ClientId& client, RoundId round, const PrivacyLimits& limits) const {
  const auto found = spent_.find(client);
  if (found == spent_.end()) return PrivacyAccount{}.check_next(round, limits);
  const PrivacyAccount account{.participations = found->second.participations, .last_round = found->second.last_round};
  return account.check_next(round, limits);
}

PrivacyLimits PopulationLedger::affordable(const PrivacyLimits& limits, const PrivacyCost& dearest_to_come) const {
  PrivacyLimits within = limits;
  if (std::isinf(limits.max_epsilon)) return within;
  const PrivacyCost dearest = dearest_with(dearest_to_come);
  const auto fits = [&](std::uint32_t participations) { return repeated(dearest, participations).epsilon(limits.delta) <= limits.max_epsilon; };
  std::uint32_t low = 0, high = limits.max_participations;  // `low` fit, those above `high` do not
  while (low < high) {
    const std::uint32_t middle = high - (high - low) / 2;
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  within.max_participations = low;
  return within;
}

Status PopulationLedger::check(const PrivacyCharge& charge, const PrivacyLimits& limits) const {
  if (sessions_.contains(charge.session)) return fail(ErrorCode::conflict, "this session is charged already");
  const PrivacyCost dearest = dearest_with(charge.cost);
  // Nearly all have been in as many sums: the epsilon of each count once.
  std::uint32_t looked_at = 0;
  for (const ClientId& client : charge.contributors) {
    FEDSPEND_TRY(admits(client, charge.round, limits));
    const auto found = spent_.find(client);
    const std::uint32_t participations = (found == spent_.end() ? 0 : found->second.participations) + 1;
    if (participations <= looked_at || std::isinf(limits.max_epsilon)) continue;
    looked_at = participations;
    const double epsilon = repeated(dearest, participations).epsilon(limits.delta);
    if (!(epsilon <= limits.max_epsilon))
      return fail(ErrorCode::refused, "a contribution would take a device's epsilon to " + bound_text(epsilon) + ", above " + bound_text(limits.max_epsilon, 6) + " (delta " + bound_text(limits.delta, 6) + ")");
  }
  return {};
}

Status PopulationLedger::charge(const PrivacyCharge& charge) {
  if (!sessions_.insert(charge.session).second) return fail(ErrorCode::conflict, "this session is charged already");
  dearest_ = dearest_with(charge.cost);
  for (const ClientId& client : charge.contributors) {
    Spent& spent = spent_[client];
    ++spent.participations;
    spent.last_round = std::max(spent.last_round, charge.round.value);
    most_ = std::max(most_, spent.participations);
  }
  return {};
}

PrivacyAccount PopulationLedger::worst() const {
  PrivacyAccount account = repeated(dearest_, most_);
  for (const auto& [client, spent] : spent_) account.last_round = std::max(account.last_round, spent.last_round);
  return account;
}

Bytes PopulationLedger::serialise() const {
  Bytes out;
  put_u32(out, kLedgerVersion);
  put_cost(out, dearest_.has_noise, dearest_.rdp, dearest_.delta);
  std::vector<SessionId> sessions(sessions_.begin(), sessions_.end());
  std::sort(sessions.begin(), sessions.end());
  put_u64(out, sessions.size());
  for (const SessionId& session : sessions) out.insert(out.end(), session.bytes.begin(), session.bytes.end());
  std::vector<std::pair<ClientId, Spent>> clients(spent_.begin(), spent_.end());
  std::sort(clients.begin(), clients.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  put_u64(out, clients.size());
  for (const auto& [client, spent] : clients) {
    out.insert(out.end(), client.bytes.begin(), client.bytes.end());
    put_u32(out, spent.participations);
    put_u64(out, spent.last_round);
  }
  return out;
}

Result<PopulationLedger> PopulationLedger::parse(ByteSpan bytes) {
  constexpr std::size_t client_bytes = ClientId::kSize + 12;
  const auto malformed = [] { return fail(ErrorCode::malformed, "a stored privacy ledger is not one of version " + std::to_string(kLedgerVersion)); };
  Cursor in(bytes);
  PopulationLedger ledger;
  if (in.u32() != kLedgerVersion) return malformed();
  FEDSPEND_ASSIGN(ledger.dearest_, take_cost(in));
  for (std::uint64_t i = in.count(SessionId::kSize); i > 0; --i) {
    SessionId session;
    std::ranges::copy(in.take(SessionId::kSize), session.bytes.begin());
    if (!ledger.sessions_.insert(session).second) return malformed();
  }
  for (std::uint64_t i = in.count(client_bytes); i > 0; --i) {
    ClientId client;
    std::ranges::copy(in.take(ClientId::kSize), client.bytes.begin());
    Spent spent;
    spent.participations = in.u32();
    spent.last_round = in.u64();
    if (spent.participations == 0 || !ledger.spent_.emplace(client, spent).second) return malformed();
    ledger.most_ = std::max(ledger.most_, spent.participations);
  }
  if (!in.is_whole()) return malformed();
  return ledger;
}

}  // namespace fedspend
