#include "client/update_pipeline.h"

#include "common/privacy/clipping.h"
#include "common/privacy/distributed_encoder.h"
#include "common/protocol/plan_quantizer.h"

namespace fedspend::client {
namespace {

Status check_length(const Plan& plan, std::size_t length) {
  if (length == plan.model.parameter_count) return {};
  return fail(ErrorCode::internal, "the trainer gave " + std::to_string(length) + " values, the plan has " + std::to_string(plan.model.parameter_count));
}

}  // namespace

Result<RingVector> encode_update(const Plan& plan, std::vector<float>& update) {
  FEDSPEND_TRY(check_length(plan, update.size()));
  clip_l2(update, plan.aggregation.clip_norm_l2);
  FEDSPEND_ASSIGN(const Quantizer quantizer, make_quantizer(plan, plan.aggregation.clip_norm_l2));
  return quantizer.encode(update);
}

Result<RingVector> encode_update(const Plan& plan, const Participant& session, std::vector<float>& update, RandomSource& random) {
  const SessionParameters& parameters = session.parameters();
  if (!parameters.noise) return encode_update(plan, update);
  FEDSPEND_TRY(check_length(plan, update.size()));
  FEDSPEND_ASSIGN(const DistributedEncoder encoder, DistributedEncoder::create(*parameters.noise, parameters.clip_indicator));
  return encoder.encode(update, session.session(), random);
}

Result<Bytes> pack_update(const Plan& plan, std::vector<float>& update) {
  FEDSPEND_ASSIGN(const RingVector ring, encode_update(plan, update));
  return ring.pack();
}

}  // namespace fedspend::client
