# Run at build time (cmake -P): writes assets.cpp with the style and the script of a page, and their hashes for its
# Content-Security-Policy.

# The SHA-256 of a file in base64 (RFC 4648).
function(base64_sha256 file out)
  set(digits ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  file(SHA256 "${file}" hex)
  string(APPEND hex "00")  # 33 bytes are 44 digits, of which the last one stands for nothing but these zeros
  set(text "")
  foreach(at RANGE 0 60 6)
    string(SUBSTRING "${hex}" ${at} 6 three)
    foreach(shift 18 12 6 0)
      math(EXPR digit "(0x${three} >> ${shift}) & 63")
      string(SUBSTRING "${digits}" ${digit} 1 digit)
      string(APPEND text "${digit}")
    endforeach()
  endforeach()
  string(SUBSTRING "${text}" 0 43 text)
  set(${out} "${text}=" PARENT_SCOPE)
endfunction()

foreach(asset STYLE:style.css SCRIPT:page.js)
  string(REPLACE ":" ";" asset "${asset}")
  list(GET asset 0 name)
  list(GET asset 1 file)
  file(READ "${SOURCE_DIR}/src/report/page/${file}" text)
  # A compiler may take no more than 64 KiB of one literal (C++20, annex B), so pieces follow each other.
  set(${name}_TEXT "")
  string(LENGTH "${text}" length)
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 12000 piece)
    string(APPEND ${name}_TEXT "R\"asset(${piece})asset\"\n")
    math(EXPR at "${at} + 12000")
  endwhile()
  base64_sha256("${SOURCE_DIR}/src/report/page/${file}" ${name}_HASH)
endforeach()
configure_file("${SOURCE_DIR}/src/report/page/assets.cpp.in" "${OUTPUT}" @ONLY)
