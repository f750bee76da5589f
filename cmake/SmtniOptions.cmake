# smtni_options: the flags of our own targets, linked privately, so that none of them reaches a user.
option(SMTNI_WERROR "Treat warnings as errors" OFF)

add_library(smtni_options INTERFACE)
target_compile_features(smtni_options INTERFACE cxx_std_20)
target_compile_options(smtni_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wsign-conversion;-Wnon-virtual-dtor>
  $<$<AND:$<BOOL:${SMTNI_WERROR}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>)
# GCC 12 sees overlaps in "text" + string where there are none, at -O3 (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(smtni_options INTERFACE
    $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-Wno-restrict>)
endif()
# The measured build alone leaves the hot path's contract checks out.
target_compile_definitions(smtni_options INTERFACE $<$<CONFIG:Release>:SMTNI_MEASURED_BUILD>)

if(SMTNI_SANITIZE STREQUAL "address")
  set(sanitizer_flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(SMTNI_SANITIZE STREQUAL "thread")
  # GCC warns that ThreadSanitizer does not model fences; no edge here relies on one alone.
  set(sanitizer_flags -fsanitize=thread $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
elseif(NOT SMTNI_SANITIZE STREQUAL "")
  message(FATAL_ERROR "SMTNI_SANITIZE is '${SMTNI_SANITIZE}'; accepted: empty, address, thread")
endif()
target_compile_options(smtni_options INTERFACE ${sanitizer_flags})
target_link_options(smtni_options INTERFACE ${sanitizer_flags})
if(NOT SMTNI_SANITIZE STREQUAL "")
  # Instrumented code is much code: built for a short build, with the lines that a report needs.
  target_compile_options(smtni_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-O1;-g1>)
endif()

# smtni_library(NAME HEADERS... SOURCES... USES...): one library a directory, named alike in the tree
# and after find_package(smtni).
function(smtni_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;SOURCES;USES;PRIVATE_USES")
  add_library(smtni_${name})
  add_library(smtni::${name} ALIAS smtni_${name})
  set_target_properties(smtni_${name} PROPERTIES
    EXPORT_NAME ${name} LINKER_LANGUAGE CXX VERIFY_INTERFACE_HEADER_SETS ON POSITION_INDEPENDENT_CODE ON)
  target_sources(smtni_${name}
    PRIVATE ${arg_SOURCES}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
  target_compile_features(smtni_${name} PUBLIC cxx_std_20)
  target_link_libraries(smtni_${name}
    PUBLIC ${arg_USES} PRIVATE ${arg_PRIVATE_USES} $<BUILD_INTERFACE:smtni_options>)
endfunction()
