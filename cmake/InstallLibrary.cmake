# What programs that embed Postern need: headers, libpostern, find_package(Postern) and pkg-config. Component "library", so that it can
# be installed alone: cmake --install build/release --component library --prefix DIR
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Postern)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/postern DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(TARGETS postern_shared postern_static EXPORT PosternTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT library
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
install(EXPORT PosternTargets NAMESPACE Postern:: DESTINATION ${package_dir} COMPONENT library)
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/library/PosternConfig.cmake.in ${CMAKE_BINARY_DIR}/packaging/PosternConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/packaging/PosternConfigVersion.cmake COMPATIBILITY AnyNewerVersion)
install(FILES ${CMAKE_BINARY_DIR}/packaging/PosternConfig.cmake ${CMAKE_BINARY_DIR}/packaging/PosternConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT library)

file(RELATIVE_PATH POSTERN_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" POSTERN_PC_TO_PREFIX "${POSTERN_PC_TO_PREFIX}")
configure_file(${PROJECT_SOURCE_DIR}/packaging/library/postern.pc.in ${CMAKE_BINARY_DIR}/packaging/postern.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/packaging/postern.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT library
        FILES_MATCHING PATTERN "*.c" PATTERN "*.cpp" PATTERN "*.h" PATTERN "CMakeLists.txt")
