#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "common/program/program.h"

namespace fedspend::program {
namespace {

const std::vector<std::string>* find(const Arguments& arguments, const std::string& name) {
  for (const auto& [key, values] : arguments.values)
    if (key == name && !values.empty()) return &values;
  return nullptr;
}

std::string origin_of(const Arguments& arguments, const std::string& name) {
  for (const auto& [key, origin] : arguments.origins)
    if (key == name) return " (from " + origin + ")";
  return {};
}

std::string written(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

template <class Number>
bool parse_whole(const std::string& text, Number& value) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end;
}

std::string proposal(const std::string& name, std::string_view example) { return example.empty() ? std::string() : "try --" + name + " " + std::string(example); }

}  // namespace

bool Arguments::has(const std::string& name) const { return find(*this, name) != nullptr; }

Result<std::string> Arguments::text(const std::string& name) const {
  const auto* const found = find(*this, name);
  if (found == nullptr) return fail(ErrorCode::invalid_argument, "--" + name + " is required");
  return found->back();
}

std::optional<std::string> Arguments::optional_text(const std::string& name) const {
  const auto* const found = find(*this, name);
  if (found == nullptr) return std::nullopt;
  return found->back();
}

std::vector<std::string> Arguments::texts(const std::string& name) const {
  const auto* const found = find(*this, name);
  return found == nullptr ? std::vector<std::string>{} : *found;
}

Result<std::int64_t> Arguments::integer(const std::string& name, std::int64_t low, std::int64_t high, std::string_view example) const {
  FEDSPEND_ASSIGN(const std::string given, text(name));
  std::int64_t value = 0;
  if (!parse_whole(given, value) || value < low || value > high)
    return fail(ErrorCode::invalid_argument, "--" + name + " '" + given + "'" + origin_of(*this, name) + " is not a whole number from " +
                                                 std::to_string(low) + " to " + std::to_string(high), proposal(name, example));
  return value;
}

Result<double> Arguments::number(const std::string& name, double low, double high, std::string_view example) const {
  FEDSPEND_ASSIGN(const std::string given, text(name));
  double value = 0;
  // The negated comparison refuses NaN, too.
  if (!parse_whole(given, value) || !(value >= low && value <= high))
    return fail(ErrorCode::invalid_argument, "--" + name + " '" + given + "'" + origin_of(*this, name) + " is not a number from " +
                                                 written(low) + " to " + written(high), proposal(name, example));
  return value;
}

bool Arguments::json() const { return optional_text("format") == "json"; }

}  // namespace fedspend::program
