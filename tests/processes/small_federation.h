#pragma once
// Test equipment: everything that a federation of real processes needs, made once by the programs themselves in a folder that
// goes away: a small invented population, a plan, keys, the clients' folders and the list of devices. One thread.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/common/program/capture.h"
#include "tests/processes/process.h"

namespace fedspend::test {

struct SmallFederationOptions {
  unsigned clients = 12;
  unsigned processes = 3;
  std::vector<std::string> settings;  // of the plan: section.key=value
};

class SmallFederation {
 public:
  explicit SmallFederation(const SmallFederationOptions& options);

  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  const std::filesystem::path& path() const { return folder_.path(); }
  std::vector<std::string> data_options() const;

  // Tokens, keys and requests of the clients of profiles/NAME: NAME.tokens, NAME.list.
  void request(const std::string& name) const;
  // Their certificates, in NAME.list.certificates and in their stores; they go into the list of devices, and their customers consent.
  void enrol(const std::vector<std::string>& names, const std::string& list = "devices.list") const;

  // Of a fresh coordinator on a port of the system's choice. `state` is a name in the folder.
  std::vector<std::string> coordinator(const std::string& state, const std::string& listen = "tcp://127.0.0.1:*") const;
  std::vector<std::string> device(const std::string& profiles, const std::string& endpoint) const;

  // Starts with standard output and error in NAME.out and NAME.err of the folder.
  Process start(const std::string& name, std::vector<std::string> command) const;
  // The address that the coordinator has written for `state`; empty: it did not in time.
  std::string endpoint_of(const std::string& state, Millis limit = Millis(30'000)) const;
  // Whether the device process `name` (with the federation's own policy) comes so far that it catches a signal: one that is
  // signalled before ends by the signal, without a report.
  bool catches_signals(const std::string& name, Millis limit = Millis(30'000)) const;
  std::string text_of(const std::string& name) const { return content_of(folder_ / name); }

 private:
  TemporaryFolder folder_;
};

// Runs it; throws what it printed where it does not end well.
void require_done(std::vector<std::string> command);

// The options of a command, with one exchanged for another value or, without a value, taken away.
std::vector<std::string> with_option(std::vector<std::string> command, const std::string& option, const std::string& value);

// The lines of a text that are no log line (a log line is a JSON object).
std::vector<std::string> lines_without_log(const std::string& text);

// Names in a folder, sorted; empty if there is none.
std::vector<std::string> names_in(const std::filesystem::path& folder);

}  // namespace fedspend::test
