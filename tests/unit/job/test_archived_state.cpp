/// @file
/// Whether the archive holds a checkpoint as it is now: what a night looks at before it scans.

#include <chrono>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/fit/metrics.hpp"

#include "samples.hpp"
#include "scan/archived/archived_state.hpp"
#include "scan/work/checkpoint_job.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;
namespace fs = std::filesystem;

namespace {

void write_model(const fs::path& file) {
  fs::create_directories(file.parent_path());
  write_bytes(file, safetensors_bytes({{"a.weight", {20, 16}, noise_values(320, 1)},
                                       {"b.weight", {16, 12}, noise_values(192, 2)}}));
}

/// A checkpoint, and an archive of it whose second matrix has the spectrum `second`.
struct Archived {
  TempFolder temp;
  fs::path path = temp / "m";
  fs::path weights = path / "model.safetensors";
  ScanOptions options;
  fs::path file;

  explicit Archived(const Spectrum& second, const fs::path& base = {}) {
    options.archive = temp / "archive";
    fs::create_directories(options.archive);
    write_model(weights);
    if (!base.empty()) {
      options.selection.base = temp.path() / base;
      write_model(options.selection.base / "model.safetensors");
    }
    CheckpointJob job(path, options, {});
    const std::vector<Matrix> matrices = job.work_order().matrices;
    std::vector<Result> results(2);
    for (std::size_t i = 0; i < 2; ++i) {
      const bool good = second.status == SpectrumStatus::ok || matrices[i].key == "a.weight";
      results[i].item = static_cast<std::int64_t>(i);
      results[i].spectrum = good ? good_spectrum(matrices[i]) : second;
      results[i].row = fit::layer_row(matrices[i], results[i].spectrum, {});
    }
    job.take(std::move(results));
    file = job.finish();
  }

  /// `STATE: detail`
  [[nodiscard]] std::string look() const {
    const ArchivedLook found = look_at_archived(file, path, options.selection);
    switch (found.state) {
      case ArchivedState::archived:
        return "archived: " + found.detail;
      case ArchivedState::incomplete:
        return "incomplete: " + found.detail;
      case ArchivedState::changed:
        return "changed: " + found.detail;
      case ArchivedState::another:
        return "another: " + found.detail;
      case ArchivedState::unreadable:
        return "unreadable: " + found.detail;
    }
    return "";
  }

  /// What a scan says now: the number of matrices that it computes, or its refusal.
  [[nodiscard]] std::string scan() const {
    try {
      const CheckpointJob job(path, options, {});
      return job.work_order().nothing_to_do ? "0" : std::to_string(job.todo().size());
    } catch (const Error& error) {
      return error.what();
    }
  }
};

void make_later(const fs::path& file) {
  fs::last_write_time(file, fs::file_time_type::clock::now() + std::chrono::seconds(5));
}

Spectrum good() {
  Spectrum spectrum;
  spectrum.status = SpectrumStatus::ok;
  return spectrum;
}

}  // namespace

TEST_CASE("an archive without what failed for a passing cause is incomplete", "[archived_state]") {
  const auto look = [](const Spectrum& second, const char* left) {
    const Archived archived(second);
    CHECK(archived.scan() == left);
    return archived.look();
  };
  CHECK(look(good(), "0") == "archived: ");
  CHECK(look(nonfinite_spectrum(), "0") == "archived: ");
  CHECK(look(failed_spectrum(Blame::numerics, "did not converge"), "0") == "archived: ");
  CHECK(look(failed_spectrum(Blame::input, "F: cut\noff"), "1") ==
        "incomplete: 1 of 2 matrices failed, first b.weight: F: cut; off");
  CHECK(look(failed_spectrum(Blame::resource, "too many open files"), "1") ==
        "incomplete: 1 of 2 matrices failed, first b.weight: too many open files");
}

TEST_CASE("an archive file that cannot be read is incomplete", "[archived_state]") {
  for (const std::uintmax_t size : {0U, 3000U}) {
    CAPTURE(size);
    const Archived archived(good());
    fs::resize_file(archived.file, size);
    CHECK(archived.look().starts_with("incomplete: " + archived.file.string() + ": "));
  }
}

TEST_CASE("numbers of files that have been rewritten are told from numbers of these",
          "[archived_state]") {
  const Archived archived(good());
  // The same files under another date are others, as for a scan.
  make_later(archived.weights);
  CHECK(archived.look() == "changed: its files have changed since then");
  CHECK(archived.scan().find("its files have changed since then") != std::string::npos);
  // Of a run that was moved, nothing is known but that it differs.
  Archived moved(good());
  fs::rename(moved.path, moved.temp / "elsewhere");
  moved.path = moved.temp / "elsewhere";
  CHECK(moved.look() == "archived: ");
  make_later(moved.path / "model.safetensors");
  CHECK(moved.look() ==
        "another: the archive has another checkpoint of this name, " + (moved.temp / "m").string());
  // A link to where it was is no other place.
  fs::create_directory_symlink(moved.path, moved.temp / "m");
  CHECK(moved.look() == "changed: its files have changed since then");
  fs::resize_file(moved.path / "model.safetensors", 100);
  CHECK(moved.look().starts_with("unreadable: "));
}

TEST_CASE("files that were read while they changed are read again", "[archived_state]") {
  const Archived archived(failed_spectrum(Blame::input, "changed while it was being read"));
  make_later(archived.weights);
  CHECK(archived.look() == "incomplete: its files have changed since then");
  CHECK(archived.scan() == "2");
}

TEST_CASE("the files of a base belong to the analysis", "[archived_state]") {
  const Archived archived(good(), "base");
  CHECK(archived.look() == "archived: ");
  make_later(archived.options.selection.base / "model.safetensors");
  CHECK(archived.look() == "changed: the files of its base have changed since then");
}
