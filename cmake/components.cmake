# component(NAME DIRECTORY LIBRARIES...): a static library of the *.cpp directly in DIRECTORY and in its sub-folders, less
# main.cpp and *_test.cpp; those tests become the program NAME-tests, run by ctest. The target unit-tests builds them all.
#
# The presets compile several files of a component in one run of the compiler (CMAKE_UNITY_BUILD), which takes a third of the
# time. So a name in an anonymous namespace must be the only one of its kind in the component.
if(CONCOURSE_TESTS)
  add_custom_target(unit-tests)
  add_library(doctest-main OBJECT ${CMAKE_SOURCE_DIR}/common/testing/main.cpp)
  target_link_libraries(doctest-main PUBLIC doctest::doctest)
endif()
function(component name directory)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${directory}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$|/fuzz/|_fuzz\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${ARGN})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARGN})
  endif()
  if(CONCOURSE_TESTS AND tests)
    add_executable(${name}-tests ${tests})
    target_link_libraries(${name}-tests PRIVATE ${name} doctest-main)
    add_test(NAME ${name} COMMAND ${name}-tests)
    add_dependencies(unit-tests ${name}-tests)
  endif()
endfunction()

# worker_service(NAME BINARY LIBRARIES...): the folder services/NAME as one program, installed in bin/.
function(worker_service name binary)
  component(${name} ${CMAKE_SOURCE_DIR}/services/${name} ${ARGN})
  add_executable(${binary} ${CMAKE_SOURCE_DIR}/services/${name}/main.cpp)
  target_link_libraries(${binary} PRIVATE ${name})
  install(TARGETS ${binary} RUNTIME DESTINATION bin)
endfunction()
