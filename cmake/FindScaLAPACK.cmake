# Finds ScaLAPACK: the target ScaLAPACK::ScaLAPACK.
#
#   ScaLAPACK_LIBRARIES  may be given: one library, or several in the order in which they are linked, as of MKL:
#                        -DScaLAPACK_LIBRARIES="$MKLROOT/lib/libmkl_scalapack_lp64.so;$MKLROOT/lib/libmkl_blacs_openmpi_lp64.so"
#   ScaLAPACK_LIBRARY    the first of them; may be given instead
#
# Debian's own scalapack-config.cmake names a library file that its package does not have, so the library is
# looked up here by name. Debian has one for each MPI, called after it (WISHART_MPI_FAMILY).
if(ScaLAPACK_LIBRARIES)
  list(GET ScaLAPACK_LIBRARIES 0 ScaLAPACK_LIBRARY)
  foreach(library IN LISTS ScaLAPACK_LIBRARIES)
    if(NOT EXISTS "${library}")
      message(FATAL_ERROR "ScaLAPACK_LIBRARIES: ${library}: no such file")
    endif()
  endforeach()
else()
  if(WISHART_MPI_FAMILY STREQUAL mpich)
    set(names scalapack-mpich scalapack)
    set(package libscalapack-mpich-dev)
  else()
    set(names scalapack-openmpi scalapack)
    set(package libscalapack-openmpi-dev)
  endif()
  find_library(ScaLAPACK_LIBRARY NAMES ${names})
  set(ScaLAPACK_LIBRARIES "${ScaLAPACK_LIBRARY}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ScaLAPACK REQUIRED_VARS ScaLAPACK_LIBRARY
  REASON_FAILURE_MESSAGE "install ${package}, or give it: -DScaLAPACK_LIBRARIES=PATH[;PATH...]")
# The file that the links end at is called after the version: libscalapack-openmpi.so.2.2.1.
set(ScaLAPACK_VERSION "of unknown version")
if(ScaLAPACK_FOUND)
  file(REAL_PATH "${ScaLAPACK_LIBRARY}" file)
  if(file MATCHES "\\.so\\.([0-9.]+)$")
    set(ScaLAPACK_VERSION "${CMAKE_MATCH_1}")
  endif()
endif()
if(ScaLAPACK_FOUND AND NOT TARGET ScaLAPACK::ScaLAPACK)
  find_package(LAPACK REQUIRED)
  find_package(MPI REQUIRED COMPONENTS CXX)
  set(others "${ScaLAPACK_LIBRARIES}")
  list(POP_FRONT others)
  add_library(ScaLAPACK::ScaLAPACK UNKNOWN IMPORTED)
  set_target_properties(ScaLAPACK::ScaLAPACK PROPERTIES
    IMPORTED_LOCATION "${ScaLAPACK_LIBRARY}"
    INTERFACE_LINK_LIBRARIES "${others};LAPACK::LAPACK;MPI::MPI_CXX")
endif()
mark_as_advanced(ScaLAPACK_LIBRARY)
