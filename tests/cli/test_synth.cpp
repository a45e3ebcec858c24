/// @file
/// A checkpoint with known spectra: written, read, analysed; and what synth refuses.

#include <csignal>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

using Words = std::vector<std::string>;

Outcome synth(const Words& words, const std::filesystem::path& out, int ranks = 0) {
  Words all{"synth"};
  all.insert(all.end(), words.begin(), words.end());
  all.insert(all.end(), {"--out", out.string()});
  return run_wishart(all, ranks);
}

/// Writes, scans on 2 ranks and compares every matrix with the truth; returns what was found.
std::string check_truth(const TempFolder& temp, const Words& words) {
  CAPTURE(words);
  const std::filesystem::path model = temp / "model";
  std::filesystem::remove_all(model);
  std::filesystem::remove_all(temp / "archive");
  const Outcome made = synth(words, model, 2);
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  const std::string archive = (temp / "archive").string();
  const Outcome scan =
      run_wishart({"scan", model.string(), "--archive", archive, "--progress", "none"}, 2);
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  const Outcome checked =
      run_shell("/usr/bin/python3 " + quoted(in_source("tests/cli/check_truth.py")) + " " +
                quoted(program_path()) + " " + quoted(model.string()) + " " + quoted(archive));
  INFO(checked.err);
  CHECK(checked.exit_code == 0);
  // Every name is understood.
  for (const auto& row :
       parse_csv(run_wishart({"inspect", model.string(), "--format", "csv"}).out).rows) {
    CAPTURE(row.at("matrix"));
    CHECK(row.at("role") != "other");
  }
  return checked.out;
}

void check_refused(const Words& words, const std::filesystem::path& out, int exit_code,
                   const std::string& message, int ranks = 3) {
  const Outcome outcome = synth(words, out, ranks);
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  REQUIRE(outcome.messages().size() == 1);
  CHECK(outcome.messages()[0] == "wishart: " + message);
}

}  // namespace

TEST_CASE("a scan finds the planted spectra and exponents", "[synth]") {
  const TempFolder temp;
  CHECK(check_truth(temp, {"tiny-llama"}).starts_with("58 spectra"));
  check_truth(temp, {"tiny-llama", "--dtype", "F32", "--blocks", "2"});
  check_truth(temp, {"tiny-llama", "--dtype", "F16", "--blocks", "2", "--alpha", "2:5"});
  check_truth(temp, {"tiny-llama", "--blocks", "2", "--tail-share", "0"});
}

TEST_CASE("every family is written, understood and recovered", "[synth]") {
  const TempFolder temp;
  check_truth(temp, {"llama-3-8b", "--scale", "1/32", "--blocks", "2"});
  check_truth(temp, {"qwen2.5-0.5b", "--scale", "1/8", "--blocks", "2"});
  check_truth(temp, {"mixtral-8x22b", "--scale", "1/48", "--blocks", "2", "--experts", "3"});
  check_truth(temp, {"deepseek-v3", "--scale", "1/56", "--blocks", "5", "--experts", "3"});
  check_truth(temp, {"gpt-oss-20b", "--scale", "1/24", "--blocks", "2", "--experts", "5"});
  check_truth(temp, {"pythia-70m", "--scale", "1/4", "--blocks", "2"});
}

TEST_CASE("the bytes do not depend on ranks; files hold what their index says", "[synth]") {
  const TempFolder temp;
  const Words words{"tiny-llama", "--shard-size", "1M", "--flaws", "--spikes", "2", "--seed", "7"};
  REQUIRE(synth(words, temp / "1").exit_code == 0);
  for (const int ranks : {1, 2, 4}) {
    const std::filesystem::path other = temp / ("r" + std::to_string(ranks));
    REQUIRE(synth(words, other, ranks).exit_code == 0);
    CHECK(run_shell("diff -r " + quoted((temp / "1").string()) + " " + quoted(other.string()))
              .exit_code == 0);
  }
  CHECK(std::filesystem::exists(temp / "1/model-00004-of-00004.safetensors"));
  const Outcome inspect = run_wishart({"inspect", (temp / "1").string()});
  CHECK(inspect.exit_code == 0);
  CHECK(inspect.out.find("warning") == std::string::npos);
  CHECK(inspect.out.find("4 files, 75 tensors") != std::string::npos);
  // The first blocks of a shorter model have the same bytes, another seed has not.
  REQUIRE(synth({"tiny-llama", "--blocks", "1"}, temp / "short").exit_code == 0);
  REQUIRE(synth({"tiny-llama", "--blocks", "1", "--seed", "2"}, temp / "seed").exit_code == 0);
  CHECK(content_of(temp / "short/model-00001-of-00001.safetensors") !=
        content_of(temp / "seed/model-00001-of-00001.safetensors"));
}

