# Which MPI this build is for, by what its library says of itself, and the launcher that belongs to it.
#
#   WISHART_MPI_FAMILY  openmpi, mpich (with all that descend from it) or unknown
#
# FindMPI takes the first mpiexec in PATH. On a machine with several MPI libraries that is often another one's,
# whose ranks would each believe that they are alone.
set(WISHART_MPI_FAMILY unknown)
if(MPI_CXX_LIBRARY_VERSION_STRING MATCHES "Open MPI")
  set(WISHART_MPI_FAMILY openmpi)
elseif(MPI_CXX_LIBRARY_VERSION_STRING MATCHES "MPICH|MVAPICH|Intel\\(R\\) MPI|CRAY")
  set(WISHART_MPI_FAMILY mpich)
endif()

# The family of a launcher, by its --version.
function(wishart_launcher_family launcher out)
  set(family unknown)
  if(launcher)
    execute_process(COMMAND "${launcher}" --version OUTPUT_VARIABLE text ERROR_VARIABLE text RESULT_VARIABLE failed)
    if(text MATCHES "Open MPI|OpenRTE|PRTE|prterun")
      set(family openmpi)
    elseif(text MATCHES "HYDRA|Intel\\(R\\) MPI")
      set(family mpich)
    endif()
  endif()
  set(${out} ${family} PARENT_SCOPE)
endfunction()

if(NOT WISHART_MPI_FAMILY STREQUAL unknown AND NOT CMAKE_CROSSCOMPILING)
  wishart_launcher_family("${MPIEXEC_EXECUTABLE}" family)
  if(NOT family STREQUAL unknown AND NOT family STREQUAL WISHART_MPI_FAMILY)
    # Debian calls them after their libraries; upstream MPICH's is the one of its own folder.
    get_filename_component(folder "${MPI_CXX_COMPILER}" DIRECTORY)
    find_program(WISHART_MPIEXEC NAMES mpiexec.${WISHART_MPI_FAMILY} mpirun.${WISHART_MPI_FAMILY} mpiexec.hydra
      HINTS "${folder}")
    wishart_launcher_family("${WISHART_MPIEXEC}" family)
    if(NOT family STREQUAL WISHART_MPI_FAMILY)
      string(REGEX MATCH "^[^,\n]*" name "${MPI_CXX_LIBRARY_VERSION_STRING}")
      message(FATAL_ERROR "${MPIEXEC_EXECUTABLE} does not belong to the MPI of this build, which is ${name}: each of "
        "its ranks would believe that it is alone. Give the launcher of this MPI: -DMPIEXEC_EXECUTABLE=PATH")
    endif()
    set(MPIEXEC_EXECUTABLE "${WISHART_MPIEXEC}" CACHE FILEPATH "Launcher of the MPI of this build" FORCE)
    mark_as_advanced(WISHART_MPIEXEC)
  endif()
endif()
