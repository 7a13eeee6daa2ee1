# Install rules: library, header, tool, example data, pkg-config file, CMake package.
include(CMakePackageConfigHelpers)

install(TARGETS hexagent EXPORT hexagent-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/hexagent DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET hexagent_tool)
  install(TARGETS hexagent_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY examples/clusters examples/profiles examples/traces examples/suites
          DESTINATION ${CMAKE_INSTALL_DATADIR}/hexagent)
endif()

if(TARGET hexagent_nixl)
  install(TARGETS hexagent_nixl LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/hexagent)
endif()

install(EXPORT hexagent-targets NAMESPACE hexagent::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hexagent)
file(WRITE ${CMAKE_BINARY_DIR}/hexagent-config.cmake
     "include(\"\${CMAKE_CURRENT_LIST_DIR}/hexagent-targets.cmake\")\n")
# Before 1.0 each 0.x is an ABI of its own.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/hexagent-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/hexagent-config.cmake
              ${CMAKE_BINARY_DIR}/hexagent-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hexagent)

# The prefix is told relative to the file's own folder, so that an installation may be moved.
cmake_path(SET pc_folder NORMALIZE "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${pc_folder} OUTPUT_VARIABLE pc_prefix)
configure_file(cmake/hexagent.pc.in ${CMAKE_BINARY_DIR}/hexagent.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hexagent.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
