// Audits of small federations: 40 invented customers, 100 canaries, 4 rounds in which everybody takes part. A lower bound is above the true
// epsilon with probability .05 at most, over the coins; the seeds are fixed. What is not to be falsified is a claim by an accountant that is
// above the true epsilon, against an attack that is weaker than the best: a false alarm is rarer than .05 for each of these audits (four
// at z = 8, which these guesses could refute). What is to be falsified is so by a wide margin: the bound that is proven is at least 1.3 times the claim.
#include "simulations/audit/privacy_audit.h"

#include <doctest/doctest.h>

#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/ledger.h"
#include "simulations/audit/membership_attack.h"
#include "simulations/plans/plan_settings.h"
#include "tests/simulations/runs/small_run.h"

namespace fedspend::simulations {
namespace {

// The server's step is small, so that the noise of so few clients does not make a model that nobody can train: those would decline.
struct Small {
  std::vector<FederatedClient> clients;
  AuditOptions options;
};

Small small(std::vector<std::string> settings) {
  const std::vector<std::string> sizes = {"federation.rounds=4",   "federation.cohort=100",           "federation.min_cohort=80",
                                          "model.sizes.hidden=4",  "model.sizes.embedding=4",         "model.sizes.merchant_buckets=16",
                                          "training.max_rows=32",  "model.sizes.merchant_embedding=2", "server.learning_rate=0.01"};
  settings.insert(settings.begin(), sizes.begin(), sizes.end());
  tests::SmallRun run = tests::small_run(40, std::move(settings));
  return {std::move(run.clients), {.plan = run.options.plan, .threads = 2, .canaries = 100}};
}

// Secure sums count on no corrupt device here: then the noise that is accounted is nearly all that is added.
Small noisy(const std::string& mode, double noise_multiplier) {
  std::vector<std::string> settings = {"privacy.mode=" + mode, "privacy.noise_multiplier=" + std::to_string(noise_multiplier),
                                       "privacy.max_participations=8", "privacy.max_epsilon=1000", "privacy.delta=1e-5"};
  if (mode == "central") settings.emplace_back("aggregation.mode=open");
  else settings.insert(settings.end(), {"aggregation.mode=secure", "aggregation.corrupt_fraction=0"});
  return small(std::move(settings));
}

PrivacyAudit audited(const Small& of) {
  const auto audit = audit_privacy(of.options, of.clients, [](std::uint64_t) { return true; });
  CAPTURE((audit ? std::string() : audit.error().message));
  REQUIRE(audit);
  return *audit;
}

const Small& bare() {
  static const Small made = small({"aggregation.mode=open", "privacy.mode=none"});
  return made;
}

TEST_CASE("without noise the audit proves nearly all that its guesses can, and there is no claim to falsify") {
  const PrivacyAudit audit = audited(bare());
  CHECK(audit.guesses.canaries == 100);
  CHECK(audit.in_sums == 100);
  CHECK(audit.guesses.guesses == 32);
  CHECK(audit.guesses.correct >= 30);
  CHECK(audit.epsilon_lower > 1.5);
  CHECK(audit.epsilon_lower <= audit.epsilon_provable);
  CHECK(audit.epsilon_provable == one_run_epsilon({100, 32, 32}, 1e-6, 0.95));
  CHECK_FALSE(audit.epsilon_upper);
  CHECK_FALSE(audit.is_falsified());
}

// z = 8 over four sums: epsilon 1.6 and less at 1e-5, below the 2.3 that 32 right guesses prove.
TEST_CASE("with the noise that is accounted the claim stands, and with a tenth of it, or hardly any, it is falsified, central and distributed") {
  for (const std::string mode : {"central", "distributed"}) {
    Small of = noisy(mode, 8);
    CAPTURE(mode);
    double claim = 0;
    for (of.options.seed = 1; of.options.seed <= 2; ++of.options.seed) {
      const PrivacyAudit audit = audited(of);
      REQUIRE(audit.epsilon_upper);
      claim = *audit.epsilon_upper;
      MESSAGE(mode << ": " << audit.guesses.correct << " right, epsilon " << audit.epsilon_lower << " to " << claim << ", provable " << audit.epsilon_provable);
      CHECK(audit.most_participations == 4);
      CHECK(audit.guesses.guesses == 32);
      CHECK(audit.declined == 0);  // a device whose record refused a repeated update would tell that it is no zero
      CHECK(audit.epsilon_provable > 1.3 * claim);  // or the claim would stand whatever it is
      CHECK_FALSE(audit.is_falsified());
    }
    for (of.options.seed = 1; of.options.seed <= 2; ++of.options.seed) {
      of.options.noise_share = of.options.seed == 1 ? 0.1 : 0.01;
      const PrivacyAudit broken = audited(of);
      MESSAGE(mode << " at " << of.options.noise_share << ": " << broken.guesses.correct << " right, epsilon " << broken.epsilon_lower);
      REQUIRE(broken.epsilon_upper);
      CHECK(*broken.epsilon_upper == doctest::Approx(claim).epsilon(1e-3));  // it is the noise that is less, not the claim
      CHECK(broken.epsilon_lower > 1.3 * claim);
      CHECK(broken.is_falsified());
    }
  }
}

TEST_CASE("Dirac canaries are found too") {
  Small of = bare();
  of.options.kind = CanaryKind::dirac;
  CHECK(audited(of).epsilon_lower > 1.5);
}

TEST_CASE("the same seed gives the same audit for any number of threads, another seed another one, and all guesses can be asked for") {
  Small of = noisy("central", 1);
  of.options.guesses = 100;
  const PrivacyAudit two = audited(of);
  of.options.threads = 1;
  const PrivacyAudit one = audited(of);
  CHECK(two.guesses.guesses == 100);
  CHECK(one.guesses.correct == two.guesses.correct);
  CHECK(one.included == two.included);
  CHECK(one.epsilon_lower == two.epsilon_lower);
  of.options.seed = 2;
  CHECK(audited(of).included != one.included);
}

TEST_CASE("canaries that never were in a sum count, and their guesses are no better than coins") {
  Small of = bare();
  of.options.canaries = 600;
  of.options.plan = *apply_settings(of.options.plan, std::vector<std::string>{"federation.rounds=1"});
  const PrivacyAudit audit = audited(of);
  CHECK(audit.in_sums < 200);
  CHECK(audit.guesses.canaries == 600);
  CHECK(audit.guesses.guesses == 200);
  CHECK(audit.guesses.correct < 190);
}

TEST_CASE("what cannot be audited is refused in one line") {
  const auto refused = [](const Small& of) {
    const auto audit = audit_privacy(of.options, of.clients, [](std::uint64_t) { return true; });
    REQUIRE_FALSE(audit);
    CHECK(audit.error().code == ErrorCode::invalid_argument);
    CHECK(audit.error().message.find('\n') == std::string::npos);
    return audit.error().message;
  };
  Small of = bare();
  of.options.canaries = 9;
  CHECK(refused(of).find("9 canaries") != std::string::npos);
  of.options.canaries = 20;
  of.options.guesses = 21;
  CHECK(refused(of).find("21 guesses about 20 canaries") != std::string::npos);
  of.options.guesses = 0;
  CHECK(refused(of).find("60 clients are eligible") != std::string::npos);  // of them 20 canaries, for rounds of 80
  of.options.kind = CanaryKind::dirac;
  of.options.canaries = 1'000'000;
  CHECK(refused(of).find("a coordinate for each of 1000000 canaries") != std::string::npos);
  of.options = noisy("distributed", 1).options;
  of.options.plan.plan.privacy.noise_cohort = 1000;
  CHECK(refused(of).find("noise cohort") != std::string::npos);
  of = bare();
  of.options.noise_share = 0.5;
  CHECK(refused(of).find("a plan without noise") != std::string::npos);
}

TEST_CASE("an audit that is stopped says so") {
  const Small& of = bare();
  const auto audit = audit_privacy(of.options, of.clients, [](std::uint64_t round) { return round < 2; });
  REQUIRE_FALSE(audit);
  CHECK(audit.error().message == "the audit was stopped after round 2");
}

// Few clients, trained on their few rows again and again: a model that remembers them.
struct Attacked {
  std::vector<FederatedClient> clients;
  AttackOptions options;
};
Attacked attacked(std::vector<std::string> settings) {
  const std::vector<std::string> sizes = {"federation.rounds=12", "federation.cohort=16", "federation.min_cohort=12", "training.max_rows=32", "training.epochs=8"};
  settings.insert(settings.begin(), sizes.begin(), sizes.end());
  tests::SmallRun run = tests::small_run(40, std::move(settings));
  return {std::move(run.clients), {.plan = run.options.plan, .threads = 2}};
}

// With so much noise the model has learnt nothing, and members are as others: the interval is off 1/2 in one of twenty seeds, and not at this one.
TEST_CASE("the attack on membership finds members without noise, and none with much of it") {
  const Attacked bare = attacked({"aggregation.mode=open", "privacy.mode=none"});
  const Attacked noisy = attacked({"aggregation.mode=open", "privacy.mode=central", "privacy.noise_multiplier=20", "privacy.max_participations=12", "privacy.max_epsilon=1000"});
  const auto on_round = [](std::uint64_t) { return true; };
  const auto without = attack_membership(bare.options, bare.clients, on_round), with = attack_membership(noisy.options, noisy.clients, on_round);
  REQUIRE(without);
  REQUIRE(with);
  MESSAGE("calibrated area without noise " << without->calibrated_auc.value << " from " << without->calibrated_auc.low << ", with " << with->calibrated_auc.value);
  MESSAGE("area without noise " << without->auc.value << ", with " << with->auc.value);
  CHECK(without->members == 20);
  CHECK(without->others == 20);
  CHECK(without->calibrated_auc.low > 0.5);
  CHECK(without->calibrated_auc.low > with->calibrated_auc.value);
  CHECK(with->calibrated_auc.low < 0.5);
  CHECK(with->calibrated_auc.high > 0.5);
}

TEST_CASE("an attack on membership without members, or others, is refused, and one that is stopped says so") {
  Attacked of = attacked({"aggregation.mode=open", "privacy.mode=none"});
  const auto stopped = attack_membership(of.options, of.clients, [](std::uint64_t round) { return round < 2; });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().message == "the attack on membership was stopped after round 2");
  of.options.left_out_share = 0.001;
  const auto refused = attack_membership(of.options, of.clients, [](std::uint64_t) { return true; });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_argument);
  CHECK(refused.error().message == "audit: of 40 eligible clients 0 are left out, and membership is told by both kinds");
}

}  // namespace
}  // namespace fedspend::simulations
