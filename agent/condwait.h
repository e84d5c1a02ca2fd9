/*
 * condwait: waiting for a condition for some time at most, by a clock that nobody sets (CLOCK_MONOTONIC).
 *
 * Ownership: the caller's condition, given back with pthread_cond_destroy. Threads: as
 * pthread_cond_timedwait.
 */
#ifndef PGSTRAND_CONDWAIT_H
#define PGSTRAND_CONDWAIT_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

void condwait_init(pthread_cond_t *c);

/* The moment so many milliseconds from now, 0 or more. */
struct timespec condwait_deadline(int64_t ms);

/* 0, or ETIMEDOUT; as pthread_cond_timedwait, of a condition from condwait_init. */
int condwait_until(pthread_cond_t *c, pthread_mutex_t *lock, const struct timespec *deadline);

#endif
