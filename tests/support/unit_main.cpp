/// @file
/// The main of every one-process test program.

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
