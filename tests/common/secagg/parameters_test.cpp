#include "common/secagg/parameters.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>

namespace fedspend {
namespace {

struct Row {
  std::uint32_t corrupt_ppm;
  std::uint32_t dropout_ppm;
  Threat threat;
  std::uint32_t clients;
  GraphSize size;
};

// SECAGG.md, the table of (k, t) at 40 bits and a failure rate of 2^-20.
constexpr Row kTable[] = {
    {50'000, 50'000, Threat::curious, 100, {12, 6}},           {50'000, 50'000, Threat::curious, 1'000, {30, 17}},
    {50'000, 50'000, Threat::curious, 10'000, {34, 20}},       {50'000, 50'000, Threat::semi_malicious, 100, {16, 11}},
    {50'000, 50'000, Threat::semi_malicious, 1'000, {52, 37}}, {50'000, 50'000, Threat::semi_malicious, 10'000, {62, 44}},
    {50'000, 330'000, Threat::curious, 100, {28, 6}},          {50'000, 330'000, Threat::curious, 1'000, {72, 24}},
    {50'000, 330'000, Threat::curious, 10'000, {86, 29}},      {50'000, 330'000, Threat::semi_malicious, 100, {72, 39}},
    {50'000, 330'000, Threat::semi_malicious, 1'000, {398, 223}}, {50'000, 330'000, Threat::semi_malicious, 10'000, {746, 420}},
    {100'000, 100'000, Threat::semi_malicious, 100, {32, 22}}, {100'000, 100'000, Threat::semi_malicious, 1'000, {96, 67}},
    {100'000, 100'000, Threat::semi_malicious, 10'000, {122, 85}}, {100'000, 200'000, Threat::semi_malicious, 100, {52, 32}},
    {100'000, 200'000, Threat::semi_malicious, 1'000, {194, 124}}, {100'000, 200'000, Threat::semi_malicious, 10'000, {280, 179}},
};

SecurityGoal goal_of(const Row& row) {
  return {.clients = row.clients, .corrupt_ppm = row.corrupt_ppm, .dropout_ppm = row.dropout_ppm, .threat = row.threat};
}

TEST_CASE("every row of the table meets the three conditions, and the computed degree is at most the row's") {
  for (const Row& row : kTable) {
    const SecurityGoal goal = goal_of(row);
    CAPTURE(row.clients);
    CAPTURE(row.corrupt_ppm);
    CAPTURE(row.dropout_ppm);
    CAPTURE(to_string(row.threat));
    CHECK(check_graph(goal, row.size).has_value());
    const auto bounds = failure_bounds(goal, row.size);
    REQUIRE(bounds.has_value());
    CHECK(bounds->security_log2 <= -40);
    CHECK(bounds->failure_log2 <= -20);
    CHECK(bounds->connectivity_log2 <= -40);
    const auto computed = smallest_graph(goal);
    REQUIRE(computed.has_value());
    CHECK(computed->degree <= row.size.degree);
    CHECK(computed->degree <= kMaxDegree);
    CHECK(check_graph(goal, *computed).has_value());
    const auto of_computed = failure_bounds(goal, *computed);
    REQUIRE(of_computed.has_value());
    CHECK(of_computed->security_log2 <= -40);
    CHECK(of_computed->failure_log2 <= -20);
    CHECK(of_computed->connectivity_log2 <= -40);
  }
}

TEST_CASE("sized for 80 bits, a thousand clients at .1, .1 need 120 neighbours and 87 shares") {
  const SecurityGoal goal{.clients = 1'000, .security_bits = 80};
  CHECK(check_graph(goal, {120, 87}).has_value());
  const auto computed = smallest_graph(goal);
  REQUIRE(computed.has_value());
  CHECK(computed->degree <= 120);
  // The row for 40 bits does not do.
  CHECK_FALSE(check_graph(goal, {96, 67}).has_value());
}

TEST_CASE("sized against chosen losses, README.md's figures: 40 + log2(n / 2) bits") {
  CHECK(*smallest_graph({.clients = 1'000, .security_bits = 49}) == GraphSize{102, 72});
  CHECK(*smallest_graph({.clients = 10'000, .security_bits = 53}) == GraphSize{132, 93});
}

// log2 of n P, n P and n^2 / 2 P by exact fractions in Python.
TEST_CASE("the bounds of a row are those of exact fractions") {
  const auto bounds = failure_bounds({.clients = 10'000, .corrupt_ppm = 50'000, .dropout_ppm = 330'000}, {746, 420});
  REQUIRE(bounds.has_value());
  CHECK(bounds->security_log2 == doctest::Approx(-42.93614).epsilon(1e-6));
  CHECK(bounds->failure_log2 == doctest::Approx(-20.04041).epsilon(1e-6));
  CHECK(bounds->connectivity_log2 == doctest::Approx(-1087.83053).epsilon(1e-6));
}

TEST_CASE("no smaller degree and no smaller threshold meets the goal") {
  for (const Row& row : kTable) {
    if (row.clients > 1'000) continue;  // the whole search again is slow in a sanitizer
    const SecurityGoal goal = goal_of(row);
    CAPTURE(row.clients);
    const GraphSize smallest = *smallest_graph(goal);
    CHECK_FALSE(check_graph(goal, {smallest.degree, smallest.threshold - 1}).has_value());
    for (std::uint32_t degree = 2; degree < smallest.degree; degree += 2)
      for (std::uint32_t threshold = 2; threshold <= degree; ++threshold)
        if (check_graph(goal, {degree, threshold})) FAIL_CHECK(degree << ", " << threshold << " meets the goal");
  }
}

TEST_CASE("below 65 clients the graph is complete, and its threshold leaves no coalition both secrets") {
  for (std::uint32_t clients = kMinSecureClients; clients < kCompleteBelow; ++clients) {
    CAPTURE(clients);
    for (const Threat threat : {Threat::curious, Threat::semi_malicious}) {
      const SecurityGoal goal{.clients = clients, .threat = threat};
      const auto size = smallest_graph(goal);
      REQUIRE(size.has_value());
      CHECK(size->degree == clients - 1);
      const std::uint32_t corrupt = clients / 10;
      const std::uint32_t dropped = clients / 10;
      if (threat == Threat::semi_malicious) CHECK(2 * size->threshold > size->degree + corrupt);
      else CHECK(size->threshold > corrupt);
      CHECK(size->threshold <= size->degree - dropped);
      CHECK(size->threshold >= 2);
      CHECK(check_graph(goal, *size).has_value());
    }
  }
  CHECK(smallest_graph({.clients = kCompleteBelow})->degree < kCompleteBelow - 1);
}

TEST_CASE("goals that nothing meets are refused, with the conditions that contradict each other") {
  const auto refused = smallest_graph({.clients = 100, .corrupt_ppm = 100'000, .dropout_ppm = 500'000});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().message ==
        "secure aggregation: 100 clients, 10% corrupt, 50% lost, semi-malicious server: no graph holds. Even with all as neighbours a threshold must be at "
        "least 55, or a coalition could get both secrets of a client, and at most 49, or too few shares would be left");
  CHECK(smallest_graph({.clients = 100, .corrupt_ppm = 100'000, .dropout_ppm = 500'000, .threat = Threat::curious}).has_value());
  CHECK_FALSE(smallest_graph({.clients = 100, .corrupt_ppm = 500'000, .dropout_ppm = 500'000, .threat = Threat::curious}).has_value());
  CHECK_FALSE(smallest_graph({.clients = 10, .corrupt_ppm = 999'999, .dropout_ppm = 0}).has_value());
  CHECK_FALSE(smallest_graph({.clients = 100'000, .corrupt_ppm = 330'000, .dropout_ppm = 340'000}).has_value());
  // Within the border, but by so little that only the largest degrees would hold.
  const auto many = smallest_graph({.clients = 100'000, .corrupt_ppm = 330'000, .dropout_ppm = 330'000});
  REQUIRE_FALSE(many.has_value());
  CHECK(many.error().message.find("more than " + std::to_string(kMaxDegree) + " neighbours would be needed") != std::string::npos);
  CHECK(smallest_graph({.clients = 1'000, .corrupt_ppm = 330'000, .dropout_ppm = 330'000}).has_value());
}

TEST_CASE("a goal or a size out of its range is an invalid argument") {
  const auto code = [](const auto& result) { return result ? ErrorCode::internal : result.error().code; };
  CHECK(code(smallest_graph({.clients = 2})) == ErrorCode::invalid_argument);
  CHECK(code(smallest_graph({.clients = kMaxSecureClients + 1})) == ErrorCode::invalid_argument);
  CHECK(code(smallest_graph({.clients = 0xffffffff})) == ErrorCode::invalid_argument);
  CHECK(code(smallest_graph({.clients = 100, .corrupt_ppm = 1'000'000})) == ErrorCode::invalid_argument);
  CHECK(code(smallest_graph({.clients = 100, .dropout_ppm = 1'000'000})) == ErrorCode::invalid_argument);
  CHECK(code(smallest_graph({.clients = 100, .security_bits = 0})) == ErrorCode::invalid_argument);
  CHECK(code(smallest_graph({.clients = 100, .failure_bits = 129})) == ErrorCode::invalid_argument);
  const SecurityGoal goal{.clients = 100};
  for (const GraphSize size : {GraphSize{0, 0}, GraphSize{1, 1}, GraphSize{31, 22}, GraphSize{100, 60}, GraphSize{102, 60}, GraphSize{32, 33}, GraphSize{32, 1}, GraphSize{32, 0}})
    CHECK(code(check_graph(goal, size)) == ErrorCode::invalid_argument);
  CHECK(code(quorum_size({.clients = 1}, 1)) == ErrorCode::invalid_argument);
}

TEST_CASE("each condition refuses for its own reason") {
  const SecurityGoal goal{.clients = 1'000};
  const auto message = [&](GraphSize size) { return check_graph(goal, size).error().message; };
  CHECK(message({96, 66 - 8}).find("both secrets") != std::string::npos);
  CHECK(message({96, 48}).find("both secrets") != std::string::npos);  // 2t = k
  CHECK(message({96, 70}).find("too few shares") != std::string::npos);
  // Curious, with few neighbours: three of them keep a secret, but two runs of one are soon gone.
  const SecurityGoal sparse{.clients = 1'000, .corrupt_ppm = 1'000, .dropout_ppm = 1'000, .threat = Threat::curious};
  CHECK(check_graph(sparse, {2, 2}).error().message.find("fall apart") == std::string::npos);  // it already has too few shares
  const SecurityGoal loose{.clients = 1'000, .corrupt_ppm = 300'000, .dropout_ppm = 0, .threat = Threat::curious};
  CHECK(check_graph(loose, {20, 20}).error().message.find("both secrets") != std::string::npos);
  CHECK(check_graph({.clients = 1'000, .corrupt_ppm = 2'000, .dropout_ppm = 500'000, .threat = Threat::curious, .failure_bits = 1}, {38, 4}).error().message.find("fall apart") !=
        std::string::npos);
}

TEST_CASE("a quorum is more than half with the corrupt part, and two of them share an honest client") {
  CHECK(*quorum_size({.clients = 1'000}, 0) == 551);
  CHECK(*quorum_size({.clients = 1'000, .corrupt_ppm = 50'000, .dropout_ppm = 330'000}, 0) == 526);
  CHECK(*quorum_size({.clients = 1'000}, 700) == 700);
  CHECK(*quorum_size({.clients = 101}, 0) == 56);  // floor(55.55) + 1
  CHECK(rc::check([] {
    const SecurityGoal goal{.clients = *rc::gen::inRange<std::uint32_t>(3, 5'000), .corrupt_ppm = *rc::gen::inRange<std::uint32_t>(0, 1'000'000), .dropout_ppm = 0};
    const auto quorum = quorum_size(goal, 0);
    RC_PRE(quorum.has_value());
    // |A and B| >= 2 q - n, more than gamma n, so more than all that are corrupt.
    RC_ASSERT(2 * *quorum > goal.clients + goal.corrupt());
    RC_ASSERT(*quorum <= goal.clients);
  }));
}

TEST_CASE("a quorum that the tolerated losses would leave out of reach is refused") {
  CHECK(quorum_size({.clients = 1'000}, 900).has_value());
  const auto refused = quorum_size({.clients = 1'000}, 901);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().message.find("901 signatures") != std::string::npos);
  CHECK_FALSE(quorum_size({.clients = 1'000, .corrupt_ppm = 100'000, .dropout_ppm = 450'000}, 0).has_value());
  CHECK(quorum_size({.clients = 1'000, .corrupt_ppm = 100'000, .dropout_ppm = 449'000}, 0).has_value());
}

TEST_CASE("parts per million count clients exactly") {
  const SecurityGoal goal{.clients = 100, .corrupt_ppm = 290'000, .dropout_ppm = 330'000};
  CHECK(goal.corrupt() == 29);  // .29 * 100 is below 29 in floating point
  CHECK(goal.dropped() == 33);
  const SecurityGoal odd{.clients = 33, .corrupt_ppm = 50'000, .dropout_ppm = 999'999};
  CHECK(odd.corrupt() == 1);
  CHECK(odd.dropped() == 32);
}

}  // namespace
}  // namespace fedspend
