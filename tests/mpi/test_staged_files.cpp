/// @file
/// Copying for --stage-dir over several ranks ends early if rank 0 has a reason to stop, and at
/// once if a call of MPI fails.

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <mpi.h>

#include "wishart/core/file.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/mpi/failure.hpp"
#include "wishart/mpi/together.hpp"

#include "scan/work/staged_files.hpp"
#include "support/mpi_main.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using wishart::test::world;

namespace {

/// Of the calls of MPI below, which stand in for those of the library.
struct Calls {
  int until_failure = 0;  ///< the reduction, counted from 1, that fails; 0: none
  bool failed = false;    ///< on this rank
  int barriers_afterwards = 0;
};
Calls calls;

}  // namespace

extern "C" int MPI_Allreduce(const void* own, void* all, int count, MPI_Datatype type, MPI_Op op,
                             MPI_Comm comm) {
  if (calls.until_failure > 0 && --calls.until_failure == 0) {
    calls.failed = true;
    return MPI_ERR_OTHER;
  }
  return PMPI_Allreduce(own, all, count, type, op, comm);
}

extern "C" int MPI_Ibarrier(MPI_Comm comm, MPI_Request* request) {
  calls.barriers_afterwards += calls.failed ? 1 : 0;
  return PMPI_Ibarrier(comm, request);
}

namespace {

/// Two files for each rank in `from`, and an empty folder `place`, which all ranks see.
struct Scene {
  std::unique_ptr<test::TempFolder> temp;  ///< on rank 0
  std::filesystem::path root;
  std::vector<SourceFile> files;

  Scene() {
    std::string path;
    if (world().rank() == 0) {
      temp = std::make_unique<test::TempFolder>();
      path = temp->path().string();
      std::filesystem::create_directories(place(path));
    }
    for (int i = 0; i < 2 * world().size(); ++i) {
      SourceFile file;
      file.name = "shard-" + std::to_string(i);
      if (temp) {
        const InputFile there(temp->write("from/" + file.name, std::string(9, 'x')));
        file.size_bytes = there.size_bytes();
        file.mtime_ns = there.mtime_ns();
      }
      files.push_back(file);
    }
    Packer pack;
    pack(path);
    pack(files);
    std::vector<std::byte> bytes = pack.take();
    world().broadcast(bytes, 0);
    Unpacker unpack(bytes);
    unpack(path);
    unpack(files);
    root = path;
  }
  /// Before rank 0 removes everything.
  ~Scene() { world().barrier(); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  static std::filesystem::path place(const std::filesystem::path& root) { return root / "place"; }
};

}  // namespace

TEST_CASE("copies are made if there is no reason to stop", "[staged]") {
  const Scene scene;
  int asked = 0;
  {
    const job::StagedFiles staged(world(), Scene::place(scene.root), scene.root / "from",
                                  scene.files, [&] {
                                    ++asked;
                                    return std::string();
                                  });
    for (const SourceFile& file : staged.files()) {
      CHECK(test::content_of(staged.root() / file.name) == std::string(9, 'x'));
    }
    world().barrier();  // each rank removes its own
  }
  CHECK((asked > 0) == (world().rank() == 0));
  world().barrier();
  CHECK(std::filesystem::is_empty(Scene::place(scene.root)));
}

TEST_CASE("a reason to stop ends the copying on all ranks and removes the copies", "[staged]") {
  // Between two files, and when rank 0 has nothing more to copy.
  for (const int when : {1, 3}) {
    CAPTURE(when);
    const Scene scene;
    int asked = 0;
    std::string text = "no error";
    try {
      const job::StagedFiles staged(
          world(), Scene::place(scene.root), scene.root / "from", scene.files,
          [&] { return std::string(++asked >= when ? "stopped by SIGUSR1" : ""); });
      world().barrier();
    } catch (const mpi::AgreedError& error) {
      text = std::string(error.blame() == Blame::interrupted ? "" : "wrong blame: ") + error.what();
    }
    CHECK(text ==
          "stopped by SIGUSR1 while files were copied to --stage-dir. Run the same command again");
    CHECK(asked == (world().rank() == 0 ? when : 0));
    world().barrier();
    CHECK(std::filesystem::is_empty(Scene::place(scene.root)));
  }
}

TEST_CASE("after a failed call of MPI no rank waits for the others", "[staged]") {
  // While the ranks agree on the folders, and when they meet after copying.
  for (const int which : {1, 2}) {
    CAPTURE(which);
    const Scene scene;
    calls = {which};
    std::string text = "no failure";
    try {
      const job::StagedFiles staged(world(), Scene::place(scene.root), scene.root / "from",
                                    scene.files);
    } catch (const mpi::Failure& failure) {
      text = failure.what();
    }
    const Calls seen = calls;
    calls = {};
    CHECK(text.starts_with("MPI_Allreduce: "));
    CHECK(seen.barriers_afterwards == 0);
    world().barrier();
    CHECK(std::filesystem::is_empty(Scene::place(scene.root)));
  }
}
