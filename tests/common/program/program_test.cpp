#include "common/program/program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

#include "tests/common/program/capture.h"

using namespace fedspend;
using namespace fedspend::program;
using fedspend::test::Redirection;
using fedspend::test::TemporaryFolder;
using fedspend::test::Variable;

namespace {

// "run" echoes what it was given; "break" ends as it is told.
ProgramSpec spec() {
  ProgramSpec program{.name = "fedspend-try", .summary = "tries things", .commands = {}};
  Command run{.name = "run",
              .summary = "runs a thing",
              .example = "fedspend-try run --plan plan.toml",
              .options = {{.name = "plan", .value_name = "FILE", .help = "the plan", .required = true},
                          {.name = "noise-multiplier", .value_name = "Z", .help = "noise", .default_text = "1.5"},
                          {.name = "rounds", .value_name = "N", .help = "rounds", .default_text = "5"},
                          {.name = "skip", .value_name = "NAME", .help = "to skip", .repeated = true},
                          {.name = "resume", .value_name = "", .help = "go on"}},
              .positional = {},
              .run = [](const Arguments& arguments) -> Result<Report> {
                Report report;
                FEDSPEND_ASSIGN(const std::string plan, arguments.text("plan"));
                FEDSPEND_ASSIGN(const std::int64_t rounds, arguments.integer("rounds", 1, 100));
                FEDSPEND_ASSIGN(const double noise, arguments.number("noise-multiplier", 0, 10));
                report.data = {{"plan", plan}, {"rounds", rounds}, {"noise", noise}, {"skip", arguments.texts("skip")}, {"resume", arguments.flag("resume")}};
                report.text = "ran " + plan + "\n";
                return report;
              }};
  Command compare{.name = "compare",
                  .summary = "compares",
                  .example = "fedspend-try compare a b",
                  .options = {{.name = "run", .value_name = "RUN", .help = "a run", .required = true, .repeated = true}},
                  .positional = "run",
                  .run = [](const Arguments& arguments) -> Result<Report> {
                    return Report{.data = {{"runs", arguments.texts("run")}}, .text = "compared\n"};
                  }};
  Command wreck{.name = "break",
                .summary = "breaks",
                .example = "fedspend-try break --how bug",
                .options = {{.name = "how", .value_name = "HOW", .help = "how", .required = true}},
                .positional = {},
                .run = [](const Arguments& arguments) -> Result<Report> {
                  const std::string how = *arguments.text("how");
                  if (how == "throw") throw std::runtime_error("escaped");
                  if (how == "false") return Report{.data = {{"claim", "false"}}, .text = "it is false\n", .exit_code = ExitCode::falsified};
                  if (how == "bytes") return fail(ErrorCode::malformed, "bad \xff byte\nsecond line", "mend it");
                  for (const ErrorCode code : {ErrorCode::invalid_argument, ErrorCode::malformed, ErrorCode::not_found, ErrorCode::io, ErrorCode::unavailable, ErrorCode::unauthorized,
                                               ErrorCode::refused, ErrorCode::timeout, ErrorCode::limit, ErrorCode::conflict, ErrorCode::internal})
                    if (how == to_string(code)) return fail(code, "it is so", "do this");
                  return Report{};
                },
                .checks_a_claim = true};
  program.commands = {run, compare, wreck};
  return program;
}

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
  nlohmann::json json() const { return nlohmann::json::parse(out); }
  bool one_line() const { return std::count(err.begin(), err.end(), '\n') == 1 && err.ends_with('\n') && out.empty(); }
};

Outcome invoke(const ProgramSpec& program, std::vector<std::string> words) {
  const TemporaryFolder folder;
  Outcome outcome;
  std::vector<const char*> argv{program.name.c_str()};
  for (const std::string& word : words) argv.push_back(word.c_str());
  {
    const Redirection out(STDOUT_FILENO, folder / "out");
    const Redirection err(STDERR_FILENO, folder / "err");
    outcome.code = run_program(program, static_cast<int>(argv.size()), argv.data());
  }
  outcome.out = test::content_of(folder / "out");
  outcome.err = test::content_of(folder / "err");
  return outcome;
}

Outcome invoke(std::vector<std::string> words) { return invoke(spec(), std::move(words)); }

nlohmann::json data_of(std::vector<std::string> words) {
  words.insert(words.end(), {"--format", "json"});
  const Outcome outcome = invoke(std::move(words));
  REQUIRE_MESSAGE(outcome.code == 0, outcome.out);
  return outcome.json()["data"];
}

}  // namespace

