#pragma once

/// @file
/// Changes to HDF5 files that keep them readable further in: through HDF5's own interface, and of
/// bytes with the checksums of the headers put right again.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <hdf5.h>

/// Of libhdf5, which exports it: Bob Jenkins's lookup3 as HDF5 stores it.
extern "C" std::uint32_t H5_checksum_lookup3(const void* key, std::size_t length,
                                             std::uint32_t initial);

namespace wishart::test {

/// Sets the checksum of superblocks (version 2 and 3), of object headers (version 2) and of the
/// headers of fixed arrays and of version 2 B-trees, wherever their signatures are (HDF5 file
/// format, II.A, III.C, IV.A.1.b).
class Checksums {
public:
  explicit Checksums(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  void mend() const {
    constexpr std::size_t kSuperblock = 44;
    if (bytes_.size() >= kSuperblock + 4 && bytes_[8] >= 2) set(0, kSuperblock);
    for (std::size_t at = 0; at + 8 < bytes_.size(); ++at) {
      if (is("OHDR", at)) set(at, header_bytes(at));
      if (is("FAHD", at)) set(at, 24);
      if (is("BTHD", at)) set(at, 34);
    }
  }

private:
  [[nodiscard]] bool is(const char* name, std::size_t at) const {
    return std::memcmp(bytes_.data() + at, name, 4) == 0;
  }
  /// The bytes before the checksum of an object header.
  [[nodiscard]] std::size_t header_bytes(std::size_t at) const {
    const unsigned flags = bytes_[at + 5];
    std::size_t place = at + 6 + ((flags & 0x20U) != 0 ? 16 : 0) + ((flags & 0x10U) != 0 ? 4 : 0);
    const std::size_t width = std::size_t{1} << (flags & 3U);
    std::uint64_t chunk = 0;
    if (place + width > bytes_.size()) return bytes_.size();
    std::memcpy(&chunk, bytes_.data() + place, width);
    place += width;
    return chunk > bytes_.size() ? bytes_.size() : place - at + chunk;
  }
  void set(std::size_t at, std::size_t length) const {
    if (length > bytes_.size() || at + length + 4 > bytes_.size()) return;
    const std::uint32_t sum = H5_checksum_lookup3(bytes_.data() + at, length, 0);
    std::memcpy(bytes_.data() + at + length, &sum, sizeof(sum));
  }

  std::vector<std::uint8_t>& bytes_;
};

/// One change through HDF5's interface, in memory.
class Hdf5Change {
public:
  explicit Hdf5Change(unsigned seed) : random_(seed) {}

  /// The changed file; empty if HDF5 does not take it, or makes it larger than `most`.
  [[nodiscard]] std::vector<std::uint8_t> of(const std::vector<std::uint8_t>& bytes,
                                             std::size_t most) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    std::vector<std::uint8_t> out;
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1U << 14U, false);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_file_image(access, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
    const hid_t file = H5Fopen("memory", H5F_ACC_RDWR, access);
    H5Pclose(access);
    if (file < 0) return out;
    change(file);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    const ssize_t size = H5Fget_file_image(file, nullptr, 0);
    if (size > 0 && static_cast<std::size_t>(size) <= most) {
      out.resize(static_cast<std::size_t>(size));
      if (H5Fget_file_image(file, out.data(), out.size()) < 0) out.clear();
    }
    H5Fclose(file);
    if (!out.empty()) Checksums(out).mend();  // the image of HDF5 1.10 has a wrong one
    return out;
  }

private:
  std::size_t below(std::size_t count) { return random_() % std::max<std::size_t>(count, 1); }

  /// A path of an archive or of a packed one.
  std::string path() {
    static const std::array<const char*, 15> kPaths{"layers",
                                                    "skipped",
                                                    "summary",
                                                    "files",
                                                    "traps",
                                                    "spectra",
                                                    "spectra/sigma",
                                                    "spectra/offset",
                                                    "spectra/view_sigma_min",
                                                    "spectra/view_sigma_max",
                                                    "spectra/view_rank_loss",
                                                    "spectra/view_offset",
                                                    "hashes/layers",
                                                    "hashes/sigma",
                                                    "checkpoints"};
    return kPaths[below(kPaths.size())];
  }

