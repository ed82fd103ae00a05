// What one participation costs a phone, measured on the C sample (client/samples/spending.c) as a process of its own in a federation of
// real processes: loading, training 200 sequences of a model of 100,000 parameters, masking with 96 neighbours or more, uploading.
//   peak_resident_kb    ru_maxrss of the process (that of this program, if it were larger: a fork begins with it)
//   cpu_ms              processor time of the process, all threads
//   check_in_ms         from the start of the process to the phase "checked-in", median and fastest of 30
//   check_in_cpu_ms     processor time of the process until then, all threads: what a busy machine does not lengthen; median and least
//   ingest_per_s        20,000 transactions read from text and kept, each batch of 500 durable, whole process
// Figures, not a test; wall times want a machine that does nothing else.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/paths.h"
#include "tests/processes/small_federation.h"

namespace {

using namespace fedspend;
using namespace fedspend::test;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr unsigned kOthers = 127;
constexpr int kRows = 3200;  // 200 windows of 16
constexpr int kIngested = 20'000;
constexpr int kStarts = 30;
constexpr std::int64_t kFirst_s = 1'780'000'000;

double ms_since(Clock::time_point then) { return std::chrono::duration<double, std::milli>(Clock::now() - then).count(); }

struct Finished {
  int code = 0;
  std::string out;
  double wall_ms = 0, cpu_ms = 0, check_in_ms = -1;
  long peak_kb = 0;
};

// Runs it with `in` as its standard input; with `until_check_in` it is killed as soon as it has checked in.
Finished measured(std::vector<std::string> command, const fs::path& in, bool until_check_in = false) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe");
  const Clock::time_point begun = Clock::now();
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> arguments;
    for (std::string& each : command) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    const int input = open(in.c_str(), O_RDONLY);
    if (input < 0 || dup2(input, 0) < 0 || dup2(ends[1], 1) < 0 || dup2(ends[1], 2) < 0) _exit(126);
    close(ends[0]);
    close(ends[1]);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  Finished finished;
  char part[4096];
  for (ssize_t size = 0; (size = read(ends[0], part, sizeof part)) > 0;) {
    finished.out.append(part, static_cast<std::size_t>(size));
    if (finished.check_in_ms < 0 && finished.out.find("phase: checked-in") != std::string::npos) {
      finished.check_in_ms = ms_since(begun);
      if (until_check_in) kill(child, SIGKILL);
    }
  }
  close(ends[0]);
  rusage used{};
  int status = 0;
  wait4(child, &status, 0, &used);
  finished.wall_ms = ms_since(begun);
  const auto ms = [](const timeval& time) { return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3; };
  finished.cpu_ms = ms(used.ru_utime) + ms(used.ru_stime);
  finished.peak_kb = used.ru_maxrss;
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return finished;
}

void write_rows(const fs::path& file, int count, const std::vector<std::string>& categories) {
  std::ofstream out(file);
  for (int i = 0; i < count; ++i)
    out << "row-" << i << ',' << kFirst_s + 600 * i << ',' << 100 + i * 37 % 9000 << ',' << categories[static_cast<std::size_t>(i * 7 + i / 5) % categories.size()] << '\n';
}

class Customer {
 public:
  explicit Customer(const SmallFederation& federation) : federation_(federation), folder(federation / "sample") {
    fs::create_directories(folder);
    fs::copy(federation / "keys/release.key.pub", folder / "release.pub");
    fs::copy(federation / "keys/coordinator.key.pub", folder / "coordinator.pub");
    fs::copy(federation / "authority/authority.key.pub", folder / "authority.pub");
    fs::copy(federation / "policy.toml", folder / "policy.toml");
    std::ofstream(folder / "coordinator.address") << "tcp://127.0.0.1:1\n";
    const std::string admin = program_path("fedspend-admin"), authority = (federation / "authority").string();
    const fs::path tokens = federation / "sample.tokens", list = federation / "sample.list", answer = federation / "sample.list.certificates";
    require_done({admin, "token", "--authority", authority, "--population", "synthetic", "--count", "1", "--out", tokens});
    std::string token;
    std::ifstream(tokens) >> token;
    std::ofstream(list) << run({"request", token}).out;
    require_done({admin, "enrol", "--authority", authority, "--devices", (federation / "devices.list").string(), list});
    run({"certificate"}, answer);
    run({"consent"});
  }
  Finished run(std::vector<std::string> words, const fs::path& in = "/dev/null", bool until_check_in = false) const {
    std::vector<std::string> command{program_path("sample_spending").string(), folder.string()};
    command.insert(command.end(), words.begin(), words.end());
    Finished finished = measured(std::move(command), in, until_check_in);
    if (!until_check_in && finished.code != 0) throw std::runtime_error(words[0] + ": " + finished.out);
    return finished;
  }

