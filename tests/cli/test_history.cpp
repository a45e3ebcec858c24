/// @file
/// A history that grows by a checkpoint each night (shared fixtures).

#include <map>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// What the Trainer writes beside a checkpoint.
void write_log(const TempFolder& temp, const std::string& name, const std::string& step,
               const std::string& records) {
  temp.write(name + "/trainer_state.json",
             R"({"global_step": )" + step + R"(, "log_history": [)" + records + "]}");
}

}  // namespace

TEST_CASE("each night only the new checkpoint is computed, and the history tells the run",
          "[history]") {
  const auto shared = shared_folder();
  if (!shared) return;
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  std::filesystem::create_directories(temp / "run");
  int nights = 0;
  for (const char* step : {"0", "50", "100", "200", "300", "450", "600"}) {
    const std::string name = std::string("checkpoint-") + step;
    std::filesystem::copy(*shared / "fixtures/history" / name, temp / "run" / name,
                          std::filesystem::copy_options::recursive);
    const Outcome outcome = run_wishart({"scan", (temp / "run").string(), "--archive", archive}, 2);
    CAPTURE(outcome.out, outcome.err);
    REQUIRE(outcome.exit_code == 0);
    std::size_t left = 0;
    for (std::size_t at = outcome.out.find("nothing to do"); at != std::string::npos;
         at = outcome.out.find("nothing to do", at + 1)) {
      ++left;
    }
    CHECK(left == static_cast<std::size_t>(nights));
    CHECK(outcome.out.find(name + ": ") != std::string::npos);
    ++nights;
  }
  const CsvTable table = parse_csv(run_wishart({"export", archive, "--table", "history"}).out);
  REQUIRE(table.rows.size() == 7);
  CHECK(table.rows.front().at("step") == "0");
  CHECK(table.rows.back().at("step") == "600");
  // What is known of this run: alpha and loss fall while it learns.
  CHECK(number(table.rows.back().at("alpha")) < number(table.rows.front().at("alpha")) - 1);
  CHECK(number(table.rows.back().at("loss")) < number(table.rows[1].at("loss")));
  const Outcome report = run_wishart({"report", archive, "--wide"});
  INFO(report.out);
  CHECK(report.exit_code == 0);
  CHECK(report.out.find("History of 7 checkpoints") == 0);
  CHECK(report.out.find("Is it still learning?") != std::string::npos);
  // The losses stand beside alpha, in the table and as a drawing.
  for (const auto& row : table.rows) {
    const std::size_t line = report.out.find("\n" + row.at("checkpoint") + " ");
    REQUIRE(line != std::string::npos);
    const std::string shown = report.out.substr(line + 1, report.out.find('\n', line + 1) - line);
    CAPTURE(shown);
    if (row.at("loss") != "nan")
      CHECK(shown.find(row.at("loss").substr(0, 4)) != std::string::npos);
  }
  const Outcome page = run_wishart({"report", archive, "--format", "html"});
  CHECK(page.exit_code == 0);
  CHECK(page.out.find("<figcaption>loss</figcaption>") != std::string::npos);
  CHECK(report.out.find("Caveat: ") != std::string::npos);
  CHECK(report.out.find("Spectra of checkpoint-600") != std::string::npos);
  const auto json = temp.write("r.json", run_wishart({"report", archive, "--format", "json"}).out);
  CHECK(run_shell("/usr/bin/python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); "
                  "assert len(d[\"history\"][\"checkpoints\"])==7 and "
                  "d[\"checkpoint\"][\"step\"]==600 and len(d[\"layers\"])==31' " +
                  quoted(json.string()))
            .exit_code == 0);
  // Alphas that fell in all layers but one, each by less than its own fit can tell.
  const Outcome change =
      run_wishart({"compare", archive, "checkpoint-300", "checkpoint-600", "--wide"});
  CHECK(change.out.find("\n\nalpha fell in 30 of 31 layers, by 0.22 on average (95 %: 0.15 to "
                        "0.29).\n") != std::string::npos);
  CHECK(change.out.find("the change of alpha is significant in no layer") != std::string::npos);
  const Outcome one = run_wishart({"report", archive, "--checkpoint", "checkpoint-50"});
  CHECK(one.out.find("History") == std::string::npos);
  // Before training all layers are noise; then warnings are few.
  std::map<std::string, int> noise;
  std::map<std::string, int> jumps;
  std::map<std::string, int> all;
  for (const auto& row : parse_csv(run_wishart({"export", archive, "--all"}).out).rows) {
    const std::string& warning = row.at("warning");
    noise[row.at("step")] += warning.find("like-noise") != std::string::npos ? 1 : 0;
    jumps[row.at("step")] += warning.find("unlike-past") != std::string::npos ? 1 : 0;
    all[row.at("step")] += warning.empty() || warning == "small-tail" ? 0 : 1;
  }
  CHECK(noise ==
        std::map<std::string, int>{
            {"0", 31}, {"50", 5}, {"100", 0}, {"200", 0}, {"300", 0}, {"450", 0}, {"600", 0}});
  CHECK(jumps["200"] == 4);
  for (const char* step : {"300", "450", "600"}) CHECK(all[step] == 0);
  // A rule may ask for any of them; the checkpoint before is read for the one that needs it.
  const auto rules = temp.write("r.cfg", "[jumps]\nmetric = warning.unlike-past\nmax = 0\n");
  const auto passes = [&](const char* id) {
    return run_wishart({"gate", archive, "--checkpoint", id, "--rules", rules.string()}).exit_code;
  };
  CHECK(passes("checkpoint-200") == 1);
  CHECK(passes("checkpoint-600") == 0);
  const auto wrong = temp.write("w.cfg", "[jumps]\nmetric = warning.jump\nmax = 0\n");
  const Outcome refused = run_wishart({"gate", archive, "--rules", wrong.string()});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("unknown warning 'jump'. Expected one of error, ") != std::string::npos);
}