  std::int64_t number() {
    static const std::array<std::int64_t, 12> kNumbers{0,
                                                       1,
                                                       -1,
                                                       2,
                                                       7,
                                                       255,
                                                       65536,
                                                       1LL << 31,
                                                       1LL << 32,
                                                       1LL << 62,
                                                       std::numeric_limits<std::int64_t>::max(),
                                                       std::numeric_limits<std::int64_t>::min()};
    return below(3) == 0 ? static_cast<std::int64_t>(random_()) : kNumbers[below(kNumbers.size())];
  }

  double real() {
    static const std::array<double, 9> kReals{0.,
                                              -0.,
                                              1.,
                                              -1.,
                                              1e-308,
                                              1e308,
                                              std::numeric_limits<double>::infinity(),
                                              std::numeric_limits<double>::quiet_NaN(),
                                              std::numeric_limits<double>::denorm_min()};
    return kReals[below(kReals.size())];
  }

  hid_t type() {
    static const std::array<hid_t, 8> kTypes{H5T_IEEE_F64LE, H5T_STD_I64LE, H5T_IEEE_F32BE,
                                             H5T_STD_I8LE,   H5T_STD_B16LE, H5T_STD_REF_OBJ,
                                             H5T_UNIX_D32LE, H5T_STD_U64LE};
    hid_t one = H5Tcopy(kTypes[below(kTypes.size())]);
    switch (below(8)) {
      case 0:
        H5Tclose(one);
        one = H5Tcopy(H5T_C_S1);
        H5Tset_size(one, below(4) == 0 ? H5T_VARIABLE : 1 + below(300));
        break;
      case 1: {
        const hid_t row = H5Tcreate(H5T_COMPOUND, 8 + below(64));
        for (const char* name : {"key", "layer_id", "alpha"}) {
          H5Tinsert(row, name, below(32), one);
        }
        H5Tclose(one);
        one = row;
        break;
      }
      case 2: {
        const hid_t list = H5Tvlen_create(one);
        H5Tclose(one);
        one = list;
        break;
      }
      case 3: {
        const std::array<hsize_t, 2> extents{1 + below(5), 1 + below(5)};
        const hid_t array = H5Tarray_create2(one, 2, extents.data());
        H5Tclose(one);
        one = array;
        break;
      }
      default:
        break;
    }
    return one;
  }

  /// @param written  elements follow, so only filters that cannot fail: HDF5 crashes when it closes
  /// a
  ///   dataset whose chunks it cannot write
  hid_t creation(hsize_t extent, bool written) {
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    switch (below(6)) {
      case 0:
        H5Pset_layout(list, H5D_COMPACT);
        break;
      case 1:
        H5Pset_layout(list, H5D_CONTIGUOUS);
        break;
      case 2:
        if (!written) H5Pset_external(list, "none", 0, 1U << 20U);
        break;
      default: {
        const hsize_t chunk = below(4) == 0 ? 1 + below(1U << 20U) : 1 + below(extent + 1);
        H5Pset_chunk(list, 1, &chunk);
        const std::size_t filters = below(5);
        for (std::size_t i = 0; i < filters; ++i) {
          if (below(2) == 0) H5Pset_shuffle(list);
          if (below(2) == 0) H5Pset_deflate(list, 1);
          if (below(2) == 0) H5Pset_fletcher32(list);
          if (!written && below(9) == 0) H5Pset_nbit(list);
          if (!written && below(9) == 0) H5Pset_scaleoffset(list, H5Z_SO_INT, 0);
        }
        break;
      }
    }
    return list;
  }

