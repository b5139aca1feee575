/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must lie at the same place for C and for C++: the structs of include/rds/transport.h and
 * the twins of include/rds/types.h, one line for each member. Bit-fields have no offset; their
 * neighbours tell. layout.c makes C's numbers of this list, layout_check.h compares C++'s.
 */
#ifndef RDS_LAYOUT_MEMBERS_H
#define RDS_LAYOUT_MEMBERS_H

/* clang-format off */
#define RDS_LAYOUT_STRUCTS(SIZE) \
	SIZE(list_head) \
	SIZE(bio_vec) \
	SIZE(rds_connection) \
	SIZE(rds_incoming) \
	SIZE(rm_rdma_op) \
	SIZE(rm_atomic_op) \
	SIZE(rds_message) \
	SIZE(rds_transport) \
	SIZE(rds_info_iterator)

#define RDS_LAYOUT_MEMBERS(OFFSET) \
	OFFSET(list_head, next) \
	OFFSET(list_head, prev) \
	OFFSET(bio_vec, bv_page) \
	OFFSET(bio_vec, bv_len) \
	OFFSET(bio_vec, bv_offset) \
	OFFSET(rds_connection, c_laddr) \
	OFFSET(rds_connection, c_faddr) \
	OFFSET(rds_connection, c_trans) \
	OFFSET(rds_connection, c_transport_data) \
	OFFSET(rds_connection, c_net) \
	OFFSET(rds_connection, c_peer) \
	OFFSET(rds_connection, c_if_index) \
	OFFSET(rds_connection, c_tos) \
	OFFSET(rds_connection, c_index) \
	OFFSET(rds_connection, c_isv6) \
	OFFSET(rds_connection, c_larger) \
	OFFSET(rds_connection, c_trans_type) \
	OFFSET(rds_incoming, i_item) \
	OFFSET(rds_incoming, i_refs) \
	OFFSET(rds_incoming, i_len) \
	OFFSET(rds_incoming, i_memory) \
	OFFSET(rds_incoming, i_conn) \
	OFFSET(rds_incoming, i_saddr) \
	OFFSET(rds_incoming, i_hdr) \
	OFFSET(rds_incoming, i_rx_ns) \
	OFFSET(rds_incoming, i_stamps) \
	OFFSET(rm_rdma_op, op_remote_addr) \
	OFFSET(rm_rdma_op, op_bytes) \
	OFFSET(rm_rdma_op, op_token) \
	OFFSET(rm_rdma_op, op_sg) \
	OFFSET(rm_rdma_op, op_region) \
	OFFSET(rm_rdma_op, op_local_addr) \
	OFFSET(rm_rdma_op, op_notifier) \
	OFFSET(rm_rdma_op, op_rkey) \
	OFFSET(rm_rdma_op, op_nents) \
	OFFSET(rm_rdma_op, op_active) \
	OFFSET(rm_rdma_op, op_write) \
	OFFSET(rm_rdma_op, op_fence) \
	OFFSET(rm_rdma_op, op_notify) \
	OFFSET(rm_rdma_op, op_recverr) \
	OFFSET(rm_rdma_op, op_silent) \
	OFFSET(rm_rdma_op, op_mapped) \
	OFFSET(rm_rdma_op, op_done) \
	OFFSET(rm_atomic_op, op_remote_addr) \
	OFFSET(rm_atomic_op, op_compare_add) \
	OFFSET(rm_atomic_op, op_swap) \
	OFFSET(rm_atomic_op, op_compare_mask) \
	OFFSET(rm_atomic_op, op_swap_mask) \
	OFFSET(rm_atomic_op, op_token) \
	OFFSET(rm_atomic_op, op_sg) \
	OFFSET(rm_atomic_op, op_notifier) \
	OFFSET(rm_atomic_op, op_rkey) \
	OFFSET(rm_atomic_op, op_kind) \
	OFFSET(rm_atomic_op, op_active) \
	OFFSET(rm_atomic_op, op_masked) \
	OFFSET(rm_atomic_op, op_notify) \
	OFFSET(rm_atomic_op, op_recverr) \
	OFFSET(rm_atomic_op, op_silent) \
	OFFSET(rm_atomic_op, op_mapped) \
	OFFSET(rm_atomic_op, op_done) \
	OFFSET(rds_message, m_inc) \
	OFFSET(rds_message, m_sock_item) \
	OFFSET(rds_message, m_conn_item) \
	OFFSET(rds_message, m_rs) \
	OFFSET(rds_message, m_conn) \
	OFFSET(rds_message, m_pieces) \
	OFFSET(rds_message, m_refs) \
	OFFSET(rds_message, m_nr_pieces) \
	OFFSET(rds_message, m_len) \
	OFFSET(rds_message, m_flags) \
	OFFSET(rds_message, m_on_sock) \
	OFFSET(rds_message, m_on_conn) \
	OFFSET(rds_message, m_retransmitted) \
	OFFSET(rds_message, m_ack_required) \
	OFFSET(rds_message, m_has_ack_seq) \
	OFFSET(rds_message, m_own) \
	OFFSET(rds_message, m_linear) \
	OFFSET(rds_message, m_more) \
	OFFSET(rds_message, m_spread) \
	OFFSET(rds_message, m_ack_seq) \
	OFFSET(rds_message, m_linear_data) \
	OFFSET(rds_message, m_zcopy) \
	OFFSET(rds_message, m_mr) \
	OFFSET(rds_message, m_rdma) \
	OFFSET(rds_message, m_atomic) \
	OFFSET(rds_transport, t_name) \
	OFFSET(rds_transport, t_item) \
	OFFSET(rds_transport, t_owner) \
	OFFSET(rds_transport, t_type) \
	OFFSET(rds_transport, laddr_check) \
	OFFSET(rds_transport, conn_alloc) \
	OFFSET(rds_transport, conn_free) \
	OFFSET(rds_transport, conn_connect) \
	OFFSET(rds_transport, conn_shutdown) \
	OFFSET(rds_transport, xmit_prepare) \
	OFFSET(rds_transport, xmit_complete) \
	OFFSET(rds_transport, xmit) \
	OFFSET(rds_transport, xmit_rdma) \
	OFFSET(rds_transport, xmit_atomic) \
	OFFSET(rds_transport, recv) \
	OFFSET(rds_transport, inc_copy_to_user) \
	OFFSET(rds_transport, inc_free) \
	OFFSET(rds_transport, cm_handle_connect) \
	OFFSET(rds_transport, cm_initiate_connect) \
	OFFSET(rds_transport, cm_connect_complete) \
	OFFSET(rds_transport, stats_info_copy) \
	OFFSET(rds_transport, exit) \
	OFFSET(rds_transport, get_mr) \
	OFFSET(rds_transport, sync_mr) \
	OFFSET(rds_transport, free_mr) \
	OFFSET(rds_transport, flush_mrs) \
	OFFSET(rds_transport, laddr_check6) \
	OFFSET(rds_transport, get_tos_map) \
	OFFSET(rds_transport, get_mr_ex) \
	OFFSET(rds_transport, lanes_known) \
	OFFSET(rds_info_iterator, buf) \
	OFFSET(rds_info_iterator, room) \
	OFFSET(rds_info_iterator, used)
/* clang-format on */

#endif /* RDS_LAYOUT_MEMBERS_H */
