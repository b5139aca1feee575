// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA and atomic operations of messages: the xmit_rdma and xmit_atomic hooks (send_sem held,
 * perhaps softirq), and what becomes of them when their completions come. rdma.md 8 and 10. The last
 * work request of each is signaled: nobody waits for later traffic to hear of his operation.
 */
#include "ib.h"

namespace {

int status_of(rv_status status)
{
	switch (status) {
	case RV_OK:
		return RDS_RDMA_SUCCESS;
	case RV_REMOTE_ACCESS:
		return RDS_RDMA_REMOTE_ERROR;
	default:
		return RDS_RDMA_OTHER_ERROR;
	}
}

/* Masks that change nothing need no device that knows masks. */
bool is_masked(const rm_atomic_op &op)
{
	constexpr u64 all = ~u64{0};
	if (!op.op_masked)
		return false;
	if (op.op_kind == RDS_ATOMIC_FADD)
		return op.op_compare_mask != 0;
	return op.op_compare_mask != all || op.op_swap_mask != all;
}

rv_op op_of(const rm_atomic_op &op)
{
	if (op.op_kind == RDS_ATOMIC_FADD)
		return is_masked(op) ? RV_MASKED_FADD : RV_FADD;
	return is_masked(op) ? RV_MASKED_CSWP : RV_CSWP;
}

const rds_ib_region *region_of(const rm_rdma_op &op)
{
	return static_cast<const rds_ib_region *>(op.op_region);
}

/* Of none of a message's operations anything is posted if one of them cannot be. */
bool can_do(const rds_ib_link &link, const rds_message *rm)
{
	const rm_atomic_op &atomic = rm->m_atomic;
	const rv_limits &limits = link.dev->limits;
	if (rm->m_rdma.op_region && region_of(rm->m_rdma)->dev != link.dev)
		return false;
	bool reads = atomic.op_active || (rm->m_rdma.op_active && !rm->m_rdma.op_write);
	if (reads && !link.reads)
		return false;
	if (!atomic.op_active)
		return true;
	return limits.atomics && !(atomic.op_remote_addr % sizeof(u64)) &&
	       (limits.masked_atomics || !is_masked(atomic));
}

} // namespace

/* Return: entries, all of which go with next_operand(); 0: none is mapped. */
u32 rds_ib_link::map_operand(const rm_rdma_op &op)
{
	return op.op_sg ? rv_map_sg(dev->rv, op.op_sg, op.op_nents, op.op_write) : 1;
}

/* @sg: the next of them; null: it is paged on demand, and one. */
void rds_ib_link::next_operand(const rm_rdma_op &op, scatterlist *&sg, rv_sge &sge)
{
	if (op.op_sg)
		sg = rv_sg_next(dev->rv, sg, &sge);
	else
		sge = {op.op_local_addr, static_cast<u32>(op.op_bytes),
		       rv_mr_lkey(region_of(op)->mr)};
}

void rds_ib_link::unmap_operation(const rds_ib_send_slot &slot)
{
	const rds_message *rm = slot.rm;
	if (slot.kind == slot_kind::atomic)
		rv_unmap_sg(dev->rv, rm->m_atomic.op_sg, 1, false);
	else if (rm->m_rdma.op_sg)
		rv_unmap_sg(dev->rv, rm->m_rdma.op_sg, rm->m_rdma.op_nents, rm->m_rdma.op_write);
}

/* A failed part makes the whole operation fail; the rest of it is flushed. */
void rds_ib_link::retire_operation(rds_ib_send_slot &slot, rv_status status)
{
	if (!slot.rm) {
		rds_ib_send_slot &last = send_slots[slot.last];
		if (status != RV_OK && status != RV_FLUSHED && last.rm)
			last.failed = static_cast<u8>(status);
		return;
	}
	rds_message *rm = slot.rm;
	bool atomic = slot.kind == slot_kind::atomic;
	if (slot.failed)
		status = static_cast<rv_status>(slot.failed);
	unmap_operation(slot);
	if (atomic)
		rds_ib_count(rm->m_atomic.op_kind == RDS_ATOMIC_FADD ? RDS_IB_ATOMIC_FADD
								     : RDS_IB_ATOMIC_CSWP);
	if (status == RV_FLUSHED && atomic)
		rds_atomic_unmapped(rm);
	else if (status == RV_FLUSHED)
		rds_rdma_unmapped(rm);
	else if (atomic)
		rds_atomic_send_complete(rm, status_of(status));
	else
		rds_rdma_send_complete(rm, status_of(status));
}

/* The slots from @first on, @nr of them, are those of an operation of @rm. */
void rds_ib_link::hold_operation(rds_message *rm, slot_kind kind, u32 first, u32 nr)
{
	u32 last = send_ring.after(first, nr - 1);
	for (u32 i = 0; i < nr; i++) {
		rds_ib_send_slot &slot = send_slots[send_ring.after(first, i)];
		slot.rm = nullptr;
		slot.kind = kind;
		slot.since = rds_ib_clock();
		slot.nr = 0;
		slot.failed = RV_OK;
		slot.last = last;
	}
	rds_message_addref(rm);
	send_slots[last].rm = rm;
	unsignaled = 0;
}

