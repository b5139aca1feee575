/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The core's objects, who owns them, and in which order their locks are taken. For net/rds and
 * its test suites; transports see include/rds/transport.h only.
 *
 * OWNERSHIP
 *
 *   rds_net     one for each network namespace, counted. One reference each: the namespace, and
 *               each congestion map; so it outlives peers that somebody still refers to.
 *   rds_peer    counted. One reference each: the table of its namespace (until it is destroyed),
 *               each socket that caches it, each message queued on its lanes, each incoming, each
 *               transport object that called rds_conn_get(). Its lanes are part of it: the first
 *               from the start, others from their first use; they go with it.
 *   rds_message counted. One reference each: the socket's send list (m_on_sock), the lane's send
 *               or retransmit list (m_on_conn), the engine while it sends it (c_xmit_rm), whoever
 *               called rds_message_addref(). It holds its socket until it has left the
 *               socket's list (m_rs is null then), and its peer once it was queued. One that is
 *               delivered past the queue (t_immediate) holds neither.
 *   rds_incoming counted. One reference each: the transport that fills it, the receive queue, a
 *               reader. It holds its peer.
 *   rds_sock    counted by struct sock. One reference each: the file, the bound table, each
 *               message that is charged to it. Freed after an RCU grace period.
 *   rds_zcopy   one owner: the message, then the socket's queue of completions.
 *   rds_notifier one owner: the operation of a message, then the socket's queue of notifications.
 *               It holds its socket while the operation has it.
 *   rds_mr      counted. One reference each: its socket's table of keys, a message that announces
 *               it, whoever has just looked it up. It holds its socket and its transport's module.
 *   cong map    counted. One reference each: a peer for its local and for its remote address, a
 *               bound socket. The 8 KiB of bits come when the first is set and stay.
 *   transport   a module reference for each socket that is bound or has it preset. Peers take
 *               none: unregistering destroys them.
 *
 * The state of a lane is changed by its life(), by claim(), connect_complete() and drop(), which
 * anybody may call, and by whoever destroys its peer; connecting and shutting down is for the
 * first and the last. Only the holder of send_sem sends.
 *
 * LOCKING, outer to inner (enum kernel_lock_class has the spinlocks, which lockdep checks)
 *
 *   info rwsem -> registry rwsem
 *   socket lock (lock_sock) -> registry rwsem -> transport hooks that may sleep
 *   net_rwsem (unregistering) -> destroy_mutex -> send_sem
 *   send_sem -> transport's own locks (TCP socket lock) -> any spinlock below
 *   transport's own spinlocks -> net -> socks -> bind -> sock_rcv -> cong -> watch
 *     -> sock_snd -> lane
 *
 *   send_sem is only tried by the engine; shutdown waits for it, holding nothing, and destroying
 *   waits for it as above.
 *   The last reference of a message, an incoming or a peer is never dropped under a spinlock of
 *   this list. Work is queued under the lane lock, after looking at c_dying; whoever destroys a
 *   lane sets c_dying under it first and cancels the work afterwards.
 */
#pragma once

#include "addr.h"
#include "kernel/atomic.h"
#include "kernel/keys.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/ref.h"
#include "kernel/work.h"
#include "rds/backoff.h"
#include "rds/congmap.h"
#include "rds/exthdr.h"
#include "rds/header.h"
#include "rds/sequence.h"
#include "rds/transport.h"
#include "stats.h"
#include "sysctl.h"
#include "trace.h"

namespace kernel {
class user_pages;
}

struct rds_cong_map;
struct rds_mr;
struct rds_net;
struct rds_notifier;
struct rds_peer;
struct rds_sock;

/* m_own: an answer to a ping, a probe, an answer to one */
constexpr u8 rds_own_pong = 1, rds_own_probe = 2, rds_own_reply = 3;

/*
 * Objects that exist, counted so that the end of the module can tell (net.cc). Each message and
 * each incoming holds a peer or a socket, and a socket holds the module: whatever is lost shows.
 */
struct rds_live {
	u32 nets, peers, maps;
};
extern "C" struct rds_live rds_live;

/* Sockets that want receive-path latencies: nobody reads a clock while there are none (sock.cc). */
extern "C" u32 rds_tracing;

/*
 * ---- congestion maps (cong.cc) ----
 */

/* The map of one address in one namespace, local or remote; loopback makes it both. */
struct rds_cong_map {
	rds_cong_map(rds_net *net, const in6_addr &address);
	~rds_cong_map();

