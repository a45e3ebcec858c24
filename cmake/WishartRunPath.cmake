# CMAKE_INSTALL_RPATH: the folders in which the installed program must look for its libraries itself, because the
# loader would not find them there, or would find others of the same name. On a machine whose packages are all the
# distribution's there is none, as its rules for packages demand; a site's modules and Spack have many.
#
# CMAKE_INSTALL_RPATH_USE_LINK_PATH would name every folder that is linked from, those among them from which the
# loader gets the same files through its cache (Debian's .../hdf5/serial).
if(DEFINED CMAKE_INSTALL_RPATH OR CMAKE_INSTALL_RPATH_USE_LINK_PATH OR CMAKE_SKIP_INSTALL_RPATH)
  return()  # whoever builds has decided
endif()

find_program(WISHART_LDCONFIG NAMES ldconfig HINTS /usr/sbin /sbin)
mark_as_advanced(WISHART_LDCONFIG)
set(cache "")
if(WISHART_LDCONFIG AND NOT CMAKE_CROSSCOMPILING)
  execute_process(COMMAND "${WISHART_LDCONFIG}" -p OUTPUT_VARIABLE cache ERROR_QUIET)
endif()

# The file that the loader's cache gives for the name `soname`; empty if none.
function(wishart_cached soname out)
  set(file "")
  string(REGEX REPLACE "([][+.*()^$?|\\])" "\\\\\\1" pattern "${soname}")
  if(cache MATCHES "\n[ \t]*${pattern} \\([^)]*\\) => ([^\n]*)")
    set(file "${CMAKE_MATCH_1}")
  endif()
  set(${out} "${file}" PARENT_SCOPE)
endfunction()

set(libraries ${MPI_CXX_LIBRARIES} ${ScaLAPACK_LIBRARIES} ${LAPACK_LIBRARIES} ${BLAS_LIBRARIES} ${HDF5_C_LIBRARIES}
  ${XxHash_LIBRARY} ${ZLIB_LIBRARIES} ${ELPA_LIBRARY})
get_target_property(boost Boost::program_options LOCATION)
list(APPEND libraries ${boost})
set(folders "")
foreach(library IN LISTS libraries)
  if(NOT IS_ABSOLUTE "${library}" OR NOT library MATCHES "\\.so[.0-9]*$")
    continue()
  endif()
  get_filename_component(folder "${library}" DIRECTORY)
  if(folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    continue()  # the system's own folders
  endif()
  wishart_soname("${library}" soname)
  if(soname)
    wishart_cached("${soname}" cached)
    if(cached)
      file(REAL_PATH "${cached}" from_cache)
      file(REAL_PATH "${library}" linked)
      if(from_cache STREQUAL linked)
        continue()
      endif()
    endif()
  endif()
  list(APPEND folders "${folder}")
endforeach()
list(REMOVE_DUPLICATES folders)
set(CMAKE_INSTALL_RPATH "${folders}")
