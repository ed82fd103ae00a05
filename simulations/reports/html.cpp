#include "simulations/reports/html.h"

#include "common/program/program.h"

namespace fedspend::simulations {
namespace {

// One column on a phone, two where there is room. Colours have a contrast of 4.5 and more on their ground; lines of a chart differ in
// their dashes too.
constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--ground:#fbfaf7;--card:#fff;--ink:#1c1b19;--soft:#5f5b54;--rule:#dcd8cf;--grid:#ebe8e1;--main:#0b5cad;--second:#b3440c;--third:#1b7a43;--fourth:#7a3fa0;--level:#6a665e;--gain:#1b7a43;--lose:#b3261e;--warn-ground:#fff1d6;--warn-ink:#6b4200;--bar:#c9dcf2}
@media (prefers-color-scheme:dark){:root{--ground:#141517;--card:#1d1f22;--ink:#eceae5;--soft:#a8a49b;--rule:#383b40;--grid:#2b2e32;--main:#7db8ff;--second:#ffa46b;--third:#6fd296;--fourth:#cfa1f2;--level:#b0aca3;--gain:#6fd296;--lose:#ff8f85;--warn-ground:#3a2c0c;--warn-ink:#ffd98a;--bar:#23425f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans","DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:20px 16px 56px}
h1{font-size:1.6rem;line-height:1.2;margin:.4em 0 .2em;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2em 0 .5em;padding-top:.7em;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:0 0 .3em}
p{margin:.4em 0 .8em;max-width:46em}
.soft{color:var(--soft)}
.note{max-width:none;background:var(--warn-ground);color:var(--warn-ink);border-radius:8px;padding:10px 14px;margin:0 0 14px;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:16px 0}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:10px 14px}
.tile b{display:block;font-size:1.55rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.tile span{display:block}
.tile .soft{font-size:.86rem;line-height:1.35}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:16px;align-items:start}
.stack{display:grid;gap:16px;min-width:0}
figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 14px 8px;min-width:0}
figcaption{font-size:.86rem;color:var(--soft);line-height:1.4;margin:.3em 0 .5em}
svg{display:block;width:100%;height:auto;max-width:540px;margin:0 auto}
svg text{font-size:13px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .name{font-weight:600}
.grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}.zero{stroke:var(--soft);stroke-width:1.4}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}.lead{fill:none;stroke-width:.8;opacity:.6}
.main{stroke:var(--main)}.second{stroke:var(--second);stroke-dasharray:7 3}.third{stroke:var(--third);stroke-dasharray:2 3}.fourth{stroke:var(--fourth);stroke-dasharray:9 3 2 3}.level{stroke:var(--level);stroke-dasharray:4 4;stroke-width:1.6}
svg .bar{stroke-width:1.3;stroke-dasharray:none}
svg text.main{fill:var(--main);stroke:none}svg text.second{fill:var(--second);stroke:none}svg text.third{fill:var(--third);stroke:none}svg text.fourth{fill:var(--fourth);stroke:none}svg text.level{fill:var(--level);stroke:none}
circle{stroke:none}circle.main{fill:var(--main)}circle.second{fill:var(--second)}circle.third{fill:var(--third)}circle.fourth{fill:var(--fourth)}
.gain{fill:var(--gain);opacity:.22}.lose{fill:var(--lose);opacity:.22}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.86rem;padding:4px 0 6px}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--grid);text-align:right;vertical-align:top;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
thead th{color:var(--soft);font-weight:600;border-bottom-color:var(--rule);vertical-align:bottom}
tbody th{font-weight:400;white-space:normal;overflow-wrap:break-word}.fact,.wall-clock{white-space:normal}td code{white-space:normal}
.best th,.best td{font-weight:650}
.measure{display:block;height:6px;border-radius:3px;background:var(--bar);min-width:1px;margin-top:3px}
.measure.own{background:var(--main)}
details{margin:.3em 0 .6em}
summary{cursor:pointer;color:var(--soft);font-size:.9rem;padding:6px 0}
pre{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:12px;overflow-x:auto;font:13px/1.45 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
code{font:.9em ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
footer{margin-top:40px;border-top:1px solid var(--rule);padding-top:10px;color:var(--soft);font-size:.86rem}
@media print{body{background:#fff}figure{break-inside:avoid}}
)css";

}  // namespace

Html::Html(std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': markup_ += "&amp;"; break;
      case '<': markup_ += "&lt;"; break;
      case '>': markup_ += "&gt;"; break;
      case '"': markup_ += "&quot;"; break;
      case '\'': markup_ += "&#39;"; break;
      default: markup_ += c;
    }
  }
}

Html Html::raw(std::string markup) {
  Html html;
  html.markup_ = std::move(markup);
  return html;
}

Html element(std::string_view tag, const Html& inside, std::string_view css_class) {
  const std::string name(tag);
  const std::string attribute = css_class.empty() ? "" : " class=\"" + std::string(css_class) + "\"";
  return Html::raw("<" + name + attribute + ">") + inside + Html::raw("</" + name + ">");
}

Html section(const std::string& heading, const Html& inside) { return element("section", element("h2", heading) + inside) + Html::raw("\n"); }

Html folded(const std::string& summary, const Html& inside) { return element("details", element("summary", summary) + inside); }

Html tile(const std::string& value, const std::string& what, const std::string& remark) {
  return element("div", element("b", value) + element("span", what) + (remark.empty() ? Html() : element("span", remark, "soft")), "tile");
}

Html wall_clock(const std::string& text) { return element("span", text, "wall-clock"); }

Html table_of(const Table& table) {
  Html head;
  for (const std::string& name : table.header) head += Html::raw("<th scope=\"col\">") + name + Html::raw("</th>");
  Html body;
  for (const auto& row : table.rows) {
    Html cells;
    for (std::size_t i = 0; i < row.size(); ++i) cells += i == 0 ? Html::raw("<th scope=\"row\">") + row[i] + Html::raw("</th>") : element("td", row[i]);
    body += element("tr", cells) + Html::raw("\n");
  }
  const Html caption = table.caption.empty() ? Html() : element("caption", table.caption);
  return element("div", element("table", caption + (head.empty() ? Html() : element("thead", element("tr", head))) + element("tbody", body)), "scroll");
}

std::string page(const std::string& title, const std::string& note, const Html& body) {
  const Html head = Html::raw(
                        "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                        "<meta name=\"robots\" content=\"noindex\">\n"
                        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n") +
                    element("title", title) + Html::raw("\n<style>" + std::string(kStyle) + "</style>\n");
  const Html warning = note.empty() ? Html() : Html::raw("<p class=\"note\" role=\"note\">") + note + Html::raw("</p>\n");
  const Html footer = element("footer", "fedspend " + std::string(program::version()) + ". One file: no script, nothing is fetched.");
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n" + head.markup() + "</head>\n<body>\n<main>\n" + warning.markup() + body.markup() + footer.markup() +
         "\n</main>\n</body>\n</html>\n";
}

}  // namespace fedspend::simulations
