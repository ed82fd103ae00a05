// simulations/quickstart.sh with programs that are built already.

#include <doctest/doctest.h>

#include "tests/paths.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

const std::string kScript = tests::source_dir() + "/simulations/quickstart.sh";

TEST_CASE("the quickstart trains with real processes the model that the simulator trains, to the bit, and replaces only its own folder") {
  const TemporaryFolder folder;
  const std::string out = folder / "quickstart";
  const std::vector<std::string> without_check = {"bash", kScript, "--bin", tests::bin_dir(), "--rounds", "3", "--clients", "12", "--out", out};
  std::vector<std::string> command = without_check;
  command.push_back("--check");
  const Outcome first = run_to_end(command, Millis(120'000));
  INFO(first.out << first.err);
  REQUIRE(first.code == 0);
  CHECK(first.out.find("the same model, to the bit") != std::string::npos);
  CHECK(content_of(out + "/table.txt").find("Markov") != std::string::npos);
  CHECK(content_of(out + "/table.txt").find("3 rounds, 0 aborted") != std::string::npos);
  CHECK(content_of(out + "/simulated/model.fsm") == content_of(out + "/coordinator/model.fsm"));

  write_text(out + "/from-before", "x");
  const Outcome again = run_to_end(without_check, Millis(120'000));
  INFO(again.out << again.err);
  CHECK(again.code == 0);
  CHECK(content_of(out + "/from-before").empty());

  const std::string theirs = folder / "theirs";
  std::filesystem::create_directories(theirs);
  write_text(theirs + "/notes.txt", "mine");
  const Outcome refused = run_to_end({"bash", kScript, "--bin", tests::bin_dir(), "--out", theirs});
  CHECK(refused.code == 4);
  CHECK(refused.err.find(theirs) != std::string::npos);
  CHECK(names_in(theirs) == std::vector<std::string>{"notes.txt"});
}

TEST_CASE("the quickstart refuses wrong options in one line and writes nothing") {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  const std::vector<std::vector<std::string>> wrong = {
      {"--no-such-option"}, {"--rounds"}, {"--rounds", "many"}, {"--rounds", "0"}, {"--processes", "0"}, {"--data", folder / "absent.toml"}, {"--plan", folder / "absent.toml"}, {"--bin", folder / "absent"}};
  for (const auto& options : wrong) {
    CAPTURE(options[0]);
    std::vector<std::string> command = {"bash", kScript, "--bin", tests::bin_dir(), "--out", out};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome outcome = run_to_end(command);
    INFO(outcome.err);
    CHECK(outcome.code == 4);
    CHECK(lines_without_log(outcome.err).size() == 1);
    CHECK(outcome.out.empty());
    CHECK(names_in(folder.path()).empty());
  }
  CHECK(run_to_end({"bash", kScript, "--help"}).code == 0);
}

}  // namespace
}  // namespace fedspend::test
