/* SPDX-License-Identifier: GPL-2.0 */
/* Room for kernel objects that C++ objects hold by value; sizes from generated/layout.h. */
#pragma once

#include <new> /* placement */

#include "layout.h"
#include "rds/types.h"

namespace kernel {

template <size_t Size, size_t Align>
struct alignas(Align) opaque {
	unsigned char raw[Size];
};

/* Neither copied nor moved: its address is known to others. */
struct pinned {
	pinned() = default;
	pinned(const pinned &) = delete;
	pinned &operator=(const pinned &) = delete;
};

using rcu_head = opaque<RCU_HEAD_SIZE, RCU_HEAD_ALIGN>;

} // namespace kernel
