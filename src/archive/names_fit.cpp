#include <algorithm>
#include <array>
#include <string>

#include "wishart/archive/archive.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "table.hpp"

namespace wishart::archive {
namespace {

/// The most that the rows of a table may have before compression: about two minutes of compressing.
constexpr std::int64_t kMostTableBytes = std::int64_t{8} << 30U;

/// The longest text of each of some columns.
template <std::size_t N>
class Longest {
public:
  Longest(const std::filesystem::path& file, const char* table) : file_(file), table_(table) {}

  void add(std::size_t column, std::size_t bytes) {
    if (bytes > kMaxTextBytes) {
      throw Error(Blame::input, shown(file_) + ": /" + table_ + ": a name of " +
                                    std::to_string(bytes) + " bytes, expected at most " +
                                    std::to_string(kMaxTextBytes) +
                                    ". Leave its tensor out with --layers");
    }
    bytes_[column] = std::max(bytes_[column], static_cast<std::int64_t>(bytes));
  }

  void check(std::int64_t rows) const {
    std::int64_t row_bytes = 0;
    for (const std::int64_t bytes : bytes_) row_bytes += bytes;
    if (row_bytes == 0 || rows <= kMostTableBytes / row_bytes) return;
    throw Error(Blame::input, shown(file_) + ": /" + table_ + ": each of its " +
                                  std::to_string(rows) + " rows has room for the longest names, " +
                                  std::to_string(row_bytes) + " bytes, which makes " +
                                  human_bytes(row_bytes * rows) + ", expected at most " +
                                  human_bytes(kMostTableBytes) +
                                  ". Leave out the tensors with long names with --layers");
  }

private:
  const std::filesystem::path& file_;
  const char* table_;
  std::array<std::int64_t, N> bytes_{};
};

}  // namespace

void check_names_fit(const std::filesystem::path& file, std::span<const Matrix> matrices,
                     std::span<const SkippedRow> skipped) {
  Longest<5> layers(file, "layers");
  for (const Matrix& matrix : matrices) {
    const std::size_t name = matrix.tensor.name.size();
    std::size_t aliases = 0;
    for (const std::string& alias : matrix.aliases) aliases += alias.size() + 2;
    layers.add(0, name);
    layers.add(1, name);  // without its end
    layers.add(2, matrix.key.size());
    layers.add(3, aliases);
    layers.add(4, matrix.stack.size());
  }
  layers.check(std::ssize(matrices));
  Longest<2> rows(file, "skipped");
  for (const SkippedRow& row : skipped) {
    rows.add(0, row.tensor.size());
    rows.add(1, row.detail.size());
  }
  rows.check(std::ssize(skipped));
}

}  // namespace wishart::archive
