#include "wishart/report/event_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "wishart/core/crc32c.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/utc.hpp"

#include "monitored.hpp"

namespace wishart::report {
namespace {

// Numbers of fields and types: tensorboard/compat/proto/{event,summary,tensor,tensor_shape}.proto
// of TensorBoard 2.22.0a0.

constexpr std::uint32_t kDtFloat = 1;
constexpr std::uint32_t kDtDouble = 2;
constexpr std::uint32_t kScalarClass = 1;
constexpr std::uint32_t kTensorClass = 2;

template <class T>
void append_little_endian(std::string& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes += static_cast<char>((value >> (8 * i)) & 0xffU);
  }
}

/// A message of Protocol Buffers, field by field.
class Message {
public:
  Message& varint(std::uint32_t field, std::uint64_t value) {
    key(field, 0);
    append_varint(value);
    return *this;
  }
  Message& fixed64(std::uint32_t field, double value) {
    key(field, 1);
    append_little_endian(bytes_, std::bit_cast<std::uint64_t>(value));
    return *this;
  }
  Message& bytes(std::uint32_t field, std::string_view value) {
    key(field, 2);
    append_varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(std::uint32_t field, const Message& value) { return bytes(field, value.bytes_); }
  [[nodiscard]] const std::string& text() const noexcept { return bytes_; }

private:
  void append_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_ += static_cast<char>((value & 0x7fU) | 0x80U);
    bytes_ += static_cast<char>(value);
  }
  void key(std::uint32_t field, std::uint32_t wire_type) {
    append_varint((std::uint64_t{field} << 3U) | wire_type);
  }

  std::string bytes_;
};

/// The masked checksum of a TFRecord, so that a checksum over data with checksums is no weaker:
/// tensorflow/core/lib/hash/crc32c.h.
std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return std::rotr(crc, 15) + 0xa282ead8U;
}

/// A TFRecord: length, its checksum, data, their checksum.
std::string tf_record(std::string_view data) {
  std::string record;
  append_little_endian(record, static_cast<std::uint64_t>(data.size()));
  append_little_endian(record, masked_crc(record));
  record += data;
  append_little_endian(record, masked_crc(data));
  return record;
}

/// A text that comes from elsewhere. Protocol Buffers refuse what is not UTF-8.
std::string tag_text(std::string_view text) { return printable(text); }

Message metadata(std::string_view plugin, std::uint32_t data_class, std::string_view description) {
  Message made;
  made.message(1, Message().bytes(1, plugin));
  if (!description.empty()) made.bytes(3, description);
  made.varint(4, data_class);
  return made;
}

