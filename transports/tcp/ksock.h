/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's TCP sockets as rds_tcp's C++ half sees them: plain calls, implemented in ksock.c
 * and ksock_io.c, and the upcalls that those make. No RDS decision is behind this header.
 *
 * "Locked" means: the caller holds ksock_lock(), or is in an upcall of that socket.
 */
#ifndef RDS_TCP_KSOCK_H
#define RDS_TCP_KSOCK_H

#include "rds/types.h"

struct sk_buff;
struct socket;

/* How far a TCP connection is, by what it means for whoever uses it. */
enum ksock_state {
	KSOCK_OPENING,
	KSOCK_OPEN,
	KSOCK_FIN_SENT, /* own side closed, the peer's still open */
	KSOCK_FIN_SEEN, /* the peer will send nothing more */
	KSOCK_CLOSED,
};

/* When small packets that are read at once are acknowledged. */
enum ksock_acks {
	KSOCK_ACKS_AS_TCP, /* each second one; each, if nothing is sent in the other direction */
	KSOCK_ACKS_LATER, /* in a stream of them, they are no reason to: bytes, an answer, a tick are */
	KSOCK_ACKS_SOON, /* now, if there was none since the last time that it was later */
};

/* Whose socket it is: its user data. The originals of what ksock_attach() replaces. */
struct ksock_user {
	void (*data_ready)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	u8 acks; /* enum ksock_acks; locked, and so are the next, which are ksock_io.c's */
	u8 streak; /* segments that came without a pause, up to those that make a stream */
	u32 acked; /* rcv_wup when an acknowledgement was left for later */
	unsigned long read_at; /* the last of them, in ticks */
};

/* Both ends of a connection, IPv4 as ::ffff:a.b.c.d, ports in network order. */
struct ksock_names {
	struct in6_addr laddr;
	struct in6_addr faddr;
	__be16 lport;
	__be16 fport;
	u32 if_index; /* of link-local addresses, else 0 */
};

/* One thing to send: copied bytes first, then what is left of the payload pieces. */
struct ksock_out {
	const void *head;
	u32 head_len;
	const void *body;
	u32 body_len;
	struct bio_vec *pieces;
	u32 nr_pieces;
	u32 skip; /* bytes of the first piece that are out already */
	u32 bytes; /* to send of the pieces, behind @skip */
	struct rds_message *lender; /* whose pieces are a user's pages: buffers keep it; or null */
	bool more; /* it may wait for ksock_push() before it leaves, to fill a segment */
	bool nearly_full; /* result: little of the send buffer is left */
};

/* Stretches of received data, by reference. */
struct ksock_chain {
	struct sk_buff *head;
	struct sk_buff *tail;
	u32 memory; /* bytes that they keep */
};

RDS_EXTERN_C_BEGIN

/* ---- addresses and ports: A ---- */

/** ksock_local4, ksock_local6 - is it an address of this host in @net? */
bool ksock_local4(struct net *net, __be32 addr);
bool ksock_local6(struct net *net, const struct in6_addr *addr, u32 scope_id);
void ksock_port_range(struct net *net, u32 *low, u32 *high); /* of ephemeral ports */
bool ksock_port_reserved(struct net *net, u32 port); /* by the administrator */

/* ---- listening: P ---- */

/**
 * ksock_listen - a listener on @port of all addresses, IPv6 and IPv4 (IPv4 alone without IPv6)
 * New connections are announced by rds_tcp_listen_ready(@user).
 */
int ksock_listen(struct net *net, u16 port, void *user, struct socket **listener);
void ksock_listen_mute(struct socket *listener); /* no announcement once it returned */
/** ksock_accept - the next connection. Return: 0; -EAGAIN: there is none; others: this one failed. */
int ksock_accept(struct socket *listener, struct socket **sock);

/* ---- one connection: P unless noted ---- */

int ksock_create(struct net *net, bool v6, struct socket **sock);
/** ksock_tune - no delay, keep-alive, user timeout, and the namespace's buffer sizes */
void ksock_tune(struct socket *sock);
int ksock_bind(struct socket *sock, const struct in6_addr *addr, u16 port, u32 scope_id);
/** ksock_connect - start connecting. Return: 0 started (or done), errno. */
int ksock_connect(struct socket *sock, const struct in6_addr *addr, u16 port, u32 scope_id);

