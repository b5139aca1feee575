/* SPDX-License-Identifier: GPL-2.0 */
/* Pointers that may be an errno, as the kernel's own interfaces return them. */
#pragma once

namespace kernel {

/* The negative errno that @p stands for; 0: it is a pointer, or null. */
inline int pointer_error(const void *p)
{
	long value = reinterpret_cast<long>(p);
	return value < 0 && value >= -4095 ? static_cast<int>(value) : 0;
}

} // namespace kernel
