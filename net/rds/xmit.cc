// SPDX-License-Identifier: GPL-2.0
/*
 * The send engine of a lane. Whoever gets send_sem sends what everybody has queued; who does not
 * get it leaves at once, because the holder looks again after releasing it. Full is a state
 * (c_blocked): the engine leaves and the transport's kick starts it again.
 *
 * What a message costs here: two holds of the lane lock (pick, acknowledge), no allocation.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

constexpr int batch_done = 1; /* the limit was reached, there may be more */
constexpr u32 stuck_rounds = 4096;

bool has_work(const rds_lane *lane)
{
	if (lane->parked())
		return kernel::read_once(lane->c_xmit_rm);
	return !lane->c_send.empty() || kernel::read_once(lane->c_xmit_rm) ||
	       (lane->c_index == 0 && kernel::read_once(lane->c_peer->map_pending));
}

/* A map is sent before anything queued. Return: 0, or -ENOMEM with the mark still set. */
int pick_map(rds_lane *lane)
{
	rds_peer *peer = lane->c_peer;
	if (lane->c_index != 0 || !kernel::read_once(peer->map_pending))
		return 0;
	/* cleared before the map is read: a later change marks it again */
	kernel::exchange(peer->map_pending, u8{0});
	lane->c_xmit_rm = rds_cong_message(peer, lane->c_trans->t_xmit_atomic ? kernel::gfp_atomic
									      : kernel::gfp_kernel);
	if (!lane->c_xmit_rm) {
		kernel::write_once(peer->map_pending, u8{1});
		return -ENOMEM;
	}
	lane->c_xmit_rm->m_more = !lane->c_send.empty();
	return 0;
}

/*
 * The head of the queue, moved to the end of the retransmit list before its first byte is sent:
 * an acknowledgement may come during the call. RDMA is never repeated: such a message is dropped.
 */
void pick_message(rds_lane *lane)
{
	if (lane->parked())
		return;
	for (;;) {
		rds_lane::message_list dropped;
		{
			kernel::guard hold(lane->c_lock);
			rds_message *rm = lane->c_send.front();
			if (!rm)
				return;
			if (rds_has_operation(rm) && rm->m_retransmitted) {
				rds_message_unlink(lane, rm);
				dropped.push_back(rm);
			} else {
				rds_lane::message_list::remove(rm);
				lane->c_retrans.push_back(rm);
				rds_message_addref(rm);
				rm->m_more = !lane->c_send.empty();
				lane->c_xmit_rm = rm;
			}
		}
		if (dropped.empty())
			break;
		rds_drop_message(dropped.front(), RDS_DROP_op_not_repeated);
		rds_messages_left(lane->c_peer);
		rds_send_release(dropped, RDS_RDMA_DROPPED);
	}
	rds_message *rm = lane->c_xmit_rm;
	if (rds_is_header_less(rm))
		return; /* it cannot ask */
	if (lane->c_acks.ask(rm->m_len, rds_tunables.max_unacked_packets,
			     rds_tunables.max_unacked_bytes)) {
		rm->m_ack_required = 1;
		rds_stats_inc(rds_s_send_ack_required);
	}
}

void done_with_message(rds_lane *lane)
{
	rds_message *rm = lane->c_xmit_rm;
	lane->c_xmit_hdr_off = lane->c_xmit_sg = lane->c_xmit_off = lane->c_xmit_rounds = 0;
	lane->c_xmit_rdma_done = lane->c_xmit_atomic_done = false;
	lane->c_xmit_rm = nullptr;
	rds_trace_message(RDS_TRACE_MSG_SENT, lane, rm);
	rds_message_put(rm);
}

/* Account @taken bytes, header first. Return: false when the transport claims too many. */
bool advance(rds_lane *lane, const rds_message *rm, u32 taken)
{
	u32 n = RDS_HEADER_BYTES - lane->c_xmit_hdr_off;
	if (n > taken)
		n = taken;
	lane->c_xmit_hdr_off += n;
	taken -= n;
	while (taken && lane->c_xmit_sg < rm->m_nr_pieces) {
		n = rm->m_pieces[lane->c_xmit_sg].bv_len - lane->c_xmit_off;
		if (n > taken)
			n = taken;
		lane->c_xmit_off += n;
		taken -= n;
		if (lane->c_xmit_off == rm->m_pieces[lane->c_xmit_sg].bv_len) {
			lane->c_xmit_sg++;
			lane->c_xmit_off = 0;
		}
	}
	return !taken;
}

bool all_sent(const rds_lane *lane, const rds_message *rm)
{
	return lane->c_xmit_hdr_off == RDS_HEADER_BYTES && lane->c_xmit_sg == rm->m_nr_pieces;
}

constexpr int abandoned = 1;

/*
 * From the call on it is the transport's; it may have ended when the call returns. A message that
 * was cancelled before has no operation any more: who cancels takes it off the lane, then looks
 * whether it is mapped. Full is a state as with xmit. Return: 0, abandoned, errno.
 */
