#pragma once
// The arrows of the house as rules over one source file: which folder may include which, the one home of each third-party
// header, and what the pure folders of common keep out. Text in, text out, so that the rules themselves can be tested.

#include <string>
#include <string_view>
#include <vector>

namespace fedspend::tests {

struct Include {
  std::string target;
  bool quoted = false;
  std::size_t line = 0;
};

// The source with comments, and on request the contents of literals, blanked out; line breaks stay.
enum class Literals { keep, blank };
std::string without_comments(std::string_view source, Literals literals);

std::vector<Include> includes_of(std::string_view source);

// One line for each rule that is broken: "path:line: what". `path` is relative to the root, with forward slashes.
std::vector<std::string> violations(std::string_view path, std::string_view source);

}  // namespace fedspend::tests
