/// @file
/// A checkpoint of extreme elements (the largest and smallest numbers of each type, one huge
/// element, NaN and infinities, zeros, constants, ties, orthogonal, low rank, graded) through every
/// option that computes something of its own: each number of the tables is finite or not known, and
/// every output is well-formed.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <regex>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr std::int64_t kRows = 32;
constexpr std::int64_t kCols = 24;
constexpr auto kMost = static_cast<double>(std::numeric_limits<float>::max());

struct Tensor {
  std::string name;
  const char* dtype;
  std::int64_t rows;
  std::int64_t cols;
  std::string bytes;
};

template <class Number>
void append(std::string& bytes, Number value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

/// Looks random, and is never 0.
double noise(std::int64_t p, std::int64_t seed = 0) {
  const std::int64_t value = (p * p * 31 + p * 17 + seed * 101) % 1009 - 504;
  return static_cast<double>(value == 0 ? 1 : value) / 256;
}

double hadamard(std::int64_t i, std::int64_t j) {
  return std::popcount(static_cast<std::uint64_t>(i & j)) % 2 == 1 ? -1 : 1;
}

/// Elements by (i, j), stored as `Number`.
template <class Number, class Element>
Tensor made(const std::string& name, const char* dtype, const Element& element,
            std::int64_t rows = kRows, std::int64_t cols = kCols) {
  Tensor tensor{name, dtype, rows, cols, ""};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      append(tensor.bytes, static_cast<Number>(element(i, j)));
    }
  }
  return tensor;
}

/// Codes, one of `two` by a sign that looks random; the element in the middle is `middle`.
template <class Code>
Tensor coded(const std::string& name, const char* dtype, std::array<Code, 2> two, Code middle) {
  return made<Code>(name, dtype, [=](std::int64_t i, std::int64_t j) {
    return i == kRows / 2 && j == kCols / 2 ? middle : two[noise(i * kCols + j) > 0 ? 0 : 1];
  });
}

