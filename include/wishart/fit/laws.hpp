#pragma once

/// @file
/// Other laws than the power law on the same tail, by maximum likelihood, and which is best.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace wishart::fit {

/// All are densities on [xmin, oo).
enum class Law : std::uint8_t {
  power_law,    ///< ~ x^-alpha
  truncated,    ///< ~ x^-alpha e^(-lambda x); WeightWatcher's TPL
  exponential,  ///< ~ e^(-lambda x)
  stretched,    ///< ~ x^(beta - 1) e^(-(lambda x)^beta)
  lognormal,    ///< ~ (1 / x) e^(-(ln x - mu)^2 / (2 sigma^2))
};

[[nodiscard]] constexpr std::string_view law_name(Law law) noexcept {
  constexpr std::array<std::string_view, 5> kNames{"power_law", "truncated", "exponential",
                                                   "stretched", "lognormal"};
  return kNames[static_cast<std::size_t>(law)];
}

/// A law fitted to a tail, and how it compares with the power law.
struct LawFit {
  double shape = 0;  ///< alpha, beta, or sigma of the lognormal; NaN for the exponential
  double rate = 0;   ///< lambda, or mu of the lognormal
  double D = 0;      ///< as D of the power law: lower step of the ECDF
  double log_likelihood_gain = 0;  ///< over the power law, summed over the tail
  /// Vuong's ratio: sum of log-likelihoods of the power law minus those of this one, over its
  /// standard deviation. Negative speaks for this law.
  double R = 0;
  double p = 1;  ///< probability of as large an |R| if both were equally good
};

struct TailLaws {
  LawFit truncated;
  LawFit exponential;
  LawFit stretched;
  LawFit lognormal;
  Law best = Law::power_law;  ///< see best_law
};

/// Fits the four to the values from the first on, which is xmin.
///
/// Truncated and lognormal are exponential families in u = ln(x / xmin), with statistics (u, e^u)
/// and (u, u^2): their likelihood is concave, and Newton's method with moments by Gauss-Legendre
/// quadrature finds its only maximum. The rate of the stretched exponential is eliminated and its
/// beta the root of one equation. Where the likelihood grows towards the power law (data with a
/// heavier tail than its own), the fit is the power law: R = 0, p = 1, and lambda = 0, beta = 0, or
/// sigma infinite. The exponent of the truncated law is kept at 0 or above.
///
/// p: for the truncated law, which contains the power law, from the chi-square law with one degree
/// of freedom; else Vuong's, from the normal law (Clauset, Shalizi, Newman, SIAM Review 51 (2009)
/// 661, section 5.1 and appendix C).
/// @param tail  positive, ascending, at least 2 values, not all equal
[[nodiscard]] TailLaws fit_laws(std::span<const double> tail);

/// Of the laws that are better than the power law with p < 0.05, the one with the largest
/// likelihood less its number of parameters (Akaike's criterion); else the power law.
[[nodiscard]] Law best_law(const TailLaws& laws);

/// The truncated power law alone.
[[nodiscard]] LawFit fit_truncated(std::span<const double> tail);

}  // namespace wishart::fit
