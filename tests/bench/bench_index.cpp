/// @file
/// Time to build and update the index of an archive with very many checkpoints.
///
///     bench_index [--checkpoints N] [--layers L] [--runs K]
///
/// Writes the archive file of a checkpoint of L layers N times, under different names. Then, K
/// times, it rebuilds the whole index, adds a checkpoint and updates the index, as a nightly scan
/// does. Files are in the page cache. Prints one line, medians of the K runs:
///
///     version,checkpoints,layers,file_kib,rebuild_seconds,update_seconds
///
/// Exits with 1 if the index is wrong.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/fit/summary.hpp"

#include "../support/temp_folder.hpp"
#include "median.hpp"

using namespace wishart;
using bench::median;

namespace {

struct Options {
  std::int64_t checkpoints = 10000;
  std::int64_t layers = 224;  ///< as in a Llama of 32 blocks
  std::int64_t runs = 3;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::int64_t value = std::stoll(argv[i + 1]);
    if (name == "--checkpoints") options.checkpoints = value;
    if (name == "--layers") options.layers = value;
    if (name == "--runs") options.runs = value;
  }
  if (argc % 2 == 0 || options.checkpoints < 1 || options.layers < 1 || options.runs < 1) {
    throw Error(Blame::usage, "see the comment at the head of bench_index.cpp");
  }
  return options;
}

/// Layers of seven roles in blocks. Spectra are short, because the index does not read them.
CheckpointRecord record_of(std::int64_t layers) {
  CheckpointRecord record;
  record.provenance.checkpoint_id = "checkpoint-0";
  record.provenance.checkpoint_path = "/run/checkpoint-0";
  record.provenance.mode = "corrected";
  for (std::int64_t i = 0; i < layers; ++i) {
    LayerRow row;
    row.layer_id = i;
    row.key = row.longname = row.name = "model.layers." + std::to_string(i) + ".weight";
    row.role = "role." + std::to_string(i % 7);
    row.stack = "model";
    row.block = i / 7;
    row.N = row.M = row.num_evals = 3;
    row.num_params = 9;
    row.alpha = 2 + static_cast<double>(i % 50) / 25;
    row.log_norm = static_cast<double>(i) / 100;
    row.status = "success";
    record.layers.push_back(row);
    record.spectra.push_back({{1, 2, 3}, {1}, {3}, {0}});
  }
  record.summary = fit::summarize(record.layers, false);
  return record;
}

/// Seconds of an update, after which the index must list `checkpoints`, `read` of them new.
double seconds_of_update(const std::filesystem::path& folder, bool rebuild,
                         std::int64_t checkpoints, std::int64_t read) {
  const auto start = std::chrono::steady_clock::now();
  const archive::IndexUpdate update = archive::update_index(folder, rebuild);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const std::vector<archive::IndexRow> rows = archive::read_index(folder);
  const bool whole = std::all_of(rows.begin(), rows.end(), [&](const archive::IndexRow& row) {
    return row.standing == "whole" && row.alpha == rows.front().alpha;
  });
  if (update.checkpoints != checkpoints || update.read != read || !whole ||
      static_cast<std::int64_t>(rows.size()) != checkpoints) {
    throw Error(Blame::bug, "the index is not what it should be");
  }
  return took.count();
}

void measure(const Options& options) {
  const test::TempFolder temp;
  const std::filesystem::path folder = temp.path();
  const auto first = archive::write_archive(folder, record_of(options.layers));
  std::int64_t count = 1;
  const auto add = [&] {
    std::filesystem::copy_file(first, folder / ("checkpoint-" + std::to_string(count++) + ".h5"));
  };
  while (count < options.checkpoints) add();
  std::vector<double> rebuilds;
  std::vector<double> updates;
  for (std::int64_t run = 0; run < options.runs; ++run) {
    rebuilds.push_back(seconds_of_update(folder, true, count, count));
    add();
    updates.push_back(seconds_of_update(folder, false, count, 1));
  }
  std::printf("%s,%lld,%lld,%lld,%.3f,%.3f\n", std::string(build_info().commit).c_str(),
              static_cast<long long>(options.checkpoints), static_cast<long long>(options.layers),
              static_cast<long long>(std::filesystem::file_size(first) >> 10U), median(rebuilds),
              median(updates));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    measure(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_index: %s\n", error.what());
    return 1;
  }
}