int rds_ib_link::xmit_rdma(rm_rdma_op *op)
{
	rds_message *rm = kernel::container<rds_message, rm_rdma_op>(op, &rds_message::m_rdma);
	if (kernel::read_once(dead))
		return -ENOTCONN;
	u32 most_sge = op->op_write ? dev->send_sge : dev->read_sge;
	u32 entries = op->op_sg ? op->op_nents : 1;
	u32 need = (entries + most_sge - 1) / most_sge, first;
	if (need > send_ring.size() || !can_do(*this, rm))
		return -EOPNOTSUPP;
	u32 got = take_slots(need, first);
	if (got < need) {
		send_ring.give_back(got);
		if (!got)
			return -ENOBUFS;
		/* the mark, as for none: who retires now kicks */
		rds_ib_count(RDS_IB_TX_RING_FULL);
		kernel::write_once(full, u32{1});
		kernel::full_barrier();
		if (send_ring.size() - send_ring.used() < need)
			return -ENOBUFS;
		kernel::write_once(full, u32{0});
		return -EAGAIN;
	}
	u32 mapped = map_operand(*op);
	if (!mapped) {
		rds_ib_count(RDS_IB_TX_SG_MAPPING_FAILURE);
		send_ring.give_back(got);
		return -ENOMEM;
	}
	/* a device that joins entries needs fewer */
	u32 used = (mapped + most_sge - 1) / most_sge;
	send_ring.give_back(got - used);
	hold_operation(rm, slot_kind::rdma, first, used);
	scatterlist *sg = op->op_sg;
	u64 remote = op->op_remote_addr;
	u32 posted = 0;
	while (posted < used) {
		u32 n = used - posted < rds_ib_batch ? used - posted : rds_ib_batch;
		for (u32 i = 0; i < n; i++) {
			rv_wr &wr = wrs[i];
			wr = {};
			wr.id = send_ring.after(first, posted + i);
			wr.sge = sges[i];
			wr.op = op->op_write ? RV_WRITE : RV_READ;
			wr.remote_addr = remote;
			wr.rkey = op->op_rkey;
			wr.signaled = posted + i + 1 == used;
			while (wr.nr_sge < most_sge && mapped) {
				rv_sge &sge = sges[i][wr.nr_sge++];
				next_operand(*op, sg, sge);
				remote += sge.length;
				mapped--;
			}
		}
		u32 done = rv_post(queues, wrs, n);
		posted += done;
		if (done < n)
			break;
	}
	if (posted == used)
		return 0;
	if (posted) {
		/*
		 * That may be executed, and nothing tells when, as its last one was not posted: the
		 * memory stays until the queue pair is gone.
		 */
		broken(RDS_WHY_queue_error);
		never_told = used;
		return 0;
	}
	return refused(rm, first, used);
}

/*
 * The device takes none of it: if that is because the connection is lost, the next post tells. The
 * core knows that nothing is mapped. What was posted of the same message must not be given up.
 */
int rds_ib_link::refused(rds_message *rm, u32 first, u32 nr)
{
	rds_ib_send_slot &last = send_slots[send_ring.after(first, nr - 1)];
	bool alone = last.kind == slot_kind::rdma || !rm->m_rdma.op_active;

	unmap_operation(last);
	rds_message_put(rm);
	last.rm = nullptr;
	send_ring.give_back(nr);
	if (alone)
		return -EOPNOTSUPP;
	broken(RDS_WHY_queue_error);
	return -ENOTCONN;
}

int rds_ib_link::xmit_atomic(rm_atomic_op *op)
{
	rds_message *rm = kernel::container<rds_message, rm_atomic_op>(op, &rds_message::m_atomic);
	if (kernel::read_once(dead))
		return -ENOTCONN;
	if (!can_do(*this, rm))
		return -EOPNOTSUPP;
	u32 first;
	if (!take_slots(1, first))
		return -ENOBUFS;
	if (!rv_map_sg(dev->rv, op->op_sg, 1, false)) {
		rds_ib_count(RDS_IB_TX_SG_MAPPING_FAILURE);
		send_ring.give_back(1);
		return -ENOMEM;
	}
	hold_operation(rm, slot_kind::atomic, first, 1);
	(void)rv_sg_next(dev->rv, op->op_sg, &sges[0][0]);
	rv_wr wr = {};
	wr.id = first;
	wr.sge = sges[0];
	wr.nr_sge = 1;
	wr.op = op_of(*op);
	wr.signaled = true;
	wr.remote_addr = op->op_remote_addr;
	wr.rkey = op->op_rkey;
	wr.compare_add = op->op_compare_add;
	wr.swap = op->op_swap;
	wr.compare_mask = op->op_compare_mask;
	wr.swap_mask = op->op_swap_mask;
	if (rv_post(queues, &wr, 1) == 1)
		return 0;
	return refused(rm, first, 1);
}
