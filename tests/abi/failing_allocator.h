/*
 * Every allocation of C++ and of libuv in this program, counted, and one of them made to fail.
 * Linked into the test of memory running out alone. malloc() itself stays as it is: cmocka and the
 * C library use it, and a sanitizer has its own.
 */
#ifndef TESTS_ABI_FAILING_ALLOCATOR_H
#define TESTS_ABI_FAILING_ALLOCATOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Before anything else: libuv allocates through us from here on. */
void allocator_install(void);

/* The `k`-th allocation from now on fails, once; 0 = none does. Nothing may allocate meanwhile. */
void allocator_fail(uint64_t k);

/* From now on only what threads of this name allocate counts; NULL = all. */
void allocator_only_in(const char* thread_name);

/* 1 if it has come to that. */
int allocator_failed(void);

/* Allocations that were not freed. */
int64_t allocator_live(void);

#ifdef __cplusplus
}
#endif

#endif /* TESTS_ABI_FAILING_ALLOCATOR_H */
