// hex_corpus FROM TO: every FROM/NAME.hex (hexadecimal digits; white space and what follows a # are left out) as the binary file
// TO/NAME. The seeds of the corpus are text so that a reader can see what each one tries.
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/bytes.h"

namespace {

std::string digits_of(const std::string& text) {
  std::string digits;
  bool comment = false;
  for (const char c : text) {
    if (c == '#') comment = true;
    if (c == '\n') comment = false;
    if (!comment && std::isspace(static_cast<unsigned char>(c)) == 0) digits.push_back(c);
  }
  return digits;
}

bool convert(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::ifstream in(from, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto bytes = fedspend::from_hex(digits_of(text));
  if (!bytes) {
    std::fprintf(stderr, "%s: %s\n", from.c_str(), bytes.error().message.c_str());
    return false;
  }
  std::ofstream out(to / from.stem(), std::ios::binary);
  out << fedspend::as_text(*bytes);
  out.close();
  if (!out) std::fprintf(stderr, "%s: cannot be written\n", (to / from.stem()).c_str());
  return static_cast<bool>(out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: hex_corpus FROM TO\n");
    return 4;
  }
  std::filesystem::remove_all(argv[2]);
  std::filesystem::create_directories(argv[2]);
  std::size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.path().extension() != ".hex") continue;
    if (!convert(entry.path(), argv[2])) return 4;
    ++seeds;
  }
  if (seeds == 0) {
    std::fprintf(stderr, "%s: no .hex file\n", argv[1]);
    return 4;
  }
  return 0;
}
