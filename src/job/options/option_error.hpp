#pragma once

/// @file
/// The text of an error of Boost.Program_options.

#include <string>

#include <boost/program_options/errors.hpp>

namespace wishart::job {

/// As `what()`, which puts what was found into a text until there is nothing left to put in: with
/// some texts between percent signs in a file or on the command line it never ends. Here each place
/// is filled once, if what was found has percent signs at all.
[[nodiscard]] std::string text_of(const boost::program_options::error& error);

}  // namespace wishart::job
