// Every program and command, with every kind of wrong input: exit code 4, one line that says what, where and how to mend it (or
// one JSON envelope), and nothing written.

#include <algorithm>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

const SmallFederation& federation() {
  static const SmallFederation made({.clients = 6, .settings = {"federation.rounds=1"}});
  return made;
}

std::string in(const std::string& name) { return federation() / name; }

// What an option takes, which decides what can be wrong with it.
enum class Takes { text_file, binary_file, data, profiles, out_file, out_folder, number, address };

struct Option {
  std::string name;
  Takes takes;
};

struct Command {
  std::string name;
  std::vector<std::string> good;  // works, and writes below OUT alone
  std::vector<Option> options;
  std::vector<std::string> tail = {};  // positional arguments
};

std::vector<Command> commands() {
  const std::string coordinator = program_path("fedspend-coordinator");
  const std::string device = program_path("fedspend-device");
  const std::string admin = program_path("fedspend-admin");
  const std::string sim = program_path("fedspend-sim");
  const std::string data = in("population/synthetic.toml");
  return {
      {"coordinator",
       with_option(federation().coordinator("bad-input"), "--out", "OUT/results"),
       {{"--plan", Takes::text_file}, {"--release-key", Takes::text_file}, {"--initial-model", Takes::binary_file}, {"--devices", Takes::text_file}, {"--authority-key", Takes::text_file}, {"--curve-key", Takes::text_file},
        {"--listen", Takes::address}, {"--state", Takes::out_folder}, {"--out", Takes::out_folder}, {"--max-failed-rounds", Takes::number}, {"--selection-timeout-s", Takes::number}}},
      {"device run",
       federation().device("process-1", "tcp://127.0.0.1:1"),
       {{"--profiles", Takes::profiles}, {"--coordinator", Takes::address}, {"--coordinator-key", Takes::text_file}, {"--release-key", Takes::text_file}, {"--authority-key", Takes::text_file}, {"--policy", Takes::text_file},
        {"--cache", Takes::out_folder}, {"--isa", Takes::number}, {"--connect-timeout-s", Takes::number}, {"--transient-backoff-s", Takes::number},
        {"--permanent-backoff-s", Takes::number}}},
      {"device keys",
       {device, "keys", "--profiles", in("profiles/process-1"), "--population", "synthetic", "--token-file", in("process-1.tokens"), "--list", "OUT/list"},
       {{"--profiles", Takes::profiles}, {"--token-file", Takes::text_file}, {"--list", Takes::out_file}}},
      {"device certificate",
       {device, "certificate", "--profiles", in("profiles/process-1"), "--authority-key", in("authority/authority.key.pub"), "--population", "synthetic"},
       {{"--profiles", Takes::profiles}, {"--authority-key", Takes::text_file}},
       {in("process-1.list.certificates")}},
      {"device consent",
       {device, "consent", "--profiles", in("profiles/process-1"), "--population", "synthetic", "--purpose", "next_category", "--notice", "test"},
       {{"--profiles", Takes::profiles}}},
      {"device ingest", {device, "ingest", "--profiles", in("profiles/process-1"), "--population", "synthetic"}, {{"--profiles", Takes::profiles}}},
      {"device history", {device, "history", "--profiles", in("profiles/process-1"), "--population", "synthetic"}, {{"--profiles", Takes::profiles}}},
      {"admin keygen", {admin, "keygen", "--out", "OUT/keys"}, {{"--out", Takes::out_folder}}},
      {"admin sign-plan",
       {admin, "sign-plan", "--plan", in("plan.toml"), "--release-key", in("keys/release.key")},
       {{"--plan", Takes::text_file}, {"--release-key", Takes::text_file}}},
      {"admin authority", {admin, "authority", "--out", "OUT/authority"}, {{"--out", Takes::out_folder}}},
      {"admin token",
       {admin, "token", "--authority", in("authority"), "--population", "synthetic", "--valid-for", "1h", "--count", "2", "--out", "OUT/tokens"},
       {{"--authority", Takes::profiles}, {"--valid-for", Takes::number}, {"--count", Takes::number}, {"--out", Takes::out_file}}},
      {"admin enrol",
       {admin, "enrol", "--authority", in("authority"), "--devices", "OUT/devices.list", "--certificate-days", "30"},
       {{"--authority", Takes::profiles}, {"--devices", Takes::out_file}, {"--certificate-days", Takes::number}},
       {in("process-1.list")}},
      {"admin revoke",
       {admin, "revoke", "--authority", in("authority"), "--id", std::string(64, '0'), "--revocations", "OUT/revocations.list"},
       {{"--authority", Takes::profiles}, {"--id", Takes::number}}},
      {"admin devices", {admin, "devices", "--devices", in("devices.list")}, {{"--devices", Takes::text_file}}},
      {"sim baselines", {sim, "baselines", "--data", data}, {{"--data", Takes::data}, {"--threads", Takes::number}}},
      {"sim synth",
       {sim, "synth", "--clients", "3", "--out", "OUT/population"},
       {{"--out", Takes::out_folder}, {"--clients", Takes::number}, {"--seed", Takes::number}, {"--months", Takes::number}, {"--unusual", Takes::number}, {"--threads", Takes::number}}},
      {"sim plan",
       {sim, "plan", "--data", data, "--out", "OUT/plan.toml"},
       {{"--data", Takes::data}, {"--model", Takes::number}, {"--seed", Takes::number}, {"--set", Takes::number}, {"--max-categories", Takes::number}, {"--out", Takes::out_file}}},
      {"sim profiles",
       {sim, "profiles", "--data", data, "--plan", in("plan.toml"), "--processes", "2", "--out", "OUT/profiles"},
       {{"--data", Takes::data}, {"--plan", Takes::text_file}, {"--processes", Takes::number}, {"--max-clients", Takes::number}, {"--out", Takes::out_folder}}},
      {"sim init", {sim, "init", "--plan", in("plan.toml"), "--out", "OUT/initial.fsm"}, {{"--plan", Takes::text_file}, {"--out", Takes::out_file}}},
      {"sim run",
       {sim, "run", "--data", data, "--plan", in("plan.toml"), "--out", "OUT/run", "--no-progress"},
       {{"--data", Takes::data}, {"--plan", Takes::text_file}, {"--out", Takes::out_folder}, {"--rounds", Takes::number}, {"--cohort", Takes::number}, {"--seed", Takes::number},
        {"--threads", Takes::number}, {"--cohorts", Takes::text_file}, {"--policy", Takes::text_file}, {"--references", Takes::number}, {"--per-client", Takes::number}, {"--evaluate-every", Takes::number}, {"--world", Takes::text_file},
        {"--checkpoint-every", Takes::number}, {"--stop-after-no-gain", Takes::number}, {"--keep-models", Takes::number}, {"--isa", Takes::number}, {"--trainers", Takes::number}}},
      {"sim references",
       {sim, "references", "--data", data, "--plan", in("plan.toml"), "--seeds", "1", "--epochs", "1", "--no-progress"},
       {{"--data", Takes::data}, {"--plan", Takes::text_file}, {"--seeds", Takes::number}, {"--epochs", Takes::number}, {"--set", Takes::number}, {"--threads", Takes::number}}},
      {"sim sweep",
       {sim, "sweep", "--data", data, "--plan", in("plan.toml"), "--grid", "server.learning_rate=1,2", "--seeds", "1", "--out", "OUT/sweep", "--no-progress"},
       {{"--data", Takes::data}, {"--plan", Takes::text_file}, {"--out", Takes::out_folder}, {"--grid", Takes::number}, {"--seeds", Takes::number}, {"--set", Takes::number}, {"--threads", Takes::number},
        {"--policy", Takes::text_file}, {"--evaluate-every", Takes::number}, {"--world", Takes::text_file}, {"--checkpoint-every", Takes::number}, {"--stop-after-no-gain", Takes::number}, {"--keep-models", Takes::number},
        {"--isa", Takes::number}, {"--trainers", Takes::number}}},
      {"sim audit",
       {sim, "audit", "--data", data, "--plan", in("plan.toml"), "--canaries", "10", "--no-progress"},
       {{"--data", Takes::data}, {"--plan", Takes::text_file}, {"--set", Takes::number}, {"--canaries", Takes::number}, {"--canary", Takes::number}, {"--guesses", Takes::number}, {"--delta", Takes::number},
        {"--confidence", Takes::number}, {"--left-out", Takes::number}, {"--noise-share", Takes::number}, {"--seed", Takes::number}, {"--threads", Takes::number}, {"--isa", Takes::number}}},
      {"sim evaluate",
       {sim, "evaluate", "--data", data, "--plan", in("plan.toml"), "--model", in("initial.fsm")},
       {{"--data", Takes::data}, {"--plan", Takes::text_file}, {"--model", Takes::binary_file}, {"--threads", Takes::number}}},
  };
}

