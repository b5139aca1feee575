// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA and atomic operations that a message asks for: from what the user wrote to what a transport
 * reads (m_rdma, m_atomic), and their end. Prepared by control.cc in process context, no locks;
 * the transport reports in any context.
 */
#include <linux/errno.h>

#include "kernel/pin.h"
#include "rds.h"

namespace {

constexpr u64 all_ones = ~u64{0};

/* Rows 9 and 10 of rdma.md 8.1. What is pinned half-way goes with @pages. */
int pin_operands(kernel::user_pages &pages, const rds_rdma_args &args, const rds_iovec *vec,
		 u64 *bytes)
{
	for (u64 i = 0; i < args.nr_local; i++) {
		int err = pages.add(vec[i].addr, vec[i].bytes, false);
		if (err)
			return err;
		*bytes += vec[i].bytes;
	}
	return *bytes > args.remote_vec.bytes ? -EINVAL : 0;
}

/*
 * Memory that cannot be pinned is the transport's to page, if it is one range (rdma.md 7). The message
 * owns the region.
 */
int page_operand(rds_sock *rs, rds_message *rm, kernel::user_pages &pages, rds_connection *conn,
		 const rds_rdma_args &args, const rds_iovec &v)
{
	if (args.nr_local != 1)
		return -EOPNOTSUPP;
	if (v.bytes > args.remote_vec.bytes)
		return -EINVAL;
	int err = rds_mr_operand(rs, pages, v, !(args.flags & RDS_RDMA_READWRITE), conn, &rm->m_mr);
	if (err)
		return err == -ENODEV ? -EAGAIN : err; /* a connect is on its way */
	rm->m_rdma.op_region = rm->m_mr->handle;
	rm->m_rdma.op_local_addr = v.addr;
	return 0;
}

/* What both kinds of operations have in common. Return: 0, -ENOMEM. */
template <typename Op>
int fill_common(rds_sock *rs, Op &op, u64 cookie, u64 remote_addr, u64 flags, u64 token)
{
	op.op_notify = (flags & RDS_RDMA_NOTIFY_ME) != 0;
	op.op_recverr = kernel::read_once(rs->recverr);
	op.op_silent = (flags & RDS_RDMA_SILENT) != 0;
	op.op_token = token;
	op.op_rkey = static_cast<u32>(cookie);
	op.op_remote_addr = remote_addr + (cookie >> 32);
	if (!op.op_notify && !op.op_recverr)
		return 0;
	op.op_notifier = rds_notify_make(rs, token);
	return op.op_notifier ? 0 : -ENOMEM;
}

/* Of masked and plain ones the same fields: plain is a mask that changes nothing. */
void fill_operands(rm_atomic_op &op, int type, const rds_atomic_args &args)
{
	op.op_kind = RDS_ATOMIC_FADD;
	op.op_masked = type == RDS_CMSG_MASKED_ATOMIC_FADD || type == RDS_CMSG_MASKED_ATOMIC_CSWP;
	op.op_compare_add = args.m_cswp.compare; /* the addend is at the same place */
	switch (type) {
	case RDS_CMSG_ATOMIC_FADD:
		return;
	case RDS_CMSG_MASKED_ATOMIC_FADD:
		op.op_compare_mask = args.m_fadd.nocarry_mask;
		return;
	}
	op.op_kind = RDS_ATOMIC_CSWP;
	op.op_swap = args.m_cswp.swap;
	op.op_compare_mask = op.op_masked ? args.m_cswp.compare_mask : all_ones;
	op.op_swap_mask = op.op_masked ? args.m_cswp.swap_mask : all_ones;
}

template <typename Op>
bool went_well(const Op &op)
{
	return !op.op_active || kernel::read_once(op.op_done);
}

/* A message that is never sent ends with its operations: nobody acknowledges it. */
void end_header_less(rds_message *rm)
{
	if (!rds_is_header_less(rm) || !went_well(rm->m_rdma) || !went_well(rm->m_atomic))
		return;
	rds_lane *lane = lane_of(rm->m_conn);
	rds_lane::message_list gone;
	{
		kernel::guard hold(lane->c_lock);
		if (!rm->m_on_conn)
			return;
		rds_message_unlink(lane, rm);
		gone.push_back(rm);
	}
	rds_messages_left(lane->c_peer);
	rds_send_release(gone, RDS_RDMA_SUCCESS);
}

bool unmapped(void *arg)
{
	auto *rm = static_cast<rds_message *>(arg);
	return !kernel::load_acquire(rm->m_rdma.op_mapped) &&
	       !kernel::load_acquire(rm->m_atomic.op_mapped);
}

} // namespace

