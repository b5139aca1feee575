/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranges of addresses that users name for RDMA: checks without overflow, for regions (mr.cc) and
 * for operands (control.cc). Pages are counted for ranges that have passed the other two.
 */
#pragma once

#include "kernel/opaque.h"
#include "rds/types.h"

namespace rds {

/* Past the end of all addresses, also when rounded up to a page? */
inline bool range_wraps(const rds_iovec &v)
{
	u64 end;
	return __builtin_add_overflow(u64{v.addr}, u64{v.bytes}, &end) ||
	       __builtin_add_overflow(end, u64{PAGE_BYTES - 1}, &end);
}

inline bool range_length_ok(const rds_iovec &v)
{
	return v.bytes && v.bytes <= 0xffffffff;
}

inline u64 range_pages(const rds_iovec &v)
{
	return (v.addr + v.bytes - 1) / PAGE_BYTES - v.addr / PAGE_BYTES + 1;
}

} // namespace rds
