#include "simulations/reports/html.h"

#include <doctest/doctest.h>

using namespace fedspend::simulations;

TEST_CASE("text becomes markup escaped, wherever it goes in") {
  const std::string hostile = "<script>alert('x')</script> & \"quotes\"";
  const std::string escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quotes&quot;";
  CHECK(Html(hostile).markup() == escaped);
  CHECK(element("p", hostile).markup() == "<p>" + escaped + "</p>");
  for (const std::string& markup : {section(hostile, hostile).markup(), folded(hostile, hostile).markup(), tile(hostile, hostile, hostile).markup(), wall_clock(hostile).markup(),
                                    table_of({.caption = hostile, .header = {hostile}, .rows = {{hostile, hostile}}}).markup(), page(hostile, hostile, hostile)}) {
    CHECK(markup.find("<script") == std::string::npos);
    CHECK(markup.find("alert('x')") == std::string::npos);
    CHECK(markup.find(escaped) != std::string::npos);
  }
}

TEST_CASE("a page fetches nothing and runs nothing, and says so to the browser") {
  const std::string text = page("title", "", "body");
  CHECK(text.starts_with("<!doctype html>"));
  CHECK(text.find("default-src 'none'") != std::string::npos);
  CHECK(text.find("prefers-color-scheme:dark") != std::string::npos);
  CHECK(text.find("width=device-width") != std::string::npos);
  for (const std::string outside : {"http://", "https://", "src=", "href=", "<script", "@import", "url("}) {
    CAPTURE(outside);
    CHECK(text.find(outside) == std::string::npos);
  }
  CHECK(text.find("class=\"note\"") == std::string::npos);
  CHECK(page("title", "beware", "body").find("class=\"note\"") < page("title", "beware", "body").find("body</"));
}
