#include "options/plot_options.hpp"

#include <filesystem>

namespace wishart::job {
namespace {

/// The SVG file, or the text file of --list. Another extension would promise another content.
std::filesystem::path picture_file(const po::variables_map& values, bool list) {
  std::filesystem::path output = output_of(values);
  const std::string ending = output.extension().string();
  if (output.empty() || list || ending == ".svg" || ending == ".SVG") return output;
  throw Error(Blame::usage, "--output " + printable(output.string()) +
                                ": expected .svg as its extension, found '" + printable(ending) +
                                "'. rsvg-convert and browsers make a PNG of an SVG");
}

}  // namespace

Command plot_command() {
  Command command{"plot",
                  "ARCHIVE [ID] | ARCHIVE A B",
                  "Writes a figure of a report as an SVG file: of a checkpoint (by default the\n"
                  "latest), of the run in the archive, or of a comparison of two checkpoints.\n"
                  "docs/gallery.md shows all of them, --list those that the archive holds.",
                  po::options_description("Options"),
                  "word",
                  3};
  command.options.add_options()(
      "word", po::value<std::vector<std::string>>()->required()->value_name("WORD"),
      "ARCHIVE, then ids, latest or previous; or as positional arguments")(
      "what", po::value<std::string>()->default_value("")->value_name("NAME"),
      "the figure: blocks, depth, experts, roles, quality, overlap; spectrum or xmin of a layer; "
      "history-alpha, history-loss, ..., layers, or the curves of one layer; of two checkpoints, "
      "moved or alpha")(
      "measure", po::value<std::string>()->default_value("")->value_name("NAME"),
      "of blocks, experts and layers: alpha (the default), D, stable_rank, change or warnings")(
      "layer", po::value<std::string>()->default_value("")->value_name("NAME"),
      "the layer of spectrum, xmin and layer")("list", po::bool_switch(),
                                               "list what can be drawn instead")(
      "output,o", po::value<std::string>()->value_name("FILE"),
      "write to this file instead of standard output, completely or not at all");
  return finished(std::move(command),
                  {"wishart plot ARCHIVE --what depth -o depth.svg",
                   "wishart plot ARCHIVE checkpoint-900 --what blocks --measure D -o D.svg",
                   "wishart plot ARCHIVE --what spectrum --layer lm_head.weight -o head.svg",
                   "wishart plot ARCHIVE previous latest --what moved -o moved.svg",
                   "wishart plot ARCHIVE --list"});
}

PlotOptions parse_plot(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, plot_command());
  const auto& words = values["word"].as<std::vector<std::string>>();
  PlotOptions options;
  options.archive = words.front();
  options.checkpoints.assign(words.begin() + 1, words.end());
  options.what = values["what"].as<std::string>();
  options.measure = values["measure"].as<std::string>();
  options.layer = values["layer"].as<std::string>();
  options.list = values["list"].as<bool>();
  options.output = picture_file(values, options.list);
  if (options.checkpoints.size() > 2) {
    throw Error(Blame::usage, "wishart plot: expected ARCHIVE [ID] or ARCHIVE A B, found " +
                                  std::to_string(words.size()) + " words. See wishart plot --help");
  }
  if (options.what.empty() && !options.list) {
    throw Error(Blame::usage,
                "wishart plot: name a figure with --what; --list shows those of the archive");
  }
  return options;
}

}  // namespace wishart::job
