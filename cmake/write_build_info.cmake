# Run at every build (cmake -P): writes build_info.cpp with the git commit, only if it changed.
execute_process(COMMAND git -C "${SOURCE_DIR}" rev-parse --short=12 HEAD
  OUTPUT_VARIABLE WISHART_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(WISHART_COMMIT unknown)
else()
  execute_process(COMMAND git -C "${SOURCE_DIR}" status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    string(APPEND WISHART_COMMIT -dirty)
  endif()
endif()
configure_file("${SOURCE_DIR}/src/core/build_info.cpp.in" "${OUTPUT}" @ONLY)
