# The version is that of the header beside it; before 1.0 each minor version is another interface.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../../../include/trunkline.h" _trunkline_lines
    REGEX "^#define TRUNKLINE_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" _trunkline_numbers "${_trunkline_lines}")
string(REPLACE ";" "." PACKAGE_VERSION "${_trunkline_numbers}")
list(GET _trunkline_numbers 0 _trunkline_major)
list(GET _trunkline_numbers 1 _trunkline_minor)

if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION
    AND PACKAGE_FIND_VERSION_MAJOR EQUAL _trunkline_major
    AND (_trunkline_major GREATER 0 OR PACKAGE_FIND_VERSION_MINOR EQUAL _trunkline_minor))
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
