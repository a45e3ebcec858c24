#include "panels.hpp"

#include <algorithm>
#include <system_error>
#include <type_traits>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/panel.hpp"

namespace wishart::spectrum {
namespace {

/// float64 elements converted to float32 at a time: they stay in the second-level cache.
constexpr std::int64_t kScratchElements = std::int64_t{1} << 16;

// Compiled once for each instruction set, by inlining into a function with the target attribute.
/// @returns whether one of the values is no float
__attribute__((always_inline)) inline bool round_all(std::span<const double> values,
                                                     std::span<float> out) {
  std::int64_t rounded = 0;
  const double* const from = values.data();
  float* const to = out.data();
  for (std::size_t i = 0; i < values.size(); ++i) {
    to[i] = static_cast<float>(from[i]);
    rounded |= static_cast<std::int64_t>(static_cast<double>(to[i]) != from[i]);
  }
  return rounded != 0;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) bool round_all_avx2(std::span<const double> values,
                                                    std::span<float> out) {
  return round_all(values, out);
}
#endif

/// @returns whether one of the values is no product of `unit` and a float
bool to_floats(std::span<const double> values, double unit, std::span<float> out) {
  if (unit == 1) {
#if defined(__x86_64__)
    if (best_instruction_set() != InstructionSet::portable) return round_all_avx2(values, out);
#endif
    return round_all(values, out);
  }
  int rounded = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i] = static_cast<float>(values[i] / unit);
    rounded |= static_cast<int>(static_cast<double>(out[i]) * unit != values[i]);
  }
  return rounded != 0;
}

}  // namespace

void read_tallied(const ViewTask& task, std::int64_t row_begin, std::int64_t row_end,
                  std::int64_t col_begin, std::int64_t col_end, std::span<double> out,
                  Tally& tally) {
  task.source->read(task.view, row_begin, row_end, col_begin, col_end, out);
  const std::int64_t width = col_end - col_begin;
  if (width == task.cols()) {
    tally.add(task.position(row_begin, 0), out);
    return;
  }
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    tally.add(task.position(row, col_begin),
              out.subspan(static_cast<std::size_t>((row - row_begin) * width),
                          static_cast<std::size_t>(width)));
  }
}

Slice slice_of(std::int64_t extent, int part, int parts) noexcept {
  const std::int64_t share = extent / parts;
  const std::int64_t longer = extent % parts;  // the first parts have one more
  const std::int64_t begin = part * share + std::min<std::int64_t>(part, longer);
  return {begin, begin + share + (part < longer ? 1 : 0)};
}

template <class Real>
PanelStream<Real>::PanelStream(const ViewTask& task, Slice slice, std::int64_t panel_bytes,
                               Tally& tally, Workspace& workspace)
    : PanelStream(
          task, slice,
          Depth{panel_depth(*task.matrix, panel_bytes,
                            std::is_same_v<Real, float> ? Precision::float32 : Precision::float64)},
          tally, workspace) {}

template <class Real>
PanelStream<Real>::PanelStream(const ViewTask& task, Slice slice, Depth depth, Tally& tally,
                               Workspace& workspace, double unit)
    : task_(task),
      slice_(slice),
      tally_(&tally),
      tall_(task.rows() >= task.cols()),
      short_side_(std::min(task.rows(), task.cols())),
      unit_(unit) {
  constexpr bool kSingle = std::is_same_v<Real, float>;
  depth_ = std::max<std::int64_t>(1, std::min(depth.rows, slice.size()));
  num_panels_ = (slice.size() + depth_ - 1) / depth_;
  const std::size_t used = num_panels_ > 1 ? 2 : 1;
  for (std::size_t i = 0; i < used; ++i) {
    buffers_[i].values = workspace.take<Real>(depth_ * short_side_);
  }
  // At least one row of a panel at a time.
  const std::int64_t width = tall_ ? short_side_ : depth_;
  if (kSingle) scratch_ = workspace.take<double>(std::max(kScratchElements, width));
  if (num_panels_ <= 1) return;
  try {
    // Last, because the thread uses all other members.
    reader_ = std::thread([this] { read_ahead(); });
  } catch (const std::system_error&) {
    // A limit on processes. Then `next` reads, later but the same.
  }
}

template <class Real>
PanelStream<Real>::~PanelStream() {
  if (!reader_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  reader_.join();
}

template <class Real>
std::int64_t PanelStream<Real>::depth_of(std::int64_t panel) const noexcept {
  return std::min(depth_, slice_.end - panel_begin(panel));
}

template <class Real>
bool PanelStream<Real>::fill(std::int64_t panel, std::span<Real> out) {
  const std::int64_t begin = panel_begin(panel);
  const std::int64_t end = begin + depth_of(panel);
  const std::int64_t row_begin = tall_ ? begin : 0;
  const std::int64_t row_end = tall_ ? end : task_.rows();
  const std::int64_t col_begin = tall_ ? 0 : begin;
  const std::int64_t col_end = tall_ ? task_.cols() : end;
  if constexpr (std::is_same_v<Real, double>) {
    read_tallied(task_, row_begin, row_end, col_begin, col_end, out, *tally_);
    return false;
  } else {
    bool rounded = false;
    const std::int64_t width = col_end - col_begin;
    const std::int64_t at_once = std::max<std::int64_t>(1, std::ssize(scratch_) / width);
    for (std::int64_t row = row_begin; row < row_end; row += at_once) {
      const std::int64_t count = std::min(at_once, row_end - row);
      const auto size = static_cast<std::size_t>(count * width);
      const std::span<double> part = scratch_.first(size);
      read_tallied(task_, row, row + count, col_begin, col_end, part, *tally_);
      rounded = to_floats(part, unit_, out.first(size)) || rounded;
      out = out.subspan(size);
    }
    return rounded;
  }
}

template <class Real>
void PanelStream<Real>::read_ahead() {
  for (std::int64_t panel = 0; panel < num_panels_; ++panel) {
    Buffer& buffer = buffers_[static_cast<std::size_t>(panel % 2)];
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !buffer.full || stopping_; });
      if (stopping_) return;
    }
    std::exception_ptr failure;
    try {
      buffer.rounded =
          fill(panel, buffer.values.first(static_cast<std::size_t>(depth_of(panel) * short_side_)));
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      buffer.full = true;
      failure_ = failure;
    }
    changed_.notify_all();
    if (failure) return;
  }
}

template <class Real>
std::optional<Panel<Real>> PanelStream<Real>::next() {
  if (next_panel_ >= num_panels_) return std::nullopt;
  const std::int64_t panel = next_panel_++;
  Buffer& buffer = buffers_[static_cast<std::size_t>(panel % 2)];
  const auto size = static_cast<std::size_t>(depth_of(panel) * short_side_);
  if (!reader_.joinable()) {
    buffer.rounded = fill(panel, buffer.values.first(size));
  } else {
    std::unique_lock lock(mutex_);
    if (panel > 0) buffers_[static_cast<std::size_t>((panel - 1) % 2)].full = false;
    changed_.notify_all();
    changed_.wait(lock, [&] { return buffer.full; });
    if (failure_) std::rethrow_exception(failure_);
  }
  return Panel<Real>{buffer.values.first(size), panel_begin(panel), depth_of(panel),
                     buffer.rounded};
}

template class PanelStream<double>;
template class PanelStream<float>;

}  // namespace wishart::spectrum
