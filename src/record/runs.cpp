#include "wishart/record/runs.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/record/run_name.hpp"
#include "wishart/record/step_name.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart {
namespace {

/// A checkpoint with what its name tells.
struct Named {
  Analysed* one = nullptr;
  RunName name;
  std::int64_t stage = -1;
  std::string folder;
  std::vector<Analysed*> copies;  ///< of it at the same step, such as `checkpoint-500-int8`
};

/// Checkpoints of one stage and one run.
struct Group {
  std::int64_t stage = -1;
  RunName name;
  std::string folder;
  std::vector<Named*> members;
  std::int64_t first = std::numeric_limits<std::int64_t>::max();  ///< step
  std::int64_t last = -1;

  void add(Named* named) {
    members.push_back(named);
    first = std::min(first, named->one->step);
    last = std::max(last, named->one->step);
  }
};
using Groups = std::vector<Group>;
/// Groups of one run, by stage; the last one is the present stage.
using Line = std::vector<const Group*>;

std::pair<std::int64_t, std::int64_t> place_of(const Line& line) {
  std::pair<std::int64_t, std::int64_t> last{-1, -1};
  for (const Group* group : line) last = std::max(last, {group->stage, group->last});
  return last;
}

std::size_t size_of(const Line& line) {
  std::size_t size = 0;
  for (const Group* group : line) size += group->members.size();
  return size;
}

bool has(const Line& line, const Group& group) {
  return std::find(line.begin(), line.end(), &group) != line.end();
}

std::vector<Named> named_of(const std::vector<Analysed*>& members) {
  std::vector<Named> all;
  for (Analysed* one : members) {
    if (one->why != LeftOut::no || one->step < 0) continue;
    all.push_back({one,
                   run_name(one->checkpoint, one->step),
                   training_place(one->step, one->checkpoint).stage,
                   one->folder,
                   {}});
  }
  std::sort(all.begin(), all.end(), [](const Named& a, const Named& b) {
    return natural_less(a.one->checkpoint, b.one->checkpoint);
  });
  return all;
}

/// Finds names without a step that are those of a run, such as `llama-7b-final`, or of its folder,
/// into which trainers write the last weights. They get the name of the run and no number.
void take_ends(std::vector<Named>& all) {
  const std::vector<Named> before = all;
  for (Named& end : all) {
    if (!end.name.word.empty() && !end.name.is_guess()) continue;
    std::vector<const Named*> inside;
    std::vector<const Named*> alike;
    for (const Named& other : before) {
      if (other.one == end.one || other.name.word.empty()) continue;
      if (other.folder == end.one->checkpoint) inside.push_back(&other);
      if (end.name.is_guess() && is_named_by(end.name, other.name)) alike.push_back(&other);
    }
    const std::vector<const Named*>& found = alike.empty() ? inside : alike;
    if (found.empty()) continue;
    const auto longest = *std::max_element(
        found.begin(), found.end(),
        [](const Named* a, const Named* b) { return a->name.run.size() < b->name.run.size(); });
    const std::string run = longest->name.run;
    // Of several runs in one folder it may be any.
    const bool same = std::all_of(found.begin(), found.end(),
                                  [&](const Named* other) { return other->name.run == run; });
    if (!same && alike.empty()) continue;
    end.name = {run, "", false, run};
    if (!inside.empty()) end.folder = inside.front()->folder;
  }
}

/// Moves copies to what they are copies of: at the same step their names begin with its name. If
/// that does not hold for all that are named alike, they are a run of their own.
void take_copies(std::vector<Named>& all) {
  const auto original = [&](const Named& copy) {
    Named* shortest = nullptr;
    for (Named& other : all) {
      const std::string& name = other.one->checkpoint;
      const bool is_there = other.one != copy.one && other.stage == copy.stage &&
                            other.one->step == copy.one->step &&
                            copy.one->checkpoint.starts_with(name);
      if (!is_there) continue;
      if (shortest == nullptr || name.size() < shortest->one->checkpoint.size()) shortest = &other;
    }
    return shortest;
  };
  std::map<std::tuple<std::string, std::string, std::int64_t>, bool> are_copies;
  const auto of_name = [&](const Named& one) -> bool& {
    return are_copies.try_emplace({one.name.run, one.name.word, one.stage}, true).first->second;
  };
  for (const Named& one : all) of_name(one) = of_name(one) && original(one) != nullptr;
  for (const Named& one : all) {
    if (of_name(one)) original(one)->copies.push_back(one.one);
  }
  std::erase_if(all, of_name);
}

/// Merges groups that `alike` does not tell apart, unless their steps interleave: who moves a run,
/// goes on with it in another folder, or begins an epoch, goes on with higher steps.
template <class Alike>
Groups merged(Groups groups, const Alike& alike) {
  std::map<decltype(alike(groups.front())), Groups> by_key;
  for (Group& group : groups) by_key[alike(group)].push_back(std::move(group));
  Groups out;
  for (auto& [key, parts] : by_key) {
    std::sort(parts.begin(), parts.end(),
              [](const Group& a, const Group& b) { return a.first < b.first; });
    const bool interleave =
        std::adjacent_find(parts.begin(), parts.end(), [](const Group& a, const Group& b) {
          return b.first <= a.last;
        }) != parts.end();
    for (Group& part : parts) {
      if (interleave || &part == &parts.front()) {
        out.push_back(std::move(part));
      } else {
        for (Named* one : part.members) out.back().add(one);
        out.back().folder = part.folder;
      }
    }
  }
  return out;
}

Groups groups_of(std::vector<Named>& all) {
  Groups groups;
  for (Named& one : all) {
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return group.stage == one.stage && group.name.run == one.name.run &&
             group.name.word == one.name.word && group.folder == one.folder;
    });
    Group& group = found == groups.end() ? groups.emplace_back() : *found;
    group.stage = one.stage, group.name = one.name, group.folder = one.folder;
    group.add(&one);
  }
  // Beside runs, each name without a step looks for its own.
  const bool are_runs = std::any_of(groups.begin(), groups.end(),
                                    [](const Group& group) { return !group.name.word.empty(); });
  const auto is_end = [&](const Group& group) { return are_runs && group.name.word.empty(); };
  groups = merged(std::move(groups), [&](const Group& group) {
    return std::tuple{group.stage, group.name.run, group.name.word,
                      is_end(group) ? group.folder : std::string()};
  });
  return merged(std::move(groups), [&](const Group& group) {
    const std::string& run = group.name.run;
    return std::tuple{group.stage, is_end(group) ? run : without_numbers(run), group.name.word,
                      is_end(group) ? group.folder : std::string()};
  });
}

