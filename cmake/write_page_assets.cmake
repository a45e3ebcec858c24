# Run at build time (cmake -P): writes assets.cpp with the style and the script of a page, their hashes for its
# Content-Security-Policy, and the style of figures, which is a part of the page's.

# The SHA-256 of a text in base64 (RFC 4648).
function(base64_sha256 text out)
  set(digits ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  string(SHA256 hex "${text}")
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

# A text as string literals: a compiler may take no more than 64 KiB of one (C++20, annex B).
function(literals text out)
  set(pieces "")
  string(LENGTH "${text}" length)
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 12000 piece)
    string(APPEND pieces "R\"asset(${piece})asset\"\n")
    math(EXPR at "${at} + 12000")
  endwhile()
  set(${out} "${pieces}" PARENT_SCOPE)
endfunction()

file(READ "${SOURCE_DIR}/src/report/figure/figure.css" figure)
file(READ "${SOURCE_DIR}/src/report/page/style.css" style)
file(READ "${SOURCE_DIR}/src/report/page/page.js" script)
string(APPEND style "${figure}")
foreach(asset FIGURE STYLE SCRIPT)
  string(TOLOWER ${asset} text)
  literals("${${text}}" ${asset}_TEXT)
  base64_sha256("${${text}}" ${asset}_HASH)
endforeach()
configure_file("${SOURCE_DIR}/src/report/page/assets.cpp.in" "${OUTPUT}" @ONLY)
