# Finds ELPA (optional), by the path that its pkg-config file names: Debian puts its headers into a
# folder of their own. Target ELPA::ELPA.
find_path(ELPA_INCLUDE_DIR elpa/elpa.h PATH_SUFFIXES elpa)
find_library(ELPA_LIBRARY elpa)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ELPA REQUIRED_VARS ELPA_LIBRARY ELPA_INCLUDE_DIR)
mark_as_advanced(ELPA_INCLUDE_DIR ELPA_LIBRARY)
set(ELPA_VERSION "of unknown version")
if(ELPA_FOUND AND EXISTS "${ELPA_INCLUDE_DIR}/elpa/elpa_version.h")
  file(STRINGS "${ELPA_INCLUDE_DIR}/elpa/elpa_version.h" line REGEX "ELPA_API_VERSION +[0-9]+")
  if(line MATCHES "ELPA_API_VERSION +([0-9]+)")
    set(ELPA_VERSION "API ${CMAKE_MATCH_1}")
  endif()
endif()
if(ELPA_FOUND AND NOT TARGET ELPA::ELPA)
  add_library(ELPA::ELPA UNKNOWN IMPORTED)
  set_target_properties(ELPA::ELPA PROPERTIES
    IMPORTED_LOCATION "${ELPA_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${ELPA_INCLUDE_DIR}")
endif()
