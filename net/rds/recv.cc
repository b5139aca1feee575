// SPDX-License-Identifier: GPL-2.0
/*
 * The way up: rds_recv_incoming() from a transport in any context, one call at a time for each
 * lane, to a socket's queue; and recvmsg from there, process context, no locks.
 *
 * What a message costs here: one look-up under RCU, no socket reference (sockets are freed after
 * a grace period), one hold of rcv_lock to queue and one to take.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

/*
 * What a socket's queue may keep of memory. Congestion is the peer's to obey, but what its senders
 * had queued before they learned of it still comes: the hard cap is where we stop believing in the
 * peer, and must be far above that (lifecycle.md L17).
 */
u64 hard_cap(const rds_sock *rs)
{
	return u64{rds_tunables.recv_cap_mb} * 1024 * 1024 + u64{4} * rs->recv_limit();
}

/* Many small messages congest a socket, too; and those of this host one that is bound to it. */
u64 memory_limit(const rds_sock *rs)
{
	return 16 * 1024 * 1024 + u64{2} * rs->recv_limit();
}

u64 memory_of(const rds_incoming *inc)
{
	constexpr u32 overhead = 512; /* of a message and its piece, about */
	return inc->i_memory ? inc->i_memory : inc->i_len + overhead;
}

/*
 * A socket bound to the loopback is congested only by memory: the stock modules never throttle it,
 * and some senders there know no ENOBUFS.
 */
bool throttled(const rds_sock *rs)
{
	return rs->trans->t_type != RDS_TRANS_LOOP;
}

bool full(const rds_sock *rs)
{
	return (throttled(rs) && rs->rcv_bytes > rs->recv_limit()) ||
	       rs->rcv_memory > memory_limit(rs);
}

/* Below half of each limit: in between nothing changes. */
bool has_room(const rds_sock *rs)
{
	return (!throttled(rs) || rs->rcv_bytes < rs->recv_limit() / 2) &&
	       rs->rcv_memory < memory_limit(rs) / 2;
}

/* rcv_lock held for both. */
void charge(rds_sock *rs, const rds_incoming *inc)
{
	rs->rcv_lock.assert_held();
	rs->rcv_bytes += rds_charge(inc->i_len);
	rs->rcv_count++;
	rs->rcv_memory += memory_of(inc);
	rds_stats_add(rds_s_recv_bytes_added_to_sock, inc->i_len);
	if (!rs->rcv_congested && full(rs)) {
		rs->rcv_congested = true;
		rds_cong_set_port(rs->cong, rs->port);
	}
}

void uncharge(rds_sock *rs, const rds_incoming *inc)
{
	rs->rcv_lock.assert_held();
	rs->rcv_bytes -= rds_charge(inc->i_len);
	rs->rcv_count--;
	rs->rcv_memory -= memory_of(inc);
	rds_stats_add(rds_s_recv_bytes_freed_fromsock, inc->i_len);
	if (rs->rcv_congested && (rs->dead || has_room(rs))) {
		rs->rcv_congested = false;
		rds_cong_clear_port(rs->cong, rs->port);
	}
}

/* What came by one transport is for sockets of that transport; by loopback, for all. */
bool may_deliver(const rds_sock *rs, const rds_connection *conn)
{
	return rs->trans == conn->c_trans || conn->c_trans->t_type == RDS_TRANS_LOOP;
}

/*
 * rcv_lock held. Return: why it is dropped, RDS_DROP_NR when it was queued. On this host the hard
 * cap is not needed: senders look at the very bit, and what they had queued is charged to them.
 */
rds_drop_why queue(rds_sock *rs, rds_incoming *inc)
{
	bool local = inc->i_conn->c_trans->t_type == RDS_TRANS_LOOP;
	if (rs->dead)
		return RDS_DROP_dead_sock;
	if (!local && rs->rcv_memory > hard_cap(rs))
		return RDS_DROP_over_limit;
	rds_inc_addref(inc);
	if (rs->wants_timestamps())
		inc->i_rx_ns = kernel_wall_ns();
	rs->received.push_back(inc);
	charge(rs, inc);
	return RDS_DROP_NR;
}

