/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one door between the RDS core and a transport: what a transport module fills in
 * (struct rds_transport), what it is handed (connections, messages, incomings) and what it may
 * call. Compiles as C and as C++. docs/writing-a-transport.md walks through it.
 *
 * Contexts: P process, may sleep; W worker of the connection, may sleep; S softirq, must not
 * sleep; A any of them.
 */
#ifndef RDS_TRANSPORT_H
#define RDS_TRANSPORT_H

#include "rds/reasons.h"
#include "rds/types.h" /* TRANSNAMSIZ is in linux/rds.h */
#include "rds/wire.h"

/* Types 0 (IB) and 2 (TCP) are in linux/rds.h. The loopback has a slot of its own. */
#define RDS_TRANS_LOOP 3

/* Raised with every change of this header that a rebuilt transport would notice. */
#define RDS_TRANSPORT_INTERFACE 7

struct rds_connection;
struct rds_info_iterator;
struct rds_message;
struct rds_incoming;
struct rds_peer;
struct rds_sock;
struct rdma_cm_event;
struct rdma_cm_id;

/*
 * Lane states. Changes are compare-and-swap, but for whoever destroys the peer: that makes it
 * DISCONNECTING and then DOWN, whatever it was.
 *
 *            connect / claim          connect complete
 *   DOWN ---------------> CONNECTING ----------------> UP
 *    ^                        | connect hook failed     |
 *    |<-----------------------+                         |
 *    |                                                  |
 *    +--- DISCONNECTING <--- ERROR <--- (drop) ---------+  CONNECTING too
 *
 * A drop in one of the other states changes nothing: there is no connection, or what is dropped is
 * about to be shut down already.
 */
enum rds_conn_state {
	RDS_CONN_DOWN = 0,
	RDS_CONN_CONNECTING = 1,
	RDS_CONN_DISCONNECTING = 2,
	RDS_CONN_UP = 3,
	RDS_CONN_RESETTING = 4, /* number of the stock modules; not used: a duel waits for DOWN */
	RDS_CONN_ERROR = 5,
};

/*
 * One lane between two addresses, as a transport sees it. Everything but c_transport_data is
 * read-only for the transport. Lives as long as its peer: hold rds_conn_get() to keep it.
 */
struct rds_connection {
	struct in6_addr c_laddr; /* own address, IPv4 as ::ffff:a.b.c.d */
	struct in6_addr c_faddr; /* the peer's */
	struct rds_transport *c_trans;
	void *c_transport_data; /* set by conn_alloc */
	struct net *c_net;
	struct rds_peer *c_peer;
	u32 c_if_index; /* of link-local addresses, else 0 */
	u8 c_tos;
	u8 c_index; /* lane 0..7 */
	u8 c_isv6;
	u8 c_larger; /* own address >= the peer's, unsigned over 16 bytes (tcp.md 7) */
	u8 c_trans_type; /* t_type, also when the transport has gone and an unread message stays */
	u8 c_pad[7];
};

/* Points of the receive path whose distances SO_RDS_MSG_RXPATH_LATENCY tells. */
enum rds_rx_stamp {
	RDS_RX_HEADER, /* the header has come */
	RDS_RX_START, /* the first byte of payload has */
	RDS_RX_END, /* all have; the core's own */
	RDS_RX_STAMPS,
};

/*
 * A message on its way up. A transport embeds it in whatever holds the payload.
 * i_refs belongs to the core (a refcount_t).
 */
struct rds_incoming {
	struct list_head i_item; /* on a socket's receive queue; its receive lock */
	u32 i_refs;
	u32 i_len; /* payload bytes */
	u32 i_memory; /* bytes of memory it keeps; 0: about its payload (not changed once delivered) */
	struct rds_connection *i_conn; /* holds a peer reference */
	struct in6_addr i_saddr;
	struct rds_header i_hdr;
	u64 i_rx_ns; /* when it was queued, wall clock; 0 unless the socket wants to know */
	u64 i_stamps[RDS_RX_STAMPS]; /* rds_rx_clock() then; 0: not known */
};

/*
 * RDMA and atomic operations of a message. The fields are the core's; transports read them.
 * Addresses are the cookie's offset already added, keys the peer's.
 */
