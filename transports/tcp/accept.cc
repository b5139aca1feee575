// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of an accepted socket. One from the large side is a knock. One from the small side
 * is the lane's next stream: it waits, with others, until the lane is DOWN, and is then adopted.
 * It is not refused meanwhile: TCP acknowledges what the peer sends on it from the start.
 *
 * The namespace's accept worker only files it, so that no lane makes another one wait; the rest
 * is the connection's take_work. conn_shutdown starts that when it is done. Once a second it looks
 * again, for evidence that the stream in use is dead, and for sockets that have waited too long.
 */
#include "tcp.h"

namespace {

/* One for each lane that a peer may have. More, and it has lost them: let it slow down. */
constexpr u32 max_waiting_conn = RDS_MPATH_WORKERS;

/* Accepted sockets of one namespace that may wait for their lanes. */
constexpr u32 max_waiting_net = 1024;

/* Keep-alive has ended a dead stream long before. */
constexpr unsigned long patience = 40UL * TICKS_PER_SECOND;

/* With data sent again and nothing heard for so long, a stream that is being replaced is dead. */
constexpr unsigned long silence = TICKS_PER_SECOND;

/* The answer to a keep-alive probe is there by then. */
constexpr unsigned long answer_time = 2UL * TICKS_PER_SECOND;

/* So long after a stream began, no knock has crossed its opening (SYNs are repeated for 7 s). */
constexpr unsigned long crossing_time = 10UL * TICKS_PER_SECOND;

/* The peer closed it before its turn came, and not a single message is on it to read. */
bool is_spent(const socket *s)
{
	ksock_state state = ksock_get_state(s);

	return (state == KSOCK_FIN_SEEN || state == KSOCK_CLOSED) &&
	       ksock_unread(s) < RDS_HEADER_BYTES;
}

bool is_late(const rds_tcp_waiting *w)
{
	return static_cast<long>(kernel_ticks() - w->until) > 0;
}

void refuse(rds_tcp_waiting *w)
{
	rds_tcp_count(RDS_TCP_LISTEN_CLOSED_STALE);
	ksock_abort(w->sock);
	kernel::destroy(w);
}

} // namespace

/**
 * knocked - the large side wants us to connect
 * It may do so although our stream stands, as far as we know: its own was lost, in a crash. Or its
 * knock crossed our connection. take_run() finds out. Context: W. Takes over @s.
 */
void rds_tcp_net::knocked(rds_connection *conn, socket *s)
{
	ksock_abort(s);
	rds_conn_connect_if_down(conn);

	kernel::guard g(lock);
	if (!rds_conn_alive(conn))
		return;
	auto *tc = rds_tcp_of(conn);
	tc->knock = true;
	tc->take_work.requeue(0);
}

/**
 * offered - the small side has opened a stream
 * Context: W. Takes over @s.
 */
void rds_tcp_net::offered(rds_connection *conn, socket *s)
{
	auto *w = kernel::make<rds_tcp_waiting>(kernel::gfp_kernel);

	if (!w) {
		ksock_abort(s);
		return;
	}
	ksock_tune(s);
	w->sock = s;
	w->until = kernel_ticks() + patience;
	if (rds_tcp_waiting *left_over = file(conn, w))
		refuse(left_over);
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
	tc->take_work.requeue(0);
	/* strangers cannot keep a known peer out: one may wait for each */
	bool net_full = tc->nr_waiting && nr_waiting >= max_waiting_net;
	if (tc->nr_waiting >= max_waiting_conn || net_full) {
		spent = tc->find_spent();
		if (!spent)
			return w;
		tc->unfile(spent);
	}
	tc->waiting.push_back(w);
	tc->nr_waiting++;
	nr_waiting++;
	return spent;
}

/* Net's lock held for both. */
rds_tcp_waiting *rds_tcp_connection::find_spent()
{
	net->lock.assert_held();
	rds_tcp_waiting *w = waiting.front();
	while (w && !is_spent(w->sock))
		w = waiting.next(w);
	return w;
}

void rds_tcp_connection::unfile(rds_tcp_waiting *w)
{
	net->lock.assert_held();
	waiting.remove(w);
	nr_waiting--;
	net->nr_waiting--;
}

bool rds_tcp_connection::any_waiting()
{
	kernel::guard g(net->lock);
	return !waiting.empty();
}

/* The first, rather one that speaks, off the list; or null. */
rds_tcp_waiting *rds_tcp_connection::pop_waiting()
{
	kernel::guard g(net->lock);
	rds_tcp_waiting *w = speaking();
	if (!w)
		w = waiting.front();
	if (w)
		unfile(w);
	return w;
}

/* What has lost its purpose goes; everything with @all. */
void rds_tcp_connection::refuse_waiting(bool all)
{
	for (;;) {
		rds_tcp_waiting *w;
		{
			kernel::guard g(net->lock);
			w = waiting.front();
			if (w && !all && !is_late(w))
				w = find_spent();
			if (!w)
				return;
			unfile(w);
		}
		refuse(w);
	}
}

/**
 * adopt_first - the first socket that waits becomes the lane's
 * Context: W, mutex held, state CONNECTING. Return: was there one?
 */
