#include "safetensors_reader.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

namespace wishart::checkpoint {
namespace {

/// `2026-05-01 10:00:00.000000001 UTC`
std::string time_text(std::int64_t time_ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t nanoseconds = ((time_ns % kSecond) + kSecond) % kSecond;
  const std::time_t seconds = (time_ns - nanoseconds) / kSecond;
  std::tm utc{};
  std::array<char, 40> day{};
  if (::gmtime_r(&seconds, &utc) == nullptr ||
      std::strftime(day.data(), day.size(), "%Y-%m-%d %H:%M:%S", &utc) == 0) {
    return std::to_string(time_ns) + " ns since 1970";
  }
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09d", static_cast<int>(nanoseconds));
  return std::string(day.data()) + fraction.data() + " UTC";
}

/// Throws if the elements do not lie in the tensor, or the tensor not in its file: both come from
/// our own catalogue.
void check_bounds(const Tensor& tensor, std::int64_t first, std::int64_t count,
                  std::int64_t file_bytes) {
  require(is_weight_dtype(tensor.dtype), "only floating tensors are read as numbers");
  const std::optional<std::int64_t> end = checked_sum(first, count);
  require(first >= 0 && end && *end <= tensor.num_elements,
          "elements were asked for that the tensor does not have");
  const std::optional<std::int64_t> bytes =
      checked_product(tensor.num_elements, dtype_bits(tensor.dtype) / 8);
  require(bytes && *bytes == tensor.size_bytes, "a tensor's size is not that of its elements");
  const std::optional<std::int64_t> file_end = checked_sum(tensor.offset_bytes, *bytes);
  require(tensor.offset_bytes >= 0 && file_end && *file_end <= file_bytes,
          "a tensor lies outside its file");
}

}  // namespace

SafetensorsReader::SafetensorsReader(std::filesystem::path root, std::vector<SourceFile> files,
                                     std::size_t max_open_files)
    : root_(std::move(root)),
      files_(std::move(files)),
      slots_(files_.size()),
      max_open_files_(std::max<std::size_t>(max_open_files, 1)) {}

std::size_t SafetensorsReader::num_open_files() const noexcept {
  return static_cast<std::size_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.file.has_value(); }));
}

InputFile SafetensorsReader::open_checked(const SourceFile& source) const {
  InputFile file(root_ / source.name);
  const std::int64_t size = file.size_bytes();
  const std::int64_t mtime = file.mtime_ns();
  if (size != source.size_bytes || mtime != source.mtime_ns) {
    throw Error(Blame::input,
                printable(file.path().string()) + ": changed while it was being read: expected " +
                    std::to_string(source.size_bytes) + " bytes of " + time_text(source.mtime_ns) +
                    ", found " + std::to_string(size) + " bytes of " + time_text(mtime) +
                    ". Run again when nothing writes to it");
  }
  return file;
}

const InputFile& SafetensorsReader::file(std::size_t index) {
  Slot& slot = slots_[index];
  slot.last_used = ++uses_;
  if (slot.file) return *slot.file;
  if (num_open_files() >= max_open_files_) {
    Slot* oldest = nullptr;
    for (Slot& other : slots_) {
      if (other.file && (oldest == nullptr || other.last_used < oldest->last_used)) oldest = &other;
    }
    oldest->file.reset();
  }
  return slot.file.emplace(open_checked(files_[index]));
}

void SafetensorsReader::read_elements(const Tensor& tensor, std::int64_t first,
                                      std::span<double> out) {
  require(tensor.file >= 0 && static_cast<std::size_t>(tensor.file) < files_.size(),
          "a tensor names a file that the checkpoint does not have");
  const auto index = static_cast<std::size_t>(tensor.file);
  check_bounds(tensor, first, static_cast<std::int64_t>(out.size()), files_[index].size_bytes);
  if (out.empty()) return;
  const InputFile& input = file(index);
  const std::int64_t element_bytes = dtype_bits(tensor.dtype) / 8;
  std::int64_t offset_bytes = tensor.offset_bytes + first * element_bytes;
  if (tensor.dtype == Dtype::f64) return input.read(offset_bytes, std::as_writable_bytes(out));

  const auto bytes_each = static_cast<std::size_t>(element_bytes);
  chunk_.resize(std::max(chunk_.size(), std::min(kChunkElements, out.size()) * bytes_each));
  while (!out.empty()) {
    const std::size_t count = std::min(kChunkElements, out.size());
    const std::span<std::byte> raw = std::span(chunk_).first(count * bytes_each);
    input.read(offset_bytes, raw);
    decode(tensor.dtype, raw, out.first(count));
    offset_bytes += static_cast<std::int64_t>(raw.size());
    out = out.subspan(count);
  }
}

std::unique_ptr<ElementReader> make_reader(const std::string& format,
                                           const std::filesystem::path& root,
                                           std::vector<SourceFile> files) {
  require(format == "safetensors", "a checkpoint has a format that no reader is for");
  return std::make_unique<SafetensorsReader>(root, std::move(files));
}

}  // namespace wishart::checkpoint