struct rm_rdma_op {
	u64 op_remote_addr;
	u64 op_bytes; /* of the operand, all entries of op_sg; not more than the request's */
	u64 op_token;
	/* the user's pages, pinned while the message lives; null: they cannot be pinned, but the
	 * transport has them as the region @op_region, from the user's address @op_local_addr on */
	struct scatterlist *op_sg;
	void *op_region;
	u64 op_local_addr;
	struct rds_notifier *op_notifier; /* the core's */
	u32 op_rkey;
	u32 op_nents;
	u8 op_active;
	u8 op_write; /* to the peer; else from it */
	u8 op_fence; /* the message's payload waits for it */
	u8 op_notify; /* its sender waits for the completion: have it signaled */
	u8 op_recverr;
	u8 op_silent;
	u8 op_mapped; /* the transport has it */
	u8 op_done; /* it has completed, and well */
};

enum rds_atomic_kind {
	RDS_ATOMIC_CSWP = 0,
	RDS_ATOMIC_FADD = 1,
};

struct rm_atomic_op {
	u64 op_remote_addr;
	u64 op_compare_add; /* compare value, or the addend */
	u64 op_swap;
	u64 op_compare_mask; /* of a compare-and-swap; fetch-and-add: the nocarry mask */
	u64 op_swap_mask; /* without op_masked the masks say the same as none */
	u64 op_token;
	struct scatterlist *op_sg; /* one entry of 8 bytes, for the value that was there */
	struct rds_notifier *op_notifier; /* the core's */
	u32 op_rkey;
	u8 op_kind; /* enum rds_atomic_kind */
	u8 op_active;
	u8 op_masked;
	u8 op_notify;
	u8 op_recverr;
	u8 op_silent;
	u8 op_mapped;
	u8 op_done;
};

/* Of memory to be registered: what get_mr_ex is told beside the pages. */
struct rds_region {
	const struct in6_addr *r_laddr; /* the socket's own address, which says which device */
	u32 r_if_index; /* of a link-local one, else 0 */
	u8 r_writable; /* it may be changed; else only read */
	u8 r_operand; /* by an operation of the socket's own: no peer reaches it; else by the peer */
	u64 r_start, r_length; /* the user's range; r_start's offset in its page is the cookie's */
	struct scatterlist *r_charge; /* of memory that is not pinned, but charged; else null */
};

/* Bits of m_flags, set before the message is seen by others. */
#define RDS_MSG_MAP 0x01 /* a congestion map: on no list, never acknowledged */

/*
 * A message on its way down. Header and payload are fixed once it is queued; a transport may
 * write i_hdr.h_flags, h_ack, h_credit, h_csum and h_exthdr when hdr_off is 0, and m_ack_seq.
 *
 * Owners: every list it stands on, the engine while it sends it, and a transport that took
 * rds_message_addref() each own one reference.
 */
struct rds_message {
	struct rds_incoming m_inc; /* i_hdr is the header; loopback hands the whole thing up */
	struct list_head m_sock_item; /* socket's send list; m_on_sock; the socket's send lock */
	struct list_head m_conn_item; /* lane's send or retransmit list; m_on_conn; the lane lock */
	struct rds_sock *m_rs; /* counted, while it may be charged; the socket's send lock, RCU */
	struct rds_connection *m_conn; /* the lane that carries it; counted once queued */
	struct bio_vec *m_pieces;
	u32 m_refs; /* a refcount_t, the core's */
	u32 m_nr_pieces;
	u32 m_len; /* payload bytes, = h_len */
	u8 m_flags;
	u8 m_on_sock;
	u8 m_on_conn;
	u8 m_retransmitted; /* put RDS_FLAG_RETRANSMITTED into the header */
	u8 m_ack_required; /* RDS_FLAG_ACK_REQUIRED is to be in the header, if the peer reads it */
	u8 m_has_ack_seq; /* m_ack_seq is valid; cleared when the message is queued again */
	u8 m_own; /* the kernel's own: ping, pong, probe */
	u8 m_linear; /* payload follows the header in memory, m_linear_data; m_nr_pieces is 1 */
	u8 m_more; /* a hint: others follow at once, the transport may wait to fill a packet */
	u8 m_spread; /* the core's: its lane was chosen among several */
	u8 m_pad[2];
	u64 m_ack_seq; /* the transport's own acknowledgement number */
	u8 *m_linear_data;
	struct rds_zcopy *m_zcopy; /* the core's: pieces are the sender's own pages */
	struct rds_mr *m_mr; /* the core's: the region that it announces, or its operand; counted */
	struct rm_rdma_op m_rdma;
	struct rm_atomic_op m_atomic;
	/* m_pieces and linear payload follow */
};

