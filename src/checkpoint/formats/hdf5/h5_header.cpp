#include "formats/hdf5/h5_header.hpp"

#include <span>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"

// Layout: HDF5 File Format Specification, version 3.0, IV.A (object headers).

namespace wishart::checkpoint {
namespace {

constexpr std::uint64_t kContinuation = 0x10;
constexpr std::int64_t kSpareBytes = 4096;

/// A block of messages, with the flags of its form.
struct HeaderBlock {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

/// The form of the messages in a block: version 1 has longer fields, version 2 may have a creation
/// order.
struct MessageForm {
  bool version2 = false;
  bool ordered = false;
};

void read_block(Hdf5Bytes& file, const HeaderBlock& block, MessageForm form,
                std::vector<Hdf5Message>& messages, std::vector<HeaderBlock>& more) {
  const std::string bytes = file.read(block.address, block.bytes);
  Hdf5Fields fields(bytes, file);
  const std::size_t head = form.version2 ? (form.ordered ? 6 : 4) : 8;
  while (fields.left() >= head) {  // fewer bytes are a gap at the end
    Hdf5Message message;
    message.type = fields.number(form.version2 ? 1 : 2);
    const std::uint64_t size = fields.number(2);
    fields.skip(head - (form.version2 ? 3 : 4));
    const std::uint64_t at = bytes.size() - fields.left();
    message.data = fields.text(size);
    message.offset_bytes = file.offset_of(block.address + at, size);
    if (message.type == kContinuation) {
      Hdf5Fields next(message.data, file);
      const std::uint64_t address = next.number(8);
      more.push_back({address, next.number(8)});
    } else {
      messages.push_back(std::move(message));
    }
  }
}

}  // namespace

Hdf5Bytes::Hdf5Bytes(const InputFile& file, ByteRange slice, std::string place)
    : file_(&file), slice_(slice), place_(std::move(place)) {}

void Hdf5Bytes::fail(const std::string& what) const {
  throw Error(Blame::input, place_ + ": HDF5: " + what);
}

void Hdf5Bytes::set_base(std::uint64_t base) {
  if (base > static_cast<std::uint64_t>(slice_.size_bytes)) {
    fail("its base address " + std::to_string(base) + " is outside the file");
  }
  base_ = static_cast<std::int64_t>(base);
}

std::int64_t Hdf5Bytes::offset_of(std::uint64_t address, std::uint64_t count) const {
  const auto size = static_cast<std::uint64_t>(slice_.size_bytes - base_);
  if (address > size || count > size - address) {
    fail("expected " + std::to_string(count) + " bytes at address " + std::to_string(address) +
         ", the file has " + std::to_string(size) + ". It is damaged or truncated: copy it again");
  }
  return slice_.offset_bytes + base_ + static_cast<std::int64_t>(address);
}

std::string Hdf5Bytes::read(std::uint64_t address, std::uint64_t count) {
  const std::int64_t offset = offset_of(address, count);
  // Every object is read once, and the first bytes of a header twice. Reading more means a cycle.
  read_bytes_ += static_cast<std::int64_t>(count);
  if (read_bytes_ / 2 > slice_.size_bytes + kSpareBytes) fail("its objects overlap");
  std::string bytes(static_cast<std::size_t>(count), '\0');
  file_->read(offset, std::as_writable_bytes(std::span(bytes)));
  hash_ = hash_hex(hash_ + bytes);
  return bytes;
}

std::uint64_t Hdf5Fields::number(std::size_t bytes) {
  const std::string_view raw = text(bytes);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(raw[i])} << (8 * i);
  }
  return value;
}

std::string_view Hdf5Fields::text(std::uint64_t bytes) {
  if (bytes > rest_.size()) {
    file_->fail("a field of " + std::to_string(bytes) + " bytes runs past the end of its object");
  }
  const std::string_view result = rest_.substr(0, static_cast<std::size_t>(bytes));
  rest_.remove_prefix(static_cast<std::size_t>(bytes));
  return result;
}

std::vector<Hdf5Message> hdf5_messages(Hdf5Bytes& file, std::uint64_t address) {
  constexpr std::uint64_t kPrefix1 = 16;
  std::vector<HeaderBlock> blocks;
  MessageForm form;
  const std::string start = file.read(address, 6);
  if (start.starts_with("OHDR")) {
    form.version2 = true;
    const auto flags = static_cast<unsigned char>(start[5]);
    form.ordered = (flags & 4U) != 0;
    const std::uint64_t size_bytes = std::uint64_t{1} << (flags & 3U);
    const std::uint64_t prefix =
        6 + ((flags & 0x20U) != 0 ? 16U : 0U) + ((flags & 0x10U) != 0 ? 4U : 0U) + size_bytes;
    const std::string size = file.read(address + prefix - size_bytes, size_bytes);
    blocks.push_back({address + prefix, Hdf5Fields(size, file).number(size_bytes)});
  } else if (start[0] == 1) {
    const std::string prefix = file.read(address, kPrefix1);
    Hdf5Fields fields(prefix, file);
    fields.skip(8);
    blocks.push_back({address + kPrefix1, fields.number(4)});
  } else {
    file.fail("expected an object at address " + std::to_string(address) + ", found none");
  }
  std::vector<Hdf5Message> messages;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    HeaderBlock block = blocks[i];
    if (form.version2 && i > 0) {  // "OCHK" before, a checksum after
      if (block.bytes < 8) file.fail("a continuation of a header is too short");
      block = {block.address + 4, block.bytes - 8};
    }
    std::vector<HeaderBlock> more;
    read_block(file, block, form, messages, more);
    blocks.insert(blocks.end(), more.begin(), more.end());
  }
  return messages;
}

}  // namespace wishart::checkpoint
