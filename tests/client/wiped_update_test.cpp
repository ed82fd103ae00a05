// An update is wiped before its memory is given back, also when it is never masked.
#include <functional>

#include "tests/client/freed_memory.h"
#include "tests/client/secure_bench.h"

namespace fedspend::client {
namespace {

RingVector encoded_update() {
  const AggregationSpec aggregation = testing::secure_plan().aggregation;
  const Quantizer quantizer =
      *Quantizer::create({.clip_norm_l2 = aggregation.clip_norm_l2, .bits = aggregation.bits, .max_clients = testing::secure_plan().devices_asked()});
  return *quantizer.encode(SecureBench::update_of(0));
}

// (As floats it is the trainer's, which has much else in memory that says the same.)
// How often the first words of device 0's update, as `form` has them, are in memory that is given back while `body` runs.
unsigned found_while(ByteSpan form, const std::function<void()>& body) {
  testing::watch_freed_memory(form);
  body();
  return testing::stop_watching();
}
unsigned found_while(const std::function<void()>& body) {
  const RingVector update = encoded_update();
  const Bytes integers(reinterpret_cast<const std::uint8_t*>(update.values().data()), reinterpret_cast<const std::uint8_t*>(update.values().data() + update.size()));
  const Bytes packed = update.pack();
  return found_while(integers, body) + found_while(packed, body);
}

TEST_CASE("an update that is given back as it is would be found, as integers and packed") {
  CHECK(found_while([] { RingVector left = encoded_update(); }) == 1);
  CHECK(found_while([] { (void)encoded_update().pack(); }) == 2);  // and the vector that was packed
}

TEST_CASE("an update is wiped before its memory is given back, whether it is masked or the session ends before") {
  constexpr std::array<std::string_view, 2> kBefore{"sharing", "masking"};
  for (const std::string_view phase : kBefore) {
    CAPTURE(phase);
    CHECK(found_while([&] {
            SecureBench bench;
            bench.train_all();
            bench.reach(phase);
            bench.first().receive(UpdateReply{UpdateStatus::aborted, 1'000}, phase == "sharing" ? bench.offer.sid() : bench.aggregator->session());
            testing::pause_watching();  // what is the bench's own
            REQUIRE(bench.session().phase() == "idle");
          }) == 0);
  }
  CHECK(found_while([] {
          SecureBench bench;
          bench.train(0);
          // The session goes with its device.
          bench.devices[0].reset();
          testing::pause_watching();
        }) == 0);
  CHECK(found_while([] {
          SecureBench bench;
          bench.train_all();
          bench.reach("signing");
          testing::pause_watching();
        }) == 0);
}

}  // namespace
}  // namespace fedspend::client
