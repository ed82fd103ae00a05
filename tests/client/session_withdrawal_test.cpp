// The customer withdraws, or the host cancels: nothing more is sent, at whatever moment that is. And what each message says of itself for
// the customer's history.

#include "client/session.h"

#include <set>
#include <string>

#include "tests/client/secure_bench.h"

namespace fedspend::client {
namespace {

struct Customer {
  std::set<std::string, std::less<>> consents{"next_category"};
  std::size_t withdraws_after = SIZE_MAX;  // questions
  std::size_t questions = 0;

  std::function<bool(std::string_view)> view() {
    return [this](std::string_view purpose) { return questions++ < withdraws_after && consents.contains(purpose); };
  }
  void withdraw() { consents.clear(); }
};

std::unique_ptr<IdentitySigner> signer() { return std::make_unique<KeySigner>(testing::device_keys(1).identity); }

template <class Kind>
void expect_silent_end(SessionBench& bench, const Effects& effects, bool was_training) {
  CHECK(bench.session.phase() == "idle");
  CHECK(bench.session.is_idle());
  CHECK(testing::all_of<Send>(effects).empty());
  CHECK(testing::all_of<Refused>(effects).empty());
  CHECK(testing::all_of<Kind>(effects).size() == 1);
  CHECK(testing::all_of<StopTraining>(effects).size() == (was_training ? 1 : 0));
  CHECK(SessionBench::alarm(effects) >= bench.now + Millis(720'000));
}

// Brings the device so far that its next event is the returned one.
const std::vector<std::string> kPhases{"checked-in", "training", "advertised", "sharing", "masking", "signing", "revealing", "all said"};

void reach(SecureBench& bench, const std::string& phase) {
  bench.first().check_in();
  if (phase == "checked-in") return;
  bench.offer.give(bench.first());
  if (phase == "training") return;
  bench.note(0, bench.session().step(TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)}, bench.first().now));
  bench.train_others();
  if (phase == "advertised") return;
  if (phase != "all said") return bench.reach(phase);
  bench.reach("revealing");
  bench.tell(0);
}

TEST_CASE("a customer who withdraws ends the round at every phase before anything more is sent, whatever comes next") {
  for (const std::string& phase : kPhases) {
    for (const std::string next : {"wake", "message", "reconnection"}) {
      CAPTURE(phase);
      CAPTURE(next);
      Customer customer;
      SecureBench bench(signer(), customer.view());
      reach(bench, phase);
      customer.withdraw();
      SessionBench& device = bench.first();
      Effects effects;
      if (next == "wake") {
        effects = device.wake();
      } else if (next == "reconnection") {
        effects = device.session.step(ConnectionRestored{}, device.now);
      } else if (phase == "training") {
        effects = device.session.step(TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)}, device.now);
      } else if (phase == "checked-in") {
        effects = bench.offer.give(device);
      } else if (phase == "advertised" || phase == "all said") {
        effects = device.receive(UpdateReply{}, bench.offer.sid());
      } else {
        effects = bench.tell(0);
      }
      expect_silent_end<Withdrawn>(device, effects, phase == "training");
      CHECK(testing::all_of<Withdrawn>(effects).front().purpose == (phase == "checked-in" ? "" : "next_category"));
      // And nothing is resent, nor checked in, while it stays so.
      const Effects later = device.wake_at(effects);
      CHECK(testing::all_of<Send>(later).empty());
      CHECK(SessionBench::alarm(later) >= device.now + Millis(11'520'000));  // the permanent back-off, less a fifth
      customer.consents.insert("next_category");
      CHECK(testing::all_of<Send>(device.wake_at(later)).size() == 1);
    }
  }
}

TEST_CASE("consent that goes while a message is being made keeps that message back") {
  for (const std::string phase : {"sharing", "masking", "signing", "revealing"}) {
    CAPTURE(phase);
    Customer customer;
    SecureBench bench(signer(), customer.view());
    reach(bench, phase);
    customer.withdraws_after = customer.questions + 1;  // there at the event, gone after it
    expect_silent_end<Withdrawn>(bench.first(), bench.tell(0), false);
  }
}

TEST_CASE("a refusal of a plan is kept back, too, once nothing is consented to any more while it is made") {
  Customer customer;
  SessionBench bench(session_options(), signer(), customer.view());
  bench.check_in();
  Offer offer;
  offer.assignment.plan_signature[0] ^= 1;
  customer.withdraws_after = customer.questions + 1;  // there at the event, gone after it
  expect_silent_end<Withdrawn>(bench, offer.give(bench), false);
}

