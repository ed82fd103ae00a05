#pragma once
// Test equipment: a customer of a small federation who has one of the sample programs, enrolled, with the rows of one of the invented
// customers as an app would have them. One thread.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/processes/small_federation.h"

namespace fedspend::test {

struct SampleCustomer {
  SmallFederation federation{{.clients = 12, .processes = 3, .settings = {"federation.rounds=400", "federation.retry_after_ms=300"}}};
  std::filesystem::path folder = federation / "sample";
  std::string program;  // as for a shell: it is given the folder and a command

  explicit SampleCustomer(std::string program);

  // Of a command for a shell that must end well: its standard output.
  std::string shell(const std::string& command) const;
  std::string sample(const std::string& arguments) const { return shell(program + " " + folder.string() + " " + arguments); }

  // A habit that leaves no doubt: 300 transactions up to now, all of one category, which it returns.
  std::string ingest_habit() const;

  // A categoriser as it begins, which goes by the customer's own merchants, drafted and signed like the federation's plan: PLAN MODEL for `install`.
  std::string draft_categoriser() const;
  // Another category of the rows.
  std::string other_than(const std::string& category) const;
  // What the samples say of a merchant: 40 transactions of one category there, one without, a correction, and one more without.
  void check_insights(const std::string& category) const;

  // A coordinator and the other customers; the sample's address is that coordinator's from then on.
  std::vector<Process> start_federation() const;
};

}  // namespace fedspend::test
