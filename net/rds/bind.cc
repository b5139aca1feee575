// SPDX-License-Identifier: GPL-2.0
/*
 * The bound table of a namespace: (address, port, scope) -> socket. Look-ups are RCU, from the
 * receive path; changes hold rds_net.bind_lock. The table owns one reference of each socket.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

using bind_chain = kernel::hash_chain<rds_sock, &rds_sock::bind_link>;

constexpr u32 max_bound = 32768;
constexpr u16 first_port = 2; /* 0 and 1 are the kernel's */

bind_chain &chain_of(rds_net *rn, const in6_addr *addr, u16 port, u32 scope)
{
	u64 half[2];
	__builtin_memcpy(half, addr, 16);
	/* multiply and shift, by odd numbers that nobody knows: of each message, so jhash is too slow */
	u64 by = u64{rn->seed} * 0x9e3779b97f4a7c15 | 1;
	u64 hash = (half[1] ^ port) * by + (half[0] ^ scope) * (by ^ 0xd6e8feb86659fd92);
	return reinterpret_cast<bind_chain &>(rn->bound[(hash >> 32) % bind_buckets]);
}

/* From @first upwards, around the end. 0: all taken. */
u16 free_port(rds_net *rn, const rds_sock *rs, u16 first)
{
	u16 port = first;
	do {
		if (!rds_bind_find(rn, &rs->addr, port, rs->scope))
			return port;
		port = port == 0xffff ? first_port : port + 1;
	} while (port != first);
	return 0;
}

} // namespace

rds_sock *rds_bind_find(rds_net *rn, const in6_addr *addr, u16 port, u32 scope)
{
	bind_chain &chain = chain_of(rn, addr, port, scope);
	for (rds_sock *rs = chain.first(); rs; rs = bind_chain::next(rs))
		if (rs->port == port && rs->scope == scope && rds::addr_equal(rs->addr, *addr))
			return rs;
	return nullptr;
}

int rds_bind_add(rds_sock *rs, u16 port)
{
	rds_net *rn = rs->rn;
	u16 first = first_port + kernel_random_below(0x10000 - first_port);
	kernel::guard hold(rn->bind_lock);
	if (!port)
		port = free_port(rn, rs, first);
	else if (rds_bind_find(rn, &rs->addr, port, rs->scope))
		return -EADDRINUSE;
	if (!port)
		return -EADDRINUSE;
	if (rn->nr_bound >= max_bound)
		return -ENOMEM;
	rs->port = port; /* before the table: look-ups take no lock */
	u32 word = port;
	rs->lane_hash = kernel_hash(&word, 1, rn->seed);
	chain_of(rn, &rs->addr, port, rs->scope).add(rs);
	rn->nr_bound++;
	rs->get();
	return 0;
}

void rds_bind_remove(rds_sock *rs)
{
	{
		kernel::guard hold(rs->rn->bind_lock);
		if (!bind_chain::linked(rs))
			return;
		bind_chain::remove(rs);
		rs->rn->nr_bound--;
	}
	rs->put();
}
