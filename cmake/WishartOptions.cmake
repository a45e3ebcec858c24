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
target_compile_definitions(wishart_options INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
if(WISHART_SANITIZE)
  target_compile_options(wishart_options INTERFACE
    -fsanitize=${WISHART_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(wishart_options INTERFACE -fsanitize=${WISHART_SANITIZE})
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
