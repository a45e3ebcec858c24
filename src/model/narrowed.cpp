#include <algorithm>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/record/left_out.hpp"

namespace wishart::model {

Selection narrowed(Selection all, const std::function<bool(const Matrix&)>& keeps) {
  Selection selection;
  selection.skipped = std::move(all.skipped);
  for (Matrix& matrix : all.matrices) {
    if (keeps(matrix)) {
      selection.matrices.push_back(std::move(matrix));
    } else {
      selection.skipped.push_back(
          {matrix.key, storage_text(matrix.tensor), shape_text(matrix.tensor.shape),
           matrix.rows * matrix.cols * matrix.num_views(), kLeftOut, "excluded by --layers"});
    }
  }
  std::sort(selection.matrices.begin(), selection.matrices.end(),
            [](const Matrix& a, const Matrix& b) { return natural_less(a.key, b.key); });
  std::sort(
      selection.skipped.begin(), selection.skipped.end(),
      [](const SkippedRow& a, const SkippedRow& b) { return natural_less(a.tensor, b.tensor); });
  return selection;
}

}  // namespace wishart::model
