// What is charged, through a death and through a failure at every single change that a coordinator makes to a file (kill_points.h): first the
// store alone, then the daemon with real sessions over a real store, and after each of them a restart.
#include "tests/coordinator/kill_points.h"

#include <string>

#include <nlohmann/json.hpp>

#include "common/privacy/gaussian_rdp.h"
#include "common/program/files.h"
#include "common/protocol/model_file.h"
#include "tests/coordinator/daemon_bench.h"

namespace fedspend::coordinator {
namespace {

using testing::Fault;

constexpr Fault kFaults[] = {Fault::dies_before, Fault::dies_within, Fault::fails, Fault::fails_on};
constexpr int kCaught = 99, kKilled = -1;  // in_child: anything but an exit
constexpr std::uint64_t kMostSteps = 5'000;

// What a child said before it ended, a byte each, and how it ended.
struct Ending {
  std::string said;
  int code = kKilled;
  bool says(char what) const { return said.find(what) != std::string::npos; }
};

// body(say) in a child, with the fault at this step. It says 'n' at the end if there are not so many steps.
template <class Body>
Ending child_with(std::uint64_t step, Fault fault, Body body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Ending ending;
  ending.code = in_child([&] {
    const auto say = [&](char what) { FEDSPEND_CHECK(::write(ends[1], &what, 1) == 1, "a pipe"); };
    testing::arm(step, fault);
    try {
      const int code = body(say);
      if (testing::steps_since_armed() < step) say('n');
      return code;
    } catch (...) {
      return kCaught;
    }
  });
  close(ends[1]);
  char what = 0;
  while (::read(ends[0], &what, 1) == 1) ending.said += what;
  close(ends[0]);
  return ending;
}

PrivacyCharge charge_of(std::uint8_t number) {
  return {SessionId{{number}}, RoundId{number}, PrivacyCost{.has_noise = true, .rdp = gaussian_rdp_curve(1 + number), .delta = 1e-21}, {ClientId{{1}}, ClientId{{number}}}};
}

PopulationLedger ledger_of(std::uint8_t last) {
  PopulationLedger ledger;
  for (std::uint8_t number = 1; number <= last; ++number) REQUIRE(ledger.charge(charge_of(number)));
  return ledger;
}

TEST_CASE("save_charge that dies or fails at any of its steps has charged all or nothing, what it acknowledged is there, and no session is charged twice") {
  for (const Fault fault : kFaults) {
    std::uint64_t step = 1, charged = 0, not_charged = 0, failed = 0;
    for (; step < kMostSteps; ++step) {
      CAPTURE(static_cast<int>(fault));
      CAPTURE(step);
      const StoreFolder folder;
      REQUIRE(folder.open().value()->save_charge(charge_of(1)));
      const Ending ending = child_with(step, fault, [&](const auto& say) {
        auto store = folder.open();
        if (!store) return 1;
        if ((*store)->save_charge(charge_of(2))) {
          say('a');
        } else {
          say('e');
          if ((*store)->save_charge(charge_of(2))) say('a');  // of a program that goes on
        }
        return 0;
      });
      CHECK(ending.code != kCaught);
      auto store = folder.open();
      REQUIRE(store);
      const auto ledger = (*store)->ledger();
      REQUIRE(ledger);
      const bool is_charged = *ledger == ledger_of(2);
      if (!is_charged) CHECK(*ledger == ledger_of(1));
      if (ending.says('a')) CHECK(is_charged);
      ++(is_charged ? charged : not_charged);
      if (ending.says('e')) ++failed;
      const Status again = (*store)->save_charge(charge_of(2));
      if (is_charged) CHECK((!again && again.error().code == ErrorCode::conflict));
      else CHECK(again.has_value());
      CHECK((*store)->ledger().value() == ledger_of(2));
      if (ending.says('n')) break;
    }
    CHECK(step > 10);
    CHECK(step < kMostSteps);
    CHECK(charged > 0);
    const bool dies = fault == Fault::dies_before || fault == Fault::dies_within;
    CHECK((dies ? not_charged : failed) > 0);
  }
}

Plan private_round() {
  Plan plan = testing::secure_plan();
  plan.federation.rounds = 1;
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 1.5, .max_epsilon = 1e6, .max_participations = 3};
  return plan;
}

// Says 's' before it unmasks: from there on the coordinator may see the sum.
class TellingExecutor final : public Executor {
 public:
  explicit TellingExecutor(std::function<void(char)> say) : say_(std::move(say)) {}
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override {
    if (!said_.exchange(true)) say_('s');
    for (std::size_t i = 0; i < count; ++i) work(i);
  }
  unsigned width() const override { return 1; }

