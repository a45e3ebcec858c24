#pragma once

/// @file
/// Fits alternatives to the power law to the same tail by maximum likelihood, and selects the best
/// law.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace wishart::fit {

/// All laws are densities on [xmin, oo).
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
  double D = 0;      ///< defined as for the power law: lower step of the ECDF
  double log_likelihood_gain = 0;  ///< over the power law, summed over the tail
  /// Vuong's ratio: sum of log-likelihoods of the power law minus those of this one, over its
  /// standard deviation. Negative values favour this law.
  double R = 0;
  double p = 1;  ///< probability of an |R| this large if both laws were equally good
};

struct TailLaws {
  LawFit truncated;
  LawFit exponential;
  LawFit stretched;
  LawFit lognormal;
  Law best = Law::power_law;  ///< see best_law
};

/// Fits the four laws to all values of `tail`, of which the first is xmin.
///
/// Truncated and lognormal are exponential families in u = ln(x / xmin), with statistics (u, e^u)
/// and (u, u^2): their likelihood is concave, and Newton's method with moments by Gauss-Legendre
/// quadrature finds its only maximum. The rate of the stretched exponential is eliminated and its
/// beta the root of one equation. If the likelihood increases towards the power law (data with a
/// heavier tail than the law can have), the fit is the power law itself: R = 0, p = 1, and lambda =
/// 0, beta = 0, or infinite sigma. The exponent of the truncated law is constrained to be at least
/// 0.
///
/// For the truncated law, which contains the power law, p comes from the chi-square law with one
/// degree of freedom. For the others it is Vuong's, from the normal law (Clauset, Shalizi, Newman,
/// SIAM Review 51 (2009) 661, section 5.1 and appendix C).
/// @param tail  positive, ascending, at least 2 values, not all equal
[[nodiscard]] TailLaws fit_laws(std::span<const double> tail);

/// Among the laws that are better than the power law with p < 0.05, the one with the largest
/// log-likelihood minus number of parameters (Akaike's criterion). If there are none, the power
/// law.
[[nodiscard]] Law best_law(const TailLaws& laws);

/// Fits only the truncated power law.
[[nodiscard]] LawFit fit_truncated(std::span<const double> tail);

}  // namespace wishart::fit
