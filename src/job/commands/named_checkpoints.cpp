#include "commands/named_checkpoints.hpp"

namespace wishart::job {

bool NamedCheckpoints::is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".h5");
}

const archive::Reader& NamedCheckpoints::archive() {
  if (!reader_) reader_.emplace(archive_);
  return *reader_;
}

std::string NamedCheckpoints::resolved(const std::string& word, const std::string& of) {
  if (is_path(word)) return word;
  return noted(archive::choose(archive(), word, is_path(of) ? "" : of));
}

CheckpointRecord NamedCheckpoints::read(const std::string& name, archive::Parts parts) {
  if (!is_path(name)) return archive().read(name, parts);
  const archive::Reader other{std::filesystem::path(name)};
  return other.read(noted(archive::choose(other, "")), parts);
}

RunPast NamedCheckpoints::past(const std::string& name) {
  return is_path(name) ? RunPast{} : past_of(archive(), name);
}

std::string NamedCheckpoints::noted(const archive::Choice& choice) {
  if (!choice.note.empty()) notes_.push_back(choice.note);
  return choice.id;
}

}  // namespace wishart::job
