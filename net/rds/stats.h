/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The core's counters. One list makes the enum and the strings; their order is ABI (info.md 5.1),
 * so new ones go to the end. Those of drops come from the list of reasons.
 */
#pragma once

#include "kernel/seam.h"
#include "rds/reasons.h"

/* clang-format off */
#define RDS_STATS(x) \
	x(conn_reset) x(recv_drop_bad_checksum) x(recv_drop_old_seq) x(recv_drop_no_sock) \
	x(recv_drop_dead_sock) x(recv_deliver_raced) x(recv_delivered) x(recv_queued) \
	x(recv_immediate_retry) x(recv_delayed_retry) x(recv_ack_required) x(recv_rdma_bytes) \
	x(recv_ping) x(send_queue_empty) x(send_queue_full) x(send_lock_contention) \
	x(send_lock_queue_raced) x(send_immediate_retry) x(send_delayed_retry) x(send_drop_acked) \
	x(send_ack_required) x(send_queued) x(send_rdma) x(send_rdma_bytes) x(send_pong) \
	x(page_remainder_hit) x(page_remainder_miss) x(copy_to_user) x(copy_from_user) \
	x(cong_update_queued) x(cong_update_received) x(cong_send_error) x(cong_send_blocked) \
	x(recv_bytes_added_to_sock) x(recv_bytes_freed_fromsock) x(send_stuck_rm) \
	/* ours: peers refused by the caps; idle peers collected; then those of drops */ \
	x(peer_refused) x(peer_reaped)
/* clang-format on */

enum rds_stat {
#define x(name) rds_s_##name,
	RDS_STATS(x)
#undef x
#define x(reason, counter) rds_s_##counter,
		RDS_DROPS_RECV(x) RDS_DROPS_SEND(x)
#undef x
			RDS_STATS_NR
};

/* Per CPU, for all namespaces; allocated by rds_stats_init(). */
extern "C" u64 *rds_stats;

inline void rds_stats_inc(rds_stat which)
{
	kernel_stats_add(rds_stats, which, 1);
}

inline void rds_stats_add(rds_stat which, u64 n)
{
	kernel_stats_add(rds_stats, which, n);
}
