# What `cmake --install` brings, below the prefix:
#
#   bin/wishart
#   include/wishart, lib/libwishart_*.a, lib/cmake/wishart     the package for find_package(wishart)
#   share/man/man1, share/bash-completion, share/zsh           made by the program from its own tables
#   share/wishart/{jobs,slurm,python,tools}                    job files, batch scripts, wishart.py, mpirun
#   share/doc/wishart                                          README.md, docs, examples, the licence
#   share/modulefiles/wishart                                  for Environment Modules and Lmod
include(CMakePackageConfigHelpers)
set(WISHART_MODULE_NEEDS "" CACHE STRING "Modules that the module file loads, e.g. openmpi/4.1.4;hdf5/1.12")
set(WISHART_ZSH_FOLDER "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" CACHE STRING "Folder of zsh's completion")
set(files "${CMAKE_CURRENT_LIST_DIR}/install")

install(TARGETS wishart RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime)

# A program for another machine cannot be asked, unless there is an emulator.
set(pages "${PROJECT_BINARY_DIR}/pages")
if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR)
  add_custom_command(OUTPUT "${pages}/made"
    COMMAND ${CMAKE_COMMAND} -E rm -rf "${pages}"
    COMMAND wishart help --pages "${pages}"
    COMMAND ${CMAKE_COMMAND} -E touch "${pages}/made"
    DEPENDS wishart COMMENT "Writing manual pages and completion" VERBATIM)
  add_custom_target(wishart_pages ALL DEPENDS "${pages}/made")
  install(DIRECTORY "${pages}/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT runtime)
  install(FILES "${pages}/bash-completion/completions/wishart"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT runtime)
  install(FILES "${pages}/zsh/site-functions/_wishart" DESTINATION "${WISHART_ZSH_FOLDER}" COMPONENT runtime)
else()
  message(STATUS "cross-compiling: no manual pages and no completion; `wishart help --pages DIR` writes them later")
endif()

set(share "${CMAKE_INSTALL_DATADIR}/wishart")
install(DIRECTORY jobs/ DESTINATION "${share}/jobs" COMPONENT runtime FILES_MATCHING PATTERN "*.cfg")
install(DIRECTORY slurm/ DESTINATION "${share}/slurm" USE_SOURCE_PERMISSIONS COMPONENT runtime
  FILES_MATCHING PATTERN "*.sbatch" PATTERN "*.sh" PATTERN "*.bash" PATTERN "*.cfg" PATTERN "*.md")
install(FILES python/wishart.py DESTINATION "${share}/python" COMPONENT runtime)
install(PROGRAMS tools/mpirun DESTINATION "${share}/tools" COMPONENT runtime)
install(FILES README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime OPTIONAL)
install(DIRECTORY docs DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT runtime
  PATTERN "build" EXCLUDE PATTERN "__pycache__" EXCLUDE PATTERN ".ipynb_checkpoints" EXCLUDE)

# The module files name the prefix, which is known when installing.
set(lua_needs "")
set(tcl_needs "")
foreach(need IN LISTS WISHART_MODULE_NEEDS)
  string(APPEND lua_needs "depends_on(\"${need}\")\n")
  string(APPEND tcl_needs "module load ${need}\n")
endforeach()
set(AT "@")  # for what is filled in when installing
foreach(kind lua tcl)
  set(WISHART_MODULE_LINES "${${kind}_needs}")
  configure_file("${files}/module.${kind}.in" "${PROJECT_BINARY_DIR}/module.${kind}.in" @ONLY)
endforeach()
set(modules "${CMAKE_INSTALL_DATADIR}/modulefiles/wishart")
string(CONFIGURE [[
set(prefix "${CMAKE_INSTALL_PREFIX}")
foreach(kind lua tcl)
  configure_file("@PROJECT_BINARY_DIR@/module.${kind}.in" "@PROJECT_BINARY_DIR@/module.${kind}" @ONLY)
endforeach()
file(INSTALL "@PROJECT_BINARY_DIR@/module.lua" DESTINATION "${CMAKE_INSTALL_PREFIX}/@modules@" RENAME "@PROJECT_VERSION@.lua")
file(INSTALL "@PROJECT_BINARY_DIR@/module.tcl" DESTINATION "${CMAKE_INSTALL_PREFIX}/@modules@" RENAME "@PROJECT_VERSION@")
]] code @ONLY)
install(CODE "${code}" COMPONENT site)

# The package: an export set for each module, so that whoever reads archives needs only HDF5 and xxHash.
install(DIRECTORY include/wishart DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT devel)
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/wishart")
get_property(WISHART_MODULE_LIST GLOBAL PROPERTY WISHART_MODULES)
set(WISHART_USES_LINES "")
foreach(module IN LISTS WISHART_MODULE_LIST)
  install(TARGETS wishart_${module} EXPORT wishart-${module} ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT devel)
  install(EXPORT wishart-${module} NAMESPACE wishart:: DESTINATION "${package}" COMPONENT devel)
  get_property(uses GLOBAL PROPERTY WISHART_USES_${module})
  string(APPEND WISHART_USES_LINES "set(wishart_uses_${module} ${uses})\n")
endforeach()
configure_package_config_file("${files}/wishartConfig.cmake.in" "${PROJECT_BINARY_DIR}/wishartConfig.cmake"
  INSTALL_DESTINATION "${package}" NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/wishartConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/wishartConfig.cmake" "${PROJECT_BINARY_DIR}/wishartConfigVersion.cmake"
  cmake/FindXxHash.cmake cmake/FindScaLAPACK.cmake cmake/FindELPA.cmake DESTINATION "${package}" COMPONENT devel)

include(WishartPackage)