std::vector<Tensor> extremes() {
  const auto at = [](std::int64_t i, std::int64_t j) { return noise(i * kCols + j); };
  const auto sign = [=](std::int64_t i, std::int64_t j) { return at(i, j) > 0 ? 1.0 : -1.0; };
  const auto is_middle = [](std::int64_t i, std::int64_t j) { return i == 16 && j == 12; };
  const auto like = [&](const std::string& name, const auto& element) {
    return made<float>(name, "F32", element);
  };
  const auto wide = [&](const std::string& name, const auto& element) {
    return made<double>(name, "F64", element);
  };
  using I = std::int64_t;
  return {
      like("noise", at),
      like("most", [=](I i, I j) { return sign(i, j) * kMost; }),
      like("all-most", [](I, I) { return kMost; }),
      like("least", [=](I i, I j) { return std::ldexp(sign(i, j), -149); }),
      like("huge-one", [=](I i, I j) { return is_middle(i, j) ? kMost : at(i, j); }),
      like("infinite", [=](I i, I j) { return is_middle(i, j) ? HUGE_VAL : at(i, j); }),
      like("no-number", [=](I i, I j) { return is_middle(i, j) ? std::nan("") : at(i, j); }),
      like("zeros", [](I, I) { return 0.0; }),
      like("minus-zeros", [](I, I) { return -0.0; }),
      like("one-element", [=](I i, I j) { return is_middle(i, j) ? 1.0 : 0.0; }),
      like("constant", [](I, I) { return 0.25; }),
      like("rank-one", [](I i, I j) { return noise(i, 1) * noise(j, 2); }),
      like("rank-three",
           [](I i, I j) {
             return noise(i, 1) * noise(j, 2) + noise(i, 3) * noise(j, 4) +
                    noise(i, 5) * noise(j, 6);
           }),
      made<float>("orthogonal", "F32", hadamard, 32, 32),
      like("identity", [](I i, I j) { return i == j ? 1.0 : 0.0; }),
      like("three-values",
           [](I i, I j) { return std::ldexp(hadamard(i, j), static_cast<int>(j % 3)); }),
      like("three-steps", [](I i, I j) { return i == j ? 1.0 + static_cast<double>(j / 8) : 0.0; }),
      like("ties", [=](I i, I j) { return at(i, j) > 0 ? 1.0 : 0.0; }),
      like("heavy", [=](I i, I j) { return 1 / (at(i, j) * at(i, j) * at(i, j)); }),
      wide("graded",
           [=](I i, I j) { return std::ldexp(at(i, j), static_cast<int>(200 - i * 25)); }),
      wide("graded-diagonal",
           [](I i, I j) { return i == j ? std::ldexp(1, static_cast<int>(240 - i * 20)) : 0; }),
      wide("beyond", [=](I i, I j) { return at(i, j) * 1e300; }),
      wide("below", [](I, I) { return 5e-324; }),
      wide("upper-end", [=](I i, I j) { return std::ldexp(at(i, j), 448); }),
      wide("upper-end-signs", [=](I i, I j) { return std::ldexp(sign(i, j), 449); }),
      wide("lower-end", [=](I i, I j) { return std::ldexp(at(i, j), -445); }),
      coded<std::uint16_t>("f16-most", "F16", {0x7bff, 0xfbff}, 0x7bff),
      coded<std::uint16_t>("f16-least", "F16", {0x0001, 0x8001}, 0x0002),
      coded<std::uint16_t>("f16-infinite", "F16", {0x3c00, 0xbc00}, 0x7c00),
      coded<std::uint16_t>("bf16-most", "BF16", {0x7f7f, 0xff7f}, 0xff7f),
      coded<std::uint16_t>("bf16-least", "BF16", {0x0001, 0x8001}, 0x0003),
      coded<std::uint8_t>("e4m3-most", "F8_E4M3", {0x7e, 0xfe}, 0x7e),
      coded<std::uint8_t>("e4m3-no-number", "F8_E4M3", {0x38, 0xb8}, 0xff),
      coded<std::uint8_t>("e5m2-least", "F8_E5M2", {0x01, 0x81}, 0x02),
      coded<std::uint8_t>("e5m2-infinite", "F8_E5M2", {0x3c, 0xbc}, 0x7c),
      made<float>("row", "F32", at, 1, 40),
      made<float>("column", "F32", at, 40, 1),
      made<float>("two-columns", "F32", at, 40, 2),
  };
}

/// The key under which `tensors[k]` is stored.
std::string key_of(const std::vector<Tensor>& tensors, std::size_t k) {
  return "model.layers." + std::to_string(k) + ".mlp." + tensors[k].name;
}

void write(const std::filesystem::path& file, const std::vector<Tensor>& tensors,
           const std::vector<std::string>& keys) {
  std::string header;
  std::string data;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const Tensor& one = tensors[k];
    header += (header.empty() ? "{" : ",") + wishart::json_quoted(keys[k]) + R"(:{"dtype":")" +
              one.dtype + R"(","shape":[)" + std::to_string(one.rows) + "," +
              std::to_string(one.cols) + R"(],"data_offsets":[)" + std::to_string(data.size()) +
              ",";
    data += one.bytes;
    header += std::to_string(data.size()) + "]}";
  }
  write_bytes(file, safetensors_bytes(header + "}", data));
}

std::string write_model(const TempFolder& temp, const std::string& name,
                        const std::vector<Tensor>& tensors) {
  std::vector<std::string> keys;
  for (std::size_t k = 0; k < tensors.size(); ++k) keys.push_back(key_of(tensors, k) + ".weight");
  write(temp / name / "model.safetensors", tensors, keys);
  return (temp / name).string();
}

/// An adapter of rank 4 with elements of the size `scale` on every matrix that is large enough.
std::string write_adapter(const TempFolder& temp, const std::string& name, double scale) {
  const std::vector<Tensor> tensors = extremes();
  std::vector<Tensor> factors;
  std::vector<std::string> keys;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const Tensor& one = tensors[k];
    if (std::min(one.rows, one.cols) < kCols) continue;
    const auto element = [=](std::int64_t i, std::int64_t j) {
      return scale * noise(i * 7 + j, 3);
    };
    const std::string key = "base_model.model." + key_of(tensors, k) + ".lora_";
    factors.push_back(made<float>("", "F32", element, 4, one.cols));
    keys.push_back(key + "A.weight");
    factors.push_back(made<float>("", "F32", element, one.rows, 4));
    keys.push_back(key + "B.weight");
  }
  write(temp / name / "adapter_model.safetensors", factors, keys);
  temp.write(name + "/adapter_config.json", R"({"peft_type": "LORA", "r": 4, "lora_alpha": 4})");
  return (temp / name).string();
}

