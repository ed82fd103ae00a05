// Many devices on one coordinator: fedspend-coordinator and fedspend-device as real processes on loopback, several hundred clients a
// process, each with a CURVE connection of its own. One iteration is one federation of a few rounds; its figures are counters:
//   connections          held at once by the coordinator (counted in /proc/net/tcp)
//   check_ins_per_s      handshakes with the signed check-in behind each, from the first connection to the last check-in
//   coordinator_kB       resident memory that the coordinator gained, a connection
//   device_kB            resident memory of the device processes, a client (its history, keys and socket)
//   round_ms             from the assignments to the published model: the median of the rounds after the first
// Arguments: clients, processes, cohort. Handshakes alone: benchmark_transport.

#include <benchmark/benchmark.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/processes/process.h"
#include "tests/processes/small_federation.h"

namespace {

using namespace fedspend;
using namespace fedspend::test;

constexpr unsigned kRounds = 6;
constexpr Millis kPatience{120'000};

// VmRSS of a process, in kB; 0 where it has ended.
double resident_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr);
  return 0;
}

// Established connections whose local end is this port.
std::size_t established(unsigned port) {
  std::ifstream table("/proc/net/tcp");
  std::size_t count = 0;
  char local[16];
  std::snprintf(local, sizeof local, ":%04X", port);
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string slot, here, there, state;
    fields >> slot >> here >> there >> state;
    if (here.ends_with(local) && state == "01") ++count;
  }
  return count;
}

// The lines "round_published" of the coordinator's log so far.
std::vector<double> collection_times(const std::string& log) {
  std::vector<double> times;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("event", "") != "round_published") continue;
    times.push_back(std::strtod(event.value("collection_ms", "0").c_str(), nullptr));
  }
  return times;
}

void many_devices(benchmark::State& state) {
  const auto clients = static_cast<unsigned>(state.range(0));
  const auto processes = static_cast<unsigned>(state.range(1));
  const std::string cohort = std::to_string(state.range(2));
  const SmallFederation federation({.clients = clients, .processes = processes,
                                    .settings = {"federation.rounds=" + std::to_string(kRounds), "federation.cohort=" + cohort, "federation.selection_pool=" + std::to_string(clients),
                                                 "federation.over_selection=1.0", "federation.selection_window_ms=60000", "federation.round_deadline_ms=60000", "federation.retry_after_ms=100"}});
  for (auto iteration : state) {
    std::vector<std::string> command = federation.coordinator("state");
    command.insert(command.end(), {"--log-level", "debug", "--exit-when-finished"});
    Process coordinator = federation.start("coordinator", command);
    const std::string endpoint = federation.endpoint_of("state");
    const auto port = static_cast<unsigned>(std::strtoul(endpoint.substr(endpoint.rfind(':') + 1).c_str(), nullptr, 10));
    const double before_kb = resident_kb(coordinator.id());
    std::vector<Process> devices;
    for (unsigned i = 1; i <= processes; ++i) {
      const std::string name = "process-" + std::to_string(i);
      devices.push_back(federation.start(name, federation.device(name, endpoint)));
    }
    const bool began = eventually(kPatience, [&] { return established(port) > 0; });
    const Millis first_connection = steady_now();
    const bool published = eventually(kPatience, [&] { return !collection_times(federation.text_of("coordinator.err")).empty(); });
    if (!began || !published) {
      state.SkipWithError(("no round was published: " + federation.text_of("coordinator.err").substr(0, 500)).c_str());
      break;
    }
    const Millis first_round = steady_now();
    state.counters["connections"] = static_cast<double>(established(port));
    state.counters["coordinator_kB"] = (resident_kb(coordinator.id()) - before_kb) / clients;
    double device_kb = 0;
    for (const Process& device : devices) device_kb += resident_kb(device.id());
    state.counters["device_kB"] = device_kb / clients;
    const std::optional<int> code = coordinator.wait(kPatience);
    std::vector<double> times = collection_times(federation.text_of("coordinator.err"));
    if (code != 0 || times.size() != kRounds) {
      state.SkipWithError("the federation did not end well");
      break;
    }
    const double check_in_s = (static_cast<double>((first_round - first_connection).count()) - times.front()) / 1'000;
    state.counters["check_ins_per_s"] = clients / check_in_s;
    std::sort(times.begin() + 1, times.end());
    state.counters["round_ms"] = times[1 + (times.size() - 1) / 2];
  }
}

}  // namespace

BENCHMARK(many_devices)->ArgNames({"clients", "processes", "cohort"})->Args({2'000, 4, 100})->Args({2'000, 4, 2'000})->Iterations(1)->Unit(benchmark::kSecond)->UseRealTime();

BENCHMARK_MAIN();