/*
 * What a transport does. C names, plain C calls; nothing may throw. Members that are NULL are
 * not offered; required are laddr_check (but for the loopback), conn_alloc, conn_free,
 * conn_connect, conn_shutdown, xmit, recv, inc_copy_to_user and inc_free.
 */
struct rds_transport {
	char t_name[TRANSNAMSIZ]; /* shown in RDS_INFO_CONNECTIONS; at most 15 characters */
	struct list_head t_item; /* unused, kept for the interface */
	struct module *t_owner; /* a reference is held for each bound socket */
	/* outgoing connections to local addresses go to the loopback transport, incoming ones from
	 * local addresses are refused */
	unsigned int t_prefer_loopback : 1;
	unsigned int t_type; /* RDS_TRANS_*: slot in the registry, value of SO_RDS_TRANSPORT */

	/**
	 * laddr_check - does this transport serve a local IPv4 address?
	 * Called by: bind (of the address; the socket lock is held), creation of a peer and
	 * rds_conn_accept() (of the remote address, where t_prefer_loopback is set).
	 * Context: P or W, may sleep; registry lock held for reading, so neither register nor
	 * unregister in here. Re-entrant.
	 * Return: 0 yes; any negative errno no (usually -EADDRNOTAVAIL).
	 */
	int (*laddr_check)(struct net *net, __be32 addr);

	/**
	 * conn_alloc - make the transport's part of a connection, set c_transport_data
	 * Called by: creation of a peer, before anybody else can see the connection.
	 * Context: P or W; registry lock held for reading. Obey @gfp. Several threads may create
	 * the same connection at once, each with a @conn of its own; the losers' are freed.
	 * Ownership: the core ends it with one conn_free. A transport that leaves c_transport_data
	 * null gets no conn_free, and no conn_shutdown at the connection's end.
	 * Return: 0; or a negative errno, which the creation fails with, nothing being left
	 * allocated and c_transport_data not set.
	 */
	int (*conn_alloc)(struct rds_connection *conn, gfp_t gfp);

	/**
	 * conn_free - free what conn_alloc made
	 * @data: the pointer that conn_alloc stored; its connection is still there
	 * Called by: the end of a peer, after conn_shutdown has returned and with no work of the
	 * core's pending; or creation, for one that lost the race or was refused: then no other
	 * hook has seen it, conn_shutdown included. Once per connection.
	 * Context: P or W; in the second case registry lock held for reading. May sleep.
	 */
	void (*conn_free)(void *data);

	/**
	 * conn_connect - start connecting
	 * Called by: the lane's life work, state CONNECTING.
	 * Context: W. Never concurrent with itself or conn_shutdown. xmit and recv may come as soon
	 * as rds_connect_complete() was called, also before this has returned. An incoming
	 * connection may arrive meanwhile: against that the transport serialises itself;
	 * rds_conn_claim() fails.
	 * Return: 0: started, and exactly one of rds_connect_complete() and rds_conn_drop()
	 * follows, in any context, also inside the call; none when conn_shutdown comes first.
	 * Anything else: not started, nothing held; the core goes back to DOWN and retries with
	 * back-off.
	 */
	int (*conn_connect)(struct rds_connection *conn);

	/**
	 * conn_shutdown - stop traffic on the connection
	 * Called by: the lane's life work, after a drop; or the end of its peer. Any number of
	 * times, also when nothing was ever connected or conn_connect has just failed.
	 * Context: P or W, may sleep; state DISCONNECTING, send_sem held. So no xmit and no bracket
	 * of it runs, nor recv or conn_connect; callbacks of the transport's own may, and it is the
	 * transport that waits for them.
	 * Once it has returned, nothing is delivered or completed until the next conn_connect or
	 * rds_conn_claim(). Bytes that were acknowledged to the peer must have been delivered by
	 * then. rds_conn_drop() changes nothing meanwhile.
	 * Ownership: gives back whatever the transport holds of this connection's messages.
	 */
	void (*conn_shutdown)(struct rds_connection *conn);

	/**
	 * xmit_prepare, xmit_complete - around a batch of xmit calls. Optional, each.
	 * Called by: the send engine; xmit_prepare when it has seen the connection UP,
	 * xmit_complete whenever it leaves after that, also without an xmit in between or with the
	 * connection dropped meanwhile.
	 * Context: P or W (A with t_xmit_atomic); send_sem held, so not re-entrant per connection
	 * and what conn_shutdown releases is still there.
	 */
	void (*xmit_prepare)(struct rds_connection *conn);
	void (*xmit_complete)(struct rds_connection *conn);

