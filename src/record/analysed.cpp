#include "wishart/record/analysed.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "wishart/core/text.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/run_name.hpp"
#include "wishart/record/runs.hpp"
#include "wishart/record/step_name.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart {
namespace {

/// Members of the options of a fit that add columns or the error of alpha, and change no metric
/// that is there without them.
constexpr const char* kOfOthers[] = {"mp_fit", "bootstrap", "gof", "seed"};

/// The options of a fit, as JSON, without members that change no metric.
std::string options_of_metrics(std::string options) {
  for (const char* name : kOfOthers) {
    std::string member = ", \"";
    member += name;
    member += "\": ";
    const std::size_t at = options.find(member);
    if (at == std::string::npos) continue;
    options.erase(at, options.find_first_of(",}", at + member.size()) - at);
  }
  return options;
}

using Members = std::vector<Analysed*>;

/// Stage and step of the last member with a step.
std::pair<std::int64_t, std::int64_t> last_place(const Members& members) {
  std::pair<std::int64_t, std::int64_t> last{-1, -1};
  for (const Analysed* one : members) {
    if (one->step < 0) continue;
    last = std::max(last, {training_place(one->step, one->checkpoint).stage, one->step});
  }
  return last;
}

/// True if `a` is to be kept rather than `b`.
/// @pre the members are in the order of their names
bool is_preferred(const Members& a, const Members& b, Prefer prefer) {
  if (prefer == Prefer::latest && last_place(a) != last_place(b)) {
    return last_place(a) > last_place(b);
  }
  if (a.size() != b.size()) return a.size() > b.size();
  const bool corrected = mode_of(a.front()->mode) == Mode::corrected;
  if (corrected != (mode_of(b.front()->mode) == Mode::corrected)) return corrected;
  return natural_less(a.front()->checkpoint, b.front()->checkpoint);
}

/// Marks all members but the first of each checkpoint.
void mark_twice(const Members& members) {
  std::set<std::tuple<std::string, std::int64_t, AnalysisKind, std::string>> seen;
  for (Analysed* one : members) {
    if (one->identity.empty()) continue;
    if (!seen.emplace(one->identity, one->step, one->kind, one->base_path).second) {
      one->why = LeftOut::twice;
    }
  }
}

/// Marks all members of one stage and step but one: that of the id `like`, else one that is named
/// like it, else one whose name has the step, else the one with the shortest name: that of a copy,
/// such as `checkpoint-500-int8`, is longer.
void mark_same_step(const Members& members, const std::string& like) {
  std::map<std::pair<std::int64_t, std::int64_t>, Members> places;
  for (Analysed* one : members) {
    if (one->why != LeftOut::no || one->step < 0) continue;
    places[{training_place(one->step, one->checkpoint).stage, one->step}].push_back(one);
  }
  for (const auto& [place, there] : places) {
    const auto rank = [&](const Analysed* one) {
      // `-500-int8` and `-100-int8` are named alike.
      const bool is_other =
          !like.empty() && without_numbers(one->checkpoint) != without_numbers(like);
      return std::tuple{one->checkpoint != like, is_other,
                        parse_step_name(one->checkpoint).step != one->step, one->checkpoint.size()};
    };
    const Analysed* kept =
        *std::min_element(there.begin(), there.end(),
                          [&](const Analysed* a, const Analysed* b) { return rank(a) < rank(b); });
    for (Analysed* one : there) {
      if (one != kept) one->why = LeftOut::step;
    }
  }
}

}  // namespace

std::string_view left_out_name(LeftOut why) noexcept {
  switch (why) {
    case LeftOut::change:
      return "change";
    case LeftOut::mode:
      return "mode";
    case LeftOut::fit:
      return "fit";
    case LeftOut::twice:
      return "twice";
    case LeftOut::run:
      return "run";
    case LeftOut::step:
      return "step";
    case LeftOut::place:
      return "place";
    case LeftOut::no:
      break;
  }
  return "";
}

Analysed analysed(const Provenance& provenance) {
  Analysed about;
  about.checkpoint = provenance.checkpoint_id;
  about.kind = provenance.analysis;
  about.base_path = provenance.base_path;
  about.mode = provenance.mode;
  about.fit = options_of_metrics(provenance.fit_options) + " version " +
              std::to_string(provenance.fit_version);
  about.identity = provenance.checkpoint_identity;
  about.step = provenance.training.step;
  about.folder = run_folder(provenance.checkpoint_path);
  return about;
}

bool is_alike(const Analysed& a, const Analysed& b) { return a.mode == b.mode && a.fit == b.fit; }

bool is_alike(const Provenance& a, const Provenance& b) {
  return is_alike(analysed(a), analysed(b));
}

void mark_left_out(std::vector<Analysed>& all, Prefer prefer, const std::string& like) {
  Members whole;
  for (Analysed& one : all) whole.push_back(&one);
  for (Analysed* one : take_changes(whole, [](const Analysed* each) { return each->kind; })) {
    one->why = LeftOut::change;
  }
  // The order of the names, so that the order of files does not matter.
  std::sort(whole.begin(), whole.end(), [&](const Analysed* a, const Analysed* b) {
    if ((a->checkpoint == like) != (b->checkpoint == like)) return a->checkpoint == like;
    return natural_less(a->checkpoint, b->checkpoint);
  });
  std::map<std::pair<std::string, std::string>, Members> groups;
  for (Analysed* one : whole) groups[{one->mode, one->fit}].push_back(one);
  const Members* kept = nullptr;
  for (const auto& [key, members] : groups) {
    const bool is_named = !like.empty() && members.front()->checkpoint == like;
    if (kept == nullptr || is_named || is_preferred(members, *kept, prefer)) kept = &members;
    if (is_named) break;
  }
  if (kept == nullptr) return;
  for (Analysed* one : whole) {
    const Analysed& first = *kept->front();
    if (!is_alike(*one, first)) one->why = one->mode != first.mode ? LeftOut::mode : LeftOut::fit;
  }
  mark_twice(*kept);
  if (prefer != Prefer::latest) return;
  mark_other_runs(*kept, like);
  mark_same_step(*kept, like);
}

}  // namespace wishart
