# Finds oneDNN (optional, a peer of the benchmarks), whose config file of Debian 12 asks for an OpenCL
# that is not needed.
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(ONEDNN_LIBRARY dnnl)
set(ONEDNN_VERSION "")
if(ONEDNN_INCLUDE_DIR AND EXISTS "${ONEDNN_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h")
  file(STRINGS "${ONEDNN_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h" lines REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "[0-9]+$" number "${line}")
    list(APPEND ONEDNN_VERSION_NUMBERS "${number}")
  endforeach()
  list(JOIN ONEDNN_VERSION_NUMBERS "." ONEDNN_VERSION)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDNN REQUIRED_VARS ONEDNN_LIBRARY ONEDNN_INCLUDE_DIR VERSION_VAR ONEDNN_VERSION
  HANDLE_VERSION_RANGE)
mark_as_advanced(ONEDNN_INCLUDE_DIR ONEDNN_LIBRARY)