// A wrong value, and what of it the line must name.
struct Wrong {
  std::string what;
  std::string value;
  std::string fault;
};

// Empty folders do not count, nor does the whole but empty database of a coordinator whose address was wrong.
std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (!entry.is_directory() && entry.path().filename() != "coordinator.sqlite") names.push_back(entry.path());
  std::sort(names.begin(), names.end());
  return names;
}

// Files that are wrong in every way, beside a folder for what a command writes. `before` is what the folder holds.
class Rubbish {
 public:
  Rubbish() {
    write_text(folder_ / "empty", "");
    std::string noise;
    for (unsigned i = 0; i < 4096; ++i) noise.push_back(static_cast<char>((i * 2654435761U) >> 24));
    write_text(folder_ / "noise", noise);
    write_text(folder_ / "words", "this is = not what [ is asked for\n");
    write_text(folder_ / "file", "x");
    fs::create_directories(folder_ / "folder");
    const std::string csv = federation().text_of("population/transactions.csv");
    add_data("wrong-column", "clyent" + csv.substr(csv.find(',')));
    add_data("wrong-date", with_cell(csv, "time", "31.12.20x3"));
    add_data("nan-amount", with_cell(csv, "amount", "nan"));
    add_data("binary-csv", noise);
    add_data("empty-csv", "");
    add_data("header-alone", csv.substr(0, csv.find('\n') + 1));
    fs::create_directories(folder_ / "no-csv");
    fs::copy_file(federation() / "population/synthetic.toml", folder_ / "no-csv/synthetic.toml");
    fs::copy_file(federation() / "population/customers.csv", folder_ / "no-csv/customers.csv");
  }

