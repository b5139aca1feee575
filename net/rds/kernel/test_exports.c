// SPDX-License-Identifier: GPL-2.0
/*
 * Core internals, and calls of the seam that no transport makes, for the KUnit suites: in a symbol
 * namespace of their own and only where the kernel has KUnit. Declared here as bare names: the
 * types of most are C++, in rds.h.
 */
#include <linux/export.h>

#if IS_ENABLED(CONFIG_KUNIT)

#define EXPORT_TEST(sym)                                                                           \
	extern char sym[];                                                                         \
	EXPORT_SYMBOL_NS_GPL(sym, RDS_TEST)

EXPORT_TEST(kernel_ms_to_ticks);
EXPORT_TEST(kernel_rcu_barrier);
EXPORT_TEST(kernel_sock_hold);
EXPORT_TEST(kernel_work_flush);
EXPORT_TEST(rds_cong_clear_port);
EXPORT_TEST(rds_cong_set_port);
EXPORT_TEST(rds_info_snapshot);
EXPORT_TEST(rds_lane_choose);
EXPORT_TEST(rds_lane_get);
EXPORT_TEST(rds_message_alloc);
EXPORT_TEST(rds_message_queue);
EXPORT_TEST(rds_net_of);
EXPORT_TEST(rds_notify_make);
EXPORT_TEST(rds_peer_destroy);
EXPORT_TEST(rds_peer_destroy_all);
EXPORT_TEST(rds_peer_each);
EXPORT_TEST(rds_peer_find_or_create);
EXPORT_TEST(rds_peer_reap);
EXPORT_TEST(rds_probe_send);
EXPORT_TEST(rds_send_start);
EXPORT_TEST(rds_send_xmit);
EXPORT_TEST(rds_sock_enqueue);
EXPORT_TEST(rds_sock_get_tos);
EXPORT_TEST(rds_sock_set_tos);
EXPORT_TEST(rds_stats);
EXPORT_TEST(rds_tracing);
EXPORT_TEST(rds_trans_get);
EXPORT_TEST(rds_trans_put);
EXPORT_TEST(rds_trans_serves);
EXPORT_TEST(rds_tunables);

#endif
