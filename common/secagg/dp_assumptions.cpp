#include "common/secagg/dp_assumptions.h"

#include <cstdio>

namespace fedspend {
namespace {

using enum Standing;

constexpr double kPartsPerMillion = 1e6;

void add_participation(const Plan& plan, std::vector<Assumption>& list) {
  const PrivacySpec& privacy = plan.privacy;
  std::string cap = "a device is in at most " + std::to_string(privacy.max_participations) + (privacy.max_participations == 1 ? " sum" : " sums");
  if (privacy.min_separation_rounds > 1) cap += ", " + std::to_string(privacy.min_separation_rounds) + " rounds apart as the coordinator counts them (no epsilon rests on that)";
  list.push_back({cap, enforced, "by the device's durable record, whoever asks, and by the coordinator's ledger"});
  list.push_back({"no device spends more than epsilon " + bound_text(privacy.max_epsilon) + " on this plan", enforced, "by both ledgers; nothing is refunded, also where a round fails after it was charged"});
  if (plan.aggregation.mode == Aggregation::secure)
    list.push_back({"a sum is charged before the coordinator can see it", enforced, "by the coordinator, durably; by each device before its input leaves"});
  else
    list.push_back({"a sum is charged before a model that it is in is published", enforced, "by the coordinator, durably; by each device before its update leaves, which the coordinator then sees"});
  list.push_back({"neither a device's record nor the coordinator's state is set back to an older copy, or begun anew", assumed, "what was spent since would be forgotten; each of the two ledgers still has its own"});
  list.push_back({"which devices are selected plays no part: no amplification by sampling is counted", enforced, "devices come when they are available, so nobody samples them"});
}

void add_secure_sum(const Plan& plan, std::vector<Assumption>& list) {
  const AggregationSpec& aggregation = plan.aggregation;
  const std::string corrupt = number_text(aggregation.corrupt_ppm / kPartsPerMillion);
  list.push_back({"the coordinator sees sums of at least " + std::to_string(plan.min_reports()) + " devices and no single input", enforced,
                  "by secure aggregation, whose parameters every device computes for itself; threat: " + std::string(to_string(aggregation.threat)) + " coordinator"});
  list.push_back({"at most " + corrupt + " of a round's devices are corrupt or collude with the coordinator", assumed,
                  "with more the sum may be opened" + std::string(plan.privacy.mode == PrivacyMode::distributed ? ", and has less noise than is accounted" : "")});
  // SECAGG.md, "Graph": a bound on the luck of whoever is corrupt with the random graph, whatever they can compute.
  list.push_back({"a round's masking graph keeps single inputs and parts of the sum from those corrupt devices, but for a chance of 2^-" + std::to_string(aggregation.security_bits), assumed,
                  "statistical: every device computes degree and threshold for that bound; it is not a part of delta"});
  list.push_back({"the cryptography holds", assumed, "computational, and not a part of delta: ciphers, signatures, key agreement"});
  if (aggregation.beacon == BeaconSource::roster)
    list.push_back({"the coordinator does not try out rosters for a masking graph that suits it", assumed, "an external beacon would enforce it"});
}

void add_distributed(std::vector<Assumption>& list) {
  list.push_back({"each update is clipped, rounded and noised before it is masked", enforced, "by the device's own program: what it protects is that device"});
  list.push_back({"only the noise of devices that surely stay and are honest is counted, n_h shares", enforced, "by the quorum that every device checks; n_h is computed from the roster"});
  list.push_back({"honest devices draw their noise from a sound generator, and add it", assumed, "each of them relies on the others' shares; a device cannot check them"});
  list.push_back({"nobody times single samples of the noise on a device", assumed, "the time that sampling and rounding take depends on their outcome"});
}

void add_central(const Plan& plan, std::vector<Assumption>& list) {
  list.push_back({"each update is clipped before it leaves", enforced, "by the device's own program: what it protects is that device"});
  const bool open = plan.aggregation.mode == Aggregation::open;
  list.push_back({"the coordinator adds the noise, from a sound generator, and keeps nothing without it", assumed,
                  open ? "it sees every single update in the clear, and no device can check what it does" : "it sees the sums without noise, and no device can check what it does"});
}

}  // namespace

std::vector<Assumption> dp_assumptions(const Plan& plan, NoiseSource source) {
  std::vector<Assumption> list;
  if (!plan.privacy.has_noise()) return list;
  if (plan.privacy.noise_cohort != 0) list.push_back({"the noise is that of a cohort of " + std::to_string(plan.privacy.noise_cohort), assumed, "it is not: a simulation scaled it down"});
  if (source == NoiseSource::seed) list.push_back({"nobody knows the seed of this simulation", assumed, "its noise is drawn from the seed, which stands in its results: whoever has both takes it off again"});
  add_participation(plan, list);
  if (plan.privacy.mode == PrivacyMode::distributed) add_distributed(list);
  else add_central(plan, list);
  if (plan.aggregation.mode == Aggregation::secure) add_secure_sum(plan, list);
  list.push_back({"the sum is divided by a constant of the plan, not by the number of survivors", enforced, "by the coordinator; the number would be one more release"});
  list.push_back({"a customer has one enrolled device", assumed, "the authority's tokens are one a device: with k devices a customer's loss is that of k"});
  list.push_back({"this plan is the only use of these customers' data that counts", assumed, "other plans, choosing hyperparameters and evaluating on the same data cost more; a device's own ledger adds up its plans"});
  return list;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace fedspend