int rds_rdma_prepare(rds_sock *rs, rds_message *rm, rds_connection *conn, const rds_rdma_args *args,
		     const rds_iovec *vec, u64 nr_pages)
{
	rm_rdma_op &op = rm->m_rdma;
	if (op.op_active)
		return -EINVAL;
	bool write = args->flags & RDS_RDMA_READWRITE;
	u64 bytes = 0;
	kernel::user_pages pages;
	int err = pages.begin(nr_pages, !write);
	if (!err)
		err = pin_operands(pages, *args, vec, &bytes);
	if (err == -EOPNOTSUPP) {
		nr_pages = 0;
		bytes = vec->bytes;
		err = page_operand(rs, rm, pages, conn, *args, *vec);
	}
	if (!err)
		err = fill_common(rs, op, args->cookie, args->remote_vec.addr, args->flags,
				  args->user_token);
	if (err)
		return err;
	op.op_write = write;
	op.op_fence = (args->flags & RDS_RDMA_FENCE) != 0;
	op.op_bytes = bytes;
	op.op_nents = nr_pages;
	op.op_sg = pages.release();
	op.op_active = 1;
	if (!op.op_silent) {
		rds::exthdr_writer ext{rm->m_inc.i_hdr.h_exthdr};
		(void)ext.rdma(op.op_rkey);
	}
	rds_stats_inc(rds_s_send_rdma);
	return 0;
}

int rds_atomic_prepare(rds_sock *rs, rds_message *rm, int type, const rds_atomic_args *args)
{
	rm_atomic_op &op = rm->m_atomic;
	if (op.op_active)
		return -EINVAL;
	if (args->local_addr % sizeof(u64))
		return -EFAULT;
	kernel::user_pages pages;
	int err = pages.begin(1, true);
	if (!err)
		err = pages.add(args->local_addr, sizeof(u64), false);
	if (!err)
		err = fill_common(rs, op, args->cookie, args->remote_addr, args->flags,
				  args->user_token);
	if (err)
		return err;
	fill_operands(op, type, *args);
	op.op_sg = pages.release();
	op.op_active = 1;
	return 0;
}

void rds_operations_end(rds_message *rm)
{
	rds_notify_lost(rm);
	if (rm->m_rdma.op_sg)
		kernel_unpin(rm->m_rdma.op_sg);
	if (rm->m_atomic.op_sg)
		kernel_unpin(rm->m_atomic.op_sg);
}

void rds_operations_wait(rds_message *rm)
{
	kernel::full_barrier(); /* taken off the lane, then looked at; see post() in xmit.cc */
	if (!unmapped(rm))
		kernel_unmapped_wait(unmapped, rm);
}

/* Told first, then given back: who waits for the memory finds the word, too. */
void rds_rdma_send_complete(rds_message *rm, int status)
{
	kernel::write_once(rm->m_rdma.op_done, u8{status == RDS_RDMA_SUCCESS});
	rds_notify_rdma(rm, status);
	kernel::store_release(rm->m_rdma.op_mapped, u8{0});
	kernel_unmapped_wake();
	end_header_less(rm);
}

void rds_atomic_send_complete(rds_message *rm, int status)
{
	kernel::write_once(rm->m_atomic.op_done, u8{status == RDS_RDMA_SUCCESS});
	rds_notify_atomic(rm, status);
	kernel::store_release(rm->m_atomic.op_mapped, u8{0});
	kernel_unmapped_wake();
	end_header_less(rm);
}

void rds_rdma_unmapped(rds_message *rm)
{
	kernel::store_release(rm->m_rdma.op_mapped, u8{0});
	kernel_unmapped_wake();
}

void rds_atomic_unmapped(rds_message *rm)
{
	kernel::store_release(rm->m_atomic.op_mapped, u8{0});
	kernel_unmapped_wake();
}

void rds_message_unmapped(rds_message *rm)
{
	rds_rdma_unmapped(rm);
	rds_atomic_unmapped(rm);
}
