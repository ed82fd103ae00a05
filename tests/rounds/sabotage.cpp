#include "tests/rounds/sabotage.h"

#include "client/update_pipeline.h"

namespace fedspend::testing {
namespace {

Frames sealed(const Message& message, const SessionId& session, const DeviceKeys& keys, std::shared_ptr<const Bytes> bulk) {
  return {seal_from_device(message, session, keys.id, keys.identity), std::move(bulk)};
}

void drop_last(Unmask& unmask) {
  std::size_t last = 8 * unmask.opened.size() - 1;
  while ((unmask.opened[last / 8] >> (last % 8) & 1) == 0) --last;
  unmask.opened[last / 8] = static_cast<std::uint8_t>(unmask.opened[last / 8] ^ (1U << (last % 8)));
  unmask.shares.resize(unmask.shares.size() - 32);
}

}  // namespace

Frames sabotaged(Sabotage sabotage, const Frames& said, const DeviceKeys& keys, const Plan& plan, const std::vector<float>& handed_in) {
  const Envelope envelope = open_envelope(said.control).value();
  if (sabotage == Sabotage::sends_plain && envelope.type == MessageType::masked_input) {
    std::vector<float> update = handed_in;
    const auto plain = shared_bytes(client::pack_update(plan, update).value());
    const MaskedInput input{hash_of_update(*plain), static_cast<std::uint32_t>(kParameters), static_cast<std::uint8_t>(plan.aggregation.bits)};
    return sealed(input, envelope.session, keys, plain);
  }
  if (sabotage == Sabotage::drops_a_share && envelope.type == MessageType::unmask) {
    auto unmask = std::get<Unmask>(decode_body(envelope.type, envelope.body).value());
    drop_last(unmask);
    return sealed(unmask, envelope.session, keys, nullptr);
  }
  return said;
}

void spoil(Sabotage sabotage, RingVector& sum, RandomSource& random) {
  if (sabotage != Sabotage::leaves_a_mask && sabotage != Sabotage::leaves_out_input) return;
  // A mask may be anything; what is missing of an input is as small as one.
  const std::uint64_t bound = sabotage == Sabotage::leaves_a_mask ? std::uint64_t{1} << sum.bits() : 2'000;
  RingVector other(sum.size(), sum.bits());
  for (std::uint32_t& value : other.mutable_values()) value = static_cast<std::uint32_t>(random.below(bound));
  sum.add(other);
}

}  // namespace fedspend::testing
