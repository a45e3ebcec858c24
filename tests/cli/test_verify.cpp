/// @file
/// `verify`: what is damaged is named, set aside and mended.

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/small_model.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

TEST_CASE("the parts of an archive are all of it, each checkpoint in one", "[verify]") {
  const TempFolder temp;
  scan(temp, "one", base_tensors());
  const std::string archive = (temp / "archive").string();
  for (const char* name : {"two", "three", "four", "five", "six", "seven", "eight"}) {
    std::filesystem::copy_file(archive + "/one.h5", archive + "/" + name + ".h5");
  }
  // One that is damaged is found by its own part.
  std::filesystem::resize_file(archive + "/six.h5", 2000);
  int found = 0;
  int checkpoints = 0;
  for (const std::string part : {"1", "2", "3"}) {
    const Outcome outcome = run_wishart({"verify", archive, "--part", part + "/3"});
    CAPTURE(part, outcome.out, outcome.err);
    const std::string line = "\npart " + part + " of 3: ";
    const std::size_t at = outcome.out.find(line);
    REQUIRE(at != std::string::npos);
    checkpoints += std::atoi(outcome.out.c_str() + at + line.size());
    CHECK(outcome.out.find(" of 8 checkpoints\n") != std::string::npos);
    found += outcome.out.find("six.h5: damaged") != std::string::npos ? 1 : 0;
  }
  CHECK(checkpoints == 8);
  CHECK(found == 1);
  const Outcome json = run_wishart({"verify", archive, "--part", "2/10000", "--format", "json"});
  CHECK(json.exit_code == 0);
  CHECK(json.out.find("\"part\": 2, \"parts\": 10000, ") != std::string::npos);
  CHECK(run_wishart({"verify", archive + "/one.h5", "--part", "1/2"}).messages() ==
        std::vector<std::string>{"wishart: --part: " + archive +
                                 "/one.h5 is one file, with one seal over all of it. Leave out "
                                 "--part"});
}

TEST_CASE("verify names what is damaged, repair sets it aside, and a scan mends it", "[verify]") {
  const TempFolder temp;
  scan(temp, "good", base_tensors());
  scan(temp, "bad", base_tensors());
  const std::string archive = (temp / "archive").string();
  const Outcome whole = run_wishart({"verify", archive});
  CHECK(whole.exit_code == 0);
  CHECK(whole.out.find("3 of 3 files are intact (seal checked)") != std::string::npos);
  const auto path = temp / "archive/bad.h5";
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    file.put('\x5a');
  }
  const Outcome damaged = run_wishart({"verify", archive});
  CHECK(damaged.exit_code == 3);
  CHECK(damaged.out.find("bad.h5: damaged\n") != std::string::npos);
  CHECK(damaged.out.find("2 of 3 files are intact") != std::string::npos);
  CHECK(std::filesystem::exists(path));
  const Outcome repaired = run_wishart({"verify", archive, "--repair", "--format", "json"});
  CHECK(repaired.exit_code == 3);
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(std::filesystem::exists(path.string() + ".damaged"));
  const auto json = temp.write("verify.json", repaired.out);
  CHECK(run_shell("/usr/bin/python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); "
                  "f={x[\"standing\"]:x for x in d[\"files\"]}; "
                  "assert f[\"damaged\"][\"set_aside\"] and f[\"damaged\"][\"findings\"] and "
                  "f[\"whole\"][\"sealed\"]' " +
                  quoted(json.string()))
            .exit_code == 0);
  scan(temp, "bad", base_tensors());
  CHECK(run_wishart({"verify", archive}).exit_code == 0);
  temp.write("archive/index.h5", "junk");
  CHECK(run_wishart({"verify", archive, "--repair"}).exit_code == 3);
  CHECK(run_wishart({"verify", archive}).exit_code == 0);
  std::filesystem::create_directories(temp / "empty");
  CHECK(run_wishart({"verify", (temp / "empty").string()}).err.find("holds no archive") !=
        std::string::npos);
}
