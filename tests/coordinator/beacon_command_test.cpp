// The external beacon as a program (hostile case 33): scripts that print the right thing, the wrong thing, nothing, or never end.
#include "coordinator/beacon_command.h"

#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <optional>

#include <doctest/doctest.h>

#include "tests/common/program/capture.h"
#include "tests/common/secagg/signing_beacon.h"

namespace fedspend::coordinator {
namespace {

using test::TemporaryFolder;
using test::content_of;

template <class T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

struct Scripts {
  TemporaryFolder folder;
  IdentityKey key = testing::beacon_key();
  SessionId assignment;
  Hash256 root{};

  Scripts() {
    assignment.bytes.fill(0x0a);
    root.fill(0xb0);
  }
  std::string script(const std::string& lines) const {
    const auto path = folder / "beacon";
    test::write_text(path, "#!/bin/sh\n" + lines + "\n");
    REQUIRE(::chmod(path.c_str(), 0700) == 0);
    return path;
  }
  std::string signature(const IdentityKey& by) const { return to_hex(sign_beacon(by, assignment, root)); }
  Result<BeaconDraw> draw(const std::string& lines, Millis timeout = Millis(20'000)) const {
    BeaconCommand command(script(lines), key.public_key(), timeout);
    return command.draw(assignment, root);
  }
};

TEST_CASE("a command that prints the beacon's signature of attempt and root, which it was given, is the beacon") {
  const Scripts scripts;
  for (const std::string end : {"\\n", "", "\\r\\n", " \\n"}) {
    const auto draw = scripts.draw("echo \"$# $1 $2\" > " + (scripts.folder / "given").string() + "; cat > /dev/null; printf '" + scripts.signature(scripts.key) + end + "'");
    REQUIRE_MESSAGE(draw, draw.error().message);
    CHECK(*draw == *open_beacon(scripts.key.public_key(), scripts.assignment, scripts.root, sign_beacon(scripts.key, scripts.assignment, scripts.root)));
    CHECK(content_of(scripts.folder / "given") == "2 " + scripts.assignment.hex() + " " + to_hex(scripts.root) + "\n");
  }
}

TEST_CASE("a command that prints anything else is refused with its reason, before a device sees it") {
  const Scripts scripts;
  const std::string right = scripts.signature(scripts.key);
  for (const std::string& rubbish : {std::string("rubbish"), std::string(), right.substr(2), right + "00", std::string(128, 'g'), right + "\\n00"}) {
    CAPTURE(rubbish);
    CHECK(code_of(scripts.draw("printf '" + rubbish + "'")) == ErrorCode::malformed);
  }
  SessionId other;
  other.bytes.fill(1);
  for (const std::string& wrong : {scripts.signature(testing::beacon_key(5)), std::string(128, '0'), to_hex(sign_beacon(scripts.key, other, scripts.root)),
                                   to_hex(sign_beacon(scripts.key, scripts.assignment, Hash256{}))}) {
    CAPTURE(wrong);
    const auto draw = scripts.draw("echo " + wrong);
    REQUIRE(code_of(draw) == ErrorCode::unauthorized);
    CHECK(draw.error().message.find("is not the signature of --beacon-key") != std::string::npos);
  }
  CHECK(code_of(scripts.draw("yes " + right)) == ErrorCode::timeout);
}

TEST_CASE("a command that fails, is killed or is not there is no beacon, whatever it has printed") {
  const Scripts scripts;
  const std::string right = "echo " + scripts.signature(scripts.key);
  for (const std::string end : {"exit 1", "kill -9 $$"}) CHECK(code_of(scripts.draw(right + "; " + end)) == ErrorCode::unavailable);
  BeaconCommand absent((scripts.folder / "absent").string(), scripts.key.public_key());
  CHECK(code_of(absent.draw(scripts.assignment, scripts.root)) == ErrorCode::unavailable);
}

TEST_CASE("a command that hangs is ended in time with what it has started, also when it has closed its output before") {
  const Scripts scripts;
  const std::string note = "sleep 600 & echo $! > " + (scripts.folder / "child").string() + "; ";
  const std::string right = "echo " + scripts.signature(scripts.key);
  for (const std::string& lines : {note + "wait", note + right + "; wait", note + right + "; exec >&-; wait", note + right}) {
    CAPTURE(lines);
    const auto begun = std::chrono::steady_clock::now();
    CHECK(code_of(scripts.draw(lines, Millis(300))) == ErrorCode::timeout);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));
    const pid_t child = std::stoi(content_of(scripts.folder / "child"));
    bool gone = false;
    for (int i = 0; i < 400 && !gone; ++i) {
      // Ended; until somebody reaps it, it is still in the table.
      const std::string state = content_of("/proc/" + std::to_string(child) + "/stat");
      gone = ::kill(child, 0) != 0 || state.find(") Z ") != std::string::npos;
      if (!gone) ::usleep(5'000);
    }
    CHECK(gone);
  }
}

}  // namespace
}  // namespace fedspend::coordinator
