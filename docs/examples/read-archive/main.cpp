/// @file
/// Prints the layers of each checkpoint of an archive: alpha, the largest singular value, how many
/// values are kept.
///
///     read-archive ARCHIVE

#include <cstdio>
#include <exception>

#include <wishart/archive/reader.hpp>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("use: read-archive ARCHIVE\n", stderr);
    return 2;
  }
  try {
    const wishart::archive::Reader archive(argv[1]);
    for (const std::string& id : archive.ids()) {
      const wishart::CheckpointRecord record = archive.read(id);
      for (std::size_t i = 0; i < record.layers.size(); ++i) {
        const wishart::LayerRow& layer = record.layers[i];
        // Singular values in ascending order; none if the matrix could not be computed.
        const std::vector<double>& sigma = record.spectra[i].sigma;
        std::printf("%s %s alpha %.4g largest %.4g values %zu\n", id.c_str(), layer.key.c_str(),
                    layer.alpha, sigma.empty() ? 0.0 : sigma.back(), sigma.size());
      }
    }
  } catch (const std::exception& error) {  // wishart::Error says who has to act: blame()
    std::fprintf(stderr, "read-archive: %s\n", error.what());
    return 1;
  }
  return 0;
}
