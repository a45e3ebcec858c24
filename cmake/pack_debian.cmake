# Run by cpack before it packs: compressed manual pages and changelog, and the copyright file, as Debian's policy
# (chapter 12) asks. CPACK_TEMPORARY_INSTALL_DIRECTORY holds a folder for each component.
execute_process(COMMAND date -u -R -d "${CPACK_WISHART_DATE}" OUTPUT_VARIABLE day OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
foreach(pair "runtime;wishart" "devel;libwishart-dev")
  list(GET pair 0 component)
  list(GET pair 1 name)
  set(root "${CPACK_TEMPORARY_DIRECTORY}/${component}/usr")
  if(NOT IS_DIRECTORY "${root}")
    message(FATAL_ERROR "pack_debian: expected ${root}")
  endif()
  set(doc "${root}/share/doc/${name}")
  file(MAKE_DIRECTORY "${doc}")
  file(WRITE "${doc}/changelog"
    "wishart (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n  * See docs/CHANGELOG.md.\n\n"
    " -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${day}\n")
  if(EXISTS "${CPACK_WISHART_SOURCE}/LICENSE")
    file(READ "${CPACK_WISHART_SOURCE}/LICENSE" licence)
  else()
    set(licence "Copyright: the authors of wishart. The sources name no licence: ask them before you pass copies on.\n")
  endif()
  file(WRITE "${doc}/copyright" "wishart ${CPACK_PACKAGE_VERSION}\n\n${licence}")
  file(GLOB pages "${root}/share/man/man1/*.1")
  execute_process(COMMAND gzip -9nf ${pages} "${doc}/changelog" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