void ksock_lock(struct socket *sock);
void ksock_unlock(struct socket *sock);
void ksock_assert_locked(const struct socket *sock); /* A */
void ksock_attach(struct socket *sock, struct ksock_user *user); /* locked: upcalls start */
void ksock_detach(struct socket *sock, struct ksock_user *user); /* locked: upcalls end */

enum ksock_state ksock_get_state(const struct socket *sock); /* A */
void ksock_get_names(const struct socket *sock, struct ksock_names *names); /* A */
u32 ksock_unread(const struct socket *sock); /* A; bytes received, not yet read */
/** ksock_in_vain - data is sent again and again, and nothing came back for @ticks. A. */
bool ksock_in_vain(const struct socket *sock, unsigned long ticks);
/** ksock_answered - the peer's TCP has said something within @ticks. A. */
bool ksock_answered(const struct socket *sock, unsigned long ticks);
/** ksock_probe - @fast: have TCP ask a silent peer each second; else as ksock_tune() does */
void ksock_probe(struct socket *sock, bool fast);

void ksock_send_fin(struct socket *sock);
/** ksock_wait_closed - until both sides are closed, or @ticks or a signal. Needs ksock_attach(). */
bool ksock_wait_closed(struct socket *sock, unsigned long ticks);
void ksock_refuse_data(struct socket *sock); /* locked: what comes now is reset, not acknowledged */
/** ksock_release - close and forget; RST unless TCP can end the connection without timers */
void ksock_release(struct socket *sock);
void ksock_abort(struct socket *sock); /* RST and forget */

/* ---- sending ---- */

u32 ksock_next_seq(const struct socket *sock); /* A; of the next byte that is sent */
u32 ksock_una(const struct socket *sock); /* A; oldest one not acknowledged */
bool ksock_has_room(const struct socket *sock); /* A; half of the send buffer is free */
/**
 * ksock_send - give TCP what fits
 * @full: set, under the socket lock, when not all fitted: rds_tcp_write_space() follows.
 * Return: bytes taken; -EAGAIN full; -ENOMEM; others: the connection is broken. P.
 */
int ksock_send(struct socket *sock, struct ksock_out *out, u8 *full);
void ksock_push(struct socket *sock); /* P */

/* ---- receiving ---- */

/**
 * ksock_read - hand what has arrived to rds_tcp_segment()
 * Locked. Return: 0, or what that said.
 */
int ksock_read(struct socket *sock, struct ksock_user *user, gfp_t gfp);
void ksock_copy(const struct sk_buff *skb, u32 off, void *to, u32 len); /* A */

/** ksock_chain_add - keep a stretch of @skb. A. Return: 0, -ENOMEM. */
int ksock_chain_add(struct ksock_chain *chain, struct sk_buff *skb, u32 off, u32 len, gfp_t gfp);
void ksock_chain_free(struct ksock_chain *chain); /* A */
void ksock_chain_copy(const struct ksock_chain *chain, u32 off, void *to, u32 len); /* A */
/* P. The first @len bytes, or what there is room for. Return: bytes, or -EFAULT. */
int ksock_chain_to_iter(const struct ksock_chain *chain, u32 len, struct iov_iter *to);

/* ---- upcalls, implemented in C++; the first three locked, in softirq or not ---- */

void rds_tcp_data_ready(struct ksock_user *user);
void rds_tcp_write_space(struct ksock_user *user);
void rds_tcp_state_change(struct ksock_user *user, enum ksock_state state);
/**
 * rds_tcp_segment - received bytes
 * @err: set to make ksock_read() stop. Return: bytes consumed.
 */
u32 rds_tcp_segment(struct ksock_user *user, struct sk_buff *skb, u32 off, u32 len, gfp_t gfp,
		    int *err);
void rds_tcp_listen_ready(void *user); /* A; not locked */

RDS_EXTERN_C_END

#endif /* RDS_TCP_KSOCK_H */
