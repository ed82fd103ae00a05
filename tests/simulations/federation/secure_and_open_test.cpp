// A secure run and an open one with the same contributors publish the same models, to the bit: masks and shares leave nothing behind.
#include <map>

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
};

Course course_of(const tests::SmallRun& run) {
  std::map<ClientId, std::string> labels;
  for (const FederatedClient& client : run.clients) labels.emplace(client_id_of(simulated_identity(run.options.federation.seed, client.label).public_key()), client.label);
  Course course;
  const auto result = run_federation(run.options, run.clients, [&](const SimulatedRound& round, const auto&) {
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