template <typename Op>
int post(rds_lane *lane, const rds_message *rm, Op &op, int (*hook)(rds_connection *, Op *),
	 bool &done)
{
	if (!op.op_active || done)
		return 0;
	kernel::write_once(op.op_mapped, u8{1});
	kernel::write_once(lane->c_blocked, u8{1});
	kernel::full_barrier();
	int err = kernel::read_once(rm->m_on_conn) ? hook(lane, &op) : abandoned;
	if (err != -ENOBUFS)
		kernel::write_once(lane->c_blocked, u8{0});
	if (err) {
		kernel::store_release(op.op_mapped, u8{0});
		kernel_unmapped_wake();
	}
	done = !err;
	return err;
}

void count_rdma(const rm_rdma_op &op)
{
	rds_stats_add(op.op_write ? rds_s_send_rdma_bytes : rds_s_recv_rdma_bytes, op.op_bytes);
}

/* All or nothing, before header and payload. Return: 0, abandoned, the transport's errno. */
int send_operations(rds_lane *lane, rds_message *rm)
{
	bool posted = lane->c_xmit_rdma_done;
	int err = post(lane, rm, rm->m_rdma, lane->c_trans->xmit_rdma, lane->c_xmit_rdma_done);
	if (err)
		return err;
	if (lane->c_xmit_rdma_done && !posted)
		count_rdma(rm->m_rdma);
	return post(lane, rm, rm->m_atomic, lane->c_trans->xmit_atomic, lane->c_xmit_atomic_done);
}

/*
 * One call of the transport's xmit. Return: > 0 progress; 0 the transport is full and c_blocked
 * stays for its kick to clear; negative: errno.
 */
int send_some(rds_lane *lane, rds_message *rm)
{
	if (++lane->c_xmit_rounds > stuck_rounds) {
		rds_stats_inc(rds_s_send_stuck_rm);
		lane->c_xmit_rounds = 0;
		return -EAGAIN;
	}
	kernel::write_once(lane->c_blocked, u8{1});
	kernel::full_barrier();
	int n = lane->c_trans->xmit(lane, rm, lane->c_xmit_hdr_off, lane->c_xmit_sg,
				    lane->c_xmit_off);
	if (n != 0)
		kernel::write_once(lane->c_blocked, u8{0});
	return n;
}

/* The device cannot do what it asks for: it ends here, and the next one goes on. */
void give_up(rds_lane *lane, rds_message *rm)
{
	rds_lane::message_list gone;
	{
		kernel::guard hold(lane->c_lock);
		if (!rm->m_on_conn)
			return;
		rds_message_unlink(lane, rm);
		gone.push_back(rm);
	}
	rds_drop_message(rm, RDS_DROP_op_not_possible);
	rds_messages_left(lane->c_peer);
	rds_notify_failed(rm);
	rds_send_release(gone, RDS_RDMA_DROPPED);
}

/* The message in hand, to its end. Return: 1 done with it, 0 full, negative errno. */
int send_message(rds_lane *lane)
{
	rds_message *rm = lane->c_xmit_rm;
	int n = send_operations(lane, rm);
	if (n == -EOPNOTSUPP) {
		give_up(lane, rm);
		return 1;
	}
	if (n)
		return n == abandoned ? 1 : n == -ENOBUFS ? 0 : n;
	if (rds_is_header_less(rm))
		return 1;
	while (!all_sent(lane, rm)) {
		n = send_some(lane, rm);
		if (n <= 0)
			return n;
		if (!advance(lane, rm, n)) {
			kernel_log("transport %s took more than there was, connection dropped",
				   lane->c_trans->t_name);
			lane->drop(RDS_WHY_overrun);
			return -EIO;
		}
	}
	return 1;
}

/* send_sem held. Return: 0, batch_done, or the errno of the transport. */
int send_batch(rds_lane *lane)
{
	for (unsigned int n = 0; n == 0 || n < rds_tunables.send_batch_count; n++) {
		if (!lane->c_xmit_rm) {
			int err = pick_map(lane);
			if (err)
				return err;
		}
		if (!lane->c_xmit_rm)
			pick_message(lane);
		if (!lane->c_xmit_rm)
			return 0;
		int done = send_message(lane);
		if (done <= 0)
			return done;
		done_with_message(lane);
		if (!lane->up())
			return 0;
		/* not after the last one: nobody is to be put aside with send_sem held for nothing */
		if (!lane->c_trans->t_xmit_atomic && has_work(lane))
			kernel_cond_resched();
	}
	return batch_done;
}

int send_bracketed(rds_lane *lane)
{
	if (!lane->up() || lane->dying())
		return 0;
	const rds_transport *t = lane->c_trans;
	if (t->xmit_prepare)
		t->xmit_prepare(lane);
	kernel::write_once(lane->c_sending, true);
	int ret = send_batch(lane);
	kernel::write_once(lane->c_sending, false);
	if (t->xmit_complete)
		t->xmit_complete(lane);
	return ret;
}

