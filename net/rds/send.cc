// SPDX-License-Identifier: GPL-2.0
/*
 * sendmsg, and what a socket knows of its sent messages: charge, cancelling, release. Process
 * context, no locks, unless said otherwise.
 *
 * What a message costs here: one allocation (two when it has pages), one copy, one look at the
 * cached peer and one insertion under snd_lock; then the caller runs the engine itself. Loopback's
 * are not inserted anywhere, if nobody is before them.
 */
#include <linux/errno.h>

#include "control.h"
#include "rds.h"
#include "sock.h"

namespace {

constexpr u32 allowed_flags = MSG_DONTWAIT_VALUE | MSG_CMSG_COMPAT_VALUE | MSG_ZEROCOPY_VALUE;

struct destination {
	in6_addr addr;
	u32 scope;
	u16 port;
};

/* Rows 3 to 6 of socket.md 6.2. */
int named_destination(const rds_sock *rs, const rds_name &name, destination &to)
{
	if (!rs->bound())
		return -ENOTCONN;
	to = {name.addr, name.scope, name.port};
	if (rds::addr_is_mapped(to.addr) != rds::addr_is_mapped(rs->addr))
		return -EOPNOTSUPP;
	if (to.scope && rs->scope && to.scope != rs->scope)
		return -EINVAL;
	return 0;
}

int connected_destination(rds_sock *rs, destination &to)
{
	rds::socket_guard hold(rs);
	if (!rs->bound() || rds::addr_is_none(rs->conn_addr))
		return -ENOTCONN;
	if (rds::addr_is_mapped(rs->conn_addr) != rds::addr_is_mapped(rs->addr))
		return -EOPNOTSUPP;
	to = {rs->conn_addr, rs->conn_scope, rs->conn_port};
	return 0;
}

int find_destination(rds_sock *rs, const rds_name &name, destination &to)
{
	if (!name.present)
		return connected_destination(rs, to);
	int err = rds::check_send_name(name);
	return err ? err : named_destination(rs, name, to);
}

rds_message *build_copy(rds_send_args *args, int *err)
{
	rds_message *rm = rds_message_alloc(args->len, kernel::gfp_account);
	*err = -ENOMEM;
	if (!rm)
		return nullptr;
	*err = rm->m_linear ? kernel_linear_from_iter(rm->m_linear_data, args->len, args->from)
			    : kernel_pieces_from_iter(rm->m_pieces, rm->m_nr_pieces, args->len,
						      args->from);
	if (!*err) {
		rds_stats_add(rds_s_copy_from_user, args->len);
		return rm;
	}
	rds_message_put(rm);
	return nullptr;
}

/* The charge comes first: whoever may not lock memory does not get as far as its pages. */
rds_message *build_zerocopy(rds_sock *rs, rds_send_args *args, int *err)
{
	/* two pages come on top, which is what one buffer needs; many small ones touch more */
	u64 pages = kernel_iter_pages(args->from), bytes = args->len;
	if (pages > 2 && bytes < (pages - 2) * PAGE_BYTES)
		bytes = (pages - 2) * PAGE_BYTES;
	rds_zcopy *z = rds_zcopy_begin(rs, bytes, err);
	if (!z)
		return nullptr;
	rds_message *rm = rds_message_of_user(args->len, args->from, err);
	if (rm)
		rm->m_zcopy = z;
	else
		rds_zcopy_end(z);
	return rm;
}

rds_message *build(rds_sock *rs, rds_send_args *args, bool zerocopy, const destination &to,
		   int *err)
{
	rds_message *rm = zerocopy ? build_zerocopy(rs, args, err) : build_copy(args, err);
	if (!rm)
		return nullptr;
	rds_header &h = rm->m_inc.i_hdr;
	h.h_len = kernel::be32(u32(args->len));
	h.h_sport = kernel::be16(rs->port);
	h.h_dport = kernel::be16(to.port);
	return rm;
}

using peer_ref = kernel::ref<rds_peer>;

peer_ref cached_peer(rds_sock *rs, const destination &to, u32 if_index)
{
	kernel::rcu_guard rcu; /* peers are freed after a grace period */
	rds_peer *p = kernel::load_acquire(rs->cached);
	if (!p || kernel::read_once(p->dying) || !rds::addr_equal(p->lane0.c_faddr, to.addr) ||
	    p->lane0.c_tos != rs->tos || p->lane0.c_if_index != if_index)
		return {};
	return peer_ref::try_share(p);
}

void remember_peer(rds_sock *rs, rds_peer *p)
{
	rds_peer *old;
	{
		kernel::guard hold(rs->snd_lock);
		old = rs->cached;
		p->get();
		kernel::store_release(rs->cached, p);
		kernel::write_once(rs->has_sent, true);
	}
	if (old)
		old->put();
}

peer_ref find_peer(rds_sock *rs, const destination &to, int *err)
{
	u32 if_index = rds::peer_if_index(rs, to.addr, to.scope);
	if (auto p = cached_peer(rs, to, if_index))
		return p;
	auto p = peer_ref::adopt(rds_peer_find_or_create(rs->rn, &rs->addr, &to.addr, rs->trans,
							 rs->tos, if_index, err));
	if (p)
		remember_peer(rs, p.get());
	return p;
}

/* Waits of a sender, both on its own socket. */
struct send_wait {
	rds_sock *rs;
	rds_peer *peer;
	u16 port;
};

/*
 * What is known of the peer's ports is true while it is connected: the map comes first on every
 * connection. Without one, somebody must queue a message, or nobody would ever connect to learn
 * of a change; one is enough.
 */
bool congested(const rds_peer *peer, u16 port)
{
	return peer->fcong->congested(port) && (peer->lane0.up() || peer->has_messages());
}

bool uncongested(void *arg)
{
	auto *w = static_cast<send_wait *>(arg);
	rds_cong_watch(w->rs, -1); /* before the look: an update in between wakes us */
	return !congested(w->peer, w->port) || kernel::read_once(w->peer->dying);
}

bool room(void *arg)
{
	auto *w = static_cast<send_wait *>(arg);
	return kernel::read_once(w->rs->snd_bytes) < w->rs->send_limit() ||
	       kernel::read_once(w->peer->dying);
}

int wait_for(send_wait &w, bool (*ready)(void *), rds_send_args *args)
{
	long left = kernel_sock_wait(w.rs, ready, &w, args->timeout);
	if (left <= 0)
		return left ? left : -ETIMEDOUT;
	args->timeout = left;
	return 0;
}

int pass_congestion(send_wait &w, rds_send_args *args)
{
	if (!congested(w.peer, w.port))
		return 0;
	if (!args->nonblock) {
		rds_stats_inc(rds_s_cong_send_blocked);
		rds_trace_cong_send(&w.peer->lane0, w.port, w.rs, false);
		return wait_for(w, uncongested, args);
	}
	rds_cong_watch(w.rs, w.port);
	if (!congested(w.peer, w.port))
		return 0;
	rds_stats_inc(rds_s_cong_send_error);
	rds_trace_cong_send(&w.peer->lane0, w.port, w.rs, true);
	return -ENOBUFS;
}

int enqueue(send_wait &w, rds_lane *lane, rds_message *rm, rds_send_args *args)
{
	if (!rm->m_rs) {
		w.rs->get();
		rm->m_rs = w.rs;
	}
	for (;;) {
		int err = rds_sock_enqueue(w.rs, lane, rm, w.rs->send_limit());
		if (err != -EAGAIN)
			return err;
		rds_stats_inc(rds_s_send_queue_full);
		if (args->nonblock)
			return err;
		err = wait_for(w, room, args);
		if (err)
			return err;
		if (kernel::read_once(w.peer->dying))
			return -ESTALE;
	}
}

/* Charged to nobody and on no list: what its receiver keeps must not keep its sender. */
bool send_at_once(rds_sock *rs, rds_lane *lane, rds_message *rm)
{
	/* m_rs: it was to be queued before, and its peer went away */
	if (!lane->c_immediate || rm->m_zcopy || rm->m_rs || kernel::read_once(rs->snd_bytes))
		return false;
	kernel::write_once(rm->m_rs, rs); /* not counted: for who traces it */
	bool sent = rds_send_direct(lane, rm);
	kernel::write_once(rm->m_rs, static_cast<rds_sock *>(nullptr));
	if (sent)
		rds_stats_inc(rds_s_send_queue_empty);
	return sent;
}

/*
 * Return: 0; -ESTALE when the peer went away meanwhile, or its lanes became more, and another
 * look is due.
 */
int send_to(rds_sock *rs, rds_message *rm, rds_peer *peer, u16 port, rds_send_args *args)
{
	send_wait w{rs, peer, port};
	rds_lane *first = &peer->lane0;
	/* what comes first says who we are, and asks who the peer is */
	if (first->c_handshakes && !kernel::read_once(peer->nr_lanes))
		rds_probe_send(first, kernel::gfp_kernel);
	int err = pass_congestion(w, args);
	if (err)
		return err;
	rds_lane *lane = rds_lane_choose(rs, peer, rm, &err);
	if (!lane)
		return err;
	bool sent = send_at_once(rs, lane, rm);
	if (!sent)
		err = enqueue(w, lane, rm, args);
	if (err)
		return err;
	rds_stats_inc(rds_s_send_queued);
	peer->touch();
	if (sent)
		return 0;
	/* the map, and the handshake of all, come on the first */
	if (!first->up())
		first->connect_if_down();
	if (!lane->up())
		lane->connect_if_down();
	rds_send_xmit(lane); /* what it meets is not this message's result */
	return 0;
}

int send(rds_sock *rs, rds_message *rm, const destination &to, rds::send_controls &controls,
	 rds_send_args *args)
{
	for (;;) {
		int err;
		auto peer = find_peer(rs, to, &err);
		if (!peer)
			return err;
		err = controls.apply(rm, &peer->lane0);
		if (err)
			return err;
		err = send_to(rs, rm, peer.get(), to.port, args);
		if (err != -ESTALE)
			return err;
	}
}

/*
 * Off the socket's list and its charge returned. Lock held. Return: it was there, and the caller
 * now owns the list's reference of the message and the message's reference of the socket.
 */
bool uncharge(rds_sock *rs, rds_message *rm)
{
	rs->snd_lock.assert_held();
	if (!rm->m_on_sock)
		return false;
	rds_sock::sent_list::remove(rm);
	rm->m_on_sock = 0;
	kernel::write_once(rm->m_rs, static_cast<rds_sock *>(nullptr));
	rs->snd_bytes -= rds_charge(rm->m_len);
	if (!rs->snd_bytes)
		rds_stats_inc(rds_s_send_queue_empty);
	return true;
}

/*
 * The socket that @rm is charged to, which it then is no longer. RCU: the socket was referenced
 * when the pointer was read, so its memory is there until the section ends.
 */
kernel::ref<rds_sock> give_back(rds_message *rm)
{
	kernel::rcu_guard rcu;
	rds_sock *rs = kernel::read_once(rm->m_rs);
	if (!rs)
		return {};
	kernel::guard hold(rs->snd_lock);
	return kernel::ref<rds_sock>::adopt(uncharge(rs, rm) ? rs : nullptr);
}

/* With the lane's reference; the caller has the socket's. */
void take_off_lane(const rds_sock *rs, rds_message *rm, rds_drop_why why)
{
	rds_lane *lane = lane_of(rm->m_conn);
	{
		kernel::guard hold(lane->c_lock);
		if (!rm->m_on_conn)
			return;
		rds_message_unlink(lane, rm);
	}
	rds_messages_left(lane->c_peer);
	rds_drop(lane, why, &rm->m_inc.i_hdr, rs);
	rds_message_put(rm);
}

} // namespace

