#pragma once

/// @file
/// Checkpoints as event files, which TensorBoard shows.

#include <cstdint>
#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// The name of an event file. TensorBoard takes every file with `tfevents` in its name; the zeros
/// stand for the time that other writers put there.
inline constexpr const char* kEventFileName = "events.out.tfevents.0000000000.wishart";

/// The record that begins an event file: the version of the format.
/// @param wall_time  seconds since 1970
[[nodiscard]] std::string event_file_head(double wall_time);

/// What of a checkpoint becomes events.
enum class EventContent : std::uint8_t {
  scalars,
  histograms,  ///< also the eigenvalues of each layer: log10 of those above the floor
};

/// The events of one checkpoint, behind those of earlier ones: scalars of the training state, the
/// warnings, and each metric over all layers (`alpha/all`) and by role (`alpha/attention.q`).
/// docs/monitoring.md has the tags. Values that are not known or not finite have no event.
///
/// @param step  where TensorBoard shows it: a training step, or tokens
/// @param past_known  as in MetricsContext
/// @pre the warnings of the record are concluded (analysis/warnings.hpp); for histograms it has
///   spectra
[[nodiscard]] std::string checkpoint_events(const CheckpointRecord& record, std::int64_t step,
                                            EventContent content, bool past_known);

/// The wall time of the events of a checkpoint: when it was scanned. 0 if that is not known.
[[nodiscard]] double event_time(const Provenance& provenance);

}  // namespace wishart::report
