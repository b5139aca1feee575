/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seam: the tracepoints, as the kernel's macros want them; docs/tracing.md describes the records.
 * The members are in such an order that there is no hole, which would show old memory: trace.c
 * asserts it. No pointers in records.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rds

#if !defined(RDS_KERNEL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RDS_KERNEL_TRACE_H

#include <linux/tracepoint.h>
#include <net/net_namespace.h>

#include "trace_calls.h"

/* clang-format off */

#ifndef RDS_TRACE_ONCE
#define RDS_TRACE_ONCE

/* each event's bit of rds_trace_on, set while the tracepoint has a listener */
#define RDS_TRACE_EVENTS(x)                                                                        \
	x(conn_state, CONN_STATE)                                                                  \
	x(msg_queued, MSG_QUEUED)                                                                  \
	x(msg_sent, MSG_SENT)                                                                      \
	x(msg_received, MSG_RECEIVED)                                                              \
	x(msg_acked, MSG_ACKED)                                                                    \
	x(msg_dropped, MSG_DROPPED)                                                                \
	x(cong_port, CONG_PORT)                                                                    \
	x(cong_map, CONG_MAP)                                                                      \
	x(cong_send, CONG_SEND)

#define RDS_TRACE_DECLARE(name, bit)                                                               \
	int rds_trace_reg_##name(void);                                                            \
	void rds_trace_unreg_##name(void);
RDS_TRACE_EVENTS(RDS_TRACE_DECLARE)

#define RDS_SHOW_DROP(reason, counter) { RDS_DROP_##reason, #reason },
#define RDS_SHOW_WHY(reason) { RDS_WHY_##reason, #reason },
#define RDS_SHOW_STATES                                                                            \
	{ RDS_CONN_DOWN, "DOWN" }, { RDS_CONN_CONNECTING, "CONNECTING" },                          \
	{ RDS_CONN_DISCONNECTING, "DISCONNECTING" }, { RDS_CONN_UP, "UP" },                        \
	{ RDS_CONN_ERROR, "ERROR" }
#define RDS_SHOW_TRANSPORTS                                                                        \
	{ RDS_TRANS_IB, "ib" }, { RDS_TRANS_TCP, "tcp" }, { RDS_TRANS_LOOP, "loopback" }
#define RDS_SHOW_FLAGS                                                                             \
	{ RDS_FLAG_CONG_BITMAP, "map" }, { RDS_FLAG_ACK_REQUIRED, "ack" },                         \
	{ RDS_FLAG_RETRANSMITTED, "again" }

#endif /* RDS_TRACE_ONCE */

/* user space does not know our enums */
#define RDS_NUMBER_DROP(reason, counter) TRACE_DEFINE_ENUM(RDS_DROP_##reason);
#define RDS_NUMBER_WHY(reason) TRACE_DEFINE_ENUM(RDS_WHY_##reason);
RDS_DROPS(RDS_NUMBER_DROP)
RDS_CONN_WHYS(RDS_NUMBER_WHY)
TRACE_DEFINE_ENUM(RDS_DROP_NR);
TRACE_DEFINE_ENUM(RDS_WHY_NR);
TRACE_DEFINE_ENUM(RDS_CONN_DOWN);
TRACE_DEFINE_ENUM(RDS_CONN_CONNECTING);
TRACE_DEFINE_ENUM(RDS_CONN_DISCONNECTING);
TRACE_DEFINE_ENUM(RDS_CONN_UP);
TRACE_DEFINE_ENUM(RDS_CONN_ERROR);

TRACE_EVENT_FN(rds_conn_state,

	TP_PROTO(const struct rds_connection *conn, int from, int to, enum rds_conn_why why),
	TP_ARGS(conn, from, to, why),

	TP_STRUCT__entry(
		__array(u8, local, 16)
		__array(u8, remote, 16)
		__field(u32, netns)
		__field(u8, lane)
		__field(u8, tos)
		__field(u8, transport)
		__field(u8, from)
		__field(u32, to)
		__field(u32, why)
	),

	TP_fast_assign(
		memcpy(__entry->local, &conn->c_laddr, 16);
		memcpy(__entry->remote, &conn->c_faddr, 16);
		__entry->netns = conn->c_net->ns.inum;
		__entry->lane = conn->c_index;
		__entry->tos = conn->c_tos;
		__entry->transport = conn->c_trans_type;
		__entry->from = from;
		__entry->to = to;
		__entry->why = why;
	),

	TP_printk("netns=%u local=%pI6c remote=%pI6c lane=%u tos=%u transport=%s from=%s to=%s why=%s",
		__entry->netns, __entry->local, __entry->remote, __entry->lane, __entry->tos,
		__print_symbolic(__entry->transport, RDS_SHOW_TRANSPORTS),
		__print_symbolic(__entry->from, RDS_SHOW_STATES),
		__print_symbolic(__entry->to, RDS_SHOW_STATES),
		__print_symbolic(__entry->why, RDS_CONN_WHYS(RDS_SHOW_WHY) { RDS_WHY_NR, "?" })),

	rds_trace_reg_conn_state, rds_trace_unreg_conn_state
);

