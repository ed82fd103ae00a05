#include <csignal>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "models/torch_module.h"
#include "tests/processes/loopback_port.h"
#include "tests/processes/process.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::models;
using fedspend::test::Process;
using fedspend::tests::TemporaryFolder;

namespace {

constexpr Millis kLimit{60'000};

class Ranks {
 public:
  explicit Ranks(unsigned size) : size_(size) {}

  void start(unsigned rank, std::vector<std::string> more = {}, const std::string& join_ms = "30000", const std::string& exchange_ms = "30000", unsigned rounds = 6, unsigned claimed_size = 0) {
    std::vector<std::string> command{test::program_path("test_rank_process"), std::to_string(rank), std::to_string(claimed_size == 0 ? size_ : claimed_size), std::to_string(port_.number()), join_ms, exchange_ms, std::to_string(rounds)};
    command.insert(command.end(), more.begin(), more.end());
    names_.push_back(std::to_string(processes_.size()));
    processes_.emplace_back(test::ProcessOptions{.command = command, .out = folder_.path() / ("out" + names_.back()), .err = folder_.path() / ("err" + names_.back()), .folder = {}, .environment = {}});
  }
  // The last line of a process, once it has ended.
  std::string said(std::size_t i) {
    REQUIRE(processes_[i].wait(kLimit).has_value());
    return last_line(i);
  }
  bool joined(std::size_t i) const { return last_line(i) == "joined"; }
  test::LoopbackPort& port() { return port_; }
  Process& process(std::size_t i) { return processes_[i]; }

 private:
  std::string last_line(std::size_t i) const {
    std::ifstream file(folder_.path() / ("out" + names_[i]));
    std::string line, last;
    while (std::getline(file, line)) last = line;
    return last;
  }

  unsigned size_;
  test::LoopbackPort port_;
  TemporaryFolder folder_;
  std::vector<std::string> names_;
  std::vector<Process> processes_;
};

}  // namespace

TEST_CASE("every rank gets what every rank gave, in the order of the ranks") {
  for (const unsigned size : {1U, 2U, 4U}) {
    CAPTURE(size);
    Ranks ranks(size);
    for (unsigned rank = size; rank-- > 0;) ranks.start(rank);  // rank 0 comes last
    const std::string first = ranks.said(0);
    CAPTURE(first);
    CHECK(first.starts_with("ok "));
    for (unsigned rank = 1; rank < size; ++rank) CHECK(ranks.said(rank) == first);
  }
}

TEST_CASE("ranks that do not come are named when the time is up") {
  Ranks ranks(4);
  ranks.start(0, {}, "8000");  // long enough for both to load libtorch
  ranks.start(2, {}, "8000");
  CHECK(ranks.said(0) == "timeout ranks 1, 3 did not come within 8 s");
  // Rank 2 began earlier or later than rank 0, with which the store goes.
  const std::string other = ranks.said(1);
  CAPTURE(other);
  CHECK((other == "timeout ranks 1, 3 did not come within 8 s" || other.starts_with("unavailable rank 2 could not join the others")));
}

TEST_CASE("a rank 0 that does not come is named when the time is up") {
  Ranks ranks(2);
  ranks.start(1, {}, "1200");
  const std::string said = ranks.said(0);
  CAPTURE(said);
  CHECK(said.starts_with("timeout rank 0 did not come: nobody listens at 127.0.0.1:"));
  CHECK(said.ends_with("within 1.200 s"));
}

TEST_CASE("what listens where rank 0 should, and is none, is told apart from it when the time is up") {
  const std::pair<std::string, std::string> strangers[] = {{"", "does not answer within 2 s"}, {"HTTP/1.1 400 Bad Request\r\n\r\n", "is no store of c10d"}};
  for (const auto& [greeting, what] : strangers) {
    CAPTURE(greeting);
    Ranks ranks(2);
    ranks.port().listen(greeting);
    const Millis begun = test::steady_now();
    ranks.start(1, {}, "2000");
    CHECK(ranks.said(0) == "timeout rank 0 did not come: what listens at " + ranks.port().address() + " " + what);
    CHECK(test::steady_now() - begun < Millis(20'000));
  }
}

TEST_CASE("a rank that is killed in the middle fails the others at once, by its number") {
  for (const unsigned victim : {2U, 0U}) {
    CAPTURE(victim);
    Ranks ranks(4);
    const Millis begun = test::steady_now();
    for (unsigned rank = 0; rank < 4; ++rank) ranks.start(rank, rank == victim ? std::vector<std::string>{"die", "3"} : std::vector<std::string>{}, "30000", "50000");
    for (unsigned rank = 0; rank < 4; ++rank) {
      const std::string said = ranks.said(rank);
      CAPTURE(said);
      if (rank == victim) {
        CHECK(ranks.process(rank).wait(kLimit) == 128 + SIGKILL);
      } else {
        CHECK(said.starts_with("unavailable rank " + std::to_string(victim) + " ended, or its connection broke"));
      }
    }
    CHECK(test::steady_now() - begun < Millis(40'000));  // not by the timeout of an exchange, which is 50 s
  }
}

TEST_CASE("a rank that is killed while the others wait for it is seen at once") {
  Ranks ranks(2);
  ranks.start(0, {}, "30000", "50000");
  ranks.start(1, {"sleep", "0"}, "30000", "50000");
  REQUIRE(test::eventually(kLimit, [&] { return ranks.joined(0) && ranks.joined(1); }));
  test::sleep_for(Millis(200));
  ranks.process(1).kill();
  const Millis killed = test::steady_now();
  const std::string said = ranks.said(0);
  CAPTURE(said);
  CHECK(said.starts_with("unavailable rank 1 ended, or its connection broke"));
  CHECK(test::steady_now() - killed < Millis(20'000));
}

TEST_CASE("a rank that hangs is named when the time of an exchange is up") {
  Ranks ranks(3);
  ranks.start(0, {}, "30000", "3500");
  ranks.start(1, {"sleep", "2"}, "30000", "3500");
  ranks.start(2, {}, "30000", "3500");
  // Both see it; who is a little later may see the other one leave instead.
  const std::string first = ranks.said(0), second = ranks.said(2);
  CAPTURE(first);
  CAPTURE(second);
  const std::string expected = "timeout rank 1 did not come to an exchange within 3.500 s";
  CHECK((first == expected || second == expected));
  CHECK((first == expected || first.starts_with("unavailable rank 2 ended")));
  CHECK((second == expected || second.starts_with("unavailable rank 0 ended")));
}

TEST_CASE("a rank that gives too much is refused by all") {
  Ranks ranks(2);
  ranks.start(0);
  ranks.start(1, {"huge", "1"});
  const std::string expected = "limit rank 1 gives 1073741825 bytes to an exchange, at most 1073741824";
  CHECK(ranks.said(0) == expected);
  CHECK(ranks.said(1) == expected);
}

TEST_CASE("a rank that is there twice and ranks that differ in their number are refused") {
  {
    Ranks ranks(3);
    ranks.start(0, {}, "5000");
    ranks.start(1, {}, "5000");
    ranks.start(1, {}, "5000");
    const std::string one = ranks.said(1), other = ranks.said(2);
    CAPTURE(one);
    CAPTURE(other);
    CHECK((one == "conflict rank 1 is there twice") != (other == "conflict rank 1 is there twice"));
    CHECK(ranks.said(0) == "timeout rank 2 did not come within 5 s");
  }
  Ranks ranks(3);
  ranks.start(0, {}, "10000");
  ranks.start(1, {}, "10000", "30000", 6, 2);
  const std::string said = ranks.said(1);
  CAPTURE(said);
  CHECK((said == "conflict rank 0 belongs to a run of 3 ranks, rank 1 to one of 2" || said.starts_with("unavailable")));
  CHECK(ranks.said(0) == "conflict rank 1 belongs to a run of 2 ranks, rank 0 to one of 3");
}

TEST_CASE("ranks that cannot be are refused before anything is opened") {
  const auto module = torch_module();
  REQUIRE(module);
  const auto refused = [&](const ProcessGroupOptions& options) {
    const auto group = (*module)->join(options);
    REQUIRE(!group);
    CHECK(group.error().code == ErrorCode::invalid_argument);
    return group.error().message;
  };
  CHECK(refused({.rank = 2, .size = 2, .host = "127.0.0.1", .port = 1}) == "rank 2 of 2");
  CHECK(refused({.rank = 0, .size = 0}) == "a world size of 0");
  CHECK(refused({.rank = 0, .size = 1000}) == "a world size of 1000");
  CHECK(refused({.rank = 0, .size = 2}) == "several ranks need --store HOST:PORT");
  CHECK(refused({.rank = 0, .size = 2, .host = "no such host.invalid", .port = 99}) == "the host no such host.invalid of --store is not known here");
}
