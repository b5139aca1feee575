/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telling what happens: tracepoints, and drops, which are counted, too. While nobody listens an
 * event costs one look at rds_trace_on, and no call. Context of all: A; any lock may be held.
 */
#pragma once

#include "kernel/atomic.h"
#include "trace_calls.h"

extern "C" {

/* trace.cc: somebody listens */
void rds_tell_message(rds_trace_event event, const rds_connection *conn, const rds_message *rm);
void rds_tell_received(const rds_connection *conn, const rds_header *hdr, const rds_sock *rs);
void rds_tell_cong_send(const rds_connection *conn, u16 fport, const rds_sock *rs, bool refused);

/**
 * rds_drop - a message is dropped: counts and traces; the caller then lets go of it
 * @rs: whose it was, or null
 */
void rds_drop(const rds_connection *conn, rds_drop_why why, const rds_header *hdr,
	      const rds_sock *rs);
/** rds_drop_message - the same for one that was queued on a lane */
void rds_drop_message(const rds_message *rm, rds_drop_why why);

} // extern "C"

inline bool rds_traced(rds_trace_event event)
{
	return __builtin_expect(kernel::read_once(rds_trace_on) & event, 0);
}

inline void rds_trace_state(const rds_connection *conn, int from, int to, rds_conn_why why)
{
	if (rds_traced(RDS_TRACE_CONN_STATE))
		kernel_trace_conn_state(conn, from, to, why);
}

/* Queued, sent, acknowledged. */
inline void rds_trace_message(rds_trace_event event, const rds_connection *conn,
			      const rds_message *rm)
{
	if (rds_traced(event))
		rds_tell_message(event, conn, rm);
}

/* By a socket; null: by the kernel itself. */
inline void rds_trace_received(const rds_connection *conn, const rds_header *hdr,
			       const rds_sock *rs)
{
	if (rds_traced(RDS_TRACE_MSG_RECEIVED))
		rds_tell_received(conn, hdr, rs);
}

inline void rds_trace_cong_port(const struct net *net, const in6_addr *addr, u16 port,
				bool congested)
{
	if (rds_traced(RDS_TRACE_CONG_PORT))
		kernel_trace_cong_port(net, addr, port, congested);
}

inline void rds_trace_cong_map(const rds_connection *conn, u64 freed)
{
	if (rds_traced(RDS_TRACE_CONG_MAP))
		kernel_trace_cong_map(conn, freed);
}

/* A sender finds the peer's port congested; @rs null: the kernel itself, which would answer. */
inline void rds_trace_cong_send(const rds_connection *conn, u16 fport, const rds_sock *rs,
				bool refused)
{
	if (rds_traced(RDS_TRACE_CONG_SEND))
		rds_tell_cong_send(conn, fport, rs, refused);
}