TEST_CASE("an open update is kept back as well, and is not charged if the consent was gone before") {
  Customer customer;
  SessionBench bench(session_options(), signer(), customer.view());
  bench.check_in();
  const Offer offer;
  offer.give(bench);
  customer.withdraw();
  expect_silent_end<Withdrawn>(bench, bench.session.step(TrainingFinished{offer.sid(), std::vector<float>(testing::kParameters, 0.1F)}, bench.now), true);
  CHECK(bench.own_record.participations(offer.plan.task).value() == 0);
}

TEST_CASE("a plan for a purpose that the policy allows and the customer does not is refused, and nothing is trained") {
  Customer customer;
  customer.consents = {"other"};
  SessionOptions options = session_options();
  options.policy.purposes.insert("other");
  SessionBench bench(std::move(options), signer(), customer.view());
  bench.check_in();
  const Effects effects = Offer().give(bench);
  CHECK(bench.sent<Decline>(effects).reason == DeclineReason::policy);
  CHECK(testing::all_of<StartTraining>(effects).empty());
  REQUIRE(testing::all_of<Refused>(effects).size() == 1);
  CHECK(testing::all_of<Refused>(effects).front().why.find("consented") != std::string::npos);
}

TEST_CASE("a customer's consent does not reach beyond the policy's purposes") {
  Customer customer;
  SessionOptions options = session_options();
  options.policy.purposes = {"other"};
  SessionBench bench(std::move(options), signer(), customer.view());
  bench.session.start(bench.now);
  CHECK(testing::all_of<Send>(bench.wake()).empty());  // "next_category" alone is consented to
}

TEST_CASE("a device whose customer consents to nothing does not check in") {
  Customer customer;
  customer.withdraw();
  SessionBench bench(session_options(), signer(), customer.view());
  bench.session.start(bench.now);
  const Effects effects = bench.wake();
  CHECK(testing::all_of<Send>(effects).empty());
  CHECK(bench.session.phase() == "idle");
}

TEST_CASE("cancelled at every phase: nothing more is sent, and a late result or message changes nothing") {
  for (const std::string& phase : kPhases) {
    CAPTURE(phase);
    Customer customer;
    SecureBench bench(signer(), customer.view());
    reach(bench, phase);
    SessionBench& device = bench.first();
    expect_silent_end<Cancelled>(device, device.session.step(Cancel{}, device.now), phase == "training");
    const Effects late = device.session.step(TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)}, device.now);
    CHECK(testing::all_of<Send>(late).empty());
    CHECK(testing::all_of<Send>(bench.offer.give(device)).empty());
    CHECK(device.session.phase() == "idle");
  }
}

TEST_CASE("every message says what it is, for which plan and round, and whether it was sent before") {
  Customer customer;
  SecureBench bench(signer(), customer.view());
  SessionBench& device = bench.first();
  const auto the_send = [](const Effects& effects) {
    const auto sends = testing::all_of<Send>(effects);
    REQUIRE(sends.size() == 1);
    return sends.front();
  };
  device.session.start(device.now);
  const Send check_in = the_send(device.wake());
  CHECK(check_in.leaving.type == MessageType::check_in);
  CHECK(check_in.leaving.plan == nullptr);
  bench.offer.give(device);
  std::vector<Send> sends;
  const auto note = [&](const Effects& effects) {
    sends.push_back(the_send(effects));
    return effects;
  };
  note(bench.note(0, device.session.step(TrainingFinished{bench.offer.sid(), SecureBench::update_of(0)}, device.now)));
  bench.train_others();
  for (const std::string_view phase : SecureBench::kPhases) {
    bench.advance();
    bench.tell_others();
    REQUIRE(bench.aggregator->phase() == phase);
    note(bench.tell(0));
    const Send repeated = the_send(device.session.step(ConnectionRestored{}, device.now));
    CHECK(repeated.leaving.is_again);
    CHECK(repeated.leaving.type == sends.back().leaving.type);
    CHECK(repeated.frames.control == sends.back().frames.control);
  }
  const std::vector<MessageType> expected{MessageType::advertise_keys, MessageType::share_keys, MessageType::masked_input, MessageType::sign_survivors, MessageType::unmask};
  REQUIRE(sends.size() == expected.size());
  for (std::size_t i = 0; i < sends.size(); ++i) {
    CHECK(sends[i].leaving.type == expected[i]);
    CHECK(type_of_frames(sends[i].frames) == expected[i]);
    REQUIRE(sends[i].leaving.plan != nullptr);
    CHECK(sends[i].leaving.plan->purpose == "next_category");
    CHECK(sends[i].leaving.plan_hash == bench.offer.assignment.plan_hash);
    CHECK(sends[i].leaving.round == RoundId{1});
    CHECK_FALSE(sends[i].leaving.is_again);
  }
}

}  // namespace
}  // namespace fedspend::client
