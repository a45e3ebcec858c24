#include "wishart/archive/reader.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "wishart/core/text.hpp"

#include "content.hpp"
#include "disk.hpp"
#include "provenance.hpp"

namespace wishart::archive {
namespace {

/// How many ids a message lists.
constexpr std::size_t kListedIds = 20;

std::string listed(const std::vector<std::string>& ids) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(ids.size(), kListedIds); ++i) {
    names.push_back(printable(ids[i]));
  }
  std::string text = join(names, ", ");
  if (ids.size() <= kListedIds) return text;
  return text + ", and " + std::to_string(ids.size() - kListedIds) + " more";
}

[[noreturn]] void refuse_unknown(const std::filesystem::path& archive, const std::string& id,
                                 const std::vector<std::string>& ids) {
  std::string text =
      shown(archive) + ": has no checkpoint '" + printable(id) + "'. It has: " + listed(ids);
  if (const std::string near = nearest(id, ids); !near.empty()) {
    text += ". Is '" + printable(near) + "' meant?";
  }
  throw Error(Blame::usage, text);
}

/// The packed file, open; nothing if it is no packed file, or cannot be opened as one.
std::optional<OpenPacked> tried(const std::filesystem::path& file) {
  try {
    return opened_packed(file);
  } catch (const Error&) {
    return std::nullopt;  // whoever reads it says what it is
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

std::string Reader::chosen(const std::string& id) const {
  if (ids_.empty()) {
    throw Error(Blame::input,
                shown(archive_) + ": holds no archive. Run `wishart scan` into it first");
  }
  if (id.empty() && ids_.size() > 1) {
    throw Error(Blame::usage, shown(archive_) + ": holds " + std::to_string(ids_.size()) +
                                  " checkpoints, name one of them: " + listed(ids_));
  }
  if (id.empty()) return ids_.front();
  if (std::find(ids_.begin(), ids_.end(), id) == ids_.end()) refuse_unknown(archive_, id, ids_);
  return id;
}

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

std::filesystem::path resolve_checkpoint(const std::filesystem::path& folder,
                                         const std::string& id) {
  const Reader reader(folder);
  return reader.file_of(reader.chosen(id));
}

}  // namespace wishart::archive
