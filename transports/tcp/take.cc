// SPDX-License-Identifier: GPL-2.0
/*
 * What a lane does with the accepted sockets that wait for it: its take_work. conn_shutdown starts
 * that when it is done. Once a second it looks again, for evidence that the stream in use is dead,
 * and for sockets that have waited too long. Context: W, mutex held, where nothing else is said.
 */
#include "tcp.h"

namespace {

/* With data sent again and nothing heard for so long, a stream that is being replaced is dead. */
constexpr unsigned long silence = TICKS_PER_SECOND;

/* The answer to a keep-alive probe is there by then. */
constexpr unsigned long answer_time = 2UL * TICKS_PER_SECOND;

/* So long after a stream began, no knock has crossed its opening (SYNs are repeated for 7 s). */
constexpr unsigned long crossing_time = 10UL * TICKS_PER_SECOND;

bool is_late(const rds_tcp_waiting *w)
{
	return static_cast<long>(kernel_ticks() - w->until) > 0;
}

} // namespace

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
		rds_tcp_refuse(w);
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
	if (other_lane)
		rds_recv_other_lane(conn, conn->c_index);
	other_lane = false;
	kernel::write_once(last_port, w->port);
	kernel::destroy(w);
	{
		sock_guard g(s);
		publish(s); /* before the upcalls, which look at it */
		ksock_attach(s, this);
		last_seen_una = ksock_una(s);
	}
	{
		/*
		 * What came before anybody looked, data and end alike; first of all, since the peer
		 * takes TCP's word for it as soon as we say something. Should memory be short, the
		 * core calls recv once we are UP.
		 */
		sock_guard g(s);
		go_live();
		(void)read(kernel::gfp_kernel);
		ksock_state state = ksock_get_state(s);
		if (state == KSOCK_FIN_SEEN || state == KSOCK_CLOSED)
			rds_conn_drop_why(conn, RDS_WHY_peer_closed);
	}
	rds_connect_complete(conn);
	if (foreign_lane()) { /* its name came meanwhile, and found nothing to look at */
		kernel::guard g(net->lock);
		kernel::write_once(lanes_news, true);
		start_taking(0);
	}
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
 * The large side knocks when it has no stream: it lost ours in a crash, or took it for another
 * lane. Or the knock crossed our SYN.
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

/*
 * Net's lock held. The first on which there is something to read, or null; rather one whose port is
 * this lane's, should ports name lanes and we not know it yet.
 */
rds_tcp_waiting *rds_tcp_connection::speaking()
{
	net->lock.assert_held();
	rds_tcp_waiting *any = nullptr;
	for (rds_tcp_waiting *w = waiting.front(); w; w = waiting.next(w)) {
		if (ksock_unread(w->sock) < RDS_HEADER_BYTES)
			continue;
		if (rds_tcp_lane_of_port(w->port) == conn->c_index)
			return w;
		if (!any)
			any = w;
	}
	return any;
}

/*
 * The peer has opened another stream and speaks on it, and yet its TCP answers on this one. On a
 * stream that never said a word there is no RDS. Else, where the peer has more lanes than we have
 * agreed on, those are lanes of its own: it had agreed on several with whoever was here before us,
 * and has not heard our number yet, or does not take lanes back. Each gets its turn.
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
	other_lane = !mute && rds_conn_lanes_offered(conn) > rds_conn_lanes(conn) &&
		     ksock_answered(sock, answer_time);
	return mute || other_lane;
}

/*
 * The first stream of a peer whose lanes were not known then, because it or we have restarted, may
 * be any of them. It goes, and that lane's next stream waits for its end. wire.md 9.2 step 8.
 */
void rds_tcp_connection::heed_lanes()
{
	mutex.assert_held();
	if (sock && foreign_lane())
		rds_conn_drop_why(conn, RDS_WHY_other_lane);
}

/* The lane that the last stream here turned out to be of; 0: it is ours, as far as we know. */
unsigned int rds_tcp_connection::foreign_lane() const
{
	u16 port = kernel::read_once(last_port);
	return conn->c_index || !port || is_own_port(port) ? 0 : rds_tcp_lane_of_port(port);
}

/* Our last stream is still the first lane's, and our numbers are there. */
bool rds_tcp_connection::waits_for_first() const
{
	rds_tcp_connection *first = conn->c_index ? sibling(0) : nullptr;
	return first && first->foreign_lane() == conn->c_index;
}

/* Its numbers are that lane's. The stream is closed; send_sem and mutex held. */
void rds_tcp_connection::return_numbers()
{
	mutex.assert_held();
	if (unsigned int lane = foreign_lane()) {
		rds_recv_other_lane(conn, lane);
		kernel::write_once(last_port, u16{0});
	}
}

/* As far as the peer's ports say anything. */
bool rds_tcp_connection::is_own_port(u16 port) const
{
	return !rds_conn_lanes_named(conn) || rds_tcp_lane_of_port(port) == conn->c_index;
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
	if (waits_for_first()) {
		take_work.queue(1);
		return;
	}
	/* one that was spent after all had to make room: then the claim has nothing to show */
	if (!sock && any_waiting() && rds_conn_claim(conn) && !adopt_first())
		rds_conn_drop_why(conn, RDS_WHY_connect_failed);
	if (any_waiting())
		take_work.queue(make_room()); /* or sooner, if somebody has queued it meanwhile */
	else
		rival_since = 0;
}

/* From any context; no lock of ours. */
void rds_tcp_connection::look_again()
{
	kernel::guard g(net->lock);
	if (!waiting.empty() || kernel::read_once(lanes_news))
		start_taking(0);
}

void rds_tcp_connection::take_run()
{
	if (!conn->c_index)
		assign_waiting();
	kernel::guard g(mutex);

	trust_stream();
	if (kernel::exchange(lanes_news, false))
		heed_lanes();
	if (kernel::exchange(knock, false))
		heed_knock();
	if (kernel::exchange(suspect, false))
		doubt_stream();
	take_waiting();
	if (asked)
		take_work.queue(answer_time);
}
