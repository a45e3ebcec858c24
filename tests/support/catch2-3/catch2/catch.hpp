#pragma once

/// @file
/// What the tests use of Catch2 2, from Catch2 3, which has other headers, names and no main of its
/// own in them.

#include <catch2/catch_all.hpp>

using Catch::Approx;

namespace Catch {

using TestEventListenerBase = EventListenerBase;
using Matchers::EndsWith;
using Matchers::StartsWith;

}  // namespace Catch

#ifdef CATCH_CONFIG_MAIN
int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
#endif