	void get() { refs.get(); }
	bool get_unless_zero() { return refs.get_unless_zero(); }
	void put();

	bool congested(u16 port) const
	{
		auto *b = kernel::load_acquire(bits);
		return b && rds::congmap_test(b, port);
	}

	kernel::refcount refs;
	kernel::hash_link link; /* cong lock */
	rds_net *const rn;
	const in6_addr addr;
	u8 *bits = nullptr; /* 8192 bytes once the first bit was set; changes under the cong lock */
	list_head peers_head; /* peers whose local address this is; cong lock */
	unsigned long announced = 0; /* when it was last; cong lock */
	u32 announcements = 0; /* in that tick; cong lock */
};

/*
 * ---- namespaces (net.cc) ----
 */

/* Peers that one user (or all strangers together) made the kernel keep. */
struct rds_peer_owner {
	list_head item;
	u32 uid;
	u32 nr;
};

constexpr unsigned int peer_buckets = 1024;
constexpr unsigned int bind_buckets = 1024;
constexpr unsigned int cong_buckets = 256;
constexpr u32 uid_remote = ~0u; /* owner of peers that connected to us */

struct rds_net {
	explicit rds_net(struct net *n);
	~rds_net();
	void reap();
	void get() { refs.get(); }
	void put();

	kernel::refcount refs;
	struct net *const net;
	const u32 seed; /* of all hashes here */
	/* never 0: tells peers that we have restarted; a namespace with an old one's addresses has */
	const u32 generation;

	kernel::spinlock lock{KERNEL_LOCK_NET}; /* peers, owners, nr_peers, dying */
	u32 nr_peers = 0;
	u32 nr_more_lanes = 0; /* of peers, beyond the first; lock */
	u32 new_strangers = 0; /* since strangers_since */
	unsigned long strangers_since = 0;
	u64 tx_floor = 1; /* first number of new lanes: above all that reaped ones have used */
	bool dying = false;
	list_head owners_head;
	kernel::work reap_work;
	unsigned long reaped = 0; /* when it was last asked for out of turn; lock */
	kernel::mutex destroy_mutex{KERNEL_MUTEX_DESTROY}; /* one peer is destroyed at a time */

	kernel::spinlock socks_lock{KERNEL_LOCK_SOCKS};
	list_head socks_head;

	kernel::spinlock bind_lock{KERNEL_LOCK_BIND};
	u32 nr_bound = 0;

	kernel::spinlock cong_lock{KERNEL_LOCK_CONG};

	kernel::spinlock watch_lock{KERNEL_LOCK_WATCH};
	list_head watch_head;
	u32 cong_generation = 0; /* raised when a remote port becomes free */

	void *peers[peer_buckets]; /* hash chains; typed by their owners' files */
	void *bound[bind_buckets];
	void *cong[cong_buckets];
};

/*
 * ---- peers and lanes (peer.cc, connection.cc) ----
 */

/*
 * What a peer's lanes have of their transport, all the same: copies, since an incoming may outlive
 * it, and a sender may look after it (loopback).
 */
struct rds_lane_traits {
	int (*c_inc_copy)(rds_incoming *, iov_iter *) = nullptr;
	void (*c_inc_free)(rds_incoming *) = nullptr;
	bool c_handshakes = false; /* t_mp_capable */
	bool c_immediate = false; /* t_immediate */
	bool c_has_mrs = false; /* get_mr or get_mr_ex: its peer may speak of regions */
	bool c_has_rdma = false; /* xmit_rdma; a sender may look when the transport has gone */
	bool c_has_atomics = false; /* xmit_atomic; same */
};

/* One lane: the engine's half of struct rds_connection. */
struct rds_lane : rds_connection, rds_lane_traits {
	explicit rds_lane(rds_peer *p); /* the first */
	rds_lane(rds_peer *p, u8 index); /* another: as the first */

