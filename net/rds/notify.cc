// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of an operation, told to its sender: at most once for each, the first word counts.
 * The operation owns a notifier; whoever takes it out of there has the word, and queues it on the
 * socket or frees it. The socket's snd_lock guards the queue. Transports report in any context,
 * as do the lanes; readers are in process context.
 *
 * RDS_RDMA_NOTIFY_ME asks for every end; RDS_RECVERR alone only for being dropped: other failures
 * break the connection, and come to that (rdma.md 8.4).
 */
#include <linux/errno.h>

#include "rds.h"

static_assert(sizeof(rds_rdma_notify) == 16);

namespace {

void discard(rds_notifier *n)
{
	rds_sock *rs = n->rs;
	kernel_free(n);
	if (rs)
		rs->put();
}

/* What came after the socket was closed is freed with it. */
void post(rds_notifier *n, int status)
{
	rds_sock *rs = n->rs;
	n->rs = nullptr;
	n->told.status = status;
	{
		kernel::guard hold(rs->snd_lock);
		rs->notices.push_back(n);
	}
	kernel_sock_wake(rs);
	rs->put();
}

/* The operation's word, which then is the caller's; null: it was said, or nobody asked. */
template <typename Op>
rds_notifier *take(Op &op)
{
	if (!kernel::read_once(op.op_notifier))
		return nullptr;
	return kernel::exchange(op.op_notifier, static_cast<rds_notifier *>(nullptr));
}

template <typename Op>
void end(Op &op, int status, bool told)
{
	rds_notifier *n = take(op);
	if (!n)
		return;
	if (told && n->armed)
		post(n, status);
	else
		discard(n);
}

template <typename Op>
void arm(Op &op, bool on)
{
	if (op.op_notifier)
		op.op_notifier->armed = on;
}

/* Up to @most of the oldest. */
void take_some(rds_sock *rs, u64 most, kernel::list<rds_notifier, &rds_notifier::item> &to)
{
	kernel::guard hold(rs->snd_lock);
	while (most--) {
		rds_notifier *n = rs->notices.pop_front();
		if (!n)
			return;
		to.push_back(n);
	}
}

} // namespace

rds_notifier *rds_notify_make(rds_sock *rs, u64 token)
{
	auto *n = static_cast<rds_notifier *>(
		kernel_zalloc(sizeof(rds_notifier), kernel::gfp_account));
	if (!n)
		return nullptr;
	kernel::list_item_init(&n->item);
	rs->get();
	n->rs = rs;
	n->told.user_token = token;
	return n;
}

void rds_notify_arm(rds_message *rm, bool on)
{
	arm(rm->m_rdma, on);
	arm(rm->m_atomic, on);
}

void rds_notify_rdma(rds_message *rm, int status)
{
	if (rm->m_rdma.op_notify)
		end(rm->m_rdma, status, true);
}

void rds_notify_atomic(rds_message *rm, int status)
{
	if (rm->m_atomic.op_notify)
		end(rm->m_atomic, status, true);
}

/*
 * An acknowledgement says that the peer has the message, so a write before it is done. Of a read or
 * an atomic it does not say that the result is here: those wait for their completion.
 */
void rds_notify_end(rds_message *rm, int status)
{
	bool dropped = status == RDS_RDMA_DROPPED;
	if (dropped || rm->m_rdma.op_write || !rm->m_rdma.op_notify)
		end(rm->m_rdma, status, dropped || rm->m_rdma.op_notify);
	if (dropped || !rm->m_atomic.op_notify)
		end(rm->m_atomic, status, dropped);
}

void rds_notify_failed(rds_message *rm)
{
	end(rm->m_rdma, RDS_RDMA_OTHER_ERROR, rm->m_rdma.op_notify || rm->m_rdma.op_recverr);
	end(rm->m_atomic, RDS_RDMA_OTHER_ERROR, rm->m_atomic.op_notify || rm->m_atomic.op_recverr);
}

void rds_notify_cancel(rds_message *rm, bool told)
{
	end(rm->m_rdma, RDS_RDMA_CANCELED, told && rm->m_rdma.op_notify);
	end(rm->m_atomic, RDS_RDMA_CANCELED, told && rm->m_atomic.op_notify);
}

void rds_notify_lost(rds_message *rm)
{
	end(rm->m_rdma, RDS_RDMA_DROPPED, rm->m_rdma.op_notify);
	end(rm->m_atomic, RDS_RDMA_DROPPED, rm->m_atomic.op_notify);
}

int rds_notify_deliver(rds_sock *rs, rds_recv_args *args)
{
	if (rs->notices.empty())
		return 0;
	u64 room = kernel_control_room(args->msg) / kernel_control_space(sizeof(rds_rdma_notify));
	kernel::list<rds_notifier, &rds_notifier::item> mine;
	take_some(rs, room ? room : 1, mine);
	int done = 0, err = 0;
	while (rds_notifier *n = mine.front()) {
		err = kernel_control_put(args->msg, SOL_RDS, RDS_CMSG_RDMA_STATUS, &n->told,
					 sizeof(n->told));
		if (err)
			break;
		mine.remove(n);
		kernel_free(n);
		done++;
	}
	if (!err)
		return done;
	{
		kernel::guard hold(rs->snd_lock);
		rs->notices.splice_front(mine);
	}
	kernel_sock_wake(rs); /* another reader may have found nothing meanwhile */
	return err;
}

void rds_notify_purge(rds_sock *rs)
{
	kernel::list<rds_notifier, &rds_notifier::item> gone;
	take_some(rs, ~u64{0}, gone);
	while (rds_notifier *n = gone.pop_front())
		kernel_free(n);
}
