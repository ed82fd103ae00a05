#include "client/json_text.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tests/client/parsed_json.h"

namespace fedspend::client {
namespace {

// What nlohmann::json writes of the same, as every JSON of the C ABI was written before.
std::string written(const nlohmann::json& json) { return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"; }

TEST_CASE("values are written as nlohmann::json writes them") {
  CHECK(Json(nullptr).text() == written(nullptr));
  CHECK(Json(true).text() == written(true));
  CHECK(Json(std::numeric_limits<std::int64_t>::min()).text() == written(std::numeric_limits<std::int64_t>::min()));
  CHECK(Json(~std::uint64_t{0}).text() == written(~std::uint64_t{0}));
  CHECK(Json(std::optional<double>()).text() == written(nullptr));
  CHECK(Json(std::optional<double>(1.5)).text() == written(1.5));
  for (const double value : {0.0, -0.0, 1.0, -1.5, 0.1, 1e-4, 1e-5, 0.00012345, 123456.789, 1e14, 1e15, 1e16, 123456789012345.0, 1234567890123456.0, 5e-324, 2.2250738585072014e-308,
                             1.7976931348623157e308, 0.9798204302787781, -4.07753744390572, 1e100, 1.25e-300, 9007199254740993.0, std::nan(""), -std::numeric_limits<double>::infinity()})
    CHECK(Json(value).text() == written(value));
}

// Not the same to the byte: the library's own digits are not always the fewest.
TEST_CASE("a number reads back as it was, in no more digits than nlohmann::json takes") {
  CHECK(rc::check([](std::uint64_t bits) {
    const auto value = std::bit_cast<double>(bits);
    if (!std::isfinite(value)) return;
    const std::string text = Json(value).compact();
    RC_ASSERT(nlohmann::json::parse(text).get<double>() == value);
    RC_ASSERT(text.size() <= nlohmann::json(value).dump().size());
  }));
}

TEST_CASE("texts are written as nlohmann::json writes them, with what is no UTF-8 replaced") {
  std::string all;
  for (int byte = 0; byte < 0x80; ++byte) all += static_cast<char>(byte);
  for (const std::string& text : {std::string(), all, std::string("Zürich €5 😀"), std::string("a\xff" "b\xc3"), std::string("{\"[a]\": \\}, ")}) {
    CHECK(Json(text).text() == written(text));
    CHECK(Json(JsonObject().add("text", text)).text() == written({{"text", text}}));
  }
  CHECK(rc::check([](const std::string& text) { RC_ASSERT(nlohmann::json::parse(Json(text).compact()).is_string()); }));
}

TEST_CASE("an object's members go by their names, and what is empty is in one line") {
  JsonArray list, lists;
  list.add(1).add("two").add(JsonObject());
  lists.add(JsonArray()).add(list).add(JsonObject().add("only", nullptr));
  const Json made = JsonObject().add("zebra", lists).add("ant", 1).add("bee", JsonObject().add("b", true).add("a", 2.0));
  CHECK(made.text() == written({{"ant", 1}, {"bee", {{"a", 2.0}, {"b", true}}}, {"zebra", {nlohmann::json::array(), {1, "two", nlohmann::json::object()}, {{"only", nullptr}}}}}));
  CHECK(made.compact() == "{\"ant\":1,\"bee\":{\"a\":2.0,\"b\":true},\"zebra\":[[],[1,\"two\",{}],{\"only\":null}]}");
}

}  // namespace
}  // namespace fedspend::client
