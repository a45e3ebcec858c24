/// @file
/// How commands end: no exit code without a reason, and which failure is the one that is told.

#include <sstream>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "wishart/job/ending.hpp"

#include "scan/archived/failed_matrices.hpp"

using namespace wishart;
using namespace wishart::job;

namespace {

/// What is told of an ending, with its code in front.
std::string told_text(const Ending& ending) {
  std::ostringstream err;
  const int code = told(ending, err);
  return std::to_string(code) + "|" + err.str();
}

LayerRow row(const std::string& key, const std::string& status, std::int64_t code = 0,
             const std::string& reason = "") {
  LayerRow row;
  row.key = key;
  row.status = status;
  row.exit_code = code;
  row.reason = reason;
  return row;
}

std::string told_of(const std::vector<LayerRow>& rows) {
  const auto file_of = [](const std::string&) { return std::string("model.safetensors"); };
  return told_text(ending_of("step-1", rows, file_of, "A/step-1.h5"));
}

}  // namespace

TEST_CASE("an exit code has a reason, and the reason is one line", "[ending]") {
  CHECK(told_text({}) == "0|");
  CHECK(told_text({Blame::input, "a: is bad"}) == "3|wishart: a: is bad\n");
  CHECK_THROWS_WITH(Ending(Blame::input, ""),
                    "an exit code has no reason. This is a bug in wishart");
  CHECK(told_text({Blame::resource, "a\n  because: b\n  because: c\n"}) ==
        "4|wishart: a; because: b; because: c\n");
  CHECK(told_text(Ending(std::runtime_error("odd"))) == "70|wishart: odd\n");
  CHECK(told_text(Ending(std::bad_alloc())) ==
        "4|wishart: out of memory. Use more nodes or fewer ranks per node\n");
  CHECK(told_text(Ending::gate_failed("")) == "1|");
  CHECK(told_text(Ending::gate_failed("why")) == "1|wishart: why\n");
}

TEST_CASE("of several endings the first is told, with the number of the others", "[ending]") {
  FirstEnding several("checkpoint");
  several.add({});
  CHECK(several.ending().done());
  several.add({Blame::numerics, "first"});
  several.add({});
  CHECK(told_text(several.ending()) == "5|wishart: first\n");
  several.add({Blame::input, "second"});
  CHECK(told_text(several.ending()) == "5|wishart: first. 1 more checkpoint is incomplete\n");
  several.add({Blame::input, "third"});
  CHECK(told_text(several.ending()) == "5|wishart: first. 2 more checkpoints are incomplete\n");
  CHECK(told_text(several.cut_short_by({Blame::interrupted, "stopped"})) ==
        "75|wishart: stopped. 3 more checkpoints are incomplete\n");
}

TEST_CASE("of failed matrices the gravest failure is told, the first of it in the archive",
          "[ending]") {
  CHECK(told_of({row("a", "success"), row("b", "failed")}) == "0|");
  CHECK(
      told_of({row("a", "success"), row("b", "nonfinite", 0, "1 NaN and 0 infinite elements of 8"),
               row("c", "nonfinite", 5, "later")}) ==
      "5|wishart: step-1: 2 of 3 matrices failed, first b in model.safetensors: 1 NaN and 0 "
      "infinite elements of 8. The archive A/step-1.h5 holds the others. Check the weights: "
      "`wishart report A --checkpoint step-1` lists what failed\n");
  CHECK(
      told_of({row("a", "nonfinite", 5, "x"), row("b", "error", 4, "y"),
               row("c", "error", 3, "m/model.safetensors: Input/output error\n  because: z"),
               row("d", "error", 3, "later")}) ==
      "3|wishart: step-1: 4 of 4 matrices failed, first c: m/model.safetensors: Input/output "
      "error; because: z. The archive A/step-1.h5 holds no spectrum. Restore the file and run the "
      "same command again: it computes only what failed\n");
  // Of an archive of an earlier version, which has no codes.
  CHECK(
      told_of({row("a", "success"), row("b", "error", 0, "did not converge")})
          .rfind("5|wishart: step-1: 1 of 2 matrices failed, first b in model.safetensors: did not "
                 "converge. ",
                 0) == 0);
  CHECK(told_of({row("a", "error", 4, "out of memory")}) ==
        "4|wishart: step-1: 1 of 1 matrix failed, first a in model.safetensors: out of memory. The "
        "archive A/step-1.h5 holds no spectrum. Fix the cause and run the same command again: it "
        "computes only what failed\n");
}

TEST_CASE("codes and reasons that an archive of a stranger has do not reach the terminal",
          "[ending]") {
  const std::string text = told_of({row("a\x1b[31m", "error", 1, "\x1b[2J")});
  CHECK(text.rfind("5|wishart: step-1: 1 of 1 matrix failed, first a\\x1b[31m in "
                   "model.safetensors: \\x1b[2J. ",
                   0) == 0);
}