	/**
	 * xmit - send part of a message
	 * @hdr_off: header bytes already taken, 0..48; header goes before payload
	 * @sg: index of the next payload piece; @off: bytes of it already taken
	 * Called by: the send engine, with one message until all of it was taken or conn_shutdown
	 * was called; payload may be empty.
	 * Context: P or W (A with t_xmit_atomic); send_sem held, not re-entrant per connection.
	 * Ownership: the core holds a reference during the call; a transport that needs the message
	 * or its pages for longer takes its own with rds_message_addref().
	 * Return: > 0 bytes taken, header bytes included, never more than are left; 0 full:
	 * rds_send_kick() will follow; -EAGAIN retry at once; -ENOMEM in two ticks; other errors:
	 * the connection is broken, and the core drops it if the transport has not.
	 */
	int (*xmit)(struct rds_connection *conn, struct rds_message *rm, unsigned int hdr_off,
		    unsigned int sg, unsigned int off);

	/**
	 * xmit_rdma - post a whole RDMA operation
	 * @op: m_rdma of the message, which container_of() finds
	 * Called by: the send engine, before xmit_atomic and the first xmit of the message, until
	 * it succeeds. Not again after a reconnect: such a message is dropped then. A message
	 * without payload whose operations are all silent has no xmit at all; its end is that of
	 * its operations. Without the hook sendmsg says -EOPNOTSUPP.
	 * Context: as xmit.
	 * Ownership: the core holds a reference to the message during the call; the transport takes
	 * its own, and keeps it until rds_rdma_send_complete(); or rds_message_unmapped(), for what
	 * conn_shutdown throws away. Order of execution: all of this message's operations before
	 * its payload, in the order of the calls.
	 * Return: 0 posted, perhaps completed; negative: nothing is posted: -ENOBUFS full:
	 * rds_send_kick() will follow; -EOPNOTSUPP the device cannot do this, and nothing of
	 * the message is posted: it is given up, its sender told RDS_RDMA_OTHER_ERROR; others mean what they mean in xmit.
	 */
	int (*xmit_rdma)(struct rds_connection *conn, struct rm_rdma_op *op);

	/** xmit_atomic - post an atomic operation, m_atomic of a message; else as xmit_rdma */
	int (*xmit_atomic)(struct rds_connection *conn, struct rm_atomic_op *op);

	/**
	 * recv - continue receiving
	 * Called by: the lane's receive work, after rds_recv_kick() and once after each connect.
	 * Context: W, state UP when it was looked at. Not re-entrant per connection; conn_shutdown
	 * waits for it.
	 * Return: 0 done; -EAGAIN call again at once; -ENOMEM again in two ticks; others as 0.
	 */
	int (*recv)(struct rds_connection *conn);

	/**
	 * inc_copy_to_user - copy payload to the reader
	 * Called by: recvmsg, for an incoming that rds_recv_incoming() queued.
	 * Context: P, no locks, faults allowed. Several readers at once, each as often as it likes
	 * (MSG_PEEK): the incoming must not change.
	 * Ownership: the core holds a reference to @inc during the call, so the connection is
	 * there, but maybe DOWN or destroyed, its c_transport_data gone.
	 * Return: bytes copied = min(length, room), or -EFAULT.
	 */
	int (*inc_copy_to_user)(struct rds_incoming *inc, struct iov_iter *to);

	/**
	 * inc_free - free an incoming and its payload
	 * Called by: rds_inc_put() of the last reference, whoever that had.
	 * Context: A. @inc->i_conn is there until this returns, as in inc_copy_to_user.
	 */
	void (*inc_free)(struct rds_incoming *inc);

	/**
	 * cm_handle_connect - a peer asks for a connection
	 * Called by: the RDMA transport's handler of connection manager events, as are the next
	 * two; never by the core.
	 * Context: P; the listener's event, no lock of a connection held. Concurrent with
	 * everything that the connection it finds is doing.
	 * Ownership and return: 0: @cm_id belongs to the connection from now on; else it was
	 * rejected, and the connection manager destroys it.
	 */
	int (*cm_handle_connect)(struct rdma_cm_id *cm_id, struct rdma_cm_event *event);

