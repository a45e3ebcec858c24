/// @file
/// Compat mode against WeightWatcher 0.7.5.5's own tables.

#include <cmath>
#include <map>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/fit/laws.hpp"

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::test;

namespace {

/// A column and how far ours may be from WeightWatcher's, relatively.
struct Column {
  const char* name;
  double tolerance;
};

/// Fits and norms agree to what the eigenvalues of two LAPACK builds leave; counts and labels
/// exactly.
const std::vector<Column> kColumns{{"alpha", 1e-8},
                                   {"D", 1e-8},
                                   {"sigma", 1e-8},
                                   {"xmin", 1e-10},
                                   {"norm", 1e-10},
                                   {"log_norm", 1e-10},
                                   {"spectral_norm", 1e-10},
                                   {"alpha_weighted", 1e-8},
                                   {"log_alpha_norm", 1e-8},
                                   {"stable_rank", 1e-10},
                                   {"entropy", 1e-10},
                                   {"num_evals", 0},
                                   {"num_pl_spikes", 0},
                                   {"rank_loss", 0},
                                   {"matrix_rank", 0},
                                   {"N", 0},
                                   {"M", 0},
                                   {"Q", 0},
                                   {"rf", 0}};

/// Beside those, the columns of fix_fingers='clip_xmax'.
const std::vector<Column> kClipColumns{
    {"alpha", 1e-8},          {"D", 1e-8},           {"sigma", 1e-8},
    {"xmin", 1e-10},          {"xmax", 1e-10},       {"raw_alpha", 1e-8},
    {"alpha_weighted", 1e-8}, {"num_fingers", 0},    {"num_pl_spikes", 0},
    {"log_alpha_norm", 1e-8}, {"stable_rank", 1e-10}};
/// And of detX=True.
const std::vector<Column> kDetXColumns{
    {"detX_num", 0}, {"detX_val", 1e-8}, {"detX_val_unrescaled", 1e-8}, {"alpha", 1e-8}};
/// And of mp_fit=True: the fit ends by a tolerance of 1e-4 on sigma.
const std::vector<Column> kMpColumns{{"num_spikes", 0},  {"sigma_mp", 1e-3}, {"mp_softrank", 1e-3},
                                     {"W_scale", 1e-10}, {"bulk_max", 1e-3}, {"bulk_min", 1e-3}};

/// pl_package='powerlaw' (1.5): the same fit, xmax not set.
const std::vector<Column> kPackageColumns{
    {"alpha", 1e-8},          {"D", 1e-8},          {"sigma", 1e-8},         {"xmin", 1e-10},
    {"alpha_weighted", 1e-8}, {"num_pl_spikes", 0}, {"log_alpha_norm", 1e-8}};

std::string without_weight(std::string name) {
  if (name.ends_with(".weight")) name.resize(name.size() - 7);
  return name;
}

CsvTable scan_and_export(const std::filesystem::path& checkpoint,
                         const std::filesystem::path& archive, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"scan",       checkpoint.string(),
                                     "--archive",  archive.string(),
                                     "--compat",   "weightwatcher",
                                     "--id",       "model",
                                     "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome scan = run_wishart(arguments, 2);
  INFO(scan.err);
  const Outcome table =
      run_wishart({"export", archive.string(), "--table", "layers", "--format", "csv"});
  REQUIRE(table.exit_code == 0);
  CsvTable layers = parse_csv(table.out);
  // A checkpoint of which nothing is analysed has an archive all the same.
  REQUIRE(scan.exit_code == (layers.rows.empty() ? 3 : 0));
  return layers;
}

/// Compares the rows that the oracle has; `except` lists columns with a documented difference.
int compare(const CsvTable& ours, const CsvTable& oracle,
            const std::vector<std::string>& except = {}, double alpha_tolerance = 1e-8,
            const std::vector<Column>& columns = kColumns) {
  const bool sliced = !oracle.rows.empty() && oracle.rows.front().contains("slice_id");
  CHECK(ours.rows.size() == oracle.rows.size());
  // The one matrix of a synthetic checkpoint, or its slices, have another name there.
  const bool one_name = std::all_of(oracle.rows.begin(), oracle.rows.end(), [&](const auto& row) {
    return row.at("longname") == oracle.rows.front().at("longname");
  });
  int compared = 0;
  for (const auto& expected : oracle.rows) {
    for (const auto& row : ours.rows) {
      if (!one_name && without_weight(row.at("longname")) != expected.at("longname")) continue;
      if (sliced && row.at("slice_id") != expected.at("slice_id")) continue;
      ++compared;
      for (const Column& column : columns) {
        if (std::find(except.begin(), except.end(), column.name) != except.end()) continue;
        CAPTURE(expected.at("longname"), column.name, row.at(column.name),
                expected.at(column.name));
        const bool of_alpha = column.tolerance == 1e-8;
        CHECK(relative_difference(number(row.at(column.name)), number(expected.at(column.name))) <=
              (of_alpha ? alpha_tolerance : column.tolerance));
      }
      CAPTURE(expected.at("longname"));
      CHECK(row.at("warning") == expected.at("warning"));
      CHECK(row.at("status") == expected.at("status"));
    }
  }
  return compared;
}

}  // namespace

