/* SPDX-License-Identifier: GPL-2.0 */
/* 128-bit addresses: everything the core asks of one. IPv4 is ::ffff:a.b.c.d. No locks. */
#pragma once

#include "rds/types.h"
#include "rds/wire.h"

namespace rds {

inline in6_addr addr_none()
{
	return in6_addr{};
}

inline in6_addr addr_mapped(__be32 v4)
{
	in6_addr a{};
	a.in6_u.u6_addr8[10] = a.in6_u.u6_addr8[11] = 0xff;
	a.in6_u.u6_addr32[3] = v4;
	return a;
}

inline __be32 addr_v4(const in6_addr &a)
{
	return a.in6_u.u6_addr32[3];
}

inline int addr_compare(const in6_addr &a, const in6_addr &b)
{
	return __builtin_memcmp(&a, &b, sizeof(a));
}

inline bool addr_equal(const in6_addr &a, const in6_addr &b)
{
	return addr_compare(a, b) == 0;
}

inline bool addr_is_none(const in6_addr &a)
{
	return addr_equal(a, addr_none());
}

inline bool addr_is_mapped(const in6_addr &a)
{
	auto w = a.in6_u.u6_addr32;
	return !w[0] && !w[1] && w[2] == kernel::be32(0xffff).raw();
}

inline bool addr_is_link_local(const in6_addr &a)
{
	return a.in6_u.u6_addr8[0] == 0xfe && (a.in6_u.u6_addr8[1] & 0xc0) == 0x80;
}

inline bool addr_is_loopback(const in6_addr &a)
{
	if (addr_is_mapped(a))
		return a.in6_u.u6_addr8[12] == 127;
	auto w = a.in6_u.u6_addr32;
	return !w[0] && !w[1] && !w[2] && w[3] == kernel::be32(1).raw();
}

/* May name one host: neither any, nor broadcast, nor multicast. */
inline bool addr_v4_is_unicast(__be32 v4)
{
	u32 host = kernel::be32::from_raw(v4).host();
	return host && host != 0xffffffff && host >> 28 != 0xe;
}

inline bool addr_v6_is_unicast(const in6_addr &a)
{
	return !addr_is_none(a) && a.in6_u.u6_addr8[0] != 0xff && !addr_is_mapped(a);
}

} // namespace rds
