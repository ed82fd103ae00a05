// What is charged, through a death, a power cut and a failure at every single change that a coordinator makes to a file (tests/disk/power_cut.h):
// first the store alone, then the daemon with real sessions over a real store for two rounds, and after each of them a restart.

#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "common/privacy/gaussian_rdp.h"
#include "common/program/files.h"
#include "common/protocol/model_file.h"
#include "tests/coordinator/daemon_bench.h"
#include "tests/disk/power_cut.h"

namespace fedspend::coordinator {
namespace {

using disk::Fate;

constexpr Fate kFates[] = {Fate::killed, Fate::killed_within, Fate::power_cut, Fate::power_half_cut, Fate::fails_once, Fate::full};
constexpr int kCaught = 99;
bool is_death(Fate fate) { return fate != Fate::fails_once && fate != Fate::full; }
constexpr std::uint64_t kMostSteps = 5'000;

// What a child said before it ended, a byte each, and how it ended.
struct Ending {
  std::string said;
  int code = -1;
  bool says(char what) const { return said.find(what) != std::string::npos; }
};

// body(say) in a child that meets its fate at this step. It says 'n' at the end if there are not so many steps.
template <class Body>
Ending child_with(std::uint64_t step, Fate fate, Body body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Ending ending;
  ending.code = in_child([&] {
    const auto say = [&](char what) { FEDSPEND_CHECK(::write(ends[1], &what, 1) == 1, "a pipe"); };
    disk::set_fate(fate, step, step);
    try {
      const int code = body(say);
      if (disk::operations() < step) say('n');
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
  for (const Fate fate : kFates) {
    std::uint64_t step = 1, charged = 0, not_charged = 0, failed = 0;
    for (; step < kMostSteps; ++step) {
      CAPTURE(static_cast<int>(fate));
      CAPTURE(step);
      const StoreFolder folder;
      REQUIRE(folder.open().value()->save_charge(charge_of(1)));
      const Ending ending = child_with(step, fate, [&](const auto& say) {
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
    CHECK((is_death(fate) ? not_charged : failed) > 0);
  }
}

constexpr std::uint64_t kRounds = 2;

Plan two_rounds() {
  Plan plan = testing::secure_plan();
  plan.federation.rounds = kRounds;
  plan.federation.selection_window_ms = 600'000;  // until all have come back
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 1.5, .max_epsilon = 1e6, .max_participations = 6};
  return plan;
}
Plan two_open_rounds() {
  Plan plan = testing::sample_plan();
  plan.federation.rounds = kRounds;
  plan.federation.selection_window_ms = 600'000;  // until all have come back
  plan.federation.cohort = plan.federation.min_cohort = 8;  // all of them, as above
  plan.federation.over_selection = 1;
  plan.privacy = {.mode = PrivacyMode::central, .noise_multiplier = 50, .max_epsilon = 1e6, .max_participations = 6};
  return plan;
}

// Says the number of the round before it is unmasked: from there on the coordinator may see the sum.
class TellingExecutor final : public Executor {
 public:
  TellingExecutor(const RoundMachine& machine, std::function<void(char)> say) : machine_(machine), say_(std::move(say)) {}
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override {
    if (said_.insert(machine_.rounds_done()).second) say_(static_cast<char>('1' + machine_.rounds_done()));
    for (std::size_t i = 0; i < count; ++i) work(i);
  }
  unsigned width() const override { return 1; }

 private:
  const RoundMachine& machine_;
  std::function<void(char)> say_;
  std::set<std::uint64_t> said_;
};
// The sums that it may have seen.
std::uint64_t sums_seen(const Ending& life) { return (life.says('1') ? 1U : 0U) + (life.says('2') ? 1U : 0U); }

// One life of a coordinator over the folder, to the end of its rounds: what main.cpp does between its options and its exit. 'f': a device
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
  StillClock clock;
  SessionsChannel channel(bench, &clock);
  channel.on_sent = [&](const Message& message) {
    const auto* reply = std::get_if<ComeBack>(&message);
    if (reply != nullptr && reply->reason == ComeBackReason::finished) say('f');
  };
  TellingExecutor executor(*bench.machine, say);
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

// What is true of a folder between two lives, and what the charges and the publications came to, over all steps.
struct Span {
  std::uint64_t least = 99, most = 0;
  void add(std::uint64_t value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
};
struct Seen {
  Span charges, published, charges_at_the_end;
};

bool check_lives(const Plan& plan, std::uint64_t step, Fate fate, const PlanHash& hash, Seen& seen) {
  const bool is_secure = plan.aggregation.mode == Aggregation::secure;
  const StoreFolder folder;
  const Ending first = child_with(step, fate, [&](const auto& say) { return live(folder, plan, 1, say); });
  CHECK(first.code != kCaught);
  const bool is_beyond = first.says('n');
  if (is_beyond) CHECK(first.code == 0);
  const Books after = books_of(folder, hash);
  const Exported exported = exported_in(folder);
  // Charged before anything of a sum could be seen, and what is out has its charge and its durable model.
  CHECK(after.charges <= kRounds);
  CHECK(after.charges >= sums_seen(first));
  CHECK(after.published <= after.charges);
  CHECK(exported.round <= after.published);
  CHECK(exported.sums_stated >= exported.round);
  if (first.says('f')) CHECK(after.published == kRounds);

  const Ending second = child_with(kMostSteps, Fate::fails_once, [&](const auto& say) { return live(folder, plan, 2, say); });
  CHECK(second.code == 0);
  const Books end = books_of(folder, hash);
  CHECK(end.published == kRounds);
  CHECK(end.charges == after.charges + (kRounds - after.published));  // a new session is a new charge, what was published is none
  if (is_secure) CHECK(sums_seen(second) == kRounds - after.published);
  CHECK(end.charges >= sums_seen(first) + sums_seen(second));
  CHECK(end.most_participations == end.charges);  // all eight are in every sum
  const Exported last = exported_in(folder);
  CHECK(last.round == kRounds);
  CHECK(last.sums_stated == end.charges);
  seen.charges.add(after.charges);
  seen.published.add(after.published);
  seen.charges_at_the_end.add(end.charges);
  return is_beyond;
}

// Every stride-th step, from `first` on.
void check_steps(const Plan& plan, Fate fate, std::uint64_t first = 1, std::uint64_t stride = 1) {
  const PlanHash hash = MachineBench(plan).machine->plan_hash();
  Seen seen;
  std::uint64_t step = first;
  for (bool is_beyond = false; !is_beyond && step < kMostSteps; step += stride) {
    CAPTURE(static_cast<int>(fate));
    CAPTURE(step);
    is_beyond = check_lives(plan, step, fate, hash, seen);
  }
  MESSAGE(step << " steps");
  CHECK(step > 40);
  CHECK(step < kMostSteps);
  // It ended before the first charge, between a charge and its publication, and after both.
  CHECK(seen.charges.least == 0);
  CHECK(seen.published.least == 0);
  CHECK(seen.charges.most == kRounds);
  CHECK(seen.published.most == kRounds);
  CHECK(seen.charges_at_the_end.least == kRounds);
  CHECK(seen.charges_at_the_end.most == kRounds + 1);
}

TEST_CASE("a daemon that ends at any of its steps has published nothing uncharged, and charges nothing twice after the restart: secure sums, distributed noise") {
  SUBCASE("killed before") { check_steps(two_rounds(), Fate::killed); }
  SUBCASE("killed within a write") { check_steps(two_rounds(), Fate::killed_within); }
  SUBCASE("power cut") { check_steps(two_rounds(), Fate::power_cut); }
  SUBCASE("power cut, and some writes are there") { check_steps(two_rounds(), Fate::power_half_cut); }
  SUBCASE("the step fails") { check_steps(two_rounds(), Fate::fails_once); }
  SUBCASE("the disk is full from there on") { check_steps(two_rounds(), Fate::full); }
}

TEST_CASE("the same of open sums with central noise, at every third of the steps") {
  SUBCASE("killed within a write") { check_steps(two_open_rounds(), Fate::killed_within, 1, 3); }
  SUBCASE("power cut") { check_steps(two_open_rounds(), Fate::power_cut, 2, 3); }
  SUBCASE("the step fails") { check_steps(two_open_rounds(), Fate::fails_once, 3, 3); }
}

}  // namespace
}  // namespace fedspend::coordinator
