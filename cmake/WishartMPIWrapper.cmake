# Before find_package(MPI): takes another MPI's compiler wrapper if the first in PATH lacks its headers.
#
# Debian 12's ScaLAPACK for MPICH depends on mpi-default-bin, which brings Open MPI's programs without its headers and
# makes its wrapper the `mpicxx`. FindMPI believes what a wrapper says, and stops in a test of its own.

# The first folder of headers that Open MPI's wrapper names and that is not there; empty for other MPIs' wrappers.
function(wishart_missing_headers wrapper out)
  set(missing "")
  execute_process(COMMAND "${wrapper}" --showme:incdirs OUTPUT_VARIABLE text ERROR_QUIET RESULT_VARIABLE failed
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(failed EQUAL 0)
    separate_arguments(folders NATIVE_COMMAND "${text}")
    foreach(folder IN LISTS folders)
      if(NOT missing AND NOT EXISTS "${folder}")
        set(missing "${folder}")
      endif()
    endforeach()
  endif()
  set(${out} "${missing}" PARENT_SCOPE)
endfunction()

if(NOT MPI_CXX_COMPILER AND NOT MPI_HOME AND NOT DEFINED ENV{MPI_HOME} AND NOT CMAKE_CROSSCOMPILING)
  find_program(WISHART_MPICXX NAMES mpicxx mpic++)
  mark_as_advanced(WISHART_MPICXX)
  set(missing "")
  if(WISHART_MPICXX)
    wishart_missing_headers("${WISHART_MPICXX}" missing)
  endif()
  if(missing)
    foreach(name mpicxx.mpich mpicxx.openmpi)
      find_program(wrapper NAMES ${name} NO_CACHE)
      if(wrapper AND NOT MPI_CXX_COMPILER)
        wishart_missing_headers("${wrapper}" still)
        if(NOT still)
          message(STATUS "MPI: ${wrapper}, because the headers of ${WISHART_MPICXX} are not there")
          set(MPI_CXX_COMPILER "${wrapper}" CACHE FILEPATH "MPI compiler for CXX")
        endif()
      endif()
      unset(wrapper)
    endforeach()
    if(NOT MPI_CXX_COMPILER)
      message(FATAL_ERROR "MPI: ${WISHART_MPICXX} is the wrapper of an Open MPI whose headers are not there: there is no ${missing}. "
        "Install them (Debian: libopenmpi-dev), or give the wrapper of another MPI: -DMPI_CXX_COMPILER=PATH")
    endif()
  endif()
endif()
