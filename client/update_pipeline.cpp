#include "client/update_pipeline.h"

#include "common/numeric/quantizer.h"
#include "common/privacy/clipping.h"

namespace fedspend::client {

Result<RingVector> encode_update(const Plan& plan, std::vector<float>& update) {
  if (update.size() != plan.model.parameter_count)
    return fail(ErrorCode::internal, "the trainer gave " + std::to_string(update.size()) + " values, the plan has " + std::to_string(plan.model.parameter_count));
  clip_l2(update, plan.aggregation.clip_norm_l2);
  FEDSPEND_ASSIGN(const Quantizer quantizer, Quantizer::create({.clip_norm_l2 = plan.aggregation.clip_norm_l2,
                                                                .bits = plan.aggregation.bits,
                                                                .max_clients = plan.devices_asked()}));
  return quantizer.encode(update);
}

Result<Bytes> pack_update(const Plan& plan, std::vector<float>& update) {
  FEDSPEND_ASSIGN(const RingVector ring, encode_update(plan, update));
  return ring.pack();
}

}  // namespace fedspend::client
