# How rooms, programs and tests are declared. The tree shows the architecture: a room is a folder below src/ with a library target
# of the same name, and tests/house/ checks what it includes and links.

add_library(postern_options INTERFACE)
target_include_directories(postern_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(postern_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wunused -Wconversion -Wsign-conversion
  -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough -fstack-protector-strong -D_GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees dangling and out-of-bounds accesses in std::expected, std::variant and coroutines that are not there (GCC bugs 105562, 107138),
  # and overlapping copies in std::string (GCC bug 105651).
  target_compile_options(postern_options INTERFACE -Wno-maybe-uninitialized -Wno-null-dereference -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of libstdc++ 12 asks for get_temporary_buffer, which C++23 deprecates; nothing of ours calls anything deprecated.
  target_compile_options(postern_options INTERFACE -Wno-deprecated-declarations)
endif()
target_link_options(postern_options INTERFACE -Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT POSTERN_SANITIZE)
  target_compile_options(postern_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(POSTERN_SANITIZE)
  target_compile_options(postern_options INTERFACE -fsanitize=${POSTERN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(postern_options INTERFACE -fsanitize=${POSTERN_SANITIZE})
  if(POSTERN_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ warns of each memory fence, which ThreadSanitizer does not model; those are Asio's, beside atomics and mutexes that it does.
    target_compile_options(postern_options INTERFACE -Wno-tsan)
  endif()
endif()

# postern_room(base/sub LINKS targets...): the library postern_base_sub of every .cpp directly in src/base/sub.
function(postern_room room)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  string(REPLACE "/" "_" target "postern_${room}")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(${target} STATIC ${sources})
  target_link_libraries(${target} PUBLIC postern_options ${ARG_LINKS})
  set_property(GLOBAL APPEND PROPERTY POSTERN_ROOMS ${target})
endfunction()

# postern_program(name LINKS targets...): the program of every .cpp in the folder, in build/PRESET/bin.
function(postern_program name)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE postern_options ${ARG_LINKS})
endfunction()

# Where the tree and the programs are, for tests: a header, so that only what includes it depends on where the tree was checked out.
if(POSTERN_TESTS)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/support/paths.hpp CONTENT [[
// Written by CMake.
#pragma once
#define POSTERN_SOURCE_DIR "@CMAKE_SOURCE_DIR@"
#define POSTERN_BINARY_DIR "@CMAKE_BINARY_DIR@"
]] @ONLY)
endif()

# postern_test(name LINKS targets...): one GoogleTest program of every *_test.cpp in the folder.
function(postern_test name)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_BINARY_DIR}/generated)
  target_link_libraries(${name} PRIVATE postern_options ${ARG_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  # Optimising the tests themselves would double the time they take to compile; the rooms they test stay optimised.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS ${name})
endfunction()

# postern_add_rooms(): every folder here that has a CMakeLists.txt, in the order given, so that a room can come and go by itself.
function(postern_add_rooms)
  foreach(room ${ARGN})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/CMakeLists.txt)
      add_subdirectory(${room})
    endif()
  endforeach()
endfunction()

# postern_migrations(target namespace header): compiles the room's migrations/NNNN_what_it_does.sql into `namespace`::built_in_migrations(), which
# `header` declares: a program finds its schema without files beside it.
function(postern_migrations target namespace header)
  file(GLOB paths CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/migrations/*.sql)
  list(SORT paths)
  set(entries "")
  set(expected 1)
  foreach(path ${paths})
    get_filename_component(name ${path} NAME)
    if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z_]+\\.sql$")
      message(FATAL_ERROR "${name}: a migration is named NNNN_what_it_does.sql")
    endif()
    math(EXPR number "1${CMAKE_MATCH_1} - 10000")
    if(NOT number EQUAL expected)
      message(FATAL_ERROR "${name}: migration ${expected} is expected here")
    endif()
    math(EXPR expected "${expected} + 1")
    file(READ ${path} sql)
    string(APPEND entries "      {${number}, \"${name}\", R\"migration(${sql})migration\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  endforeach()
  configure_file(${CMAKE_SOURCE_DIR}/cmake/built_in_migrations.cpp.in ${CMAKE_CURRENT_BINARY_DIR}/built_in_migrations.cpp @ONLY)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/built_in_migrations.cpp)
endfunction()