	/**
	 * cm_initiate_connect - the route to the peer is known: send the connect request
	 * Context: P, under the transport's mutex of the connection.
	 * Return: 0, also when it failed and the connection, which still owns @cm_id, was dropped;
	 * else the connection manager destroys @cm_id.
	 */
	int (*cm_initiate_connect)(struct rdma_cm_id *cm_id);

	/**
	 * cm_connect_complete - established: post receives, take the peer's last sequence as an
	 * acknowledgement, then rds_connect_complete(), or rds_conn_drop()
	 * Context: P, under the transport's mutex of the connection.
	 */
	void (*cm_connect_complete)(struct rds_connection *conn, struct rdma_cm_event *event);

	/**
	 * stats_info_copy - append the transport's counters with rds_stats_info_copy(). Optional.
	 * @avail: room in counter records
	 * Called by: RDS_INFO_COUNTERS.
	 * Context: P, registry lock held for reading; re-entrant.
	 * Return: the number of its counters, always; copied only if all fit.
	 */
	unsigned int (*stats_info_copy)(struct rds_info_iterator *iter, unsigned int avail);

	/**
	 * exit - the last connection of this transport is gone. Optional.
	 * Called by: rds_trans_unregister(), exactly once, after the last conn_free and with no
	 * hook running. Context: P.
	 */
	void (*exit)(void);

	/**
	 * get_mr - register memory for the peer's RDMA. Optional, as the next three; with it,
	 * sync_mr and free_mr are required.
	 * @sg: whole pages, each an entry of PAGE_SIZE bytes, pinned for writing. The peer's
	 * address 0 is the first byte of the first page.
	 * @key_ret: the key that the peer is told; not 0, and not one that @rs has already (that is
	 * an error for the user: -EBUSY)
	 * Called by: the socket options and the control message that map memory.
	 * Context: P, may sleep, no locks; re-entrant.
	 * Ownership: on success @sg and its pinned pages are the transport's: after free_mr, when
	 * the peer cannot reach them any more, it gives them to rds_sg_unpin(), once. On failure
	 * they stay the caller's. The transport's module stays until free_mr has returned.
	 * Return: a handle, or ERR_PTR: -ENODEV no device for the socket's address yet, others.
	 */
	void *(*get_mr)(struct scatterlist *sg, unsigned long nr_sg, struct rds_sock *rs,
			u32 *key_ret);

	/**
	 * sync_mr - hand the memory over, between CPU and device
	 * @trans_private: a handle of get_mr; @direction: DMA_TO_DEVICE or DMA_FROM_DEVICE
	 * Called by: sendmsg that names a region again (P); rds_recv_incoming() of a message that
	 * says that the peer's RDMA into it is done (A). Concurrent with other uses of the region,
	 * never with its free_mr.
	 */
	void (*sync_mr)(void *trans_private, int direction);

	/**
	 * free_mr - the last reference to the region is gone: unpin its pages
	 * @invalidate: the peer must lose access soon, not just some time
	 * Called by: the last of the socket option, a use-once region's use, close, a sendmsg that
	 * failed, and the end of the message that announced the region, or had it as its operand.
	 * Context: A; what sleeps is queued. Once per handle. The socket of get_mr is still there,
	 * perhaps closed.
	 */
	void (*free_mr)(void *trans_private, int invalidate);

	/**
	 * flush_mrs - wait until regions that were freed are out of the peers' reach; for what is paged
	 * on demand a quarter of a second at most, as that may depend on others
	 * Called by: close of a socket that had regions, and RDS_FREE_MR of cookie 0, which is
	 * -EINVAL without the hook. Context: P, no locks; re-entrant.
	 */
	void (*flush_mrs)(void);

	/* Additions; all optional. */

	unsigned int t_mp_capable : 1; /* may have more than one lane */
	unsigned int t_small_connects : 1; /* data flows on connections of the smaller address only;
					    * conn_connect of the larger one just makes it connect */
	unsigned int
		t_zerocopy : 1; /* sockets bound to it may send their own pages (MSG_ZEROCOPY) */
	unsigned int t_xmit_atomic : 1; /* xmit* and its bracket may be called in softirq */
	/*
	 * xmit takes a whole message and has delivered it when it returns: > 0, never 0; negative:
	 * nothing was. Without a bracket. The core need not queue the message then, and only one
	 * with m_on_conn is to be acknowledged by the transport.
	 */
	unsigned int t_immediate : 1;