TEST_CASE("flaws are seen by the report", "[synth]") {
  const TempFolder temp;
  REQUIRE(synth({"tiny-llama", "--flaws"}, temp / "m").exit_code == 0);
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", (temp / "m").string(), "--archive", archive}).exit_code == 0);
  int seen = 0;
  for (const auto& row : parse_csv(run_wishart({"export", archive}).out).rows) {
    if (row.at("key") == "model.layers.0.self_attn.q_proj.weight") {
      CHECK(number(row.at("alpha")) < 2);
      CHECK(row.at("warning") == "unlike-blocks");
      ++seen;
    }
    if (row.at("key") == "model.layers.7.mlp.up_proj.weight") {
      CHECK(number(row.at("alpha")) > 4.5);
      CHECK(row.at("warning") == "like-noise");
      ++seen;
    }
    if (row.at("key") == "model.layers.7.mlp.down_proj.weight") {
      CHECK(number(row.at("matrix_rank")) == 32);
      ++seen;
    }
  }
  CHECK(seen == 3);
}

TEST_CASE("the list shows the shapes", "[synth]") {
  const Outcome list = run_wishart({"synth", "--list"});
  CHECK(list.exit_code == 0);
  CHECK(
      list.out.find("llama-3-8b             32    4096        0       226    8.03e+09  15.0 GiB") !=
      std::string::npos);
  const TempFolder temp;
  const auto file = temp.write("l.json", run_wishart({"synth", "--list", "--format", "json"}).out);
  CHECK(run_shell("/usr/bin/python3 -c 'import json,sys; l=json.load(open(sys.argv[1])); "
                  "s=l[\"shapes\"]; assert len(s)==21 and s[1][\"parameters\"]==8030261248' " +
                  quoted(file.string()))
            .exit_code == 0);
}

TEST_CASE("the same command again finds its work; what is not whole is written again", "[synth]") {
  const TempFolder temp;
  const Words words{"tiny-llama", "--blocks", "1", "--format", "json"};
  const std::filesystem::path out = temp / "m";
  CHECK(synth(words, out).out.find("\"was_there\": false") != std::string::npos);
  const std::string before = content_of(out / "model-00001-of-00001.safetensors");
  CHECK(synth(words, out, 2).out.find("\"was_there\": true") != std::string::npos);
  // As a killed run leaves it.
  std::filesystem::remove(out / "model.safetensors.index.json");
  std::filesystem::rename(out / "model-00001-of-00001.safetensors",
                          out / "model-00001-of-00001.safetensors.part");
  std::filesystem::resize_file(out / "model-00001-of-00001.safetensors.part", 1000);
  CHECK(run_wishart({"inspect", out.string()}).exit_code == 3);
  // The folder of its spectra is not taken for a checkpoint.
  const Outcome scan = run_wishart({"scan", out.string(), "--archive", (temp / "a").string()});
  CHECK(scan.exit_code == 3);
  CHECK(scan.err == "wishart: " + out.string() +
                        ": expected files of weights in this folder or in its folders, found "
                        "model-00001-of-00001.safetensors.part, which is still being written\n");
  CHECK(synth(words, out).out.find("\"was_there\": false") != std::string::npos);
  CHECK(content_of(out / "model-00001-of-00001.safetensors") == before);
  check_refused({"tiny-llama", "--blocks", "1", "--seed", "2"}, out, 2,
                out.string() +
                    ": contains a checkpoint written with other options: expected \"seed\": 2, "
                    "found \"seed\": "
                    "1. Choose another folder, or remove this one");
}