TEST_CASE("ResNets give WeightWatcher's tables, pooled and slice by slice", "[oracle]") {
  const auto shared = shared_folder();
  if (!shared) return;
  for (const char* model : {"resnet20", "resnet32"}) {
    const auto folder = *shared / "fixtures/oracle" / model;
    const TempFolder temp;
    const CsvTable pooled = scan_and_export(folder, temp / "pooled");
    CHECK(compare(pooled, read_csv(folder / "default.csv")) ==
          static_cast<int>(pooled.rows.size()));
    const CsvTable sliced = scan_and_export(folder, temp / "sliced", {"--no-pool"});
    CHECK(compare(sliced, read_csv(folder / "default_nopool.csv")) ==
          static_cast<int>(sliced.rows.size()));
  }
}

TEST_CASE("Gram matrices that stand give WeightWatcher's tables", "[oracle]") {
  // Small matrices are solved by SVD at once; --method gram tries the Gram matrix on each. Alone
  // and in teams, whose first rank decides for all.
  const auto shared = shared_folder();
  if (!shared) return;
  std::map<std::string, int> methods;
  const auto check = [&](const std::filesystem::path& checkpoint,
                         const std::filesystem::path& table, std::vector<std::string> more,
                         const std::vector<std::string>& except = {}) {
    const TempFolder temp;
    more.insert(more.end(), {"--method", "gram"});
    const CsvTable ours = scan_and_export(checkpoint, temp / "archive", more);
    for (const auto& row : ours.rows) ++methods[row.at("method")];
    CAPTURE(table.string());
    CHECK(compare(ours, read_csv(table), except) == static_cast<int>(ours.rows.size()));
  };
  const auto oracle = *shared / "fixtures/oracle";
  check(oracle / "resnet20", oracle / "resnet20/default.csv", {});
  check(oracle / "resnet20", oracle / "resnet20/default.csv", {"--team-size", "2"});
  for (const auto& entry : std::filesystem::directory_iterator(oracle / "synth")) {
    const std::string name = entry.path().filename().string();
    const CsvTable table = std::filesystem::exists(entry.path() / "default.csv")
                               ? read_csv(entry.path() / "default.csv")
                               : CsvTable{};
    // Those of other dtypes and of even kernels are compared above.
    if (table.rows.empty() || name == "bf16_300x100" || name == "conv2d_2x2_32x64" ||
        name == "orth_256x256" || name == "zeros_100x100") {
      continue;
    }
    check(entry.path() / "model.safetensors", entry.path() / "default.csv", {});
  }
  CHECK(methods["gram"] > 30);
  CHECK(methods["svd"] > 5);
}

TEST_CASE("clip_xmax, detX and mp_fit give WeightWatcher's columns", "[oracle]") {
  const auto shared = shared_folder();
  if (!shared) {
    WARN("skipped: no shared fixtures");
    return;
  }
  for (const char* model : {"resnet20", "resnet32"}) {
    const auto folder = *shared / "fixtures/oracle" / model;
    const TempFolder temp;
    const CsvTable clipped =
        scan_and_export(folder, temp / "archive", {"--fix-fingers", "clip_xmax", "--mp-fit"});
    const auto rows = static_cast<int>(clipped.rows.size());
    CHECK(compare(clipped, read_csv(folder / "clip_xmax.csv"), {}, 1e-8, kClipColumns) == rows);
    // detX and the bulk are the same whatever is clipped; the second scan fits again, from the
    // archive.
    const CsvTable fitted = scan_and_export(folder, temp / "archive", {"--mp-fit", "--detx"});
    CHECK(compare(fitted, read_csv(folder / "default.csv")) == rows);
    CHECK(compare(fitted, read_csv(folder / "plpkg.csv"), {}, 1e-8, kPackageColumns) == rows);
    CHECK(compare(fitted, read_csv(folder / "detX.csv"), {}, 1e-8, kDetXColumns) == rows);
    CHECK(compare(fitted, read_csv(folder / "rand_mp.csv"), {}, 1e-8, kMpColumns) == rows);
  }
}

TEST_CASE("xmin_peak gives WeightWatcher's columns, with the package for which it works",
          "[oracle]") {
  const auto shared = shared_folder();
  if (!shared) {
    WARN("skipped: no shared fixtures");
    return;
  }
  for (const char* model : {"resnet20", "resnet32"}) {
    const auto folder = *shared / "fixtures/oracle" / model;
    const TempFolder temp;
    const CsvTable found =
        scan_and_export(folder, temp / "archive", {"--fix-fingers", "xmin_peak"});
    CHECK(compare(found, read_csv(folder / "xmin_peak_plpkg.csv"), {}, 1e-8, kPackageColumns) ==
          static_cast<int>(found.rows.size()));
  }
}

