#include "html.hpp"

#include <algorithm>

#include "wishart/core/text.hpp"

namespace wishart::report {
namespace {

/// Series of charts have the classes s0 to s9: the colours of Okabe and Ito, which colour-blind
/// people can distinguish, and two more.
constexpr const char* kStyle =
    R"(:root{color-scheme:light dark;--ink:#1c2330;--soft:#5d6778;--rule:#d8dde6;--paper:#fff;)"
    R"(--shade:#f3f5f9;--good:#e4f3ea}
@media(prefers-color-scheme:dark){:root{--ink:#e3e7ee;--soft:#98a2b3;--rule:#353d4b;)"
    R"(--paper:#14181f;--shade:#1d232d;--good:#1b3226}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1280px;margin:0 auto;padding:1rem 1.5rem 4rem}
h1{font-size:1.6rem;margin:1.6rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--rule)}
p{max-width:60rem;overflow-wrap:anywhere}
.line{white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.6 ui-monospace,monospace;)"
    R"(color:var(--soft)}
.cards{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}
.cards div{background:var(--shade);border-radius:8px;padding:.6rem 1rem;min-width:7rem}
.cards b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.cards span{color:var(--soft);font-size:.85rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .7rem;text-align:left;border-bottom:1px solid var(--rule);)"
    R"(vertical-align:top;overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600;white-space:nowrap;position:sticky;top:0;)"
    R"(background:var(--paper)}
.n{text-align:right;white-space:nowrap}
th[tabindex]{cursor:pointer}
th[aria-sort=ascending]::after{content:" \2191"}
th[aria-sort=descending]::after{content:" \2193"}
tbody tr:hover{background:var(--shade)}
.figures{display:flex;flex-wrap:wrap;gap:1rem 1.5rem}
figure{margin:.5rem 0;max-width:100%}
figcaption{font-weight:600;font-size:.9rem;width:0;min-width:100%;overflow-wrap:anywhere}
svg{display:block;max-width:100%;height:auto;font:11px system-ui,sans-serif}
svg text{fill:var(--soft)}
.grid{stroke:var(--rule)}
.band{fill:var(--good)}
.mark{stroke:var(--soft);stroke-dasharray:4 3}
.legend{width:0;min-width:100%;margin:.2rem 0;font-size:.8rem;color:var(--soft)}
.legend span{margin-right:1rem;display:inline-block}
.legend i{display:inline-block;width:.6rem;height:.6rem;border-radius:50%;margin-right:.35rem}
circle{fill-opacity:.75;stroke:none}
polyline{fill:none!important;stroke-width:1.6}
polygon{fill-opacity:.3;stroke-width:.8}
.s0{fill:#0072b2;stroke:#0072b2;background:#0072b2}
.s1{fill:#d55e00;stroke:#d55e00;background:#d55e00}
.s2{fill:#009e73;stroke:#009e73;background:#009e73}
.s3{fill:#cc79a7;stroke:#cc79a7;background:#cc79a7}
.s4{fill:#e69f00;stroke:#e69f00;background:#e69f00}
.s5{fill:#56b4e9;stroke:#56b4e9;background:#56b4e9}
.s6{fill:#b8a800;stroke:#b8a800;background:#b8a800}
.s7{fill:#7b61c9;stroke:#7b61c9;background:#7b61c9}
.s8{fill:#8c564b;stroke:#8c564b;background:#8c564b}
.s9{fill:#7f8894;stroke:#7f8894;background:#7f8894}
@media print{th{position:static}}
)";

/// Sorts by the column whose head is clicked, and in reverse order on the second click. Cells
/// without a number come last.
constexpr const char* kScript = R"("use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 3) continue;
  [...table.tHead.rows[0].cells].forEach((head, column, heads) => {
    const numeric = head.classList.contains("n");
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[column].textContent;
      const compare = (a, b) => {
        if (!numeric) return text(a).localeCompare(text(b), "en", { numeric: true });
        const [x, y] = [parseFloat(text(a)), parseFloat(text(b))];
        if (isNaN(x) || isNaN(y)) return (isNaN(x) - isNaN(y)) * (down ? -1 : 1);
        return x - y;
      };
      const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * compare(a, b));
      body.append(...rows);
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
)";

/// SHA-256 of the two above, in the notation of CSP. tests/cli/test_html.cpp verifies them.
constexpr const char* kStyleHash = "sha256-Ri2rWX9Bz1+e73SVkjvVCGMJv/zCp7m3MXXPB1Z2224=";
constexpr const char* kScriptHash = "sha256-p1v+Zq1xumJ24nufculbrqJS6QHZyrLdJOq/hDCI4vI=";

}  // namespace

void append_unmarked(std::string& out, char c) {
  switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    default:
      out += c;
  }
}

std::string html_text(const std::string& text, std::size_t max_chars) {
  std::string out;
  for (const char c : printable(text, max_chars)) {
    switch (c) {
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        append_unmarked(out, c);
    }
  }
  return out;
}

std::string html_table(const TextTable& table) {
  const auto cell = [&](const char* tag, const std::string& text, std::size_t column) {
    return std::string("<") + tag + (table.right_aligned[column] ? " class=\"n\">" : ">") +
           html_text(text) + "</" + tag + ">";
  };
  std::string html = "<div class=\"wide\"><table><thead><tr>";
  for (std::size_t k = 0; k < table.header.size(); ++k) html += cell("th", table.header[k], k);
  html += "</tr></thead><tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    html += "<tr>";
    for (std::size_t k = 0; k < row.size(); ++k) html += cell("td", row[k], k);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string html_document(const std::string& title, const std::string& body) {
  return std::string("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n") +
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '" +
         kStyleHash + "'; script-src '" + kScriptHash +
         "'; base-uri 'none'; form-action 'none'\">\n" +
         "<meta name=\"referrer\" content=\"no-referrer\">\n" +
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" + "<title>" +
         html_text(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<main>\n" +
         body + "</main>\n<script>" + kScript + "</script>\n</body>\n</html>\n";
}

}  // namespace wishart::report
