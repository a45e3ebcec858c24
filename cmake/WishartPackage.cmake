# `cpack` in the build folder makes two Debian packages: wishart (program, pages, jobs, scripts, docs) and
# libwishart-dev (headers, static libraries, CMake package). Configure for it with -DCMAKE_INSTALL_PREFIX=/usr;
# tools/packaging/make-deb does all of it.
set(WISHART_MAINTAINER "wishart maintainers <wishart@packages.invalid>" CACHE STRING "Maintainer of the Debian packages")
mark_as_advanced(WISHART_MAINTAINER)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME wishart)
set(CPACK_PACKAGE_VENDOR wishart)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL runtime devel)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${WISHART_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME wishart)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
"wishart computes all singular values of every weight matrix of a
checkpoint, fits a power law to the tail of each spectrum, and reports
which layers are unlike others of their kind, look like noise, have
collapsed or are damaged. It needs no data and no GPU, and runs on one
core or under MPI on many.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# The launcher of this MPI.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "openmpi-bin")
if(WISHART_MPI_FAMILY STREQUAL mpich)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "mpich")
endif()
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "python3-h5py, python3-pandas, slurm-client")

set(CPACK_DEBIAN_DEVEL_PACKAGE_NAME libwishart-dev)
set(CPACK_DEBIAN_DEVEL_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVEL_DESCRIPTION
"Headers, static libraries and the CMake package of wishart, with which
programs read its archives.")
set(CPACK_DEBIAN_DEVEL_PACKAGE_DEPENDS "libhdf5-dev, libxxhash-dev")
set(CPACK_DEBIAN_DEVEL_PACKAGE_SUGGESTS
  "libboost-program-options-dev, liblapack-dev, libopenmpi-dev, libscalapack-openmpi-dev, zlib1g-dev")

# What Debian asks of a package beyond its files: cmake/pack_debian.cmake, before each is packed.
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/pack_debian.cmake")
set(CPACK_WISHART_DATE "${WISHART_DATE}")
set(CPACK_WISHART_SOURCE "${PROJECT_SOURCE_DIR}")
include(CPack)
