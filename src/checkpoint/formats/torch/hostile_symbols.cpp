#include "formats/torch/hostile_symbols.hpp"

#include <algorithm>
#include <array>

#include "wishart/core/text.hpp"

namespace wishart::checkpoint {

bool is_hostile(std::string_view symbol) {
  constexpr std::array<std::string_view, 26> kHostile{"io.open",
                                                      "_io.open",
                                                      "os.*",
                                                      "posix.*",
                                                      "nt.*",
                                                      "subprocess.*",
                                                      "sys.*",
                                                      "shutil.*",
                                                      "socket.*",
                                                      "runpy.*",
                                                      "importlib.*",
                                                      "pty.*",
                                                      "ctypes.*",
                                                      "webbrowser.*",
                                                      "commands.*",
                                                      "*builtin*.eval",
                                                      "*builtin*.exec",
                                                      "*builtin*.compile",
                                                      "*builtin*.open",
                                                      "*builtin*.__import__",
                                                      "*builtin*.execfile",
                                                      "*builtin*.apply",
                                                      "pdb.*",
                                                      "code.*",
                                                      "timeit.*",
                                                      "*builtin*.breakpoint"};
  return std::any_of(kHostile.begin(), kHostile.end(),
                     [&](std::string_view pattern) { return glob_match(pattern, symbol); });
}

}  // namespace wishart::checkpoint
