#pragma once
// Pages that stand alone: one file, no script, nothing fetched (a content security policy in the page says so too), light and
// dark by the reader's own setting, readable on a phone. Text becomes markup only through Html's constructor, which escapes it:
// names come from data. Pure functions.

#include <string>
#include <string_view>
#include <vector>

namespace fedspend::simulations {

// Markup. Made from text it is that text, escaped; only raw() takes markup as it is.
class Html {
 public:
  Html() = default;
  Html(std::string_view text);              // escaped; implicit, so that the safe way is the short one
  Html(const std::string& text) : Html(std::string_view(text)) {}
  Html(const char* text) : Html(std::string_view(text)) {}
  static Html raw(std::string markup);      // of this program's own, never from data

  Html& operator+=(const Html& other) {
    markup_ += other.markup_;
    return *this;
  }
  friend Html operator+(Html left, const Html& right) { return left += right; }
  const std::string& markup() const { return markup_; }
  bool empty() const { return markup_.empty(); }

 private:
  std::string markup_;
};

// <tag class="css_class">inside</tag>; the two names are the program's own.
Html element(std::string_view tag, const Html& inside, std::string_view css_class = {});
Html section(const std::string& heading, const Html& inside);
// Closed at first; opens with a tap, without script.
Html folded(const std::string& summary, const Html& inside);
// A number in large type, with what it is below it.
Html tile(const std::string& value, const std::string& what, const std::string& remark = {});
// What differs from machine to machine: the only part of a page that the same run may show differently.
Html wall_clock(const std::string& text);

struct Table {
  std::string caption;
  std::vector<std::string> header;       // one for each column, or none at all
  std::vector<std::vector<Html>> rows;   // the first cell names the row
};
Html table_of(const Table& table);

// A whole document. `note` stands above everything, as a warning; empty: none.
std::string page(const std::string& title, const std::string& note, const Html& body);

}  // namespace fedspend::simulations