  std::string operator/(const std::string& name) const { return folder_ / name; }

  std::vector<Wrong> wrong_for(Takes takes) const {
    const std::string empty = *this / "empty", noise = *this / "noise", words = *this / "words", folder = *this / "folder", absent = *this / "absent", below = *this / "file/below";
    switch (takes) {
      case Takes::text_file:
      case Takes::binary_file: {
        std::vector<Wrong> wrong = {{"absent", absent, absent}, {"a folder", folder, folder}, {"rubbish", noise, noise}, {"of another form", words, words}, {"below a file", below, below}};
        wrong.push_back({"empty", empty, empty});
        return wrong;
      }
      case Takes::data: {
        std::vector<Wrong> wrong = wrong_for(Takes::text_file);
        for (const std::string name : {"wrong-column", "wrong-date", "nan-amount", "binary-csv", "empty-csv", "no-csv", "header-alone"})
          wrong.push_back({name, *this / (name + "/synthetic.toml"), name == "header-alone" || name == "no-csv" ? name : name + "/transactions.csv"});
        return wrong;
      }
      case Takes::profiles: return {{"absent", absent, absent}, {"a file", words, words}, {"without clients", folder, folder}};
      case Takes::out_file: return {{"a folder", folder, folder}, {"below a file", below, below}, {"in no folder", *this / "absent/file", *this / "absent/file"}, {"in /proc", "/proc/fedspend", "/proc/fedspend"}};
      case Takes::out_folder: return {{"a file", words, words}, {"below a file", below, "file"}, {"in /proc", "/proc/fedspend", "/proc"}};
      case Takes::number: return {{"no number", "x7", "x7"}, {"below the range", "-1", "-1"}};
      case Takes::address: return {{"no address", "nowhere", "nowhere"}, {"another transport", "udp://127.0.0.1:1", "udp://127.0.0.1:1"}};
    }
    return {};
  }