/// The values of one event.
class Summary {
public:
  /// A value that is not finite is left out.
  void scalar(const std::string& tag, std::string_view description, double value) {
    if (!std::isfinite(value)) return;
    // TensorBoard's server reads scalars as float32 only.
    std::string content;
    append_little_endian(content, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    Message tensor;
    tensor.varint(1, kDtFloat).message(2, {}).bytes(4, content);
    add(tag, tensor, metadata("scalars", kScalarClass, description));
  }

  /// Rows of left edge, right edge, count.
  void histogram(const std::string& tag, std::string_view description,
                 std::span<const std::array<double, 3>> buckets) {
    std::string content;
    for (const auto& bucket : buckets) {
      for (const double value : bucket) {
        append_little_endian(content, std::bit_cast<std::uint64_t>(value));
      }
    }
    Message shape;
    shape.message(2, Message().varint(1, buckets.size())).message(2, Message().varint(1, 3));
    Message tensor;
    tensor.varint(1, kDtDouble).message(2, shape).bytes(4, content);
    add(tag, tensor, metadata("histograms", kTensorClass, description));
  }

  [[nodiscard]] const Message& message() const noexcept { return summary_; }

private:
  void add(const std::string& tag, const Message& tensor, const Message& about) {
    summary_.message(1, Message().bytes(1, tag).message(8, tensor).message(9, about));
  }

  Message summary_;
};

void add_training(Summary& summary, const TrainingState& training) {
  summary.scalar("training/loss", "training loss, as the trainer recorded it", training.loss);
  summary.scalar("training/eval_loss", "held-out loss, as the trainer recorded it",
                 training.eval_loss);
  summary.scalar("training/learning_rate", "as the trainer recorded it", training.learning_rate);
  if (training.tokens >= 0) {
    summary.scalar("training/tokens", "tokens trained on", static_cast<double>(training.tokens));
  }
}

void add_metrics(Summary& summary, const std::vector<SummaryRow>& rows) {
  for (const MonitoredMetric& one : kMonitoredMetrics) {
    const std::string description = std::string(one.help) + "; mean over the layers";
    for (const SummaryRow& row : rows) {
      if (row.metric != one.metric) continue;
      const bool all = row.group_by == "all";
      if (!all && row.group_by != "role") continue;
      summary.scalar(std::string(one.metric) + "/" + (all ? "all" : tag_text(row.group)),
                     description, row.mean);
    }
  }
}

void add_warnings(Summary& summary, const CheckpointRecord& record, bool past_known) {
  for (const WarningCount& count : warning_counts(record, past_known)) {
    summary.scalar("warnings/" + count.word, "layers with this warning",
                   static_cast<double>(count.layers));
  }
}

/// As many as TensorBoard's own summaries have.
constexpr std::size_t kBuckets = 30;

/// Counts of log10 of the eigenvalues above the floor, in buckets of equal width. The last one
/// includes its right edge. Empty if there is none.
std::vector<std::array<double, 3>> buckets_of(const LayerRow& row,
                                              const std::vector<double>& sigma) {
  std::vector<double> logs;
  logs.reserve(sigma.size());
  for (const double value : sigma) {
    const bool above = value > 0 && !(value <= row.floor_sigma) && std::isfinite(value);
    if (above) logs.push_back(2 * std::log10(value));
  }
  if (logs.empty()) return {};
  const auto [least, most] = std::minmax_element(logs.begin(), logs.end());
  const double low = *least;
  const double width = (*most - low) / static_cast<double>(kBuckets);
  // All values equal: one bucket around them.
  if (!(width > 0)) return {{low - 0.5, low + 0.5, static_cast<double>(logs.size())}};
  std::vector<std::array<double, 3>> buckets(kBuckets);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    buckets[i] = {low + static_cast<double>(i) * width, low + static_cast<double>(i + 1) * width,
                  0};
  }
  for (const double value : logs) {
    const auto index = static_cast<std::size_t>((value - low) / width);
    ++buckets[std::min(index, kBuckets - 1)][2];
  }
  return buckets;
}

void add_histograms(Summary& summary, const CheckpointRecord& record) {
  for (std::size_t i = 0; i < record.layers.size(); ++i) {
    const auto buckets = buckets_of(record.layers[i], record.spectra[i].sigma);
    if (buckets.empty()) continue;
    summary.histogram("eigenvalues/" + tag_text(record.layers[i].key),
                      "log10 of the eigenvalues above the floor", buckets);
  }
}

}  // namespace

double event_time(const Provenance& provenance) {
  return static_cast<double>(utc_seconds(provenance.created).value_or(0));
}

std::string event_file_head(double wall_time) {
  return tf_record(Message().fixed64(1, wall_time).bytes(3, "brain.Event:2").text());
}

std::string checkpoint_events(const CheckpointRecord& record, std::int64_t step,
                              EventContent content, bool past_known) {
  Summary summary;
  add_training(summary, record.provenance.training);
  add_metrics(summary, record.summary);
  add_warnings(summary, record, past_known);
  if (content == EventContent::histograms) add_histograms(summary, record);
  return tf_record(Message()
                       .fixed64(1, event_time(record.provenance))
                       .varint(2, static_cast<std::uint64_t>(step))
                       .message(5, summary.message())
                       .text());
}

}  // namespace wishart::report
