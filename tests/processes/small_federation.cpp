#include "tests/processes/small_federation.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace fedspend::test {
namespace {

constexpr const char* kPolicy =
    "purposes = [\"next_category\"]\nmin_cohort = 1\nmax_clip_norm_l2 = 100.0\nallow_open_aggregation = true\nallow_no_privacy = true\n"
    "min_noise_multiplier = 1e-9\nmax_epsilon = 1e12\ndelta = 0.1\nallow_central_privacy = true\n";

}  // namespace

SmallFederation::SmallFederation(const SmallFederationOptions& options) {
  const std::string sim = program_path("fedspend-sim");
  const std::string admin = program_path("fedspend-admin");
  const auto in = [&](const std::string& name) { return (folder_ / name).string(); };
  require_done({sim, "synth", "--clients", std::to_string(options.clients), "--months", "3", "--out", in("population")});
  std::vector<std::string> plan = {sim, "plan", "--demonstration", "--seed", "1", "--out", in("plan.toml")};
  for (const std::string& option : data_options()) plan.push_back(option);
  for (const std::string& setting : options.settings) plan.insert(plan.end(), {"--set", setting});
  require_done(plan);
  require_done({admin, "keygen", "--out", in("keys")});
  require_done({admin, "sign-plan", "--plan", in("plan.toml"), "--release-key", in("keys/release.key")});
  require_done({sim, "init", "--plan", in("plan.toml"), "--out", in("initial.fsm")});
  std::vector<std::string> profiles = {sim, "profiles", "--plan", in("plan.toml"), "--processes", std::to_string(options.processes), "--out", in("profiles")};
  for (const std::string& option : data_options()) profiles.push_back(option);
  require_done(profiles);
  require_done({admin, "authority", "--out", in("authority")});
  std::vector<std::string> names;
  for (unsigned process = 1; process <= options.processes; ++process) {
    names.push_back("process-" + std::to_string(process));
    request(names.back());
  }
  enrol(names);
  write_text(folder_ / "policy.toml", kPolicy);
}

void SmallFederation::request(const std::string& name) const {
  const auto in = [&](const std::string& file) { return (folder_ / file).string(); };
  const std::size_t clients = names_in(folder_ / ("profiles/" + name)).size();
  require_done({program_path("fedspend-admin"), "token", "--authority", in("authority"), "--population", "synthetic", "--count", std::to_string(clients), "--out", in(name + ".tokens")});
  require_done({program_path("fedspend-device"), "keys", "--profiles", in("profiles/" + name), "--population", "synthetic", "--token-file", in(name + ".tokens"), "--list", in(name + ".list")});
}

void SmallFederation::enrol(const std::vector<std::string>& names, const std::string& list) const {
  const auto in = [&](const std::string& file) { return (folder_ / file).string(); };
  std::vector<std::string> enrol = {program_path("fedspend-admin"), "enrol", "--authority", in("authority"), "--devices", in(list)};
  for (const std::string& name : names) enrol.push_back(in(name + ".list"));
  require_done(enrol);
  for (const std::string& name : names) {
    require_done({program_path("fedspend-device"), "certificate", "--profiles", in("profiles/" + name), "--from", in(name + ".list.certificates"), "--authority-key",
                  in("authority/authority.key.pub"), "--population", "synthetic"});
    require_done({program_path("fedspend-device"), "consent", "--profiles", in("profiles/" + name), "--population", "synthetic", "--purpose", "next_category", "--notice", "test"});
  }
}

std::vector<std::string> SmallFederation::data_options() const { return {"--data", (folder_ / "population/synthetic.toml").string()}; }

std::vector<std::string> SmallFederation::coordinator(const std::string& state, const std::string& listen) const {
  const auto in = [&](const std::string& name) { return (folder_ / name).string(); };
  return {program_path("fedspend-coordinator"), "--plan", in("plan.toml"), "--release-key", in("keys/release.key.pub"), "--initial-model", in("initial.fsm"),
          "--devices", in("devices.list"), "--authority-key", in("authority/authority.key.pub"), "--curve-key", in("keys/coordinator.key"), "--listen", listen, "--state", in(state), "--ready-file", in(state + ".endpoint"),
          "--selection-timeout-s", "60", "--no-progress"};
}

std::vector<std::string> SmallFederation::device(const std::string& profiles, const std::string& endpoint) const {
  const auto in = [&](const std::string& name) { return (folder_ / name).string(); };
  return {program_path("fedspend-device"), "run", "--profiles", in("profiles/" + profiles), "--coordinator", endpoint, "--coordinator-key", in("keys/coordinator.key.pub"),
          "--release-key", in("keys/release.key.pub"), "--authority-key", in("authority/authority.key.pub"), "--population", "synthetic", "--policy", in("policy.toml"), "--cache", in(std::filesystem::path(profiles).filename().string() + ".cache"),
          "--transient-backoff-s", "1", "--permanent-backoff-s", "1"};  // pauses outlive a process
}

Process SmallFederation::start(const std::string& name, std::vector<std::string> command) const {
  std::error_code ignored;
  if (const auto ready = std::find(command.begin(), command.end(), "--ready-file"); ready != command.end()) std::filesystem::remove(ready[1], ignored);
  return Process({.command = std::move(command), .out = folder_ / (name + ".out"), .err = folder_ / (name + ".err"), .folder = {}, .environment = {}});
}

std::string SmallFederation::endpoint_of(const std::string& state, Millis limit) const {
  std::string text;
  static_cast<void>(eventually(limit, [&] { return (text = text_of(state + ".endpoint")).ends_with('\n'); }));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool SmallFederation::catches_signals(const std::string& name, Millis limit) const {
  return eventually(limit, [&] { return text_of(name + ".err").find("\"demonstration\"") != std::string::npos; });
}

void require_done(std::vector<std::string> command) {
  const std::string shown = std::filesystem::path(command[0]).filename().string() + (command.size() > 1 ? " " + command[1] : "");
  const Outcome outcome = run_to_end(std::move(command));
  if (outcome.code != 0) throw std::runtime_error(shown + " ended with " + std::to_string(outcome.code) + ": " + outcome.err);
}

std::vector<std::string> with_option(std::vector<std::string> command, const std::string& option, const std::string& value) {
  const auto found = std::find(command.begin(), command.end(), option);
  if (found == command.end()) {
    command.insert(command.end(), {option, value});
  } else if (value.empty()) {
    command.erase(found, found + 2);
  } else {
    found[1] = value;
  }
  return command;
}

std::vector<std::string> lines_without_log(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.starts_with('{')) lines.push_back(line);
  return lines;
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace fedspend::test