namespace {

/// ln of the integral of x^-alpha e^(-lambda x) from xmin on: Simpson's rule in ln x, up to where
/// the integrand has fallen by e^-40. For lambda = 0, the power law's.
double log_normalisation(double alpha, double lambda, double xmin) {
  if (lambda == 0) return (1 - alpha) * std::log(xmin) - std::log(alpha - 1);
  const double end = std::log(xmin + 40 / lambda);
  const int steps = 4000;
  const double h = (end - std::log(xmin)) / steps;
  double sum = 0;
  for (int i = 0; i <= steps; ++i) {
    const double x = xmin * std::exp(h * i);
    const double weight = i == 0 || i == steps ? 1 : (i % 2 == 1 ? 4 : 2);
    // Relative to the value at xmin, so that nothing underflows.
    sum += weight * std::exp((1 - alpha) * std::log(x / xmin) - lambda * (x - xmin));
  }
  return std::log(sum * h / 3) + (1 - alpha) * std::log(xmin) - lambda * xmin;
}

double log_likelihood(const std::vector<double>& tail, double alpha, double lambda) {
  double sum = -static_cast<double>(tail.size()) * log_normalisation(alpha, lambda, tail.front());
  for (const double x : tail) sum -= alpha * std::log(x) + lambda * x;
  return sum;
}

/// A checkpoint, and WeightWatcher's truncated power laws for it.
struct TruncatedTable {
  std::filesystem::path checkpoint;
  std::filesystem::path table;
};

std::vector<TruncatedTable> truncated_tables(const std::filesystem::path& oracle) {
  std::vector<TruncatedTable> tables{
      {oracle / "resnet20", oracle / "resnet20" / "TPL_plpkg_force.csv"},
      {oracle / "resnet32", oracle / "resnet32" / "TPL_plpkg_force_subset.csv"}};
  for (const auto& entry : std::filesystem::directory_iterator(oracle / "synth")) {
    const auto table = entry.path() / "TPL_plpkg_force.csv";
    if (std::filesystem::exists(table))
      tables.push_back({entry.path() / "model.safetensors", table});
  }
  return tables;
}

}  // namespace

TEST_CASE("on WeightWatcher's tails our truncated power law is the likelier one", "[oracle]") {
  // Its TPL takes xmin by a search with hundreds of Nelder-Mead fits, most of which end at the
  // bound alpha = 1 (docs/metrics.md). Given its xmin, the likelihood's maximum is ours.
  const auto shared = shared_folder();
  if (!shared) {
    WARN("skipped: no shared fixtures");
    return;
  }
  int compared = 0;
  int at_bound = 0;
  for (const TruncatedTable& source : truncated_tables(*shared / "fixtures/oracle")) {
    const CsvTable oracle = read_csv(source.table);
    const TempFolder temp;
    const CsvTable layers = scan_and_export(source.checkpoint, temp / "archive");
    for (const auto& expected : oracle.rows) {
      // The one matrix of a synthetic checkpoint has another name there.
      const std::string key = layers.rows.size() == 1 ? layers.rows.front().at("key")
                                                      : expected.at("longname") + ".weight";
      const Outcome exported = run_wishart(
          {"export", (temp / "archive").string(), "--table", "spectrum", "--matrix", key});
      INFO(exported.err);
      REQUIRE(exported.exit_code == 0);
      const double xmin = number(expected.at("xmin"));
      std::vector<double> tail;
      for (const auto& row : parse_csv(exported.out).rows) {
        const double sigma = number(row.at("sigma"));
        if (sigma * sigma >= xmin * (1 - 1e-9)) tail.push_back(sigma * sigma);
      }
      const double alpha = number(expected.at("alpha"));
      const double lambda = number(expected.at("Lambda"));
      const wishart::fit::LawFit ours = wishart::fit::fit_laws(tail).truncated;
      const double theirs = log_likelihood(tail, alpha, lambda);
      CAPTURE(source.table.string(), key, alpha, lambda, ours.shape, ours.rate, tail.size());
      CHECK(std::ssize(tail) == static_cast<std::int64_t>(number(expected.at("num_pl_spikes"))));
      CHECK(log_likelihood(tail, ours.shape, ours.rate) >= theirs - 1e-6);
      ++compared;
      if (alpha < 1.0001) {
        // Their bound: ours goes on below it, or stops there too.
        ++at_bound;
        CHECK(ours.shape < 1.0001);
      } else {
        CHECK(ours.shape == Approx(alpha).margin(0.01));
        // Its search ends by itself: a rate that bends the law by less than 1 % up to the largest
        // value is none.
        CHECK(ours.rate == Approx(lambda).epsilon(0.01).margin(0.01 / tail.back()));
      }
    }
  }
  CHECK(compared == 31);
  CHECK(at_bound == 22);
}