 private:
  const SmallFederation& federation_;

 public:
  const fs::path folder;
};

void participation(const SmallFederation& federation, const Customer& customer) {
  std::vector<std::string> command = federation.coordinator("state");
  command.insert(command.end(), {"--log-level", "debug"});
  const Process coordinator = federation.start("coordinator", command);
  const std::string endpoint = federation.endpoint_of("state");
  std::ofstream(customer.folder / "coordinator.address") << endpoint << '\n';
  std::vector<double> check_ins, processor_times;
  for (int attempt = 0; attempt < 4 * kStarts && check_ins.size() < kStarts; ++attempt) {
    const Finished finished = customer.run({"run"}, "/dev/null", true);
    if (finished.check_in_ms >= 0) check_ins.push_back(finished.check_in_ms), processor_times.push_back(finished.cpu_ms);
    usleep(1'100'000);  // what was killed may come again after its back-off, in whole seconds
  }
  if (check_ins.size() < kStarts) throw std::runtime_error("it does not check in");
  std::ranges::sort(check_ins);
  std::ranges::sort(processor_times);
  std::printf("check_in_ms       median %.1f, fastest %.1f\n", check_ins[kStarts / 2], check_ins[0]);
  std::printf("check_in_cpu_ms   median %.1f, least %.1f\n", processor_times[kStarts / 2], processor_times[0]);

  std::vector<Process> others;
  for (const std::string name : {"process-1", "process-2"}) others.push_back(federation.start(name, federation.device(name, endpoint)));
  for (int attempt = 0; attempt < 200; ++attempt) {
    const Finished finished = customer.run({"run"});
    if (finished.out.find("contributed:") == std::string::npos) {
      usleep(100'000);
      continue;
    }
    std::printf("peak_resident_kb  %ld\ncpu_ms            %.0f\nwall_ms           %.0f (of a round that waits for %u others)\n%s", finished.peak_kb, finished.cpu_ms, finished.wall_ms, kOthers,
                finished.out.substr(finished.out.find("contributed:")).c_str());
    const std::string log = federation.text_of("coordinator.err");
    if (const std::size_t at = log.find("\"degree\":"); at != std::string::npos) std::printf("log: %s\n", log.substr(at, 40).c_str());
    return;
  }
  throw std::runtime_error("it never contributed: " + federation.text_of("coordinator.err").substr(0, 2000));
}

}  // namespace

int main() {
  const SmallFederation federation({.clients = kOthers, .processes = 2,
                                    .settings = {"model.sizes.embedding=48", "model.sizes.hidden=136", "federation.rounds=50", "federation.cohort=128", "federation.min_cohort=80",
                                                 "federation.over_selection=1", "federation.selection_pool=128", "federation.selection_window_ms=60000", "federation.round_deadline_ms=120000",
                                                 "federation.retry_after_ms=200", "aggregation.dropout_fraction=0.33", "aggregation.phase_deadline_ms=60000", "training.max_rows=3200"}});
  std::vector<std::string> categories;
  std::ifstream plan(federation / "plan.toml");
  bool inside = false;
  for (std::string line; std::getline(plan, line);) {
    if (line.starts_with("parameter_count")) std::printf("%s\n", line.c_str());
    if (inside && line.starts_with("]")) break;
    if (inside) categories.push_back(line.substr(3, line.rfind('"') - 3));
    if (line.starts_with("categories")) inside = true;
  }
  const Customer customer(federation);
  write_rows(federation / "rows", kRows, categories);
  customer.run({"ingest"}, federation / "rows");
  participation(federation, customer);

  write_rows(federation / "many", kIngested, categories);
  const Finished ingested = customer.run({"ingest"}, federation / "many");
  std::printf("ingest_per_s      %.0f\n", kIngested / ingested.wall_ms * 1e3);
  return 0;
}
