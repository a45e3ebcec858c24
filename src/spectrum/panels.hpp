#pragma once

/// @file
/// Internal: reads a view as a stream of panels. Each is read and converted while the previous one
/// is being used.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "wishart/spectrum/workspace.hpp"

#include "view_values.hpp"

namespace wishart::spectrum {

/// A part [begin, end) of the long side of a view.
struct Slice {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t size() const noexcept { return end - begin; }
};

/// The slice of rank `part` of `parts`. Slices are in order and differ in size by at most one.
[[nodiscard]] Slice slice_of(std::int64_t extent, int part, int parts) noexcept;

/// A panel: `depth` rows of a tall view, or columns of a wide one, row-major as in the view.
///
/// Read as column-major, the panel of a tall view is short side x depth, that of a wide view depth
/// x short side.
template <class Real>
struct Panel {
  std::span<Real> values;  ///< may be overwritten
  std::int64_t begin = 0;  ///< along the long side
  std::int64_t depth = 0;
  bool rounded = false;  ///< an element is no product of the unit and a `Real`
};

/// Reads a slice of a view panel by panel, in order, and tallies every element once.
///
/// With more than one panel, a separate thread reads ahead into a second buffer, unless the system
/// refuses it. Do not use the source and the tally until the stream has ended or is destroyed.
/// `Real` is float or double.
template <class Real>
class PanelStream {
public:
  /// @param workspace  must not be reset during the lifetime of the stream
  PanelStream(const ViewTask& task, Slice slice, std::int64_t panel_bytes, Tally& tally,
              Workspace& workspace);
  struct Depth {
    std::int64_t rows = 1;
  };
  /// With panels of this depth, of elements divided by `unit`. They are tallied as they are.
  /// @pre unit is 1 if `Real` is double
  PanelStream(const ViewTask& task, Slice slice, Depth depth, Tally& tally, Workspace& workspace,
              double unit = 1.0);
  ~PanelStream();
  PanelStream(const PanelStream&) = delete;
  PanelStream& operator=(const PanelStream&) = delete;

  /// The next panel, or nothing after the last. Invalidates the previous panel.
  /// @throws Error from the source
  [[nodiscard]] std::optional<Panel<Real>> next();

private:
  struct Buffer {
    std::span<Real> values;
    bool full = false;
    bool rounded = false;
  };
  /// @returns true if an element had to be rounded
  bool fill(std::int64_t panel, std::span<Real> out);
  void read_ahead();
  [[nodiscard]] std::int64_t panel_begin(std::int64_t panel) const noexcept {
    return slice_.begin + panel * depth_;
  }
  [[nodiscard]] std::int64_t depth_of(std::int64_t panel) const noexcept;

  ViewTask task_;
  Slice slice_;
  Tally* tally_;
  bool tall_;
  std::int64_t short_side_;
  double unit_;
  std::int64_t depth_;
  std::int64_t num_panels_;
  std::int64_t next_panel_ = 0;
  std::array<Buffer, 2> buffers_;
  std::span<double> scratch_;  ///< float64 elements before conversion to float32

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::thread reader_;
};

}  // namespace wishart::spectrum
