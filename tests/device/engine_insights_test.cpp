// Predictions, personal models and figures while a host's functions come back into the device, the customer withdraws, and the model changes. And that
// no function of the host is called while the engine holds a lock.

#include <future>
#include <set>

#include <doctest/doctest.h>

#include "common/protocol/enrolment_request.h"
#include "common/protocol/model_file.h"
#include "models/trainer.h"
#include "tests/device/bench.h"
#include "tests/models/toy_history.h"

namespace fedspend::client {
namespace {

struct InsightsBench : EngineBench {
  int asked = 0;                          // for the host's examples
  std::function<void()> during = {};      // what the host does in there, once
  bool was_told_to_stop = false;
  std::size_t rows = 200;
  SignedPlan plan;
  std::vector<float> weights;

  InsightsBench() {
    examples = [this](const ExampleRequest& request) -> Result<std::vector<models::Transaction>> {
      host.called("examples");
      ++asked;
      if (const auto act = std::exchange(during, {})) act();
      was_told_to_stop = request.stop.stop_requested();  // and this host takes no notice
      std::vector<models::Transaction> given;
      for (std::size_t i = 0; i < rows; ++i)
        given.push_back({.time_s = kEngineNow_s - 3'600 * static_cast<std::int64_t>(rows - i), .amount_minor = 100, .category = "category " + std::to_string(i % 4), .merchant = {}, .currency = {}});
      return given;
    };
  }
  Bytes model_file() const { return encode_model_file({.model_name = "next_category", .plan_hash = hash_of_plan(plan.bytes), .round = 3, .demonstration = false, .weights = weights}); }
  Device& with_model() {
    open();
    Plan drafted = testing::sample_plan();
    drafted.model = models::small_model(4);
    drafted.model.parameter_count = models::make_trainer(drafted.model).value()->parameter_count();
    plan = testing::signed_plan(drafted);
    SeededRandom dice(9);
    weights.resize(drafted.model.parameter_count);
    for (float& weight : weights) weight = static_cast<float>(dice.below(2'001)) / 1'000 - 1;
    REQUIRE(device->install_model(plan, model_file()));
    consent();
    return *device;
  }
  void consent() {
    for (const std::string_view purpose : {kPurposePersonalInsights, kPurposeEvaluation}) REQUIRE(device->give_consent(purpose, {.version = "1"}));
  }
  bool is_personal() {
    const auto prediction = device->insight({.kind = InsightKind::next});
    REQUIRE(prediction);
    return prediction->insight.personal;
  }
};

// Whether the device answers another thread, which a lock that is held would keep waiting until the host's function has returned. Such threads are
// joined at the end.
class Prober {
 public:
  ~Prober() {
    for (std::thread& thread : threads_) thread.join();
  }
  bool answers(Device& device) {
    auto answered = std::make_shared<std::promise<void>>();
    std::future<void> answer = answered->get_future();
    std::thread other([&device, answered] {
      static_cast<void>(device.has_consent("next_category"));
      answered->set_value();
    });
    const bool in_time = answer.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    const std::lock_guard lock(mutex_);
    threads_.push_back(std::move(other));
    return in_time;
  }

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

TEST_CASE("no function of the host is called while the engine holds a lock") {
  std::set<std::string> called, kept_waiting;
  InsightsBench bench;
  SecureCoordinator coordinator(bench);
  std::mutex mutex;
  bench.ready();
  Prober prober;
  bench.host.on_any = [&](const char* function) {
    if (bench.device == nullptr) return;
    {
      const std::lock_guard lock(mutex);
      if (kept_waiting.contains(function)) return;
    }
    const bool in_time = prober.answers(*bench.device);
    const std::lock_guard lock(mutex);
    called.insert(function);
    if (!in_time) kept_waiting.insert(function);
  };
  SUBCASE("in a round, and with what goes before it") {
    CHECK(bench.run().outcome == RunOutcome::contributed);
    CHECK(bench.device->is_enrolled());
    REQUIRE(bench.device->ingest(purchases(50)));
    REQUIRE(bench.device->set_retention("next_category", 100));
    REQUIRE(bench.device->enrolment_request(EnrolmentToken::generate(bench.random).text(), "laptop"));
    REQUIRE(bench.device->withdraw_consent("next_category"));
    REQUIRE(bench.device->give_consent("next_category", {.version = "2"}));
    REQUIRE(bench.device->withdraw_all_consent());
    CHECK(called == std::set<std::string>{"conditions", "examples", "monotonic", "phase", "sign", "unix_time_s"});
  }
  SUBCASE("for the customer, and at the end") {
    bench.with_model();
    CHECK(bench.device->insight({.kind = InsightKind::next}));
    CHECK(bench.device->personalise());
    CHECK(bench.device->evaluate());
    REQUIRE(bench.device->wipe());
    CHECK(called == std::set<std::string>{"destroy", "examples", "unix_time_s"});
  }
  for (const std::string& function : kept_waiting) FAIL_CHECK(function);
  bench.host.on_any = {};
}

// What asks the host for its rows, and the purpose that it is for.
struct Work {
  const char* name;
  std::string_view purpose;
  std::function<Status(Device&)> go;
};
template <class T>
Status status_of(Result<T> result) {
  return result ? Status() : Status(fail(result.error()));
}
const std::vector<Work> kWorks{{"predict", kPurposePersonalInsights, [](Device& device) { return status_of(device.insight({.kind = InsightKind::next})); }},
                               {"personalise", kPurposePersonalInsights, [](Device& device) { return status_of(device.personalise()); }},
                               {"evaluate", kPurposeEvaluation, [](Device& device) { return status_of(device.evaluate()); }}};

TEST_CASE("a withdrawal while the host gives its rows counts at once, and what comes of them is thrown away, also where the consent is given again") {
  for (const Work& work : kWorks) {
    for (const int way : {0, 1, 2, 3}) {
      CAPTURE(work.name);
      CAPTURE(way);
      InsightsBench bench;
      Device& device = bench.with_model();
      REQUIRE(work.go(device));
      if (bench.is_personal()) {  // of the personalise just now
        REQUIRE(device.withdraw_consent(kPurposePersonalInsights));
        bench.consent();
      }
      CHECK_FALSE(bench.is_personal());
      bench.during = [&] {
        REQUIRE((way % 2 == 0 ? device.withdraw_consent(work.purpose) : device.withdraw_all_consent()));
        CHECK_FALSE(device.has_consent(work.purpose));
        if (way >= 2) bench.consent();
      };
      const Status done = work.go(device);
      REQUIRE_FALSE(done);
      CHECK(bench.was_told_to_stop);
      CHECK(done.error().code == ErrorCode::refused);
      bench.consent();
      CHECK_FALSE(bench.is_personal());
    }
  }
}

TEST_CASE("a withdrawal of another purpose ends none of them; figures of a personal model go with its consent") {
  InsightsBench bench;
  Device& device = bench.with_model();
  bench.during = [&] { REQUIRE(device.withdraw_consent(kPurposeEvaluation)); };
  REQUIRE(device.personalise());
  bench.consent();
  CHECK(bench.is_personal());
  CHECK(device.evaluate()->has_personal);
  bench.during = [&] { REQUIRE(device.withdraw_consent(kPurposePersonalInsights)); };
  const auto evaluation = device.evaluate();
  REQUIRE(evaluation);
  CHECK_FALSE(evaluation->has_personal);
  CHECK(evaluation->personal.predictions == 0);
}

TEST_CASE("cancel ends a personal model that is being made and an evaluation, and no prediction; the end of the device ends all") {
  for (const Work& work : kWorks) {
    CAPTURE(work.name);
    InsightsBench bench;
    Device& device = bench.with_model();
    bench.during = [&] { device.cancel(); };
    CHECK(work.go(device).has_value() == (work.name == std::string_view("predict")));
    CHECK_FALSE(bench.is_personal());
    CHECK(work.go(device));  // it was for that one alone
    bench.during = [&] { device.close(); };
    CHECK_FALSE(work.go(device));
    const int asked = bench.asked;
    CHECK(work.go(device).error().code == ErrorCode::conflict);
    CHECK(bench.asked == asked);
  }
}

TEST_CASE("a personal model of a shared one that was replaced meanwhile is not kept") {
  InsightsBench bench;
  Device& device = bench.with_model();
  bench.during = [&] {
    bench.weights[0] += 1;
    REQUIRE(device.install_model(bench.plan, bench.model_file()));
    REQUIRE(device.personalise());
  };
  const auto late = device.personalise();
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::conflict);
  CHECK(bench.is_personal());  // the newer one's is still there
}

TEST_CASE("a wipe while the host gives its rows ends it, and leaves nothing") {
  for (const Work& work : kWorks) {
    CAPTURE(work.name);
    InsightsBench bench;
    Device& device = bench.with_model();
    bench.during = [&] { REQUIRE(device.wipe()); };
    const Status done = work.go(device);
    REQUIRE_FALSE(done);
    CHECK(std::filesystem::is_empty(bench.folder.path()));
  }
}

TEST_CASE("what a host throws while it gives its rows comes out, and the device goes on") {
  for (const Work& work : kWorks) {
    InsightsBench bench;
    Device& device = bench.with_model();
    bench.during = [] { throw std::runtime_error("a host"); };
    CHECK_THROWS(static_cast<void>(work.go(device)));
    CHECK(work.go(device));
  }
}

TEST_CASE("a hundred withdrawals from another thread: what is made after one has returned is never kept") {
  InsightsBench bench;
  bench.rows = 1'500;
  Device& device = bench.with_model();
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    bench.consent();
    std::atomic<bool> begun = false;
    bench.during = [&] { begun = true; };
    std::thread customer([&] {
      while (!begun) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(20 * i));
      REQUIRE(device.withdraw_consent(kPurposePersonalInsights));
    });
    refused += device.personalise() ? 0 : 1;
    customer.join();
    bench.consent();
    CHECK_FALSE(bench.is_personal());
  }
  CHECK(refused > 0);
}

}  // namespace
}  // namespace fedspend::client
