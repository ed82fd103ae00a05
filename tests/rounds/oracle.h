#pragma once
// What must be true of a federation whatever the network and the devices do, computed apart from the machines: from the frames that
// the coordinator acknowledged as accepted, unpacked bit by bit, and the plan; of secure aggregation, where those frames say nothing,
// from what each session was handed to hide. It keeps a list of what was violated, in words.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/round_machine.h"
#include "tests/rounds/sample.h"

namespace fedspend::testing {

class Oracle {
 public:
  Oracle(Plan plan, PlanHash plan_hash, std::vector<float> initial);

  void on_assignment(const ClientId& client, const Envelope& envelope, const Assignment& assignment, const Frames& frames);
  void on_accepted(const ClientId& client, const IdentityPublicKey& identity, const Frames& frames);
  // Secure aggregation.
  void on_secure_session(const SessionId& session);  // a roster went out
  void on_shares_delivered(const ClientId& client, const SessionId& session, std::size_t count);
  // What left a device in a session: `update` is what it trained.
  void on_masked(const ClientId& client, const SessionId& session, std::vector<float> update, const Frames& frames);
  void on_unmask_accepted(const ClientId& client, const IdentityPublicKey& identity, const Frames& frames);
  void on_charges(const ClientId& client, std::uint32_t charged);  // what a device's record says

  void on_published(const coordinator::Publish& publish);
  void on_aborted(const coordinator::RoundSummary& summary);
  void on_durable(const coordinator::Publish& publish);
  void on_coordinator_began(const coordinator::RoundMachine& machine);
  void forget_unstored();  // what was published and never stored, and the open session
  void on_training(RoundId round, const PlanHash& plan_hash, const std::vector<float>& weights);

  void violated(std::string what) { violations_.push_back(std::move(what)); }
  const std::vector<std::string>& violations() const { return violations_; }
  // The newest durable model: what a restart must go on from.
  std::uint64_t durable_round() const { return models_.rbegin()->first; }
  const std::vector<float>& durable_weights() const { return models_.rbegin()->second; }
  const std::vector<float>& durable_state() const { return states_.rbegin()->second; }
  std::uint64_t contributions() const { return contributions_; }

 private:
  // Of the server optimizer, after a round: its moments, in double and with names, each with a value for every weight.
  struct Moments {
    std::vector<double> momentum, first, second;
  };
  std::pair<std::vector<double>, Moments> expected_round() const;
  void forget_session();
  void take_contributors(const std::vector<ClientId>& contributors);

  Plan plan_;
  PlanHash plan_hash_;
  std::map<std::uint64_t, std::vector<float>> models_;  // durable, by round; 0 is the initial one
  std::map<std::uint64_t, std::vector<float>> states_;  // as they were published with the models
  std::map<std::uint64_t, Moments> moments_;            // computed here
  SessionId session_;                                   // of the open round; zero: none
  std::set<ClientId> asked_;
  std::map<ClientId, std::vector<std::int64_t>> accepted_;
  std::set<SessionId> sessions_;                        // all that ever were
  SessionId secure_session_;                            // of the open round, once it has a roster; zero: none
  std::map<std::pair<SessionId, ClientId>, std::vector<std::int64_t>> handed_in_;  // what is under the masks
  std::map<std::pair<SessionId, ClientId>, std::size_t> delivered_;                // shares
  std::map<ClientId, std::uint32_t> masked_inputs_;     // sessions in which one left the device
  std::map<ClientId, std::uint32_t> contributed_;       // published sums
  std::set<std::pair<ClientId, std::vector<std::int64_t>>> published_updates_;
  std::uint64_t contributions_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace fedspend::testing