/// True if the group may be an earlier stage of the other, by their names.
bool leads_to(const Group& earlier, const Group& later) {
  if (earlier.name.word != later.name.word) return false;
  return earlier.name.run.empty() || earlier.name.run == later.name.run ||
         later.name.run.starts_with(earlier.name.run + "-");
}

/// The group with the earlier stages of its run: those whose names tell that, or the only one there
/// is in a stage.
Line line_to(const Group& last, const Groups& groups) {
  std::map<std::int64_t, std::vector<const Group*>> stages;
  for (const Group& group : groups) {
    if (group.stage < last.stage) stages[group.stage].push_back(&group);
  }
  Line line;
  for (const auto& [stage, there] : stages) {
    const std::size_t before = line.size();
    for (const Group* group : there) {
      if (leads_to(*group, last)) line.push_back(group);
    }
    const bool only = there.size() == 1 && stage >= 0 && !there.front()->name.word.empty();
    if (line.size() == before && only) line.push_back(there.front());
  }
  line.push_back(&last);
  return line;
}

/// True if a name without a step, such as `final` or `mixA-final`, may be of the line.
bool may_end(const Group& end, const Line& line) {
  return std::any_of(line.begin(), line.end(), [&](const Group* group) {
    return end.name.run.empty() ||
           std::any_of(group->members.begin(), group->members.end(),
                       [&](const Named* one) { return one->name.run == end.name.run; });
  });
}

