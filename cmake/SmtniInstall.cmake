# cmake --install: the program, the libraries, their headers, find_package(smtni) and smtni.pc.
# Headers are spelled as in this tree ("core/units.h"), below a directory of their own.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/smtni)
set(header_dir ${CMAKE_INSTALL_INCLUDEDIR}/smtni)

install(TARGETS smtni_core smtni_threads smtni_notify smtni_ni
  EXPORT smtniTargets
  FILE_SET HEADERS DESTINATION ${header_dir})
install(EXPORT smtniTargets NAMESPACE smtni:: DESTINATION ${package_dir})

configure_package_config_file(cmake/smtniConfig.cmake.in ${PROJECT_BINARY_DIR}/smtniConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/smtniConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/smtniConfig.cmake ${PROJECT_BINARY_DIR}/smtniConfigVersion.cmake
  DESTINATION ${package_dir})

# smtni.pc finds its prefix from where it lies, so that an installed tree may be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
  BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE prefix_from_pc)
# Static libraries do not bring what they use.
if(BUILD_SHARED_LIBS)
  set(private_if_shared .private)
else()
  set(private_if_shared "")
endif()
configure_file(cmake/smtni.pc.in ${PROJECT_BINARY_DIR}/smtni.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/smtni.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
