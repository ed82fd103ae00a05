#pragma once
// The record of a simulated device (client/device_record.h). What must outlive a segment is in the device's DeviceState, and so in
// checkpoints: its participations and the last round of them, and of the updates that it has unmasked the newest kKeptUpdates, by the first eight bytes of their
// digests (another update passes for one of them with a chance of 2^-60). There may be a hundred thousand devices: each takes up to 170
// bytes for it. Sessions do not outlive a segment, since the coordinator begins anew at its end: what was said in the newest of them is
// kept in the object. Every participation counts as the plan's dearest, so that no curve is kept for each device. Of the one task that a
// federation has. One thread per object.

#include <vector>

#include "client/device_record.h"
#include "simulations/federation/federation.h"

namespace fedspend::simulations {

inline constexpr std::size_t kKeptUpdates = 16;

class SimulatedRecord final : public client::DeviceRecord {
 public:
  // `state` and `cost`, dearest_device_cost() of the plan, outlive it. `key` is the device's own and the same in every segment: digests mean nothing under another.
  SimulatedRecord(DeviceState& state, const PrivacyCost& cost, const Hash256& key);

 private:
  Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) override;
  Result<PrivacyAccount> account_of(const TaskId& task) override;
  Status keep(std::span<const Entry> entries, std::span<const Account> accounts) override;

  DeviceState& state_;
  const PrivacyCost& cost_;
  std::vector<Entry> of_sessions_;  // oldest first
};

}  // namespace fedspend::simulations