	/* peer.cc / connection.cc */
	void drop(rds_conn_why why);
	void connect_if_down();
	void connect_now();
	bool claim();
	bool dying() const { return kernel::read_once(c_dying); }
	void connect_complete();
	void destroy();
	void free_transport();
	void life();
	void send_run();
	void recv_run();
	/* Work, unless the lane is being destroyed. */
	void queue_work(kernel::work &w, unsigned long delay = 0);
	/* The peer's RDS has said something: the connection is worth its name. */
	void heard()
	{
		if (!kernel::read_once(c_heard))
			kernel::write_once(c_heard, true);
	}
	bool change_state(int from, int to, rds_conn_why why = RDS_WHY_none)
	{
		if (!kernel::compare_exchange(c_state, from, to))
			return false;
		rds_trace_state(this, from, to, why);
		return true;
	}
	int state() const { return kernel::load_acquire(c_state); }
	bool up() const { return state() == RDS_CONN_UP; }
	/* Some socket's, not just the kernel's own, which nobody waits for. */
	bool has_messages() const { return kernel::read_once(c_messages); }
	/* More than the handshake, which every connection makes anew. */
	bool needed() const { return c_messages || c_pongs != c_probes + c_replies; }
	/* Where only the smaller address connects, the other one asks for it: on lane 0 by a knock. */
	bool knocks() const { return c_larger && c_trans->t_small_connects; }
	bool may_open() const;
	bool parked() const;
	void opened_elsewhere();

	using message_list = kernel::list<rds_message, &rds_message::m_conn_item>;

	kernel::spinlock c_lock{KERNEL_LOCK_LANE};
	int c_state = RDS_CONN_DOWN; /* enum rds_conn_state */
	bool c_dying = false; /* set under c_lock; a hint without */
	bool c_want_connect = false; /* life() connects when DOWN */
	bool c_hurry = false; /* whatever delay would be due */
	bool c_waits = false; /* it does when the handshake, or the lane before, allows */
	u8 c_probing = 0; /* a probe is under way, or its answer */
	u8 c_blocked = 0; /* the transport is full and will kick */

	/* c_lock */
	message_list c_send; /* not yet handed to the transport */
	message_list c_retrans; /* handed over, not acknowledged; oldest first */
	rds::send_sequence c_tx;
	u32 c_messages = 0; /* of sockets, in c_send and c_retrans */
	u32 c_pongs = 0; /* kernel's own ones */
	u32 c_probes = 0; /* of those, as are the answers to probes: */
	u32 c_replies = 0;

	/* what serialises receiving on this lane */
	rds::recv_sequence c_rx;
	bool c_heard = false; /* of the peer's RDS, on this connection */
	u32 c_rx_life = 0; /* rds_peer.life that c_rx belongs to */

	/* c_send_sem */
	kernel::semaphore c_send_sem{KERNEL_SEM_SEND};
	rds_message *c_xmit_rm = nullptr; /* partly sent; one reference */
	u32 c_xmit_hdr_off = 0;
	u32 c_xmit_sg = 0;
	u32 c_xmit_off = 0;
	u32 c_xmit_rounds = 0; /* calls without completing it */
	bool c_xmit_rdma_done = false;
	bool c_xmit_atomic_done = false;
	rds::ack_cadence c_acks;
	bool c_sending = false; /* for RDS_INFO_CONNECTIONS */

	/* life() */
	rds::reconnect_backoff c_backoff;
	unsigned long c_up_since = 0; /* in ticks */

	kernel::work c_life_work;
	kernel::work c_send_work;
	kernel::work c_recv_work;

private:
	void shutdown();
	void reset();
	void start_connect();
	void wait_to_open();
	void ask_to_open();
	void schedule_reconnect();
	bool stay_down(bool on_demand, unsigned long delay);
};

/*
 * What joins one local and one remote address: key, congestion maps, handshake, lanes.
 *
 * Messages of one socket to one peer take one lane, lane 0 until the handshake has told how many
 * there are. From then on messages of other lanes wait until lane 0 has brought home what was
 * queued on it before (catch_up), so that a socket that moves keeps its order.
 */
struct rds_peer {
	rds_peer(rds_net *net, const in6_addr &laddr, const in6_addr &faddr, rds_transport *trans,
		 u8 tos, u32 if_index, u32 owner);
	~rds_peer();

	void get() { refs.get(); }
	bool get_unless_zero() { return refs.get_unless_zero(); }
	void put();
	void touch()
	{
		unsigned long now = kernel_ticks();
		if (kernel::read_once(last_active) != now)
			kernel::write_once(last_active, now);
	}
	/* Null: not in use so far. */
	rds_lane *lane(unsigned int index) const { return kernel::load_acquire(lanes[index]); }
	template <typename Func>
	void each_lane(Func func) const
	{
		for (unsigned int i = 0; i < RDS_MPATH_WORKERS; i++)
			if (rds_lane *l = lane(i))
				func(l);
	}
	/* It says which lanes it needs. Who gets no answers from us does not know that it may. */
	bool asks() const
	{
		return kernel::read_once(asks_for_lanes) &&
		       kernel::read_once(rds_tunables.ping_enable);
	}
	bool has_messages() const
	{
		bool any = false;
		each_lane([&](const rds_lane *l) { any |= l->has_messages(); });
		return any;
	}

