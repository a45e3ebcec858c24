#include "document.hpp"

#include <iostream>
#include <limits>
#include <optional>
#include <span>
#include <streambuf>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/whole_file.hpp"

#include "scan/machine/stop_signal.hpp"

namespace wishart::job {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18U;
constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max();

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
  throw Error(Blame::usage, "--output " + shown(file) + ": " + what);
}

/// The file after following all links. Throws if it cannot be replaced by a file, or nobody knows.
std::filesystem::path checked_target(const std::filesystem::path& file) {
  std::error_code ignored;
  const auto status = std::filesystem::status(file, ignored);
  if (std::filesystem::is_directory(status) || !file.has_filename()) {
    refuse(file, "is a folder, expected a file. Name a file in it");
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    refuse(file, "is not a regular file, so it cannot be replaced. Leave out --output");
  }
  std::filesystem::path target = file;
  if (std::filesystem::is_symlink(file, ignored)) {
    target = std::filesystem::canonical(file, ignored);
    if (ignored) refuse(file, "is a broken link. Remove it");
  }
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  if (!is_folder(folder)) {
    refuse(file, "the folder " + shown(folder) + " does not exist. Create it first");
  }
  return target;
}

}  // namespace

/// Collects the output and writes it in large parts.
class Document::Buffer : public std::streambuf {
public:
  Buffer(std::filesystem::path target, std::ostream& standard, Readers readers)
      : target_(std::move(target)),
        standard_(&standard),
        readers_(readers),
        to_terminal_(&standard == &std::cout && ::isatty(STDOUT_FILENO) == 1),
        bytes_(kBufferBytes) {
    setp(bytes_.data(), bytes_.data() + bytes_.size());
  }

  void finish() {
    pass_on();
    if (target_.empty()) {
      *standard_ << printable(line_, kWhole);  // without a line feed
      standard_->flush();
      check_standard();
      return;
    }
    if (!file_) open();  // also for an empty document
    check_signals();
    file_->finish();
    file_.reset();
  }

protected:
  int_type overflow(int_type c) override {
    pass_on();
    if (!traits_type::eq_int_type(c, traits_type::eof())) {
      *pptr() = traits_type::to_char_type(c);
      pbump(1);
    }
    return traits_type::not_eof(c);
  }

  int sync() override {
    pass_on();
    return 0;
  }

private:
  void open() {
    signals_.emplace();
    file_.emplace(target_);
    if (readers_ == Readers::everyone) file_->let_everyone_read();
  }

  void pass_on() {
    const std::span<const char> part(pbase(), static_cast<std::size_t>(pptr() - pbase()));
    setp(bytes_.data(), bytes_.data() + bytes_.size());
    if (part.empty()) return;
    if (target_.empty()) {
      if (to_terminal_) {
        show(part);
      } else {
        standard_->write(part.data(), static_cast<std::streamsize>(part.size()));
      }
      check_standard();
      return;
    }
    if (!file_) open();
    check_signals();
    file_->write(std::as_bytes(part));
  }

  /// Writes the lines that are complete, so that no part of a character is taken for a bad byte.
  void show(std::span<const char> part) {
    for (const char c : part) {
      if (c != '\n') {
        line_ += c;
        continue;
      }
      *standard_ << printable(line_, kWhole) << '\n';
      line_.clear();
    }
  }

  void check_standard() const {
    if (!standard_->good()) throw Error(Blame::resource, "standard output cannot be written");
  }

  void check_signals() const {
    const std::string signal = signals_->poll();
    if (signal.empty()) return;
    throw Error(Blame::interrupted, "stopped by " + signal + ": " + shown(target_) +
                                        " is unchanged. Run the same command again");
  }

  std::filesystem::path target_;  ///< empty: standard output
  std::ostream* standard_;
  Readers readers_;
  /// A name in CSV is as the checkpoint has it. A terminal would obey what is in it.
  bool to_terminal_;
  std::string line_;  ///< begun on a terminal
  std::vector<char> bytes_;
  std::optional<StopSignal> signals_;  ///< before the file: blocked while it exists
  std::optional<WholeFile> file_;
};

Document::Document(const std::filesystem::path& file, std::ostream& standard, Readers readers)
    : buffer_(
          std::make_unique<Buffer>(file.empty() ? file : checked_target(file), standard, readers)),
      stream_(buffer_.get()) {
  stream_.exceptions(std::ios::badbit);  // rethrows what the buffer throws
}

Document::~Document() = default;

void Document::finish() { buffer_->finish(); }

}  // namespace wishart::job
