// fedspend-sim run by several processes: one, two and four ranks end in the same model, to the bit; a rank that dies ends the run,
// which goes on from its checkpoint; options and torchrun's environment say the same.

#include <algorithm>
#include <csignal>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/models/torch/agent_store.h"
#include "tests/processes/loopback_port.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

constexpr Millis kLimit{120'000};

const SmallFederation& federation() {
  static const SmallFederation made({.clients = 24, .settings = {"federation.rounds=12", "federation.cohort=8", "federation.min_cohort=6", "federation.over_selection=1.5"}});
  return made;
}

std::vector<std::string> run_command(const fs::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {program_path("fedspend-sim"), "run", "--plan", federation() / "plan.toml", "--out", out, "--no-progress", "--references", "none", "--checkpoint-every", "3", "--threads", "1"};
  for (const std::string& option : federation().data_options()) command.push_back(option);
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::vector<std::string> rank_options(unsigned rank, unsigned size, const LoopbackPort& store) {
  return {"--world-size", std::to_string(size), "--rank", std::to_string(rank), "--store", store.address(), "--exchange-timeout", "100"};
}

// Two ranks, told by the environment alone.
std::vector<Process> torchrun(const fs::path& out, const std::string& port, const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<Process> processes;
  for (const char* rank : {"0", "1"}) {
    std::vector<std::pair<std::string, std::string>> environment = {{"WORLD_SIZE", "2"}, {"RANK", rank}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", port}};
    environment.insert(environment.end(), more.begin(), more.end());
    const std::string name = out.filename().string() + "." + rank;
    processes.emplace_back(ProcessOptions{.command = run_command(out), .out = federation() / (name + ".out"), .err = federation() / (name + ".err"), .folder = {}, .environment = std::move(environment)});
  }
  return processes;
}

bool one_line(const std::string& text) { return std::count(text.begin(), text.end(), '\n') == 1 && text.ends_with('\n'); }

std::string model_in(const fs::path& folder) { return content_of(folder / "model.fsm"); }

const std::string& model_of_one_process() {
  static const std::string model = [] {
    const fs::path out = federation() / "alone";
    require_done(run_command(out));
    return model_in(out);
  }();
  return model;
}

}  // namespace

TEST_CASE("one, two and four ranks give the model of one process, to the bit") {
  for (const unsigned size : {1U, 2U, 4U}) {
    CAPTURE(size);
    const std::string name = "ranks" + std::to_string(size);
    const LoopbackPort store;
    std::vector<Process> processes;
    for (unsigned rank = 0; rank < size; ++rank)
      processes.push_back(federation().start(name + "." + std::to_string(rank), run_command(federation() / name, rank_options(rank, size, store))));
    for (unsigned rank = 0; rank < size; ++rank) {
      const auto code = processes[rank].wait(kLimit);
      CAPTURE(federation().text_of(name + "." + std::to_string(rank) + ".err"));
      CHECK(code == 0);
    }
    CHECK(!model_of_one_process().empty());
    CHECK(model_in(federation() / name) == model_of_one_process());
    CHECK(names_in(federation() / name) == names_in(federation() / "alone"));
    CHECK(content_of(federation() / name / "metrics.jsonl") == content_of(federation() / "alone" / "metrics.jsonl"));
    if (size > 1) CHECK(federation().text_of(name + ".1.out").find("rank 1 of " + std::to_string(size) + ": 12 rounds") != std::string::npos);
  }
}

TEST_CASE("a rank that is killed ends the run at once with its number, and the run goes on from the checkpoint with another number of ranks") {
  const fs::path out = federation() / "killed";
  const std::vector<std::string> longer = {"--rounds", "400"};
  const LoopbackPort first_store, second_store;
  const auto ranks = [&](const std::string& name, unsigned size, const LoopbackPort& store, const std::vector<std::string>& more) {
    std::vector<Process> processes;
    for (unsigned rank = 0; rank < size; ++rank) {
      std::vector<std::string> options = rank_options(rank, size, store);
      options.insert(options.end(), more.begin(), more.end());
      options.insert(options.end(), longer.begin(), longer.end());
      processes.push_back(federation().start(name + "." + std::to_string(rank), run_command(out, options)));
    }
    return processes;
  };
  std::vector<Process> processes = ranks("killed", 3, first_store, {});
  const fs::path checkpoint = out.string() + ".checkpoint";
  REQUIRE(eventually(kLimit, [&] { return fs::exists(checkpoint); }));
  processes[2].kill();
  for (const unsigned rank : {0U, 1U}) {
    CHECK(processes[rank].wait(kLimit) == 2);
    const std::string said = federation().text_of("killed." + std::to_string(rank) + ".err");
    CAPTURE(said);
    CHECK(said.find("rank 2 ended, or its connection broke") != std::string::npos);
  }
  CHECK(fs::exists(checkpoint));
  CHECK(!fs::exists(out / "model.fsm"));
  std::vector<Process> again = ranks("resumed", 2, second_store, {"--resume"});
  CHECK(again[0].wait(kLimit) == 0);
  CHECK(again[1].wait(kLimit) == 0);
  require_done(run_command(federation() / "undisturbed", longer));
  CHECK(model_in(out) == model_in(federation() / "undisturbed"));
}

TEST_CASE("torchrun's environment says what the options say") {
  const LoopbackPort store;
  const fs::path out = federation() / "torchrun";
  std::vector<Process> processes = torchrun(out, std::to_string(store.number()), {});
  for (Process& process : processes) CHECK(process.wait(kLimit) == 0);
  CHECK(model_in(out) == model_of_one_process());
}

TEST_CASE("where torchrun's agent has the store, all ranks are its clients, and a later start does not meet an earlier one there") {
  const testing::AgentStore agent;
  const fs::path out = federation() / "agent";
  for (const char* start : {"0", "1"}) {
    CAPTURE(start);
    std::vector<Process> processes = torchrun(out, std::to_string(agent.port()), {{"TORCHELASTIC_USE_AGENT_STORE", "True"}, {"TORCHELASTIC_RESTART_COUNT", start}});
    for (Process& process : processes) CHECK(process.wait(kLimit) == 0);
    CAPTURE(content_of(federation() / "agent.0.err"));
    CHECK(model_in(out) == model_of_one_process());
    for (const unsigned rank : {0U, 1U}) CHECK(agent.has_seen("/worker/attempt_" + std::string(start), rank));
  }
  // What the option says counts more: then rank 0 opens the store itself, and cannot where the agent listens.
  std::vector<std::string> own = run_command(federation() / "own");
  own.insert(own.end(), {"--store", "127.0.0.1:" + std::to_string(agent.port())});
  const Outcome refused = run_to_end(own, Millis(60'000), {}, {{"WORLD_SIZE", "2"}, {"RANK", "0"}, {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  CAPTURE(refused.err);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("rank 0 cannot listen at") != std::string::npos);
  CHECK(one_line(refused.err));
}

TEST_CASE("torchrun's agent or a rank 0 that is not there: one line, without libtorch's own log") {
  const LoopbackPort nobody;
  for (const char* agent : {"True", "False"}) {
    CAPTURE(agent);
    const Outcome outcome = run_to_end(run_command(federation() / "absent", {"--join-timeout", "2"}), Millis(60'000), {},
                                       {{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", std::to_string(nobody.number())}, {"TORCHELASTIC_USE_AGENT_STORE", agent}});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 3);
    CHECK(outcome.err.find((std::string(agent) == "True" ? "torchrun's agent" : "rank 0") + std::string(" did not come: nobody listens at " + nobody.address() + " within 2 s")) != std::string::npos);
    CHECK(one_line(outcome.err));
  }
}

TEST_CASE("ranks that would run something else are refused on every rank") {
  const LoopbackPort store;
  std::vector<std::string> other = rank_options(1, 2, store);
  other.insert(other.end(), {"--seed", "9"});
  Process first = federation().start("differ.0", run_command(federation() / "differ", rank_options(0, 2, store)));
  Process second = federation().start("differ.1", run_command(federation() / "differ", other));
  CHECK(first.wait(kLimit) == 4);
  CHECK(second.wait(kLimit) == 4);
  CHECK(federation().text_of("differ.0.err").find("the ranks would not run the same") != std::string::npos);
}

TEST_CASE("a rank that does not come is named, with exit 3; and ranks given in part are wrong arguments, with exit 4") {
  const LoopbackPort store;
  std::vector<std::string> lonely = rank_options(0, 2, store);
  lonely.insert(lonely.end(), {"--join-timeout", "2"});
  const Outcome outcome = run_to_end(run_command(federation() / "lonely", lonely));
  CHECK(outcome.code == 3);
  CHECK(outcome.err.find("rank 1 did not come within 2 s") != std::string::npos);
  CHECK(one_line(outcome.err));
  const std::pair<std::vector<std::string>, std::string> wrong[] = {
      {{"--world-size", "2"}, "--world-size is given and --rank is not"},
      {{"--rank", "0"}, "--rank is given and --world-size is not"},
      {{"--world-size", "2", "--rank", "2", "--store", "127.0.0.1:9"}, "--rank 2 is not a whole number from 0 to 1"},
      {{"--world-size", "x", "--rank", "0"}, "--world-size x is not a whole number"},
      {{"--world-size", "2", "--rank", "0"}, "several ranks need --store HOST:PORT"},
      {{"--world-size", "2", "--rank", "0", "--store", "nowhere"}, "--store nowhere is not HOST:PORT"},
      {{"--world-size", "2", "--rank", "0", "--store", "127.0.0.1:0"}, "the port of --store 0 is not a whole number"},
      {{"--store", "127.0.0.1:9"}, "--store is for several ranks"}};
  for (const auto& [options, message] : wrong) {
    const Outcome refused = run_to_end(run_command(federation() / "wrong", options));
    CAPTURE(refused.err);
    CHECK(refused.code == 4);
    CHECK(refused.err.find(message) != std::string::npos);
  }
}

TEST_CASE("a rank whose --store is somebody else's is told so in one line, with exit 3, within its time") {
  for (const std::string greeting : {"", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"}) {
    CAPTURE(greeting);
    LoopbackPort store;
    store.listen(greeting);
    std::vector<std::string> options = rank_options(1, 2, store);
    options.insert(options.end(), {"--join-timeout", "2"});
    const Millis begun = steady_now();
    const Outcome outcome = run_to_end(run_command(federation() / "stranger", options));
    CAPTURE(outcome.err);
    CHECK(outcome.code == 3);
    CHECK(outcome.err.find("rank 0 did not come: what listens at " + store.address() + (greeting.empty() ? " does not answer within 2 s" : " is no store of c10d")) != std::string::npos);
    CHECK(one_line(outcome.err));
    CHECK(steady_now() - begun < Millis(20'000));
  }
}

TEST_CASE("a rank that waits for others ends at once when it is asked to, with exit 1") {
  struct Waiting {
    const char* name;
    unsigned rank;
    bool stranger;
  };
  for (const Waiting& waiting : {Waiting{"nobody", 1, false}, Waiting{"stranger", 1, true}, Waiting{"first", 0, false}}) {
    CAPTURE(waiting.name);
    LoopbackPort store;
    if (waiting.stranger) store.listen();
    const std::string name = std::string("stopped.") + waiting.name;
    Process process = federation().start(name, run_command(federation() / name, rank_options(waiting.rank, 2, store)));
    sleep_for(Millis(3'000));  // it has read the data and loaded libtorch
    REQUIRE(process.running());
    const Millis asked = steady_now();
    process.send(SIGTERM);
    CHECK(process.wait(kLimit) == 1);
    CHECK(steady_now() - asked < Millis(10'000));  // the time to join is 60 s
    const std::string said = federation().text_of(name + ".err");
    CAPTURE(said);
    CHECK(said.find("stopped by a signal before all ranks were there") != std::string::npos);
    CHECK(one_line(said));
  }
}

TEST_CASE("a rank that waits in an exchange ends at once when it is asked to, and says how to go on") {
  const LoopbackPort store;
  const fs::path out = federation() / "interrupted";
  std::vector<Process> processes;
  for (const unsigned rank : {0U, 1U}) {
    std::vector<std::string> options = rank_options(rank, 2, store);
    options.insert(options.end(), {"--rounds", "4000"});
    processes.push_back(federation().start("interrupted." + std::to_string(rank), run_command(out, options)));
  }
  REQUIRE(eventually(kLimit, [&] { return fs::exists(out.string() + ".checkpoint"); }));
  processes[1].send(SIGSTOP);  // is there, and does not come
  sleep_for(Millis(500));
  const Millis asked = steady_now();
  processes[0].send(SIGINT);
  CHECK(processes[0].wait(kLimit) == 1);
  CHECK(steady_now() - asked < Millis(10'000));  // the time of an exchange is 100 s
  const std::string said = federation().text_of("interrupted.0.err");
  CAPTURE(said);
  CHECK(said.find("stopped by a signal in an exchange with the other ranks") != std::string::npos);
  CHECK(said.find("go on with --resume") != std::string::npos);
  CHECK(one_line(said));
}

}  // namespace fedspend::test
