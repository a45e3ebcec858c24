#include "disk.hpp"

#include "wishart/core/whole_file.hpp"

namespace wishart::archive {

void replace_file(const std::filesystem::path& target,
                  std::initializer_list<std::span<const std::byte>> pieces,
                  const std::function<void()>& before_naming) {
  WholeFile file(target);
  for (const std::span<const std::byte> piece : pieces) file.write(piece);
  file.finish(WholeFile::Flush::to_disk, before_naming);
}

}  // namespace wishart::archive
