# fuzzer(NAME SOURCES... LIBRARIES LIBS...): a program that feeds made-up input to the fuzz_one() of its sources
# (common/testing/fuzz.hpp).
#
# As a rule it is a test: its seeds and a thousand mutations of them, the same ones in every run. With CONCOURSE_FUZZERS
# (preset fuzz, clang) it is a libFuzzer program, whose mutations are led by what they reach in the code.
function(fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 fuzzer "" "" "LIBRARIES")
  if(CONCOURSE_FUZZERS)
    add_executable(${name} ${fuzzer_UNPARSED_ARGUMENTS} ${CMAKE_SOURCE_DIR}/common/testing/fuzz_libfuzzer.cpp)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  elseif(CONCOURSE_TESTS)
    add_executable(${name} ${fuzzer_UNPARSED_ARGUMENTS} ${CMAKE_SOURCE_DIR}/common/testing/fuzz_main.cpp)
    add_test(NAME ${name} COMMAND ${name})
    add_dependencies(unit-tests ${name})
  else()
    return()
  endif()
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)  # each brings names of its own
  target_compile_definitions(${name} PRIVATE CONCOURSE_TRANSCRIPTS="${CMAKE_SOURCE_DIR}/tests/contract/transcripts")
  target_link_libraries(${name} PRIVATE ${fuzzer_LIBRARIES})
endfunction()
