/// @file
/// Options of the commands that judge, their rules and their scores.

#include <catch2/catch.hpp>

#include "commands/gate_rules.hpp"
#include "commands/score_file.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using test::refusal;
using test::TempFolder;
using test::Words;

namespace {

std::vector<analysis::Rule> rules_of(const TempFolder& temp, const std::string& text) {
  return read_rules(temp.write("r.cfg", text));
}

/// What refuses these rules, without the name of the file.
std::string rule_refusal(const std::string& text) {
  const TempFolder temp;
  try {
    (void)rules_of(temp, text);
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::usage);
    const std::string name = (temp / "r.cfg").string() + ": ";
    const std::string what = error.what();
    return what.rfind(name, 0) == 0 ? what.substr(name.size()) : what;
  }
  return "no error";
}

std::string score_refusal(const std::string& text) {
  const TempFolder temp;
  const auto file = temp.write("s.csv", text);
  try {
    (void)read_scores(file, "score");
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::usage);
    return std::string(error.what()).substr(file.string().size());
  }
  return "no error";
}

}  // namespace

TEST_CASE("a part of an archive is N/T", "[options]") {
  CHECK_FALSE(parse_verify(Words{"a"}).part);
  const auto part = parse_verify(Words{"a", "--part", "3/30"}).part;
  REQUIRE(part);
  CHECK(part->number == 3);
  CHECK(part->count == 30);
  for (const std::string text : {"", "3", "/30", "3/", "0/3", "4/3", "-1/3", "1/10001", "1/2/3",
                                 "1.5/3", " 1/3", "a/b", "99999999999999999999/3"}) {
    CHECK(refusal(parse_verify, {"a", "--part", text}) ==
          "--part: expected N/T with N from 1 to T and T at most 10000, such as 3/30, found '" +
              text + "'");
  }
  CHECK(refusal(parse_verify, {"a", "--part", "1/2", "--checkpoint", "b"}) ==
        "--checkpoint names one checkpoint, --part a share of them. Use only one of them");
}

TEST_CASE("a rule is read with all its keys", "[gate]") {
  const TempFolder temp;
  const std::vector<analysis::Rule> rules = rules_of(temp,
                                                     "# for the night\n"
                                                     "[alpha of the MLP, v1.5]\n"
                                                     "metric = alpha\n"
                                                     "roles = mlp.* attention.q\n"
                                                     "layers = *up*\n"
                                                     "blocks = 0-3 8\n"
                                                     "statistic = each\n"
                                                     "against = previous\n"
                                                     "measure = ratio\n"
                                                     "min = 0.5\n"
                                                     "max = 1.5\n"
                                                     "allow = 10 %\n"
                                                     "min-layers = 4\n"
                                                     "unknown = fails\n"
                                                     "alone = passes\n"
                                                     "reason = look at it\n"
                                                     "[second]\n"
                                                     "metric = D\n"
                                                     "max = 0.1\n"
                                                     "allow = 3\n"
                                                     "[third]\n"
                                                     "metric = D\n"
                                                     "statistic = mean\n"
                                                     "min-layers = 2\n"
                                                     "max = 0.1\n");
  REQUIRE(rules.size() == 3);
  const analysis::Rule& rule = rules[0];
  CHECK(rule.name == "alpha of the MLP, v1.5");
  CHECK(rule.metric == "alpha");
  CHECK(rule.roles == std::vector<std::string>{"mlp.*", "attention.q"});
  CHECK(rule.layers == std::vector<std::string>{"*up*"});
  CHECK(rule.blocks == std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {8, 8}});
  CHECK(rule.statistic == analysis::Statistic::each);
  CHECK(rules[2].statistic == analysis::Statistic::mean);
  CHECK(rule.against == analysis::Against::previous);
  CHECK(rule.measure == analysis::Measure::ratio);
  CHECK(rule.min == 0.5);
  CHECK(rule.max == 1.5);
  CHECK(rule.allow_share == 0.1);
  CHECK(rule.min_layers == 4);
  CHECK(rule.unknown_fails);
  CHECK(rule.passes_alone);
  CHECK(rule.reason == "look at it");
  CHECK(rules[1].allow == 3);
  CHECK(std::isinf(rules[1].min));
}

