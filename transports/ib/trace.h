/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seam: tracepoints of rds_rdma, as the kernel's macros want them: what the connection manager and
 * the queue pairs do. docs/tracing.md describes the records. No holes, and no pointers in them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rds_ib

#if !defined(RDS_IB_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RDS_IB_TRACE_H

#include <linux/tracepoint.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "verbs.h"

/* clang-format off */

#define RDS_IB_SHOW_OP                                                                             \
	{ RV_SEND, "send" }, { RV_WRITE, "write" }, { RV_READ, "read" }, { RV_CSWP, "cswp" },      \
	{ RV_FADD, "fadd" }, { RV_MASKED_CSWP, "masked_cswp" }, { RV_MASKED_FADD, "masked_fadd" }

TRACE_EVENT(rds_ib_cm,

	TP_PROTO(const struct rv_route *route, const struct rdma_cm_event *event),
	TP_ARGS(route, event),

	TP_STRUCT__entry(
		__array(u8, local, 16)
		__array(u8, remote, 16)
		__field(u32, event)
		__field(s32, status)
	),

	TP_fast_assign(
		memcpy(__entry->local, &route->laddr, 16);
		memcpy(__entry->remote, &route->faddr, 16);
		__entry->event = event->event;
		__entry->status = event->status;
	),

	TP_printk("local=%pI6c remote=%pI6c event=%u status=%d",
		__entry->local, __entry->remote, __entry->event, __entry->status)
);

TRACE_EVENT(rds_ib_post,

	TP_PROTO(u32 qp, const struct rv_wr *wr),
	TP_ARGS(qp, wr),

	TP_STRUCT__entry(
		__field(u64, wr)
		__field(u64, remote_addr)
		__field(u32, qp)
		__field(u32, rkey)
		__field(u32, sges)
		__field(u8, op)
		__field(u8, signaled)
		__field(u8, solicited)
		__field(u8, fence)
	),

	TP_fast_assign(
		__entry->wr = wr->id;
		__entry->remote_addr = wr->remote_addr;
		__entry->qp = qp;
		__entry->rkey = wr->rkey;
		__entry->sges = wr->nr_sge;
		__entry->op = wr->op;
		__entry->signaled = wr->signaled;
		__entry->solicited = wr->solicited;
		__entry->fence = wr->fence;
	),

	TP_printk("qp=%u wr=%lld op=%s sges=%u signaled=%u solicited=%u fence=%u rkey=%#x remote_addr=%#llx",
		__entry->qp, (long long)__entry->wr, __print_symbolic(__entry->op, RDS_IB_SHOW_OP),
		__entry->sges, __entry->signaled, __entry->solicited, __entry->fence,
		__entry->rkey, __entry->remote_addr)
);

TRACE_EVENT(rds_ib_complete,

	TP_PROTO(u32 qp, bool receive, const struct ib_wc *wc),
	TP_ARGS(qp, receive, wc),

	TP_STRUCT__entry(
		__field(u64, wr)
		__field(u32, qp)
		__field(u32, bytes)
		__field(u32, status)
		__field(u32, receive)
	),

	TP_fast_assign(
		__entry->wr = wc->wr_id;
		__entry->qp = qp;
		__entry->bytes = wc->status ? 0 : wc->byte_len;
		__entry->status = wc->status;
		__entry->receive = receive;
	),

	TP_printk("qp=%u wr=%lld receive=%u status=%u bytes=%u",
		__entry->qp, (long long)__entry->wr, __entry->receive, __entry->status,
		__entry->bytes)
);

#endif /* RDS_IB_TRACE_H */

/* found from include/, which every unit has on its path */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../transports/ib
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
