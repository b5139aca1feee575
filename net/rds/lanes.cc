// SPDX-License-Identifier: GPL-2.0
/*
 * The lanes of a peer: which one a message takes, when they come to be, in which order they open,
 * and what keeps a socket's messages in order when it moves from lane 0 to its own. wire.md 9.4,
 * 9.5; tcp.md 15, 20. Any context unless said otherwise, no locks.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

/* A peer that answers no pings is not asked for ever. */
constexpr unsigned long answer_time = 5UL * TICKS_PER_SECOND;

/* Peers could have eight for each that the caps let in: that would be eight times the memory. */
bool is_full(const rds_net *rn)
{
	return kernel::read_once(rn->nr_more_lanes) >= 2 * rds_tunables.max_peers_user;
}

/* Return: @mine, or that of somebody who was faster; null when the peer is on its way out. */
rds_lane *publish(rds_peer *peer, unsigned int index, rds_lane *mine)
{
	kernel::guard hold(peer->rn->lock);
	if (peer->dying)
		return nullptr;
	if (rds_lane *theirs = peer->lane(index))
		return theirs;
	mine->c_tx.next = peer->rn->tx_floor;
	peer->rn->nr_more_lanes++;
	kernel::store_release(peer->lanes[index], mine);
	return mine;
}

/* Has the handshake been made on what connects us now, as far as it ever will be? */
bool agreed(const rds_peer *peer)
{
	const rds_lane &first = peer->lane0;
	return first.up() && (kernel::read_once(peer->agreed) ||
			      kernel_ticks() - kernel::read_once(first.c_up_since) > answer_time);
}

/*
 * On TCP an acknowledgement that has no message to ride on is a packet of its own: who answers does
 * so where he was asked. rds_sock.lane_hint is the peer that spoke first (its address, which is only
 * compared), its lane, and the mark that the socket has chosen. That is for good, or its messages
 * to that peer would overtake each other. To all others the hash chooses.
 */
constexpr u64 hint_lane = 7, hint_chosen = 8;

u64 hint_of(const rds_peer *peer, unsigned int index)
{
	return u64{reinterpret_cast<unsigned long>(peer)} << 4 | index;
}

bool is_about(u64 hint, const rds_peer *peer)
{
	return hint >> 4 == hint_of(peer, 0) >> 4;
}

/*
 * The one who answers on lane 0, on which the first messages of all come, is not followed: so its
 * hash chooses another one. @lanes: a power of two, more than one, and the same each time.
 */
unsigned int lane_of_answers(const rds_sock *rs, u64 hint, unsigned int lanes)
{
	unsigned int index = (hint & hint_lane ? hint & hint_lane : rs->lane_hash) & (lanes - 1);
	return index ? index : 1 + (rs->lane_hash >> 8) % (lanes - 1);
}

unsigned int choose(rds_sock *rs, const rds_peer *peer, unsigned int lanes)
{
	u64 hint = kernel::read_once(rs->lane_hint);
	while (!(hint & hint_chosen)) {
		u64 choice = (is_about(hint, peer) ? hint : 0) | hint_chosen;
		if (kernel::compare_exchange(rs->lane_hint, hint, choice))
			hint = choice;
		else
			hint = kernel::read_once(rs->lane_hint);
	}
	return is_about(hint, peer) ? lane_of_answers(rs, hint, lanes)
				    : rs->lane_hash & (lanes - 1);
}

/* Sockets' messages have an order, those of the kernels have none. c_lock of lane 0 held. */
bool is_behind(rds_lane &first, u64 point)
{
	if (!first.has_messages())
		return false;
	rds_message *oldest = first.c_retrans.front();
	if (!oldest)
		oldest = first.c_send.front();
	return oldest && oldest->m_inc.i_hdr.h_sequence.host() < point;
}

} // namespace

rds_lane *rds_lane_get(rds_peer *peer, unsigned int index, bool needed, int *err)
{
	if (rds_lane *lane = peer->lane(index))
		return lane;
	*err = -ENOMEM;
	if (!needed && is_full(peer->rn))
		return nullptr;
	rds_registry_read hold;
	const rds_transport *trans = peer->lane0.c_trans;
	*err = -ENETDOWN;
	if (!rds_trans_alive(trans))
		return nullptr;
	auto *mine = kernel::make<rds_lane>(kernel::gfp_account, peer, static_cast<u8>(index));
	*err = -ENOMEM;
	if (!mine)
		return nullptr;
	*err = trans->conn_alloc(mine, kernel::gfp_account);
	rds_lane *lane = nullptr;
	if (!*err) {
		lane = publish(peer, index, mine);
		*err = -ESTALE;
	}
	if (lane != mine) { /* nobody else has seen it */
		mine->free_transport();
		kernel::destroy(mine);
	}
	return lane;
}