TEST_CASE("a key that would have no effect beside the others is refused", "[gate]") {
  CHECK(
      rule_refusal("[a]\nmetric = norm\nstatistic = paired\nagainst = first\nmeasure = ratio\n"
                   "max = 1.5\n") ==
      "rule 'a': found measure = ratio with statistic = paired, the mean of differences. Expected "
      "measure = difference, of a logarithm such as log_norm, or statistic = mean or median");
  CHECK(rule_refusal("[a]\nmetric = alpha\nmeasure = ratio\nmax = 10\n") ==
        "rule 'a': found measure = ratio without another stage to compare with. Expected against = "
        "first or against = previous beside it");
  CHECK(rule_refusal("[a]\nmetric = eval_loss\nmeasure = ratio\nmax = 5\n")
            .find("found measure = ratio without another stage") != std::string::npos);
  CHECK(rule_refusal("[a]\nmetric = moved\nagainst = first\nmeasure = ratio\nmax = 1\n") ==
        "rule 'a': found measure = ratio with metric = moved, which compares two stages already. "
        "Expected no measure");
  CHECK(rule_refusal("[a]\nmetric = missing\nagainst = first\nstatistic = paired\nmax = 1\n") ==
        "rule 'a': found statistic = paired with metric = missing, which compares two stages "
        "already. Expected statistic = each, mean, median or share");
  for (const char* statistic : {"mean", "median", "paired"}) {
    for (const char* key : {"allow = 5%", "unknown = fails"}) {
      CHECK(rule_refusal("[a]\nmetric = alpha\nagainst = first\nmax = 1\nstatistic = " +
                         std::string(statistic) + "\n" + key + "\n") ==
            "rule 'a': found " + std::string(key) + " with statistic = " + statistic +
                ", which judges one value over the layers. Expected min and max, and min-layers "
                "for how many layers must have a value");
    }
  }
  CHECK(rule_refusal("[a]\nmetric = alpha\nstatistic = share\nabove = 6\nmax = 5%\nallow = 1\n")
            .find("found allow = 1 with statistic = share") != std::string::npos);
  for (const char* key : {"roles = mlp.*", "layers = *", "blocks = 0", "statistic = mean",
                          "allow = 1", "min-layers = 2"}) {
    CHECK(rule_refusal("[a]\nmetric = loss\nmax = 5\n" + std::string(key) + "\n") ==
          "rule 'a': found " + std::string(key) +
              " with metric = loss, which is of the checkpoint and not of its layers. Expected no "
              "such key");
    CHECK(rule_refusal("[a]\nmetric = advice\nis = settled\n" + std::string(key) + "\n")
              .find("found " + std::string(key) + " with metric = advice") != std::string::npos);
  }
  CHECK(rule_refusal("[a]\nmetric = advice\nis = settled\nunknown = fails\n") ==
        "rule 'a': found unknown = fails with metric = advice. Expected is and reason only");
  CHECK(rule_refusal("[a]\nmetric = alpha\nmax = 1\nalone = refused\n") ==
        "rule 'a': alone needs against = previous");
  CHECK(rule_refusal("[a]\nmetric = alpha\nmax = 1\nmax = 2\n") ==
        "rule 'a': found max twice. Expected it once: each rule has a name of its own");
  // A loss may be unknown, and a ratio.
  const TempFolder temp;
  CHECK(rules_of(temp,
                 "[a]\nmetric = loss\nagainst = previous\nmeasure = ratio\nunknown = fails\n"
                 "alone = passes\nmax = 2\n")
            .size() == 1);
}

