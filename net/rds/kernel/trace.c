// SPDX-License-Identifier: GPL-2.0
/*
 * Seam: defines the tracepoints, and keeps rds_trace_on, the bits of those that somebody listens
 * to. The rest translates calls of trace.cc. Any context.
 */
#include <linux/module.h>

#include "trace_calls.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

u32 rds_trace_on __read_mostly;
module_param_named(trace_on, rds_trace_on, uint, 0444);
MODULE_PARM_DESC(trace_on, "tracepoints with a listener, one bit each");

/* The kernel calls both with its mutex of all tracepoints held. */
#define RDS_TRACE_BIT(name, bit)                                                                   \
	int rds_trace_reg_##name(void)                                                             \
	{                                                                                          \
		WRITE_ONCE(rds_trace_on, rds_trace_on | RDS_TRACE_##bit);                          \
		return 0;                                                                          \
	}                                                                                          \
	void rds_trace_unreg_##name(void)                                                          \
	{                                                                                          \
		WRITE_ONCE(rds_trace_on, rds_trace_on & ~RDS_TRACE_##bit);                         \
	}
RDS_TRACE_EVENTS(RDS_TRACE_BIT)

#ifdef CONFIG_EVENT_TRACING
/* the kernel's part, then members without a hole */
#define RECORD_IS(event, bytes)                                                                    \
	static_assert(sizeof(struct trace_event_raw_##event) ==                                    \
		      sizeof(struct trace_entry) + (bytes))
RECORD_IS(rds_conn_state, 2 * 16 + 4 + 4 * 1 + 2 * 4);
RECORD_IS(rds_msg, 2 * 8 + 2 * 16 + 2 * 4 + 2 * 2 + 4 * 1);
RECORD_IS(rds_msg_dropped, 2 * 8 + 2 * 16 + 2 * 4 + 2 * 2 + 4 * 1);
RECORD_IS(rds_cong_port, 16 + 4 + 2 * 2);
RECORD_IS(rds_cong_map, 8 + 2 * 16 + 4 + 2 + 2 * 1);
RECORD_IS(rds_cong_send, 8 + 2 * 16 + 4 + 2 * 2 + 2 * 4);
#endif

void kernel_trace_conn_state(const struct rds_connection *conn, int from, int to,
			     enum rds_conn_why why)
{
	trace_rds_conn_state(conn, from, to, why);
}

void kernel_trace_msg(enum rds_trace_event event, const struct rds_connection *conn,
		      const struct rds_header *hdr, bool out, u64 inode)
{
	switch (event) {
	case RDS_TRACE_MSG_QUEUED:
		trace_rds_msg_queued(conn, hdr, out, inode);
		break;
	case RDS_TRACE_MSG_SENT:
		trace_rds_msg_sent(conn, hdr, out, inode);
		break;
	case RDS_TRACE_MSG_RECEIVED:
		trace_rds_msg_received(conn, hdr, out, inode);
		break;
	case RDS_TRACE_MSG_ACKED:
		trace_rds_msg_acked(conn, hdr, out, inode);
		break;
	default:
		break;
	}
}

void kernel_trace_drop(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		       u64 inode, enum rds_drop_why why)
{
	trace_rds_msg_dropped(conn, hdr, out, inode, why);
}

void kernel_trace_cong_port(const struct net *net, const struct in6_addr *addr, u16 port,
			    bool congested)
{
	trace_rds_cong_port(net, addr, port, congested);
}

void kernel_trace_cong_map(const struct rds_connection *conn, u64 freed)
{
	trace_rds_cong_map(conn, freed);
}

void kernel_trace_cong_send(const struct rds_connection *conn, u16 lport, u16 fport, u64 inode,
			    bool refused)
{
	trace_rds_cong_send(conn, lport, fport, inode, refused);
}
