#include "wishart/fit/options.hpp"

#include "wishart/core/text.hpp"

namespace wishart::fit {

std::string options_json(const FitOptions& options) {
  const auto law = [&] {
    switch (options.law) {
      case FitLaw::truncated:
        return "TPL";
      case FitLaw::peak:
        return "E_TPL";
      case FitLaw::power_law:
        break;
    }
    return "PL";
  };
  const auto fingers = [&] {
    switch (options.fix_fingers) {
      case FixFingers::clip_xmax:
        return "\"clip_xmax\"";
      case FixFingers::xmin_peak:
        return "\"xmin_peak\"";
      case FixFingers::none:
        break;
    }
    return "null";
  };
  return std::string("{\"fit\": \"") + law() + "\", \"fix_fingers\": " + fingers() +
         ", \"max_fingers\": " + std::to_string(options.max_fingers) +
         ", \"finger_thresh\": " + shortest(options.finger_thresh) +
         ", \"xmax\": " + std::to_string(options.xmax) +
         ", \"mp_fit\": " + (options.mp_fit ? "true" : "false") +
         ", \"tolerance\": " + shortest(options.tolerance) +
         ", \"bootstrap\": " + std::to_string(options.bootstrap) +
         ", \"gof\": " + std::to_string(options.gof) +
         ", \"seed\": " + std::to_string(options.seed) + "}";
}

}  // namespace wishart::fit