  void put_dataset(hid_t file) {
    const std::string name = path();
    if (below(4) != 0) H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    const std::array<hsize_t, 2> extents{below(40), below(3)};
    const hid_t space = H5Screate_simple(below(9) == 0 ? 2 : 1, extents.data(), nullptr);
    const hid_t element = type();
    const bool written = below(4) != 0;
    const hid_t list = creation(extents[0], written);
    const hid_t dataset =
        H5Dcreate2(file, name.c_str(), element, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (dataset >= 0 && written && H5Tget_class(element) == H5T_FLOAT) {
      std::vector<double> values(extents[0] * 3);
      for (double& value : values) value = real();
      H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    } else if (dataset >= 0 && written && H5Tget_class(element) == H5T_INTEGER) {
      std::vector<std::int64_t> values(extents[0] * 3);
      for (std::int64_t& value : values) value = number();
      H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    }
    if (dataset >= 0) H5Dclose(dataset);
    H5Pclose(list);
    H5Tclose(element);
    H5Sclose(space);
  }

  /// True for numbers and texts of fixed length, and for rows of them.
  static bool is_plain(hid_t element) {
    const H5T_class_t kind = H5Tget_class(element);
    if (kind == H5T_STRING) return H5Tis_variable_str(element) == 0;
    if (kind != H5T_COMPOUND) return kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM;
    const int count = H5Tget_nmembers(element);
    for (int i = 0; i < count; ++i) {
      const hid_t column = H5Tget_member_type(element, static_cast<unsigned>(i));
      const bool plain = is_plain(column);
      H5Tclose(column);
      if (!plain) return false;
    }
    return count > 0;
  }

  /// Overwrites a column of a row, or an element of a series.
  void put_value(hid_t file) {
    const hid_t dataset = H5Dopen2(file, path().c_str(), H5P_DEFAULT);
    if (dataset < 0) return;
    const hid_t element = H5Dget_type(dataset);
    const hid_t space = H5Dget_space(dataset);
    const auto count =
        static_cast<std::size_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(space), 0));
    const std::size_t bytes = H5Tget_size(element);
    if (count > 0 && count * bytes < (1U << 20U) && is_plain(element)) {
      std::vector<std::uint8_t> values(count * bytes);
      H5Dread(dataset, element, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
      std::size_t at = below(count) * bytes;
      std::size_t width = bytes;
      bool is_real = H5Tget_class(element) == H5T_FLOAT;
      if (H5Tget_class(element) == H5T_COMPOUND) {
        const auto member =
            static_cast<unsigned>(below(static_cast<std::size_t>(H5Tget_nmembers(element))));
        const hid_t column = H5Tget_member_type(element, member);
        at += H5Tget_member_offset(element, member);
        width = H5Tget_size(column);
        is_real = H5Tget_class(column) == H5T_FLOAT;
        H5Tclose(column);
      }
      const double r = real();
      const std::int64_t n = number();
      if (width <= values.size() - at) {
        if (is_real && width == sizeof(r)) {
          std::memcpy(values.data() + at, &r, sizeof(r));
        } else if (width == sizeof(n)) {
          std::memcpy(values.data() + at, &n, sizeof(n));
        } else {
          for (std::size_t i = 0; i < width; ++i) {
            if (below(3) == 0) values[at + i] = static_cast<std::uint8_t>(random_());
          }
        }
      }
      H5Dwrite(dataset, element, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    }
    H5Sclose(space);
    H5Tclose(element);
    H5Dclose(dataset);
  }

  void put_attribute(hid_t file) {
    const std::array<const char*, 8> names{"wishart", "schema_version", "checkpoint_id", "options",
                                           "step",    "content_hashes", "analysis",      "added"};
    const char* name = names[below(names.size())];
    H5Adelete(file, name);
    const hid_t element = type();
    const hsize_t extent = below(4);
    const hid_t space =
        below(2) == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, nullptr);
    const hid_t attribute = H5Acreate2(file, name, element, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
      std::int64_t value = number();
      if (H5Tget_class(element) == H5T_INTEGER && extent <= 1) {
        H5Awrite(attribute, H5T_NATIVE_INT64, &value);
      }
      H5Aclose(attribute);
    }
    H5Sclose(space);
    H5Tclose(element);
  }

  void put_link(hid_t file) {
    const std::string from = path();
    const std::string to = path();
    if (below(2) == 0) H5Ldelete(file, to.c_str(), H5P_DEFAULT);
    switch (below(4)) {
      case 0:
        H5Lcreate_soft(from.c_str(), file, to.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 1:
        H5Lcreate_external("none.h5", from.c_str(), file, to.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 2:
        H5Lcreate_hard(file, from.c_str(), file, to.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      default:
        H5Lmove(file, from.c_str(), file, to.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
    }
  }

  void change(hid_t file) {
    const std::size_t count = 1 + below(3);
    for (std::size_t i = 0; i < count; ++i) {
      switch (below(8)) {
        case 0:
          put_attribute(file);
          break;
        case 1:
          put_link(file);
          break;
        case 2:
          H5Ldelete(file, path().c_str(), H5P_DEFAULT);
          break;
        case 3:
          put_dataset(file);
          break;
        default:
          put_value(file);
          break;
      }
    }
  }

  std::mt19937 random_;
};

}  // namespace wishart::test
