#include "wishart/archive/reader.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "content.hpp"
#include "disk.hpp"
#include "provenance.hpp"

namespace wishart::archive {
namespace {

/// The opened packed file; nothing if it cannot be opened as one.
std::optional<OpenPacked> tried(const std::filesystem::path& file) {
  try {
    return opened_packed(file);
  } catch (const Error&) {
    return std::nullopt;  // the error is reported when the file is read
  }
}

}  // namespace

struct Reader::Packed {
  OpenPacked open;
};

Reader::Reader(std::filesystem::path archive) : archive_(std::move(archive)) {
  const QuietHdf5 quiet;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(archive_, ignored)) {
    folder_ = true;
    ids_ = list_checkpoints(archive_);
  } else if (auto open = tried(archive_)) {
    ids_ = members(*open);
    packed_ = std::make_unique<Packed>(Packed{std::move(*open)});
  } else {
    ids_ = {archive_.stem().string()};
  }
}

Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

std::filesystem::path Reader::file_of(const std::string& id) const {
  return folder_ || packed_ ? archive_ / (id + ".h5") : archive_;
}

template <class Wanted>
CheckpointRecord Reader::read_as(const std::string& id, const Wanted& wanted) const {
  const QuietHdf5 quiet;
  CheckpointRecord record = packed_ ? read_checkpoint(opened_member(packed_->open, id), wanted)
                                    : read_archive(file_of(id), wanted);
  record.provenance.checkpoint_id = id;
  return record;
}

CheckpointRecord Reader::read(const std::string& id, Parts parts) const {
  return read_as(id, parts);
}

CheckpointRecord Reader::read(const std::string& id, const ChooseLayers& choose) const {
  return read_as(id, choose);
}

Provenance Reader::provenance(const std::string& id) const {
  if (!packed_) return read_provenance(file_of(id));
  const QuietHdf5 quiet;
  const OpenCheckpoint open = opened_member(packed_->open, id);
  return read_attributes(open.place, open.group.get());
}

bool Reader::Run::is_only_model() const {
  return models.size() == 1 &&
         std::all_of(left_out.begin(), left_out.end(),
                     [](const Analysed& one) { return one.why == LeftOut::change; });
}

std::vector<std::string> Reader::Run::order() const {
  if (is_only_model()) return models;
  std::vector<std::string> ids;
  ids.reserve(places.size());
  for (const TrainingPlace& place : places) ids.push_back(place.name);
  return ids;
}

const std::vector<Analysed>& Reader::survey() const {
  if (survey_) return *survey_;
  std::vector<Analysed> all;
  for (const std::string& id : ids_) {
    try {
      all.push_back(analysed(provenance(id)));
      all.back().checkpoint = id;
    } catch (const Error& error) {
      throw Error(error.blame(), std::string(error.what()) +
                                     ". So the order of the checkpoints is not known. Name the "
                                     "one you want with --checkpoint ID");
    }
  }
  return survey_.emplace(std::move(all));
}

Reader::Run Reader::run_like(std::vector<Analysed> all, const std::string& id) {
  Run run;
  run.left_out = take_apart(
      all, [](const Analysed& one) { return one; }, Prefer::latest, id);
  for (const Analysed& one : all) {
    run.models.push_back(one.checkpoint);
    if (one.step >= 0) run.places.push_back(training_place(one.step, one.checkpoint));
  }
  std::sort(run.places.begin(), run.places.end(), comes_before);
  return run;
}

const Reader::Run& Reader::latest_run() const {
  if (!latest_run_) latest_run_.emplace(latest_run_among(survey()));
  return *latest_run_;
}

Reader::Run Reader::latest_run_among(std::vector<Analysed> all) {
  return run_like(std::move(all), "");
}

Reader::Run Reader::run_of(const std::string& id) const { return run_among(survey(), id); }

Reader::Run Reader::run_among(const std::vector<Analysed>& all, const std::string& id) {
  Run run = run_like(all, id);
  const bool inside = std::find(run.models.begin(), run.models.end(), id) != run.models.end();
  if (!inside) run.models.clear(), run.places.clear();
  return run;
}

}  // namespace wishart::archive
