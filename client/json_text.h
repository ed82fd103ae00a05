#pragma once
// JSON that leaves the library, as text from the start: what is inside another is already written. Not nlohmann::json, whose destructors
// allocate, and end the process where they cannot; here memory that runs out is std::bad_alloc, and nothing else is done. It is written
// as nlohmann::json::dump(2) writes it: the members of an object by their names, a number in the fewest digits that read back as it
// (what is not finite is null), bytes that are no UTF-8 as U+FFFD. The number does not follow the host app's locale. Thread-safe (no state).

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fedspend::client {

// One value. Values first, so that a name that is forgotten is an error of the compiler: there is no Json without one.
class Json {
 public:
  Json(std::nullptr_t) : text_("null") {}
  Json(bool value) : text_(value ? "true" : "false") {}
  template <std::integral Integer>
  Json(Integer value) : text_(std::to_string(value)) {}
  Json(double value);
  Json(std::string_view value);
  Json(const std::string& value) : Json(std::string_view(value)) {}
  Json(const char* value) : Json(std::string_view(value)) {}
  template <class Value>
  Json(const std::optional<Value>& value) : Json(value ? Json(*value) : Json(nullptr)) {}

  const std::string& compact() const { return text_; }  // without spaces and line ends
  std::string text() const;                             // indented by two, with a line end: as every JSON of the C ABI is given

 private:
  friend class JsonObject;
  friend class JsonArray;
  struct Written {};
  Json(Written, std::string text) : text_(std::move(text)) {}
  std::string text_;
};

class JsonArray {
 public:
  JsonArray& add(const Json& value) &;
  operator Json() const { return {Json::Written{}, text_ + "]"}; }

 private:
  std::string text_ = "[";
};

class JsonObject {
 public:
  // Names are the program's own, each once, and live as long as this.
  JsonObject& add(std::string_view name, const Json& value) &;
  JsonObject&& add(std::string_view name, const Json& value) && { return std::move(add(name, value)); }
  operator Json() const;

 private:
  std::vector<std::pair<std::string_view, std::string>> members_;
};

}  // namespace fedspend::client