TEST_CASE("two real models are ranked, and two scores say nothing", "[rank]") {
  const auto shared = shared_folder();
  if (!shared) return;
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  for (const char* name : {"resnet20", "resnet32"}) {
    const Outcome outcome =
        run_wishart({"scan", (*shared / "fixtures/oracle" / name / "model.safetensors").string(),
                     "--archive", archive, "--id", name, "--progress", "none"},
                    2);
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
  }
  // Top-1 accuracies on CIFAR-10 as published with the weights.
  const auto scores = temp.write("scores.csv", "model,score\nresnet20,91.73\nresnet32,92.63\n");
  const Outcome outcome = run_wishart({"rank", archive, "--scores", scores.string(), "--wide"});
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out.find("resnet20") != std::string::npos);
  CHECK(outcome.out.find("No metric can be said to follow the scores: fewer than 3 models") !=
        std::string::npos);
}

TEST_CASE("a loss that became NaN is kept, told and judged", "[history][losses]") {
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  std::string log;
  for (const int step : {100, 200, 300, 400}) {
    const std::string name = "run/checkpoint-" + std::to_string(step);
    write_layers(temp / name, 2, 32, 24);
    const std::string at = std::to_string(step);
    log += (log.empty() ? "" : ", ") + std::string("{\"step\": ") + at +
           ", \"loss\": " + (step == 400 ? "NaN" : std::to_string(3 - step / 200.0)) + "}";
    if (step == 200) log += R"(, {"step": 200, "eval_loss": 2.5})";
    write_log(temp, name, at, log);
  }
  const Outcome scan =
      run_wishart({"scan", (temp / "run").string(), "--archive", archive, "--progress", "none"});
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  const Outcome report = run_wishart({"report", archive, "--wide"});
  INFO(report.out);
  CHECK(report.out.find("Bad. Stop: it loses what it had learnt.") != std::string::npos);
  CHECK(report.out.find("The training loss is NaN at checkpoint-400.") != std::string::npos);
  CHECK(report.out.find(", loss nan, eval loss 2.5\n") != std::string::npos);
  temp.write("rules.cfg", "[loss]\nmetric = loss\nmax = 9\n[eval]\nmetric = eval_loss\nmax = 9\n");
  const Outcome gate = run_wishart({"gate", archive, "--rules", (temp / "rules.cfg").string()});
  INFO(gate.out << gate.err);
  CHECK(gate.exit_code == 1);
  CHECK(gate.out.find("loss must be at most 9, found nan") != std::string::npos);
  CHECK(gate.out.find("the loss was not measured anew") != std::string::npos);
}

