/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RDS over TCP: the objects of the transport, who owns them, and which lock guards what.
 *
 * Which side connects is settled by the addresses (tcp.md 7): the small side opens the stream that
 * carries data, on every lane. The large side, when it has something to send and no stream, only
 * knocks: it connects and drops the connection as soon as it stands, without a byte; the small
 * side, accepting it, refuses it and connects.
 *
 *	module.c netns.c sysctl.c  kernel side: module, namespaces, sysctls
 *	ksock.c ksock_io.c         kernel side: TCP sockets
 *	transport.cc               struct rds_transport, start and stop
 *	net.cc                     one namespace: its listener
 *	connect.cc                 conn_connect, and what TCP reports about a connection's state
 *	accept.cc                  which lane an accepted socket belongs to
 *	take.cc                    what a lane does with those that wait for it
 *	close.cc                   conn_shutdown: nothing that TCP acknowledged is discarded
 *	send.cc                    xmit, acknowledgements
 *	recv.cc                    from bytes to messages
 *	info.cc                    what rds-info shows
 *
 * OWNERSHIP
 *
 *   rds_tcp_net         one for each namespace, from its start to its exit. Owns the listener.
 *   rds_tcp_connection  one for each rds_connection, from conn_alloc to conn_free. Owns its
 *                       socket, and accepted ones that wait to become it. The core keeps it until
 *                       conn_shutdown has returned, so a socket never outlives it.
 *   rds_tcp_incoming    counted by the core, as the rds_incoming in it. A half received one
 *                       belongs to its connection.
 *   TCP sockets         do not count their namespace; every one is closed at its exit.
 *
 * LOCKING, outer to inner
 *
 *   core's send_sem -> connection's mutex -> socket lock -> net's lock -> the core's spinlocks
 *
 *   mutex         connecting, adopting, closing, and receiving outside of TCP's own upcalls. Held
 *                 for seconds by closing, so the accept worker never takes it.
 *   socket lock   TCP's own. Holds still: the stream's parser, the half received message, `live`,
 *                 `closing`, `full`. Upcalls (data, space, state) run under it, in softirq or where
 *                 some task releases the socket: they must not sleep and must not run the engine.
 *   net's lock    the list of connections that have a socket, and the pointers to those sockets
 *                 for who looks at them from there; the sockets that wait. Not held by data.
 *
 *   `sock` changes under mutex and net's lock both, in the states CONNECTING and DISCONNECTING; so
 *   either of them, or being in xmit (send_sem, UP), is enough to use it.
 */
#pragma once

#include <linux/errno.h>

#include "kernel/atomic.h"
#include "kernel/error.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/work.h"
#include "ksock.h"
#include "module.h"
#include "rds/stream.h"
#include "rds/transport.h"

/* Counters, in the order of info.md 5.2; ours come behind. */
enum rds_tcp_counter {
	RDS_TCP_DATA_READY_CALLS,
	RDS_TCP_WRITE_SPACE_CALLS,
	RDS_TCP_SNDBUF_FULL,
	RDS_TCP_CONNECT_RACED,
	RDS_TCP_LISTEN_CLOSED_STALE,
	RDS_TCP_RECV_BAD_HEADER, /* cost the connection */
	RDS_TCP_RECV_BAD_MAP, /* of a wrong size, ignored */
	RDS_TCP_COUNTERS,
};

struct rds_tcp_net;

/* A message being received, or received. Payload is linear or chained, not both. */
struct rds_tcp_incoming {
	rds_incoming inc; /* must be first */
	ksock_chain chain; /* references to TCP's segments */
	u32 linear_len; /* bytes that follow this struct */
};

/* An accepted socket that waits for its lane to become free, or to be known. */
struct rds_tcp_waiting {
	list_head item;
	socket *sock;
	u16 port; /* the peer's */
	unsigned long until; /* in ticks; refused then */
};

struct rds_tcp_connection : ksock_user {
	rds_tcp_connection(rds_connection *c, rds_tcp_net *n);
	~rds_tcp_connection();

	/* accept.cc */
	void assign_waiting();
	void start_taking(unsigned long delay);
	void file(rds_tcp_waiting *w);
	void unfile(rds_tcp_waiting *w);
	rds_tcp_waiting *find_spent();

	/* take.cc */
	[[nodiscard]] bool adopt_first();
	void take_run();
	void look_again();
	bool any_waiting();
	void refuse_waiting(bool all);

	/* connect.cc */
	int connect();
	int open_stream();
	void go_live();
	void state_changed(ksock_state state);
	void publish(socket *s);
	void unpublish();

	/* close.cc */
	void shutdown();
	void finish(bool abort);

	/* recv.cc */
	int read(gfp_t gfp);
	int receive();
	u32 segment(sk_buff *skb, u32 off, u32 len, gfp_t gfp, int *err);
	void forget_partial();

	/* send.cc */
	int xmit(rds_message *rm, u32 hdr_off, u32 sg, u32 off);
	bool wants_ack(const rds_message *rm) const;
	void mark(rds_message *rm) const;
	void push();
	void harvest();
	bool believes_acks() const;
	void kick_if_room();
	void space();

	rds_connection *const conn;
	rds_tcp_net *const net;

	kernel::mutex mutex{KERNEL_MUTEX_TCP_CONN};
	socket *sock = nullptr; /* see above */
	list_head open_item; /* net->open; net's lock */