/// Lines that are no beginnings of others. Names without a step join the only line they may be of,
/// or the only one of these in the same folder; else they are lines by themselves.
std::vector<Line> lines_of(const Groups& groups) {
  std::vector<Line> lines;
  for (const Group& group : groups) {
    if (!group.name.word.empty()) lines.push_back(line_to(group, groups));
  }
  const std::vector<Line> all = lines;
  std::erase_if(lines, [&](const Line& line) {
    return std::any_of(all.begin(), all.end(), [&](const Line& other) {
      return other.back() != line.back() && has(other, *line.back());
    });
  });
  std::vector<Line> alone;
  for (const Group& group : groups) {
    if (!group.name.word.empty()) continue;
    std::vector<Line*> found;
    for (Line& line : lines) {
      if (may_end(group, line)) found.push_back(&line);
    }
    if (found.size() > 1) {
      std::erase_if(found, [&](const Line* line) { return line->back()->folder != group.folder; });
    }
    if (found.size() == 1) {
      found.front()->insert(found.front()->begin(), &group);
    } else {
      alone.push_back({&group});
    }
  }
  lines.insert(lines.end(), alone.begin(), alone.end());
  return lines;
}

/// True if names do not repeat, as hashes do not, and so tell nothing of runs. Words without
/// numbers do: `sft` and `dpo` are other models.
bool tell_nothing(const std::vector<Line>& lines, const Groups& groups) {
  return std::all_of(lines.begin(), lines.end(),
                     [](const Line& line) { return size_of(line) == 1; }) &&
         std::count_if(groups.begin(), groups.end(),
                       [](const Group& group) { return !group.name.word.empty(); }) > 1;
}

/// The group of a checkpoint or of its original; null if it has none.
const Group* group_of(const std::string& id, const Groups& groups) {
  for (const Group& group : groups) {
    for (const Named* named : group.members) {
      const auto& copies = named->copies;
      if (named->one->checkpoint == id ||
          std::any_of(copies.begin(), copies.end(),
                      [&](const Analysed* copy) { return copy->checkpoint == id; })) {
        return &group;
      }
    }
  }
  return nullptr;
}

/// The run that is followed.
Line followed(std::vector<Line> lines, const Groups& groups, const std::string& like) {
  if (const Group* own = like.empty() ? nullptr : group_of(like, groups); own != nullptr) {
    std::erase_if(lines, [&](const Line& line) { return !has(line, *own); });
    // Several runs may go on from it.
    return lines.size() == 1 ? lines.front() : line_to(*own, groups);
  }
  const auto is_run = [](const Line& line) { return size_of(line) > 1; };
  if (std::any_of(lines.begin(), lines.end(), is_run)) {
    std::erase_if(lines, [&](const Line& line) { return !is_run(line); });
  }
  return *std::max_element(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return std::pair{place_of(a), size_of(a)} < std::pair{place_of(b), size_of(b)};
  });
}

}  // namespace

std::string run_folder(const std::string& checkpoint_path) {
  std::filesystem::path folder = std::filesystem::path(checkpoint_path).parent_path();
  while (parse_step_name(folder.filename().string()).step >= 0) folder = folder.parent_path();
  return folder.filename().string();
}

void mark_other_runs(const std::vector<Analysed*>& members, const std::string& like) {
  std::vector<Named> all = named_of(members);
  take_ends(all);
  take_copies(all);
  if (all.empty()) return;
  const Groups groups = groups_of(all);
  const std::vector<Line> lines = lines_of(groups);
  if (tell_nothing(lines, groups)) return;
  const Line kept = followed(lines, groups, like);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (has(kept, groups[i])) continue;
    for (Named* named : groups[i].members) {
      named->one->why = LeftOut::run;
      named->one->run = i + 1;
      for (Analysed* copy : named->copies) copy->why = LeftOut::run;
    }
  }
}

}  // namespace wishart
