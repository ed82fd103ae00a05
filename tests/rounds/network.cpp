#include "tests/rounds/network.h"

namespace fedspend::testing {

std::vector<Delivery> FaultyNetwork::carry(const Frames& frames, std::size_t device, bool faulty) {
  if (!faulty) return {Delivery{frames, Millis(1 + static_cast<std::int64_t>(random_.below(40))), false}};
  if (isolated_.contains(device) || chance(options_.drop_permille)) return {};
  std::vector<Delivery> deliveries;
  const std::uint64_t copies = chance(options_.duplicate_permille) ? 2 + random_.below(3) : 1;
  for (std::uint64_t copy = 0; copy < copies; ++copy) {
    Delivery delivery{frames, Millis(1 + static_cast<std::int64_t>(random_.below(200))), false};
    if (chance(options_.long_delay_permille)) delivery.delay += Millis(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(2 * round_deadline_.count()))));
    if (chance(options_.corrupt_permille)) delivery.corrupted = corrupt(delivery.frames);
    deliveries.push_back(std::move(delivery));
  }
  return deliveries;
}

bool FaultyNetwork::corrupt(Frames& frames) {
  const Result<Envelope> envelope = open_envelope(frames.control);
  const bool of_device = envelope && !envelope->sender.is_zero();
  // Who shares keys is in no signature before the devices sign the survivors.
  const bool is_bound = !envelope || envelope->type != MessageType::deliver_shares;
  // A coordinator's small answers carry nothing by which a device could tell that their body was altered: CURVE does that on the wire. So
  // only their headers are.
  const bool large = frames.control.size() > 400 && is_bound;
  const std::size_t reach = of_device || large ? frames.control.size() : kEnvelopeHeaderBytes;
  const Frames before = frames;
  switch (random_.below(frames.bulk ? 7 : 4)) {
    case 0:  // flipped bits
      for (std::uint64_t i = 0; i <= random_.below(3); ++i) frames.control[random_.below(reach)] ^= static_cast<std::uint8_t>(1U << random_.below(8));
      break;
    case 1: frames.control.resize(random_.below(frames.control.size())); break;
    case 2: random_.fill(MutableByteSpan(frames.control).first(reach)); break;
    case 3: frames.control.insert(frames.control.end(), 1 + random_.below(9), 0); break;
    case 4: {
      Bytes bulk = *frames.bulk;
      if (!bulk.empty()) bulk[random_.below(bulk.size())] ^= static_cast<std::uint8_t>(1U << random_.below(8));
      frames.bulk = std::make_shared<const Bytes>(std::move(bulk));
      break;
    }
    case 5: {
      Bytes bulk = *frames.bulk;
      bulk.resize(random_.below(2 * bulk.size() + 2));
      frames.bulk = std::make_shared<const Bytes>(std::move(bulk));
      break;
    }
    default: frames.bulk = nullptr; break;
  }
  return frames.control != before.control || Bytes(frames.bulk_bytes().begin(), frames.bulk_bytes().end()) != Bytes(before.bulk_bytes().begin(), before.bulk_bytes().end());
}

}  // namespace fedspend::testing