	kernel::refcount refs;
	kernel::hash_link link; /* rds_net.lock */
	rds_net *const rn;
	rds_cong_map *lcong = nullptr; /* one reference each, from creation to the end */
	rds_cong_map *fcong = nullptr;
	list_head cong_item; /* lcong->peers_head; cong lock */
	const u32 owner;
	unsigned long last_active;
	bool dying = false; /* off the table; rds_net.lock */
	u8 map_pending = 0; /* lane 0 sends lcong before anything else */

	/* handshake (ping.cc); written by receivers, read by all */
	u8 nr_lanes =
		0; /* that messages are spread over; 0: not known yet; lane0.c_lock to write */
	u8 offered_lanes = 0; /* by the peer */
	bool names_lanes = false; /* the ports of its streams do (SPORT_IDX) */
	bool asks_for_lanes = false; /* it says which of them it needs */
	u8 asked_lanes = 0; /* what it has said; lane 0's life() sees to it */
	bool told = false; /* who cannot ask: how many lanes we have with it */
	bool agreed = false; /* the handshake was made on lane 0's present connection */
	u32 peer_gen = 0;
	u32 life = 0; /* of the peer, counted by us: raised when it has restarted */
	u64 catch_up = 0; /* other lanes wait for lane 0's messages below; 0: for none */

	kernel::rcu_head rcu;
	rds_lane *lanes[RDS_MPATH_WORKERS]; /* rds_net.lock to write */
	rds_lane lane0;
};

/*
 * ---- zero-copy sends (zcopy.cc) ----
 */

/* What a message whose payload is the user's own pages owes him; then a record for his reading. */
struct rds_zcopy {
	list_head item; /* rds_sock.completed */
	rds_sock *rs; /* counted, while the message has it and the socket is open */
	kernel_charge charge; /* same */
	bool armed; /* the message was accepted: its end is reported */
	rds_zcopy_cookies cookies;
};

/*
 * ---- memory regions (mr.cc), RDMA and atomics (rdma.cc), their notifications (notify.cc) ----
 */

/* Memory of a user that peers may read and write by its key. */
struct rds_mr {
	rds_mr(rds_sock *s, rds_transport *t, u64 flags);
	~rds_mr();

	void get() { refs.get(); }
	bool get_unless_zero() { return refs.get_unless_zero(); }
	void put();

	kernel::refcount refs;
	rds_sock *const rs; /* counted */
	rds_transport *const trans; /* the module is held */
	void *handle = nullptr; /* get_mr's */
	u32 key = 0;
	bool registered = false;
	const bool use_once; /* it goes when a peer says that it has used it */
	bool invalidate; /* the peers must lose it at once */
};

/* What the sender of an operation will be told; then that, for his reading. */
struct rds_notifier {
	list_head item; /* rds_sock.notices */
	rds_sock *rs; /* counted, while the operation has it */
	bool armed; /* the message was accepted: its end is told */
	rds_rdma_notify told;
};

inline bool rds_has_operation(const rds_message *rm)
{
	return rm->m_rdma.op_active || rm->m_atomic.op_active;
}

/* Only operations, all silent, and nothing to say: no message goes out (rdma.md 8.3). */
inline bool rds_is_header_less(const rds_message *rm)
{
	return rds_has_operation(rm) && !rm->m_len &&
	       (!rm->m_rdma.op_active || rm->m_rdma.op_silent) &&
	       (!rm->m_atomic.op_active || rm->m_atomic.op_silent);
}

/*
 * ---- sockets (sock.cc, bind.cc, send.cc, recv.cc) ----
 */

struct rds_sock {
	explicit rds_sock(rds_net *net);
	~rds_sock();

	void get() { kernel_sock_hold(this); }
	void put() { kernel_sock_put(this); }

	template <typename T>
	T sk_field(size_t offset) const
	{
		return kernel::read_once(*reinterpret_cast<const T *>(sk.raw + offset));
	}
	/* Limits: half of what SO_SNDBUF and SO_RCVBUF read back. */
	u32 send_limit() const { return sk_field<u32>(SOCK_SNDBUF_OFFSET) / 2; }
	u32 recv_limit() const { return sk_field<u32>(SOCK_RCVBUF_OFFSET) / 2; }
	bool wants_timestamps() const
	{
		return sk_field<unsigned long>(SOCK_FLAGS_OFFSET) >> SOCK_RCVTSTAMP_BIT & 1;
	}
	bool bound() const { return kernel::load_acquire(is_bound); }

