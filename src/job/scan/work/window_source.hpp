#pragma once

/// @file
/// The windows of a matrix as the views of another matrix.

#include "wishart/fit/farms.hpp"
#include "wishart/spectrum/element_source.hpp"

namespace wishart::job {

/// View v is window v.
class WindowSource : public spectrum::ElementSource {
public:
  /// @param source  the whole matrix; borrowed
  WindowSource(spectrum::ElementSource& source, const fit::Windows& windows)
      : source_(&source), windows_(&windows) {}

  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    const fit::WindowPlace& place = windows_->places[static_cast<std::size_t>(view)];
    source_->read(place.view, place.row + row_begin, place.row + row_end, place.col + col_begin,
                  place.col + col_end, out);
  }
  [[nodiscard]] double unit() override { return source_->unit(); }

private:
  spectrum::ElementSource* source_;
  const fit::Windows* windows_;
};

}  // namespace wishart::job
