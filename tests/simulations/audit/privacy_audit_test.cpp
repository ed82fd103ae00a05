// Audits of small federations: 40 invented customers, 100 canaries, 4 rounds in which everybody takes part. The lower bounds are right with
// probability .95 or more each, over the coins; with these seeds they are what they are. Four comparisons with the accountant, each of
// which could be a false alarm with probability .05 at most, were the accountant and the attack exact; they are not, and leave room.
#include "simulations/audit/privacy_audit.h"

#include <doctest/doctest.h>

#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/ledger.h"
#include "tests/simulations/runs/small_run.h"

namespace fedspend::simulations {
namespace {

struct Small {
  std::vector<FederatedClient> clients;
  AuditOptions options;
};

Small small(std::vector<std::string> settings) {
  const std::vector<std::string> sizes = {"federation.rounds=4",   "federation.cohort=100",           "federation.min_cohort=80",
                                          "model.sizes.hidden=4",  "model.sizes.embedding=4",         "model.sizes.merchant_buckets=16",
                                          "training.max_rows=32",  "model.sizes.merchant_embedding=2"};
  settings.insert(settings.begin(), sizes.begin(), sizes.end());
  tests::SmallRun run = tests::small_run(40, std::move(settings));
  return {std::move(run.clients), {.plan = run.options.plan, .threads = 2, .canaries = 100}};
}

Small noisy(const std::string& mode, double noise_multiplier) {
  return small({"aggregation.mode=" + std::string(mode == "central" ? "open" : "secure"), "privacy.mode=" + mode,
                "privacy.noise_multiplier=" + std::to_string(noise_multiplier), "privacy.max_participations=4", "privacy.max_epsilon=1000",
                "privacy.delta=1e-5"});
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

TEST_CASE("without noise the audit proves nearly all that its guesses can") {
  const PrivacyAudit audit = audited(bare());
  CHECK(audit.guesses.canaries == 100);
  CHECK(audit.guesses.guesses == 32);
  CHECK(audit.guesses.correct >= 30);
  CHECK(audit.epsilon_lower > 1.5);
  CHECK_FALSE(audit.epsilon_upper);
  CHECK_FALSE(audit.is_falsified());
  REQUIRE(audit.membership);
  CHECK(audit.membership->members + audit.membership->others == 40);
  // Against the claim of a mechanism that is not there: z = 8 over four sums.
  PrivacyAudit claimed = audit;
  claimed.epsilon_upper = repeated({.has_noise = true, .rdp = gaussian_rdp_curve(8)}, 4).epsilon(1e-5);
  CHECK(claimed.is_falsified());
}

TEST_CASE("Dirac canaries are found too") {
  Small of = bare();
  of.options.kind = CanaryKind::dirac;
  CHECK(audited(of).epsilon_lower > 1.5);
}

TEST_CASE("the same seed gives the same audit for any number of threads, and all guesses can be asked for") {
  Small of = noisy("central", 1);
  of.options.guesses = 100;
  const PrivacyAudit two = audited(of);
  of.options.threads = 1;
  const PrivacyAudit one = audited(of);
  CHECK(two.guesses.guesses == 100);
  CHECK(one.guesses.correct == two.guesses.correct);
  CHECK(one.membership->auc == two.membership->auc);
  CHECK(one.membership->calibrated_auc == two.membership->calibrated_auc);
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
  CHECK(refused(of).find("40 clients are eligible") != std::string::npos);  // 20 are left out, 20 canaries are in
  of.options.kind = CanaryKind::dirac;
  of.options.canaries = 1'000'000;
  CHECK(refused(of).find("a coordinate for each of 1000000 canaries") != std::string::npos);
  of.options = noisy("distributed", 1).options;
  of.options.plan.plan.privacy.noise_cohort = 1000;
  CHECK(refused(of).find("noise cohort") != std::string::npos);
}

TEST_CASE("an audit that is stopped says so") {
  const Small& of = bare();
  const auto audit = audit_privacy(of.options, of.clients, [](std::uint64_t round) { return round < 2; });
  REQUIRE_FALSE(audit);
  CHECK(audit.error().message == "the audit was stopped after round 2");
}

TEST_CASE("with noise it proves less than the accountant allows, central and distributed") {
  for (const std::string mode : {"central", "distributed"}) {
    Small of = noisy(mode, 1);
    CAPTURE(mode);
    for (of.options.seed = 1; of.options.seed <= 2; ++of.options.seed) {
      const PrivacyAudit audit = audited(of);
      REQUIRE(audit.epsilon_upper);
      MESSAGE(mode << ": " << audit.guesses.correct << " right, epsilon " << audit.epsilon_lower << " to " << *audit.epsilon_upper);
      CHECK(audit.most_participations >= 2);
      CHECK(audit.epsilon_lower <= *audit.epsilon_upper);
      CHECK_FALSE(audit.is_falsified());
    }
  }
}

}  // namespace
}  // namespace fedspend::simulations
