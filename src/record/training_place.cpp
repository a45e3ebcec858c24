#include "wishart/record/training_place.hpp"

#include <limits>

#include "wishart/core/text.hpp"
#include "wishart/record/step_name.hpp"

namespace wishart {

TrainingPlace training_place(std::int64_t step, const std::string& name) {
  return {parse_step_name(name).stage, step, name};
}

bool comes_before(const TrainingPlace& a, const TrainingPlace& b) {
  if (a.stage != b.stage) return a.stage < b.stage;
  if (a.step != b.step) {
    const auto key = [](std::int64_t step) {
      return step < 0 ? std::numeric_limits<std::int64_t>::max() : step;
    };
    return key(a.step) < key(b.step);
  }
  return natural_less(a.name, b.name);
}

}  // namespace wishart
