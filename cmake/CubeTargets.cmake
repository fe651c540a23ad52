# The one interface target that carries the flags, and the few functions the folders' CMakeLists.txt use.
find_package(PkgConfig REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(YAJL REQUIRED IMPORTED_TARGET yajl)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(LWS REQUIRED IMPORTED_TARGET libwebsockets)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

add_library(cube_flags INTERFACE)
target_compile_options(cube_flags INTERFACE -std=gnu17 -Wall -Wextra -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wno-unused-parameter -Wno-missing-field-initializers -fno-strict-aliasing
  -Wno-format-truncation -Wno-override-init $<$<BOOL:${CUBE_WERROR}>:-Werror>)
target_compile_definitions(cube_flags INTERFACE _GNU_SOURCE CUBE_VERSION="${PROJECT_VERSION}")
# Sources include project headers from the top ("lib/base/arena.h") and generated ones as "proto/core_v1.pb-c.h".
target_include_directories(cube_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
# Tables of pointers (schemas, descriptors) need no relocation at a fixed address, so their pages stay shared and clean; and a
# program loads only the libraries it calls.
target_compile_options(cube_flags INTERFACE -fno-pie)
target_link_options(cube_flags INTERFACE -no-pie -Wl,--as-needed)
if(CUBE_SANITIZE)
  target_compile_options(cube_flags INTERFACE -fsanitize=${CUBE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(cube_flags INTERFACE -fsanitize=${CUBE_SANITIZE})
endif()
if(CUBE_FUZZ)
  target_compile_options(cube_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# cube_library(NAME SOURCES... LINK deps...): a static library; the folder is the layer.
function(cube_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC cube_flags ${ARG_LINK})
endfunction()

# cube_binary(NAME SOURCES... LINK deps...): a program in build/bin.
function(cube_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE cube_flags ${ARG_LINK})
endfunction()

# cube_test(NAME LABEL unit|component|e2e SOURCES... LINK deps... ARGS...): a cmocka program run by CTest. Binaries go
# to build/tests. Unit tests run anywhere; component tests start a real etcd and API server.
function(cube_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK;ARGS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE cube_flags ${ARG_LINK} PkgConfig::CMOCKA)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
endfunction()

# cube_fuzz(NAME SOURCES... LINK... ): a libFuzzer target when CUBE_FUZZ is on (`fuzzers` builds all of them; scripts/fuzz.sh
# runs them); otherwise a program that replays its corpus (corpus/NAME beside the source) as a unit test, through
# lib/base/fuzz_replay.c. Words that inputs are made of may stand in corpus/NAME.dict.
function(cube_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(CUBE_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    if(NOT TARGET fuzzers)
      add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers ${name})
  else()
    add_executable(${name} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/lib/base/fuzz_replay.c)
    add_test(NAME ${name} COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    set_tests_properties(${name} PROPERTIES LABELS "unit;fuzz" TIMEOUT 300)
  endif()
  target_link_libraries(${name} PRIVATE cube_flags ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

# cube_embed(NAME FILE): the text of FILE as `const char NAME[]` in ${CMAKE_CURRENT_BINARY_DIR}/NAME.c.
function(cube_embed name file)
  add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.c
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DINPUT=${file} -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/${name}.c
      -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
endfunction()

# cube_check_def(DEF MACRO PREFIX): every MACRO(name, ...) line in DEF has a PREFIXname.c beside it, and every such file a line.
function(cube_check_def def macro prefix)
  file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/${def} lines REGEX "^${macro}\\(")
  set(listed)
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^${macro}\\(([A-Za-z0-9_]+).*" "\\1" name "${line}")
    list(APPEND listed ${name})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${prefix}${name}.c)
      message(FATAL_ERROR "${def} lists ${name}, but ${prefix}${name}.c is missing")
    endif()
  endforeach()
  file(GLOB present RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${prefix}*.c)
  foreach(file IN LISTS present)
    string(REGEX REPLACE "^${prefix}(.*)\\.c$" "\\1" name "${file}")
    if(NOT name IN_LIST listed AND NOT name MATCHES "_test$")
      message(FATAL_ERROR "${file} is not listed in ${def}")
    endif()
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${def})
endfunction()