/* They may have been those that others rely on, see congested(). */
void rds_messages_left(rds_peer *peer)
{
	rds_lanes_caught_up(peer);
	if (!peer->lane0.up() && !peer->has_messages())
		rds_cong_changed(peer->rn, rds::congmap_all_groups);
}

int rds_sock_enqueue(rds_sock *rs, rds_lane *lane, rds_message *rm, u32 limit)
{
	kernel::guard hold(rs->snd_lock);
	if (rs->snd_bytes >= limit)
		return -EAGAIN;
	/* half full: who may have to wait for room wants to hear soon (wire.md 11) */
	if (rs->snd_bytes + rds_charge(rm->m_len) >= limit / 2)
		rm->m_ack_required = 1;
	rds_zcopy_arm(rm->m_zcopy, true);
	rds_notify_arm(rm, true);
	int err = rds_message_queue(lane, rm);
	if (err) {
		rds_zcopy_arm(rm->m_zcopy, false);
		rds_notify_arm(rm, false);
		return err;
	}
	rs->snd_bytes += rds_charge(rm->m_len);
	rds_message_addref(rm);
	rm->m_on_sock = 1;
	rs->sent.push_back(rm);
	return 0;
}

long rds_sock_sendmsg(rds_sock *rs, rds_send_args *args)
{
	if (args->flags & ~allowed_flags)
		return -EOPNOTSUPP;
	destination to;
	int err = find_destination(rs, args->name, to);
	if (err)
		return err;
	rds::send_controls controls(rs, args);
	err = controls.check_shapes();
	if (err)
		return err;
	if (args->len > RDS_MAX_MSG_SIZE || args->len > rs->send_limit())
		return -EMSGSIZE;
	err = controls.check_types();
	if (err)
		return err;

	rds_message *rm = build(rs, args, controls.zerocopy(), to, &err);
	if (!rm)
		return err;
	err = send(rs, rm, to, controls, args);
	if (err)
		controls.undo(rm);
	rds_message_put(rm);
	return err ? err : static_cast<long>(args->len);
}

