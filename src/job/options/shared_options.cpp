#include "options/shared_options.hpp"

#include <charconv>
#include <cmath>

#include "wishart/archive/archive.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "options/fit_options.hpp"
#include "options/running_options.hpp"

namespace wishart::job {

void add_selection_options(po::options_description& options) {
  options.add_options()("compat", po::value<std::string>()->value_name("weightwatcher"),
                        "reproduce the numbers of WeightWatcher 0.7.5.5, including its defects")(
      "no-pool", po::bool_switch(),
      "analyse each kernel offset of a convolution as a separate matrix")(
      "split-fused", po::bool_switch(),
      "also analyse the parts of fused tensors (q, k, v; gate, up) if the config describes them")(
      "min-evals", po::value<std::int64_t>()->default_value(10)->value_name("N"),
      "skip matrices with fewer than N singular values")(
      "layers", po::value<std::vector<std::string>>()->value_name("GLOB"),
      "only tensors whose whole name matches; -GLOB excludes (--layers=-GLOB). May be repeated")(
      "base", po::value<std::string>()->value_name("PATH"),
      "analyse the difference from this checkpoint, between tensors of the same name and shape")(
      "with-base", po::value<std::string>()->value_name("PATH"),
      "for a LoRA adapter: analyse the weights of this checkpoint with the adapter added")(
      "variant", po::value<std::string>()->value_name("NAME"),
      "of a folder that holds one ONNX model in several precisions: fp32, fp16, q4, q4f16, ...; "
      "the most precise one if not given")(
      "allow-unknown", po::bool_switch(),
      "leave out, with the reason, the tensors of a quantisation that is not read, instead of "
      "refusing the checkpoint");
}

SelectionArguments selection_of(const po::variables_map& values) {
  SelectionArguments selection;
  if (values.count("compat") > 0) {
    selection.weightwatcher =
        choice<bool>("--compat", values["compat"].as<std::string>(), {{"weightwatcher", true}});
  }
  selection.no_pool = values["no-pool"].as<bool>();
  selection.split_fused = values["split-fused"].as<bool>();
  if (selection.split_fused && selection.weightwatcher) {
    throw Error(Blame::usage,
                "--split-fused: WeightWatcher analyses tensors as they are stored. Leave out "
                "--compat or --split-fused");
  }
  selection.min_evals = values["min-evals"].as<std::int64_t>();
  if (selection.min_evals < 1) {
    throw Error(Blame::usage,
                "--min-evals: expected at least 1, found " + std::to_string(selection.min_evals));
  }
  if (values.count("layers") > 0) {
    selection.layers = values["layers"].as<std::vector<std::string>>();
  }
  if (values.count("base") > 0) selection.base = values["base"].as<std::string>();
  if (values.count("variant") > 0) selection.variant = values["variant"].as<std::string>();
  selection.allow_unknown = values["allow-unknown"].as<bool>();
  if (values.count("with-base") > 0) selection.with_base = values["with-base"].as<std::string>();
  return selection;
}

void add_engine_options(po::options_description& options) {
  options.add_options()(
      "method", po::value<std::string>()->value_name("METHOD"),
      "how singular values are computed: auto, gram, qr or svd (default auto: gram; with --compat, "
      "gram or svd for each matrix)")(
      "resolve", po::bool_switch(),
      "with --method auto or gram: recompute a matrix by qr if more than 1 % of its values are too "
      "small for the Gram matrix")(
      "precision", po::value<std::string>()->default_value("double")->value_name("double|single"),
      "single: products in float32, sums in float64; faster, for screening")(
      "products", po::value<std::string>()->default_value("auto")->value_name("PRODUCTS"),
      "how the Gram matrices of short floats are formed: integer (exact, from products of bytes), "
      "float64, or auto (from integers where this processor gains by it)")(
      "solver", po::value<std::string>()->default_value("auto")->value_name("SOLVER"),
      "eigensolver for matrices shared by a team of ranks: auto, local, scalapack or elpa")(
      "threads-per-rank", po::value<int>()->default_value(0, "1")->value_name("N"),
      "BLAS threads per rank (default: the first of OPENBLAS_, BLIS_, MKL_ and OMP_NUM_THREADS "
      "that "
      "is set, else 1)")("team-size", po::value<int>()->default_value(0, "auto")->value_name("N"),
                         "number of ranks that share each matrix")(
      "randomize", po::value<std::int64_t>()->default_value(0)->value_name("K"),
      "also analyse K copies with shuffled elements (rand_*, traps)")(
      "farms", po::value<double>()->default_value(0, "0")->value_name("Q"),
      "also compute alpha over submatrices of aspect ratio Q (farms_*)")(
      "memory-per-rank", po::value<std::string>()->value_name("SIZE"),
      "memory that a rank may use for a matrix, e.g. 8G (default: 80 % of its share of the host's "
      "free memory, without the program and what rank 0 gathers)");
}

void take_threads_and_memory(ScanOptions& options, const po::variables_map& values) {
  options.threads_per_rank = values["threads-per-rank"].as<int>();
  if (options.threads_per_rank < 0) {
    throw Error(Blame::usage, "--threads-per-rank: expected at least 1, found " +
                                  std::to_string(options.threads_per_rank));
  }
  if (values.count("memory-per-rank") > 0) {
    options.memory_per_rank_bytes =
        parse_bytes(values["memory-per-rank"].as<std::string>(), "--memory-per-rank");
  }
}

void take_solver(ScanOptions& options, const po::variables_map& values) {
  options.solver = choice<Solver>("--solver", values["solver"].as<std::string>(),
                                  {{"auto", Solver::automatic},
                                   {"local", Solver::local},
                                   {"scalapack", Solver::scalapack},
                                   {"elpa", Solver::elpa}});
  if (options.solver == Solver::elpa && !spectrum::have_elpa()) {
    throw Error(Blame::usage,
                "--solver elpa: this program was built without ELPA. Install libelpa-dev and build "
                "again, or use --solver scalapack");
  }
}

/// What takes random orders or parts of a matrix.
void take_noise_options(ScanOptions& options, const po::variables_map& values) {
  constexpr std::int64_t kMostOrders = 1000;
  options.randomize = values["randomize"].as<std::int64_t>();
  if (options.randomize < 0 || options.randomize > kMostOrders) {
    throw Error(Blame::usage, "--randomize: expected a number from 0 to " +
                                  std::to_string(kMostOrders) + ", found " +
                                  std::to_string(options.randomize));
  }
  options.farms = values["farms"].as<double>();
  constexpr double kMostAspect = 1e6;
  if (options.farms != 0 && !(options.farms >= 1 && options.farms <= kMostAspect)) {
    throw Error(Blame::usage,
                "--farms: expected an aspect ratio from 1 to 1000000, or 0 for none; found " +
                    shortest(options.farms));
  }
}

void take_engine_options(ScanOptions& options, const po::variables_map& values) {
  const std::string method =
      values.count("method") > 0 ? values["method"].as<std::string>() : "auto";
  options.method = choice<Method>(
      "--method", method,
      {{"auto", Method::gram}, {"gram", Method::gram}, {"qr", Method::qr}, {"svd", Method::svd}});
  // WeightWatcher's ranks and small eigenvalues need values that the Gram matrix may not resolve.
  options.or_svd = options.selection.weightwatcher && method == "auto";
  if (options.selection.weightwatcher && options.method == Method::qr) {
    throw Error(
        Blame::usage,
        "--method qr: --compat weightwatcher takes gram, where it gives the same digits, and "
        "svd. Leave out --method");
  }
  options.resolve = values["resolve"].as<bool>();
  options.precision =
      choice<Precision>("--precision", values["precision"].as<std::string>(),
                        {{"double", Precision::float64}, {"single", Precision::float32}});
  const char* inexact = options.resolve ? "--resolve" : "--precision single";
  const bool asked = options.resolve || options.precision == Precision::float32;
  if (options.checked() && asked) {
    throw Error(Blame::usage, std::string(inexact) +
                                  ": not with --compat weightwatcher, whose digits need svd where "
                                  "gram in double does not do. Leave one out");
  }
  if (options.method != Method::gram && asked) {
    throw Error(Blame::usage, std::string(inexact) + ": needs --method gram, but the method is " +
                                  std::string(method_name(options.method)) + ". Leave one out");
  }
  options.products = choice<Products>("--products", values["products"].as<std::string>(),
                                      {{"auto", Products::automatic},
                                       {"float64", Products::float64},
                                       {"integer", Products::integer}});
  if (options.products == Products::integer &&
      (options.method != Method::gram || options.precision == Precision::float32)) {
    throw Error(Blame::usage,
                "--products integer: needs --method gram and --precision double. "
                "Leave one out");
  }
  take_solver(options, values);
  options.team_size = values["team-size"].as<int>();
  if (options.team_size < 0) {
    throw Error(Blame::usage,
                "--team-size: expected a number of ranks, or 0 to choose it automatically; found " +
                    std::to_string(options.team_size));
  }
  take_noise_options(options, values);
  take_threads_and_memory(options, values);
}

std::string id_of(const po::variables_map& values, const char* option) {
  std::string id = values[option].as<std::string>();
  if (id.empty() || archive::is_checkpoint_id(id)) return id;
  throw Error(Blame::usage, "--" + std::string(option) +
                                ": expected up to 200 letters, digits and ._+=-, no dot at the "
                                "beginning, and not 'index'; found '" +
                                printable(id) + "'");
}

void add_scan_options(po::options_description& options) {
  options.add_options()(
      "id", po::value<std::string>()->default_value("")->value_name("NAME"),
      "name of the analysis in the archive (default: the name of the checkpoint's file or folder, "
      "followed by that of a base)");
  add_running_options(options);
  options.add_options()(
      "no-reuse", po::bool_switch(),
      "also compute matrices that have not changed since an earlier checkpoint of the archive")(
      "replace", po::bool_switch(),
      "replace an analysis made with other options or of files that have changed; one that is "
      "still valid is kept");
  add_engine_options(options);
  add_selection_options(options);
  add_fit_options(options);
}

void take_scan_options(ScanOptions& options, const po::variables_map& values) {
  options.id = id_of(values, "id");
  options.selection = selection_of(values);
  options.fit = fit_options_of(values);
  options.fit.weightwatcher = options.selection.weightwatcher;
  take_engine_options(options, values);
  options.reuse = !values["no-reuse"].as<bool>();
  options.replace = values["replace"].as<bool>();
  take_running_options(options, values);
}

}  // namespace wishart::job
