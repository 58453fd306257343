# find_package(trunkline): the targets trunkline::trunkline (shared) and trunkline::static.
get_filename_component(_trunkline_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(_trunkline_hints HINTS "${_trunkline_prefix}" PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}" NO_DEFAULT_PATH)
find_path(trunkline_INCLUDE_DIR trunkline.h HINTS "${_trunkline_prefix}/include" NO_DEFAULT_PATH)
find_library(trunkline_SHARED_LIBRARY NAMES trunkline ${_trunkline_hints})
find_library(trunkline_STATIC_LIBRARY NAMES libtrunkline.a ${_trunkline_hints})
mark_as_advanced(trunkline_INCLUDE_DIR trunkline_SHARED_LIBRARY trunkline_STATIC_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(trunkline
    REQUIRED_VARS trunkline_SHARED_LIBRARY trunkline_INCLUDE_DIR
    VERSION_VAR trunkline_VERSION)

if(trunkline_FOUND AND NOT TARGET trunkline::trunkline)
    add_library(trunkline::trunkline SHARED IMPORTED)
    set_target_properties(trunkline::trunkline PROPERTIES
        IMPORTED_LOCATION "${trunkline_SHARED_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${trunkline_INCLUDE_DIR}")
endif()
if(trunkline_FOUND AND trunkline_STATIC_LIBRARY AND NOT TARGET trunkline::static)
    find_package(Threads REQUIRED)
    add_library(trunkline::static STATIC IMPORTED)
    set_target_properties(trunkline::static PROPERTIES
        IMPORTED_LOCATION "${trunkline_STATIC_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${trunkline_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")
endif()
