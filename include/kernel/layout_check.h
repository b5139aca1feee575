/* SPDX-License-Identifier: GPL-2.0 */
/* The C++ twins have the layout of what C compiles. Included by one unit of each module. */
#pragma once

#include "kernel/layout_members.h"
#include "layout.h"
#include "rds/transport.h"

#define RDS_CHECK_SIZE(type) static_assert(sizeof(type) == SIZE_##type);
#define RDS_CHECK_OFFSET(type, member)                                                             \
	static_assert(offsetof(type, member) == OFFSET_##type##_##member);

RDS_LAYOUT_STRUCTS(RDS_CHECK_SIZE)
RDS_LAYOUT_MEMBERS(RDS_CHECK_OFFSET)
static_assert(sizeof(u32) == REFCOUNT_SIZE);

#undef RDS_CHECK_SIZE
#undef RDS_CHECK_OFFSET