void deliver(rds_connection *conn, const in6_addr *daddr, rds_incoming *inc)
{
	kernel::rcu_guard rcu;
	rds_sock *rs = rds_bind_find(conn->c_peer->rn, daddr, inc->i_hdr.h_dport.host(),
				     lane_scope(conn));
	if (!rs || !may_deliver(rs, conn)) {
		rds_drop(conn, rs ? RDS_DROP_wrong_transport : RDS_DROP_no_sock, &inc->i_hdr, rs);
		return;
	}
	if (lane_of(conn)->c_handshakes)
		rds_lane_follow(rs, conn->c_peer, conn->c_index);
	if (lane_of(conn)->c_has_mrs)
		rds_mr_used(rs, &inc->i_hdr);
	rds_drop_why why;
	{
		kernel::guard hold(rs->rcv_lock);
		why = queue(rs, inc);
	}
	if (why == RDS_DROP_NR) {
		rds_stats_inc(rds_s_recv_queued);
		rds_trace_received(conn, &inc->i_hdr, rs);
		kernel_sock_wake_rcu(rs);
		return;
	}
	rds_drop(conn, why, &inc->i_hdr, rs);
	if (why == RDS_DROP_over_limit) {
		if (lane_of(conn)->up()) /* not for each that is still under way */
			kernel_log("port %u is flooded past its limit, connection dropped",
				   rs->port);
		rds_conn_drop_why(conn, RDS_WHY_flooded);
	}
}

/* The kernel's own ports. Return: false when it is for a socket. */
bool kernel_port(rds_lane *lane, const rds_header &hdr, gfp_t gfp)
{
	if (rds::is_ping(hdr)) {
		rds_ping_received(lane, &hdr, gfp);
		return true;
	}
	if (rds::is_forged_pong(hdr)) { /* no kernel sends it; applications believe port 0 */
		rds_drop(lane, RDS_DROP_bad_pong, &hdr, nullptr);
		return true;
	}
	if (!rds::is_probe_reply(hdr))
		return false;
	rds_pong_received(lane, &hdr);
	return true;
}

/* The oldest message, claimed; or looked at. */
rds_incoming *take(rds_sock *rs, bool peek)
{
	if (rs->received.empty()) /* without the lock: who goes to sleep looks once more */
		return nullptr;
	kernel::guard hold(rs->rcv_lock);
	rds_incoming *inc = rs->received.front();
	if (!inc)
		return nullptr;
	if (peek) {
		rds_inc_addref(inc);
		return inc;
	}
	rds_sock::inc_list::remove(inc);
	uncharge(rs, inc);
	return inc;
}

/*
 * Some of those that came by @trans, or of all: the queue may be long, and the lock is a spinlock.
 * Return: there may be more.
 */
bool take_some(rds_sock *rs, const rds_transport *trans, rds_sock::inc_list &to)
{
	u32 left = 64;
	kernel::guard hold(rs->rcv_lock);
	rds_incoming *inc = rs->received.front();
	while (inc && left) {
		rds_incoming *next = rs->received.next(inc);
		if (!trans || inc->i_conn->c_trans == trans) {
			rds_sock::inc_list::remove(inc);
			uncharge(rs, inc);
			to.push_back(inc);
			left--;
		}
		inc = next;
	}
	return !left;
}

/* The copy failed: it is the oldest again, unless the socket was closed meanwhile. */
void give_back(rds_sock *rs, rds_incoming *inc)
{
	kernel::guard hold(rs->rcv_lock);
	if (rs->dead) {
		rds_drop(inc->i_conn, RDS_DROP_unread, &inc->i_hdr, rs);
		return;
	}
	rds_inc_addref(inc);
	rs->received.push_front(inc);
	charge(rs, inc);
	kernel_sock_wake(rs); /* another reader may have found nothing meanwhile */
}

