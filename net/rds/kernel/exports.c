// SPDX-License-Identifier: GPL-2.0
/*
 * What transports may use, in a symbol namespace of ours: nobody binds by accident. The interface
 * of include/rds/transport.h; and of the seam, what the classes of include/kernel/ and the C++
 * transports here call.
 */
#include <linux/export.h>

#include "kernel/seam.h"
#include "rds/transport.h"

#define EXPORT_RDS(sym) EXPORT_SYMBOL_NS_GPL(sym, RDS)

EXPORT_RDS(__rds_trans_register);
EXPORT_RDS(kernel_alloc);
EXPORT_RDS(kernel_alloc_takes);
EXPORT_RDS(kernel_big_free);
EXPORT_RDS(kernel_big_zalloc);
EXPORT_RDS(kernel_cond_resched);
EXPORT_RDS(kernel_free);
EXPORT_RDS(kernel_linear_to_iter);
EXPORT_RDS(kernel_list_corrupted);
EXPORT_RDS(kernel_log);
EXPORT_RDS(kernel_log_info);
EXPORT_RDS(kernel_log_often);
EXPORT_RDS(kernel_message_hold);
EXPORT_RDS(kernel_message_release);
EXPORT_RDS(kernel_mutex_assert_held);
EXPORT_RDS(kernel_mutex_init);
EXPORT_RDS(kernel_mutex_lock);
EXPORT_RDS(kernel_mutex_unlock);
EXPORT_RDS(kernel_net_each);
EXPORT_RDS(kernel_net_is_dying);
EXPORT_RDS(kernel_pieces_alloc);
EXPORT_RDS(kernel_pieces_recycle);
EXPORT_RDS(kernel_pieces_to_iter);
EXPORT_RDS(kernel_random);
EXPORT_RDS(kernel_rcu_read_lock);
EXPORT_RDS(kernel_rcu_read_unlock);
EXPORT_RDS(kernel_ref_dec_and_test);
EXPORT_RDS(kernel_ref_inc);
EXPORT_RDS(kernel_ref_inc_not_zero);
EXPORT_RDS(kernel_ref_init);
EXPORT_RDS(kernel_rwsem_init);
EXPORT_RDS(kernel_rwsem_read_lock);
EXPORT_RDS(kernel_rwsem_read_unlock);
EXPORT_RDS(kernel_rwsem_write_lock);
EXPORT_RDS(kernel_rwsem_write_unlock);
EXPORT_RDS(kernel_sem_assert_held);
EXPORT_RDS(kernel_sem_down);
EXPORT_RDS(kernel_sem_init);
EXPORT_RDS(kernel_sem_try_down);
EXPORT_RDS(kernel_sem_up);
EXPORT_RDS(kernel_spin_assert_held);
EXPORT_RDS(kernel_spin_init);
EXPORT_RDS(kernel_spin_lock);
EXPORT_RDS(kernel_spin_unlock);
EXPORT_RDS(kernel_stats_add);
EXPORT_RDS(kernel_stats_alloc);
EXPORT_RDS(kernel_stats_free);
EXPORT_RDS(kernel_stats_sum);
EXPORT_RDS(kernel_ticks);
EXPORT_RDS(kernel_work_cancel);
EXPORT_RDS(kernel_work_init);
EXPORT_RDS(kernel_work_queue);
EXPORT_RDS(kernel_work_requeue);
EXPORT_RDS(kernel_zalloc);
EXPORT_RDS(rds_atomic_send_complete);
EXPORT_RDS(rds_atomic_unmapped);
EXPORT_RDS(rds_cong_recv_map);
EXPORT_RDS(rds_conn_accept);
EXPORT_RDS(rds_conn_alive);
EXPORT_RDS(rds_conn_claim);
EXPORT_RDS(rds_conn_connect_if_down);
EXPORT_RDS(rds_conn_connect_now);
EXPORT_RDS(rds_conn_destroy_net);
EXPORT_RDS(rds_conn_drop);
EXPORT_RDS(rds_conn_drop_net);
EXPORT_RDS(rds_conn_drop_why);
EXPORT_RDS(rds_conn_generation);
EXPORT_RDS(rds_conn_get);
EXPORT_RDS(rds_conn_lane);
EXPORT_RDS(rds_conn_lane_in_use);
EXPORT_RDS(rds_conn_lanes);
EXPORT_RDS(rds_conn_lanes_named);
EXPORT_RDS(rds_conn_lanes_offered);
EXPORT_RDS(rds_conn_peer_generation);
EXPORT_RDS(rds_conn_put);
EXPORT_RDS(rds_conn_reads_marks);
EXPORT_RDS(rds_conn_reverse);
EXPORT_RDS(rds_conn_state);
EXPORT_RDS(rds_connect_complete);
EXPORT_RDS(rds_inc_addref);
EXPORT_RDS(rds_inc_init);
EXPORT_RDS(rds_inc_put);
EXPORT_RDS(rds_info_copy);
EXPORT_RDS(rds_info_deregister_func);
EXPORT_RDS(rds_info_register_func);
EXPORT_RDS(rds_message_addref);
EXPORT_RDS(rds_message_inc_copy_to_user);
EXPORT_RDS(rds_message_inc_free);
EXPORT_RDS(rds_message_put);
EXPORT_RDS(rds_message_unmapped);
EXPORT_RDS(rds_rdma_send_complete);
EXPORT_RDS(rds_rdma_unmapped);
EXPORT_RDS(rds_recv_drop);
EXPORT_RDS(rds_recv_incoming);
EXPORT_RDS(rds_recv_kick);
EXPORT_RDS(rds_recv_other_lane);
EXPORT_RDS(rds_rx_clock);
EXPORT_RDS(rds_send_drop_acked);
EXPORT_RDS(rds_send_kick);
EXPORT_RDS(rds_sg_unpin);
EXPORT_RDS(rds_stats_info_copy);
EXPORT_RDS(rds_trans_unregister);
