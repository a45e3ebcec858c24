#pragma once

/// @file
/// Converts encoded tensors to numbers, block by block: quantised weights, products, sums.
///
/// What each encoding has in `parts` and in `numbers`. Parts are plain tensors unless said
/// otherwise. R x C is the last two dimensions, i a row, j a column, e = i * C + j. Formulas and
/// where they come from: docs/formats.md, "Encodings".
///
///   codes          codes, and what numbers/codes.hpp lists; a CodesLayout
///   bnb4           codes, absmax, map [, absmax of absmax, map of absmax]; run, run of absmax;
///                  `factor` is the offset of absmax
///   product        B [R, r], A [r, C]; 1 if the columns are the outputs (Conv1D, embeddings)
///   sum            X, Y, of any encoding
///   rescaled_rows  X, of any encoding; m [R]. With the number 1, columns of X; m [C]
///   gguf           blocks as U8; type, elements and bytes of a block
///   rows           X of two dimensions, of any encoding; first, run, stride: row i is row
///                  first + (i / run) * stride + i % run of X.
///                  Or X, Y; a, b, turned: by turns a rows of X and b rows of Y. X is
///                  [groups, a, C] or, if turned is 1, [groups, C, a]; Y is [groups, b, C]
///   varint         the list as U8; places of elements 0, kVarintRun, 2 kVarintRun, ... in it
///   affine         codes, scales [, zero points]; AffineLayout (affine_codes.hpp)
///   view           X, of any encoding; first, row stride, column stride, in elements of X, one of
///                  the strides 1 or 2 and the other a multiple of the width of X

#include <span>
#include <string>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

namespace wishart::checkpoint {

/// A tensor of this encoding. Parts keep their names, which messages about scales need.
/// @pre the product of the sizes fits into 64 bits
[[nodiscard]] Tensor encoded_tensor(std::string name, std::vector<std::int64_t> shape,
                                    Encoding encoding, std::vector<Tensor> parts,
                                    std::vector<std::int64_t> numbers, std::string stored_as);

/// Reads a block of an encoded tensor.
/// @pre the block lies in the tensor and fills `out`
void read_encoded(ElementReader& reader, const Tensor& tensor, const Block& block,
                  std::span<double> out);

/// The value of a 4-bit float (OCP Microscaling Formats, 5.3.3: sign, 2 bits, 1 bit).
[[nodiscard]] double fp4_value(unsigned code) noexcept;

}  // namespace wishart::checkpoint
