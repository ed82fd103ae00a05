// libfedspend_client.a in an app that is C++ itself: same templates, same standard library, exceptions of its own on both sides.

#include <cstdio>
#include <map>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include <fedspend/client.h>

int main() {
  std::map<std::string, std::vector<int>> own;
  own["a"].push_back(1);
  const auto pattern = std::make_shared<std::regex>("[0-9a-f]{64}");
  const std::string text(64, 'a');
  bool caught = false;
  try {
    if (std::regex_match(text, *pattern)) throw std::runtime_error("the app's own");
  } catch (const std::exception&) {
    caught = true;
  }
  std::uint8_t key[32] = {};
  const bool right = caught && fedspend_parse_key(text.c_str(), key) == FEDSPEND_OK && key[31] == 0xaa && fedspend_parse_key("zz", key) == FEDSPEND_MALFORMED;
  // The policy's parser throws and catches inside the library.
  fedspend_options options{};
  fedspend_host host{};
  options.struct_size = sizeof options;
  host.struct_size = sizeof host;
  options.persistent_dir = "/nowhere";
  options.population = "cards";
  options.policy_toml = "no = [policy";
  options.release_key[0] = options.authority_key[0] = 1;
  fedspend_device* device = nullptr;
  const bool refused = fedspend_device_create(&options, &host, &device) != FEDSPEND_OK && device == nullptr;
  if (!right || !refused) std::puts("the library does not work inside a C++ app");
  return right && refused ? 0 : 1;
}