DECLARE_EVENT_CLASS(rds_msg,

	TP_PROTO(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		u64 inode),
	TP_ARGS(conn, hdr, out, inode),

	TP_STRUCT__entry(
		__field(u64, seq)
		__field(u64, inode)
		__array(u8, local, 16)
		__array(u8, remote, 16)
		__field(u32, netns)
		__field(u32, len)
		__field(u16, lport)
		__field(u16, rport)
		__field(u8, lane)
		__field(u8, tos)
		__field(u8, transport)
		__field(u8, flags)
	),

	TP_fast_assign(
		__entry->seq = be64_to_cpu(hdr->h_sequence);
		__entry->inode = inode;
		memcpy(__entry->local, &conn->c_laddr, 16);
		memcpy(__entry->remote, &conn->c_faddr, 16);
		__entry->netns = conn->c_net->ns.inum;
		__entry->len = be32_to_cpu(hdr->h_len);
		__entry->lport = be16_to_cpu(out ? hdr->h_sport : hdr->h_dport);
		__entry->rport = be16_to_cpu(out ? hdr->h_dport : hdr->h_sport);
		__entry->lane = conn->c_index;
		__entry->tos = conn->c_tos;
		__entry->transport = conn->c_trans_type;
		__entry->flags = hdr->h_flags;
	),

	TP_printk("netns=%u local=%pI6c lport=%u remote=%pI6c rport=%u lane=%u tos=%u transport=%s seq=%llu len=%u inode=%llu flags=%s",
		__entry->netns, __entry->local, __entry->lport, __entry->remote, __entry->rport,
		__entry->lane, __entry->tos,
		__print_symbolic(__entry->transport, RDS_SHOW_TRANSPORTS),
		__entry->seq, __entry->len, __entry->inode,
		__print_flags(__entry->flags, "|", RDS_SHOW_FLAGS))
);

DEFINE_EVENT_FN(rds_msg, rds_msg_queued,
	TP_PROTO(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		u64 inode),
	TP_ARGS(conn, hdr, out, inode),
	rds_trace_reg_msg_queued, rds_trace_unreg_msg_queued
);

DEFINE_EVENT_FN(rds_msg, rds_msg_sent,
	TP_PROTO(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		u64 inode),
	TP_ARGS(conn, hdr, out, inode),
	rds_trace_reg_msg_sent, rds_trace_unreg_msg_sent
);

DEFINE_EVENT_FN(rds_msg, rds_msg_received,
	TP_PROTO(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		u64 inode),
	TP_ARGS(conn, hdr, out, inode),
	rds_trace_reg_msg_received, rds_trace_unreg_msg_received
);

DEFINE_EVENT_FN(rds_msg, rds_msg_acked,
	TP_PROTO(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		u64 inode),
	TP_ARGS(conn, hdr, out, inode),
	rds_trace_reg_msg_acked, rds_trace_unreg_msg_acked
);