	/**
	 * laddr_check6 - laddr_check for a genuine IPv6 address; absent: none is served
	 * @scope_id: interface of a link-local address, else 0
	 * Called by, context, return: as laddr_check.
	 */
	int (*laddr_check6)(struct net *net, const struct in6_addr *addr, u32 scope_id);

	/**
	 * get_tos_map - the type of service that connections get for what a user asked for; absent:
	 * SIOCRDSSETTOS is not supported
	 * Called by: the ioctl. Context: P, socket lock held.
	 */
	u8 (*get_tos_map)(u8 tos);

	/**
	 * get_mr_ex - get_mr for transports that can do better; used instead of it
	 * @conn: the connection to the peer who will be told: of the message, or to dest_addr of
	 * RDS_GET_MR_FOR_DEST; null: RDS_GET_MR names none. In any state. The caller holds it.
	 * @sg: null, and no entries: memory that cannot be pinned (a file on persistent memory). It
	 * is the current user's @want, to be paged in when the device gets there; -EOPNOTSUPP if the
	 * transport cannot do that. Only such memory is ever an operand. With a handle the transport
	 * owns @want->r_charge, for rds_sg_unpin() when the device has let go of the memory.
	 * @want: is the caller's. Else as get_mr. On -ENODEV @conn is asked to connect; sendmsg then says -EAGAIN.
	 */
	void *(*get_mr_ex)(struct scatterlist *sg, unsigned long nr_sg, struct rds_sock *rs,
			   u32 *key_ret, struct rds_connection *conn,
			   const struct rds_region *want);

	/**
	 * lanes_known - the handshake has said how many lanes the peer has and whether it names them
	 * @conn: lane 0. For what the transport could not assign to a lane so far.
	 * Called by: rds_recv_incoming(), when what was known has changed. Context: A.
	 */
	void (*lanes_known)(struct rds_connection *conn);
};

RDS_EXTERN_C_BEGIN

/*
 * ---- registration ----
 */

/**
 * rds_trans_register - offer a transport to the core
 * Context: P, from module init.
 * Return: 0; -EEXIST when the type is taken; -EINVAL for a bad type or a missing hook;
 * -ENOEXEC for a transport of another build or interface number.
 */
int __rds_trans_register(struct rds_transport *trans, unsigned int interface_nr, const char *build);
#define rds_trans_register(trans) __rds_trans_register(trans, RDS_TRANSPORT_INTERFACE, RDS_ABI_HASH)

/**
 * rds_trans_unregister - withdraw it: destroys all its connections, then calls exit
 * A transport that is not the registered one is ignored. Context: P, from module exit.
 */
void rds_trans_unregister(struct rds_transport *trans);

/*
 * ---- connections ----
 */

/**
 * rds_conn_accept - find or create the connection of an incoming transport connection
 * Context: P. The caller puts the result with rds_conn_put().
 * Return: a counted connection, or ERR_PTR: -ENOMEM (also: too many peers), -ENETDOWN,
 * -EOPNOTSUPP (@faddr is local and the transport prefers loopback).
 */
struct rds_connection *rds_conn_accept(struct net *net, const struct in6_addr *laddr,
				       const struct in6_addr *faddr, struct rds_transport *trans,
				       u8 tos, u32 if_index);

/**
 * rds_conn_reverse - the connection that carries what @conn's peer sends, for a transport that
 * is both ends itself (loopback). Context: P. As rds_conn_accept(), but no loopback rule.
 */
struct rds_connection *rds_conn_reverse(struct rds_connection *conn);

void rds_conn_get(struct rds_connection *conn); /* A */
void rds_conn_put(struct rds_connection *conn); /* A */

/** rds_conn_state - enum rds_conn_state. Context: A. */
int rds_conn_state(const struct rds_connection *conn);

/** rds_conn_alive - 1: its peer is on the table; 0: it is on its way out. Context: A. */
int rds_conn_alive(const struct rds_connection *conn);

/*
 * Lanes (t_mp_capable): conn_alloc for each lane, when it is first needed; rds_conn_accept() gives
 * the first. The caller of these holds any lane of the peer, which keeps them all.
 */

/** rds_conn_lanes - how many lanes the two sides have agreed on, 1 to 8; 0: not known. Context: A. */
unsigned int rds_conn_lanes(const struct rds_connection *conn);

