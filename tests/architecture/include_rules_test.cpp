#include "tests/architecture/include_rules.h"

#include <doctest/doctest.h>

namespace fedspend::tests {
namespace {

struct Sample {
  std::string_view path;
  std::string_view source;
};

bool allowed(std::string_view path, std::string_view source) { return violations(path, source).empty(); }

// Exactly one complaint, at the line and with the words that are expected.
bool caught(std::string_view path, std::string_view source, std::string_view place_and_words) {
  const auto found = violations(path, source);
  if (found.size() == 1 && found.front().find(place_and_words) != std::string::npos) return true;
  for (const std::string& line : found) MESSAGE(line);
  return false;
}

TEST_CASE("the arrows between the folders, for every pair") {
  constexpr std::string_view folders[] = {"common", "models", "client", "coordinator", "simulations", "tests"};
  const auto arrow_allowed = [](std::string_view from, std::string_view to) {
    if (from == to || from == "tests") return true;
    if (from == "models") return to == "common";
    if (from == "client") return to == "models" || to == "common";
    if (from == "coordinator") return to == "common";
    if (from == "simulations") return to != "tests";
    return false;
  };
  for (const std::string_view from : folders) {
    for (const std::string_view to : folders) {
      const std::string path = std::string(from) + "/a.cpp";
      const std::string target = std::string(to) + "/sub/b.h";
      CAPTURE(path);
      CAPTURE(target);
      for (const std::string& include : {"#include \"" + target + "\"\n", "  #  include <" + target + ">\n"}) {
        if (arrow_allowed(from, to)) CHECK(allowed(path, include));
        else CHECK(caught(path, "\n" + include, "/a.cpp:2: " + target + ": " + std::string(from) + " may not include " + std::string(to)));
      }
    }
  }
}

TEST_CASE("client and coordinator never include each other, the public header of the client included") {
  CHECK(caught("client/session.cpp", "#include \"coordinator/round_machine.h\"\n", "client may not include coordinator"));
  CHECK(caught("coordinator/main.cpp", "#include \"client/session.h\"\n", "coordinator may not include client"));
  CHECK(caught("coordinator/main.cpp", "#include <fedspend/client.h>\n", "coordinator may not include client"));
  CHECK(allowed("client/c_api.cpp", "#include \"fedspend/client.h\"\n"));
}

TEST_CASE("the agent knows the client by its C ABI alone") {
  CHECK(caught("client/agent/agent.cpp", "#include \"client/session.h\"\n", "by <fedspend/client.h> alone"));
  CHECK(allowed("client/agent/agent.cpp", "#include \"client/agent/agent_device.h\"\n#include <fedspend/client.h>\n#include \"common/clock.h\"\n"));
}

TEST_CASE("a third-party header is caught outside its home") {
  const Sample samples[] = {
      {"models/trainer.cpp", "#include <torch/torch.h>\n"},
      {"models/torch/modules.h", "#pragma once\n#include <torch/torch.h>\n"},
      {"simulations/main.cpp", "#include <ATen/core/Tensor.h>\n"},
      {"common/bytes.cpp", "#include <c10/util/Half.h>\n"},
      {"coordinator/main.cpp", "#include <zmq.hpp>\n"},
      {"common/protocol/codec.cpp", "#include <zmq.h>\n"},
      {"client/agent/agent_main.cpp", "#include <zmq_addon.hpp>\n"},
      {"coordinator/store.cpp", "#include <cereal/archives/binary.hpp>\n"},
      {"common/program/key_files.cpp", "#include <sodium.h>\n"},
      {"client/store.cpp", "#include <sodium/utils.h>\n"},
      {"client/session.cpp", "#include <sqlite3.h>\n"},
      {"common/store.cpp", "#include <sqlite3.h>\n"},
      {"simulations/main.cpp", "#include <boost/program_options.hpp>\n"},
      {"coordinator/main.cpp", "#include <spdlog/spdlog.h>\n"},
      {"models/features.cpp", "#include <toml++/toml.h>\n"},
      {"simulations/description.h", "#pragma once\n#include <toml++/toml.h>\n"},
      {"client/history.cpp", "#include <csv.h>\n"},
      {"models/history.h", "#pragma once\n#include <csv.h>\n"},
      {"common/numeric/ring_vector.cpp", "#include <hwy/highway.h>\n"},
      {"simulations/main.cpp", "#include <pybind11/pybind11.h>\n"},
  };
  for (const Sample& sample : samples) {
    CAPTURE(sample.path);
    CAPTURE(sample.source);
    CHECK(caught(sample.path, sample.source, "may only be included in "));
  }
}

TEST_CASE("a third-party header is welcome in its home, and in the tests") {
  const Sample samples[] = {
      {"models/torch/modules.cpp", "#include <torch/torch.h>\n#include <ATen/core/Tensor.h>\n#include <c10/util/Half.h>\n"},
      {"common/transport/zmq_channel.cpp", "#include <zmq.hpp>\n"},
      {"common/protocol/codec.cpp", "#include <cereal/archives/binary.hpp>\n#include <toml++/toml.h>\n"},
      {"common/crypto/hash.cpp", "#include <sodium.h>\n"},
      {"client/vault_store.cpp", "#include <sqlite3.h>\n"},
      {"coordinator/model_store.cpp", "#include <sqlite3.h>\n"},
      {"common/program/program.cpp", "#include <boost/program_options.hpp>\n#include <spdlog/spdlog.h>\n"},
      {"simulations/description.cpp", "#include <toml++/toml.h>\n#include <csv.h>\n"},
      {"models/history.cpp", "#include <csv.h>\n#include <hwy/highway.h>\n"},
      {"simulations/python/module.cpp", "#include <pybind11/numpy.h>\n"},
      {"tests/common/transport/zmq_channel_test.cpp", "#include <zmq.hpp>\n"},
  };
  for (const Sample& sample : samples) {
    CAPTURE(sample.path);
    CHECK(allowed(sample.path, sample.source));
  }
}

TEST_CASE("a quoted include goes from the root") {
  CHECK(caught("common/crypto/hash.cpp", "#include \"hash.h\"\n", "from the root"));
  CHECK(caught("client/session.cpp", "#include \"../coordinator/round_machine.h\"\n", "from the root"));
}

TEST_CASE("the pure folders of common know no clock, no thread, no terminal and no socket") {
  for (const std::string folder : {"crypto", "numeric", "privacy", "protocol", "secagg"}) {
    const std::string path = "common/" + folder + "/a.cpp";
    CAPTURE(path);
    CHECK(caught(path, "#include <thread>\n", "thread: not in the pure folders"));
    CHECK(caught(path, "#include <iostream>\n", "iostream: not in the pure folders"));
    for (const std::string header : {"mutex", "condition_variable", "future", "fstream", "sys/socket.h"})
      CHECK(caught(path, "#include <" + header + ">\n", header + ": not in the pure folders"));
    CHECK(caught(path, "\n\nauto t = std::chrono::steady_clock::now();\n", ":3: steady_clock"));
    CHECK(caught(path, "using std::chrono::system_clock;\n", ":1: system_clock"));
    CHECK(caught(path, "using C = std::chrono::high_resolution_clock;\n", "high_resolution_clock"));
    CHECK(caught(path, "#include \"common/transport/channel.h\"\n", "not in the pure folders"));
    CHECK(caught(path, "#include \"common/program/program.h\"\n", "not in the pure folders"));
    CHECK(allowed(path, "#include <chrono>\n#include \"common/clock.h\"\nstd::chrono::milliseconds now;\n"));
  }
  CHECK(allowed("common/transport/zmq_channel.cpp", "#include <thread>\nstd::chrono::steady_clock c;\n"));
}

TEST_CASE("the standard library's generators stay out of common") {
  CHECK(caught("common/numeric/a.cpp", "std::mt19937 random;\n", ":1: mt19937"));
  CHECK(caught("common/program/a.cpp", "std::mt19937_64 random;\n", ":1: mt19937_64"));
  CHECK(caught("common/a.cpp", "std::random_device device;\n", "random_device"));
  CHECK(allowed("tests/common/a_test.cpp", "std::mt19937 random;\n"));
}

TEST_CASE("a header starts with #pragma once, comments aside") {
  CHECK(caught("common/a.h", "#include <string>\n", "#pragma once"));
  CHECK(caught("tests/a.h", "", "#pragma once"));
  CHECK(caught("common/a.h", "// #pragma once\nint a;\n", "#pragma once"));
  CHECK(caught("common/a.h", "#include <string>\n#pragma once\n", "#pragma once"));
  CHECK(allowed("common/a.h", "// why\n\n#pragma once\n"));
  CHECK(allowed("common/a.cpp", "int a;\n"));
}

TEST_CASE("comments and literals are not code") {
  CHECK(allowed("common/crypto/a.cpp",
                "// #include \"client/session.h\"\n"
                "/* steady_clock\n#include \"coordinator/a.h\"\n*/\n"
                "const char* text = \"mt19937 // \\\" steady_clock\";\n"
                "const char* raw = R\"x(\n#include \"client/session.h\"\n)x\";\n"
                "const int million = 1'000'000; const char quote = '\"';\n"));
  // What follows a comment or a literal is code again.
  CHECK(caught("common/crypto/a.cpp", "char q = '\"'; int n = 1'000; /* x */ std::mt19937 r; // \"\n", "mt19937"));
  CHECK(caught("common/a.cpp", "int a; /* one */\n#include /* two */ \"client/session.h\"  // three\n", ":2: client/session.h"));
  CHECK(allowed("common/crypto/a.cpp", "int my_mt19937_free = 0;\n"));
}

}  // namespace
}  // namespace fedspend::tests