 private:
  std::function<void(char)> say_;
  std::atomic<bool> said_{false};
};

// One life of a coordinator over the folder, to the end of its only round: what main.cpp does between its options and its exit. 'f': a device
// was told that all rounds are done.
int live(const StoreFolder& folder, const Plan& plan, unsigned life, const std::function<void(char)>& say) {
  MachineBench bench(plan);
  auto store = Store::open(folder.file(), bench.machine->plan_hash());
  if (!store) return 1;
  auto ledger = (*store)->ledger();
  auto stored = (*store)->latest_model();
  if (!ledger || !stored) return 2;
  Checkpoint from{.rounds_done = 0, .weights = testing::sample_weights(), .optimizer_state = {}, .ledger = std::move(*ledger)};
  if (*stored) from = {.rounds_done = (*stored)->round, .weights = (*stored)->weights, .optimizer_state = (*stored)->optimizer_state, .ledger = std::move(from.ledger)};
  bench.random = SeededRandom(Hasher("life").u64(life).finish());
  bench.machine = RoundMachine::create(testing::signed_plan(plan), testing::release_key().public_key(), std::move(from), enrolment_of(8), {}, bench.chooser, bench.random).value();
  SessionsChannel channel(bench);
  channel.on_sent = [&](const Message& message) {
    const auto* reply = std::get_if<ComeBack>(&message);
    if (reply != nullptr && reply->reason == ComeBackReason::finished) say('f');
  };
  TellingExecutor executor(say);
  StillClock clock;
  Daemon daemon(*bench.machine, **store, channel, clock, {.out = folder.path(), .max_failed_rounds = 1, .unmasking_executor = &executor, .exit_when_finished = true, .linger = Millis(0)}, {});
  const std::atomic<bool> stop{false};
  return daemon.run(stop) ? 0 : 3;
}

struct Books {
  std::uint64_t charges = 0, published = 0, most_participations = 0;
};
Books books_of(const StoreFolder& folder, const PlanHash& plan) {
  auto store = Store::open(folder.file(), plan);
  REQUIRE(store);
  const auto ledger = (*store)->ledger();
  REQUIRE(ledger);
  const auto latest = (*store)->latest_model();
  REQUIRE(latest);
  const Books books{ledger->charges(), (*store)->count_rounds(true).value(), ledger->most_participations()};
  CHECK(books.published == (*latest ? (*latest)->round : 0));
  return books;
}

// What lies in the folder for others to take: the round of the model, and the sums that its statement counts.
struct Exported {
  std::uint64_t round = 0, sums_stated = 0;
};
Exported exported_in(const StoreFolder& folder) {
  Exported exported;
  if (const auto model = program::read_file(folder.path() / "model.fsm", 1 << 20)) exported.round = decode_model_file(*model).value().round;
  if (const auto statement = program::read_file(folder.path() / kDpStatementJson, 1 << 20)) exported.sums_stated = nlohmann::json::parse(as_text(*statement))["rounds"]["sums_charged"];
  return exported;
}

void check_lives(const Plan& plan, std::uint64_t step, Fault fault, const PlanHash& hash, bool& is_beyond, Books& least, Books& most) {
  const StoreFolder folder;
  const Ending first = child_with(step, fault, [&](const auto& say) { return live(folder, plan, 1, say); });
  CHECK(first.code != kCaught);
  is_beyond = first.says('n');
  if (is_beyond) CHECK(first.code == 0);
  const Books after = books_of(folder, hash);
  const Exported exported = exported_in(folder);
  // Of a life with one session: charged before anything of the sum could be seen, and what is out has its charge and its durable model.
  CHECK(after.charges <= 1);
  if (first.says('s')) CHECK(after.charges == 1);
  CHECK(after.published <= after.charges);
  CHECK(exported.round <= after.published);
  CHECK(exported.sums_stated >= exported.round);
  if (first.says('f')) CHECK(after.published == 1);

  const Ending second = child_with(kMostSteps, Fault::fails, [&](const auto& say) { return live(folder, plan, 2, say); });
  CHECK(second.code == 0);
  const Books end = books_of(folder, hash);
  CHECK(end.published == 1);
  CHECK(end.charges == after.charges + (after.published == 0 ? 1 : 0));  // a new session is a new charge, what was published is none
  CHECK(second.says('s') == (after.published == 0));
  const std::uint64_t sums = (first.says('s') ? 1U : 0U) + (second.says('s') ? 1U : 0U);
  CHECK(end.charges >= sums);
  CHECK(end.most_participations == end.charges);  // all eight are in every sum
  const Exported last = exported_in(folder);
  CHECK(last.round == 1);
  CHECK(last.sums_stated == end.charges);
  least = {std::min(least.charges, after.charges), std::min(least.published, after.published), std::min(least.most_participations, end.charges)};
  most = {std::max(most.charges, after.charges), std::max(most.published, after.published), std::max(most.most_participations, end.charges)};
}

void check_all_steps(Fault fault) {
  const Plan plan = private_round();
  const PlanHash hash = MachineBench(plan).machine->plan_hash();
  Books least{9, 9, 9}, most;
  std::uint64_t step = 1;
  for (bool is_beyond = false; !is_beyond && step < kMostSteps; ++step) {
    CAPTURE(step);
    check_lives(plan, step, fault, hash, is_beyond, least, most);
  }
  MESSAGE((step - 1) << " steps");
  CHECK(step > 40);
  CHECK(step < kMostSteps);
  // There were deaths before the charge, between charge and publication, and after it.
  CHECK(least.charges == 0);
  CHECK(least.published == 0);
  CHECK(most.charges == 1);
  CHECK(most.published == 1);
  CHECK(least.most_participations == 1);
  CHECK(most.most_participations == 2);
}

TEST_CASE("a daemon killed before any of its steps has published nothing uncharged, and charges nothing twice after the restart") { check_all_steps(Fault::dies_before); }
TEST_CASE("a daemon killed within any of its writes has published nothing uncharged, and charges nothing twice after the restart") { check_all_steps(Fault::dies_within); }
TEST_CASE("a daemon of which any one step fails has published nothing uncharged, and charges nothing twice after the restart") { check_all_steps(Fault::fails); }
TEST_CASE("a daemon whose disk is full from any step on has published nothing uncharged, and charges nothing twice after the restart") { check_all_steps(Fault::fails_on); }

}  // namespace
}  // namespace fedspend::coordinator
