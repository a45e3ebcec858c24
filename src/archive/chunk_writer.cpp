#include "chunk_writer.hpp"

#include <algorithm>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

namespace wishart::archive {

ChunkWriter::ChunkWriter(const Dataset& dataset, const ChunkFilter& filter)
    : dataset_(dataset),
      filter_(filter),
      element_bytes_(H5Tget_size(dataset.type.get())),
      chunk_bytes_(element_bytes_ * static_cast<std::size_t>(dataset.chunk_count)) {
  if (element_bytes_ == 0) dataset.place.fail();
}

void ChunkWriter::add(std::span<const std::byte> elements) {
  while (!elements.empty()) {
    if (chunks_.empty() || chunks_.back().bytes.size() == chunk_bytes_) {
      if (chunks_.size() >= filter_.at_once) write();
      chunks_.emplace_back().element_bytes = narrow<std::int64_t>(element_bytes_, "an element");
      chunks_.back().bytes.reserve(chunk_bytes_);
    }
    std::vector<std::byte>& chunk = chunks_.back().bytes;
    const auto taken = elements.first(std::min(chunk_bytes_ - chunk.size(), elements.size()));
    chunk.insert(chunk.end(), taken.begin(), taken.end());
    elements = elements.subspan(taken.size());
  }
}

void ChunkWriter::write() {
  const std::vector<std::vector<std::byte>> stored = filter_.run(chunks_);
  require(stored.size() == chunks_.size(), "a filter lost chunks");
  for (const std::vector<std::byte>& bytes : stored) {
    const auto offset = static_cast<hsize_t>(written_);
    dataset_.place.check(H5Dwrite_chunk(dataset_.dataset.get(), H5P_DEFAULT, 0, &offset,
                                        bytes.size(), bytes.data()));
    written_ += dataset_.chunk_count;
  }
  chunks_.clear();
}

void ChunkWriter::finish() {
  if (!chunks_.empty()) {
    // The file has only whole chunks: the last one is filled up with zeros.
    chunks_.back().bytes.resize(chunk_bytes_);
    write();
  }
  require(written_ >= dataset_.count, "a dataset was not written as a whole");
}

}  // namespace wishart::archive
