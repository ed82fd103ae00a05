#pragma once
// The form that most hostile cases have: one message is altered, and the other end must take no notice but of the reason. Each is run
// twice, with the right message after the altered one (nothing has changed: the round ends right with everybody in it) and
// without (whoever it concerns is a dropout; the sum of the others is right). In both, no secret leaves a device.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "tests/common/secagg/secure_session.h"

namespace fedspend::testing {

inline bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Of what should be an error, and would be reported as none.
template <class T>
std::string reason_of(const Result<T>& result) {
  return result ? std::string("it was accepted") : result.error().message;
}
template <class T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

// The server's T to `victim`.
template <class T>
void check_client_refuses(const std::function<void(T& message, Delivery& delivery, SecureSession& session)>& alter, ErrorCode code, std::string_view why,
                          const SessionOptions& options = {}, std::size_t victim = 2) {
  CAPTURE(why);
  for (const bool then_the_right_one : {true, false}) {
    CAPTURE(then_the_right_one);
    SecureSession session(options);
    bool altered = false;
    session.down = [&](std::vector<Delivery>& deliveries) {
      Delivery* right = find<T>(deliveries, victim);
      if (right == nullptr) return;
      Delivery wrong = *right;
      alter(std::get<T>(wrong.message), wrong, session);
      altered = true;
      if (then_the_right_one) deliveries.insert(deliveries.begin(), wrong);
      else *right = wrong;
    };
    const SessionEnd end = session.run();
    REQUIRE(altered);
    const std::vector<Error>& refusals = session.client(victim).refusals;
    // A survivor who has signed nothing is shown the quorum of the others, and has no use for it.
    const bool is_shown_quorum = std::is_same_v<T, Survivors> && !then_the_right_one;
    REQUIRE(refusals.size() == (is_shown_quorum ? 2 : 1));
    CHECK(refusals[0].code == code);
    CHECK_MESSAGE(holds(refusals[0].message, why), refusals[0].message);
    CHECK(refusals.back().code == (is_shown_quorum ? ErrorCode::conflict : code));
    CHECK(session.refusals() == refusals.size());
    CHECK(end.aborted == "");
    CHECK(end.is_right);
    const bool counts = then_the_right_one || std::is_same_v<T, Survivors> || std::is_same_v<T, Quorum>;
    CHECK(end.contributors.size() == options.clients - (counts ? 0 : 1));
    CHECK(session.leak() == "");
  }
}

// The T of `sender` to the server.
template <class T>
void check_server_drops(const std::function<void(T& message, Delivery& delivery, SecureSession& session)>& alter, Verdict verdict, const SessionOptions& options = {},
                        std::size_t sender = 2) {
  for (const bool then_the_right_one : {true, false}) {
    CAPTURE(then_the_right_one);
    SecureSession session(options);
    bool altered = false;
    session.up = [&](std::vector<Delivery>& deliveries) {
      Delivery* right = find<T>(deliveries, sender);
      if (right == nullptr) return;
      Delivery wrong = *right;
      alter(std::get<T>(wrong.message), wrong, session);
      session.sign(wrong);
      altered = true;
      if (then_the_right_one) deliveries.insert(deliveries.begin(), wrong);
      else *right = wrong;
    };
    const SessionEnd end = session.run();
    REQUIRE(altered);
    CHECK(session.count(verdict) == 1);
    CHECK(session.refusals() == 0);
    CHECK(end.aborted == "");
    CHECK(end.is_right);
    const bool counts = then_the_right_one || std::is_same_v<T, SignSurvivors> || std::is_same_v<T, Unmask>;
    CHECK(end.contributors.size() == options.clients - (counts ? 0 : 1));
    CHECK(session.leak() == "");
  }
}

}  // namespace fedspend::testing
