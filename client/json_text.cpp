#include "client/json_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "common/protocol/plain_text.h"

namespace fedspend::client {
namespace {

// From here on with an exponent, and below 10^-4.
constexpr int kMostPlainDigits = 15;
constexpr int kLeastPlainExponent = -4;

void add_escaped(std::string& out, unsigned char byte) {
  constexpr std::string_view kNames = "btn?fr";  // of 8 to 13
  constexpr std::string_view kHex = "0123456789abcdef";
  if (byte >= '\b' && byte <= '\r' && byte != '\v') out += {'\\', kNames[byte - std::size_t{'\b'}]};
  else out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15U]};
}

std::string quoted(std::string_view value) {
  std::string out = "\"";
  while (!value.empty()) {
    const auto byte = static_cast<unsigned char>(value.front());
    std::size_t bytes = std::min<std::size_t>(byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1, value.size());
    if (byte < 0x20) add_escaped(out, byte);
    else if (byte == '"' || byte == '\\') out += {'\\', value.front()};
    else if (is_utf8(value.substr(0, bytes))) out += value.substr(0, bytes);
    else out += "\xef\xbf\xbd", bytes = 1;
    value.remove_prefix(bytes);
  }
  return out + '"';
}

// The fewest digits of a finite value, and the place of the point among them: 0.00125 is "125" and -2.
struct Digits {
  std::string digits;
  int point = 0;
};

Digits digits_of(double size) {
  std::array<char, 40> written{};
  // What 15 digits or fewer say is said by 15, with zeros behind; but of a denormal number those are too many.
  for (int after = size < std::numeric_limits<double>::min() ? 0 : 14; after <= 16; ++after) {
    std::snprintf(written.data(), written.size(), "%.*e", after, size);
    if (std::strtod(written.data(), nullptr) == size) break;
  }
  const std::string_view text(written.data());
  const std::size_t e = text.find('e');
  Digits made{.digits = {}, .point = std::atoi(written.data() + e + 1) + 1};
  for (const char c : text.substr(0, e))
    if (c >= '0' && c <= '9') made.digits += c;  // not the point, which is the locale's
  while (made.digits.size() > 1 && made.digits.back() == '0') made.digits.pop_back();
  return made;
}

std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  const std::string sign = std::signbit(value) ? "-" : "";
  if (value == 0) return sign + "0.0";
  auto [digits, point] = digits_of(std::abs(value));
  const int count = static_cast<int>(digits.size());
  const auto zeros = [](int n) { return std::string(static_cast<std::size_t>(n), '0'); };
  if (point > kMostPlainDigits || point <= kLeastPlainExponent) {
    if (count > 1) digits.insert(1, ".");
    const int exponent = std::abs(point - 1);
    return sign + digits + (point < 1 ? "e-" : "e+") + (exponent < 10 ? "0" : "") + std::to_string(exponent);
  }
  if (point <= 0) return sign + "0." + zeros(-point) + digits;
  if (count <= point) return sign + digits + zeros(point - count) + ".0";
  return sign + digits.insert(static_cast<std::size_t>(point), ".");
}

}  // namespace

Json::Json(double value) : text_(number(value)) {}
Json::Json(std::string_view value) : text_(quoted(value)) {}

std::string Json::text() const {
  std::string out;
  std::size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&] { (out += '\n').append(2 * depth, ' '); };
  for (std::size_t i = 0; i < text_.size(); ++i) {
    const char c = text_[i];
    if (c == '}' || c == ']') {
      if (!in_string) --depth, new_line();
      out += c;
      continue;
    }
    out += c;
    if (in_string && c == '\\') out += text_[++i];
    else if (c == '"') in_string = !in_string;
    else if (in_string) continue;
    else if (c == ':') out += ' ';
    else if (c == ',') new_line();
    else if (c == '{' || c == '[') {
      if (text_[i + 1] == c + 2) out += text_[++i];  // an empty one: the closing bracket is two further in ASCII
      else ++depth, new_line();
    }
  }
  return out + '\n';
}

JsonArray& JsonArray::add(const Json& value) & {
  if (text_.size() > 1) text_ += ',';
  text_ += value.compact();
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, const Json& value) & {
  members_.emplace_back(name, value.compact());
  return *this;
}

JsonObject::operator Json() const {
  auto members = members_;
  std::ranges::sort(members, {}, &std::pair<std::string_view, std::string>::first);
  std::string text = "{";
  for (const auto& [name, value] : members) ((text += text.size() > 1 ? "," : "") += quoted(name)) += ':' + value;
  return {Json::Written{}, text + "}"};
}

}  // namespace fedspend::client
