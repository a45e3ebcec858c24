# wishart_add_module(name SOURCES ... [ROOMS folders...] [USES modules...] [LIBRARIES third-party...])
#
# ROOMS are the folders of a large module, from the lowest to the highest: a file includes only what is
# in its own room or below, and what stands beside the rooms may use all of them.
# Makes the static library wishart::name. USES may name only modules declared before: the order in
# the top CMakeLists.txt is the order of the layers, and a module that reaches up fails here.
# tools/check-layers holds the #include lines to the same lists.
set_property(GLOBAL PROPERTY WISHART_MODULES "")

function(wishart_add_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;USES;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  foreach(room IN LISTS ARG_ROOMS)
    if(NOT IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/${room}")
      message(FATAL_ERROR "module '${name}' has no room '${room}'")
    endif()
  endforeach()
  get_property(below GLOBAL PROPERTY WISHART_MODULES)
  set(targets "")
  foreach(used IN LISTS ARG_USES)
    if(NOT used IN_LIST below)
      message(FATAL_ERROR "module '${name}' may not use '${used}': it is not below it")
    endif()
    list(APPEND targets wishart::${used})
  endforeach()
  add_library(wishart_${name} STATIC ${ARG_SOURCES})
  add_library(wishart::${name} ALIAS wishart_${name})
  target_link_libraries(wishart_${name}
    PUBLIC ${targets} ${ARG_LIBRARIES}
    PRIVATE $<BUILD_INTERFACE:wishart_options> ${ARG_PRIVATE_LIBRARIES})
  target_include_directories(wishart_${name}
    PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
    PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_compile_features(wishart_${name} PUBLIC cxx_std_20)
  if(WISHART_PRECOMPILE)
    # What nearly every source includes, compiled once a module: a fifth of the compile time.
    target_precompile_headers(wishart_${name} PRIVATE <algorithm> <array> <cmath> <cstdint> <filesystem> <fstream>
      <functional> <limits> <map> <memory> <optional> <ostream> <set> <span> <sstream> <string> <string_view> <tuple>
      <utility> <vector>)
  endif()
  set_target_properties(wishart_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY WISHART_MODULES ${name})
  set_property(GLOBAL PROPERTY WISHART_USES_${name} "${ARG_USES}")
endfunction()
