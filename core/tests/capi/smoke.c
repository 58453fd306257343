/* The header by itself, in C and in C++; its version is the library's. */
#include "trunkline.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    char version[32];
    trunkline_config config;
    snprintf(version, sizeof version, "%d.%d.%d", TRUNKLINE_VERSION_MAJOR, TRUNKLINE_VERSION_MINOR,
             TRUNKLINE_VERSION_PATCH);
    return strcmp(version, trunkline_version()) != 0 ||
           trunkline_config_default(&config, sizeof config) != TRUNKLINE_OK ||
           config.struct_size != sizeof config;
}