/* Of the parts that the socket asked about; a point that the transport does not tell counts as none. */
int put_traces(rds_sock *rs, const rds_incoming *inc, rds_recv_args *args)
{
	u64 points[RDS_RX_STAMPS + 1] = {inc->i_stamps[RDS_RX_HEADER], inc->i_stamps[RDS_RX_START],
					 inc->i_stamps[RDS_RX_END], kernel_clock_ns()};
	rds_rx_trace_so want;
	{
		kernel::guard hold(rs->rcv_lock);
		want = rs->traces;
	}
	if (!want.rx_traces || !inc->i_stamps[RDS_RX_END])
		return 0;
	rds_cmsg_rx_trace trace; /* which has a hole */
	__builtin_memset(&trace, 0, sizeof(trace));
	trace.rx_traces = want.rx_traces;
	for (u32 i = 0; i < want.rx_traces; i++) {
		u32 pos = want.rx_trace_pos[i];
		trace.rx_trace_pos[i] = pos;
		if (points[pos])
			trace.rx_trace[i] = points[pos + 1] - points[pos];
	}
	return kernel_control_put(args->msg, SOL_RDS, RDS_CMSG_RXPATH_LATENCY, &trace,
				  sizeof(trace));
}

/* The region that the sender offers, if what it came by has regions. */
int put_cookie(const rds_incoming *inc, rds_recv_args *args)
{
	rds::exthdr_reader reader{inc->i_hdr.h_exthdr};
	rds::exthdr ext;
	while (reader.next(ext)) {
		if (ext.type != RDS_EXTHDR_RDMA_DEST)
			continue;
		u64 cookie = ext.rdma_cookie();
		return kernel_control_put(args->msg, SOL_RDS, RDS_CMSG_RDMA_DEST, &cookie,
					  sizeof(cookie));
	}
	return 0;
}

/* In the order of socket.md 7.3. Return: 0, -EFAULT. */
int put_controls(rds_sock *rs, const rds_incoming *inc, rds_recv_args *args)
{
	int err = lane_of(inc->i_conn)->c_has_mrs ? put_cookie(inc, args) : 0;
	if (!err && inc->i_rx_ns && rs->wants_timestamps())
		err = kernel_control_put_time(args->msg, rs, inc->i_rx_ns);
	if (!err && kernel::read_once(rs->traces.rx_traces))
		err = put_traces(rs, inc, args);
	if (!err && !rs->completed.empty())
		err = rds_zcopy_deliver(rs, args);
	return err < 0 ? err : 0;
}

long copy_out(rds_sock *rs, rds_incoming *inc, rds_recv_args *args)
{
	int n = lane_of(inc->i_conn)->c_inc_copy(inc, args->to);
	if (n < 0)
		return -EFAULT;
	int err = put_controls(rs, inc, args);
	if (err)
		return err;
	rds_stats_inc(rds_s_recv_delivered);
	rds_stats_add(rds_s_copy_to_user, n);
	args->name.present = 1;
	args->name.addr = inc->i_saddr;
	args->name.port = inc->i_hdr.h_sport.host();
	args->name.scope = rs->scope;
	args->truncated = u32(n) < inc->i_len;
	if (args->truncated && (args->flags & MSG_TRUNC_VALUE))
		return inc->i_len;
	return n;
}

u64 take_notification(rds_sock *rs)
{
	if (!kernel::read_once(rs->cong_notify))
		return 0;
	kernel::guard hold(rs->rn->watch_lock);
	u64 notify = rs->cong_notify;
	rs->cong_notify = 0;
	return notify;
}

/*
 * It is gone if the reader's buffer cuts it; what could not be written at all is told again.
 * Return: records, -EFAULT.
 */
int deliver_notification(rds_sock *rs, rds_recv_args *args)
{
	u64 groups = take_notification(rs);
	if (!groups)
		return 0;
	int err = kernel_control_put(args->msg, SOL_RDS, RDS_CMSG_CONG_UPDATE, &groups,
				     sizeof(groups));
	if (!err)
		return 1;
	kernel::guard hold(rs->rn->watch_lock);
	if (rs->monitor)
		kernel::write_once(rs->cong_notify, rs->cong_notify | groups);
	kernel_sock_wake(rs); /* another reader may have found nothing meanwhile */
	return err;
}

bool readable(void *arg)
{
	auto *rs = static_cast<rds_sock *>(arg);
	return !rs->received.empty() || !rs->notices.empty() || kernel::read_once(rs->cong_notify);
}

} // namespace

