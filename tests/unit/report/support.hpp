#pragma once

/// @file
/// Records to report, hostile names, and a strict reading of JSON.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <sstream>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/fit/summary.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/report/export.hpp"

namespace wishart::test {

/// How often `part` occurs in `text`.
inline std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

/// A good layer of 64 x 32.
inline LayerRow layer(const std::string& key, double alpha = 3.5, const std::string& warning = "") {
  LayerRow row;
  row.key = key;
  row.longname = key;
  row.name = key;
  row.role = "mlp.up";
  row.stack = "model";
  row.block = 0;
  row.N = 64;
  row.M = 32;
  row.num_evals = 32;
  row.num_params = 2048;
  row.alpha = alpha;
  row.sigma = 0.25;
  row.D = 0.05;
  row.num_pl_spikes = 20;
  row.matrix_rank = 32;
  row.norm = 100;
  row.log_norm = 2;
  row.log_spectral_norm = 1;
  row.stable_rank = 10;
  row.status = "success";
  row.warning = warning;
  row.method = "gram";
  row.solver = "dsyevd";
  row.team_size = 1;
  row.num_below_floor = 0;
  row.sum_squares_error = 1e-16;
  return row;
}

/// What `export_table` writes.
inline std::string table_text(const CheckpointRecord& record, report::Table table,
                              report::TableFormat format) {
  std::ostringstream text;
  report::export_table(text, record, table, format);
  return std::move(text).str();
}

/// Counts what is written, and keeps the size of the largest piece.
class Pieces : public std::streambuf {
public:
  std::streamsize total = 0;
  std::streamsize largest = 0;

protected:
  std::streamsize xsputn(const char* /*text*/, std::streamsize count) override {
    total += count;
    largest = std::max(largest, count);
    return count;
  }
  int_type overflow(int_type c) override {
    ++total;
    return traits_type::not_eof(c);
  }
};

inline CheckpointRecord record_of(const std::vector<LayerRow>& layers,
                                  const std::vector<SkippedRow>& skipped = {}) {
  CheckpointRecord record;
  record.provenance.checkpoint_id = "step-100";
  record.provenance.checkpoint_path = "/data/run/step-100";
  record.provenance.format = "safetensors";
  record.provenance.model_type = "llama";
  record.provenance.mode = "corrected";
  record.provenance.options = R"({"min_evals": 10})";
  record.provenance.created = "2026-01-02T03:04:05Z";
  record.provenance.mpi_layout = "2 ranks on 1 host";
  record.layers = layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    record.layers[i].layer_id = static_cast<std::int64_t>(i);
    record.spectra.push_back({{1, 2, 3}, {1}, {3}, {0}});
  }
  record.skipped = skipped;
  record.summary = fit::summarize(record.layers, false);
  return record;
}

/// Names that would do harm on a terminal, in Markdown, in HTML, in a spreadsheet or in JSON.
inline const std::vector<std::string>& hostile_names() {
  static const std::vector<std::string> names{"\x1b[2J\x1b[31mred",
                                              "a\nb\r\nc",
                                              "a\tb",
                                              "| x | y |",
                                              "`code` *bold* _it_ ~~s~~ # h",
                                              "<script>alert(1)</script>&amp;",
                                              "![i](http://x/y.png) [l](http://x)",
                                              "\\| \\\\| \\",
                                              "=HYPERLINK(\"http://x\")",
                                              "+1+1",
                                              "-1",
                                              "@SUM(A1)",
                                              "a,\"b\",c",
                                              "\xe2\x80\xaegnp.exe",
                                              "\xd8\x9cmark",
                                              "\xe2\x81\xa6isolate\xe2\x81\xa9",
                                              "bad \xff\xc3 utf8",
                                              "\xc2\x9b"
                                              "31m",
                                              std::string("nul\0nul", 7),
                                              "\x7f",
                                              std::string(5000, 'x'),
                                              "größe.слой.模型",
                                              ""};
  return names;
}

/// `length` bytes, half of them from the hostile ones.
inline std::string random_text(std::mt19937_64& random, std::size_t length) {
  static const std::string bytes("|`*_[]<>&\\!#~\n\r\t\x1b\0=+-@,\"'{}:\xff\xe2\x80\xae\xc3\xbc",
                                 35);
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    text +=
        random() % 2 == 0 ? bytes[random() % bytes.size()] : static_cast<char>('a' + random() % 26);
  }
  return text;
}

/// True if nothing in `text` moves the cursor, changes colours or turns the direction of writing.
inline bool calm_on_a_terminal(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) return false;
  }
  for (const char* bad :
       {"\xe2\x80\xae", "\xd8\x9c", "\xe2\x81\xa6", "\xe2\x81\xa9", "\xc2\x9b", "\xff"}) {
    if (text.find(bad) != std::string_view::npos) return false;
  }
  return true;
}

/// Reads JSON as RFC 8259 has it, and nothing else; keeps no values.
class JsonCheck {
public:
  /// True if `text` is one value, perhaps with white space around.
  static bool valid(std::string_view text) {
    JsonCheck check(text);
    return check.value() && (check.space(), check.at_ == text.size());
  }

private:
  explicit JsonCheck(std::string_view text) : text_(text) {}
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  void space() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r') ++at_;
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  bool digits() {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > begin;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool string() {
    if (!take('"')) return false;
    while (at_ < text_.size() && peek() != '"') {
      if (static_cast<unsigned char>(peek()) < 0x20) return false;
      if (!take('\\')) {
        ++at_;
        continue;
      }
      if (take('u')) {
        for (int i = 0; i < 4; ++i) {
          if (std::string_view("0123456789abcdefABCDEF").find(peek()) == std::string_view::npos) {
            return false;
          }
          ++at_;
        }
      } else if (std::string_view("\"\\/bfnrt").find(peek()) == std::string_view::npos) {
        return false;
      } else {
        ++at_;
      }
    }
    return take('"');
  }
  bool members(char end, bool named) {
    space();
    if (take(end)) return true;
    do {
      space();
      if (named && !(string() && (space(), take(':')))) return false;
      if (!value()) return false;
      space();
    } while (take(','));
    return take(end);
  }
  bool value() {
    space();
    if (take('{')) return members('}', true);
    if (take('[')) return members(']', false);
    if (peek() == '"') return string();
    return word("true") || word("false") || word("null") || number();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace wishart::test