/* What a batch's result asks for. */
void retry_later(rds_lane *lane, int ret)
{
	if (ret == batch_done || ret == -EAGAIN) {
		rds_stats_inc(rds_s_send_immediate_retry);
		lane->queue_work(lane->c_send_work);
	} else if (ret == -ENOMEM) {
		rds_stats_inc(rds_s_send_delayed_retry);
		lane->queue_work(lane->c_send_work, 2);
	}
}

/* Gives @rm the next number, if it is its turn. send_sem held. */
bool number(rds_lane *lane, rds_message *rm)
{
	if (!lane->up() || lane->c_xmit_rm ||
	    (lane->c_index == 0 && kernel::read_once(lane->c_peer->map_pending)))
		return false;
	kernel::guard hold(lane->c_lock);
	if (lane->c_dying || !lane->c_send.empty() || !lane->c_retrans.empty())
		return false;
	rm->m_inc.i_hdr.h_sequence = kernel::be64(lane->c_tx.take());
	return true;
}

bool deliver_now(rds_lane *lane, rds_message *rm)
{
	kernel::try_guard hold(lane->c_send_sem);
	if (!hold || !number(lane, rm))
		return false;
	rds_trace_message(RDS_TRACE_MSG_QUEUED, lane, rm);
	/* when it fails the number is lost: receivers do not mind */
	return lane->c_trans->xmit(lane, rm, 0, 0, 0) > 0;
}

} // namespace

bool rds_send_direct(rds_lane *lane, rds_message *rm)
{
	bool sent = deliver_now(lane, rm);
	if (sent) {
		rds_trace_message(RDS_TRACE_MSG_SENT, lane, rm);
		rds_trace_message(RDS_TRACE_MSG_ACKED, lane, rm);
	}
	/* who queued meanwhile and found send_sem taken relies on this look */
	kernel::full_barrier();
	if (has_work(lane))
		rds_send_xmit(lane);
	return sent;
}

int rds_send_xmit(rds_lane *lane)
{
	/* a sender does not work for others without end: the worker takes over */
	constexpr int max_rounds = 4;
	for (int round = 0;; round++) {
		int ret;
		/* message queued, then mark read: the holder clears it, then looks at the queue */
		kernel::full_barrier();
		/* who is to shut it down has to get send_sem some time */
		if (kernel::read_once(lane->c_blocked) || !lane->up())
			return 0;
		{
			kernel::try_guard hold(lane->c_send_sem);
			if (!hold) {
				rds_stats_inc(rds_s_send_lock_contention);
				return 0;
			}
			ret = send_bracketed(lane);
			/*
			 * The transport should have dropped it; without that nobody would retry. Not
			 * later: the next connection must not pay for this one.
			 */
			if (ret < 0 && ret != -EAGAIN && ret != -ENOMEM)
				lane->drop(RDS_WHY_transport_error);
		}
		if (ret) {
			retry_later(lane, ret);
			return ret < 0 ? ret : 0;
		}
		/* who queued meanwhile and found send_sem taken relies on this look */
		kernel::full_barrier();
		if (!has_work(lane) || !lane->up() || lane->dying() ||
		    kernel::read_once(lane->c_blocked))
			return 0;
		rds_stats_inc(rds_s_send_lock_queue_raced);
		if (round == max_rounds) {
			lane->queue_work(lane->c_send_work);
			return 0;
		}
	}
}

void rds_send_start(rds_lane *lane)
{
	if (lane->c_trans->t_xmit_atomic)
		rds_send_xmit(lane);
	else
		lane->queue_work(lane->c_send_work);
}

/* The charge and the message leave their lists; one wake-up for a run of one socket's. */
void rds_send_drop_acked(rds_connection *conn, u64 ack, is_acked_func is_acked)
{
	rds_lane *lane = lane_of(conn);
	rds_lane::message_list acked;
	{
		kernel::guard hold(lane->c_lock);
		while (rds_message *rm = lane->c_retrans.front()) {
			bool yes = is_acked ? is_acked(rm, ack)
					    : rm->m_inc.i_hdr.h_sequence.host() <= ack;
			if (!yes)
				break;
			rds_message_unlink(lane, rm);
			rds_trace_message(RDS_TRACE_MSG_ACKED, lane, rm);
			acked.push_back(rm);
		}
	}
	if (acked.empty())
		return;
	lane->heard();
	rds_messages_left(lane->c_peer);
	rds_send_release(acked, RDS_RDMA_SUCCESS);
}

void rds_send_purge(rds_lane *lane)
{
	rds_lane::message_list gone;
	{
		kernel::guard hold(lane->c_lock);
		lane->c_send.splice_front(lane->c_retrans);
		while (rds_message *rm = lane->c_send.front()) {
			rds_message_unlink(lane, rm);
			rds_drop_message(rm, RDS_DROP_conn_destroyed);
			gone.push_back(rm);
		}
	}
	rds_send_release(gone, RDS_RDMA_DROPPED);
}