TEST_CASE("a command that succeeds prints its text, or one envelope") {
  const Outcome text = invoke({"run", "--plan", "p.toml"});
  CHECK(text.code == 0);
  CHECK(text.out == "ran p.toml\n");
  CHECK(text.err.empty());

  const Outcome json = invoke({"run", "--plan", "p.toml", "--format", "json"});
  CHECK(json.code == 0);
  CHECK(json.json()["schema_version"] == 1);
  CHECK(json.json()["status"] == "ok");
  CHECK(json.json()["data"]["rounds"] == 5);
  CHECK(std::count(json.out.begin(), json.out.end(), '\n') == 1);
}

TEST_CASE("--format and --config may stand before the command") {
  CHECK(invoke({"--format", "json", "run", "--plan", "p"}).json()["data"]["plan"] == "p");
}

TEST_CASE("the command line counts more than the environment, the environment more than the file, the file more than the default") {
  const TemporaryFolder folder;
  const std::string config = folder / "options.ini";
  test::write_text(config, "# options\nrounds = 7\nplan = from-file\n");
  CHECK(data_of({"run", "--plan", "p"})["rounds"] == 5);
  CHECK(data_of({"run", "--config", config})["rounds"] == 7);
  CHECK(data_of({"run", "--config", config})["plan"] == "from-file");
  const Variable rounds("FEDSPEND_ROUNDS", "8");
  CHECK(data_of({"run", "--config", config})["rounds"] == 8);
  CHECK(data_of({"run", "--config", config, "--rounds", "9"})["rounds"] == 9);
  CHECK(data_of({"run", "--config", config, "--rounds=9"})["rounds"] == 9);
  const Variable noise("FEDSPEND_NOISE_MULTIPLIER", "0.25");
  CHECK(data_of({"run", "--config", config})["noise"] == 0.25);
  const Variable file("FEDSPEND_CONFIG", config);
  CHECK(data_of({"run"})["plan"] == "from-file");
}

TEST_CASE("an empty variable counts as none") {
  const Variable rounds("FEDSPEND_ROUNDS", "");
  CHECK(data_of({"run", "--plan", "p"})["rounds"] == 5);
}

TEST_CASE("repeated options and flags come from every source") {
  const TemporaryFolder folder;
  const std::string config = folder / "options.ini";
  test::write_text(config, "skip = a\nskip = b\nresume = true\nplan = p\n");
  CHECK(data_of({"run", "--config", config})["skip"] == nlohmann::json{"a", "b"});
  CHECK(data_of({"run", "--config", config})["resume"] == true);
  CHECK(data_of({"run", "--config", config, "--skip", "c"})["skip"] == nlohmann::json{"c"});
  CHECK(data_of({"run", "--plan", "p"})["resume"] == false);
  CHECK(data_of({"run", "--plan", "p", "--resume"})["resume"] == true);
  const Variable resume("FEDSPEND_RESUME", "no");
  CHECK(data_of({"run", "--config", config})["resume"] == false);  // the environment has decided
}

TEST_CASE("a section of the file counts for its command alone") {
  const TemporaryFolder folder;
  const std::string config = folder / "options.ini";
  test::write_text(config, "plan = p\nhow = io\n[break]\nhow = timeout\n[run]\nrounds = 3\n");
  CHECK(data_of({"run", "--config", config})["rounds"] == 3);
  test::write_text(config, "[break]\nhow = timeout\n");
  CHECK(invoke({"break", "--config", config}).code == 3);
  CHECK(invoke({"run", "--config", config}).err.find("--plan FILE is missing") != std::string::npos);
}

TEST_CASE("a wrong configuration file is named with its line or its key") {
  const TemporaryFolder folder;
  const std::string config = folder / "options.ini";
  const auto error_with = [&](const std::string& text) {
    test::write_text(config, text);
    const Outcome outcome = invoke({"run", "--plan", "p", "--config", config});
    CHECK(outcome.code == 4);
    CHECK(outcome.one_line());
    CHECK(outcome.err.find(config) != std::string::npos);
    return outcome.err;
  };
  CHECK(error_with("rounds = 3\n\nrubbish\n").find("line 3") != std::string::npos);
  CHECK(error_with("round = 3\n").find("did you mean rounds?") != std::string::npos);
  CHECK(error_with("[runs]\nrounds = 3\n").find("did you mean run?") != std::string::npos);
  CHECK(error_with("rounds = 3\nrounds = 4\n").find("given twice") != std::string::npos);
  CHECK(error_with("resume = perhaps\n").find("true or false") != std::string::npos);
  CHECK(error_with("config = other.ini\n").find("cannot stand in") != std::string::npos);
  CHECK(error_with("rounds = 300\n").find("from " + config) != std::string::npos);
  CHECK(error_with(std::string("\x00\x01\xff\xfe", 4)).find("line 1") != std::string::npos);
  const Outcome absent = invoke({"run", "--plan", "p", "--config", folder / "absent.ini"});
  CHECK(absent.code == 4);
  CHECK(absent.err.find("absent.ini: No such file") != std::string::npos);
}

