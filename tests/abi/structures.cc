// SPDX-License-Identifier: GPL-2.0
/*
 * The structures that applications pass and get: sizes and offsets. What compiles is a fact of the header; the rows
 * make it part of the transcript. (tests/abi/records.cc and others hold what the kernel does against them.)
 */
#include <linux/rds.h>

#include <cstddef>

#include "topics.h"

namespace {

template <typename Value>
void size(tap &t, const char *name, long expected)
{
	t.is(name, expected, sizeof(Value));
}

#define OFFSET(type, field, expected) t.is(#type "." #field, expected, offsetof(type, field))

void rows_requests(tap &t)
{
	size<rds_iovec>(t, "rds_iovec", 16);
	OFFSET(rds_iovec, addr, 0);
	OFFSET(rds_iovec, bytes, 8);
	size<rds_get_mr_args>(t, "rds_get_mr_args", 32);
	OFFSET(rds_get_mr_args, vec, 0);
	OFFSET(rds_get_mr_args, cookie_addr, 16);
	OFFSET(rds_get_mr_args, flags, 24);
	size<rds_get_mr_for_dest_args>(t, "rds_get_mr_for_dest_args", 160);
	OFFSET(rds_get_mr_for_dest_args, dest_addr, 0);
	OFFSET(rds_get_mr_for_dest_args, vec, 128);
	OFFSET(rds_get_mr_for_dest_args, cookie_addr, 144);
	OFFSET(rds_get_mr_for_dest_args, flags, 152);
	size<rds_free_mr_args>(t, "rds_free_mr_args", 16);
	OFFSET(rds_free_mr_args, cookie, 0);
	OFFSET(rds_free_mr_args, flags, 8);
	size<rds_rdma_args>(t, "rds_rdma_args", 56);
	OFFSET(rds_rdma_args, cookie, 0);
	OFFSET(rds_rdma_args, remote_vec, 8);
	OFFSET(rds_rdma_args, local_vec_addr, 24);
	OFFSET(rds_rdma_args, nr_local, 32);
	OFFSET(rds_rdma_args, flags, 40);
	OFFSET(rds_rdma_args, user_token, 48);
	size<rds_atomic_args>(t, "rds_atomic_args", 72);
	OFFSET(rds_atomic_args, cookie, 0);
	OFFSET(rds_atomic_args, local_addr, 8);
	OFFSET(rds_atomic_args, remote_addr, 16);
	OFFSET(rds_atomic_args, cswp.compare, 24);
	OFFSET(rds_atomic_args, cswp.swap, 32);
	OFFSET(rds_atomic_args, fadd.add, 24);
	OFFSET(rds_atomic_args, m_cswp.compare_mask, 40);
	OFFSET(rds_atomic_args, m_cswp.swap_mask, 48);
	OFFSET(rds_atomic_args, m_fadd.nocarry_mask, 32);
	OFFSET(rds_atomic_args, flags, 56);
	OFFSET(rds_atomic_args, user_token, 64);
}

void rows_answers(tap &t)
{
	size<rds_rdma_notify>(t, "rds_rdma_notify", 16);
	OFFSET(rds_rdma_notify, user_token, 0);
	OFFSET(rds_rdma_notify, status, 8);
	size<rds_rx_trace_so>(t, "rds_rx_trace_so", 4);
	OFFSET(rds_rx_trace_so, rx_traces, 0);
	OFFSET(rds_rx_trace_so, rx_trace_pos, 1);
	size<rds_cmsg_rx_trace>(t, "rds_cmsg_rx_trace", 32);
	OFFSET(rds_cmsg_rx_trace, rx_traces, 0);
	OFFSET(rds_cmsg_rx_trace, rx_trace_pos, 1);
	OFFSET(rds_cmsg_rx_trace, rx_trace, 8);
	size<rds_zcopy_cookies>(t, "rds_zcopy_cookies", 36);
	OFFSET(rds_zcopy_cookies, num, 0);
	OFFSET(rds_zcopy_cookies, cookies, 4);
	t.is("bits of the congestion mask", 64, RDS_CONG_MONITOR_SIZE);
	t.ok("mask of port 65", RDS_CONG_MONITOR_MASK(65) == 2);
}

} // namespace

void topic_structures(tap &t, const world &)
{
	t.section("structures");
	rows_requests(t);
	rows_answers(t);
}