TEST_CASE("bad arguments are refused with what was expected", "[synth]") {
  const TempFolder temp;
  const std::filesystem::path out = temp / "m";
  CHECK(synth({"lama-3-8b"}, out, 3).err.find("Did you mean 'llama-3-8b'? Known shapes: ") !=
        std::string::npos);
  check_refused({}, out, 2,
                "wishart synth: missing SHAPE. `wishart synth --list` shows the shapes");
  CHECK(run_wishart({"synth", "tiny-llama"}).err ==
        "wishart: wishart synth: missing --out. See wishart synth --help\n");
  check_refused({"tiny-llama", "--scale", "2"}, out, 2,
                "--scale: expected a factor such as 1/8, at most 1, found '2'");
  check_refused({"tiny-llama", "--scale", "1/0"}, out, 2,
                "--scale: expected a factor such as 1/8, at most 1, found '1/0'");
  check_refused({"tiny-llama", "--scale", "1/500"}, out, 2,
                "--scale 1/500: reduces the head dimension of tiny-llama to 0. Use at least "
                "1/32");
  check_refused({"tiny-llama", "--alpha", "1"}, out, 2,
                "--alpha: expected an exponent above 1.05 and up to 50, or two as in 2.5:4.5, "
                "found '1'");
  check_refused({"tiny-llama", "--tail-share", "1.5"}, out, 2,
                "--tail-share: expected a share from 0 to 1, found '1.5'");
  check_refused({"tiny-llama", "--spikes", "101"}, out, 2,
                "--spikes: expected 0 to 100, found '101'");
  check_refused({"tiny-llama", "--dtype", "F8"}, out, 2,
                "--dtype: expected one of BF16, F16, F32, found 'F8'");
  check_refused({"tiny-llama", "--experts", "2"}, out, 2, "--experts 2: tiny-llama has no experts");
  CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("folders that are not ours, and disks that are full, are refused", "[synth]") {
  const TempFolder temp;
  temp.write("m/notes.txt", "mine");
  check_refused(
      {"tiny-llama"}, temp / "m", 2,
      (temp / "m").string() +
          ": not empty, expected an empty folder or the result of an earlier run of this command. "
          "Choose another folder");
  temp.write("file", "");
  check_refused({"tiny-llama"}, temp / "file/m", 4,
                (temp / "file/m").string() + ": cannot be created: Not a directory");
  const Outcome huge = synth({"deepseek-v3", "--dtype", "F32"}, temp / "huge", 2);
  INFO(huge.err);
  CHECK(huge.exit_code == 4);
  CHECK(huge.err.find("the checkpoint needs 2.4 TiB, the disk has ") != std::string::npos);
  // A limit on the size of files stands for a disk that fills up on the way.
  const Outcome full = run_shell("trap '' XFSZ; ulimit -f 100000; " + quoted(program_path()) +
                                 " synth llama-3-8b --scale 1/4 --blocks 1 --out " +
                                 quoted((temp / "full").string()));
  CHECK(full.exit_code == 4);
  REQUIRE(full.messages().size() == 1);
  CHECK(
      full.messages()[0] ==
      "wishart: " + (temp / "full").string() +
          "/model-00001-of-00001.safetensors.part: cannot be extended to 158604608 bytes: File too "
          "large. Use --scale or --blocks for a smaller checkpoint, or another disk");
}

TEST_CASE("a signal stops the writing, and the same command goes on", "[synth]") {
  const TempFolder temp;
  const Words words{"llama-3-8b", "--scale", "1/4", "--blocks", "4", "--dtype", "F32"};
  const std::string command = quoted(program_path()) +
                              " synth llama-3-8b --scale 1/4 --blocks 4 --dtype F32 --out " +
                              quoted((temp / "m").string());
  const Outcome stopped =
      run_shell("{ " + command + " & pid=$!; while [ ! -e " + quoted((temp / "m").string()) +
                "/model-00001-of-00001.safetensors.part ]; do sleep 0.01; done; kill -TERM $pid; "
                "wait $pid; }");
  INFO(stopped.err);
  CHECK(stopped.exit_code == 75);
  REQUIRE(stopped.messages().size() == 1);
  CHECK(stopped.messages()[0] == "wishart: stopped by SIGTERM: " + (temp / "m").string() +
                                     " is incomplete. Run the same command again");
  CHECK(run_wishart({"inspect", (temp / "m").string()}).exit_code == 3);
  CHECK(synth(words, temp / "m", 2).exit_code == 0);
  CHECK(run_wishart({"inspect", (temp / "m").string()}).exit_code == 0);
}
