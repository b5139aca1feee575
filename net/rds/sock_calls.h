/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the seam's socket half (kernel/af_rds.c: proto_ops, casts and forwards) and the
 * decisions (sock.cc, bind.cc, send.cc, recv.cc). Compiles in C and C++.
 */
#ifndef RDS_SOCK_CALLS_H
#define RDS_SOCK_CALLS_H

#include "rds/types.h"

struct msghdr;
struct rds_net;
struct rds_sock;

/* A socket address as the core wants it. */
struct rds_name {
	struct in6_addr addr; /* IPv4 mapped */
	u32 scope;
	u16 port; /* host order */
	u16 family; /* as the user wrote it */
	u8 present;
	u8 short_form; /* too short for its family */
	u8 mapped_in6; /* ::ffff:a.b.c.d in a sockaddr_in6 */
};

struct rds_send_args {
	struct rds_name name;
	struct iov_iter *from;
	u64 len;
	u32 flags;
	u32 nonblock;
	long timeout; /* ticks */
	struct msghdr *msg; /* its control messages: the kernel's own copy */
	u32 controls; /* it has some */
	u32 zerocopy; /* SO_ZEROCOPY is on */
};

struct rds_recv_args {
	struct iov_iter *to;
	u64 len;
	u32 flags;
	u32 nonblock;
	long timeout; /* ticks */
	struct msghdr *msg; /* takes control messages */
	u32 zerocopy; /* SO_ZEROCOPY is on */
	/* results */
	struct rds_name name;
	u32 truncated; /* MSG_TRUNC */
};

RDS_EXTERN_C_BEGIN

int rds_core_init(void);
void rds_core_exit(void);
void rds_trans_init(void); /* before rds_core_init() */

extern unsigned int rds_sock_bytes; /* sizeof(struct rds_sock) */
void rds_sock_construct(struct rds_sock *rs, struct net *net);
void rds_sock_destruct(struct rds_sock *rs); /* after the grace period; A */
void rds_sock_release(struct rds_sock *rs);
int rds_sock_bind(struct rds_sock *rs, const struct rds_name *name); /* takes the socket lock */
int rds_sock_connect(struct rds_sock *rs, const struct rds_name *name);
/* @peer: the connected address. Return: 0, -ENOTCONN. family 0: fresh socket. */
int rds_sock_name(struct rds_sock *rs, int peer, struct rds_name *name);
u32 rds_sock_poll(struct rds_sock *rs);
long rds_sock_sendmsg(struct rds_sock *rs, struct rds_send_args *args);
long rds_sock_recvmsg(struct rds_sock *rs, struct rds_recv_args *args);

int rds_sock_set_recverr(struct rds_sock *rs, int on);
int rds_sock_get_recverr(struct rds_sock *rs);
void rds_sock_set_monitor(struct rds_sock *rs, int on);
int rds_sock_cancel(struct rds_sock *rs, const struct rds_name *name);
int rds_sock_set_transport(struct rds_sock *rs, int type, const char *module);
int rds_sock_get_transport(struct rds_sock *rs);
int rds_sock_check_transport(struct rds_sock *rs); /* -EOPNOTSUPP when one is attached */
/* RDS_GET_MR; with @dest RDS_GET_MR_FOR_DEST. Return: as rdma.md 4.2. */
int rds_sock_get_mr(struct rds_sock *rs, const struct rds_get_mr_args *args,
		    const struct rds_name *dest);
int rds_sock_free_mr(struct rds_sock *rs, const struct rds_free_mr_args *args); /* 0, -EINVAL */
/* SO_RDS_MSG_RXPATH_LATENCY. Return: 0, -EFAULT (socket.md 12.1). */
int rds_sock_set_latency(struct rds_sock *rs, const struct rds_rx_trace_so *want);
/* SIOCRDSSETTOS, SIOCRDSGETTOS. Return: 0; -ENOTTY: no transport or none with TOS; -EINVAL. */
int rds_sock_set_tos(struct rds_sock *rs, u8 tos);
u8 rds_sock_get_tos(struct rds_sock *rs);

/* Per namespace; the seam keeps the pointer. */
struct rds_net *rds_net_create(struct net *net);
void rds_net_destroy(struct rds_net *rn);

/**
 * rds_info_snapshot - collect all records of @optname that @net may see
 * @buf: null: just count. Return: record size, or -ENOPROTOOPT. *@needed: bytes in all.
 */
int rds_info_snapshot(struct net *net, int optname, u8 *buf, u64 room, u64 *needed);

RDS_EXTERN_C_END

#endif /* RDS_SOCK_CALLS_H */
