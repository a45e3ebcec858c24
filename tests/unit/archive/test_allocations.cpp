/// @file
/// Memory that ends while an archive is read: each allocation of wishart's own fails once. It ends
/// the call with an error and leaves nothing open in HDF5, whose frames no exception may cross.

#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <string>

#include <catch2/catch.hpp>
#include <hdf5.h>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/archive/verify.hpp"

#include "edit_archive.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;

namespace {

/// How many allocations by `new` still succeed; negative: all do.
thread_local std::int64_t allocations_left = -1;  // NOLINT: operator new has no other way to know

/// The next allocation but `count` fails, during its lifetime.
class FailingAllocation {
public:
  explicit FailingAllocation(std::int64_t count) { allocations_left = count; }
  ~FailingAllocation() { allocations_left = -1; }
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  [[nodiscard]] static bool happened() { return allocations_left < 0; }
};

/// HDF5's objects that are open.
ssize_t open_objects() { return H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL); }

/// Runs `read` with one allocation failing: each of the first fifty, then ever fewer of those that
/// follow, until all were there.
/// @return how many there are, at least
std::int64_t failing_one_by_one(const std::function<void()>& read) {
  read();  // what is allocated once and kept is there
  const ssize_t open = open_objects();
  for (std::int64_t n = 0;; n += 1 + n / 50) {
    bool happened = true;
    std::optional<Blame> blame;
    try {
      const FailingAllocation failing(n);
      read();
      happened = FailingAllocation::happened();
    } catch (const std::exception& error) {
      blame = blame_of(error);
    }
    INFO("allocation " << n);
    CHECK(blame.value_or(Blame::resource) == Blame::resource);
    REQUIRE(open_objects() == open);
    if (!happened) return n;
  }
}

}  // namespace

void* operator new(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

// A sanitizer has its own of these, which would not go with the ones below.
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

TEST_CASE("an allocation that fails in a callback of HDF5 leaves nothing open", "[strangers]") {
  const test::TempFolder folder;
  for (const std::int64_t step : {1, 2}) {
    write_archive(folder.path(), test::sample_record(2, "step-" + std::to_string(step)));
  }
  update_index(folder.path(), true);

  SECTION("links of an index that lead elsewhere") {
    {
      const test::ArchiveEditor editor(folder / "index.h5");
      for (const char* name : {"a checkpoint with a long name", "another of them, as long"}) {
        REQUIRE(H5Lcreate_external("elsewhere.h5", "/somewhere/else", editor.file(),
                                   (std::string("checkpoints/") + name).c_str(), H5P_DEFAULT,
                                   H5P_DEFAULT) >= 0);
      }
    }
    CHECK(failing_one_by_one([&] { (void)verify_index(folder.path()); }) > 20);
  }
  SECTION("checkpoints in one file") {
    const test::TempFolder elsewhere;
    pack_archive(folder.path(), elsewhere / "packed.h5");
    CHECK(failing_one_by_one([&] { const Reader reader(elsewhere / "packed.h5"); }) > 20);
  }
  SECTION("attributes that somebody added") {
    {
      const test::ArchiveEditor editor(folder / "step-1.h5");
      editor.set_integer_attribute("an attribute with a long name", 1);
    }
    CHECK(failing_one_by_one([&] { (void)verify_file(folder / "step-1.h5"); }) > 100);
  }
}