TEST_CASE("losses that fall beside weights that stand still are told", "[history][same-weights]") {
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  std::string log;
  for (const int step : {100, 200, 400, 800}) {
    const std::string name = "run/checkpoint-" + std::to_string(step);
    write_layers(temp / name, 2, 32, 24);
    const std::string at = std::to_string(step);
    log += (log.empty() ? "" : ", ") + std::string("{\"step\": ") + at +
           ", \"eval_val_loss\": " + std::to_string(3 - step / 400.0) + "}";
    write_log(temp, name, at, log);
  }
  const Outcome scan =
      run_wishart({"scan", (temp / "run").string(), "--archive", archive, "--progress", "none"});
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  const Outcome report = run_wishart({"report", archive, "--format", "json"});
  INFO(report.out);
  CHECK(report.out.find("No advice: the last checkpoint has the weights of checkpoint-100.") !=
        std::string::npos);
  CHECK(report.out.find("The eval loss falls by ") != std::string::npos);
  CHECK(report.out.find(R"("level": "attention")") != std::string::npos);
}

TEST_CASE("a gate follows the run of its checkpoint, and abstains where none was named",
          "[history][runs]") {
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  const auto write = [&](const std::string& name, int step, double loss) {
    write_layers(temp / "run" / name, 2, 32, 24);
    const std::string at = std::to_string(step);
    const std::string value = std::to_string(loss);
    write_log(temp, "run/" + name, at,
              R"({"step": )" + at + R"(, "loss": )" + value + R"(, "eval_loss": )" + value + "}");
  };
  // The one diverges below the losses of the other, at other steps.
  for (int i = 0; i < 4; ++i) {
    write("mixA-step" + std::to_string(1000 << i), 1000 << i, 3.4 - 0.2 * i);
    write("mixB-step" + std::to_string(1500 << i), 1500 << i,
          i < 2 ? 2.4 - 0.2 * i : 2.2 + 0.3 * i);
  }
  write("pretrained", 60000, 0.5);
  const Outcome scan =
      run_wishart({"scan", (temp / "run").string(), "--archive", archive, "--progress", "none"});
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  temp.write("rules.cfg",
             "[advice]\nmetric = advice\nis = going-on settled unknown\n"
             "[nan]\nmetric = warning.nonfinite\nmax = 0\n[fit]\nmetric = log_norm\nmax = 9\n");
  const std::string rules = (temp / "rules.cfg").string();
  CHECK(
      run_wishart({"gate", archive, "--rules", rules, "--checkpoint", "mixA-step8000"}).exit_code ==
      0);
  const Outcome diverged =
      run_wishart({"gate", archive, "--rules", rules, "--checkpoint", "mixB-step12000"});
  INFO(diverged.out);
  CHECK(diverged.exit_code == 1);
  CHECK(diverged.out.find("diverging") != std::string::npos);
  const char* mixed =
      "This may be more than one run: mixA-step1000 and mixA-step2000 are of another";
  const Outcome latest = run_wishart({"gate", archive, "--rules", rules, "--wide"});
  INFO(latest.out);
  CHECK(latest.exit_code == 0);
  CHECK(latest.out.find(mixed) != std::string::npos);
  CHECK(latest.err.find("using mixB-step12000, the latest of 9 checkpoints by step; left out: 5 of "
                        "another run") != std::string::npos);
  CHECK(run_wishart({"report", archive, "--wide"}).out.find(mixed) != std::string::npos);
}
