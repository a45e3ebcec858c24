#pragma once

/// @file
/// Small JSON files of many shapes, as a flat table of what they say.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::checkpoint {

/// Bound on config.json and its kin, which are read as a whole.
inline constexpr std::int64_t kMaxConfigBytes = std::int64_t{64} << 20;

/// Scalars of a JSON text by their path: `{"a": {"b": [3, "x"]}}` has `a.b.0` = `3`, `a.b.1` = `x`.
/// Keys of objects that stand in each other are joined by points; null says nothing.
class JsonFacts {
public:
  /// More scalars than this are not kept.
  static constexpr std::size_t kMaxFacts = 100'000;

  JsonFacts() = default;
  /// @throws Error with Blame::input that begins with `place`
  JsonFacts(std::string_view text, const std::string& place);

  [[nodiscard]] bool empty() const noexcept { return facts_.empty(); }
  /// In the order of the file.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept {
    return facts_;
  }
  [[nodiscard]] std::optional<std::string> text(const std::string& path) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const std::string& path) const;
  [[nodiscard]] std::optional<double> real(const std::string& path) const;
  [[nodiscard]] bool is_true(const std::string& path) const;
  /// What stands below `path`, with paths from there.
  [[nodiscard]] JsonFacts below(const std::string& path) const;

private:
  void add(std::string path, std::string value);

  std::vector<std::pair<std::string, std::string>> facts_;
  std::map<std::string, std::size_t> index_;
};

/// The facts of a side file of at most 64 MiB. None if it is missing; none and a warning if it is
/// broken.
[[nodiscard]] JsonFacts read_json_facts(const std::filesystem::path& file,
                                        std::vector<std::string>& warnings);

}  // namespace wishart::checkpoint