bool rds_tcp_connection::adopt_first()
{
	mutex.assert_held();
	rds_tcp_waiting *w = pop_waiting();
	if (!w)
		return false;

	socket *s = w->sock;
	kernel::destroy(w);
	if (other_lane)
		rds_recv_other_lane(conn);
	other_lane = false;
	{
		sock_guard g(s);
		publish(s); /* before the upcalls, which look at it */
		ksock_attach(s, this);
		last_seen_una = ksock_una(s);
	}
	rds_connect_complete(conn);

	/* what came before anybody looked, data and end alike */
	sock_guard g(s);
	go_live();
	if (read(kernel::gfp_kernel) == -ENOMEM)
		rds_recv_kick(conn);
	ksock_state state = ksock_get_state(s);
	if (state == KSOCK_FIN_SEEN || state == KSOCK_CLOSED)
		rds_conn_drop_why(conn, RDS_WHY_peer_closed);
	return true;
}

/* The peer no longer seems to know our stream: have TCP ask. A peer that crashed resets it. */
void rds_tcp_connection::doubt_stream()
{
	mutex.assert_held();
	if (!sock)
		return;
	if (ksock_get_state(sock) == KSOCK_OPENING) {
		rds_tcp_count(RDS_TCP_CONNECT_RACED);
	} else if (ksock_in_vain(sock, silence)) {
		rds_conn_drop_why(conn, RDS_WHY_silent);
	} else {
		ksock_probe(sock, true);
		asked = true;
	}
}

/* It has answered. */
void rds_tcp_connection::trust_stream()
{
	mutex.assert_held();
	if (!asked || !sock || !ksock_answered(sock, answer_time))
		return;
	ksock_probe(sock, false);
	asked = false;
}

/*
 * The large side knocks when it has no stream: it lost ours in a crash, or took it for a lane that
 * it does not use (several lanes, and the number of them changed). Or the knock crossed our SYN.
 */
void rds_tcp_connection::heed_knock()
{
	mutex.assert_held();
	if (!sock)
		return;
	bool crossed;
	{
		sock_guard g(sock);
		crossed = !live || kernel_ticks() - live_since < crossing_time;
	}
	if (crossed)
		doubt_stream();
	else
		rds_conn_drop_why(conn, RDS_WHY_knocked);
}

/* RDS begins with its map. Who just connects says nothing. */
bool rds_tcp_connection::rival_speaks()
{
	kernel::guard g(net->lock);
	return speaking();
}

/* Net's lock held. The first on which there is something to read, or null. */
rds_tcp_waiting *rds_tcp_connection::speaking()
{
	net->lock.assert_held();
	rds_tcp_waiting *w = waiting.front();
	while (w && ksock_unread(w->sock) < RDS_HEADER_BYTES)
		w = waiting.next(w);
	return w;
}

/*
 * The peer has opened another stream and speaks on it, and yet its TCP answers on this one. On a
 * stream that never said a word there is no RDS. Else, where the peer has several lanes, those are
 * lanes of its own: it had agreed on several with whoever was here before us, and has not heard our
 * number yet, or does not take lanes back. Each gets its turn.
 */
bool rds_tcp_connection::must_yield()
{
	unsigned long now = kernel_ticks();
	if (!rival_since)
		rival_since = now | 1;
	if (now - rival_since <= answer_time + TICKS_PER_SECOND || !rival_speaks())
		return false;
	bool mute;
	{
		sock_guard g(sock);
		mute = !heard;
	}
	other_lane = !mute && rds_conn_lanes(conn) > 1 && ksock_answered(sock, answer_time);
	return mute || other_lane;
}

/*
 * The lane is not DOWN, a socket waits: what can be done about it? Return: in how many ticks to
 * look again, if nothing happens.
 */
unsigned long rds_tcp_connection::make_room()
{
	switch (rds_conn_state(conn)) {
	case RDS_CONN_UP:
		if (sock && must_yield())
			rds_conn_drop_why(conn, RDS_WHY_replaced);
		else
			doubt_stream();
		return TICKS_PER_SECOND;
	case RDS_CONN_CONNECTING:
		/* without a socket, conn_connect is about to be called, and takes what waits; or
		 * has failed, and DOWN follows */
		if (!sock)
			return 1;
		/* our knock and the peer's stream have crossed */
		rds_tcp_count(RDS_TCP_CONNECT_RACED);
		rds_conn_drop_why(conn, RDS_WHY_crossed);
		return TICKS_PER_SECOND;
	default:
		/* conn_shutdown starts us when it is done; DOWN follows at once */
		return sock ? TICKS_PER_SECOND : 1;
	}
}

/**
 * take_waiting - see what can be done for the sockets that wait
 * Context: W, mutex held.
 */
void rds_tcp_connection::take_waiting()
{
	refuse_waiting(false);
	/* one that was spent after all had to make room: then the claim has nothing to show */
	if (!sock && any_waiting() && rds_conn_claim(conn) && !adopt_first())
		rds_conn_drop_why(conn, RDS_WHY_connect_failed);
	if (any_waiting())
		take_work.queue(make_room()); /* or sooner, if somebody has queued it meanwhile */
	else
		rival_since = 0;
}

void rds_tcp_connection::take_run()
{
	kernel::guard g(mutex);

	trust_stream();
	if (kernel::exchange(knock, false))
		heed_knock();
	take_waiting();
	if (asked)
		take_work.queue(answer_time);
}
