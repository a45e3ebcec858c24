#include "options/fit_options.hpp"

#include "wishart/job/options.hpp"

#include "options/running_options.hpp"

namespace wishart::job {
namespace {

std::int64_t count_of(const po::variables_map& values, const char* name, std::int64_t most) {
  const std::int64_t value = values[name].as<std::int64_t>();
  if (value < 0 || value > most) {
    throw Error(Blame::usage, "--" + std::string(name) + ": expected a number from 0 to " +
                                  std::to_string(most) + ", found " + std::to_string(value));
  }
  return value;
}

double not_negative(const po::variables_map& values, const char* name) {
  const double value = values[name].as<double>();
  if (value >= 0) return value;
  throw Error(Blame::usage, "--" + std::string(name) + ": expected a number of at least 0, found " +
                                shortest(value));
}

}  // namespace

void add_fit_options(po::options_description& options) {
  options.add_options()("tolerance",
                        po::value<double>()->default_value(1e-6, "1e-6")->value_name("X"),
                        "eigenvalues below X count as weak_rank_loss")(
      "fit", po::value<std::string>()->default_value("PL")->value_name("LAW"),
      "distribution whose fit gives alpha: PL, TPL or E_TPL")(
      "fix-fingers", po::value<std::string>()->value_name("clip_xmax|xmin_peak"),
      "treatment of fingers (isolated large eigenvalues that distort the fit)")(
      "max-fingers", po::value<std::int64_t>()->default_value(10)->value_name("N"),
      "maximum number of eigenvalues that clip_xmax removes")(
      "finger-thresh", po::value<double>()->default_value(1.0, "1")->value_name("X"),
      "decrease of alpha that justifies a removal")(
      "xmax", po::value<std::int64_t>()->default_value(0)->value_name("N"),
      "leave the N largest eigenvalues out of the fit")(
      "mp-fit", po::bool_switch(),
      "with --compat: add WeightWatcher's Marchenko-Pastur fit (wishart's own is always computed)")(
      "detx", po::bool_switch(), "no effect: detX is always computed (for users of WeightWatcher)")(
      "bootstrap", po::value<std::int64_t>()->default_value(fit::kDefaultReplicas)->value_name("N"),
      "bootstrap replicas for the confidence interval of alpha; 0: none")(
      "gof", po::value<std::int64_t>()->default_value(0)->value_name("N"),
      "replicas for the p-value of the power law; 0: none")(
      "seed", po::value<std::uint64_t>()->default_value(fit::kDefaultSeed)->value_name("N"),
      "seed of the random numbers");
}

fit::FitOptions fit_options_of(const po::variables_map& values) {
  constexpr std::int64_t kMostReplicas = 1'000'000;
  constexpr std::int64_t kMostValues = std::int64_t{1} << 40;
  fit::FitOptions options;
  options.tolerance = not_negative(values, "tolerance");
  options.law = choice<fit::FitLaw>("--fit", values["fit"].as<std::string>(),
                                    {{"PL", fit::FitLaw::power_law},
                                     {"TPL", fit::FitLaw::truncated},
                                     {"E_TPL", fit::FitLaw::peak}});
  if (values.count("fix-fingers") > 0) {
    options.fix_fingers = choice<fit::FixFingers>(
        "--fix-fingers", values["fix-fingers"].as<std::string>(),
        {{"clip_xmax", fit::FixFingers::clip_xmax}, {"xmin_peak", fit::FixFingers::xmin_peak}});
  }
  options.max_fingers = count_of(values, "max-fingers", kMostValues);
  options.finger_thresh = not_negative(values, "finger-thresh");
  options.xmax = count_of(values, "xmax", kMostValues);
  options.mp_fit = values["mp-fit"].as<bool>();
  options.bootstrap = count_of(values, "bootstrap", kMostReplicas);
  options.gof = count_of(values, "gof", kMostReplicas);
  options.seed = values["seed"].as<std::uint64_t>();
  if (options.xmax > 0 && options.fix_fingers != fit::FixFingers::none) {
    throw Error(
        Blame::usage,
        "--xmax and --fix-fingers both choose what is left out of the fit. Use only one of them");
  }
  return options;
}

Command refit_command() {
  Command command = archive_command(
      "refit",
      "Recomputes all metrics from the spectra in an archive, without the weights.\n"
      "Replaces the files of the archive.");
  add_checkpoint_option(
      command.options,
      "only this checkpoint: an id, latest or previous (default: all of the archive)");
  command.options.add_options()("threads",
                                po::value<int>()->default_value(0, "auto")->value_name("N"),
                                "matrices to fit at the same time");
  add_wait_option(command.options);
  add_fit_options(command.options);
  return finished(std::move(command),
                  {"wishart refit ARCHIVE --checkpoint latest --fix-fingers clip_xmax"});
}

RefitOptions parse_refit(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, refit_command());
  RefitOptions options;
  options.archive = values["archive"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  options.threads = values["threads"].as<int>();
  if (options.threads < 0 || options.threads > 4096) {
    throw Error(Blame::usage, "--threads: expected a number from 0 to 4096, found " +
                                  std::to_string(options.threads));
  }
  options.wait_for_lock_seconds = wait_seconds_of(values);
  options.fit = fit_options_of(values);
  return options;
}

}  // namespace wishart::job