TRACE_EVENT_FN(rds_msg_dropped,

	TP_PROTO(const struct rds_connection *conn, const struct rds_header *hdr, bool out,
		u64 inode, enum rds_drop_why why),
	TP_ARGS(conn, hdr, out, inode, why),

	TP_STRUCT__entry(
		__field(u64, seq)
		__field(u64, inode)
		__array(u8, local, 16)
		__array(u8, remote, 16)
		__field(u32, netns)
		__field(u32, len)
		__field(u16, lport)
		__field(u16, rport)
		__field(u8, lane)
		__field(u8, tos)
		__field(u8, transport)
		__field(u8, why)
	),

	TP_fast_assign(
		__entry->seq = be64_to_cpu(hdr->h_sequence);
		__entry->inode = inode;
		memcpy(__entry->local, &conn->c_laddr, 16);
		memcpy(__entry->remote, &conn->c_faddr, 16);
		__entry->netns = conn->c_net->ns.inum;
		__entry->len = be32_to_cpu(hdr->h_len);
		__entry->lport = be16_to_cpu(out ? hdr->h_sport : hdr->h_dport);
		__entry->rport = be16_to_cpu(out ? hdr->h_dport : hdr->h_sport);
		__entry->lane = conn->c_index;
		__entry->tos = conn->c_tos;
		__entry->transport = conn->c_trans_type;
		__entry->why = why;
	),

	TP_printk("netns=%u local=%pI6c lport=%u remote=%pI6c rport=%u lane=%u tos=%u transport=%s seq=%llu len=%u inode=%llu why=%s",
		__entry->netns, __entry->local, __entry->lport, __entry->remote, __entry->rport,
		__entry->lane, __entry->tos,
		__print_symbolic(__entry->transport, RDS_SHOW_TRANSPORTS),
		__entry->seq, __entry->len, __entry->inode,
		__print_symbolic(__entry->why, RDS_DROPS(RDS_SHOW_DROP) { RDS_DROP_NR, "?" })),

	rds_trace_reg_msg_dropped, rds_trace_unreg_msg_dropped
);

TRACE_EVENT_FN(rds_cong_port,

	TP_PROTO(const struct net *net, const struct in6_addr *addr, u16 port, bool congested),
	TP_ARGS(net, addr, port, congested),

	TP_STRUCT__entry(
		__array(u8, local, 16)
		__field(u32, netns)
		__field(u16, lport)
		__field(u16, congested)
	),

	TP_fast_assign(
		memcpy(__entry->local, addr, 16);
		__entry->netns = net->ns.inum;
		__entry->lport = port;
		__entry->congested = congested;
	),

	TP_printk("netns=%u local=%pI6c lport=%u congested=%u",
		__entry->netns, __entry->local, __entry->lport, __entry->congested),

	rds_trace_reg_cong_port, rds_trace_unreg_cong_port
);

TRACE_EVENT_FN(rds_cong_map,

	TP_PROTO(const struct rds_connection *conn, u64 freed),
	TP_ARGS(conn, freed),

	TP_STRUCT__entry(
		__field(u64, freed)
		__array(u8, local, 16)
		__array(u8, remote, 16)
		__field(u32, netns)
		__field(u16, lane)
		__field(u8, tos)
		__field(u8, transport)
	),

	TP_fast_assign(
		__entry->freed = freed;
		memcpy(__entry->local, &conn->c_laddr, 16);
		memcpy(__entry->remote, &conn->c_faddr, 16);
		__entry->netns = conn->c_net->ns.inum;
		__entry->lane = conn->c_index;
		__entry->tos = conn->c_tos;
		__entry->transport = conn->c_trans_type;
	),

	TP_printk("netns=%u local=%pI6c remote=%pI6c lane=%u tos=%u transport=%s freed=0x%llx",
		__entry->netns, __entry->local, __entry->remote, __entry->lane, __entry->tos,
		__print_symbolic(__entry->transport, RDS_SHOW_TRANSPORTS), __entry->freed),

	rds_trace_reg_cong_map, rds_trace_unreg_cong_map
);

TRACE_EVENT_FN(rds_cong_send,

	TP_PROTO(const struct rds_connection *conn, u16 lport, u16 rport, u64 inode, bool refused),
	TP_ARGS(conn, lport, rport, inode, refused),

	TP_STRUCT__entry(
		__field(u64, inode)
		__array(u8, local, 16)
		__array(u8, remote, 16)
		__field(u32, netns)
		__field(u16, lport)
		__field(u16, rport)
		__field(u32, tos)
		__field(u32, refused)
	),

	TP_fast_assign(
		__entry->inode = inode;
		memcpy(__entry->local, &conn->c_laddr, 16);
		memcpy(__entry->remote, &conn->c_faddr, 16);
		__entry->netns = conn->c_net->ns.inum;
		__entry->lport = lport;
		__entry->rport = rport;
		__entry->tos = conn->c_tos;
		__entry->refused = refused;
	),

	TP_printk("netns=%u local=%pI6c lport=%u remote=%pI6c rport=%u tos=%u inode=%llu refused=%u",
		__entry->netns, __entry->local, __entry->lport, __entry->remote, __entry->rport,
		__entry->tos, __entry->inode, __entry->refused),

	rds_trace_reg_cong_send, rds_trace_unreg_cong_send
);

#endif /* RDS_KERNEL_TRACE_H */

/* found from include/, which every unit has on its path */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../net/rds/kernel
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
