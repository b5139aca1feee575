/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a message or a connection was dropped. Each list makes its enum here, the strings of the
 * tracepoints (net/rds/kernel/trace.h), and, for messages, the counters (net/rds/stats.h).
 * docs/tracing.md says what each means. For the core and transports, in C and C++; data only.
 */
#ifndef RDS_REASONS_H
#define RDS_REASONS_H

/* clang-format off */

/* x(reason, counter). Counters that the ABI has a place for; reasons may share one. */
#define RDS_DROPS_RECV_ABI(x) \
	x(bad_checksum, recv_drop_bad_checksum) \
	x(old_seq, recv_drop_old_seq) \
	x(no_sock, recv_drop_no_sock) \
	x(wrong_transport, recv_drop_no_sock) \
	x(ping_disabled, recv_drop_no_sock) \
	x(dead_sock, recv_drop_dead_sock)

/* x(reason, counter). Received messages; a counter for each, behind all others. */
#define RDS_DROPS_RECV(x) \
	x(over_limit, recv_drop_over_limit) \
	x(bad_pong, recv_drop_bad_pong) \
	x(ping_flood, recv_drop_ping_flood) \
	x(bad_length, recv_drop_bad_length) \
	x(bad_map, recv_drop_bad_map) \
	x(no_memory, recv_drop_no_memory) \
	x(unread, recv_drop_unread) \
	x(transport_gone, recv_drop_transport_gone)

/* x(reason, counter). Messages that were queued here and not acknowledged. */
#define RDS_DROPS_SEND(x) \
	x(cancelled, send_drop_cancelled) \
	x(closed, send_drop_closed) \
	x(conn_destroyed, send_drop_conn_destroyed) \
	x(op_not_repeated, send_drop_op_not_repeated) \
	x(op_not_possible, send_drop_op_not_possible)

#define RDS_DROPS(x) RDS_DROPS_RECV_ABI(x) RDS_DROPS_RECV(x) RDS_DROPS_SEND(x)

/* x(reason). Why a connection went; the first is for changes of state that are no drop. */
#define RDS_CONN_WHYS(x) \
	x(none) \
	x(unspecified) \
	x(transport_error) \
	x(peer_closed) \
	x(bad_header) \
	x(overrun) \
	x(no_memory) \
	x(flooded) \
	x(settings) \
	x(destroyed) \
	x(connect_failed) \
	x(too_late) \
	x(counterpart_gone) \
	x(knock_heard) \
	x(knocked) \
	x(crossed) \
	x(replaced) \
	x(silent) \
	x(restarted) \
	x(other_lane) \
	x(device_gone) \
	x(queue_error) \
	x(remote_error) \
	x(rejected)

/* clang-format on */

enum rds_drop_why {
#define x(reason, counter) RDS_DROP_##reason,
	RDS_DROPS(x)
#undef x
		RDS_DROP_NR
};

enum rds_conn_why {
#define x(reason) RDS_WHY_##reason,
	RDS_CONN_WHYS(x)
#undef x
		RDS_WHY_NR
};

#endif /* RDS_REASONS_H */
