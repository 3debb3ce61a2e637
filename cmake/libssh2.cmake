# worker::libssh2: the pinned libssh2 1.11.1 with cmake/libssh2/*.patch in the order of their names, linked statically; or,
# with CONCOURSE_SYSTEM_LIBSSH2, the system's. The system's works, slower and with the faults that the patches' heads name: the first
# ones let whoever answers in the TSA's place crash the beacon.
if(CONCOURSE_SYSTEM_LIBSSH2)
  pkg_check_modules(LIBSSH2 REQUIRED IMPORTED_TARGET libssh2>=1.11)
  add_library(worker::libssh2 ALIAS PkgConfig::LIBSSH2)
else()
  file(GLOB libssh2_patches CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/libssh2/*.patch)  # sorted
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${libssh2_patches} ${CMAKE_SOURCE_DIR}/scripts/fetch-libssh2)
  # One copy for all presets.
  execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/fetch-libssh2 ${CMAKE_SOURCE_DIR}/build/third-party ${libssh2_patches}
                  OUTPUT_VARIABLE LIBSSH2_SOURCE OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE libssh2_failed)
  if(libssh2_failed)
    message(FATAL_ERROR "the sources of libssh2 could not be prepared (see above); CONCOURSE_SYSTEM_LIBSSH2=ON uses the system's library, 1.11 or newer")
  endif()
  add_subdirectory(cmake/libssh2 EXCLUDE_FROM_ALL)
  add_library(worker::libssh2 ALIAS libssh2_static)
endif()
