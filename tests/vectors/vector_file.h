#pragma once
// Reads the test vectors of tests/vectors: records of `name: value` lines with an empty line between them; `#` opens a comment
// line. They are text, so that an implementation in another language can be held against the same files. One thread.

#include <array>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "tests/paths.h"

namespace fedspend::tests {

class VectorRecord {
 public:
  void add(std::string name, std::string value) { entries_.emplace_back(std::move(name), std::move(value)); }
  bool empty() const { return entries_.empty(); }
  bool has(std::string_view name) const { return !all(name).empty(); }
  std::vector<std::string> all(std::string_view name) const {
    std::vector<std::string> values;
    for (const auto& [key, value] : entries_)
      if (key == name) values.push_back(value);
    return values;
  }
  std::string text(std::string_view name) const {
    const auto values = all(name);
    if (values.size() != 1) throw std::runtime_error("test vector: " + std::string(name) + " must occur once in a record");
    return values.front();
  }
  Bytes bytes(std::string_view name) const { return bytes_of(text(name)); }
  template <std::size_t Size>
  std::array<std::uint8_t, Size> array(std::string_view name) const {
    std::array<std::uint8_t, Size> out;
    if (!from_hex(text(name), out)) throw std::runtime_error("test vector: " + std::string(name) + " has the wrong size");
    return out;
  }
  static Bytes bytes_of(std::string_view hex) {
    auto bytes = from_hex(hex);
    if (!bytes) throw std::runtime_error("test vector: " + bytes.error().message);
    return *std::move(bytes);
  }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

// Throws where the file is missing, malformed or without a record: a test must not pass on nothing.
inline std::vector<VectorRecord> read_vectors(const std::string& name) {
  std::ifstream file(source_dir() + "/tests/vectors/" + name);
  if (!file) throw std::runtime_error("test vectors: " + name + " is not there");
  std::vector<VectorRecord> records(1);
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) {
      if (!records.back().empty()) records.emplace_back();
      continue;
    }
    if (line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) throw std::runtime_error("test vectors: " + name + ": a line without a colon");
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    records.back().add(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
  }
  if (records.back().empty()) records.pop_back();
  if (records.empty()) throw std::runtime_error("test vectors: " + name + " holds no record");
  return records;
}

}  // namespace fedspend::tests
