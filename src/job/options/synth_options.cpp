#include "options/synth_options.hpp"

#include <charconv>
#include <cmath>
#include <optional>

#include "wishart/job/options.hpp"

namespace wishart::job {
namespace {

/// More outliers would be a tail.
constexpr std::int64_t kMostSpikes = 100;

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

[[noreturn]] void refuse(const std::string& option, const std::string& expected,
                         const std::string& found) {
  throw Error(Blame::usage,
              option + ": expected " + expected + ", found '" + printable(found) + "'");
}

/// Parses 1/8, 0.125 or 1.
double scale_of(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto above = number(std::string_view(text).substr(0, slash));
  const auto below =
      slash == std::string::npos ? 1.0 : number(std::string_view(text).substr(slash + 1));
  const double scale = above && below && *below > 0 ? *above / *below : -1;
  if (!(scale > 0 && scale <= 1)) refuse("--scale", "a factor such as 1/8, at most 1", text);
  return scale;
}

/// Parses 3.0 (for all blocks) or 2.5:4.5 (from the first to the last block).
void set_alpha(synth::CheckpointOptions& options, const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto first = number(std::string_view(text).substr(0, colon));
  const auto last =
      colon == std::string::npos ? first : number(std::string_view(text).substr(colon + 1));
  const auto good = [](const std::optional<double>& alpha) {
    return alpha && *alpha > 1.05 && *alpha <= 50;
  };
  if (!good(first) || !good(last)) {
    refuse("--alpha", "an exponent above 1.05 and up to 50, or two as in 2.5:4.5", text);
  }
  options.alpha_first = *first;
  options.alpha_last = *last;
}

synth::ModelShape shape_of(const po::variables_map& values) {
  synth::Reduction reduction;
  reduction.scale_text = values["scale"].as<std::string>();
  reduction.scale = scale_of(reduction.scale_text);
  if (values.count("blocks") > 0) reduction.blocks = values["blocks"].as<std::int64_t>();
  if (values.count("experts") > 0) reduction.experts = values["experts"].as<std::int64_t>();
  return synth::reduced(synth::shape_named(values["shape"].as<std::string>()), reduction);
}

}  // namespace

Command synth_command() {
  Command command{"synth",
                  "SHAPE",
                  "Writes a checkpoint with known singular values and the tensor names and shapes "
                  "of a real\nmodel, for tests and benchmarks (docs/synth.md). Run it under mpirun "
                  "or srun, or without\nthem. `wishart synth --list` shows the shapes.",
                  po::options_description("Options"),
                  "shape",
                  1};
  command.options.add_options()("shape", po::value<std::string>()->value_name("SHAPE"),
                                "shape of the model; or as a positional argument")(
      "out", po::value<std::string>()->value_name("DIR"),
      "folder for the checkpoint: new, empty, or from an earlier run of the same command")(
      "list", po::bool_switch(), "list the shapes with their parameters and bytes")(
      "scale", po::value<std::string>()->default_value("1")->value_name("X"),
      "factor for all widths and the vocabulary, e.g. 1/8")(
      "blocks", po::value<std::int64_t>()->value_name("N"), "only the first N transformer blocks")(
      "experts", po::value<std::int64_t>()->value_name("N"),
      "only the first N experts of each block")(
      "alpha", po::value<std::string>()->default_value("3")->value_name("A[:B]"),
      "exponent of the tails; A:B changes it from A in the first to B in the last block")(
      "tail-share", po::value<double>()->default_value(0.25, "0.25")->value_name("X"),
      "fraction of the eigenvalues in the tail; 0: only noise")(
      "spikes", po::value<std::int64_t>()->default_value(0)->value_name("K"),
      "number of eigenvalues of each matrix above its tail")(
      "flaws", po::bool_switch(),
      "include three flawed matrices: a heavy tail, only noise, a low rank")(
      "seed", po::value<std::uint64_t>()->default_value(1)->value_name("S"),
      "seed of the singular vectors")(
      "dtype", po::value<std::string>()->default_value("BF16")->value_name("TYPE"),
      "BF16, F16 or F32")("shard-size",
                          po::value<std::string>()->default_value("5G")->value_name("SIZE"),
                          "largest file size, unless a single tensor is larger");
  add_format_option(command.options, "text", "text or json");
  return finished(std::move(command), {"wishart synth tiny-llama --out CHECKPOINT"});
}

SynthOptions parse_synth(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, synth_command());
  SynthOptions options;
  options.list = values["list"].as<bool>();
  options.format =
      choice<OutputFormat>("--format", values["format"].as<std::string>(),
                           {{"text", OutputFormat::text}, {"json", OutputFormat::json}});
  synth::CheckpointOptions& checkpoint = options.checkpoint;
  checkpoint.dtype =
      choice<Dtype>("--dtype", values["dtype"].as<std::string>(),
                    {{"BF16", Dtype::bf16}, {"F16", Dtype::f16}, {"F32", Dtype::f32}});
  checkpoint.shard_bytes = parse_bytes(values["shard-size"].as<std::string>(), "--shard-size");
  if (options.list) return options;
  if (values.count("shape") == 0) {
    throw Error(Blame::usage,
                "wishart synth: missing SHAPE. `wishart synth --list` shows the shapes");
  }
  checkpoint.shape = shape_of(values);
  if (values.count("out") == 0) {
    throw Error(Blame::usage, "wishart synth: missing --out. See wishart synth --help");
  }
  checkpoint.folder = values["out"].as<std::string>();
  set_alpha(checkpoint, values["alpha"].as<std::string>());
  checkpoint.tail_share = values["tail-share"].as<double>();
  if (!(checkpoint.tail_share >= 0 && checkpoint.tail_share <= 1)) {
    refuse("--tail-share", "a share from 0 to 1", shortest(checkpoint.tail_share));
  }
  checkpoint.spikes = values["spikes"].as<std::int64_t>();
  if (checkpoint.spikes < 0 || checkpoint.spikes > kMostSpikes) {
    refuse("--spikes", "0 to " + std::to_string(kMostSpikes), std::to_string(checkpoint.spikes));
  }
  checkpoint.seed = values["seed"].as<std::uint64_t>();
  checkpoint.flaws = values["flaws"].as<bool>();
  return options;
}

}  // namespace wishart::job
