/// @file
/// `wishart verify --foreign`: files that may make HDF5 crash are read in a process of their own.

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"

#include "support/program.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// An archive folder of `a` and `b`, without matrices.
std::string write_archives(const TempFolder& temp) {
  std::filesystem::create_directory(temp / "folder");
  for (const char* id : {"a", "b"}) {
    wishart::CheckpointRecord record;
    record.provenance.checkpoint_id = id;
    (void)wishart::archive::write_archive(temp / "folder", record);
  }
  return (temp / "folder").string();
}

}  // namespace

TEST_CASE("a file of a stranger is verified as any other", "[foreign]") {
  const TempFolder temp;
  const std::string folder = write_archives(temp);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"verify", folder},
                                                {"verify", folder + "/a.h5"},
                                                {"verify", folder, "--checkpoint", "b"}}) {
    std::vector<std::string> foreign = words;
    foreign.emplace_back("--foreign");
    const Outcome plain = run_wishart(words);
    const Outcome child = run_wishart(foreign);
    CHECK(plain.exit_code == 0);
    CHECK(child.exit_code == 0);
    CHECK(child.out == plain.out);
  }
  const std::string text = temp.write("text.h5", "no archive at all").string();
  const Outcome other = run_wishart({"verify", text, "--foreign"});
  CHECK(other.exit_code == 3);
  CHECK(other.err.find("text.h5: foreign: ") != std::string::npos);
}

TEST_CASE("a crash of HDF5 is a finding, and the other files are verified", "[foreign]") {
  const TempFolder temp;
  const std::string folder = write_archives(temp);
  const Outcome outcome =
      run_shell("LD_PRELOAD=" + quoted(WISHART_CRASH) + " WISHART_CRASH=/b.h5 " +
                quoted(program_path()) + " verify " + quoted(folder) + " --foreign");
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.out.find(folder + "/b.h5: damaged\n  the process that read it was ended by "
                                  "SIGSEGV, a wrong address. Let no other program open this "
                                  "file\n") != std::string::npos);
  CHECK(outcome.out.find("/a.h5: damaged\n  " + folder + "/a.h5: cannot be read") !=
        std::string::npos);
  REQUIRE(outcome.messages().size() == 1);
}

TEST_CASE("--foreign is for reading alone", "[foreign]") {
  const Outcome reseal = run_wishart({"verify", "x", "--foreign", "--reseal"});
  CHECK(reseal.exit_code == 2);
  CHECK(reseal.err.find("--reseal reads a file and vouches for it, which --foreign is there to "
                        "avoid. Use only one of them") != std::string::npos);
  const Outcome latest = run_wishart({"verify", "x", "--foreign", "--checkpoint", "latest"});
  CHECK(latest.exit_code == 2);
}