  // So that a test sees what a command has left.
  std::vector<std::string> everything() const { return files_below(folder_.path()); }

 private:
  void add_data(const std::string& name, const std::string& csv) const {
    fs::create_directories(folder_ / name);
    for (const char* sound : {"synthetic.toml", "customers.csv"}) fs::copy_file(federation() / "population" / sound, folder_ / name / sound);
    write_text(folder_ / name / "transactions.csv", csv);
  }

  // The second row with another value in a column.
  static std::string with_cell(const std::string& csv, const std::string& column, const std::string& value) {
    const std::string header = csv.substr(0, csv.find('\n'));
    const auto index = std::count(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(header.find(column)), ',');
    std::size_t at = csv.find('\n') + 1;
    for (std::ptrdiff_t i = 0; i < index; ++i) at = csv.find(',', at) + 1;
    std::string changed = csv;
    return changed.replace(at, csv.find_first_of(",\n", at) - at, value);
  }

  TemporaryFolder folder_;
};

std::vector<std::string> placed(const Command& command, const Rubbish& rubbish) {
  std::vector<std::string> arguments = command.good;
  for (std::string& argument : arguments)
    if (argument.starts_with("OUT/")) argument = rubbish / argument;
  return arguments;
}

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void check_refused(const Command& command, std::vector<std::string> arguments, const std::string& fault) {
  arguments = joined(std::move(arguments), command.tail);
  const Outcome text = run_to_end(arguments);
  const Outcome json = run_to_end(joined(arguments, {"--format", "json"}));
  INFO(text.out << text.err << json.out << json.err);
  CHECK(text.code == 4);
  CHECK(text.out.empty());
  const auto lines = std::count(text.err.begin(), text.err.end(), '\n');
  CHECK(lines == 1);
  CHECK(text.err.starts_with(fs::path(arguments[0]).filename().string() + ": "));
  CHECK(text.err.find(fault) != std::string::npos);
  CHECK(json.code == 4);
  CHECK(json.err.empty());
  const auto envelope = nlohmann::json::parse(json.out, nullptr, false);
  REQUIRE(envelope.is_object());
  CHECK(envelope["status"] == "error");
  CHECK(envelope["message"].get<std::string>().find(fault) != std::string::npos);
  // A message that names the range says how to mend it.
  const auto message = envelope["message"].get<std::string>();
  const bool says_range = message.find(" is not a whole number from ") != std::string::npos || message.find(" is not a number from ") != std::string::npos;
  CHECK((says_range || !envelope["hint"].get<std::string>().empty()));
}

TEST_CASE("wrong values of every option of every command are refused in one line, and nothing is written") {
  const Rubbish rubbish;
  const std::vector<std::string> before = rubbish.everything();
  const std::vector<std::string> before_there = files_below(federation().path());
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    for (const Option& option : command.options) {
      CAPTURE(option.name);
      for (const Wrong& wrong : rubbish.wrong_for(option.takes)) {
        // An enrolment list may be empty, and so may a policy: it is the default one.
        const bool may_be_empty = wrong.what == "empty" && (option.name == "--devices" || option.name == "--policy");
        if (may_be_empty) continue;
        CAPTURE(wrong.what);
        check_refused(command, with_option(placed(command, rubbish), option.name, wrong.value), wrong.fault);
      }
    }
    CHECK(rubbish.everything() == before);
    CHECK(files_below(federation().path()) == before_there);
  }
}

