# Holds the libraries that call MPI to the MPI of this build. Two MPI libraries in one process do not know each
# other's communicators: the program would crash, or each rank would believe that it is alone.
#
# A shared library names what it needs (DT_NEEDED). Static libraries do not; of MKL's BLACS the name tells.
find_program(WISHART_READELF NAMES ${CMAKE_READELF} readelf llvm-readelf)
mark_as_advanced(WISHART_READELF)

# The names of the MPI libraries that a shared library needs, of its C interface: libmpi.so.40, libmpich.so.12.
function(wishart_mpi_needed_by library out)
  set(found "")
  if(WISHART_READELF AND library MATCHES "\\.so[.0-9]*$")
    execute_process(COMMAND "${WISHART_READELF}" -d "${library}" OUTPUT_VARIABLE text ERROR_QUIET)
    string(REGEX MATCHALL "Shared library: \\[lib(mpi|mpich)\\.so[.0-9]*\\]" lines "${text}")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE ".*\\[(.*)\\]" "\\1" name "${line}")
      list(APPEND found "${name}")
    endforeach()
  endif()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# The name under which a shared library is found when a program starts.
function(wishart_soname library out)
  set(name "")
  if(WISHART_READELF AND library MATCHES "\\.so[.0-9]*$")
    execute_process(COMMAND "${WISHART_READELF}" -d "${library}" OUTPUT_VARIABLE text ERROR_QUIET)
    if(text MATCHES "Library soname: \\[([^]\n]*)\\]")
      set(name "${CMAKE_MATCH_1}")
    endif()
  endif()
  set(${out} "${name}" PARENT_SCOPE)
endfunction()

set(WISHART_MPI_SONAMES "")
foreach(library IN LISTS MPI_CXX_LIBRARIES)
  wishart_soname("${library}" name)
  if(name MATCHES "^lib(mpi|mpich)\\.so")
    list(APPEND WISHART_MPI_SONAMES "${name}")
  endif()
endforeach()

# The MPI that one of `libraries` is made for, if it is not that of this build; else empty.
function(wishart_other_mpi out)
  set(other "")
  foreach(library IN LISTS ARGN)
    set(needed "")
    if(WISHART_MPI_SONAMES)
      wishart_mpi_needed_by("${library}" needed)
    endif()
    foreach(name IN LISTS needed)
      if(NOT name IN_LIST WISHART_MPI_SONAMES)
        set(other "${library} is made for ${name}")
      endif()
    endforeach()
    if(library MATCHES "mkl_blacs_(openmpi|intelmpi|mpich)")
      set(named "${CMAKE_MATCH_1}")  # the next comparison overwrites it
      string(REGEX REPLACE "intelmpi" "mpich" family "${named}")
      if(NOT WISHART_MPI_FAMILY STREQUAL unknown AND NOT family STREQUAL WISHART_MPI_FAMILY)
        set(other "${library} is made for ${named}")
      endif()
    endif()
  endforeach()
  set(${out} "${other}" PARENT_SCOPE)
endfunction()

string(REGEX MATCH "^[^,\n]*" own "${MPI_CXX_LIBRARY_VERSION_STRING}")
list(JOIN WISHART_MPI_SONAMES ", " names)
set(own "this build is for ${own} (${names})")

wishart_other_mpi(other ${ScaLAPACK_LIBRARIES})
if(other)
  message(FATAL_ERROR "ScaLAPACK: ${other}, but ${own}. Give the ScaLAPACK of this MPI: "
    "-DScaLAPACK_LIBRARIES=PATH[;PATH...]")
endif()
wishart_other_mpi(other ${HDF5_C_LIBRARIES})
if(other)
  message(FATAL_ERROR "HDF5: ${other}, but ${own}. Give a serial HDF5, or the parallel one of this MPI: "
    "-DHDF5_ROOT=FOLDER")
endif()
# ELPA is optional: a build does without one that is not for its MPI.
wishart_other_mpi(other ${ELPA_LIBRARY})
if(ELPA_FOUND AND other)
  message(STATUS "ELPA is not used: ${other}, but ${own}")
  set(ELPA_FOUND FALSE)
endif()
