/* A panic stops at the boundary. To be linked with a library that has the feature `internal`. */
#include "trunkline.h"
#include <stdio.h>

int32_t trunkline_internal_panic(void);

int main(void)
{
    int failed = 0;
    for (int i = 0; i < 3; i++)
        failed += trunkline_internal_panic() != TRUNKLINE_ERR_PANIC;
    printf("panics: 3 caught, %d failed\n", failed);
    return failed != 0;
}
