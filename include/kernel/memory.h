/* SPDX-License-Identifier: GPL-2.0 */
/* Allocation that must be told its gfp flags, and whose failure must be looked at. */
#pragma once

#include <utility>

#include "kernel/opaque.h"
#include "kernel/seam.h"

namespace kernel {

constexpr gfp_t gfp_kernel = GFP_KERNEL_VALUE;
constexpr gfp_t gfp_atomic = GFP_ATOMIC_VALUE;
constexpr gfp_t gfp_account = GFP_KERNEL_ACCOUNT_VALUE; /* charged to the caller's memcg */

/* Zeroed, then built. Null when there is no memory. */
template <typename T, typename... Args>
[[nodiscard]] T *make(gfp_t gfp, Args &&...args)
{
	void *room = kernel_zalloc(sizeof(T), gfp);
	return room ? new (room) T(std::forward<Args>(args)...) : nullptr;
}

template <typename T>
void destroy(T *t)
{
	if (!t)
		return;
	t->~T();
	kernel_free(t);
}

} // namespace kernel