void rds_send_release(rds_lane::message_list &gone, int status)
{
	kernel::ref<rds_sock> waking; /* one wake-up for a run of one socket's */
	while (rds_message *rm = gone.pop_front()) {
		if (rds_has_operation(rm))
			rds_notify_end(rm, status);
		auto rs = give_back(rm);
		if (rs)
			rds_message_put(rm); /* the socket's */
		rds_message_put(rm); /* the lane's */
		if (waking && rs.get() != waking.get())
			kernel_sock_wake(waking.get());
		waking = std::move(rs);
	}
	if (waking)
		kernel_sock_wake(waking.get());
}

/*
 * Matches leave the socket first, then the lane; one that is being transmitted is finished on the
 * wire by the engine, which has its own reference. Operations that the transport has are waited
 * for, others will not be tried any more: afterwards their memory is the user's.
 */
void rds_send_cancel(rds_sock *rs, const in6_addr *addr, u16 port, bool all)
{
	rds_sock::sent_list gone;
	{
		kernel::guard hold(rs->snd_lock);
		rs->sent.each([&](rds_message *rm) {
			bool match = all || (rds::addr_equal(rm->m_conn->c_faddr, *addr) &&
					     rm->m_inc.i_hdr.h_dport.host() == port);
			if (match && uncharge(rs, rm))
				gone.push_back(rm);
		});
	}
	if (!gone.empty())
		kernel_sock_wake(rs);
	/* all of them at once: what is waited for below must not make room for the others */
	gone.each([&](rds_message *rm) {
		take_off_lane(rs, rm, all ? RDS_DROP_closed : RDS_DROP_cancelled);
		kernel_cond_resched();
	});
	while (rds_message *rm = gone.pop_front()) {
		if (rds_has_operation(rm)) {
			rds_operations_wait(rm);
			rds_notify_cancel(rm, !all);
		}
		if (all)
			rds_zcopy_disown(rm->m_zcopy);
		rds_message_put(rm);
		rs->put();
		kernel_cond_resched();
	}
}
