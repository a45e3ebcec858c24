/// @file
/// A checkpoint whose names mean harm, from its header to every output; Python reads them back.

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// As a safetensors header writes them: escaped for JSON.
const std::vector<std::string> kNames{R"(=HYPERLINK(\"http://x\").weight)",
                                      R"(-1.weight)",
                                      R"(a\u001b[2Jb.weight)",
                                      R"(a\nb\rc.weight)",
                                      R"(|x|`y`<b>)",
                                      R"(\u202egnp.exe)",
                                      R"(a,\"b\",'c')",
                                      R"(größe.模型)",
                                      R"(\\| \\\\ _i_ *b*)",
                                      R"(![i](http://x) [l](x))",
                                      R"(\u0001\u007f)"};

void write_model(const TempFolder& temp) {
  constexpr std::size_t kBytes = 20 * 16 * 4;
  std::string header = "{";
  std::string data;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    header += (i > 0 ? ",\"" : "\"") + kNames[i] + R"(":{"dtype":"F32","shape":[20,16],)" +
              R"("data_offsets":[)" + std::to_string(i * kBytes) + "," +
              std::to_string((i + 1) * kBytes) + "]}";
    const std::vector<float> values = noise_values(320, i + 1);
    data.append(reinterpret_cast<const char*>(values.data()), kBytes);
  }
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(header + "}", data));
}

/// Runs Python code on a file that holds `content`; it must end with 0.
void check_with_python(const TempFolder& temp, const std::string& content,
                       const std::string& code) {
  const auto file = temp.write("output", content);
  const Outcome outcome =
      run_shell("/usr/bin/python3 -c " + quoted(code) + " " + quoted(file.string()));
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
}

bool calm(const std::string& text) {
  return text.find('\x1b') == std::string::npos && text.find('\r') == std::string::npos &&
         text.find('\x7f') == std::string::npos && text.find('\0') == std::string::npos &&
         text.find("\xe2\x80\xae") == std::string::npos;
}

}  // namespace

TEST_CASE("names that mean harm do none, in any output", "[cli]") {
  const TempFolder temp;
  write_model(temp);
  const std::string model = (temp / "m").string();
  const std::string archive = (temp / "archive").string();
  const std::string count = std::to_string(kNames.size());
  const Outcome scan = run_wishart({"scan", model, "--archive", archive}, 2);
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  CHECK(calm(scan.out));

  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"inspect", model},
        std::vector<std::string>{"report", archive, "--wide"},
        std::vector<std::string>{"report", archive, "--format", "md"}}) {
    const Outcome outcome = run_wishart(command);
    CHECK(outcome.exit_code == 0);
    CHECK(calm(outcome.out));
    CHECK(outcome.out.find("größe.模型") != std::string::npos);
  }
  const std::string markdown = run_wishart({"report", archive, "--format", "md"}).out;
  CHECK(markdown.find("<b>") == std::string::npos);

  // JSON gives the names back as they are, strictly: no NaN, no control characters.
  const std::string strict =
      "import json,sys\n"
      "def no(word): raise ValueError(word)\n"
      "d=json.loads(open(sys.argv[1],encoding='utf-8').read(),parse_constant=no)\n";
  check_with_python(temp, run_wishart({"report", archive, "--format", "json"}).out,
                    strict + "names={r['key'] for r in d['layers']}\nassert len(names)==" + count +
                        "\nassert '=HYPERLINK(\"http://x\").weight' in names and "
                        "'\\u202egnp.exe' in names and '\\x01\\x7f' in names");
  check_with_python(temp, run_wishart({"inspect", model, "--format", "json"}).out,
                    strict + "assert len(d['matrices'])==" + count);
  for (const char* table : {"layers", "summary", "skipped"}) {
    check_with_python(temp,
                      run_wishart({"export", archive, "--table", table, "--format", "json"}).out,
                      strict + "assert isinstance(d['rows'],list)");
  }

  // A terminal gets CSV with its names escaped, a pipe as they are.
  const std::string export_layers = quoted(program_path()) + " export " + quoted(archive);
  const Outcome shown = run_shell("script -qec " + quoted(export_layers) + " /dev/null");
  CHECK(shown.out.find('\x1b') == std::string::npos);
  CHECK(shown.out.find("a\\x1b[2Jb.weight") != std::string::npos);
  CHECK(run_shell(export_layers).out.find("a\x1b[2Jb.weight") != std::string::npos);

  // CSV too, but for the guard against formulas.
  const Outcome csv = run_wishart({"export", archive});
  check_with_python(temp, csv.out,
                    "import csv,sys\n"
                    "text=open(sys.argv[1],newline='',encoding='utf-8').read()\n"
                    "rows=list(csv.DictReader(text.replace('\\0','?').splitlines(True)))\n"
                    "assert len(rows)==" +
                        count +
                        "\nkeys={r['key'] for r in rows}\n"
                        "assert \"'=HYPERLINK(\\\"http://x\\\").weight\" in keys\n"
                        "assert \"'-1.weight\" in keys and 'a\\nb\\rc.weight' in keys\n"
                        "assert not any(c[:1] in '=+@' for r in rows for c in r.values() if c)");
}