	/* socket lock */
	rds::stream stream;
	rds_tcp_incoming *partial = nullptr;
	u64 header_at = 0; /* rds_rx_clock() when the header was complete */
	bool live = false; /* the stream carries data: what arrives is delivered */
	bool heard = false; /* the peer has said something on it */
	unsigned long live_since = 0; /* in ticks */
	bool closing = false; /* its end is expected */
	u32 data_end = 0; /* while closing: our FIN's number, if we send one */
	u8 full = 0; /* TCP had no room; the core wants a kick */
	u32 last_seen_una = 0;

	/* send_sem; info reads them */
	bool unpushed = false;
	bool nearly_full = false; /* TCP's send buffer, after the last piece */
	u32 last_sent_nxt = 0;
	u32 last_expected_una = 0;

	/* net's lock */
	kernel::list<rds_tcp_waiting, &rds_tcp_waiting::item> waiting;
	u32 nr_waiting = 0;
	bool took_work = false; /* take_work was ever queued; stays */

	u32 port_group; /* last one used for the own port, connect.cc; mutex */
	/* for take_work */
	bool knock = false; /* the large side has knocked */
	bool suspect = false; /* a stream came that finds no lane: this one may be dead */
	bool lanes_news = false; /* the handshake has told something */
	/* mutex */
	bool asked = false; /* keep-alive probes come fast until the peer has answered */
	unsigned long dying_since = 0; /* in ticks; the first lane's; whoever destroys the peer */
	unsigned long rival_since = 0; /* another stream waits beside this one; 0: none does */
	bool other_lane = false; /* the next stream is another lane of the peer */
	u16 last_port = 0; /* the peer's, of the last stream that was adopted; others read it */
	kernel::work take_work;

private:
	void begin_closing();
	void take_waiting();
	unsigned long make_room();
	bool rival_speaks();
	bool must_yield();
	void heed_knock();
	void heed_lanes();
	bool is_own_port(u16 port) const;
	unsigned int foreign_lane() const;
	void return_numbers();
	bool waits_for_first() const;
	rds_tcp_connection *sibling(unsigned int index) const;
	u32 free_lanes() const;
	void make_lanes();
	void doubt_stream();
	void trust_stream();
	rds_tcp_waiting *pop_waiting();
	rds_tcp_waiting *speaking();
	int take(sk_buff *skb, u32 off, u32 len, gfp_t gfp, u32 *used);
	int take_payload(sk_buff *skb, u32 off, u32 len, gfp_t gfp);
	int prepare_partial(gfp_t gfp);
	int deliver(gfp_t gfp);
	void stamp(rds_message *rm);
	int bind_own_port(socket *s);
	int bind_port_of(socket *s, u32 low, u32 high);
	void read_all();
	void drain();
};

struct rds_tcp_net {
	explicit rds_tcp_net(struct net *n);

	int start();
	void stop();
	void accept_run();

	struct net *const net;
	socket *listener = nullptr; /* fixed between start() and stop() */
	kernel::work accept_work;

	kernel::spinlock lock{KERNEL_LOCK_TCP_NET};
	kernel::list<rds_tcp_connection, &rds_tcp_connection::open_item> open; /* lock */
	u32 nr_waiting = 0; /* lock */

private:
	int accept_one();
	void accepted(socket *s);
	void knocked(rds_connection *first, socket *s);
	void offered(rds_connection *first, socket *s, u16 port);
	rds_tcp_waiting *file(rds_connection *conn, rds_tcp_waiting *w);
};

/* The lane that a port of the peer's means, if it names them (wire.md 9.5). */
constexpr unsigned int rds_tcp_lane_of_port(u16 port)
{
	return port % RDS_MPATH_WORKERS;
}

extern rds_transport rds_tcp_transport;

/* transport.cc */
void rds_tcp_count(rds_tcp_counter counter);
/** rds_tcp_ending - the namespace or the module goes: connections end at once. A. */
bool rds_tcp_ending(const rds_tcp_connection *tc);

/* accept.cc */
/** rds_tcp_refuse - reset it and forget. P. */
void rds_tcp_refuse(rds_tcp_waiting *w);

/* net.cc */
/** rds_tcp_open_for_all - the core knows the transport: accept who has come and comes. P. */
void rds_tcp_open_for_all();

/* info.cc */
int rds_tcp_info_start(struct module *owner);
void rds_tcp_info_stop();

/* recv.cc */
extern "C" int rds_tcp_inc_copy_to_user(rds_incoming *inc, iov_iter *to);
extern "C" void rds_tcp_inc_free(rds_incoming *inc);

inline rds_tcp_connection *rds_tcp_of(const rds_connection *conn)
{
	return static_cast<rds_tcp_connection *>(conn->c_transport_data);
}

/* Holds a socket's lock for a scope. */
class [[nodiscard]] sock_guard : kernel::pinned {
public:
	explicit sock_guard(socket *s) : m_sock(s) { ksock_lock(m_sock); }
	~sock_guard() { ksock_unlock(m_sock); }

private:
	socket *const m_sock;
};

/* One reference to a connection. */
class [[nodiscard]] conn_ref : kernel::pinned {
public:
	/* Takes over the caller's; an error pointer is none. */
	explicit conn_ref(rds_connection *conn)
	    : m_conn(kernel::pointer_error(conn) ? nullptr : conn)
	{}
	~conn_ref()
	{
		if (m_conn)
			rds_conn_put(m_conn);
	}
	explicit operator bool() const { return m_conn; }
	rds_connection *get() const { return m_conn; }

private:
	rds_connection *const m_conn;
};
