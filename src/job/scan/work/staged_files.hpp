#pragma once

/// @file
/// Copies of a checkpoint's files on the hosts' own disks.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "wishart/mpi/comm.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::job {

/// The files of a checkpoint, copied to a folder of each host, from which its ranks read them. The
/// ranks of a host share the copying. Each rank removes the files that it has copied.
///
/// A copy has the size and the modification time of its source, so readers take it for the same
/// file. If the source changes meanwhile, the copying fails, as reading it would.
class StagedFiles {
public:
  /// Copies `files` of the folder `root` into a new folder in `place` on every host. Collective
  /// over `world`.
  /// @param stop_reason  on rank 0: why to give up, or empty; asked after every part that is copied
  /// @throws mpi::AgreedError on every rank: with Blame::resource if a host's disk is full or
  ///   cannot be written, with Blame::input if a file cannot be read, with Blame::interrupted if
  ///   there is a reason to stop
  /// @throws mpi::Failure on a rank on which a call of MPI failed, without waiting for the others
  StagedFiles(const mpi::Comm& world, const std::filesystem::path& place,
              const std::filesystem::path& root, std::vector<SourceFile> files,
              const std::function<std::string()>& stop_reason = {});
  ~StagedFiles();
  StagedFiles(const StagedFiles&) = delete;
  StagedFiles& operator=(const StagedFiles&) = delete;

  /// The folder on this host.
  [[nodiscard]] const std::filesystem::path& root() const noexcept { return folder_; }
  /// The same files, named as they are in this folder.
  [[nodiscard]] const std::vector<SourceFile>& files() const noexcept { return files_; }
  /// The bytes of all of them.
  [[nodiscard]] std::int64_t bytes() const noexcept;

private:
  /// Makes the folder of this host. Collective over `world`.
  void share_folder(const mpi::Comm& world, const mpi::Comm& host,
                    const std::filesystem::path& place);
  void remove_own_files() noexcept;
  /// Succeeds on the rank of the host that is the last to have removed its files.
  void remove_folder() noexcept;
  /// Copies what falls to this rank.
  /// @param go_on  asked after every part; false: the copies are given up
  void copy_share(const std::filesystem::path& root, const mpi::Comm& host,
                  const std::function<bool()>& go_on);
  /// @return false if it was given up
  bool copy(const std::filesystem::path& from, const SourceFile& file,
            const std::function<bool()>& go_on);

  std::filesystem::path folder_;
  std::vector<SourceFile> files_;
  std::vector<std::filesystem::path> own_;  ///< copied by this rank
};

}  // namespace wishart::job
