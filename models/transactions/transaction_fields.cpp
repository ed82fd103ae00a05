#include "models/transactions/transaction_fields.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace fedspend::models {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};

struct TimeParts {
  std::int64_t year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

bool is_leap(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

unsigned days_in(std::int64_t year, unsigned month) {
  constexpr std::array<unsigned, 12> days = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

std::optional<std::int64_t> seconds_of(const TimeParts& parts) {
  if (parts.year < 1 || parts.month < 1 || parts.month > 12 || parts.day < 1 || parts.day > days_in(parts.year, parts.month)) return std::nullopt;
  if (parts.hour > 23 || parts.minute > 59 || parts.second > 59) return std::nullopt;
  return seconds_of_day(parts.year, parts.month, parts.day) + std::int64_t{parts.hour} * 3600 + std::int64_t{parts.minute} * 60 + parts.second;
}

// Takes `most` digits at most and `least` at least from the front of `text`.
std::optional<unsigned> take_number(std::string_view& text, std::size_t least, std::size_t most) {
  unsigned value = 0;
  std::size_t taken = 0;
  while (taken < most && taken < text.size() && is_digit(text[taken])) value = value * 10 + static_cast<unsigned>(text[taken++] - '0');
  if (taken < least) return std::nullopt;
  text.remove_prefix(taken);
  return value;
}

std::optional<unsigned> take_month_name(std::string_view& text) {
  if (text.size() < 3) return std::nullopt;
  for (unsigned month = 0; month < kMonths.size(); ++month) {
    const bool same = std::equal(kMonths[month].begin(), kMonths[month].end(), text.begin(), [](char name, char c) {
      return name == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    });
    if (same) {
      text.remove_prefix(3);
      return month + 1;
    }
  }
  return std::nullopt;
}

std::optional<unsigned> take_conversion(char conversion, bool two_digits, std::string_view& text) {
  switch (conversion) {
    case 'Y': return take_number(text, 4, 4);
    case 'b': return take_month_name(text);
    case 'y': return take_number(text, 2, 2);
    default: return take_number(text, two_digits ? 2 : 1, 2);
  }
}

void put(TimeParts& parts, char conversion, unsigned value) {
  switch (conversion) {
    case 'Y': parts.year = value; break;
    case 'y': parts.year = value < 69 ? 2000 + value : 1900 + value; break;
    case 'm':
    case 'b': parts.month = value; break;
    case 'd': parts.day = value; break;
    case 'H': parts.hour = value; break;
    case 'M': parts.minute = value; break;
    default: parts.second = value; break;
  }
}

struct CivilDate {
  std::int64_t year;
  unsigned month, day;
};

// Hinnant's civil_from_days.
CivilDate civil_of(std::int64_t time_s) {
  std::int64_t days = time_s / 86400 - (time_s % 86400 < 0 ? 1 : 0);
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {.year = std::int64_t{year_of_era} + era * 400 + (month <= 2 ? 1 : 0), .month = month, .day = day_of_year - (153 * shifted + 2) / 5 + 1};
}

}  // namespace

std::optional<std::int64_t> parse_amount_minor(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  std::int64_t value = 0;
  std::size_t since_comma = 0;  // digits after the last comma
  bool commas = false;
  for (const char c : whole) {
    if (c == ',') {
      if (since_comma == 0 || since_comma > 3 || (commas && since_comma != 3)) return std::nullopt;
      commas = true;
      since_comma = 0;
      continue;
    }
    if (!is_digit(c)) return std::nullopt;
    ++since_comma;
    value = value * 10 + (c - '0');
    if (value > kMaxAmountMinor / 100) return std::nullopt;
  }
  if (commas && since_comma != 3) return std::nullopt;
  value *= 100;
  if (point == text.size()) {
    if (whole.empty()) return std::nullopt;
    return negative ? -value : value;
  }
  const std::string_view fraction = text.substr(point + 1);
  if (fraction.empty() || !std::all_of(fraction.begin(), fraction.end(), is_digit)) return std::nullopt;
  value += (fraction[0] - '0') * 10;
  if (fraction.size() > 1) value += fraction[1] - '0';
  if (fraction.size() > 2 && fraction[2] >= '5') ++value;
  if (value > kMaxAmountMinor) return std::nullopt;
  return negative ? -value : value;
}

std::string format_amount(std::int64_t amount_minor) {
  const std::uint64_t magnitude = amount_minor < 0 ? 0 - static_cast<std::uint64_t>(amount_minor) : static_cast<std::uint64_t>(amount_minor);
  std::string text = amount_minor < 0 ? "-" : "";
  text += std::to_string(magnitude / 100);
  text += '.';
  text += static_cast<char>('0' + magnitude / 10 % 10);
  text += static_cast<char>('0' + magnitude % 10);
  return text;
}

// Hinnant's days_from_civil.
std::int64_t seconds_of_day(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return (era * 146097 + std::int64_t{day_of_era} - 719468) * 86400;
}

CalendarMonth month_of(std::int64_t time_s) {
  const CivilDate date = civil_of(time_s);
  return {.year = date.year, .month = date.month};
}

std::string format_date(std::int64_t time_s) {
  const CivilDate date = civil_of(time_s);
  char text[40];
  std::snprintf(text, sizeof text, "%04lld-%02u-%02u", static_cast<long long>(date.year), date.month, date.day);
  return text;
}

std::string format_rfc3339(std::int64_t time_s) {
  const std::int64_t second_of_day = (time_s % 86400 + 86400) % 86400;
  char text[40];
  std::snprintf(text, sizeof text, "T%02d:%02d:%02dZ", static_cast<int>(second_of_day / 3600), static_cast<int>(second_of_day / 60 % 60),
                static_cast<int>(second_of_day % 60));
  return format_date(time_s) + text;
}

Result<TimeFormat> TimeFormat::parse(std::string_view format) {
  TimeFormat parsed;
  std::string seen;
  for (std::size_t i = 0; i < format.size(); ++i) {
    Step step;
    if (format[i] != '%' || (i + 1 < format.size() && format[i + 1] == '%')) {
      if (format[i] == '%') ++i;
      step.literal = format[i];
      parsed.steps_.push_back(step);
      continue;
    }
    const char conversion = ++i < format.size() ? format[i] : '\0';
    if (conversion == '\0' || std::string_view("YymbdHMS").find(conversion) == std::string_view::npos)
      return fail(ErrorCode::invalid_argument, "the time format \"" + std::string(format) + "\" has a conversion that is not known: %" + std::string(1, conversion == '\0' ? ' ' : conversion),
                  "known are %Y %y %m %b %d %H %M %S %% and literal characters");
    step.conversion = conversion;
    // Two numbers without anything between them ("%Y%m%d") can only be told apart at full width.
    if (!parsed.steps_.empty() && parsed.steps_.back().conversion != 0) step.two_digits = parsed.steps_.back().two_digits = true;
    seen += conversion == 'y' ? 'Y' : conversion == 'b' ? 'm' : conversion;
    parsed.steps_.push_back(step);
  }
  for (const char needed : std::string_view("YmdHMS")) {
    const auto times = std::count(seen.begin(), seen.end(), needed);
    if (times > 1 || (times == 0 && std::string_view("Ymd").find(needed) != std::string_view::npos))
      return fail(ErrorCode::invalid_argument, "the time format \"" + std::string(format) + "\" must give year, month and day once each, and no part twice",
                  "for example \"%Y-%m-%d\" or \"%d/%m/%Y %H:%M\"");
  }
  return parsed;
}

std::optional<std::int64_t> TimeFormat::read(std::string_view text) const {
  TimeParts parts;
  for (const Step& step : steps_) {
    if (step.conversion == 0) {
      if (text.empty() || text.front() != step.literal) return std::nullopt;
      text.remove_prefix(1);
      continue;
    }
    const auto value = take_conversion(step.conversion, step.two_digits, text);
    if (!value) return std::nullopt;
    put(parts, step.conversion, *value);
  }
  if (!text.empty()) return std::nullopt;
  return seconds_of(parts);
}

std::optional<std::int64_t> parse_rfc3339_utc(std::string_view text) {
  static const TimeFormat format = *TimeFormat::parse("%Y-%m-%dT%H:%M:%SZ");
  // The format alone would also take "2017-1-2T3:4:5Z".
  return text.size() == 20 ? format.read(text) : std::nullopt;
}

}  // namespace fedspend::models
