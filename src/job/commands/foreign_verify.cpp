#include "commands/foreign_verify.hpp"

#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/pack.hpp"

#include "commands/in_child.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kGib = std::int64_t{1} << 30U;

/// What a process needs for a small file, twenty times over.
constexpr std::int64_t kLeastMemory = 2 * kGib;
/// Memory for each byte of the file: singular values are as large in memory as in the file, twice;
/// tables are ten times larger.
constexpr std::int64_t kMemoryPerByte = 32;
constexpr std::int64_t kLeastSeconds = 60;
/// Five times what a slow processor takes to hash, to inflate and to hash again.
constexpr std::int64_t kSecondsPerGib = 120;

ChildLimits limits_for(std::int64_t size_bytes) {
  return {kLeastMemory + kMemoryPerByte * size_bytes,
          kLeastSeconds + kSecondsPerGib * (size_bytes / kGib)};
}

archive::Verdict failed(const std::filesystem::path& file, std::int64_t size_bytes,
                        const std::string& how) {
  archive::Verdict verdict;
  verdict.file = file;
  verdict.size_bytes = size_bytes;
  verdict.standing = archive::Standing::damaged;
  verdict.findings.push_back("the process that read it " + how +
                             ". Let no other program open this file");
  return verdict;
}

archive::Verdict in_child(const std::filesystem::path& file,
                          const std::function<archive::Verdict()>& verify) {
  std::error_code ignored;
  const std::uintmax_t found = std::filesystem::file_size(file, ignored);
  const std::int64_t size = ignored ? 0 : static_cast<std::int64_t>(found);
  const ChildResult result = run_in_child(limits_for(size), [&] { return packed(verify()); });
  if (!result.failure.empty()) return failed(file, size, result.failure);
  try {
    auto verdict = unpacked<archive::Verdict>(result.bytes);
    verdict.file = file;
    return verdict;
  } catch (const Error&) {
    return failed(file, size, "did not send its findings whole");
  }
}

}  // namespace

archive::Verdict verify_foreign(const std::filesystem::path& file) {
  return in_child(file, [&] { return archive::verify_file(file); });
}

archive::Verdict verify_foreign_index(const std::filesystem::path& folder) {
  return in_child(folder / "index.h5", [&] { return archive::verify_index(folder); });
}

}  // namespace wishart::job
