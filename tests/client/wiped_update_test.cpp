// An update is wiped before its memory is given back, also when it is never masked.
#include <functional>

#include "common/numeric/norm.h"
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

template <class T>
Bytes bytes_of(std::span<const T> values) {
  const ByteSpan bytes(reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes());
  return {bytes.begin(), bytes.end()};
}

struct Found {
  unsigned as_floats = 0;
  unsigned as_integers = 0;
  unsigned packed = 0;
  bool operator==(const Found&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Found& found) {
  return out << found.as_floats << " as floats, " << found.as_integers << " as integers, " << found.packed << " packed";
}

// How often the first words of device 0's update, in each form, are in memory that is given back while `body` watches.
Found found_while(const std::function<void()>& body) {
  const std::vector<float> update = SecureBench::update_of(0);
  REQUIRE(norm_l2(update) <= testing::secure_plan().aggregation.clip_norm_l2);  // clipping leaves it as it is
  const RingVector encoded = encoded_update();
  const auto count = [&](const Bytes& form) {
    testing::set_watched(form);
    body();
    return testing::stop_watching();
  };
  return {.as_floats = count(bytes_of(std::span<const float>(update))), .as_integers = count(bytes_of(encoded.values())), .packed = count(encoded.pack())};
}

// Device 0 from the end of its training on. The event is the trainer's, which has much else in memory that says the same: it goes when
// nobody watches any more.
struct Watched {
  SecureBench bench;
  Event finished = TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)};

  explicit Watched(DeviceRecord* record = nullptr) : bench(testing::secure_plan(), record) {
    bench.train_others();
    bench.first().check_in();
    bench.offer.give(bench.first());
    REQUIRE(bench.session().phase() == "training");
    testing::watch_freed_memory();
  }
  ~Watched() { testing::pause_watching(); }
  Watched(const Watched&) = delete;

  bool is_over() { return bench.session().phase() == "idle"; }
  void finish_training() { bench.note(0, bench.session().step(finished, bench.first().now)); }
  // As far as the device goes along: its masked input is the last that it says.
  void mask() {
    finish_training();
    if (is_over()) return;
    bench.reach("sharing");
    bench.tell(0);
    if (is_over()) return;
    bench.advance();
    bench.tell_others();
    bench.tell(0);
    REQUIRE((is_over() || type_of_frames(bench.said[0]) == MessageType::masked_input));
  }
};

TEST_CASE("an update that is given back as it is would be found, as floats, as integers and packed") {
  const auto watched = [](auto make) {
    return found_while([&] {
      testing::watch_freed_memory();
      make();
    });
  };
  CHECK(watched([] { (void)SecureBench::update_of(0); }) == Found{1, 0, 0});
  CHECK(watched([] { (void)weights_to_bytes(SecureBench::update_of(0)); }) == Found{2, 0, 0});
  CHECK(watched([] { (void)encoded_update().pack(); }) == Found{1, 1, 1});  // and what it was made from
}

TEST_CASE("an update that is masked is wiped") {
  CHECK(found_while([] {
          Watched at;
          at.mask();
          REQUIRE_FALSE(at.is_over());
        }) == Found{});
}

TEST_CASE("an update is wiped when the session ends before it is masked") {
  for (const std::string_view phase : {"sharing", "masking"}) {
    CAPTURE(phase);
    CHECK(found_while([&] {
            Watched at;
            at.finish_training();
            at.bench.reach(phase);
            at.bench.first().receive(UpdateReply{UpdateStatus::aborted, 1'000}, phase == "sharing" ? at.bench.offer.sid() : at.bench.aggregator->session());
            REQUIRE(at.is_over());
          }) == Found{});
  }
  CHECK(found_while([] {
          Watched at;
          at.finish_training();
          at.bench.devices[0].reset();  // the session goes with its device
        }) == Found{});
}

TEST_CASE("an update is wiped when the device's record fails, whichever of its calls, and when it is one that was handed in before") {
  for (std::size_t call = 0;; ++call) {
    CAPTURE(call);
    bool was_over = false;
    CHECK(found_while([&] {
            FailingRecord record;
            Watched at(&record);
            record.fails_at = record.calls + call;
            at.mask();
            was_over = at.is_over();
          }) == Found{});
    if (was_over) continue;
    CHECK(call >= 3);  // known updates, answered sessions, charges
    break;
  }
  CHECK(found_while([] {
          FailingRecord record;
          REQUIRE(record.record_update(SessionId{{1}}, hash_of_update(weights_to_bytes(SecureBench::update_of(0)))));
          Watched at(&record);
          at.finish_training();
          REQUIRE(at.is_over());
        }) == Found{});
}

}  // namespace
}  // namespace fedspend::client
