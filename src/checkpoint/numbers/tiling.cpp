#include "numbers/tiling.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

std::int64_t volume(const Extent& extent) {
  std::int64_t product = 1;
  for (const std::int64_t size : extent.size) product *= size;
  return product;
}

bool overlaps(const Extent& a, const Extent& b) {
  for (std::size_t d = 0; d < a.size.size(); ++d) {
    if (a.origin[d] + a.size[d] <= b.origin[d] || b.origin[d] + b.size[d] <= a.origin[d]) {
      return false;
    }
  }
  return true;
}

/// The dimension with the most distinct chunk origins.
std::size_t widest_dimension(const Tensor& tensor) {
  std::size_t best = 0;
  std::size_t most = 0;
  for (std::size_t d = 0; d < tensor.extents.front().origin.size(); ++d) {
    std::set<std::int64_t> places;
    for (const Extent& extent : tensor.extents) places.insert(extent.origin[d]);
    if (places.size() > most) {
      most = places.size();
      best = d;
    }
  }
  return best;
}

}  // namespace

void check_tiling(const Tensor& tensor, const std::string& place) {
  const auto fail = [&](const std::string& what) {
    throw Error(Blame::input, place + ": tensor " + in_quotes(tensor.name) + " of shape " +
                                  printable(shape_text(tensor.shape), 100) + ": " + what);
  };
  std::int64_t elements = 0;
  for (const Extent& extent : tensor.extents) {
    for (std::size_t d = 0; d < extent.size.size(); ++d) {
      if (extent.origin[d] < 0 || extent.size[d] < 1 || extent.size[d] > tensor.shape[d] ||
          extent.origin[d] > tensor.shape[d] - extent.size[d]) {
        fail("a chunk of shape " + printable(shape_text(extent.size), 100) + " at " +
             printable(shape_text(extent.origin), 100) + " is not inside the tensor");
      }
    }
    elements += volume(extent);
    if (elements > tensor.num_elements) break;
  }
  if (elements != tensor.num_elements) {
    fail("expected chunks of " + std::to_string(tensor.num_elements) + " elements, found " +
         (elements > tensor.num_elements ? "more" : std::to_string(elements)));
  }
  // Compare only chunks that overlap along one dimension.
  if (tensor.extents.empty()) return;
  const std::size_t along = widest_dimension(tensor);
  std::vector<const Extent*> order;
  for (const Extent& extent : tensor.extents) order.push_back(&extent);
  std::sort(order.begin(), order.end(),
            [&](const Extent* a, const Extent* b) { return a->origin[along] < b->origin[along]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int64_t end = order[i]->origin[along] + order[i]->size[along];
    for (std::size_t j = i + 1; j < order.size() && order[j]->origin[along] < end; ++j) {
      if (overlaps(*order[i], *order[j])) {
        fail("two chunks overlap, at " + printable(shape_text(order[i]->origin), 100) + " and at " +
             printable(shape_text(order[j]->origin), 100));
      }
    }
  }
}

}  // namespace wishart::checkpoint
