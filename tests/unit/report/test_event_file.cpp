/// @file
/// Event files for TensorBoard: their bytes.

#include <bit>

#include <catch2/catch.hpp>

#include "wishart/core/crc32c.hpp"
#include "wishart/core/text.hpp"
#include "wishart/report/event_file.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

std::string hex(const std::string& bytes) {
  static const char* digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

/// A record without metrics, in the mode with the fewest warnings.
CheckpointRecord bare(const std::vector<LayerRow>& layers) {
  CheckpointRecord record = record_of(layers);
  record.provenance.mode = "weightwatcher";
  record.summary.clear();
  return record;
}

std::uint64_t number_at(const std::string& bytes, std::size_t at, std::size_t length) {
  std::uint64_t value = 0;
  for (std::size_t i = length; i-- > 0;) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

/// The data of a TFRecord that is alone in `bytes`.
std::string data_of(const std::string& bytes) {
  REQUIRE(bytes.size() >= 16);
  const auto length = static_cast<std::size_t>(number_at(bytes, 0, 8));
  REQUIRE(bytes.size() == length + 16);
  return bytes.substr(12, length);
}

}  // namespace

// The bytes were made once by TensorBoard's own code: event_pb2 of commit 70b76c9, whose records
// its compat/tensorflow_stub/pywrap_tensorflow.py checks.
TEST_CASE("an event file has the bytes that TensorBoard's own code writes", "[events]") {
  CHECK(hex(event_file_head(1767323045)) ==
        "1800000000000000a37f4b220900004069cd55da411a0d627261696e2e4576656e743a323a55afd8");
  CheckpointRecord record = bare({layer("a", 6.5, "under-trained")});
  record.provenance.training.loss = 2.5;
  CHECK(hex(checkpoint_events(record, 100, EventContent::scalars, false)) ==
        "02010000000000007ed79b6a0900004069cd55da4110642af4010a550a0d747261696e696e672f6c6f73"
        "73420a080112002204000020404a380a090a077363616c6172731a29747261696e696e67206c6f73732c"
        "2061732074686520747261696e6572207265636f7264656420697420010a4c0a157761726e696e67732f"
        "6f7665722d747261696e6564420a080112002204000000004a270a090a077363616c6172731a186c6179"
        "65727320776974682074686973207761726e696e6720010a4d0a167761726e696e67732f756e6465722d"
        "747261696e6564420a0801120022040000803f4a270a090a077363616c6172731a186c61796572732077"
        "6974682074686973207761726e696e672001b3c51a3f");
  record = bare({layer("w")});
  record.spectra[0].sigma = {10, 10, 10};
  CHECK(hex(checkpoint_events(record, 7, EventContent::histograms, false)) ==
        "20010000000000002fbd3a9a0900004069cd55da4110072a92020a4c0a157761726e696e67732f6f7665"
        "722d747261696e6564420a080112002204000000004a270a090a077363616c6172731a186c6179657273"
        "20776974682074686973207761726e696e6720010a4d0a167761726e696e67732f756e6465722d747261"
        "696e6564420a080112002204000000004a270a090a077363616c6172731a186c61796572732077697468"
        "2074686973207761726e696e6720010a730a0d656967656e76616c7565732f7742260802120812020801"
        "120208032218000000000000f83f000000000000044000000000000008404a3a0a0c0a0a686973746f67"
        "72616d731a286c6f673130206f662074686520656967656e76616c7565732061626f7665207468652066"
        "6c6f6f72200293ed4fc8");
}

TEST_CASE("a histogram counts the eigenvalues above the floor", "[events]") {
  CheckpointRecord record = bare({layer("w")});
  record.layers[0].floor_sigma = 1e-3;
  record.spectra[0].sigma = {0, 1e-3, 1, 1, 2, 10, 100};
  const std::string data = data_of(checkpoint_events(record, 0, EventContent::histograms, false));
  const std::size_t at = data.find("\x22\xd0\x05");  // field 4, 720 bytes
  REQUIRE(at != std::string::npos);
  double total = 0;
  double edge = 0;  // log10 of the smallest
  for (std::size_t i = 0; i < 30; ++i) {
    const auto value = [&](std::size_t j) {
      return std::bit_cast<double>(number_at(data, at + 3 + 24 * i + 8 * j, 8));
    };
    CHECK(value(0) == Approx(edge).margin(1e-12));
    edge = value(1);
    if (i == 0) CHECK(value(2) == 2);
    if (i == 29) CHECK(value(2) == 1);
    total += value(2);
  }
  CHECK(edge == Approx(4));
  CHECK(total == 5);
  record.spectra[0].sigma = {0, 0};
  CHECK(checkpoint_events(record, 0, EventContent::histograms, false) ==
        checkpoint_events(record, 0, EventContent::scalars, false));
}

TEST_CASE("events have tags for all layers and for roles, and nothing that is not known",
          "[events]") {
  CheckpointRecord record = record_of({layer("a", 2), layer("b", kNan)});
  record.layers[1].role = "attention.q";
  record.layers[1].status = "failed";
  record.summary = fit::summarize(record.layers, false);
  const std::string data = data_of(checkpoint_events(record, 5, EventContent::scalars, false));
  for (const char* tag :
       {"alpha/all", "alpha/mlp.up", "stable_rank/attention.q", "warnings/rank-collapse"}) {
    CAPTURE(tag);
    CHECK(data.find(tag) != std::string::npos);
  }
  for (const char* tag : {"alpha/attention.q", "training/", "unlike-past", "alpha/model.0"}) {
    CAPTURE(tag);
    CHECK(data.find(tag) == std::string::npos);
  }
  CHECK(data_of(checkpoint_events(record, 5, EventContent::scalars, true)).find("unlike-past") !=
        std::string::npos);
}

TEST_CASE("tags from strangers are calm UTF-8", "[events]") {
  for (const std::string& name : hostile_names()) {
    CheckpointRecord record = record_of({layer(name)});
    record.layers[0].role = name;
    record.summary = fit::summarize(record.layers, false);
    const std::string data = data_of(checkpoint_events(record, 5, EventContent::histograms, false));
    CAPTURE(printable(name));
    CHECK(data.find("eigenvalues/" + printable(name)) != std::string::npos);
    CHECK(data.find("alpha/" + printable(name)) != std::string::npos);
  }
}

TEST_CASE("the time of events is that of the scan", "[events]") {
  Provenance about;
  about.created = "2026-01-02T03:04:05Z";
  CHECK(event_time(about) == 1767323045);
  about.created = "";
  CHECK(event_time(about) == 0);
}
