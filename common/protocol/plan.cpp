#include "common/protocol/plan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "common/crypto/hash.h"

namespace fedspend {
namespace {

Hash256 digest_to_sign(ByteSpan bytes) {
  Hasher hasher("plan-signature");
  return hasher.field(bytes).finish();
}

}  // namespace

std::string_view to_string(Aggregation mode) noexcept {
  switch (mode) {
    case Aggregation::open: return "open";
    case Aggregation::secure: return "secure";
  }
  return "unknown";
}

std::string_view to_string(PrivacyMode mode) noexcept {
  switch (mode) {
    case PrivacyMode::none: return "none";
    case PrivacyMode::central: return "central";
    case PrivacyMode::distributed: return "distributed";
  }
  return "unknown";
}

std::string_view to_string(BeaconSource beacon) noexcept {
  switch (beacon) {
    case BeaconSource::roster: return "roster";
    case BeaconSource::external: return "external";
  }
  return "unknown";
}

std::string day_text(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

std::uint32_t Plan::devices_asked() const {
  // 100 * 1.1 is a little above 110 in binary: without the margin the 110 that were meant would become 111.
  constexpr double margin = 1e-6;
  const double asked = std::ceil(federation.cohort * federation.over_selection - margin);
  return std::max(federation.cohort, static_cast<std::uint32_t>(asked));
}

std::uint32_t Plan::most_min_cohort() const {
  if (aggregation.mode == Aggregation::open) return federation.cohort;
  constexpr std::uint64_t million = 1'000'000;
  return static_cast<std::uint32_t>(std::uint64_t{federation.cohort} * (million - aggregation.dropout_ppm) / million);
}

std::uint32_t Plan::min_reports() const { return federation.min_cohort != 0 ? federation.min_cohort : most_min_cohort(); }

std::uint32_t Plan::least_asked() const {
  if (aggregation.mode == Aggregation::open) return min_reports();
  const std::uint64_t stay = 1'000'000 - aggregation.dropout_ppm;
  return static_cast<std::uint32_t>((std::uint64_t{min_reports()} * 1'000'000 + stay - 1) / stay);
}

std::uint64_t Plan::ring_length() const {
  const std::uint64_t padded = privacy.mode == PrivacyMode::distributed ? std::bit_ceil(model.parameter_count) : model.parameter_count;
  return padded + (privacy.has_adaptive_clip() ? 1 : 0);
}

double Plan::added_noise_multiplier() const {
  if (privacy.noise_cohort == 0) return privacy.noise_multiplier;
  return privacy.noise_multiplier * federation.cohort / privacy.noise_cohort;
}

std::string_view Plan::demonstration_note() const {
  const bool open = aggregation.mode == Aggregation::open;
  if (privacy.noise_cohort != 0) return "SIMULATION: the noise is that of a larger cohort, and protects nobody here. Not for real customers.";
  if (open && privacy.mode == PrivacyMode::none) return "DEMONSTRATION: the coordinator saw single updates in the clear, and no noise was added. Not for real customers.";
  if (open) return "DEMONSTRATION: the coordinator saw single updates in the clear. Not for real customers.";
  if (privacy.mode == PrivacyMode::none) return "DEMONSTRATION: no noise was added to the sums of updates. Not for real customers.";
  return {};
}

bool Plan::is_demonstration() const { return aggregation.mode == Aggregation::open || privacy.mode == PrivacyMode::none || privacy.noise_cohort != 0; }

PlanHash hash_of_plan(ByteSpan signed_bytes) {
  Hasher hasher("plan");
  hasher.field(signed_bytes);
  return hash_as<PlanHash>(hasher);
}

ModelFileHash hash_of_model_file(ByteSpan bytes) {
  Hasher hasher("model-file");
  hasher.field(bytes);
  return hash_as<ModelFileHash>(hasher);
}

SignedPlan sign_plan(Bytes bytes, const IdentityKey& release_key) {
  SignedPlan plan;
  plan.signature = release_key.sign(digest_to_sign(bytes));
  plan.bytes = std::move(bytes);
  return plan;
}

Result<Plan> open_plan(const SignedPlan& plan, const IdentityPublicKey& release_key) {
  if (plan.bytes.size() > kMaxPlanBytes)
    return fail(ErrorCode::limit, "plan: " + std::to_string(plan.bytes.size()) + " bytes, at most " + std::to_string(kMaxPlanBytes));
  if (!verify(release_key, digest_to_sign(plan.bytes), plan.signature))
    return fail(ErrorCode::unauthorized, "plan: its signature is not the release key's", "sign it with the release key that this device pins");
  return parse_plan(as_text(plan.bytes));
}

}  // namespace fedspend