TEST_CASE("synthetic matrices give WeightWatcher's rows", "[oracle]") {
  const auto shared = shared_folder();
  if (!shared) return;
  int folders = 0;
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*shared / "fixtures/oracle/synth")) {
    const std::string name = entry.path().filename().string();
    if (!std::filesystem::exists(entry.path() / "default.csv")) continue;
    CAPTURE(name);
    std::filesystem::path model = entry.path() / "model.safetensors";
    const TempFolder temp;
    if (name == "bf16_300x100") {
      // Stored as F32, but WeightWatcher was given its cast to bfloat16 (round to nearest even).
      const Outcome cast = run_shell(
          "/usr/bin/python3 -c \"import struct,sys\n"
          "raw=open(sys.argv[1],'rb').read(); n=struct.unpack('<Q',raw[:8])[0]\n"
          "data=raw[8+n:]; out=bytearray()\n"
          "for (b,) in struct.iter_unpack('<I',data): "
          "out+=struct.pack('<H',(b+0x7fff+((b>>16)&1))>>16)\n"
          "head=b'{\\\"layer.weight\\\":{\\\"dtype\\\":\\\"BF16\\\",\\\"shape\\\":[300,100],"
          "\\\"data_offsets\\\":[0,60000]}}'\n"
          "open(sys.argv[2],'wb').write(struct.pack('<Q',len(head))+head+out)\" " +
          quoted(model.string()) + " " + quoted((temp / "bf16.safetensors").string()));
      INFO(cast.err);
      REQUIRE(cast.exit_code == 0);
      model = temp / "bf16.safetensors";
    }
    const CsvTable oracle = read_csv(entry.path() / "default.csv");
    const CsvTable ours = scan_and_export(model, temp / "archive");
    std::vector<std::string> except;
    double alpha_tolerance = 1e-8;
    // Differences that docs/metrics.md lists.
    if (name == "conv2d_2x2_32x64") {
      // N and M are swapped for even kernels; a law with Q < 1 is fitted.
      except = {"N", "M", "Q", "num_spikes", "sigma_mp", "mp_softrank", "bulk_max", "bulk_min"};
    }
    if (name == "orth_256x256") alpha_tolerance = 1e-5;  // all values equal to 1e-8: alpha is 6.7e7
    if (name == "zeros_100x100") except = {"entropy"};   // 0 / 0
    // Rank one: the second of detX's two values is what the BLAS's rounding left of zero.
    if (name == "ones_256x256") except = {"detX_val", "detX_val_unrescaled"};
    const int rows = compare(ours, oracle, except, alpha_tolerance);
    CHECK(rows == static_cast<int>(oracle.rows.size()));
    compared += rows;
    if (std::filesystem::exists(entry.path() / "default_nopool.csv")) {
      const CsvTable sliced = read_csv(entry.path() / "default_nopool.csv");
      const CsvTable ours_sliced = scan_and_export(model, temp / "sliced", {"--no-pool"});
      if (!sliced.rows.empty()) compared += compare(ours_sliced, sliced, except, alpha_tolerance);
    }
    for (const auto& [run, columns] : {std::pair{"plpkg", &kPackageColumns},
                                       {"xmin_peak_plpkg", &kPackageColumns},
                                       {"clip_xmax", &kClipColumns},
                                       {"detX", &kDetXColumns},
                                       {"rand_mp", &kMpColumns}}) {
      const auto file = entry.path() / (std::string(run) + ".csv");
      if (!std::filesystem::exists(file)) continue;
      const CsvTable expected = read_csv(file);
      if (expected.rows.empty()) continue;
      std::vector<std::string> more{"--mp-fit"};
      if (columns == &kClipColumns) more.insert(more.end(), {"--fix-fingers", "clip_xmax"});
      if (run == std::string("xmin_peak_plpkg")) {
        more.insert(more.end(), {"--fix-fingers", "xmin_peak"});
      }
      // All values equal: powerlaw 1.5 has no candidate and fails, where the default package does
      // not.
      if (columns == &kPackageColumns && name == "identity_128x128") continue;
      CAPTURE(run);
      const CsvTable found = scan_and_export(model, temp / "archive", more);
      compared += compare(found, expected, except, alpha_tolerance, *columns);
    }
    ++folders;
  }
  CHECK(folders == 25);  // three of them without a row
  // default, clip_xmax, detX, rand_mp; plpkg and xmin_peak without the identity; slices.
  CHECK(compared == 4 * 22 + 2 * 21 + 13);
}
