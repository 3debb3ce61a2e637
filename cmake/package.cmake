# The Debian package: `cpack` in a build directory, after a build. Everything is below /usr, except the settings, which are
# installed only where DESTDIR says that a package is being made.
install(FILES ${CMAKE_SOURCE_DIR}/deploy/worker.env DESTINATION share/doc/concourse-worker)
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION share/doc/concourse-worker)
install(CODE "
  if(NOT \"\$ENV{DESTDIR}\" STREQUAL \"\")
    file(INSTALL \"${CMAKE_SOURCE_DIR}/deploy/worker.env\" DESTINATION /etc/concourse
         PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)  # it may come to hold a proxy's password
  endif()")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME concourse-worker)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Concourse <root@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Worker node of the Concourse CI system")
set(CPACK_PACKAGE_DESCRIPTION "Runs the containers and keeps the volumes of a Concourse cluster, as a few small services
under concourse-worker.target. Restarting or upgrading any of them loses no build.")
# The units hold absolute paths: with DESTDIR the prefix is the real one.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "crun | runc, systemd (>= 249), procps, kmod")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "btrfs-progs, ca-certificates")
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/deploy/deb/conffiles ${CMAKE_SOURCE_DIR}/deploy/deb/postinst
    ${CMAKE_SOURCE_DIR}/deploy/deb/prerm ${CMAKE_SOURCE_DIR}/deploy/deb/postrm)
include(CPack)