TEST_CASE("wrong command lines end with 4 and one line that helps") {
  const auto error_of = [](std::vector<std::string> words) {
    const Outcome outcome = invoke(std::move(words));
    CHECK(outcome.code == 4);
    CHECK(outcome.one_line());
    CHECK(outcome.err.starts_with("fedspend-try: "));
    return outcome.err;
  };
  CHECK(error_of({"rnu"}) == "fedspend-try: unknown command 'rnu'. did you mean run?\n");
  CHECK(error_of({"xyzzy"}) == "fedspend-try: unknown command 'xyzzy'. see fedspend-try --help\n");
  CHECK(error_of({"--bogus"}) == "fedspend-try: no command is given. see fedspend-try --help\n");
  CHECK(error_of({"run", "--plan", "p", "--ronds", "3"}) == "fedspend-try: unknown option --ronds. did you mean --rounds?\n");
  CHECK(error_of({"run", "--plan", "p", "--xyzzy"}) == "fedspend-try: unknown option --xyzzy. see fedspend-try run --help\n");
  CHECK(error_of({"run", "--plan", "p", "-x"}).find("unknown option -x") != std::string::npos);
  CHECK(error_of({"run", "--round", "3"}).find("did you mean --rounds?") != std::string::npos);  // no guessing
  CHECK(error_of({"run"}) == "fedspend-try: --plan FILE is missing. see fedspend-try run --help\n");
  CHECK(error_of({"run", "--plan"}).find("--plan needs a value") != std::string::npos);
  CHECK(error_of({"run", "--plan", "--resume"}).find("--plan needs a value") != std::string::npos);
  CHECK(error_of({"run", "--plan", "--other"}).find("--plan needs a value") != std::string::npos);
  CHECK(error_of({"run", "--plan="}).find("--plan needs a value") != std::string::npos);
  CHECK(error_of({"run", "--plan", "p", "--resume=1"}).find("--resume takes no value") != std::string::npos);
  CHECK(error_of({"run", "--plan", "p", "--plan", "q"}).find("--plan is given twice") != std::string::npos);
  CHECK(error_of({"run", "--plan", "p", "stray"}).find("more arguments than are taken") != std::string::npos);
  CHECK(error_of({"run", "--plan", "p", "--format", "xml"}).find("use text or json") != std::string::npos);
  CHECK(error_of({"compare"}).find("RUN is missing") != std::string::npos);
}

TEST_CASE("a wrong value is named with its range and where it came from") {
  const auto error_of = [](const std::string& option, const std::string& value) {
    const Outcome outcome = invoke({"run", "--plan", "p", option, value});
    CHECK(outcome.code == 4);
    return outcome.err;
  };
  CHECK(error_of("--rounds", "0") == "fedspend-try: --rounds '0' is not a whole number from 1 to 100\n");
  CHECK(error_of("--rounds", "3x").find("whole number") != std::string::npos);
  CHECK(error_of("--rounds", "-3").find("whole number") != std::string::npos);
  CHECK(error_of("--rounds", "99999999999999999999").find("whole number") != std::string::npos);
  CHECK(error_of("--noise-multiplier", "nan").find("not a number from 0 to 10") != std::string::npos);
  CHECK(error_of("--noise-multiplier", "inf").find("not a number from 0 to 10") != std::string::npos);
  const Variable rounds("FEDSPEND_ROUNDS", "many");
  CHECK(invoke({"run", "--plan", "p"}).err.find("--rounds 'many' (from FEDSPEND_ROUNDS)") != std::string::npos);
}

TEST_CASE("positional arguments go to their option") {
  CHECK(data_of({"compare", "a", "b"})["runs"] == nlohmann::json{"a", "b"});
  CHECK(data_of({"compare", "a", "--run", "b"})["runs"].size() == 2);
}

TEST_CASE("a claim that a command finds false has an exit code of its own, with the whole report, and the help of that command says so") {
  const Outcome text = invoke({"break", "--how", "false"});
  CHECK(text.code == 6);
  CHECK(text.out == "it is false\n");
  CHECK(text.err.empty());
  const Outcome json = invoke({"break", "--how", "false", "--format", "json"});
  CHECK(json.code == 6);
  CHECK(json.json()["data"]["claim"] == "false");
  CHECK(invoke({"break", "--help"}).out.find("6 the claim that it checks is false") != std::string::npos);
  CHECK(invoke({"run", "--help"}).out.find("6 the claim") == std::string::npos);
}

