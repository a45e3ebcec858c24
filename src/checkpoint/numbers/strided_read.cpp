#include "numbers/strided_read.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "wishart/checkpoint/decode.hpp"

namespace wishart::checkpoint {
namespace {

/// Pieces at least this long or this far apart are read one by one. Otherwise the gaps are read
/// too. A call costs about as much as copying and converting some KiB from the page cache.
constexpr std::int64_t kLongPieceBytes = 4096;
constexpr std::int64_t kWideGapBytes = 65536;
/// Elements read and converted at a time when they go straight to the output. As float64 this is
/// 512 KiB, which fits into a second-level cache of 1 MiB. As bf16 it is 128 KiB, for which the
/// system call costs a few percent of the copying. Parallel file systems read ahead by themselves.
constexpr std::int64_t kDirectElements = std::int64_t{1} << 16;

/// Elements from the first to the last that `axes` reach, both included.
std::int64_t span_of(std::span<const Axis> axes) {
  std::int64_t span = 1;
  for (const Axis& axis : axes) span += (axis.count - 1) * axis.stride;
  return span;
}

/// The axes, widest stride first, without those of one step. Adjacent axes that form one are
/// merged.
std::vector<Axis> simplified(std::vector<Axis> axes) {
  std::erase_if(axes, [](const Axis& axis) { return axis.count == 1; });
  std::stable_sort(axes.begin(), axes.end(),
                   [](const Axis& a, const Axis& b) { return a.stride > b.stride; });
  std::vector<Axis> joined;
  for (const Axis& axis : axes) {
    if (!joined.empty()) {
      Axis& outer = joined.back();
      if (outer.stride == axis.stride * axis.count &&
          outer.out_stride == axis.out_stride * axis.count) {
        outer = {outer.count * axis.count, axis.stride, axis.out_stride};
        continue;
      }
    }
    joined.push_back(axis);
  }
  return joined;
}

template <class T>
void scatter(std::span<const Axis> axes, const T* from, T* to) {
  if (axes.empty()) {
    *to = *from;
    return;
  }
  const Axis& axis = axes.front();
  if (axes.size() == 1) {
    for (std::int64_t i = 0; i < axis.count; ++i) to[i * axis.out_stride] = from[i * axis.stride];
    return;
  }
  for (std::int64_t i = 0; i < axis.count; ++i) {
    scatter(axes.subspan(1), from + i * axis.stride, to + i * axis.out_stride);
  }
}

/// Elements of T: float64, converted from `dtype`, or bytes, which stay as they are.
template <class T>
class StridedRead {
public:
  StridedRead(const ReadBytes& read_bytes, Dtype dtype, std::vector<T>& scratch)
      : read_bytes_(read_bytes),
        dtype_(dtype),
        element_bytes_(dtype_bits(dtype) / 8),
        scratch_(scratch) {}

  void read(std::span<Axis> axes, std::int64_t offset_bytes, T* out) {
    if (axes.empty()) return read_span(axes, offset_bytes, out);
    const Axis axis = axes.front();
    const std::int64_t together = steps_together(axis, axes.subspan(1));
    for (std::int64_t i = 0; i < axis.count; i += together) {
      const std::int64_t from = offset_bytes + i * axis.stride * element_bytes_;
      T* to = out + i * axis.out_stride;
      if (together == 1) {
        read(axes.subspan(1), from, to);
        continue;
      }
      axes.front().count = std::min(together, axis.count - i);
      read_span(axes, from, to);
      axes.front() = axis;
    }
  }

private:
  /// How many steps of an axis, with everything inside them, are read in one call.
  [[nodiscard]] std::int64_t steps_together(const Axis& axis, std::span<const Axis> inner) const {
    const bool direct = inner.empty() && axis.stride == 1 && axis.out_stride == 1;
    const bool converted = !std::is_same_v<T, std::byte>;
    const std::int64_t most = direct && converted ? kDirectElements : kReadBytes / element_bytes_;
    const std::int64_t inside = span_of(inner);
    if (inside > most) return 1;
    if (axis.stride == 0) return axis.count;
    const std::int64_t gap_bytes = (axis.stride - inside) * element_bytes_;
    const bool long_piece =
        inner.size() == 1 && inner[0].stride == 1 && inside * element_bytes_ >= kLongPieceBytes;
    if (gap_bytes >= kWideGapBytes || (gap_bytes > 0 && long_piece)) return 1;
    return std::min(axis.count, (most - inside) / axis.stride + 1);
  }

  void read_span(std::span<const Axis> axes, std::int64_t offset_bytes, T* out) {
    const auto count = static_cast<std::size_t>(span_of(axes));
    const bool direct =
        axes.empty() || (axes.size() == 1 && axes[0].stride == 1 && axes[0].out_stride == 1);
    if (!direct && scratch_.size() < count) scratch_.resize(count);
    const std::span<T> values =
        direct ? std::span<T>(out, count) : std::span<T>(scratch_).first(count);
    if constexpr (std::is_same_v<T, std::byte>) {
      read_bytes_(offset_bytes, values);
    } else if (dtype_ == Dtype::f64) {
      read_bytes_(offset_bytes, std::as_writable_bytes(values));
    } else {
      // Read the codes into the end of the output and convert them in place: less memory passes
      // through the cache than with a separate buffer.
      const std::size_t bytes = count * static_cast<std::size_t>(element_bytes_);
      const std::span<std::byte> raw = std::as_writable_bytes(values).last(bytes);
      read_bytes_(offset_bytes, raw);
      decode(dtype_, raw, values);
    }
    if (!direct) scatter<T>(axes, values.data(), out);
  }

  const ReadBytes& read_bytes_;
  Dtype dtype_;
  std::int64_t element_bytes_;
  std::vector<T>& scratch_;
};

template <class T>
void read_with(const ReadBytes& read, Dtype dtype, std::int64_t offset_bytes,
               std::vector<Axis> axes, T* out, std::vector<T>& scratch) {
  if (std::any_of(axes.begin(), axes.end(), [](const Axis& axis) { return axis.count == 0; })) {
    return;
  }
  std::vector<Axis> simple = simplified(std::move(axes));
  StridedRead<T>(read, dtype, scratch).read(simple, offset_bytes, out);
}

}  // namespace

void read_strided(const ReadBytes& read, Dtype dtype, std::int64_t offset_bytes,
                  std::vector<Axis> axes, double* out, ReadScratch& scratch) {
  read_with(read, dtype, offset_bytes, std::move(axes), out, scratch);
}

void read_strided_bytes(const ReadBytes& read, std::int64_t offset_bytes, std::vector<Axis> axes,
                        std::byte* out) {
  std::vector<std::byte> scratch;
  read_with(read, Dtype::u8, offset_bytes, std::move(axes), out, scratch);
}

}  // namespace wishart::checkpoint
