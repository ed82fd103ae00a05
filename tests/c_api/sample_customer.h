#pragma once
// Test equipment: a customer of a small federation who has one of the sample programs, enrolled, with the rows of one of the invented
// customers as an app would have them. One thread.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/processes/small_federation.h"

namespace fedspend::test {

struct SampleCustomer {
  SmallFederation federation;
  std::filesystem::path folder = federation / "sample";
  std::string program;  // as for a shell: it is given the folder and a command

  // `settings`: of the plan, beside a round's 300 ms until the next.
  explicit SampleCustomer(std::string program, const std::vector<std::string>& settings = {});

  // Of a command for a shell that must end well: its standard output.
  std::string shell(const std::string& command) const;
  std::string sample(const std::string& arguments) const { return shell(program + " " + folder.string() + " " + arguments); }

  // A habit that leaves no doubt: 300 transactions up to now, all of one category, which it returns.
  std::string ingest_habit() const;

  // A model as it begins, drafted and signed like the federation's plan: PLAN MODEL for `install`. A categoriser goes by the customer's own merchants then.
  std::string draft(const std::string& model) const;
  // Another category of the rows.
  std::string other_than(const std::string& category) const;
  // What the samples say of a merchant: 40 transactions of one category there, one without, a correction, and one more without.
  void check_insights(const std::string& category) const;

  // A coordinator and the other customers; the sample's address is that coordinator's from then on.
  std::vector<Process> start_federation() const;
};

}  // namespace fedspend::test
