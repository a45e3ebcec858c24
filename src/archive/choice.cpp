#include "wishart/archive/choice.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "disk.hpp"

namespace wishart::archive {
namespace {

/// The most ids that a message lists.
constexpr std::size_t kListedIds = 20;

std::string listed(const std::vector<std::string>& ids) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(ids.size(), kListedIds); ++i) {
    names.push_back(printable(ids[i]));
  }
  std::string text = join(names, ", ");
  if (ids.size() <= kListedIds) return text;
  return text + ", and " + std::to_string(ids.size() - kListedIds) + " more";
}

[[noreturn]] void refuse_unknown(const Reader& archive, const std::string& id) {
  std::string text = shown(archive.path()) + ": has no checkpoint '" + printable(id) +
                     "'. It has: " + listed(archive.ids());
  if (const std::string near = nearest(id, archive.ids()); !near.empty()) {
    text += ". Did you mean '" + printable(near) + "'?";
  }
  throw Error(Blame::usage, text);
}

std::string count_text(const Reader& archive) {
  return std::to_string(archive.ids().size()) + " checkpoints";
}

std::ptrdiff_t count_of(const std::vector<Analysed>& left_out, LeftOut why) {
  return std::count_if(left_out.begin(), left_out.end(),
                       [&](const Analysed& one) { return one.why == why; });
}

/// `; left out: 2 as changes of weights; left out: 1 of another mode`.
std::string left_out_note(const std::vector<Analysed>& left_out) {
  std::string note;
  for (const auto& [why, text] :
       {std::pair{LeftOut::change, " as changes of weights"},
        std::pair{LeftOut::mode, " of another mode"},
        std::pair{LeftOut::fit, " fitted with other options or by another version"},
        std::pair{LeftOut::twice, " under a second name"},
        std::pair{LeftOut::run, " of another run"},
        std::pair{LeftOut::step, " of the same step as another"}}) {
    const std::ptrdiff_t count = count_of(left_out, why);
    if (count > 0) note += "; left out: " + std::to_string(count) + text;
  }
  return note;
}

/// The last checkpoint of the run.
Choice latest(const Reader& archive) {
  if (archive.ids().size() == 1) return {archive.ids().front(), ", the only checkpoint"};
  const Reader::Run& run = archive.latest_run();
  const std::vector<std::string> order = run.order();
  if (order.empty()) {
    throw Error(Blame::usage, shown(archive.path()) + ": holds " + count_text(archive) +
                                  ", and none of them has a step, so none is the latest. Name "
                                  "one of them: " +
                                  listed(archive.ids()));
  }
  if (run.is_only_model()) {
    return {order.back(), ", the only whole model of " + count_text(archive)};
  }
  std::string note = ", the latest of " + count_text(archive) + " by step";
  note += left_out_note(run.left_out);
  if (const std::size_t aside = run.models.size() - order.size(); aside > 0) {
    note += "; left out: " + std::to_string(aside) + " without a step";
  }
  return {order.back(), note};
}

}  // namespace

Previous previous_of(const Reader& archive, const std::string& id) {
  const std::string where = shown(archive.path()) + ": ";
  if (archive.ids().size() == 1)
    return {"", where + "holds only one checkpoint, so there is none before it"};
  const Reader::Run of_id = archive.run_of(id);
  const std::vector<TrainingPlace>& run = of_id.places;
  const auto found = std::find_if(run.begin(), run.end(),
                                  [&](const TrainingPlace& place) { return place.name == id; });
  if (found == run.end()) {
    if (of_id.models.empty()) {
      return {"", where + printable(id) + " is a change of weights, so no model comes before it"};
    }
    return {"", where + printable(id) + " has no step, so no checkpoint comes before it"};
  }
  if (found == run.begin()) {
    return {"", where + printable(id) +
                    " is the first checkpoint by step, there is none before it" +
                    left_out_note(of_id.left_out)};
  }
  return {std::prev(found)->name, ""};
}

Choice choose(const Reader& archive, const std::string& word, const std::string& of) {
  const std::vector<std::string>& ids = archive.ids();
  if (ids.empty()) {
    throw Error(Blame::input,
                shown(archive.path()) + ": holds no archive. Run `wishart scan` into it first");
  }
  const bool is_word = word == kLatest || word == kPrevious;
  if (!word.empty() && std::find(ids.begin(), ids.end(), word) != ids.end()) {
    return {word, is_word ? "'" + word + "' is taken as the id of a checkpoint" : ""};
  }
  if (word.empty() && ids.size() == 1) return {ids.front(), ""};
  if (word.empty() || word == kLatest) {
    const Choice last = latest(archive);
    return {last.id, "using " + printable(last.id) + last.note};
  }
  if (word == kPrevious) {
    const std::string next = of.empty() ? latest(archive).id : of;
    const Previous previous = previous_of(archive, next);
    if (previous.id.empty()) throw Error(Blame::input, previous.missing);
    return {previous.id,
            "using " + printable(previous.id) + ", the checkpoint before " + printable(next)};
  }
  refuse_unknown(archive, word);
}

std::filesystem::path resolve_checkpoint(const std::filesystem::path& folder,
                                         const std::string& id) {
  const Reader reader(folder);
  return reader.file_of(choose(reader, id).id);
}

}  // namespace wishart::archive
