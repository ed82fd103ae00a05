#include "simulations/reports/chart.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

constexpr double kWidth = 400, kHeight = 270, kTop = 26, kBottom = 42;
constexpr double kLetter = 7.4;        // px a letter of 13 px text takes, in a wide font
constexpr double kBoldLetter = 9.0;    // the same in a line's name
constexpr double kBetweenNames = 15;   // px from one name to the next below it

std::string_view css_of(Tone tone) {
  switch (tone) {
    case Tone::main: return "main";
    case Tone::second: return "second";
    case Tone::third: return "third";
    case Tone::fourth: return "fourth";
    case Tone::level: return "level";
  }
  return "level";
}

std::string px(double value) { return fixed_text(value, 1); }

struct Scale {
  double low = 0, high = 1, from = 0, to = 1;
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

struct Frame {
  Scale x, y;
  std::vector<double> x_ticks, y_ticks;
};

std::string svg_text(double x, double y, std::string_view anchor, const std::string& text, std::string_view css = {}) {
  const std::string css_class = css.empty() ? "" : " class=\"" + std::string(css) + "\"";
  return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" text-anchor=\"" + std::string(anchor) + "\"" + css_class + ">" + Html(text).markup() + "</text>";
}

std::string svg_line(double x1, double y1, double x2, double y2, std::string_view css) {
  return "<line class=\"" + std::string(css) + "\" x1=\"" + px(x1) + "\" y1=\"" + px(y1) + "\" x2=\"" + px(x2) + "\" y2=\"" + px(y2) + "\"/>";
}

Frame frame_of(const LineChart& chart) {
  double x_low = INFINITY, x_high = -INFINITY, y_low = chart.from_zero ? 0 : INFINITY, y_high = chart.from_zero ? 0 : -INFINITY;
  for (const Line& line : chart.lines) {
    for (const auto& [x, y] : line.points) {
      x_low = std::min(x_low, x), x_high = std::max(x_high, x);
      y_low = std::min(y_low, y), y_high = std::max(y_high, y);
    }
    for (const auto& [low, high] : line.bars) y_low = std::min(y_low, low), y_high = std::max(y_high, high);
  }
  for (const Level& level : chart.levels) y_low = std::min(y_low, level.value), y_high = std::max(y_high, level.value);
  Frame frame;
  frame.y_ticks = ticks_between(y_low, y_high);
  frame.x_ticks = ticks_between(x_low, x_high, 6);
  std::erase_if(frame.x_ticks, [&](double tick) { return tick < x_low - 1e-9 || tick > x_high + 1e-9; });
  double widest_tick = 0;
  for (const double tick : frame.y_ticks) widest_tick = std::max(widest_tick, static_cast<double>(chart.y_text(tick).size()));
  std::size_t longest_name = 0;
  for (const Line& line : chart.lines) longest_name = std::max(longest_name, line.name.size());
  for (const Level& level : chart.levels) longest_name = std::max(longest_name, level.name.size());
  const double left = 10 + kLetter * widest_tick, right = 12 + kBoldLetter * static_cast<double>(longest_name);
  if (x_low == x_high) x_low -= 1, x_high += 1;
  frame.x = {x_low, x_high, left, kWidth - right};
  frame.y = {frame.y_ticks.front(), frame.y_ticks.back(), kHeight - kBottom, kTop};
  return frame;
}

std::string axes_of(const LineChart& chart, const Frame& frame) {
  std::string svg;
  for (const double tick : frame.y_ticks) {
    const double y = frame.y(tick);
    svg += svg_line(frame.x.from, y, frame.x.to, y, tick == 0 && chart.gain_and_loss ? "zero" : "grid") + svg_text(frame.x.from - 6, y + 4.5, "end", chart.y_text(tick));
  }
  svg += svg_line(frame.x.from, frame.y.from, frame.x.to, frame.y.from, "axis");
  double free_from = -INFINITY;  // of a name that the one before it does not cover
  for (const double tick : frame.x_ticks) {
    const double x = frame.x(tick), half = kLetter * static_cast<double>(chart.x_text(tick).size()) / 2;
    svg += svg_line(x, frame.y.from, x, frame.y.from + 4, "axis");
    if (x - half < free_from) continue;
    svg += svg_text(x, frame.y.from + 18, "middle", chart.x_text(tick));
    free_from = x + half + 4;
  }
  svg += svg_text((frame.x.from + frame.x.to) / 2, kHeight - 6, "middle", chart.x_name);
  return svg + svg_text(4, 14, "start", chart.y_name);
}

std::string path_of(const std::vector<std::pair<double, double>>& points, const Frame& frame) {
  std::string path;
  for (const auto& [x, y] : points) path += (path.empty() ? "M" : "L") + px(frame.x(x)) + " " + px(frame.y(y));
  return path;
}

std::string tint_of(const Line& line, const Frame& frame) {
  std::string svg;
  for (const bool gain : {true, false}) {
    std::string path = "M" + px(frame.x(line.points.front().first)) + " " + px(frame.y(0));
    for (const auto& [x, y] : line.points) path += "L" + px(frame.x(x)) + " " + px(frame.y(gain ? std::max(y, 0.0) : std::min(y, 0.0)));
    svg += "<path class=\"" + std::string(gain ? "gain" : "lose") + "\" d=\"" + path + "L" + px(frame.x(line.points.back().first)) + " " + px(frame.y(0)) + "Z\"/>";
  }
  return svg;
}

struct Name {
  std::string text;
  Tone tone;
  double at;     // px, where the line ends
  double shown;  // px, where the name has room
};

// Names that would cover each other are pushed apart: down from the top, then up again from the bottom.
void spread(std::vector<Name>& names) {
  std::stable_sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.at < b.at; });
  double room = kTop;
  for (Name& name : names) room = (name.shown = std::max(name.at, room)) + kBetweenNames;
  room = kHeight - kBottom;
  for (auto name = names.rbegin(); name != names.rend(); ++name) room = (name->shown = std::min(name->shown, room)) - kBetweenNames;
}

