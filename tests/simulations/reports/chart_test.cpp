#include "simulations/reports/chart.h"

#include <algorithm>
#include <regex>

#include <doctest/doctest.h>

#include "simulations/reports/quantities.h"

using namespace fedspend::simulations;

namespace {

LineChart chart_of(std::vector<Line> lines, std::vector<Level> levels = {}) {
  return {.title = "T", .caption = "C", .x_name = "round", .y_name = "right", .lines = std::move(lines), .levels = std::move(levels),
          .x_text = [](double x) { return count_text(x); }, .y_text = [](double y) { return fixed_text(y, 2); }, .table = {}};
}

// The y coordinates of the names at the right end of the lines.
std::vector<double> name_heights(const std::string& svg) {
  std::vector<double> heights;
  const std::regex name("<text x=\"[0-9.]+\" y=\"([0-9.]+)\" text-anchor=\"start\" class=\"name");
  for (std::sregex_iterator at(svg.begin(), svg.end(), name), end; at != end; ++at) heights.push_back(std::stod((*at)[1]));
  return heights;
}

}  // namespace

TEST_CASE("ticks are round numbers that enclose the values") {
  CHECK(ticks_between(0, 10) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(ticks_between(0, 97) == std::vector<double>{0, 20, 40, 60, 80, 100});
  const std::vector<double> small = ticks_between(0.5012, 0.5478);
  CHECK(small.front() == doctest::Approx(0.50));
  CHECK(small.back() == doctest::Approx(0.55));
  CHECK(small[1] - small[0] == doctest::Approx(0.01));
  for (const auto& [low, high] : {std::pair{-3.2, 8.1}, std::pair{1e-7, 3e-7}, std::pair{-1e9, 1e9}, std::pair{5.0, 5.0}, std::pair{0.0, 0.0}, std::pair{-2.0, -2.0}}) {
    const std::vector<double> ticks = ticks_between(low, high);
    CAPTURE(low);
    CHECK(ticks.size() >= 3);
    CHECK(ticks.size() <= 8);
    CHECK(ticks.front() <= low);
    CHECK(ticks.back() >= high);
    CHECK(std::is_sorted(ticks.begin(), ticks.end()));
  }
}

TEST_CASE("a point's bar reaches from its lowest to its highest value, and the axis has room for it") {
  const std::string markup = figure_of(chart_of({{"a", Tone::main, {{1, 0.4}, {2, 0.5}}, {{0.2, 0.45}, {0.5, 0.8}}}})).markup();
  const std::regex bar("<line class=\"bar main\" x1=\"([0-9.]+)\" y1=\"([0-9.]+)\" x2=\"([0-9.]+)\" y2=\"([0-9.]+)\"/>");
  const std::regex dot("<circle class=\"main\" cx=\"([0-9.]+)\" cy=\"([0-9.]+)\"");
  std::vector<std::pair<double, double>> upright;  // top and bottom, px
  for (std::sregex_iterator at(markup.begin(), markup.end(), bar), end; at != end; ++at)
    if ((*at)[1] == (*at)[3]) upright.emplace_back(std::stod((*at)[4]), std::stod((*at)[2]));
  REQUIRE(upright.size() == 2);
  std::size_t i = 0;
  for (std::sregex_iterator at(markup.begin(), markup.end(), dot), end; at != end; ++at, ++i) {
    CHECK(upright[i].first <= std::stod((*at)[2]));
    CHECK(upright[i].second >= std::stod((*at)[2]));
  }
  CHECK(upright[0].second - upright[0].first == doctest::Approx((0.45 - 0.2) / (0.8 - 0.5) * (upright[1].second - upright[1].first)).epsilon(0.01));
  CHECK(markup.find(">0.80</text>") != std::string::npos);
  CHECK(figure_of(chart_of({{"a", Tone::main, {{1, 0.4}, {2, 0.5}}}})).markup().find("bar main") == std::string::npos);
}

TEST_CASE("thinning keeps the mean, and leaves few points as they are") {
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i < 1000; ++i) points.emplace_back(i, i % 2);
  CHECK(thinned(points, 1000) == points);
  const auto few = thinned(points, 100);
  CHECK(few.size() == 100);
  CHECK(few.front().first == 4.5);
  CHECK(std::all_of(few.begin(), few.end(), [](const auto& point) { return point.second == 0.5; }));
}

TEST_CASE("a chart names its lines, its axes and its numbers, and text in it is escaped") {
  LineChart chart = chart_of({{"a<b", Tone::main, {{1, 0.2}, {2, 0.4}}}}, {{"R&D", 0.3}});
  chart.title = "<script>";
  chart.table = {.caption = {}, .header = {"round"}, .rows = {{"1"}}};
  const std::string markup = figure_of(chart).markup();
  for (const std::string part : {"&lt;script&gt;", "a&lt;b", "R&amp;D", ">round<", ">right<", ">0.20<", ">0.40<", "<table>", "role=\"img\""}) {
    CAPTURE(part);
    CHECK(markup.find(part) != std::string::npos);
  }
  CHECK(markup.find("<script>") == std::string::npos);
}

TEST_CASE("names of lines that end at one place do not cover each other, and stay in the picture") {
  std::vector<Line> lines;
  for (const std::string name : {"a", "b", "c", "d", "e"}) lines.push_back({name, Tone::main, {{1, 0}, {2, 1}}});
  std::vector<double> heights = name_heights(figure_of(chart_of(lines)).markup());
  REQUIRE(heights.size() == 5);
  std::sort(heights.begin(), heights.end());
  for (std::size_t i = 1; i < heights.size(); ++i) CHECK(heights[i] - heights[i - 1] >= 14.9);
  CHECK(heights.front() >= 10);
  CHECK(heights.back() <= 270);
}

TEST_CASE("one round, one value, and no value at all make no broken picture") {
  const std::string one = figure_of(chart_of({{"a", Tone::main, {{7, 0.5}}}})).markup();
  CHECK(one.find("nan") == std::string::npos);
  CHECK(one.find("inf") == std::string::npos);
  CHECK(one.find("<circle") != std::string::npos);
  CHECK(figure_of(chart_of({{"a", Tone::main, {}}})).empty());
  CHECK(figure_of(chart_of({})).empty());
}
