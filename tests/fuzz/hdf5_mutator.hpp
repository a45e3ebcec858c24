#pragma once

/// @file
/// Changes to archives that keep them readable further in: through HDF5's own interface.

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

#include "fuzz/hdf5_checksums.hpp"

namespace wishart::test {

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
    if (!out.empty()) Checksums(out).mend_superblock();  // HDF5 1.10 leaves a wrong one
    return out;
  }

private:
  std::size_t below(std::size_t count) { return random_() % std::max<std::size_t>(count, 1); }

  /// The group of a checkpoint: in a packed archive mostly one of those in it, else the root.
  std::string checkpoint(hid_t file) {
    H5G_info_t info{};
    if (below(4) == 0 || H5Lexists(file, "checkpoints", H5P_DEFAULT) <= 0 ||
        H5Gget_info_by_name(file, "checkpoints", &info, H5P_DEFAULT) < 0 || info.nlinks == 0) {
      return "/";
    }
    std::array<char, 256> name{};
    if (H5Lget_name_by_idx(file, "checkpoints", H5_INDEX_NAME, H5_ITER_INC, below(info.nlinks),
                           name.data(), name.size(), H5P_DEFAULT) < 0) {
      return "/";
    }
    return std::string("/checkpoints/") + name.data() + "/";
  }

  /// A path of an archive or of a packed one.
  std::string path(hid_t file) {
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
    return checkpoint(file) + kPaths[below(kPaths.size())];
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
    const std::string name = path(file);
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

  /// True if no filter can fail: HDF5 crashes when it closes a dataset whose chunks it cannot
  /// write.
  static bool is_writable(hid_t dataset) {
    const hid_t list = H5Dget_create_plist(dataset);
    bool writable = true;
    for (const H5Z_filter_t filter : {H5Z_FILTER_NBIT, H5Z_FILTER_SCALEOFFSET, H5Z_FILTER_SZIP}) {
      if (H5Pget_filter_by_id2(list, filter, nullptr, nullptr, nullptr, 0, nullptr, nullptr) >= 0) {
        writable = false;
      }
    }
    H5Pclose(list);
    return writable;
  }

  /// Overwrites a column of a row, or an element of a series.
  void put_value(hid_t file) {
    const hid_t dataset = H5Dopen2(file, path(file).c_str(), H5P_DEFAULT);
    if (dataset < 0) return;
    const hid_t element = H5Dget_type(dataset);
    const hid_t space = H5Dget_space(dataset);
    const auto count =
        static_cast<std::size_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(space), 0));
    const std::size_t bytes = H5Tget_size(element);
    if (count > 0 && count * bytes < (1U << 20U) && is_plain(element) && is_writable(dataset)) {
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

  /// An attribute that an archive has, or one that is there.
  std::string attribute(hid_t object) {
    static const std::array<const char*, 8> kNames{"wishart",  "schema_version", "checkpoint_id",
                                                   "options",  "step",           "content_hashes",
                                                   "analysis", "added"};
    std::array<char, 256> name{};
    const int count = H5Aget_num_attrs(object);
    if (below(4) == 0 || count <= 0 ||
        H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC,
                           below(static_cast<std::size_t>(count)), name.data(), name.size(),
                           H5P_DEFAULT) < 0) {
      return kNames[below(kNames.size())];
    }
    return name.data();
  }

  /// What an attribute of text may hold.
  std::string text() {
    static const std::array<const char*, 10> kTexts{
        "",         "checkpoint", "packed",  "{}",       "{\"min_evals\":1e999}",
        "[[[[[[[[", "corrected",  "adapter", "\xff\xfe", "nan",
    };
    std::string one = kTexts[below(kTexts.size())];
    if (below(8) == 0) one.assign(below(5000), static_cast<char>(random_()));
    return one;
  }

  void put_attribute(hid_t file) {
    const hid_t object = H5Oopen(file, checkpoint(file).c_str(), H5P_DEFAULT);
    if (object < 0) return;
    const std::string name = attribute(object);
    H5Adelete(object, name.c_str());
    const std::string value = text();
    hid_t element = type();
    if (below(3) == 0) {
      H5Tclose(element);
      element = H5Tcopy(H5T_C_S1);
      H5Tset_size(element, value.size() + 1);
    }
    const hsize_t extent = below(4);
    const hid_t space =
        below(4) != 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, nullptr);
    const hid_t made = H5Acreate2(object, name.c_str(), element, space, H5P_DEFAULT, H5P_DEFAULT);
    if (made >= 0) {
      const std::int64_t n = number();
      const double r = real();
      const bool one = H5Sget_simple_extent_npoints(space) == 1;
      const H5T_class_t kind = H5Tget_class(element);
      if (one && kind == H5T_INTEGER) H5Awrite(made, H5T_NATIVE_INT64, &n);
      if (one && kind == H5T_FLOAT) H5Awrite(made, H5T_NATIVE_DOUBLE, &r);
      if (one && kind == H5T_STRING && H5Tget_size(element) == value.size() + 1 &&
          H5Tis_variable_str(element) == 0) {
        H5Awrite(made, element, value.c_str());
      }
      H5Aclose(made);
    }
    H5Sclose(space);
    H5Tclose(element);
    H5Oclose(object);
  }

  void put_link(hid_t file) {
    const std::string from = path(file);
    const std::string to = path(file);
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
          H5Ldelete(file, path(file).c_str(), H5P_DEFAULT);
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
