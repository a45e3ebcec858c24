#include "disk.hpp"

#include "wishart/core/whole_file.hpp"

namespace wishart::archive {

void replace_file(const std::filesystem::path& target,
                  std::initializer_list<std::span<const std::byte>> pieces) {
  WholeFile file(target);
  for (const std::span<const std::byte> piece : pieces) file.write(piece);
  file.finish();
}

}  // namespace wishart::archive
