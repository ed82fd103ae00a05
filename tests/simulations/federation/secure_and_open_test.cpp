// A secure run and an open one with the same contributors publish the same models, to the bit: masks and shares leave nothing behind.
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "simulations/federation/segment.h"
#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

// What a plan's hash decides in a training is the order of its rows (models/trainer.h, training_seed): with one row there is none, and
// so both runs train the same updates.
tests::SmallRun run_in(const std::string& aggregation) {
  return tests::small_run(30, {"federation.rounds=6", "federation.cohort=10", "federation.min_cohort=6", "federation.over_selection=1.2", "training.max_rows=1", "aggregation.mode=" + aggregation});
}

// Of devices that are lost before their masked input; fewer than a round tolerates.
World with_losses() {
  World world = ideal_world();
  for (DeviceClass& kind : world.classes) kind.drop_sending = kCertain / 20;
  return world;
}

struct Course {
  std::vector<RecordedRound> rounds;
  std::vector<std::vector<float>> models;
  std::size_t lost = 0;  // on the roster, and not in the sum
  double accuracy = 0;   // the last
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) square += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return std::sqrt(square);
}

Course course_of(const tests::SmallRun& run) {
  std::map<ClientId, std::string> labels;
  for (const FederatedClient& client : run.clients) labels.emplace(client_id_of(simulated_identity(run.options.federation.seed, client.label).public_key()), client.label);
  Course course;
  const auto result = run_federation(run.options, run.clients, [&](const SimulatedRound& round, const std::optional<HeldOutScore>& score) {
    if (score) course.accuracy = score->headline();
    if (!round.summary.published) return true;
    RecordedRound& recorded = course.rounds.emplace_back(RecordedRound{round.summary.round.value, "", round.summary.nonce, {}});
    for (const ClientId& client : round.summary.contributors) recorded.contributors.push_back(labels.at(client));
    course.models.push_back(*round.weights);
    if (round.summary.advertised != 0) course.lost += round.summary.advertised - round.summary.contributors.size();
    return true;
  });
  REQUIRE_MESSAGE(result, result.error().message);
  return course;
}

}  // namespace

TEST_CASE("a secure and an open run with the same contributors publish the same models, to the bit") {
  tests::SmallRun secure = run_in("secure");
  secure.options.federation.world = with_losses();
  const Course masked = course_of(secure);
  REQUIRE(masked.rounds.size() == 6);
  CHECK(masked.lost > 0);  // the masks of the lost were taken off too
  tests::SmallRun open = run_in("open");
  open.options.federation.recorded = masked.rounds;
  const Course clear = course_of(open);
  REQUIRE(clear.rounds.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CAPTURE(i);
    CHECK(clear.rounds[i].contributors == masked.rounds[i].contributors);
    CHECK((clear.models[i] == masked.models[i]));
    CHECK((i == 0 || clear.models[i] != clear.models[i - 1]));
  }
}

// Bug: a secure round was repeated with a roster of its contributors alone. Eight of ten who were asked had sufficed, but of a roster of eight a
// quarter may be lost, and a quorum takes seven: the round was tried for ever.
TEST_CASE("a secure round is repeated whose contributors alone would be too few for a quorum") {
  const std::vector<std::string> secure = {"federation.rounds=4", "federation.cohort=10", "federation.min_cohort=7", "training.max_rows=1", "aggregation.dropout_fraction=0.25"};
  const std::vector<std::string> open = {secure[0], secure[1], secure[2], secure[3], "aggregation.mode=open"};
  tests::SmallRun eight = tests::small_run(30, open);
  eight.options.federation.recorded = course_of(eight).rounds;
  for (RecordedRound& round : eight.options.federation.recorded) round.contributors.resize(8);
  const Course course = course_of(eight);
  REQUIRE(course.rounds.size() == 4);
  tests::SmallRun run = tests::small_run(30, secure);
  REQUIRE(run.options.plan.plan.least_asked() == 10);
  run.options.federation.recorded = course.rounds;
  const Course repeated = course_of(run);
  REQUIRE(repeated.rounds.size() == 4);
  CHECK(repeated.lost == 4 * 2);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(course.rounds[i].contributors.size() == 8);
    CHECK(repeated.rounds[i].contributors == course.rounds[i].contributors);
    CHECK((repeated.models[i] == course.models[i]));
  }
}

// Rotation and rounding alone, with noise that cannot be seen (of a mean over a thousand million devices), beside the plain sum. The figure on
// the purchase cards: simulations/README.md.
TEST_CASE("rotation and rounding to 18 bits cost less than half a point of accuracy, and a hundredth of the way that the model goes, for three seeds") {
  const std::vector<std::string> common = {"federation.rounds=8", "federation.cohort=12", "federation.min_cohort=10", "training.max_rows=1", "server.optimizer=fedavg", "server.learning_rate=2"};
  std::vector<std::string> plain = common, rotated = common;
  plain.push_back("aggregation.mode=open");
  rotated.insert(rotated.end(), {"privacy.mode=distributed", "privacy.noise_multiplier=1000", "privacy.noise_cohort=1000000000", "privacy.max_participations=8", "privacy.max_epsilon=100000", "aggregation.bits=18"});
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    tests::SmallRun with = tests::small_run(30, rotated), without = tests::small_run(30, plain);
    with.options.evaluate_every = without.options.evaluate_every = 8;
    with.options.federation.seed = without.options.federation.seed = seed;
    const Course turned = course_of(with);
    without.options.federation.recorded = turned.rounds;
    const Course straight = course_of(without);
    REQUIRE(straight.models.size() == 8);
    const double moved = distance(straight.models.back(), initial_weights(without.options.plan.plan).value()), apart = distance(straight.models.back(), turned.models.back());
    MESSAGE("accuracy " << straight.accuracy << " and " << turned.accuracy << ", moved " << moved << ", apart " << apart);
    CHECK(moved > 0.1);
    CHECK(apart < 0.01 * moved);
    CHECK(std::abs(turned.accuracy - straight.accuracy) < 0.005);
  }
}
