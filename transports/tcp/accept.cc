// SPDX-License-Identifier: GPL-2.0
/*
 * Which lane an accepted socket belongs to. One from the large side is a knock. One from the small
 * side is a lane's next stream: it waits, with others, until the lane is DOWN, and is then adopted
 * (take.cc). It is not refused meanwhile: TCP acknowledges what the peer sends on it from the
 * start.
 *
 * The namespace's accept worker only files it, so that no lane makes another one wait. Where the
 * port does not say to which lane, the first lane's take_work assigns it: when the handshake has
 * told how the peer counts them, or when a lane goes DOWN.
 */
#include "tcp.h"

namespace {

/* One for each lane that a peer may have. More, and it has lost them: let it slow down. */
constexpr u32 max_waiting_conn = RDS_MPATH_WORKERS;

/* Accepted sockets of one namespace that may wait for their lanes. */
constexpr u32 max_waiting_net = 1024;

/* Keep-alive has ended a dead stream long before. */
constexpr unsigned long patience = 40UL * TICKS_PER_SECOND;

/* The peer closed it before its turn came, and not a single message is on it to read. */
bool is_spent(const socket *s)
{
	ksock_state state = ksock_get_state(s);

	return (state == KSOCK_FIN_SEEN || state == KSOCK_CLOSED) &&
	       ksock_unread(s) < RDS_HEADER_BYTES;
}

/* The lane that the peer's port names; else the first. Null: there is no memory for it. */
rds_connection *named_lane(rds_connection *first, u16 port)
{
	return rds_conn_lanes_named(first) ? rds_conn_lane(first, rds_tcp_lane_of_port(port))
					   : first;
}

} // namespace

void rds_tcp_refuse(rds_tcp_waiting *w)
{
	rds_tcp_count(RDS_TCP_LISTEN_CLOSED_STALE);
	ksock_abort(w->sock);
	kernel::destroy(w);
}

/**
 * knocked - the large side wants us to connect
 * It may do so although our stream stands, as far as we know: its own was lost, in a crash. Or its
 * knock crossed our connection. take_run() finds out. Context: W. Takes over @s.
 */
void rds_tcp_net::knocked(rds_connection *first, socket *s)
{
	ksock_abort(s);
	rds_conn_connect_if_down(first);

	kernel::guard g(lock);
	if (!rds_conn_alive(first))
		return;
	auto *tc = rds_tcp_of(first);
	tc->knock = true;
	tc->start_taking(0);
}

/**
 * offered - the small side has opened a stream
 * Context: W. Takes over @s.
 */
void rds_tcp_net::offered(rds_connection *first, socket *s, u16 port)
{
	rds_connection *conn = named_lane(first, port);
	auto *w = conn ? kernel::make<rds_tcp_waiting>(kernel::gfp_kernel) : nullptr;

	if (!w) {
		ksock_abort(s);
		return;
	}
	ksock_tune(s);
	w->sock = s;
	w->port = port;
	w->until = kernel_ticks() + patience;
	if (rds_tcp_waiting *left_over = file(conn, w))
		rds_tcp_refuse(left_over);
}

/**
 * file - have @w wait for @conn
 * A connection that is alive while the lock is held has not been freed: conn_free takes the lock
 * after the connection has died. Return: what there is no room for, @w or a spent one.
 */
rds_tcp_waiting *rds_tcp_net::file(rds_connection *conn, rds_tcp_waiting *w)
{
	rds_tcp_waiting *spent = nullptr;
	kernel::guard g(lock);

	if (!rds_conn_alive(conn))
		return w;
	auto *tc = rds_tcp_of(conn);
	/* also when there is no room: the stream in use must be doubted */
	tc->start_taking(0);
	/* strangers cannot keep a known peer out: one may wait for each */
	bool net_full = (tc->nr_waiting || conn->c_index) && nr_waiting >= max_waiting_net;
	if (tc->nr_waiting >= max_waiting_conn || net_full) {
		spent = tc->find_spent();
		if (!spent)
			return w;
		tc->unfile(spent);
	}
	tc->file(w);
	return spent;
}

/* Net's lock held for these. */
void rds_tcp_connection::start_taking(unsigned long delay)
{
	net->lock.assert_held();
	took_work = true;
	take_work.requeue(delay);
}

rds_tcp_waiting *rds_tcp_connection::find_spent()
{
	net->lock.assert_held();
	rds_tcp_waiting *w = waiting.front();
	while (w && !is_spent(w->sock))
		w = waiting.next(w);
	return w;
}

void rds_tcp_connection::file(rds_tcp_waiting *w)
{
	net->lock.assert_held();
	waiting.push_back(w);
	nr_waiting++;
	net->nr_waiting++;
}

void rds_tcp_connection::unfile(rds_tcp_waiting *w)
{
	net->lock.assert_held();
	waiting.remove(w);
	nr_waiting--;
	net->nr_waiting--;
}

/* Lane @index of this peer; null: not in use. */
rds_tcp_connection *rds_tcp_connection::sibling(unsigned int index) const
{
	rds_connection *lane = rds_conn_lane_in_use(conn, index);
	return lane ? rds_tcp_of(lane) : nullptr;
}

/* Where streams are taken in the order of the lanes (6.x): bit i for lane i. Net's lock held. */
u32 rds_tcp_connection::free_lanes() const
{
	u32 free = 0;
	for (unsigned int i = 0; i < rds_conn_lanes(conn); i++) {
		rds_tcp_connection *tc = sibling(i);
		if (tc && rds_conn_state(tc->conn) == RDS_CONN_DOWN &&
		    (tc == this || !tc->nr_waiting))
			free |= 1u << i;
	}
	return free;
}

/* Lanes that the sockets waiting here may belong to are there, as far as there is memory. */
void rds_tcp_connection::make_lanes()
{
	u32 wanted = 1u << foreign_lane();
	{
		kernel::guard g(net->lock);
		for (rds_tcp_waiting *w = waiting.front(); w; w = waiting.next(w))
			wanted |= rds_conn_lanes_named(conn) ? 1u << rds_tcp_lane_of_port(w->port)
							     : (1u << rds_conn_lanes(conn)) - 1;
	}
	for (unsigned int i = 1; i < RDS_MPATH_WORKERS; i++)
		if (wanted >> i & 1)
			rds_conn_lane(conn, i);
}

/**
 * assign_waiting - sockets that wait at the first lane go to the lanes that they belong to
 * What finds none stays. By position, that says that some lane has a dead stream: they look.
 * Context: W, no locks.
 */
void rds_tcp_connection::assign_waiting()
{
	make_lanes();
	kernel::guard g(net->lock);
	if (!rds_conn_alive(conn))
		return;
	bool named = rds_conn_lanes_named(conn), in_vain = false;
	u32 free = named ? 0 : free_lanes();
	for (rds_tcp_waiting *w = waiting.front(), *next; w; w = next) {
		next = waiting.next(w);
		rds_tcp_connection *to = this;
		if (named) {
			to = sibling(rds_tcp_lane_of_port(w->port));
		} else if (rds_conn_lanes(conn) > 1) {
			in_vain |= !free;
			to = free ? sibling(static_cast<unsigned int>(__builtin_ctz(free))) : this;
			free &= free - 1;
		}
		if (!to || to == this)
			continue;
		unfile(w);
		to->file(w);
		to->start_taking(0);
	}
	for (unsigned int i = 1; in_vain && i < RDS_MPATH_WORKERS; i++)
		if (rds_tcp_connection *tc = sibling(i)) {
			tc->suspect = true;
			tc->start_taking(0);
		}
}