	kernel::opaque<SOCK_SIZE, SOCK_ALIGN> sk; /* must be first */

	rds_net *const rn;
	list_head all_item; /* rds_net.socks_head */

	/* set once under the socket lock, published by is_bound */
	bool is_bound = false;
	u16 port = 0; /* host order */
	u32 scope = 0;
	in6_addr addr{};
	u32 lane_hash = 0; /* chooses its lane to each peer but one: */
	u64 lane_hint = 0; /* who spoke to it first, on which lane; see lanes.cc */
	rds_transport *trans = nullptr; /* also preset; module reference held */
	rds_cong_map *cong = nullptr; /* of addr */
	kernel::hash_link bind_link;

	/* socket lock */
	in6_addr conn_addr{};
	u16 conn_port = 0;
	u32 conn_scope = 0;
	u8 tos = 0;
	bool has_sent = false; /* the TOS is settled */
	bool recverr = false;

	/* watch_lock; monitor is also read without */
	bool monitor = false;
	bool watching = false;
	list_head watch_item;
	u64 cong_mask = 0;
	u64 cong_notify = 0;
	u32 cong_seen = 0; /* rds_net.cong_generation at the last poll */

	using sent_list = kernel::list<rds_message, &rds_message::m_sock_item>;
	kernel::spinlock snd_lock{KERNEL_LOCK_SOCK_SND};
	sent_list sent; /* queued or not acknowledged */
	u32 snd_bytes = 0; /* charge: rds_charge() of each message on the list */
	rds_peer *cached = nullptr; /* the last destination's; one reference */
	kernel::list<rds_notifier, &rds_notifier::item> notices; /* of ended operations */

	kernel::key_table<rds_mr> regions;
	bool had_regions = false; /* ever */

	using inc_list = kernel::list<rds_incoming, &rds_incoming::i_item>;
	kernel::spinlock rcv_lock{KERNEL_LOCK_SOCK_RCV};
	inc_list received;
	u32 rcv_bytes = 0;
	u32 rcv_count = 0;
	u64 rcv_memory = 0; /* that they keep */
	bool rcv_congested = false; /* own port's bit is set */
	bool dead = false; /* closing: nothing is queued any more */
	kernel::list<rds_zcopy, &rds_zcopy::item> completed;
	rds_rx_trace_so traces{}; /* SO_RDS_MSG_RXPATH_LATENCY */
};

/* What the seam hands over of one sendmsg or recvmsg; the C half fills it. */
#include "sock_calls.h"

/*
 * ---- calls between the files of the core; C linkage, so that suites can have them ----
 */

