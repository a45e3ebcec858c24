#include "formats/common/format.hpp"

namespace wishart::checkpoint {

void shift_files(Tensor& tensor, std::int32_t shift) {
  tensor.file += shift;
  for (Extent& extent : tensor.extents) extent.file += shift;
  for (Tensor& part : tensor.parts) shift_files(part, shift);
}

}  // namespace wishart::checkpoint
