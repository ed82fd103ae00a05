#pragma once
// Line charts as inline SVG, sized so that their text stays legible on a phone: lines carry their names at their right end and differ
// in their dashes as well as in colour. Colours come from the page's style (html.cpp), so that one chart serves light and dark.
// Every chart has its numbers in a table under it, folded. Pure functions; coordinates are rounded to a tenth, so that the same
// numbers give the same bytes.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simulations/reports/html.h"

namespace fedspend::simulations {

enum class Tone { main, second, third, fourth, level };

struct Line {
  std::string name;                               // short: it stands beside the line
  Tone tone = Tone::main;
  std::vector<std::pair<double, double>> points;  // x rising; all finite
  std::vector<std::pair<double, double>> bars = {};  // of each point, from lowest to highest; or none at all
};
// A value that does not depend on x, as a line from edge to edge.
struct Level {
  std::string name;
  double value = 0;
};

using NumberText = std::function<std::string(double)>;

struct LineChart {
  std::string title;
  std::string caption;         // what to see, and how it was counted
  std::string x_name, y_name;  // with units
  std::vector<Line> lines;
  std::vector<Level> levels = {};
  NumberText x_text, y_text;   // of the ticks
  bool from_zero = false;      // the y axis includes 0
  bool gain_and_loss = false;  // the area between the first line and 0 is tinted by its sign
  Table table;                 // the same numbers
};

// Nothing if no line has a point.
Html figure_of(const LineChart& chart);

// 1, 2 or 5 times a power of ten apart, from the first at or below `low` to the first at or above `high`; 3 to about `most` + 2 ticks.
std::vector<double> ticks_between(double low, double high, int most = 5);

// At most `most` points: each the mean of equally many neighbours (of the last, of those that are left).
std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& points, std::size_t most = 300);

}  // namespace fedspend::simulations
