#pragma once
// One segment of a simulated federation (federation.h): the machines, the messages in flight and the alarms between two
// boundaries. A pure function of the setup and of the state that it begins with. Internal to simulations/federation.

#include <memory>
#include <span>
#include <vector>

#include "common/crypto/hash.h"
#include "coordinator/enrolment.h"
#include "models/trainer.h"
#include "simulations/federation/federation.h"

namespace fedspend::simulations {

// What stays the same over the whole run.
struct FederationSetup {
  const ClientSource* clients = nullptr;
  FederationOptions options;
  Plan plan;
  SignedPlan signed_plan;
  PlanHash plan_hash;
  PrivacyCost cost;                           // dearest_device_cost() of the plan
  IdentityPublicKey release_key;
  IdentityPublicKey authority_key;            // of the devices' certificates
  std::vector<std::size_t> client_of_device;  // devices are the eligible clients, in order
  coordinator::EnrolmentList enrolment;       // in the order of the devices
  std::vector<DeviceCharacter> characters;    // of the devices
  std::vector<std::unique_ptr<models::Trainer>> trainers;  // one a worker

  const World& world() const { return options.world; }
};

// The key of a stream of randomness: H(label, seed, name).
Hash256 simulated_key(std::string_view label, std::uint64_t seed, std::string_view name);
// The identity of a client, made anew from the seed whenever it is asked for.
IdentityKey simulated_identity(std::uint64_t seed, std::string_view client);
// No connection is encrypted here; a key that nobody else has stands for the client's.
CurvePublicKey simulated_transport_key(std::uint64_t seed, std::string_view client);

// The wall clock of a simulated federation stands still, so that a run can be repeated: certificates are issued at this second, and
// held against it.
inline constexpr std::uint64_t kSimulatedWallClock_s = 1'800'000'000, kSimulatedExpiry_s = kSimulatedWallClock_s + 365 * 86'400;

enum class SegmentEnd { boundary, finished, stopped };
// Until the next multiple of segment_rounds, the plan's last round, or on_round's false; `state` is then that of the last round
// published. On an error it is unspecified.
Result<SegmentEnd> run_segment(const FederationSetup& setup, FederationState& state, const Federation::OnRound& on_round);

}  // namespace fedspend::simulations