/** rds_conn_lanes_offered - how many the peer says it can have, agreed or not. Context: A. */
unsigned int rds_conn_lanes_offered(const struct rds_connection *conn);

/** rds_conn_lanes_named - 1: the port that the peer connects from is its lane, modulo 8. A. */
int rds_conn_lanes_named(const struct rds_connection *conn);

/** rds_conn_reads_marks - 1: the peer is one of ours and reads RDS_FLAG_ACK_REQUIRED on TCP, too. A. */
int rds_conn_reads_marks(const struct rds_connection *conn);

/** rds_conn_lane - lane @index of @conn's peer, made if need be. P. NULL: none can be had now. */
struct rds_connection *rds_conn_lane(struct rds_connection *conn, unsigned int index);

/** rds_conn_lane_in_use - the same if it was made before, else NULL. Context: A. */
struct rds_connection *rds_conn_lane_in_use(const struct rds_connection *conn, unsigned int index);

/** rds_conn_generation - never 0; tells a peer, by a change, that our numbers begin anew. Context: A. */
u32 rds_conn_generation(const struct rds_connection *conn);

/**
 * rds_conn_peer_generation - what the peer of a fresh connection has said; 0: nothing
 * For a transport whose peers say so before their first message, instead of the handshake of lanes.
 * A change means that its numbers begin anew, also in retransmissions. A; nothing is being received.
 */
void rds_conn_peer_generation(struct rds_connection *conn, u32 generation);

/** rds_conn_claim - DOWN -> CONNECTING for an accepted connection. A. Return: 1 when claimed. */
int rds_conn_claim(struct rds_connection *conn);

/** rds_connect_complete - CONNECTING -> UP and start traffic; other states: drop. Context: A. */
void rds_connect_complete(struct rds_connection *conn);

/** rds_conn_drop - the connection is lost: ERROR, and the life work shuts it down. Context: A. */
void rds_conn_drop(struct rds_connection *conn);
/** rds_conn_drop_why - the same for a reason that tracing can tell. Context: A. */
void rds_conn_drop_why(struct rds_connection *conn, enum rds_conn_why why);

/** rds_conn_connect_if_down - ask for a connect unless one is under way. Context: A. */
void rds_conn_connect_if_down(struct rds_connection *conn);

/**
 * rds_conn_connect_now - conn_connect is called as soon as the connection is DOWN
 * No delay after a failure counts, once: for a peer that waits for it.
 * Context: A; may be called before or after the drop that makes room.
 */
void rds_conn_connect_now(struct rds_connection *conn);

/**
 * rds_conn_destroy_net - destroy all connections of @trans in @net
 * Context: P, from the transport's network namespace exit.
 */
void rds_conn_destroy_net(struct rds_transport *trans, struct net *net);

/** rds_conn_drop_net - drop them all, so that they reconnect (changed buffer sizes). P. */
void rds_conn_drop_net(struct rds_transport *trans, struct net *net);

/*
 * ---- sending ----
 */

/** rds_send_kick - space has appeared: clear "full" and run the send engine. Context: A. */
void rds_send_kick(struct rds_connection *conn);

/** is_acked_func - has the peer got @rm, by acknowledgement number @ack? */
typedef int (*is_acked_func)(struct rds_message *rm, u64 ack);

/**
 * rds_send_drop_acked - release what the peer has acknowledged, oldest first
 * @is_acked: NULL: sequence <= @ack. Context: A.
 */
void rds_send_drop_acked(struct rds_connection *conn, u64 ack, is_acked_func is_acked);

/**
 * rds_rdma_send_complete, rds_atomic_send_complete - the operation of @rm has ended
 * @status: RDS_RDMA_SUCCESS, _REMOTE_ERROR, _OTHER_ERROR. Once for each operation that was posted,
 * whether it has op_notify or not, and when the device no longer knows its memory. Its sender is
 * told if he wants to know and was not told before. After an error the connection is to be dropped.
 * Context: A; the caller still has his reference of @rm.
 */
void rds_rdma_send_complete(struct rds_message *rm, int status);
void rds_atomic_send_complete(struct rds_message *rm, int status);

/**
 * rds_rdma_unmapped, rds_atomic_unmapped - the device no longer knows the operation's memory
 * rds_message_unmapped - nor that of any operation of @rm
 * For what conn_shutdown throws away, instead of the above: it is dropped, and its sender told so,
 * when the connection is up again. Context: A, before the transport puts its reference.
 */