TEST_CASE("options that are unknown, missing or given twice are refused by every command") {
  const Rubbish rubbish;
  const std::vector<std::string> before = rubbish.everything();
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    const std::vector<std::string> good = placed(command, rubbish);
    check_refused(command, joined(good, {"--no-such-option", "1"}), "--no-such-option");
    check_refused(command, joined(good, {"--config", rubbish / "words"}), rubbish / "words");
    check_refused(command, joined(good, {"--config", rubbish / "absent"}), rubbish / "absent");
    const std::string first = command.options.front().name;
    const auto given = std::find(good.begin(), good.end(), first);
    REQUIRE(given != good.end());
    check_refused(command, joined(good, {first, given[1]}), first);
    check_refused(command, with_option(good, first, ""), first);
    CHECK(rubbish.everything() == before);
  }
  check_refused({"", {}, {}}, {program_path("fedspend-sim"), "trane"}, "trane");
  check_refused({"", {}, {}}, {program_path("fedspend-admin"), "sign"}, "sign");
}

TEST_CASE("what a run cannot do with these clients is refused before it begins, and a cohort that is never full is said in one line") {
  const Rubbish rubbish;
  const std::vector<std::string> before = rubbish.everything();
  const std::vector<std::string> run = {program_path("fedspend-sim"), "run", "--data", in("population/synthetic.toml"), "--plan", in("plan.toml"), "--out", rubbish / "OUT/run", "--no-progress", "--references", "none"};
  const Command command{"sim run", {}, {}};
  check_refused(command, joined(run, {"--cohort", "5000"}), "a round asks at least 5000 clients, and 6 clients are eligible");
  check_refused(command, joined(run, {"--evaluate-clients", "3"}), "--evaluate-clients is for clients that are made on demand");
  check_refused(command, joined(run, {"--min-gain", "0.1"}), "--min-gain says what a gain is, and nothing looks for one");
  CHECK(rubbish.everything() == before);
  const std::string note = "the plan asks for cohorts of 5000, and 6 clients are eligible: every round has fewer";
  const Outcome small = run_to_end(joined(run, {"--set", "federation.cohort=5000", "--set", "federation.min_cohort=4"}));
  CHECK(small.code == 0);
  CHECK(small.out.find(note + "\n") != std::string::npos);
  CHECK(small.err.find(note) != std::string::npos);
}

TEST_CASE("a grid that is empty, too large, or holds a value out of range is refused before any job starts") {
  const Rubbish rubbish;
  const std::vector<std::string> before = rubbish.everything();
  const std::vector<std::string> sweep = {program_path("fedspend-sim"), "sweep", "--data", in("population/synthetic.toml"), "--plan", in("plan.toml"), "--out", rubbish / "OUT/sweep", "--no-progress"};
  const Command command{"sim sweep", {}, {}};
  std::string many = "federation.rounds=1";
  for (int i = 2; i <= 4000; ++i) many += "," + std::to_string(i);
  check_refused(command, sweep, "the grid is empty");
  check_refused(command, joined(sweep, {"--grid", "server.learning_rate="}), "server.learning_rate=");
  check_refused(command, joined(sweep, {"--grid", "server.learning_rte=1"}), "server.learning_rte");
  check_refused(command, joined(sweep, {"--grid", "federation.rounds=1,0"}), "federation.rounds=0");
  check_refused(command, joined(sweep, {"--grid", "federation.cohort=4,5000"}), "federation.cohort=5000");
  check_refused(command, joined(sweep, {"--grid", many}), "more than 10000 jobs");
  check_refused(command, joined(sweep, {"--grid", "server.learning_rate=1", "--seeds", "1,1"}), "1,1");
  CHECK(rubbish.everything() == before);
}

