#include "simulations/federation/federation.h"

#include <utility>

#include "client/local_training.h"
#include "common/check.h"
#include "common/crypto/random.h"
#include "common/secagg/session_privacy.h"
#include "simulations/federation/segment.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {
namespace {

// What was recorded must be possible under the plan: its devices would refuse another cohort, round for round.
Status check_recorded(const Plan& plan, const std::vector<RecordedRound>& recorded) {
  if (recorded.empty()) return {};
  if (recorded.size() < plan.federation.rounds)
    return fail(ErrorCode::invalid_argument, "cohort log: it has " + std::to_string(recorded.size()) + " rounds, the plan " + std::to_string(plan.federation.rounds),
                "run as many rounds as were recorded (--rounds)");
  for (const RecordedRound& round : recorded) {
    if (round.contributors.size() >= plan.min_reports() && round.contributors.size() <= plan.devices_asked()) continue;
    return fail(ErrorCode::invalid_argument, "cohort log: round " + std::to_string(round.round) + " has " + std::to_string(round.contributors.size()) +
                                                 " contributors, the plan " + std::to_string(plan.min_reports()) + " to " + std::to_string(plan.devices_asked()),
                "give the plan that the federation ran on");
  }
  return {};
}

}  // namespace

Hash256 simulated_key(std::string_view label, std::uint64_t seed, std::string_view name) { return Hasher(label).u64(seed).field(name).finish(); }

IdentityKey simulated_identity(std::uint64_t seed, std::string_view client) {
  SeededRandom keys(simulated_key("sim-keys", seed, client));
  return IdentityKey::generate(keys);
}

CurvePublicKey simulated_transport_key(std::uint64_t seed, std::string_view client) { return {simulated_key("sim-transport", seed, client)}; }

Federation::Federation(std::unique_ptr<FederationSetup> setup) : setup_(std::move(setup)) {}
Federation::~Federation() = default;
const Plan& Federation::plan() const { return setup_->plan; }
std::size_t Federation::eligible_clients() const { return setup_->client_of_device.size(); }

std::vector<std::uint32_t> Federation::device_classes() const {
  std::vector<std::uint32_t> classes;
  for (const DeviceCharacter& device : setup_->characters) classes.push_back(device.device_class);
  return classes;
}

Result<std::unique_ptr<Federation>> Federation::create(const ClientSource& clients, std::string_view plan_toml, FederationOptions options) {
  FEDSPEND_CHECK(options.threads >= 1 && options.segment_rounds >= 1, "at least one thread, and one round a segment");
  auto setup = std::make_unique<FederationSetup>();
  SeededRandom release_random(Hasher("sim-release").u64(options.seed).finish());
  const IdentityKey release_key = IdentityKey::generate(release_random);
  const ByteSpan plan_bytes = as_bytes(plan_toml);
  setup->signed_plan = sign_plan(Bytes(plan_bytes.begin(), plan_bytes.end()), release_key);
  setup->plan_hash = hash_of_plan(plan_bytes);
  setup->release_key = release_key.public_key();
  FEDSPEND_ASSIGN(setup->plan, open_plan(setup->signed_plan, setup->release_key));
  FEDSPEND_ASSIGN(setup->cost, dearest_device_cost(setup->plan));
  FEDSPEND_TRY(check_recorded(setup->plan, options.recorded));

  setup->clients = &clients;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::optional<std::size_t> rows = clients.known_rows(i);
    if (!rows || client::is_eligible(setup->plan, *rows)) setup->client_of_device.push_back(i);
  }
  SeededRandom authority_random(Hasher("sim-authority").u64(options.seed).finish());
  const IdentityKey authority = IdentityKey::generate(authority_random);
  setup->authority_key = authority.public_key();
  std::vector<coordinator::EnrolledDevice> enrolled(setup->client_of_device.size());
  for_each_index(enrolled.size(), options.threads, [&](std::size_t device, unsigned) {
    const std::string label = clients.label(setup->client_of_device[device]);
    const IdentityPublicKey identity = simulated_identity(options.seed, label).public_key();
    const Certificate certificate = issue_certificate(authority, setup->plan.population, identity, device + 1, kSimulatedWallClock_s, kSimulatedExpiry_s);
    enrolled[device] = {client_id_of(identity), identity, simulated_transport_key(options.seed, label), certificate, label};
  });
  FEDSPEND_ASSIGN(setup->enrolment, coordinator::EnrolmentList::create(std::move(enrolled)));
  setup->characters.resize(setup->client_of_device.size());
  for_each_index(setup->characters.size(), options.threads, [&](std::size_t device, unsigned) {
    const std::size_t client = setup->client_of_device[device];
    // What the data say matters only where the world tells devices apart.
    const bool one_kind = options.world.classes.size() == 1 && options.world.time_zones.size() == 1;
    setup->characters[device] = draw_character(options.world, options.seed, clients.label(client), one_kind ? "" : clients.device_class(client), one_kind ? "" : clients.time_zone(client));
  });
  for (unsigned i = 0; i < options.threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(setup->plan.model, options.trainers));
    setup->trainers.push_back(std::move(trainer));
  }
  setup->options = std::move(options);
  return std::unique_ptr<Federation>(new Federation(std::move(setup)));
}

Status Federation::run(FederationState& state, const OnRound& on_round, const OnBoundary& on_boundary) {
  if (state.devices.empty()) state.devices.resize(eligible_clients());
  if (state.devices.size() != eligible_clients())
    return fail(ErrorCode::malformed, "the state to go on from has " + std::to_string(state.devices.size()) + " devices, there are " + std::to_string(eligible_clients()));
  for (;;) {
    FEDSPEND_ASSIGN(const SegmentEnd end, run_segment(*setup_, state, on_round));
    if (end != SegmentEnd::boundary) return {};
    FEDSPEND_TRY(on_boundary(state));
  }
}

}  // namespace fedspend::simulations