void rds_rdma_unmapped(struct rds_message *rm);
void rds_atomic_unmapped(struct rds_message *rm);
void rds_message_unmapped(struct rds_message *rm);

/** rds_sg_unpin - the pages of a region are out of the peers' reach: the core's again. A. */
void rds_sg_unpin(struct scatterlist *sg);

void rds_message_addref(struct rds_message *rm); /* A */
void rds_message_put(struct rds_message *rm); /* A */

/*
 * ---- receiving ----
 */

/** rds_inc_init - one reference for the caller; @saddr is the sender's address. A. */
void rds_inc_init(struct rds_incoming *inc, struct rds_connection *conn,
		  const struct in6_addr *saddr);
void rds_inc_addref(struct rds_incoming *inc); /* A */
void rds_inc_put(struct rds_incoming *inc); /* A */

/**
 * rds_recv_incoming - a complete message has arrived on @conn
 * Takes its own reference when it queues it; the caller puts his. One caller per connection at
 * a time. Context: A; @gfp for what it must allocate (pongs).
 */
void rds_recv_incoming(struct rds_connection *conn, const struct in6_addr *saddr,
		       const struct in6_addr *daddr, struct rds_incoming *inc, gfp_t gfp);

/**
 * rds_recv_other_lane - what came on @conn since it is known was lane @was of the peer, which goes on
 * with its numbers; what comes next is numbered by itself. @was of @conn: it is not known which.
 * Context: P; nothing is being received on either, and nothing begins to be on lane @was.
 */
void rds_recv_other_lane(struct rds_connection *conn, unsigned int was);

/**
 * rds_rx_clock - now, in ns, for i_stamps; 0 while no socket wants to know. Optional.
 * Context: A.
 */
u64 rds_rx_clock(void);

/**
 * rds_recv_drop - the transport itself drops a received message; counts and traces, nothing else
 * @hdr: NULL when it is not known. Context: A.
 */
void rds_recv_drop(struct rds_connection *conn, enum rds_drop_why why,
		   const struct rds_header *hdr);

/** rds_recv_kick - have the worker call the recv hook. Context: A. */
void rds_recv_kick(struct rds_connection *conn);

/**
 * rds_map_reader - copies @len bytes of a received map at @off to @to. The core's way to look at
 * a congestion map in whatever the transport holds it.
 */
typedef void (*rds_map_reader)(void *arg, unsigned int off, void *to, unsigned int len);

/**
 * rds_cong_recv_map - the peer's congestion map has arrived, 8192 bytes
 * @exact: report just the port groups that became free (IB); else all (TCP)
 * Context: A. Return: 0, or -ENOMEM: nothing changed, try again later.
 */
int rds_cong_recv_map(struct rds_connection *conn, rds_map_reader read, void *arg, int exact);

/* inc_copy_to_user and inc_free for an incoming that is the m_inc of a message. */
int rds_message_inc_copy_to_user(struct rds_incoming *inc, struct iov_iter *to);
void rds_message_inc_free(struct rds_incoming *inc);

/*
 * ---- information ----
 */

/* What an info function appends to; @used counts on when there is no room left. */
struct rds_info_iterator {
	u8 *buf;
	u64 room;
	u64 used;
};

/**
 * rds_info_func - append all records of one kind that @net may see
 * @each: to be set to the size of a record. Context: P, may be called again with more room.
 */
typedef void (*rds_info_func)(struct net *net, struct rds_info_iterator *iter, unsigned int *each);

/**
 * rds_info_register_func - serve RDS_INFO_* number @optname
 * @owner: not used: no call of @func outlives rds_info_deregister_func(), so none needs a module
 * reference. Here because transports pass it.
 * Context: P. Return: 0; -EEXIST; -EINVAL for a number that is none.
 */
int rds_info_register_func(int optname, rds_info_func func, struct module *owner);
/** rds_info_deregister_func - returns when no call of @func runs any more. P. */
void rds_info_deregister_func(int optname, rds_info_func func);
/** rds_info_copy - append @len bytes, or just count them when they do not fit. A. */
void rds_info_copy(struct rds_info_iterator *iter, const void *data, unsigned long len);
/** rds_stats_info_copy - append @nr counters of 40 bytes. A. */
void rds_stats_info_copy(struct rds_info_iterator *iter, const u64 *values,
			 const char *const *names, unsigned int nr);

RDS_EXTERN_C_END

#endif /* RDS_TRANSPORT_H */
