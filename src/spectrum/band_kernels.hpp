#pragma once

/// @file
/// Internal to the bulge chases (band_to_tridiagonal.cpp, band_to_bidiagonal.cpp): products with
/// reflectors on small blocks, written once and compiled for each instruction set.
///
/// Blocks are column-major. Vectors are padded with `kPad` zeros, so that loops run in whole
/// registers: what a product reads beyond a block is multiplied by zero, and an update writes back
/// unchanged what it read there. `Lanes` is the number of doubles in a register.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace wishart::spectrum::band {

/// Twice the width of the widest register in doubles, because loops are unrolled by two registers.
inline constexpr std::int64_t kPad = 16;

// Must be inlined into a function that has the instruction set's target attribute.
#define WISHART_INLINE inline __attribute__((always_inline))

template <std::int64_t Lanes>
struct Simd {
  typedef double Vector __attribute__((vector_size(Lanes * 8)));  // NOLINT(modernize-use-using)

  static WISHART_INLINE Vector load(const double* from) {
    Vector value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }
  static WISHART_INLINE void store(double* to, Vector value) {
    std::memcpy(to, &value, sizeof(value));
  }
  static WISHART_INLINE double sum(Vector value) {
    double lanes[static_cast<std::size_t>(Lanes)];
    std::memcpy(lanes, &value, sizeof(value));
    for (std::int64_t half = Lanes / 2; half > 0; half /= 2) {
      for (std::int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
  }

  static WISHART_INLINE double dot(const double* x, const double* y, std::int64_t n) {
    Vector total{};
    for (std::int64_t i = 0; i < n; i += Lanes) total += load(x + i) * load(y + i);
    return sum(total);
  }

  /// y = B x, with B of rows x cols.
  static WISHART_INLINE void multiply(const double* b, std::int64_t ld, std::int64_t rows,
                                      std::int64_t cols, const double* x, double* y) {
    std::int64_t r = 0;
    for (; r + 4 * Lanes <= rows; r += 4 * Lanes) {
      Vector y0{};
      Vector y1{};
      Vector y2{};
      Vector y3{};
      for (std::int64_t c = 0; c < cols; ++c) {
        const double* column = b + c * ld + r;
        y0 += load(column) * x[c];
        y1 += load(column + Lanes) * x[c];
        y2 += load(column + 2 * Lanes) * x[c];
        y3 += load(column + 3 * Lanes) * x[c];
      }
      store(y + r, y0);
      store(y + r + Lanes, y1);
      store(y + r + 2 * Lanes, y2);
      store(y + r + 3 * Lanes, y3);
    }
    for (; r < rows; r += Lanes) {
      Vector y0{};
      for (std::int64_t c = 0; c < cols; ++c) y0 += load(b + c * ld + r) * x[c];
      store(y + r, y0);
    }
  }

  /// z = B^T u, with B of rows x cols.
  static WISHART_INLINE void multiply_transposed(const double* b, std::int64_t ld,
                                                 std::int64_t rows, std::int64_t cols,
                                                 const double* u, double* z) {
    std::int64_t c = 0;
    for (; c + 4 <= cols; c += 4) {
      const double* p = b + c * ld;
      Vector s0{};
      Vector s1{};
      Vector s2{};
      Vector s3{};
      for (std::int64_t r = 0; r < rows; r += Lanes) {
        const Vector u_r = load(u + r);
        s0 += load(p + r) * u_r;
        s1 += load(p + ld + r) * u_r;
        s2 += load(p + 2 * ld + r) * u_r;
        s3 += load(p + 3 * ld + r) * u_r;
      }
      z[c] = sum(s0);
      z[c + 1] = sum(s1);
      z[c + 2] = sum(s2);
      z[c + 3] = sum(s3);
    }
    for (; c < cols; ++c) z[c] = dot(b + c * ld, u, rows);
  }

  /// B <- B - tau_u u z^T - tau_v y v^T. u and y are padded.
  static WISHART_INLINE void subtract_two(double* b, std::int64_t ld, std::int64_t rows,
                                          std::int64_t cols, const double* u, double tau_u,
                                          const double* z, const double* y, double tau_v,
                                          const double* v) {
    std::int64_t c = 0;
    for (; c + 2 <= cols; c += 2) {
      double* p = b + c * ld;
      double* q = p + ld;
      const double u_p = tau_u * z[c];
      const double u_q = tau_u * z[c + 1];
      const double y_p = tau_v * v[c];
      const double y_q = tau_v * v[c + 1];
      for (std::int64_t r = 0; r < rows; r += Lanes) {
        const Vector u_r = load(u + r);
        const Vector y_r = load(y + r);
        store(p + r, load(p + r) - u_r * u_p - y_r * y_p);
        store(q + r, load(q + r) - u_r * u_q - y_r * y_q);
      }
    }
    if (c < cols) {
      double* p = b + c * ld;
      const double u_p = tau_u * z[c];
      const double y_p = tau_v * v[c];
      for (std::int64_t r = 0; r < rows; r += Lanes) {
        store(p + r, load(p + r) - load(u + r) * u_p - load(y + r) * y_p);
      }
    }
  }

  /// B <- (I - tau_v v v^T) (B - tau_x y x^T), where y = B x has been computed already.
  static WISHART_INLINE void update_both_sides(double* b, std::int64_t ld, std::int64_t rows,
                                               std::int64_t cols, const double* x, double tau_x,
                                               const double* y, const double* v, double tau_v) {
    const double vy = dot(v, y, rows);
    std::int64_t c = 0;
    for (; c + 2 <= cols; c += 2) {
      double* p = b + c * ld;
      double* q = p + ld;
      Vector sum_p{};
      Vector sum_q{};
      for (std::int64_t r = 0; r < rows; r += Lanes) {
        const Vector v_r = load(v + r);
        sum_p += load(p + r) * v_r;
        sum_q += load(q + r) * v_r;
      }
      const double right_p = tau_x * x[c];
      const double right_q = tau_x * x[c + 1];
      const double left_p = tau_v * (sum(sum_p) - right_p * vy);
      const double left_q = tau_v * (sum(sum_q) - right_q * vy);
      for (std::int64_t r = 0; r < rows; r += Lanes) {
        const Vector v_r = load(v + r);
        const Vector y_r = load(y + r);
        store(p + r, load(p + r) - y_r * right_p - v_r * left_p);
        store(q + r, load(q + r) - y_r * right_q - v_r * left_q);
      }
    }
    if (c < cols) {
      double* p = b + c * ld;
      const double right = tau_x * x[c];
      const double left = tau_v * (dot(p, v, rows) - right * vy);
      for (std::int64_t r = 0; r < rows; r += Lanes) {
        store(p + r, load(p + r) - load(y + r) * right - load(v + r) * left);
      }
    }
  }

  /// y = D x, with D symmetric of order n, lower triangle. y has n + kPad elements.
  static WISHART_INLINE void multiply_symmetric(const double* d, std::int64_t ld, std::int64_t n,
                                                const double* x, double* y) {
    std::memset(y, 0, sizeof(double) * static_cast<std::size_t>(n + kPad));
    std::int64_t c = 0;
    for (; c + 4 <= n; c += 4) {
      const double* p0 = d + c + c * ld;
      const double* p1 = p0 + ld;
      const double* p2 = p1 + ld;
      const double* p3 = p2 + ld;
      const double x0 = x[c];
      const double x1 = x[c + 1];
      const double x2 = x[c + 2];
      const double x3 = x[c + 3];
      const double t0 = p0[0] * x0 + p0[1] * x1 + p0[2] * x2 + p0[3] * x3;
      const double t1 = p0[1] * x0 + p1[1] * x1 + p1[2] * x2 + p1[3] * x3;
      const double t2 = p0[2] * x0 + p1[2] * x1 + p2[2] * x2 + p2[3] * x3;
      const double t3 = p0[3] * x0 + p1[3] * x1 + p2[3] * x2 + p3[3] * x3;
      Vector s0{};
      Vector s1{};
      Vector s2{};
      Vector s3{};
      for (std::int64_t r = 4; r < n - c; r += Lanes) {
        const Vector d0 = load(p0 + r);
        const Vector d1 = load(p1 + r);
        const Vector d2 = load(p2 + r);
        const Vector d3 = load(p3 + r);
        const Vector x_r = load(x + c + r);
        s0 += d0 * x_r;
        s1 += d1 * x_r;
        s2 += d2 * x_r;
        s3 += d3 * x_r;
        store(y + c + r, load(y + c + r) + ((d0 * x0 + d1 * x1) + (d2 * x2 + d3 * x3)));
      }
      y[c] += t0 + sum(s0);
      y[c + 1] += t1 + sum(s1);
      y[c + 2] += t2 + sum(s2);
      y[c + 3] += t3 + sum(s3);
    }
    for (; c < n; ++c) {
      const double* p = d + c + c * ld;
      double total = p[0] * x[c];
      for (std::int64_t r = 1; r < n - c; ++r) {
        total += p[r] * x[c + r];
        y[c + r] += p[r] * x[c];
      }
      y[c] += total;
    }
  }

  /// D <- D - x w^T - w x^T, lower triangle.
  static WISHART_INLINE void update_symmetric(double* d, std::int64_t ld, std::int64_t n,
                                              const double* x, const double* w) {
    std::int64_t c = 0;
    for (; c + 2 <= n; c += 2) {
      double* p = d + c + c * ld;
      double* q = p + ld;
      p[0] -= 2 * x[c] * w[c];
      p[1] -= x[c + 1] * w[c] + w[c + 1] * x[c];
      q[1] -= 2 * x[c + 1] * w[c + 1];
      const double x_p = x[c];
      const double w_p = w[c];
      const double x_q = x[c + 1];
      const double w_q = w[c + 1];
      for (std::int64_t r = 2; r < n - c; r += Lanes) {
        const Vector x_r = load(x + c + r);
        const Vector w_r = load(w + c + r);
        store(p + r, load(p + r) - x_r * w_p - w_r * x_p);
        store(q + r, load(q + r) - x_r * w_q - w_r * x_q);
      }
    }
    if (c < n) d[c + c * ld] -= 2 * x[c] * w[c];
  }

  /// The reflector I - tau v v^T, v[0] = 1, that maps x[0..n) to a multiple of the first unit
  /// vector (LAPACK's DLARFG; the caller has scaled its matrix, so squares do not overflow).
  /// Writes v with its padding, and returns the multiple.
  static WISHART_INLINE double reflector(const double* x, std::int64_t n, double* v, double& tau) {
    double below = 0;
    for (std::int64_t i = 1; i < n; ++i) below += x[i] * x[i];
    std::memset(v + n, 0, sizeof(double) * kPad);
    v[0] = 1;
    if (below == 0) {
      for (std::int64_t i = 1; i < n; ++i) v[i] = 0;
      tau = 0;
      return x[0];
    }
    const double image = -std::copysign(std::sqrt(x[0] * x[0] + below), x[0]);
    tau = (image - x[0]) / image;
    const double scale = 1 / (x[0] - image);
    for (std::int64_t i = 1; i < n; ++i) v[i] = x[i] * scale;
    return image;
  }
};

}  // namespace wishart::spectrum::band