std::string names_of(const LineChart& chart, const Frame& frame) {
  std::vector<Name> names;
  for (const Line& line : chart.lines)
    if (!line.points.empty()) names.push_back({line.name, line.tone, frame.y(line.points.back().second), 0});
  for (const Level& level : chart.levels) names.push_back({level.name, Tone::level, frame.y(level.value), 0});
  spread(names);
  std::string svg;
  for (const Name& name : names) {
    const std::string css(css_of(name.tone));
    if (std::abs(name.at - name.shown) > 2) svg += svg_line(frame.x.to, name.at, frame.x.to + 7, name.shown, "lead " + css);
    svg += svg_text(frame.x.to + 9, name.shown + 4.5, "start", name.text, "name " + css);
  }
  return svg;
}

// With a short stroke at both ends.
std::string bars_of(const Line& line, const Frame& frame) {
  constexpr double kHalfStroke = 4;
  const std::string css = "bar " + std::string(css_of(line.tone));
  std::string svg;
  for (std::size_t i = 0; i < line.bars.size(); ++i) {
    const double x = frame.x(line.points[i].first), low = frame.y(line.bars[i].first), high = frame.y(line.bars[i].second);
    svg += svg_line(x, low, x, high, css) + svg_line(x - kHalfStroke, low, x + kHalfStroke, low, css) + svg_line(x - kHalfStroke, high, x + kHalfStroke, high, css);
  }
  return svg;
}

std::string svg_of(const LineChart& chart) {
  const Frame frame = frame_of(chart);
  std::string svg = "<svg viewBox=\"0 0 400 270\" role=\"img\" aria-label=\"" + Html(chart.title + ". The numbers are in the table below.").markup() + "\">";
  svg += axes_of(chart, frame);
  if (chart.gain_and_loss) svg += tint_of(chart.lines.front(), frame);
  for (const Level& level : chart.levels) svg += svg_line(frame.x.from, frame.y(level.value), frame.x.to, frame.y(level.value), "line level");
  for (const Line& line : chart.lines) {
    if (line.points.empty()) continue;
    svg += "<path class=\"line " + std::string(css_of(line.tone)) + "\" d=\"" + path_of(line.points, frame) + "\"/>" + bars_of(line, frame);
    constexpr std::size_t kFewPoints = 12;  // then each is marked
    if (line.points.size() > kFewPoints) continue;
    for (const auto& [x, y] : line.points) svg += "<circle class=\"" + std::string(css_of(line.tone)) + "\" cx=\"" + px(frame.x(x)) + "\" cy=\"" + px(frame.y(y)) + "\" r=\"3\"/>";
  }
  return svg + names_of(chart, frame) + "</svg>";
}

}  // namespace

std::vector<double> ticks_between(double low, double high, int most) {
  if (high - low < 1e-12 * std::max({1.0, std::abs(low), std::abs(high)})) {  // one value: some room around it
    const double room = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= room, high += room;
  }
  const double rough = (high - low) / most, magnitude = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * magnitude;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * magnitude >= rough * 0.999) step = factor * magnitude;
  std::vector<double> ticks;
  const auto first = static_cast<long>(std::floor(low / step + 1e-9)), last = static_cast<long>(std::ceil(high / step - 1e-9));
  for (long i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& points, std::size_t most) {
  if (points.size() <= most) return points;
  const std::size_t of_each = (points.size() + most - 1) / most;
  std::vector<std::pair<double, double>> means;
  for (std::size_t begin = 0; begin < points.size(); begin += of_each) {
    const std::size_t end = std::min(points.size(), begin + of_each);
    double x = 0, y = 0;
    for (std::size_t i = begin; i < end; ++i) x += points[i].first, y += points[i].second;
    means.emplace_back(x / static_cast<double>(end - begin), y / static_cast<double>(end - begin));
  }
  return means;
}

Html figure_of(const LineChart& chart) {
  for (const Line& line : chart.lines) FEDSPEND_CHECK(line.bars.empty() || line.bars.size() == line.points.size(), "a bar for every point, or none");
  if (std::all_of(chart.lines.begin(), chart.lines.end(), [](const Line& line) { return line.points.empty(); })) return {};
  return element("figure", element("h3", chart.title) + Html::raw(svg_of(chart)) + element("figcaption", chart.caption) + folded("The numbers", table_of(chart.table))) + Html::raw("\n");
}

}  // namespace fedspend::simulations
