/* Counts allocations and frees. To be linked with --wrap for each of the allocator's functions, and with
 * the static library, whose calls are then counted, too. */
#include <stdlib.h>

unsigned long allocations;

#define WRAP(result, name, parameters, arguments) \
    result __real_##name parameters;              \
    result __wrap_##name parameters;              \
    result __wrap_##name parameters               \
    {                                             \
        allocations++;                            \
        return __real_##name arguments;           \
    }

WRAP(void *, malloc, (size_t len), (len))
WRAP(void *, calloc, (size_t items, size_t len), (items, len))
WRAP(void *, realloc, (void *ptr, size_t len), (ptr, len))
WRAP(int, posix_memalign, (void **ptr, size_t align, size_t len), (ptr, align, len))
WRAP(void *, aligned_alloc, (size_t align, size_t len), (align, len))
void __real_free(void *ptr);
void __wrap_free(void *ptr);
void __wrap_free(void *ptr)
{
    allocations++;
    __real_free(ptr);
}
