# What every target of ours is compiled with, as one interface target.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

add_library(wishart_options INTERFACE)
target_compile_features(wishart_options INTERFACE cxx_std_20)
target_include_directories(wishart_options INTERFACE "${PROJECT_SOURCE_DIR}/include")
target_compile_options(wishart_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wswitch-enum -Wformat=2 -Wimplicit-fallthrough
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # false alarms on string concatenation in GCC 12 (PR 105651)
  $<$<BOOL:${WISHART_WERROR}>:-Werror>)
# What a mistake with memory can do is limited (docs/security.md); tests/install/hardened looks at the program.
# `fit` leaves the checks of the standard library out (decision 064).
target_compile_definitions(wishart_options INTERFACE _GLIBCXX_ASSERTIONS)
target_compile_options(wishart_options INTERFACE -fPIE -fstack-protector-strong)
target_link_options(wishart_options INTERFACE
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie> -Wl,-z,relro,-z,now)
if(NOT WISHART_SANITIZE)  # sanitizers check more, in places of their own
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
  check_cxx_source_compiles("#include <cstring>\nint main() { return 0; }" WISHART_FORTIFY_3)
  unset(CMAKE_REQUIRED_FLAGS)
  set(fortify 2)
  if(WISHART_FORTIFY_3)
    set(fortify 3)
  endif()
  # Needs optimisation. Packagers set a level of their own in CXXFLAGS, which this replaces.
  target_compile_options(wishart_options INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE$<SEMICOLON>-D_FORTIFY_SOURCE=${fortify}>)
endif()
if(WISHART_SANITIZE)
  target_compile_options(wishart_options INTERFACE
    -fsanitize=${WISHART_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(wishart_options INTERFACE -fsanitize=${WISHART_SANITIZE})
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
# Clang writes the time of each header into what it precompiles; without, ccache knows what has not changed.
add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>")