extern "C" {

/* net.cc */
rds_net *rds_net_of(const struct net *net);

/* transport.cc */
/**
 * rds_trans_get_preferred - the transport that serves a local address, with a module reference
 * P; does not load any. Return: null when there is none.
 */
rds_transport *rds_trans_get_preferred(rds_net *rn, const in6_addr *addr, u32 scope);
/** rds_trans_get - by number, with a module reference; no loading. P. */
rds_transport *rds_trans_get(unsigned int type);
void rds_trans_put(rds_transport *trans);
/** rds_trans_serves - is @addr a local address of @trans? P. */
bool rds_trans_serves(rds_transport *trans, rds_net *rn, const in6_addr *addr, u32 scope);
/** rds_trans_serves_locked - the same with the registry lock held and @trans registered. P. */
bool rds_trans_serves_locked(const rds_transport *trans, rds_net *rn, const in6_addr *addr,
			     u32 scope);
/** rds_trans_loopback - the loopback transport while it is registered; loads it. P. */
rds_transport *rds_trans_loopback(void);
void rds_trans_read_lock(void);
void rds_trans_read_unlock(void);
/** rds_trans_alive - registered and not leaving; registry lock held. */
bool rds_trans_alive(const rds_transport *trans);
unsigned int rds_trans_stats(rds_info_iterator *iter, unsigned int avail);

/* peer.cc */
/**
 * rds_peer_find_or_create - the peer for a message of a socket bound to @trans
 * P. Return: one reference; null with *@err = -ENOMEM (also: caps), -ENETDOWN, or what the
 * transport's conn_alloc said.
 */
rds_peer *rds_peer_find_or_create(rds_net *rn, const in6_addr *laddr, const in6_addr *faddr,
				  rds_transport *trans, u8 tos, u32 if_index, int *err);
/** rds_peer_each - call @func for each peer on the table until it says false; RCU section. */
void rds_peer_each(rds_net *rn, bool (*func)(rds_peer *peer, void *arg), void *arg);
/** rds_peer_destroy - off the table, stopped, emptied; the table's reference is dropped. P. */
void rds_peer_destroy(rds_peer *peer);
/** rds_peer_destroy_all - those of one transport, or all; none is left when it returns. P. */
void rds_peer_destroy_all(rds_net *rn, const rds_transport *trans);
/** rds_peer_reap - destroy idle, empty peers. P. Return: how many. */
unsigned int rds_peer_reap(rds_net *rn);

/* lanes.cc */
/**
 * rds_lane_get - a lane of the peer, which the caller holds; made when it is first asked for
 * @needed: somebody here has something to send; what only peers ask for is capped.
 * P, no locks. Return: null with *@err = -ENOMEM; -ENETDOWN, -ESTALE: transport or peer goes.
 */
rds_lane *rds_lane_get(rds_peer *peer, unsigned int index, bool needed, int *err);
/**
 * rds_lane_choose - the lane that @rs's next message to @peer takes (wire.md 9.4). P.
 * What it relied on is noted in @rm: rds_message_queue() says -ESTALE when it has changed.
 */
rds_lane *rds_lane_choose(rds_sock *rs, rds_peer *peer, rds_message *rm, int *err);
/**
 * rds_lane_follow - a message from @peer has come on lane @index: a socket that has not chosen any
 * lane yet answers there; not on the first, on which there are messages of all. A.
 */
void rds_lane_follow(rds_sock *rs, const rds_peer *peer, unsigned int index);
/** rds_lanes_fan_out - the peer takes @lanes of them: spread messages from now on. A. */
void rds_lanes_fan_out(rds_peer *peer, unsigned int lanes);
/** rds_lanes_caught_up - messages have left lane 0: may the other lanes go on? A. */
void rds_lanes_caught_up(rds_peer *peer);
/** rds_lanes_continue - lanes that waited for the handshake or each other look again. A. */
void rds_lanes_continue(rds_peer *peer);
/** rds_lanes_open_asked - those that the peer needs; all, if it cannot ask. P. */
void rds_lanes_open_asked(rds_peer *peer);

/* bind.cc */
/** rds_bind_find - the socket bound to it; RCU section. A. */
rds_sock *rds_bind_find(rds_net *rn, const in6_addr *addr, u16 port, u32 scope);
/** rds_bind_add - @rs->addr, scope given; @port 0 chooses. Return: 0, -EADDRINUSE, -ENOMEM. */
int rds_bind_add(rds_sock *rs, u16 port);
void rds_bind_remove(rds_sock *rs);

/* message.cc */
rds_message *rds_message_alloc(u32 len, gfp_t gfp);
/** rds_message_of_user - its payload are the user's own pages. P. Null with *@err. */
rds_message *rds_message_of_user(u32 len, iov_iter *from, int *err);
/** rds_message_queue - give it a number and append it to the lane; takes a reference. A. */
int rds_message_queue(rds_lane *lane, rds_message *rm);
/** rds_message_unlink - off its lane's list; lane lock held. The list's reference is the caller's. */
void rds_message_unlink(rds_lane *lane, rds_message *rm);

/* send.cc */
/** rds_send_xmit - run the lane's engine. P (A with t_xmit_atomic). Return: 0 or why it left. */
int rds_send_xmit(rds_lane *lane);
/**
 * rds_send_direct - past the queue, when nobody is before it and the transport delivers at once. P.
 * Return: false: nothing has happened, it is to be queued.
 */
bool rds_send_direct(rds_lane *lane, rds_message *rm);
/** rds_send_start - run it from any context: here when allowed, else by the worker. A. */
void rds_send_start(rds_lane *lane);
/** rds_send_cancel - @rs's messages to one address and port, or all. P. */
void rds_send_cancel(rds_sock *rs, const in6_addr *addr, u16 port, bool all);
/** rds_messages_left - messages have left lanes of @peer: others may wait for that. A, no locks. */
void rds_messages_left(rds_peer *peer);
/** rds_send_purge - drop every message of a lane that is being destroyed. P. */
void rds_send_purge(rds_lane *lane);
/**
 * rds_send_release - the same for a list; the list's references are dropped. A.
 * @status: what that means for their operations: RDS_RDMA_SUCCESS (acknowledged) or _DROPPED
 */
void rds_send_release(rds_lane::message_list &gone, int status);
/** rds_sock_enqueue - charge and queue. A. Return: 0, -EAGAIN (no room), -ESTALE (lane dying). */
int rds_sock_enqueue(rds_sock *rs, rds_lane *lane, rds_message *rm, u32 limit);

/* recv.cc */
/** rds_recv_purge - discard what is unread: all, or what came by @trans. P. */
void rds_recv_purge(rds_sock *rs, const rds_transport *trans);
/**
 * rds_socks_forget - no socket of @rn caches a peer of @trans, nor has an incoming that needs its
 * hooks. P. A sender that found the peer before may still put the empty shell back.
 */
void rds_socks_forget(rds_net *rn, const rds_transport *trans);

/* zcopy.cc */
/** rds_zcopy_begin - charge @bytes to the user. P. Return: null with *@err = -ENOMEM. */
rds_zcopy *rds_zcopy_begin(rds_sock *rs, u64 bytes, int *err);
/** rds_zcopy_cookie - what its end will be reported as. P. Return: 0, -EINVAL. */
int rds_zcopy_cookie(rds_message *rm, const void *data, u32 len);
/** rds_zcopy_arm - shall the end be reported? Before others see the message. A. Null: nothing. */
void rds_zcopy_arm(rds_zcopy *z, bool on);
/**
 * rds_zcopy_disown - its socket is being closed: nobody will be told, and the buffers of a network
 * that does not move must not keep socket and namespace. The caller has a reference of the message,
 * so it does not end meanwhile. P. Null: nothing.
 */
void rds_zcopy_disown(rds_zcopy *z);
/** rds_zcopy_end - the message and its hold on the pages are gone. A. Null: nothing. */
void rds_zcopy_end(rds_zcopy *z);
/** rds_zcopy_deliver - one record to a reader that has room. P. Return: records, -EFAULT. */
int rds_zcopy_deliver(rds_sock *rs, rds_recv_args *args);
void rds_zcopy_purge(rds_sock *rs);

/* mr.cc */
/**
 * rds_mr_map - pin and register memory, write the cookie where @args say, enter it in the table
 * P. @conn: to the peer who will be told; null: not known. @out: null, or gets a reference.
 * Return: 0 with *@cookie; or what rdma.md 4.2 says, and nothing is left.
 */
int rds_mr_map(rds_sock *rs, const rds_get_mr_args *args, rds_connection *conn, u64 *cookie,
	       rds_mr **out);
/**
 * rds_mr_operand - a region for an operation of @rs over @conn, of memory that cannot be pinned, but is
 * charged as @pages, which it takes over; no table knows it. P. @writable: the operation changes it.
 * Return: 0 with a reference in *@out; -EOPNOTSUPP: the transport cannot, -ENODEV: @conn is asked to
 * connect, others.
 */
int rds_mr_operand(rds_sock *rs, kernel::user_pages &pages, const rds_iovec &v, bool writable,
		   rds_connection *conn, rds_mr **out);
/** rds_mr_announce - a region of @rs that a message names again. P. Null: no such key. */
rds_mr *rds_mr_announce(rds_sock *rs, u32 key);
/** rds_mr_forget - off its socket's table, if it is still there. A. */
void rds_mr_forget(rds_mr *mr);
/** rds_mr_used - a peer says that its RDMA is done: sync, and the end of use-once regions. A. */
void rds_mr_used(rds_sock *rs, const rds_header *hdr);
/** rds_mr_close - all regions of a socket that is being closed. P. */
void rds_mr_close(rds_sock *rs);

/* rdma.cc */
/**
 * rds_rdma_prepare - fill in m_rdma, for @conn. P. @vec: @args->nr_local checked ranges on @pages
 * pages.
 */
int rds_rdma_prepare(rds_sock *rs, rds_message *rm, rds_connection *conn, const rds_rdma_args *args,
		     const rds_iovec *vec, u64 pages);
/** rds_atomic_prepare - fill in m_atomic; @type: RDS_CMSG_*ATOMIC_*. P. */
int rds_atomic_prepare(rds_sock *rs, rds_message *rm, int type, const rds_atomic_args *args);
/** rds_operations_end - @rm is being freed: release what its operations hold. A. */
void rds_operations_end(rds_message *rm);
/** rds_operations_wait - until the transport has none of @rm any more, or we are killed. P. */
void rds_operations_wait(rds_message *rm);

/* notify.cc */
/** rds_notify_make - for an operation of @rs's. P. Null: no memory. */
rds_notifier *rds_notify_make(rds_sock *rs, u64 token);
/** rds_notify_arm - shall the ends of @rm's operations be told? Before others see it. A. */
void rds_notify_arm(rds_message *rm, bool on);
/** rds_notify_rdma, rds_notify_atomic - the transport has completed it. A. */
void rds_notify_rdma(rds_message *rm, int status);
void rds_notify_atomic(rds_message *rm, int status);
/** rds_notify_end - @rm has left its lane: acknowledged (SUCCESS) or given up (DROPPED). A. */
void rds_notify_end(rds_message *rm, int status);
/** rds_notify_cancel - @rm has left its socket, which wants to know (@told) or is closing. A. */
void rds_notify_cancel(rds_message *rm, bool told);
/** rds_notify_failed - the device cannot do what @rm asks for. A. */
void rds_notify_failed(rds_message *rm);
/** rds_notify_lost - @rm is being freed: who still waits is told that it was dropped. A. */
void rds_notify_lost(rds_message *rm);
/** rds_notify_deliver - as many as the reader has room for, at least one. P. Records, -EFAULT. */
int rds_notify_deliver(rds_sock *rs, rds_recv_args *args);
void rds_notify_purge(rds_sock *rs);

/* ping.cc */
void rds_ping_received(rds_lane *lane, const rds_header *hdr, gfp_t gfp);
void rds_pong_received(rds_lane *lane, const rds_header *hdr);
/** rds_handshake_seen - before the duplicate rule: has the peer restarted its numbers? A. */
void rds_handshake_seen(rds_lane *lane, const rds_header *hdr);
/** rds_probe_send - a handshake probe, unless one is under way on that lane. A. Return: queued. */
bool rds_probe_send(rds_lane *lane, gfp_t gfp);
/** rds_probe_ask - a probe that asks the peer to open these of its lanes, a bit for each. A. */
void rds_probe_ask(rds_lane *lane, u8 lanes, gfp_t gfp);
/**
 * rds_probe_again - the same on a new connection. A.
 * What the peer knows of us may be of another life, or of the kernel's own modules.
 */
void rds_probe_again(rds_lane *lane);

/* cong.cc */
rds_cong_map *rds_cong_get(rds_net *rn, const in6_addr *addr); /* P; null: no memory */
void rds_cong_add_peer(rds_peer *peer);
void rds_cong_remove_peer(rds_peer *peer);
/** rds_cong_set_port, rds_cong_clear_port - change a local map and tell its peers. A. */
void rds_cong_set_port(rds_cong_map *map, u16 port);
void rds_cong_clear_port(rds_cong_map *map, u16 port);
/** rds_cong_watch - have @rs woken when congestion ends somewhere; @port < 0: no monitor bit. A */
void rds_cong_watch(rds_sock *rs, int port);
void rds_cong_unwatch(rds_sock *rs);
/** rds_cong_message - a message that carries the peer's local map as it is now. P. */
rds_message *rds_cong_message(rds_peer *peer, gfp_t gfp);
/** rds_cong_changed - remote ports of these groups may be free again: wake who waits. A. */
void rds_cong_changed(rds_net *rn, u64 groups);

/* lists.cc, info.cc, stats.cc */
int rds_info_init(void);
void rds_info_exit(void);
int rds_lists_init(void);
void rds_lists_exit(void);
int rds_stats_init(void);
void rds_stats_exit(void);
int rds_stats_register(void);
void rds_stats_deregister(void);

} // extern "C"

/* What a message is charged to its socket: payload, but never nothing (lifecycle.md L16). */
inline u32 rds_charge(u32 len)
{
	constexpr u32 least = 32;
	return len > least ? len : least;
}

inline rds_lane *lane_of(rds_connection *conn)
{
	return static_cast<rds_lane *>(conn);
}

inline const rds_lane *lane_of(const rds_connection *conn)
{
	return static_cast<const rds_lane *>(conn);
}

/* Holds the registry for reading. */
struct rds_registry_read : kernel::pinned {
	rds_registry_read() { rds_trans_read_lock(); }
	~rds_registry_read() { rds_trans_read_unlock(); }
};

/* Scope that a lane delivers to: only link-local addresses have one. */
inline u32 lane_scope(const rds_connection *conn)
{
	return rds::addr_is_link_local(conn->c_laddr) ? conn->c_if_index : 0;
}
