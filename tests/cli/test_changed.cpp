/// @file
/// Archives that h5py has changed: what each command says of them.

#include <catch2/catch.hpp>

#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr const char* kLayer = "model.layers.0.mlp.up_proj.weight";

/// An archive of two checkpoints, `a` and `b`, of one matrix each.
struct Archive {
  TempFolder temp;
  std::string folder = (temp / "archive").string();
  std::string file = (temp / "archive/a.h5").string();

  Archive() {
    for (const std::string id : {"a", "b"}) {
      write_bytes(
          temp / id / "model.safetensors",
          safetensors_bytes(
              {{kLayer, {96, 64}, noise_values(96 * 64, static_cast<std::uint64_t>(id[0]))}}));
      const Outcome outcome =
          run_wishart({"scan", (temp / id).string(), "--archive", folder, "--progress", "none"});
      INFO(outcome.err);
      REQUIRE(outcome.exit_code == 0);
    }
  }

  /// Runs lines of Python with `f`, the file `name` of the archive opened for writing.
  void with_h5py(const std::string& name, const std::string& lines) const {
    const std::string script = "import h5py\nwith h5py.File('" + folder + "/" + name +
                               "', 'r+') as f:\n    " + lines + "\n";
    REQUIRE(run_shell("/usr/bin/python3 -c " + quoted(script)).exit_code == 0);
  }
};

bool has_h5py() { return run_shell("/usr/bin/python3 -c 'import h5py'").exit_code == 0; }

constexpr const char* kSetAlpha = "t = f['layers'][:]; t['alpha'][0] = 9.99; f['layers'][:] = t";

}  // namespace

TEST_CASE("an alpha that h5py has changed is refused by every command", "[changed]") {
  if (!has_h5py()) return;
  const Archive archive;
  archive.with_h5py("a.h5", kSetAlpha);
  const std::string error = "wishart: " + archive.file +
                            ": was changed after it was written: /layers is not as written, the "
                            "row of " +
                            kLayer +
                            ". Restore the file, or delete it and scan the checkpoint again. If "
                            "the change is wanted: wishart verify --reseal\n";
  const std::vector<std::vector<std::string>> commands{
      {"report", archive.folder, "--checkpoint", "a"},
      {"report", archive.folder, "--checkpoint", "a", "--format", "html"},
      {"export", archive.folder, "--checkpoint", "a"},
      {"export", archive.folder, "--table", "history"},
      {"compare", archive.folder, "a", "b"},
      {"rank", archive.folder},
      {"refit", archive.folder},
      {"merge", archive.folder, "--out", (archive.temp / "run.h5").string()}};
  for (const auto& words : commands) {
    CAPTURE(words);
    const Outcome outcome = run_wishart(words);
    CHECK(outcome.exit_code == 3);
    // Only refit goes on with the other files, and says so.
    CHECK(outcome.out.empty() == (words[0] != "refit"));
    CHECK(outcome.err == error);
  }
  const Outcome verified = run_wishart({"verify", archive.folder});
  CHECK(verified.exit_code == 3);
  CHECK(verified.out.find(archive.file +
                          ": changed\n  its seal is gone: another program has "
                          "opened it for writing\n  /layers is not as written, "
                          "the row of " +
                          kLayer + "\n  as written, according to their hashes: ") == 0);
}

TEST_CASE("opened without a change, also through the index, a file is unsealed and read",
          "[changed]") {
  if (!has_h5py()) return;
  const Archive archive;
  const std::string before = run_wishart({"report", archive.file}).out;
  archive.with_h5py("index.h5", "f['checkpoints/a/layers']");
  const Outcome verified = run_wishart({"verify", archive.folder});
  CHECK(verified.exit_code == 3);
  CHECK(verified.out.find(archive.file + ": unsealed\n") == 0);
  CHECK(verified.out.find("index.h5: damaged\n  its seal is gone") != std::string::npos);
  const Outcome report = run_wishart({"report", archive.file});
  CHECK(report.exit_code == 0);
  CHECK(report.out == before);
}

TEST_CASE("a change that is accepted is sealed again, and the report says so", "[changed]") {
  if (!has_h5py()) return;
  const Archive archive;
  archive.with_h5py("a.h5", kSetAlpha);
  const Outcome resealed = run_wishart({"verify", archive.folder, "--reseal"});
  CHECK(resealed.exit_code == 0);
  CHECK(resealed.out.find("  sealed again as it is; this is recorded in its provenance\n") !=
        std::string::npos);
  CHECK(run_wishart({"verify", archive.folder}).exit_code == 0);
  const Outcome report = run_wishart({"report", archive.folder, "--checkpoint", "a", "--wide"});
  CHECK(report.exit_code == 0);
  CHECK(run_wishart({"export", archive.folder, "--checkpoint", "a"}).out.find(",9.99,") !=
        std::string::npos);
  CHECK(report.out.find("  resealed     1 time after another program had opened the file for "
                        "writing, last ") != std::string::npos);
  CHECK(report.out.find(std::string("): /layers is not as written, the row of ") + kLayer) !=
        std::string::npos);
}

TEST_CASE("a changed singular value contradicts the sums and is not sealed again", "[changed]") {
  if (!has_h5py()) return;
  const Archive archive;
  archive.with_h5py("a.h5", "f['spectra/sigma'][-1] *= 1.5");
  const Outcome outcome = run_wishart({"verify", archive.folder, "--reseal"});
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.out.find("  not sealed again: its contents are inconsistent\n") !=
        std::string::npos);
  const std::string restore =
      "1 of 3 files is not whole. Restore it, or run with --repair and scan again";
  CHECK(outcome.err.find(restore + ". It was not sealed again: its contents are inconsistent\n") !=
        std::string::npos);
  // Nor is that advised.
  CHECK(run_wishart({"verify", archive.folder}).err.find(restore + "\n") != std::string::npos);
  CHECK(run_wishart({"verify", archive.folder, "--repair"}).exit_code == 3);
  CHECK(std::filesystem::exists(archive.file + ".damaged"));
  const Outcome both = run_wishart({"verify", archive.folder, "--repair", "--reseal"});
  CHECK(both.exit_code == 2);
  CHECK(
      both.err ==
      "wishart: --repair sets changed files aside, --reseal accepts them. Use only one of them\n");
}