TEST_CASE("a rule that cannot be is refused by file, rule and key", "[gate]") {
  CHECK(rule_refusal("") == "contains no rules. A rule begins with [name]");
  CHECK(rule_refusal("metric = alpha\n") ==
        "'metric' is before the first rule. A rule begins with [name]");
  CHECK(rule_refusal("[a]\nmetric = alpha\n") == "rule 'a': has neither min nor max");
  CHECK(rule_refusal("[a]\nmax = 1\n") == "rule 'a': has no metric");
  CHECK(rule_refusal("[a]\nmetric = alpha\nmin = 3\nmax = 2\n") ==
        "rule 'a': min 3 is above max 2");
  CHECK(rule_refusal("[a]\nmetrik = alpha\n") ==
        "rule 'a': unknown key 'metrik'. Did you mean 'metric'?");
  CHECK(rule_refusal("[a]\nmax = x\n") == "rule 'a': max: expected a number, found 'x'");
  CHECK(rule_refusal("[a]\nallow = -1\n") ==
        "rule 'a': allow: expected a whole number of at least 0, found '-1'");
  CHECK(rule_refusal("[a]\nallow = 101%\n") ==
        "rule 'a': allow: expected a number of layers, or 0 % to 100 %, found '101%'");
  CHECK(rule_refusal("[a]\nblocks = 3-1\n") ==
        "rule 'a': blocks: expected a range in ascending order, found '3-1'");
  CHECK(rule_refusal("[a]\nagainst = base\n") ==
        "rule 'a': against: expected one of nothing, first, previous, found 'base'");
  CHECK(rule_refusal("[a]\nmetric = alpha\nmax = 1\nagainst = first\nalone = passes\n") ==
        "rule 'a': alone needs against = previous");
  CHECK(rule_refusal("[a]\nmetric = advice\n") ==
        "rule 'a': metric = advice needs is, such as is = going-on settled");
  CHECK(rule_refusal("[a]\nmetric = advice\nis = settled\nmax = 1\n") ==
        "rule 'a': metric = advice takes is only, no bounds and no other stage");
  CHECK(rule_refusal("[a]\nmetric = alpha\nis = settled\nmax = 1\n") ==
        "rule 'a': is needs metric = advice");
  CHECK(rule_refusal("[a]\nmetric = advice\nis = settled harm\n") ==
        "rule 'a': is: expected words of going-on, settled, overfitting, diverging, not-learning, "
        "suspect, unknown, found 'settled harm'");
  CHECK(rule_refusal("[a]\nmetric = alpha\nabove = 6\nmax = 10%\n") ==
        "rule 'a': above and below need statistic = share");
  CHECK(rule_refusal("[a]\nmetric = alpha\nstatistic = share\nmax = 10%\n") ==
        "rule 'a': statistic = share needs above or below");
  // Found texts with a percent sign are put into the message by wishart, not by Boost.
  CHECK(rule_refusal("[a]\n50% of it\n") ==
        "the options configuration file contains an invalid line '50% of it'");
  CHECK(rule_refusal("[a]\nroles =\n") == "rule 'a': roles: expected a list of patterns, found ''");
  CHECK(refusal([](const Words&) { return read_rules("/nowhere/r.cfg"); }, {}) ==
        "--rules: /nowhere/r.cfg: cannot be opened: No such file or directory");
}

TEST_CASE("which scores are better can be said, once", "[options][rank]") {
  CHECK_FALSE(parse_rank(Words{"a", "--scores", "s.csv"}).lower_is_better);
  CHECK(parse_rank(Words{"a", "--scores", "s.csv", "--lower-is-better"}).lower_is_better == true);
  CHECK(parse_rank(Words{"a", "--scores", "s.csv", "--higher-is-better"}).lower_is_better == false);
  CHECK(
      refusal(parse_rank, {"a", "--scores", "s.csv", "--lower-is-better", "--higher-is-better"}) ==
      "wishart rank: expected --lower-is-better or --higher-is-better, found both");
  CHECK(refusal(parse_rank, {"a", "--lower-is-better"}) ==
        "wishart rank: --lower-is-better is for --scores CSV");
  CHECK(refusal(parse_rank, {"a", "--score", "acc"}) ==
        "wishart rank: --score is for --scores CSV");
}

TEST_CASE("scores are read with quotes, groups and gaps", "[rank]") {
  const TempFolder temp;
  const auto file = temp.write("s.csv",
                               "\xEF\xBB\xBFmodel,other,score,group\r\n"
                               "\"a, \"\"b\"\"\",x,1.5,old\r\n"
                               "c,y,,new\r\n"
                               "d,z,-2e3,new");
  const std::vector<analysis::Score> scores = read_scores(file, "score");
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].model == "a, \"b\"");
  CHECK(scores[0].score == 1.5);
  CHECK(scores[0].group == "old");
  CHECK(scores[1].score == -2000);
  CHECK(read_scores(temp.write("t.csv", "model,score\nm,1\n"), "score").at(0).group.empty());
  // Names as an export writes them, with an apostrophe before what a spreadsheet would run.
  const auto guarded =
      read_scores(temp.write("u.csv", "model,score\n'-m,1\n'm,2\n\"''m;\",3\n"), "score");
  CHECK(guarded.at(0).model == "-m");
  CHECK(guarded.at(1).model == "'m");
  CHECK(guarded.at(2).model == "'m;");
}

TEST_CASE("scores that name a model twice are refused", "[rank]") {
  CHECK(score_refusal("model,score\na,1\nb,\nb,2\na,1\n") ==
        ": record 5: expected each model once, found 'a', which record 2 names already");
}

TEST_CASE("scores that cannot be read are refused by file and record", "[rank]") {
  CHECK(score_refusal("") == ": is empty, expected a line of column names");
  CHECK(score_refusal("name,score\n") == ": has no column 'model'. Its columns are name, score");
  CHECK(score_refusal("model,loss\n") == ": has no column 'score'. Its columns are model, loss");
  CHECK(score_refusal("model,score\na,1\nb\n") == ": record 3: has 1 cells, expected 2");
  CHECK(score_refusal("model,score\na,good\n") ==
        ": record 2: expected a number in column 'score', found 'good'");
}

