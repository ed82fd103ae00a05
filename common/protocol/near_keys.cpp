#include "common/protocol/near_keys.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace fedspend {
namespace {

// Letters to change, add or leave out to make one of the other (Levenshtein 1966).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t k = 0; k < b.size(); ++k) {
      const std::size_t changed = diagonal + (a[i] == b[k] ? 0 : 1);
      diagonal = row[k + 1];
      row[k + 1] = std::min({changed, row[k] + 1, row[k + 1] + 1});
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

}  // namespace

std::string near_keys(std::string_view path, const std::set<std::string>& known) {
  const std::size_t most = 1 + last_part(path).size() / 4;  // letters wrong
  std::string same, nearest;
  std::size_t least = most + 1;
  for (const std::string& key : known) {
    if (last_part(key) == last_part(path)) same += (same.empty() ? "" : " or ") + key;
    const std::size_t distance = std::min(edit_distance(key, path), edit_distance(last_part(key), last_part(path)) + (key.find('.') == path.find('.') ? 0 : 1));
    if (distance < least) {
      least = distance;
      nearest = key;
    }
  }
  return same.empty() ? nearest : same;
}

}  // namespace fedspend
