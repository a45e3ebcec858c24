# Run at every build (cmake -P): writes build_info.cpp with what the sources are, only if it changed.
#
# A scan resumes from the journal of the same program, so WISHART_COMMIT is equal only if the sources are: a commit
# stands alone if git says that nothing has changed since, otherwise with a hash of the sources.
file(REAL_PATH "${SOURCE_DIR}" root)

# The commit of an archive made by `git archive`, which fills in cmake/commit.txt (.gitattributes).
set(commit "")
file(STRINGS "${SOURCE_DIR}/cmake/commit.txt" archived LIMIT_COUNT 1)
if(archived MATCHES "^[0-9a-f]+$")
  string(SUBSTRING "${archived}" 0 12 commit)
endif()
set(state archive)

# Only a repository of wishart itself counts, not one that the sources were unpacked in.
execute_process(COMMAND git -C "${SOURCE_DIR}" rev-parse --show-toplevel
  OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(NOT failed)
  file(REAL_PATH "${top}" top)
endif()
if(NOT failed AND top STREQUAL root)
  execute_process(COMMAND git -C "${SOURCE_DIR}" rev-parse --short=12 HEAD
    OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  execute_process(COMMAND git -C "${SOURCE_DIR}" status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET RESULT_VARIABLE status_failed)
  if(NOT failed)
    set(commit "${head}")
    set(state dirty)
    if(NOT status_failed AND changes STREQUAL "")
      set(state clean)
    endif()
  endif()
endif()

if(state STREQUAL clean)
  set(WISHART_COMMIT "${commit}")
else()
  file(GLOB_RECURSE files RELATIVE "${SOURCE_DIR}" "${SOURCE_DIR}/src/*" "${SOURCE_DIR}/include/*" "${SOURCE_DIR}/cmake/*"
    "${SOURCE_DIR}/jobs/gate-*.cfg")
  list(REMOVE_ITEM files cmake/commit.txt)
  list(APPEND files CMakeLists.txt)  # by GLOB_RECURSE every file of this name, in build folders too
  list(SORT files)
  set(hashes "")
  foreach(file IN LISTS files)
    file(SHA256 "${SOURCE_DIR}/${file}" hash)
    string(APPEND hashes "${hash} ${file}\n")
  endforeach()
  string(SHA256 hash "${hashes}")
  string(SUBSTRING "${hash}" 0 12 hash)
  if(commit STREQUAL "")
    set(WISHART_COMMIT "source-${hash}")
  else()
    set(WISHART_COMMIT "${commit}-${state}-${hash}")
  endif()
endif()
configure_file("${SOURCE_DIR}/src/core/build_info.cpp.in" "${OUTPUT}" @ONLY)
