#pragma once

/// @file
/// Densities e^(-a u - b g(u)) / Z on u >= 0, with g convex and growing: an exponential family.

#include <span>

namespace wishart::fit {

/// g(u) = e^u - 1, of the truncated power law in u = ln(x / xmin); or g(u) = u^2, of the lognormal.
enum class Bend : unsigned char { exponential, square };

[[nodiscard]] double bend(Bend kind, double u);

struct FamilyPoint {
  double a = 0;
  double b = 0;
};

/// ln Z and the moments of (u, g).
struct FamilyMoments {
  double log_z = 0;
  double mean_u = 0;
  double mean_g = 0;
  double var_u = 0;
  double cov = 0;
  double var_g = 0;
};

/// By Gauss-Legendre quadrature over the range where the density is above e^-42 of its maximum.
/// @pre b > 0, or b = 0 and a > 0
[[nodiscard]] FamilyMoments family_moments(Bend kind, FamilyPoint at);

/// The maximum-likelihood point for data with these means of u and g. b = 0, a = 1 / mean_u if the
/// likelihood has its maximum there (no b > 0 is better).
[[nodiscard]] FamilyPoint fit_family(Bend kind, double mean_u, double mean_g);

/// The largest |F(u_k) - k / m| over ascending u_k, F by quadrature between neighbours.
[[nodiscard]] double family_distance(Bend kind, FamilyPoint at, double log_z,
                                     std::span<const double> ascending);

}  // namespace wishart::fit
