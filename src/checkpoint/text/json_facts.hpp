#pragma once

/// @file
/// Reads small JSON files of any structure into a flat table.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::checkpoint {

/// Size limit of config.json and similar files, which are read whole.
inline constexpr std::int64_t kMaxConfigBytes = std::int64_t{64} << 20;

/// The scalars of a JSON text by path: `{"a": {"b": [3, "x"]}}` has `a.b.0` = `3`, `a.b.1` = `x`.
/// Keys of nested objects are joined by dots; null has no fact.
class JsonFacts {
public:
  /// More values than this are refused. A model may name 100 000 classes, twice.
  static constexpr std::size_t kMaxFacts = 1'000'000;

  JsonFacts() = default;
  /// @throws Error with Blame::input that begins with `place`; TooMuchText for more than
  /// `max_facts` values, or if their paths are too long
  JsonFacts(std::string_view text, const std::string& place, std::size_t max_facts = kMaxFacts);

  [[nodiscard]] bool empty() const noexcept { return facts_.empty(); }
  /// In the order of the file.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept {
    return facts_;
  }
  /// The paths of null, {} and [], in the order of the file.
  [[nodiscard]] const std::vector<std::string>& without_value() const noexcept { return without_; }
  [[nodiscard]] std::optional<std::string> text(const std::string& path) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const std::string& path) const;
  [[nodiscard]] std::optional<double> real(const std::string& path) const;
  [[nodiscard]] bool is_true(const std::string& path) const;
  /// The facts below `path`, with paths relative to it.
  [[nodiscard]] JsonFacts below(const std::string& path) const;

private:
  void add(std::string path, std::string value);

  std::vector<std::pair<std::string, std::string>> facts_;
  std::map<std::string, std::size_t> index_;
  std::vector<std::string> without_;
};

/// The facts of a side file of at most 64 MiB. Empty if the file is missing; empty, with a warning,
/// if it is broken.
/// @throws TooMuchText: what such a file says must not be missing in silence
[[nodiscard]] JsonFacts read_json_facts(const std::filesystem::path& file,
                                        std::vector<std::string>& warnings);

}  // namespace wishart::checkpoint