/// Columns that are infinite where a lognormal law has become a power law, as documented.
const std::set<std::string> kMayBeInfinite{"ln_mu", "ln_sigma"};

void check_numbers(const CsvTable& table) {
  for (const auto& row : table.rows) {
    for (const auto& [column, cell] : row) {
      if (kMayBeInfinite.contains(column)) continue;
      CAPTURE(row.begin()->second, column, cell);
      CHECK(cell != "inf");
      CHECK(cell != "-inf");
    }
  }
}

/// A scan, and all that is written of its archive.
class Extreme {
public:
  Extreme(const TempFolder& temp, std::string name, const std::string& model,
          const std::vector<std::string>& options)
      : temp_(&temp), archive_((temp / ("archive-" + name)).string()), name_(std::move(name)) {
    std::vector<std::string> words{"scan",        model, "--archive",   archive_,
                                   "--id",        name_, "--progress",  "none",
                                   "--min-evals", "1",   "--bootstrap", "5"};
    words.insert(words.end(), options.begin(), options.end());
    const Outcome scan = run_wishart(words);
    CAPTURE(name_);
    INFO(scan.err);
    // Matrices with NaN, or whose squares do not fit, are failures of theirs alone.
    CHECK((scan.exit_code == 0 || scan.exit_code == 5));
    layers_ = table("layers");
    REQUIRE_FALSE(layers_.rows.empty());
  }

  /// Whatever the options: what is fitted has an alpha, what is not says why.
  void check_statuses(bool weightwatcher) const {
    for (const auto& row : layers_.rows) {
      CAPTURE(name_, row.at("key"), row.at("status"), row.at("alpha"));
      const bool fitted = row.at("status") == "success";
      if (!fitted) CHECK_FALSE(row.at("reason").empty());
      if (weightwatcher) continue;
      CHECK(fitted == std::isfinite(number(row.at("alpha"))));
      for (const char* none : {"orthogonal", "identity", "zeros", "constant", "one-element",
                               "rank-one", "no-number", "infinite", "beyond", "below"}) {
        if (name_ != "base" && !name_.starts_with("adapter") &&
            row.at("key").ends_with("." + std::string(none) + ".weight")) {
          CHECK_FALSE(fitted);
        }
      }
    }
  }

  void check_tables() const {
    for (const char* one : {"layers", "summary", "traps", "adapter"}) check_numbers(table(one));
  }

  /// Writes pages, documents and figures; they are checked by others, all at once.
  void write_outputs(std::string& documents, std::string& pages, std::string& figures) const {
    const auto written = [&](std::vector<std::string> words, const std::string& file) {
      words.insert(words.end(), {"-o", (*temp_ / (name_ + "-" + file)).string()});
      const Outcome outcome = run_wishart(words);
      CAPTURE(words);
      INFO(outcome.err);
      CHECK(outcome.exit_code == 0);
      return " " + wishart::test::quoted(words.back());
    };
    documents += written({"report", archive_}, "report.json");
    documents += written({"export", archive_, "--table", "summary"}, "summary.json");
    pages += written({"report", archive_}, "report.html");
    const bool fitted = name_ != "adapter";  // a change of rank 4 has no alpha to draw
    if (fitted) {
      for (const char* what : {"depth", "roles"}) {
        figures += written({"plot", archive_, "--what", what}, std::string(what) + ".svg");
      }
    }
    for (const char* measure : {"D", "stable_rank", "warnings"}) {
      if (!fitted && measure == std::string_view("D")) continue;
      figures += written({"plot", archive_, "--what", "blocks", "--measure", measure},
                         std::string(measure) + ".svg");
    }
    for (const char* format : {"text", "md", "brief"}) {
      const Outcome text = run_wishart({"report", archive_, "--format", format});
      CHECK(text.exit_code == 0);
      CHECK(text.out.find("nan") == std::string::npos);
    }
    check_prometheus();
  }

private:
  [[nodiscard]] CsvTable table(const std::string& name) const {
    return parse_csv(run_wishart({"export", archive_, "--table", name}).out);
  }