TEST_CASE("each error code has its exit code") {
  const std::vector<std::pair<std::string, int>> expected = {{"invalid_argument", 4}, {"malformed", 4}, {"not_found", 4}, {"io", 1},       {"unavailable", 2}, {"unauthorized", 2},
                                                             {"refused", 4},          {"timeout", 3},   {"limit", 4},     {"conflict", 4}, {"internal", 5},    {"throw", 5}};
  for (const auto& [how, code] : expected) {
    CAPTURE(how);
    const Outcome text = invoke({"break", "--how", how});
    CHECK(text.code == code);
    CHECK(text.one_line());
    const Outcome json = invoke({"break", "--how", how, "--format", "json"});
    CHECK(json.code == code);
    CHECK(json.json()["status"] == "error");
    CHECK(json.json()["schema_version"] == 1);
    CHECK(json.json()["error_code"] == (how == "throw" ? "internal" : how));
    CHECK(json.err.empty());
  }
  CHECK(invoke({"break", "--how", "io"}).err == "fedspend-try: it is so. do this\n");
  CHECK(invoke({"break", "--how", "io", "--format", "json"}).json()["hint"] == "do this");
}

TEST_CASE("a message with rubbish in it is still one line and valid JSON") {
  CHECK(invoke({"break", "--how", "bytes"}).one_line());
  CHECK(invoke({"break", "--how", "bytes", "--format", "json"}).json()["error_code"] == "malformed");
}

TEST_CASE("wrong command lines are errors in JSON, too, where JSON is asked for") {
  CHECK(invoke({"rnu", "--format", "json"}).json()["hint"] == "did you mean run?");
  CHECK(invoke({"run", "--bogus", "--format=json"}).json()["error_code"] == "invalid_argument");
  const Variable format("FEDSPEND_FORMAT", "json");
  CHECK(invoke({"run"}).json()["status"] == "error");
}

TEST_CASE("help names every command, option and an example") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{}, {"--help"}, {"-h"}, {"help"}}) {
    const Outcome outcome = invoke(words);
    CHECK(outcome.code == 0);
    for (const char* const part : {"run ", "compare", "break", "runs a thing", "fedspend-try run --plan plan.toml", "--config FILE"})
      CHECK_MESSAGE(outcome.out.find(part) != std::string::npos, part);
  }
  for (const std::vector<std::string>& words : {std::vector<std::string>{"run", "--help"}, {"run", "-h"}, {"--help", "run"}, {"help", "run"}, {"run", "--rounds", "--help"}}) {
    const Outcome outcome = invoke(words);
    CHECK(outcome.code == 0);
    for (const char* const part : {"--noise-multiplier Z", "(default 1.5)", "(required)", "(may be repeated)", "fedspend-try run --plan plan.toml", "FEDSPEND_<OPTION>", "Exit codes"})
      CHECK_MESSAGE(outcome.out.find(part) != std::string::npos, part);
  }
  CHECK(invoke({"compare", "--help"}).out.find("[options] RUN...") != std::string::npos);
}

TEST_CASE("--version prints name and version") {
  CHECK(invoke({"--version"}).out == "fedspend-try 0.1.0\n");
  CHECK(invoke({"run", "--version"}).out == "fedspend-try 0.1.0\n");
  CHECK(version() == "0.1.0");
}

TEST_CASE("a program without commands takes its options at once") {
  ProgramSpec program = spec();
  program.commands = {program.commands.front()};
  program.commands.front().name.clear();
  CHECK(invoke(program, {"--plan", "p"}).out == "ran p\n");
  CHECK(invoke(program, {}).err == "fedspend-try: --plan FILE is missing. see fedspend-try --help\n");
  CHECK(invoke(program, {"--help"}).out.find("Usage: fedspend-try [options]") != std::string::npos);
}

TEST_CASE("output that cannot be written is not success") {
  const ProgramSpec program = spec();
  const TemporaryFolder folder;
  const char* const argv[] = {"fedspend-try", "run", "--plan", "p"};
  int code = -1;
  {
    const Redirection err(STDERR_FILENO, folder / "err");
    const Redirection out(STDOUT_FILENO, "/dev/full");
    code = run_program(program, 4, argv);
  }
  CHECK(code == 1);
  CHECK(test::content_of(folder / "err").find("cannot write to standard output: No space left") != std::string::npos);

  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  {
    const Redirection err(STDERR_FILENO, folder / "err2");
    const int saved = ::dup(STDOUT_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    code = run_program(program, 4, argv);
    ::dup2(saved, STDOUT_FILENO);
    ::close(saved);
  }
  ::close(ends[1]);
  CHECK(code == 1);
  CHECK(test::content_of(folder / "err2").find("Broken pipe") != std::string::npos);

  {
    const Redirection err(STDERR_FILENO, folder / "err3");
    const int saved = ::dup(STDOUT_FILENO);
    ::close(STDOUT_FILENO);
    code = run_program(program, 4, argv);
    ::dup2(saved, STDOUT_FILENO);
    ::close(saved);
  }
  CHECK(code == 1);
  CHECK(test::content_of(folder / "err3").find("cannot write to standard output") != std::string::npos);
}
