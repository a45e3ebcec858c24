#include "wishart/record/mode.hpp"

#include "wishart/core/error.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart {

std::string_view mode_name(Mode mode) {
  switch (mode) {
    case Mode::corrected:
      return "corrected";
    case Mode::weightwatcher:
      return "weightwatcher";
    case Mode::other:
      break;
  }
  throw Error(Blame::bug, "a mode has no name");
}

Mode mode_of(std::string_view name) noexcept {
  return name == "corrected"       ? Mode::corrected
         : name == "weightwatcher" ? Mode::weightwatcher
                                   : Mode::other;
}

bool is_compat(const Provenance& provenance) noexcept {
  return mode_of(provenance.mode) == Mode::weightwatcher;
}

}  // namespace wishart
