/// @file
/// A checkpoint of 90 000 tensors in little time and memory; files that want more than to be read.

#include <algorithm>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::test;

namespace {

/// Writes a pickled file by Python: `value` is an expression.
void write_pickle(const std::filesystem::path& file, const std::string& value) {
  const Outcome made = run_shell(
      "/usr/bin/python3 -c \"import pickle,os,sys,io,zipfile\n"
      "class Call:\n"
      " def __init__(self, f, *a): self.f, self.a = f, a\n"
      " def __reduce__(self): return self.f, self.a\n"
      "data = pickle.dumps(" +
      value +
      ", 2)\n"
      "z = zipfile.ZipFile(sys.argv[1], 'w')\n"
      "z.writestr('archive/data.pkl', data)\n"
      "z.close()\" " +
      quoted(file.string()));
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
}

}  // namespace

TEST_CASE("90 000 tensors are listed in little memory", "[large]") {
  const TempFolder folder;
  const Outcome made =
      run_shell("/usr/bin/python3 " + quoted(in_source("tests/cli/make_deepseek_index.py")) + " " +
                quoted((folder / "v3").string()));
  REQUIRE(made.exit_code == 0);
  REQUIRE(std::stoi(made.out) > 90'000);
  // A limit of 1 GiB on its memory; address sanitizer reserves more than that for itself.
#ifdef WISHART_SANITIZED
  const std::string limit;
#else
  const std::string limit = "ulimit -v 1048576; ";
#endif
  const Outcome shown =
      run_shell("exec bash -c \"" + limit + "TIMEFORMAT='user %U'; time " + quoted(program_path()) +
                " inspect --format csv " + quoted((folder / "v3").string()) + "\"");
  INFO(shown.err);
  REQUIRE(shown.exit_code == 0);
  const std::size_t user = shown.err.rfind("user ");
  REQUIRE(user != std::string::npos);
  // Told, not held to: the goal is 3 s for the program as released.
  WARN("90 000 tensors took " << shown.err.substr(user + 5) << " s of the processor");
  CHECK(std::count(shown.out.begin(), shown.out.end(), '\n') == 45'092 + 1);
  CHECK(shown.out.find("F8_E4M3 with scales of 128 x 128 blocks") != std::string::npos);
}

TEST_CASE("64 open files are enough for more shards than that", "[large]") {
  const TempFolder folder;
  const std::vector<float> values = noise_values(144, 1);
  std::filesystem::create_directory(folder / "m");
  for (int i = 0; i < 70; ++i) {
    write_bytes(folder / ("m/part" + std::to_string(i) + ".safetensors"),
                safetensors_bytes({{"layers." + std::to_string(i) + ".weight", {12, 12}, values}}));
  }
  const Outcome scan = run_shell("exec bash -c \"ulimit -n 64; exec " + quoted(program_path()) +
                                 " scan " + quoted((folder / "m").string()) + " --archive " +
                                 quoted((folder / "a").string()) + "\"");
  INFO(scan.err);
  CHECK(scan.exit_code == 0);
  CHECK(scan.out.find("m: 70 matrices") == 0);
}

TEST_CASE("a name that no archive can hold is refused before anything is computed", "[large]") {
  const TempFolder folder;
  write_bytes(folder / "m.safetensors",
              safetensors_bytes(
                  {{std::string(2'000'000, 'n') + ".weight", {12, 12}, noise_values(144, 1)}}));
  const Outcome scan = run_wishart(
      {"scan", (folder / "m.safetensors").string(), "--archive", (folder / "a").string()});
  CHECK(scan.exit_code == 3);
  CHECK(scan.err.find("a name of 2000007 bytes, expected at most 1048576") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "a/m.journal"));
}

TEST_CASE("a file cannot make wishart run or open anything", "[hostile]") {
  const TempFolder folder;
  const std::string mark = (folder / "owned").string();
  for (const std::string& value : std::vector<std::string>{
           "{'w': Call(os.system, 'touch " + mark + "')}",
           "Call(eval, '__import__(chr(111)+chr(115)).system(chr(108))')",
           "Call(open, '" + mark + "', 'w')", "{'w': Call(os.mkdir, '" + mark + "')}"}) {
    write_pickle(folder / "evil.pt", value);
    const Outcome scan = run_wishart(
        {"scan", (folder / "evil.pt").string(), "--archive", (folder / "archive").string()});
    CHECK(scan.exit_code == 3);
    CHECK(scan.err.find("asks to call ") != std::string::npos);
    CHECK(scan.messages().size() == 1);
    CHECK_FALSE(std::filesystem::exists(mark));
  }
}

TEST_CASE("nothing outside of the folder is opened", "[hostile]") {
  const TempFolder folder;
  folder.write("secret", "secret");
  folder.write("m/pytorch_model.bin.index.json",
               R"({"weight_map":{"a":"../secret","b":"pytorch_model.bin"}})");
  folder.write("s/model.safetensors.index.json", R"({"weight_map":{"a":"/etc/passwd"}})");
  for (const char* name : {"m", "s"}) {
    const Outcome shown =
        run_shell("strace -f -e trace=openat,open -o " + quoted((folder / "trace").string()) + " " +
                  quoted(program_path()) + " inspect " + quoted((folder / name).string()));
    if (shown.exit_code == 127) {
      WARN("skipped: no strace");
      return;
    }
    CHECK(shown.exit_code == 3);
    CHECK(shown.err.find("expected the plain name of a file in the same folder") !=
          std::string::npos);
    std::ifstream trace(folder / "trace");
    const std::string calls((std::istreambuf_iterator<char>(trace)),
                            std::istreambuf_iterator<char>());
    CHECK(calls.find("index.json") != std::string::npos);
    CHECK(calls.find("secret") == std::string::npos);
    CHECK(calls.find("/etc/passwd") == std::string::npos);
  }
}