rds_lane *rds_lane_choose(rds_sock *rs, rds_peer *peer, rds_message *rm, int *err)
{
	unsigned int lanes = kernel::load_acquire(peer->nr_lanes); /* and catch_up with it */
	rm->m_spread = lanes > 1;
	unsigned int index = lanes > 1 ? choose(rs, peer, lanes) : 0;
	return index ? rds_lane_get(peer, index, true, err) : &peer->lane0;
}

void rds_lane_follow(rds_sock *rs, const rds_peer *peer, unsigned int index)
{
	u64 hint = kernel::read_once(rs->lane_hint), now = hint_of(peer, index);
	/* the first that spoke, and the lane of its own as soon as it has one */
	bool better = !hint || (index && is_about(hint, peer) && !(hint & hint_lane));
	if (hint & hint_chosen || !better)
		return;
	/* else somebody else has chosen, or heard something, just now */
	(void)kernel::compare_exchange(rs->lane_hint, hint, now);
}

/*
 * Once there are several, their number stays: a socket moves once, from lane 0. Senders who have
 * seen the old number and queue later are sent back by rds_message_queue(), under the same lock.
 */
void rds_lanes_fan_out(rds_peer *peer, unsigned int lanes)
{
	rds_lane &first = peer->lane0;
	kernel::guard hold(first.c_lock);
	if (peer->nr_lanes > 1)
		return;
	if (lanes > 1 && is_behind(first, first.c_tx.next))
		kernel::write_once(peer->catch_up, u64{first.c_tx.next});
	kernel::store_release(peer->nr_lanes, static_cast<u8>(lanes));
}

/* Whoever parks has published his lane, then looked at catch_up: one of us sees the other. */
void rds_lanes_caught_up(rds_peer *peer)
{
	u64 point = kernel::read_once(peer->catch_up);
	if (!point)
		return;
	{
		kernel::guard hold(peer->lane0.c_lock);
		if (is_behind(peer->lane0, point))
			return;
		kernel::write_once(peer->catch_up, u64{0});
	}
	kernel::full_barrier();
	peer->each_lane([](rds_lane *l) { l->queue_work(l->c_send_work); });
}

void rds_lanes_continue(rds_peer *peer)
{
	kernel::full_barrier(); /* against wait_to_open(): what it waits for, then its mark */
	peer->each_lane([](rds_lane *l) {
		if (kernel::read_once(l->c_waits))
			l->opened_elsewhere();
	});
}

/* Who cannot ask may use any that it offers. */
void rds_lanes_open_asked(rds_peer *peer)
{
	unsigned int lanes = kernel::read_once(peer->offered_lanes);
	u32 asked = kernel::exchange(peer->asked_lanes, u8{0});
	if (!peer->asks() && kernel::read_once(peer->nr_lanes) > 1)
		asked = (1u << lanes) - 1;
	for (unsigned int i = 1; i < lanes; i++) {
		int err;
		rds_lane *l = asked >> i & 1 ? rds_lane_get(peer, i, false, &err) : nullptr;
		if (l)
			l->connect_if_down();
	}
}

/*
 * Lanes above the first follow the handshake, which tells the peer to which of its lanes a stream
 * belongs. A peer that takes them as they come (6.x) gets them in their order.
 */
bool rds_lane::may_open() const
{
	if (!c_index)
		return true;
	if (!agreed(c_peer))
		return false;
	if (kernel::read_once(c_peer->names_lanes) || !c_trans->t_small_connects)
		return true;
	bool in_order = !c_larger;
	for (unsigned int i = 1; i < c_index; i++) {
		const rds_lane *before = c_peer->lane(i);
		in_order &= before && before->up();
	}
	return in_order;
}

/* The engine leaves the lane alone; rds_lanes_caught_up() starts it. */
bool rds_lane::parked() const
{
	return c_index && kernel::read_once(c_peer->catch_up);
}

rds_connection *rds_conn_lane(rds_connection *conn, unsigned int index)
{
	int err;
	return index < RDS_MPATH_WORKERS ? rds_lane_get(conn->c_peer, index, false, &err) : nullptr;
}

rds_connection *rds_conn_lane_in_use(const rds_connection *conn, unsigned int index)
{
	return index < RDS_MPATH_WORKERS ? conn->c_peer->lane(index) : nullptr;
}

unsigned int rds_conn_lanes(const rds_connection *conn)
{
	return kernel::read_once(conn->c_peer->nr_lanes);
}

unsigned int rds_conn_lanes_offered(const rds_connection *conn)
{
	return kernel::read_once(conn->c_peer->offered_lanes);
}

int rds_conn_lanes_named(const rds_connection *conn)
{
	return kernel::read_once(conn->c_peer->names_lanes);
}

int rds_conn_reads_marks(const rds_connection *conn)
{
	return kernel::read_once(conn->c_peer->asks_for_lanes);
}