TEST_CASE("compare takes an archive and two ids, or two files", "[compare]") {
  const TempFolder temp;
  const CompareOptions three = parse_compare(Words{"archive", "a", "b", "--format", "csv"});
  CHECK(three.archive == "archive");
  CHECK(three.checkpoints == std::vector<std::string>{"a", "b"});
  CHECK(three.format == OutputFormat::csv);
  CHECK(three.table == CompareTable::paired);
  CHECK(parse_compare(Words{"archive", "a", "b", "--table", "layers", "--format", "csv"}).table ==
        CompareTable::layers);
  CHECK(parse_compare(Words{"archive", "a", "b", "--table", "layers", "-o", "a.csv"}).table ==
        CompareTable::layers);
  for (const char* table : {"layers", "paired"}) {
    CHECK(refusal(parse_compare, {"archive", "a", "b", "--table", table}) ==
          "--table has no effect here, it is for csv. Leave it out");
  }
  CHECK(refusal(parse_compare, {"archive", "a", "b", "--table", "summary"}) ==
        "--table: expected one of paired, layers, found 'summary'");
  const std::string file = temp.write("a.h5", "").string();
  CHECK(parse_compare(Words{file, file}).checkpoints == std::vector<std::string>{file, file});
  CHECK(refusal(parse_compare, {"a"}) ==
        "wishart compare: expected [ARCHIVE] A B, found 1 word. See wishart compare --help");
  CHECK(refusal(parse_compare, {"/nowhere/a", "b"}) ==
        "wishart compare: '/nowhere/a' is not an archive file. If it is an id, name its archive "
        "first: "
        "wishart compare ARCHIVE A B");
}

TEST_CASE("gate takes a base or stages, not both", "[gate]") {
  const GateOptions options =
      parse_gate(Words{"archive", "--rules", "r", "--stage", "a", "--stage", "b"});
  CHECK(options.stages == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(options.every_stage);
  CHECK(refusal(parse_gate, {"archive", "--rules", "r", "--stage", "a", "--base", "b"}) ==
        "--stage names all checkpoints in order. Leave out --checkpoint and --base");
  CHECK(refusal(parse_gate, {"archive"}) ==
        "wishart gate: missing --rules. See wishart gate --help");
}

TEST_CASE("a table of all checkpoints is of rows, and streamed", "[export]") {
  CHECK(parse_export(Words{"a", "--all", "--format", "jsonl"}).all);
  CHECK_FALSE(parse_export(Words{"a"}).all);
  CHECK(refusal(parse_export, {"a", "--all", "--checkpoint", "b"}) ==
        "--all writes every checkpoint. Leave out --checkpoint or --all");
  CHECK(refusal(parse_export, {"a", "--all", "--table", "history"}) ==
        "--all: expected --table layers, summary, skipped, adapter or traps, found 'history'");
  CHECK(refusal(parse_export, {"a", "--all", "--format", "json"}) ==
        "--all: the table is written row by row, as csv or jsonl. Choose --format csv or jsonl");
}

TEST_CASE("the number of drawn layers is bounded", "[report]") {
  CHECK(parse_report(Words{"a"}).densities == kDefaultDensities);
  CHECK(parse_report(Words{"a", "--densities", "0", "--format", "html"}).densities == 0);
  CHECK(parse_report(Words{"a", "--densities", "5000", "-o", "a.html"}).densities == 5000);
  CHECK(parse_report(Words{"a", "--densities", "5", "--open"}).densities == 5);
  CHECK(refusal(parse_report, {"a", "--densities", "5", "--format", "md"}) ==
        "--densities has no effect here, it is for html. Leave it out");
  for (const std::string wrong : {"-1", "5001"}) {
    CHECK(refusal(parse_report, {"a", "--densities", wrong}) ==
          "--densities: expected a number from 0 to 5000, found " + wrong);
  }
}

TEST_CASE("the window of a history is bounded", "[history]") {
  CHECK(parse_report(Words{"a"}).window == kDefaultWindow);
  CHECK(parse_export(Words{"a", "--table", "history", "--window", "5"}).window == 5);
  CHECK(parse_report(Words{"a", "--window", "5"}).window == 5);
  CHECK(refusal(parse_report, {"a", "--checkpoint", "b", "--window", "5"}) ==
        "--window has no effect here, it is for a history, not for one checkpoint. Leave it out");
  CHECK(refusal(parse_report, {"a", "--window", "1"}) ==
        "--window: expected a number from 2 to 10000, found 1");
}
