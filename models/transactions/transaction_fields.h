#pragma once
// The fields of a transaction as text: strict readers of amounts and times, shared by the canonical CSV (transaction_csv.h) and
// by the simulator's reader of any CSV. Nothing is guessed: what is not exactly in the stated form is refused.
// Calendar arithmetic: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". Times are UTC, without leap seconds.
// Pure functions; a TimeFormat may be used from several threads.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace fedspend::models {

inline constexpr std::int64_t kMaxAmountMinor = 1'000'000'000'000'000;  // ten trillion units, in hundredths

// [+-] digits [. digits], where the whole part may have thousands commas (all of them, or none). Hundredths, rounded half away
// from zero. No exponent, hexadecimal, infinity, NaN or currency sign; nullopt for those, and beyond kMaxAmountMinor.
std::optional<std::int64_t> parse_amount_minor(std::string_view text);
// "-12.34": always two digits after the point.
std::string format_amount(std::int64_t amount_minor);

// Seconds since 1970-01-01T00:00:00Z of a day of the proleptic Gregorian calendar; the caller has checked the ranges.
std::int64_t seconds_of_day(std::int64_t year, unsigned month, unsigned day);
struct CalendarMonth {
  std::int64_t year = 1970;
  unsigned month = 1;  // 1 ... 12
  auto operator<=>(const CalendarMonth&) const = default;
};
CalendarMonth month_of(std::int64_t time_s);
std::string format_date(std::int64_t time_s);      // 2017-01-31
std::string format_rfc3339(std::int64_t time_s);   // 2017-01-31T12:34:56Z

// A subset of strptime's formats: %Y (four digits), %y (69 ... 99: 19xx, 00 ... 68: 20xx), %m %d %H %M %S (one or two digits,
// two where numbers touch), %b (English, three letters), %%, and literal characters (a Z among them).
class TimeFormat {
 public:
  // invalid_argument for another conversion, or where year, month and day are not each given once.
  static Result<TimeFormat> parse(std::string_view format);
  // The whole text must match, and the date must exist (29 February only in leap years; second 60 is refused).
  std::optional<std::int64_t> read(std::string_view text) const;

 private:
  struct Step {
    char conversion = 0;       // 0: a literal
    char literal = 0;
    bool two_digits = false;
  };
  std::vector<Step> steps_;
};

// The form of the canonical CSV.
std::optional<std::int64_t> parse_rfc3339_utc(std::string_view text);

}  // namespace fedspend::models