void rds_inc_init(rds_incoming *inc, rds_connection *conn, const in6_addr *saddr)
{
	kernel_ref_init(&inc->i_refs);
	kernel::list_item_init(&inc->i_item);
	conn->c_peer->get();
	inc->i_conn = conn;
	inc->i_saddr = *saddr;
	inc->i_memory = 0;
	inc->i_rx_ns = 0;
	for (u64 &stamp : inc->i_stamps)
		stamp = 0;
}

u64 rds_rx_clock(void)
{
	return kernel::read_once(rds_tracing) ? kernel_clock_ns() : 0;
}

void rds_inc_addref(rds_incoming *inc)
{
	kernel_ref_inc(&inc->i_refs);
}

void rds_inc_put(rds_incoming *inc)
{
	if (!kernel_ref_dec_and_test(&inc->i_refs))
		return;
	/* the hook frees @inc; the peer holds the copy of the hook */
	rds_peer *peer = inc->i_conn->c_peer;
	lane_of(inc->i_conn)->c_inc_free(inc);
	peer->put();
}

void rds_recv_incoming(rds_connection *conn, const in6_addr *saddr, const in6_addr *daddr,
		       rds_incoming *inc, gfp_t gfp)
{
	rds_lane *lane = lane_of(conn);
	inc->i_saddr = *saddr;
	inc->i_len = inc->i_hdr.h_len.host();
	bool of_kernels = rds::is_of_kernels(inc->i_hdr);
	if (of_kernels && rds::is_handshake(inc->i_hdr))
		rds_handshake_seen(lane, &inc->i_hdr);
	if (!lane->c_rx.accept(inc->i_hdr.h_sequence.host(), inc->i_hdr.h_flags)) {
		rds_drop(conn, RDS_DROP_old_seq, &inc->i_hdr, nullptr);
		return;
	}
	lane->heard();
	lane->c_peer->touch();
	inc->i_stamps[RDS_RX_END] = rds_rx_clock();
	if (!of_kernels || !kernel_port(lane, inc->i_hdr, gfp))
		deliver(conn, daddr, inc);
}

/* Its own numbers, if it has any, are right. It may be knocking, but has no stream that carries data. */
void rds_recv_other_lane(rds_connection *conn, unsigned int was)
{
	rds_lane *lane = lane_of(conn), *its = lane->c_peer->lane(was);
	if (its && !its->up() && !its->c_rx.next) {
		its->c_rx = lane->c_rx;
		its->c_rx_life = lane->c_rx_life;
	}
	lane->c_rx.restart();
}

void rds_recv_purge(rds_sock *rs, const rds_transport *trans)
{
	bool more = true;
	while (more) {
		rds_sock::inc_list gone;
		more = take_some(rs, trans, gone);
		while (rds_incoming *inc = gone.pop_front()) {
			rds_drop(inc->i_conn, trans ? RDS_DROP_transport_gone : RDS_DROP_unread,
				 &inc->i_hdr, rs);
			rds_inc_put(inc);
		}
		kernel_cond_resched();
	}
}

long rds_sock_recvmsg(rds_sock *rs, rds_recv_args *args)
{
	if (args->flags & MSG_OOB_VALUE)
		return 0;
	bool peek = args->flags & MSG_PEEK_VALUE;
	for (;;) {
		int told = rs->notices.empty() ? 0 : rds_notify_deliver(rs, args);
		if (!told)
			told = deliver_notification(rs, args);
		if (told)
			return told < 0 ? told : 0;
		if (rds_incoming *inc = take(rs, peek)) {
			long n = copy_out(rs, inc, args);
			if (n < 0 && !peek)
				give_back(rs, inc);
			rds_inc_put(inc);
			return n;
		}
		if (args->nonblock) {
			told = rds_zcopy_deliver(rs, args);
			return told > 0 ? 0 : told ? told : -EAGAIN;
		}
		long left = kernel_sock_wait(rs, readable, rs, args->timeout);
		if (left <= 0)
			return left ? left : -ETIMEDOUT;
		args->timeout = left;
	}
}
