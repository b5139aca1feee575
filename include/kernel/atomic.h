/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory accesses that other CPUs see. Each is at least as strong as the kernel's macro of that
 * name; what is not named acquire, release or full is relaxed.
 */
#pragma once

#include "rds/types.h"

namespace kernel {

template <typename T>
inline T read_once(const T &v)
{
	return __atomic_load_n(&v, __ATOMIC_RELAXED);
}

template <typename T>
inline void write_once(T &v, T to)
{
	__atomic_store_n(&v, to, __ATOMIC_RELAXED);
}

/* The reader's end of store_release(); where a data dependency would do, too: free on x86. */
template <typename T>
inline T load_acquire(const T &v)
{
	return __atomic_load_n(&v, __ATOMIC_ACQUIRE);
}

template <typename T>
inline void store_release(T &v, T to)
{
	__atomic_store_n(&v, to, __ATOMIC_RELEASE);
}

/* smp_mb() */
inline void full_barrier()
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Full barriers on both sides, as the kernel's value-returning operations. */
template <typename T>
inline T exchange(T &v, T to)
{
	full_barrier();
	T old = __atomic_exchange_n(&v, to, __ATOMIC_SEQ_CST);
	full_barrier();
	return old;
}

template <typename T>
[[nodiscard]] inline bool compare_exchange(T &v, T from, T to)
{
	full_barrier();
	bool done = __atomic_compare_exchange_n(&v, &from, to, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST);
	full_barrier();
	return done;
}

template <typename T>
inline void fetch_or(T &v, T bits)
{
	__atomic_fetch_or(&v, bits, __ATOMIC_SEQ_CST);
}

/* What was done before is seen by whoever then reads @v with load_acquire(). */
template <typename T>
inline void sub_release(T &v, T n)
{
	__atomic_sub_fetch(&v, n, __ATOMIC_RELEASE);
}

/* Relaxed. Return: the new value. */
template <typename T>
inline T add_return(T &v, T n)
{
	return __atomic_add_fetch(&v, n, __ATOMIC_RELAXED);
}

} // namespace kernel
