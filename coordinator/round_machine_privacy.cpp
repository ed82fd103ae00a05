// The round machine's part in privacy: what is charged before a sum is computed, who has spent what the plan allows, the mean with its
// noise, and the next clip norm. The arithmetic is common/privacy's.

#include <utility>

#include "common/check.h"
#include "common/privacy/distributed_encoder.h"
#include "coordinator/round_machine.h"

namespace fedspend::coordinator {

bool RoundMachine::may_contribute(const ClientId& client) const {
  return !plan_.privacy.has_noise() || ledger_.admits(client, RoundId{rounds_done_ + 1}, limits_).has_value();
}

// Once, when the machine is made: no charge of the plan costs more than its dearest, so none lowers them further.
void RoundMachine::lower_limits() {
  if (!plan_.privacy.has_noise()) return;
  const Result<PrivacyCost> dearest = dearest_contribution_cost(plan_);
  FEDSPEND_CHECK(dearest.has_value(), "a plan whose budget was checked");
  limits_ = ledger_.affordable(privacy_limits(plan_), *dearest);
}

// Nobody can be asked but the enrolled, and no round is passed over: where too few of them may be in this one, there will be none.
std::string RoundMachine::why_no_round_can_be() const {
  const std::size_t enrolled = enrolment_.devices().size(), needed = plan_.least_asked();
  if (!plan_.privacy.has_noise() || enrolled < needed) return {};
  std::size_t left = 0;
  for (const EnrolledDevice& device : enrolment_.devices())
    if (may_contribute(device.id) && ++left >= needed) return {};
  return "the privacy budget is used up: " + std::to_string(left) + " of " + std::to_string(enrolled) + " enrolled devices may contribute to round " + std::to_string(rounds_done_ + 1) +
         ", and it takes " + std::to_string(needed);
}

// Who was held while a round that it had been in was charged.
void RoundMachine::release_spent(Effects& effects) {
  if (!plan_.privacy.has_noise()) return;
  for (auto held = pool_.begin(); held != pool_.end();) {
    if (may_contribute(held->first)) {
      ++held;
      continue;
    }
    send(held->second.peer, ComeBack{.reason = ComeBackReason::not_selected, .retry_after_ms = plan_.federation.retry_after_ms}, SessionId{}, nullptr, effects);
    drop(DropReason::spent, held->first, effects);
    held = pool_.erase(held);
  }
}

Status RoundMachine::charge(const SessionId& session, const std::vector<ClientId>& contributors, const SessionParameters* parameters, Effects& effects) {
  if (!plan_.privacy.has_noise()) return {};
  Result<PrivacyCost> cost = parameters == nullptr ? contribution_cost(plan_, plan_.devices_asked()) : contribution_cost(plan_, *parameters);
  if (!cost) return fail(cost.error());
  PrivacyCharge charge{session, RoundId{rounds_done_ + 1}, std::move(*cost), contributors};
  FEDSPEND_TRY(ledger_.check(charge, limits_));
  FEDSPEND_TRY(ledger_.charge(charge));
  effects.emplace_back(ChargePrivacy{std::move(charge)});
  return {};
}

// Without distributed noise. With noise the denominator is the plan's: the number of survivors would be one more release.
std::vector<float> RoundMachine::mean_of(const RingVector& sum, std::size_t contributors) {
  if (plan_.privacy.mode == PrivacyMode::none) return quantizer_->decode_mean(sum, contributors);
  return central_->release_mean(sum, plan_.federation.cohort, random_);
}

// A function of the sum with its noise alone: neither mean nor clip norm costs more than that.
RoundMachine::Decoded RoundMachine::decode(const RingVector& sum, const AwaitingSum& awaiting) {
  if (!awaiting.parameters.noise) return {mean_of(sum, awaiting.contributors.size()), clip_norm_l2_};
  const Result<DistributedEncoder> encoder = DistributedEncoder::create(*awaiting.parameters.noise, awaiting.parameters.clip_indicator);
  FEDSPEND_CHECK(encoder.has_value(), "parameters that the session has derived");
  Result<std::vector<float>> mean = encoder->decode_mean(sum, awaiting.session, plan_.federation.cohort);
  FEDSPEND_CHECK(mean.has_value(), "a sum of the session's length and width");
  if (!awaiting.parameters.clip_indicator) return {std::move(*mean), clip_norm_l2_};
  return {std::move(*mean), next_round_clip_norm(plan_, clip_norm_l2_, encoder->decode_indicator(sum))};
}

}  // namespace fedspend::coordinator
