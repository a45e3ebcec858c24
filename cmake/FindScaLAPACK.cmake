# Finds ScaLAPACK built for Open MPI: the target ScaLAPACK::ScaLAPACK.
#
# Debian's own scalapack-config.cmake names a library file that its package does not have, so the
# library is looked up here by name.
find_library(ScaLAPACK_LIBRARY NAMES scalapack-openmpi scalapack)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ScaLAPACK REQUIRED_VARS ScaLAPACK_LIBRARY
  REASON_FAILURE_MESSAGE "install libscalapack-openmpi-dev")
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
  add_library(ScaLAPACK::ScaLAPACK UNKNOWN IMPORTED)
  set_target_properties(ScaLAPACK::ScaLAPACK PROPERTIES
    IMPORTED_LOCATION "${ScaLAPACK_LIBRARY}"
    INTERFACE_LINK_LIBRARIES "LAPACK::LAPACK;MPI::MPI_CXX")
endif()
mark_as_advanced(ScaLAPACK_LIBRARY)
