// SPDX-License-Identifier: GPL-2.0
/* Kernel side of rds_rdma: defines its tracepoints. */
#define CREATE_TRACE_POINTS
#include "trace.h"

#ifdef CONFIG_EVENT_TRACING
/* the kernel's part, then members without a hole */
#define RECORD_IS(event, bytes)                                                                    \
	static_assert(sizeof(struct trace_event_raw_##event) ==                                    \
		      sizeof(struct trace_entry) + (bytes))
RECORD_IS(rds_ib_cm, 2 * 16 + 2 * 4);
RECORD_IS(rds_ib_post, 2 * 8 + 3 * 4 + 4 * 1);
RECORD_IS(rds_ib_complete, 8 + 4 * 4);
#endif
