/// @file
/// Files of Megatron's ranks and of DeepSpeed: ZeRO 3 with and without tensor parallelism, a
/// universal checkpoint, experts in files of their own. The same bytes as each file of a folder.

#include <cstdlib>

#include "wishart/core/error.hpp"

#include "formats/deepspeed/zero.hpp"
#include "formats/megatron/megatron.hpp"
#include "fuzz/input_file.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

namespace {

namespace fs = std::filesystem;

/// A folder whose files are links to one path.
class LinkedFolder {
public:
  LinkedFolder() {
    std::string pattern = (fs::temp_directory_path() / "fuzz-parallel-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
    for (const char* folder : {"m/mp_rank_00", "m/mp_rank_01", "z", "t", "u/zero/w", "e"}) {
      fs::create_directories(path_ / folder);
    }
  }
  ~LinkedFolder() { fs::remove_all(path_); }
  LinkedFolder(const LinkedFolder&) = delete;
  LinkedFolder& operator=(const LinkedFolder&) = delete;

  /// The descriptor of the input is nearly always the same.
  void link(const fs::path& target) {
    if (target == target_) return;
    target_ = target;
    for (const char* name :
         {"m/mp_rank_00/model_optim_rng.pt", "m/mp_rank_01/model_optim_rng.pt",
          "z/zero_pp_rank_0_mp_rank_00_model_states.pt",
          "z/zero_pp_rank_0_mp_rank_00_optim_states.pt",
          "t/zero_pp_rank_0_mp_rank_00_model_states.pt",
          "t/zero_pp_rank_0_mp_rank_00_optim_states.pt",
          "t/zero_pp_rank_0_mp_rank_01_model_states.pt",
          "t/zero_pp_rank_0_mp_rank_01_optim_states.pt", "u/zero/w/fp32.pt",
          "e/mp_rank_00_model_states.pt", "e/layer_0_expert_0_mp_rank_00_model_states.pt"}) {
      fs::remove(path_ / name);
      fs::create_symlink(target, path_ / name);
    }
  }
  [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }

private:
  fs::path path_;
  fs::path target_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static LinkedFolder folder;
  const test::MemoryFile file(data, size);
  folder.link(file.path());
  for (const char* name : {"m", "z", "t", "u", "e"}) {
    try {
      static_cast<void>(name[0] == 'm' ? read_megatron(folder / name)
                                       : read_deepspeed(folder / name));
    } catch (const Error& error) {
      if (error.blame() == Blame::bug) throw;
    }
  }
  return 0;
}
