// SPDX-License-Identifier: GPL-2.0
/*
 * Connecting: the conn_connect hook, and what TCP reports about the state of a connection.
 */
#include "rds/wire.h"
#include "tcp.h"

namespace {

/*
 * The lane is in the own port: port = lane (mod 8). Peers that know SPORT_IDX read it from there.
 * Ephemeral ports are used in groups of eight.
 */
constexpr u32 group_size = RDS_MPATH_WORKERS;
constexpr u32 first_free_port = 1024;

u32 scope_of(const rds_connection *conn)
{
	return conn->c_if_index;
}

} // namespace

rds_tcp_connection::rds_tcp_connection(rds_connection *c, rds_tcp_net *n)
    : ksock_user{},
      conn(c),
      net(n),
      port_group(kernel_random()),
      take_work(kernel::work_thunk<&rds_tcp_connection::take_work,
				   &rds_tcp_connection::take_run>::call,
		KERNEL_WORK_TCP_TAKE)
{
	kernel::list_item_init(&open_item);
}

/*
 * conn_shutdown has returned, and the connection can be neither claimed nor found alive any more.
 * Who found it so before has let go of net's lock by the time that we have it.
 */
rds_tcp_connection::~rds_tcp_connection()
{
	{
		kernel::guard g(net->lock);
	}
	if (took_work)
		take_work.cancel();
	refuse_waiting(true);
}

/* From here on, info and the socket's user data lead here. Mutex held. */
void rds_tcp_connection::publish(socket *s)
{
	mutex.assert_held();
	kernel::guard g(net->lock);
	sock = s;
	net->open.push_back(this);
}

void rds_tcp_connection::unpublish()
{
	mutex.assert_held();
	asked = false;
	rival_since = 0;
	kernel::guard g(net->lock);
	net->open.remove(this);
	sock = nullptr;
}

/**
 * connect - the conn_connect hook
 * An accepted socket that waits for the lane is what connecting was meant to bring about. For the
 * large side this is a knock: state_changed() ends it.
 */
int rds_tcp_connection::connect()
{
	kernel::guard g(mutex);

	if (sock)
		return 0;
	if (rds_tcp_ending(this))
		return -ENETDOWN;
	return !waits_for_first() && adopt_first() ? 0 : open_stream();
}

/* Mutex held. Return: 0: SYN sent; errno with nothing held. */
int rds_tcp_connection::open_stream()
{
	socket *s = nullptr;

	/* the core asks for other lanes itself */
	if (conn->c_larger && conn->c_index)
		return -EAGAIN;
	int err = ksock_create(conn->c_net, conn->c_isv6, &s);
	if (err)
		return err;
	ksock_tune(s);
	err = bind_own_port(s);
	if (err) {
		ksock_abort(s);
		return err;
	}
	{
		/* before connecting: the peer's answer is reported at once */
		sock_guard g(s);
		publish(s);
		ksock_attach(s, this);
	}
	err = ksock_connect(s, &conn->c_faddr, RDS_TCP_PORT, scope_of(conn));
	if (err)
		finish(true);
	return err;
}

/* Ephemeral ports; where those are too few for lanes, others that need no privilege. */
int rds_tcp_connection::bind_own_port(socket *s)
{
	u32 low, high;

	ksock_port_range(conn->c_net, &low, &high);
	int err = bind_port_of(s, low, high);
	return err == -EADDRINUSE ? bind_port_of(s, first_free_port, 0xffff) : err;
}

/* Each group is tried once, beginning with the one after the last used. */
int rds_tcp_connection::bind_port_of(socket *s, u32 low, u32 high)
{
	u32 base = (low + group_size - 1) / group_size * group_size;
	u32 groups = high >= base ? (high - base + 1) / group_size : 0;

	for (u32 i = 0; i < groups; i++) {
		u32 port = base + ++port_group % groups * group_size + conn->c_index;
		if (port == RDS_TCP_PORT || ksock_port_reserved(conn->c_net, port))
			continue;
		int err = ksock_bind(s, &conn->c_laddr, static_cast<u16>(port), scope_of(conn));
		if (err != -EADDRINUSE)
			return err;
	}
	return -EADDRINUSE;
}

/*
 * From here on the stream is looked at. The engine may have run before, even filled it and been
 * acknowledged. Socket lock held.
 */
void rds_tcp_connection::go_live()
{
	live = true;
	live_since = kernel_ticks();
	harvest();
	kick_if_room();
}

/**
 * state_changed - TCP has moved on
 * Context: A, socket lock held. Accepted sockets never report KSOCK_OPEN, they are that already.
 */
void rds_tcp_connection::state_changed(ksock_state state)
{
	ksock_assert_locked(sock);
	if (closing) {
		/* opened before our FIN: what comes on it is acknowledged */
		if (state == KSOCK_OPEN && !conn->c_larger)
			go_live();
		return;
	}
	switch (state) {
	case KSOCK_OPEN:
		if (conn->c_larger) {
			/* the knock was heard */
			rds_conn_drop_why(conn, RDS_WHY_knock_heard);
			return;
		}
		last_seen_una = ksock_una(sock);
		rds_connect_complete(conn);
		go_live();
		return;
	case KSOCK_FIN_SEEN:
	case KSOCK_CLOSED:
		rds_conn_drop_why(conn, live ? RDS_WHY_peer_closed : RDS_WHY_connect_failed);
		return;
	case KSOCK_OPENING:
	case KSOCK_FIN_SENT:
		return;
	}
}

extern "C" void rds_tcp_state_change(ksock_user *user, ksock_state state)
{
	static_cast<rds_tcp_connection *>(user)->state_changed(state);
}