  void check_prometheus() const {
    const Outcome metrics = run_wishart({"export", archive_, "--for", "prometheus"});
    CHECK(metrics.exit_code == 0);
    CHECK(metrics.out.ends_with("# EOF\n"));
    const std::regex sample(
        R"(wishart_[a-z_]+\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\} ([-+]?[0-9.e+-]+|[+-]Inf))");
    for (const std::string& line : wishart::split(metrics.out, '\n')) {
      if (line.empty() || line.starts_with("# ")) continue;
      CAPTURE(line);
      CHECK(std::regex_match(line, sample));
    }
  }

  const TempFolder* temp_;
  std::string archive_;
  std::string name_;
  CsvTable layers_;
};

}  // namespace

TEST_CASE("extreme elements give finite numbers or none, by every option, in every output",
          "[extremes]") {
  const TempFolder temp;
  const std::vector<Tensor> tensors = extremes();
  const std::string model = write_model(temp, "m", tensors);
  // The base of each matrix is another of its shape.
  std::vector<Tensor> others = tensors;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    for (std::size_t step = 1; step < tensors.size(); ++step) {
      const Tensor& other = tensors[(k + 5 * step) % tensors.size()];
      if (other.rows != tensors[k].rows || other.cols != tensors[k].cols) continue;
      others[k].dtype = other.dtype;
      others[k].bytes = other.bytes;
      break;
    }
  }
  const std::string base = write_model(temp, "other", others);
  const std::string large = write_adapter(temp, "large", 1e19);
  const std::string small = write_adapter(temp, "small", 1e-22);
  struct Case {
    const char* name;
    const std::string* model;
    std::vector<std::string> options;
  };
  const std::vector<Case> cases{
      {"plain", &model, {}},
      {"randomize", &model, {"--randomize", "1", "--method", "svd"}},
      {"farms", &model, {"--farms", "1"}},
      {"laws", &model, {"--fit", "E_TPL", "--gof", "5"}},
      {"compat", &model, {"--compat", "weightwatcher", "--randomize", "1", "--mp-fit"}},
      {"base", &model, {"--base", base}},
      {"adapter", &large, {}},
      {"adapter-large", &large, {"--with-base", model}},
      {"adapter-small", &small, {"--with-base", model}},
  };
  std::string documents;
  std::string pages;
  std::string figures;
  for (const Case& one : cases) {
    CAPTURE(one.name);
    const bool weightwatcher = std::string_view(one.name) == "compat";
    const Extreme extreme(temp, one.name, *one.model, one.options);
    extreme.check_statuses(weightwatcher);
    // In compat mode infinities are WeightWatcher's, such as the logarithm of zero.
    if (!weightwatcher) extreme.check_tables();
    extreme.write_outputs(documents, pages, figures);
  }
  const auto checked = [](const std::string& command) {
    const Outcome outcome = run_shell("/usr/bin/python3 " + command);
    INFO(outcome.out << outcome.err);
    CHECK(outcome.exit_code == 0);
  };
  checked(
      "-c 'import json, sys\n"
      "def refuse(word): raise ValueError(word)\n"
      "for name in sys.argv[1:]: json.load(open(name), parse_constant=refuse)'" +
      documents);
  checked(
      "-c 'import re, sys, xml.dom.minidom\n"
      "for name in sys.argv[1:]:\n"
      "    xml.dom.minidom.parse(name)\n"
      "    text = open(name).read()\n"
      "    assert not re.search(r\"=\\\"[^\\\"]*\\b-?(nan|inf)\\b\", text), name'" +
      figures);
  for (const std::string& page : wishart::split(pages, ' ')) {
    if (!page.empty()) checked(quoted(in_source("tests/cli/check_html.py")) + " " + page);
  }
}
