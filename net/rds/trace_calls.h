/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the tracepoints (kernel/trace.c) and who has something to tell (trace.h, trace.cc).
 * Compiles in C and C++. Context of all: A, any lock of ours may be held.
 */
#ifndef RDS_TRACE_CALLS_H
#define RDS_TRACE_CALLS_H

#include "rds/transport.h"

/* One bit of rds_trace_on each. */
enum rds_trace_event {
	RDS_TRACE_CONN_STATE = 1 << 0,
	RDS_TRACE_MSG_QUEUED = 1 << 1,
	RDS_TRACE_MSG_SENT = 1 << 2,
	RDS_TRACE_MSG_RECEIVED = 1 << 3,
	RDS_TRACE_MSG_ACKED = 1 << 4,
	RDS_TRACE_MSG_DROPPED = 1 << 5,
	RDS_TRACE_CONG_PORT = 1 << 6,
	RDS_TRACE_CONG_MAP = 1 << 7,
	RDS_TRACE_CONG_SEND = 1 << 8,
};

RDS_EXTERN_C_BEGIN

/* Events that somebody listens to: C++ has no static keys, one look at this must do. */
extern u32 rds_trace_on;

void kernel_trace_conn_state(const struct rds_connection *conn, int from, int to,
			     enum rds_conn_why why);
/** kernel_trace_msg - one of the MSG events but DROPPED; @out: @hdr goes to the peer */
void kernel_trace_msg(enum rds_trace_event event, const struct rds_connection *conn,
		      const struct rds_header *hdr, bool out, u64 inode);
void kernel_trace_drop(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		       u64 inode, enum rds_drop_why why);
void kernel_trace_cong_port(const struct net *net, const struct in6_addr *addr, u16 port,
			    bool congested);
void kernel_trace_cong_map(const struct rds_connection *conn, u64 freed);
void kernel_trace_cong_send(const struct rds_connection *conn, u16 lport, u16 fport, u64 inode,
			    bool refused);

RDS_EXTERN_C_END

#endif /* RDS_TRACE_CALLS_H */
