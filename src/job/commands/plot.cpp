/// @file
/// `plot`: the figures of reports as files.

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/report/export.hpp"
#include "wishart/report/plots.hpp"
#include "wishart/report/text_table.hpp"

#include "commands/run_past.hpp"
#include "commands/xmin_scan.hpp"

namespace wishart::job {
namespace {

using Pictures = std::vector<report::Picture>;

bool of_layer(const std::string& what) { return what == "spectrum" || what == "xmin"; }
bool of_history(const std::string& what) {
  return what.starts_with("history-") || what == "layers" || what == "layer";
}

void append(Pictures& all, Pictures more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

Pictures layer_pictures(const archive::Reader& archive, const std::string& id,
                        const std::string& name) {
  CheckpointRecord record = concluded(archive, id).record;
  const std::size_t layer = report::layer_index(record, name);
  record.spectra =
      archive.read(id, [&](const std::vector<LayerRow>&) { return std::vector{layer}; }).spectra;
  const std::vector<double>& sigma = record.spectra[layer].sigma;
  if (sigma.empty()) {
    throw Error(Blame::usage, printable(name) + ": has no spectrum, its status is " +
                                  printable(record.layers[layer].status) + ": " +
                                  printable(record.layers[layer].reason));
  }
  return report::layer_pictures(record, layer,
                                xmin_candidates(record.provenance, record.layers[layer], sigma));
}

Pictures checkpoint_pictures(const archive::Reader& archive, const std::string& id) {
  const auto [record, past] = concluded(archive, id);
  return report::checkpoint_pictures(record, past.before ? &past.before->layers : nullptr);
}

Pictures history_pictures(const archive::Reader& archive, const PlotOptions& options) {
  if (!is_history(archive.latest_run())) {
    throw Error(Blame::usage, printable(options.archive.string()) +
                                  ": holds no run, which needs two checkpoints whose steps are "
                                  "known. --list shows what it holds");
  }
  const analysis::History history = history_of(archive, kDefaultWindow);
  if (options.what != "layer") return report::history_pictures(history);
  for (const analysis::LayerCourse& course : history.courses) {
    if (course.key == options.layer) return report::course_pictures(history, course);
  }
  std::vector<std::string> keys;
  for (const analysis::LayerCourse& course : history.courses) keys.push_back(course.key);
  const std::string near = nearest(options.layer, keys);
  throw Error(Blame::usage, "no layer '" + printable(options.layer) + "' in the run" +
                                (near.empty() ? "" : ". Did you mean '" + printable(near) + "'?"));
}

Pictures comparison_pictures(const archive::Reader& archive, const PlotOptions& options,
                             std::vector<std::string>& notes) {
  const archive::Choice b = archive::choose(archive, options.checkpoints[1]);
  const archive::Choice a = archive::choose(archive, options.checkpoints[0], b.id);
  for (const std::string& note : {b.note, a.note}) {
    if (!note.empty()) notes.push_back(note);
  }
  const CheckpointRecord of_a = archive.read(a.id, archive::Parts::all);
  const CheckpointRecord of_b = archive.read(b.id, archive::Parts::all);
  analysis::check_alike(of_a.provenance, of_b.provenance);
  return report::comparison_pictures(analysis::compare(of_a, of_b));
}

/// A table of what can be drawn.
/// @param layers  those that --layer can name
std::string list_text(const Pictures& pictures, std::span<const LayerRow> layers,
                      bool with_course) {
  report::TextTable table;
  table.header = {"--what", "--measure", "figure"};
  table.right_aligned = {false, false, false};
  for (const report::Picture& picture : pictures) {
    table.rows.push_back({picture.what, picture.measure, picture.caption});
  }
  const auto any = [&](const auto& holds) {
    return std::any_of(layers.begin(), layers.end(), holds);
  };
  if (any([](const LayerRow& layer) { return layer.has_esd && layer.lambda_max > 0; })) {
    table.rows.push_back({"spectrum", "", "density of the eigenvalues of a layer: add --layer"});
  }
  if (any([](const LayerRow& layer) {
        return layer.has_esd && std::isfinite(alpha_if_fitted(layer));
      })) {
    table.rows.push_back({"xmin", "", "alpha and D along xmin of a layer: add --layer"});
  }
  if (with_course) table.rows.push_back({"layer", "", "one layer through the run: add --layer"});
  constexpr std::size_t kWidth = 100;
  return report::render_text(table, kWidth);
}

/// The picture that the options name.
/// @param of  what was drawn, for the refusal: `checkpoint-900`
const report::Picture& chosen(const Pictures& pictures, const PlotOptions& options,
                              const std::string& of) {
  std::vector<std::string> names;
  std::vector<std::string> measures;
  for (const report::Picture& picture : pictures) {
    if (names.empty() || names.back() != picture.what) names.push_back(picture.what);
    if (picture.what != options.what) continue;
    if (options.measure.empty() || options.measure == picture.measure) return picture;
    measures.push_back(picture.measure);
  }
  if (measures.empty()) {
    throw Error(Blame::usage, "--what " + printable(options.what) + ": nothing to draw of " +
                                  printable(of) + ", which has " +
                                  (names.empty() ? "no figure" : printable(join(names, ", "))));
  }
  std::erase(measures, "");
  throw Error(Blame::usage,
              "--measure " + printable(options.measure) + ": " + printable(options.what) + " of " +
                  printable(of) +
                  (measures.empty() ? " has no measures" : " has " + join(measures, ", ")));
}

}  // namespace

CommandResult plot_archive(const PlotOptions& options) {
  const archive::Reader archive(options.archive);
  std::vector<std::string> notes;
  if (options.checkpoints.size() == 2) {
    const Pictures pictures = comparison_pictures(archive, options, notes);
    if (options.list) return {list_text(pictures, {}, false), {}, notes};
    const std::string of = options.checkpoints[0] + " and " + options.checkpoints[1];
    return {chosen(pictures, options, of).svg, {}, notes};
  }
  const bool needs_name = of_layer(options.what) || options.what == "layer";
  if (needs_name && options.layer.empty() && !options.list) {
    throw Error(Blame::usage, "--what " + options.what + ": name the layer with --layer");
  }
  if (!needs_name && !options.layer.empty()) {
    throw Error(Blame::usage, "--layer: only spectrum, xmin and layer are of one layer");
  }
  if (of_history(options.what) && !options.list) {
    if (!options.checkpoints.empty()) {
      throw Error(Blame::usage, "--what " + options.what +
                                    ": is of a whole run, not of one checkpoint. Leave out " +
                                    printable(options.checkpoints.front()));
    }
    const std::string of = options.archive.string();
    return {chosen(history_pictures(archive, options), options, of).svg, {}, {}};
  }
  const archive::Choice choice =
      archive::choose(archive, options.checkpoints.empty() ? "" : options.checkpoints.front());
  if (!choice.note.empty()) notes.push_back(choice.note);
  if (!options.list) {
    const Pictures pictures = of_layer(options.what)
                                  ? layer_pictures(archive, choice.id, options.layer)
                                  : checkpoint_pictures(archive, choice.id);
    return {chosen(pictures, options, choice.id).svg, {}, notes};
  }
  const auto [record, past] = concluded(archive, choice.id);
  Pictures pictures =
      report::checkpoint_pictures(record, past.before ? &past.before->layers : nullptr);
  const bool run = options.checkpoints.empty() && is_history(archive.latest_run());
  if (run) append(pictures, report::history_pictures(history_of(archive, kDefaultWindow)));
  return {list_text(pictures, record.layers, run), {}, notes};
}

}  // namespace wishart::job
