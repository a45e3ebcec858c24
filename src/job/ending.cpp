#include "wishart/job/ending.hpp"

#include <ostream>

#include "wishart/core/plural.hpp"

namespace wishart::job {
Ending::Ending(Blame blame, std::string reason)
    : exit_code_(static_cast<int>(blame)), reason_(std::move(reason)) {
  require(!reason_.empty(), "an exit code has no reason");
}

Ending::Ending(const std::exception& error) : Ending(blame_of(error), describe(error)) {}

Ending Ending::gate_failed(std::string reason) {
  Ending ending;
  ending.exit_code_ = kGateFailed;
  ending.reason_ = std::move(reason);
  return ending;
}

void FirstEnding::add(const Ending& ending) {
  if (ending.done()) return;
  if (first_.done()) {
    first_ = ending;
  } else {
    ++more_;
  }
}

Ending FirstEnding::with(const Ending& told, std::int64_t others) const {
  if (others == 0) return told;
  return {static_cast<Blame>(told.exit_code()), told.reason() + ". " +
                                                    plural(others, "more " + part_) + " " +
                                                    is_are(others) + " incomplete"};
}

Ending FirstEnding::ending() const { return with(first_, more_); }

Ending FirstEnding::cut_short_by(const Ending& last) const { return with(last, count()); }

std::string one_line(const std::string& text) {
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n') {
      line += text[i];
      continue;
    }
    while (i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\n')) ++i;
    if (i + 1 < text.size()) line += "; ";
  }
  return line;
}

int told(const Ending& ending, std::ostream& err) {
  if (!ending.reason().empty()) {
    err << "wishart: " << one_line(ending.reason()) << '\n' << std::flush;
  }
  return ending.exit_code();
}

}  // namespace wishart::job