TEST_CASE("compare takes two whole folders of runs and says which one is not") {
  const Rubbish rubbish;
  const std::string sim = program_path("fedspend-sim"), run = rubbish / "OUT/run";
  require_done({sim, "run", "--data", in("population/synthetic.toml"), "--plan", in("plan.toml"), "--out", run, "--no-progress"});
  const Command command{"sim compare", {}, {}};
  const auto compare = [&](const std::vector<std::string>& folders) { return joined({sim, "compare"}, folders); };
  check_refused(command, compare({}), "0 folders");
  check_refused(command, compare({run}), "1 folder");
  check_refused(command, compare({run, run, run}), "3 folders");
  check_refused(command, compare({run, rubbish / "absent"}), rubbish / "absent");
  check_refused(command, compare({rubbish / "words", run}), rubbish / "words");
  check_refused(command, compare({run, rubbish / "folder"}), rubbish / "folder/plan.toml");
  check_refused(command, joined(compare({run, run}), {"--html", rubbish / "absent/page.html"}), rubbish / "absent/page.html");
  for (const std::string name : {"plan.toml", "summary.json", "metrics.jsonl", "model.fsm"}) {
    CAPTURE(name);
    const std::string torn = rubbish / ("OUT/torn-" + name);
    fs::copy(run, torn);
    write_text(fs::path(torn) / name, "{\"torn");
    check_refused(command, compare({run, torn}), torn + "/" + name);
    fs::remove(fs::path(torn) / name);
    check_refused(command, compare({torn, run}), torn + "/" + name);
  }
  require_done(joined(compare({run, run}), {"--html", rubbish / "OUT/page.html"}));
  CHECK(content_of(rubbish / "OUT/page.html").ends_with("</html>\n"));
}

TEST_CASE("--help and --version end with 0 for every program and command") {
  const Rubbish rubbish;
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    std::vector<std::string> program = {command.good[0]};
    if (!command.good[1].starts_with("--")) program.push_back(command.good[1]);
    const Outcome help = run_to_end(joined(program, {"--help"}));
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    CHECK(help.out.find("xample") != std::string::npos);
    for (const Option& option : command.options) CHECK_MESSAGE(help.out.find(option.name) != std::string::npos, option.name);
    const Outcome version = run_to_end(joined(program, {"--version"}));
    CHECK(version.code == 0);
    CHECK(version.out.starts_with(fs::path(program[0]).filename().string() + " 0."));
  }
}

TEST_CASE("a client's folder with a broken history, store or key is refused by the device") {
  const TemporaryFolder folder;
  const fs::path client = *fs::directory_iterator(federation() / "profiles/process-1");
  const auto device = [&] { return with_option(with_option(federation().device("x", "tcp://127.0.0.1:1"), "--profiles", folder.path()), "--cache", folder / "cache"); };
  const auto fresh = [&] {
    fs::remove_all(folder / "client");
    fs::copy(client, folder / "client");
  };
  const Command command{"device run", {}, {}};
  for (const std::string name : {"transactions.csv", "device.db", "device.db.seed", "store.key"}) {
    for (const std::string& content : {std::string(), std::string("rubbish\n"), std::string(300, '\xff')}) {
      CAPTURE(name);
      CAPTURE(content.size());
      fresh();
      write_text(folder / "client/" / name, content);
      check_refused(command, device(), (folder / "client").string());
    }
    if (name == "transactions.csv") continue;  // then those of the store are used
    fresh();
    fs::remove(folder / "client/" / name);
    check_refused(command, device(), (folder / "client").string());
  }
  fresh();
  fs::permissions(folder / "client/store.key", fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read);
  check_refused(command, device(), (folder / "client").string());
  CHECK(names_in(folder / "cache").empty());
}

}  // namespace
}  // namespace fedspend::test
