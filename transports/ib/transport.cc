// SPDX-License-Identifier: GPL-2.0
/*
 * The table that the core calls, counters, start and stop of the module. The hooks only cast and
 * forward to the files that do the work.
 */
#include "ib.h"

#include "kernel/layout_check.h"
#include "rds_abi.h"

namespace {

u64 *counters;

constinit const char *const counter_names[RDS_IB_COUNTERS] = {
	"ib_connect_raced",
	"ib_listen_closed_stale",
	"ib_evt_handler_call",
	"ib_tasklet_call",
	"ib_tx_cq_event",
	"ib_tx_ring_full",
	"ib_tx_throttle",
	"ib_tx_sg_mapping_failure",
	"ib_tx_stalled",
	"ib_tx_credit_updates",
	"ib_rx_cq_event",
	"ib_rx_ring_empty",
	"ib_rx_refill_from_cq",
	"ib_rx_refill_from_thread",
	"ib_rx_alloc_limit",
	"ib_rx_total_frags",
	"ib_rx_total_incs",
	"ib_rx_credit_updates",
	"ib_ack_sent",
	"ib_ack_send_failure",
	"ib_ack_send_delayed",
	"ib_ack_send_piggybacked",
	"ib_ack_received",
	"ib_rdma_mr_8k_alloc",
	"ib_rdma_mr_8k_free",
	"ib_rdma_mr_8k_used",
	"ib_rdma_mr_8k_pool_flush",
	"ib_rdma_mr_8k_pool_wait",
	"ib_rdma_mr_8k_pool_depleted",
	"ib_rdma_mr_1m_alloc",
	"ib_rdma_mr_1m_free",
	"ib_rdma_mr_1m_used",
	"ib_rdma_mr_1m_pool_flush",
	"ib_rdma_mr_1m_pool_wait",
	"ib_rdma_mr_1m_pool_depleted",
	"ib_rdma_mr_8k_reused",
	"ib_rdma_mr_1m_reused",
	"ib_atomic_cswp",
	"ib_atomic_fadd",
};

/* Built by rds_ib_start(), as they hold locks. */
alignas(rds_ib_conn_list) unsigned char conns_room[sizeof(rds_ib_conn_list)];
alignas(rds_ib_device_list) unsigned char devices_room[sizeof(rds_ib_device_list)];

/* The errno of a device that serves the address; the reference is given back. */
int check_address(struct net *net, const in6_addr &addr, u32 scope_id)
{
	if (!rv_net_is_initial(net))
		return -EPROTOTYPE;
	rv_device *dev = rv_local_device(&addr, scope_id);
	if (int err = kernel::pointer_error(dev))
		return err;
	rv_device_put(dev);
	return 0;
}

extern "C" {

int laddr_check(struct net *net, __be32 addr)
{
	in6_addr mapped{};
	mapped.in6_u.u6_addr8[10] = mapped.in6_u.u6_addr8[11] = 0xff;
	mapped.in6_u.u6_addr32[3] = addr;
	return check_address(net, mapped, 0);
}

int laddr_check6(struct net *net, const in6_addr *addr, u32 scope_id)
{
	return check_address(net, *addr, scope_id);
}

u8 tos_map(u8 tos)
{
	return tos;
}

int conn_alloc(rds_connection *conn, gfp_t gfp)
{
	auto *ic = kernel::make<rds_ib_connection>(gfp, conn);

	if (!ic)
		return -ENOMEM;
	conn->c_transport_data = ic;
	return 0;
}

void conn_free(void *data)
{
	auto *ic = static_cast<rds_ib_connection *>(data);
	ic->unlist();
	ic->put();
}

int conn_connect(rds_connection *conn)
{
	return rds_ib_of(conn)->connect();
}

void conn_shutdown(rds_connection *conn)
{
	rds_ib_of(conn)->shutdown();
}

int xmit(rds_connection *conn, rds_message *rm, unsigned int hdr_off, unsigned int sg,
	 unsigned int off)
{
	return rds_ib_of(conn)->link->xmit(rm, hdr_off, sg, off);
}

void xmit_complete(rds_connection *conn)
{
	rds_ib_of(conn)->link->send_ack();
}

int xmit_rdma(rds_connection *conn, rm_rdma_op *op)
{
	return rds_ib_of(conn)->link->xmit_rdma(op);
}

int xmit_atomic(rds_connection *conn, rm_atomic_op *op)
{
	return rds_ib_of(conn)->link->xmit_atomic(op);
}

int recv(rds_connection *conn)
{
	return rds_ib_of(conn)->receive();
}

int cm_initiate_connect(rdma_cm_id *cm_id)
{
	return rds_ib_initiate_connect(cm_id);
}

void cm_connect_complete(rds_connection *conn, rdma_cm_event *event)
{
	rds_ib_of(conn)->complete(event);
}

unsigned int stats_info_copy(rds_info_iterator *iter, unsigned int avail)
{
	u64 values[RDS_IB_COUNTERS];

	if (avail < RDS_IB_COUNTERS)
		return RDS_IB_COUNTERS;
	for (unsigned int i = 0; i < RDS_IB_COUNTERS; i++)
		values[i] = kernel_stats_sum(counters, i);
	rds_stats_info_copy(iter, values, counter_names, RDS_IB_COUNTERS);
	return RDS_IB_COUNTERS;
}

int handle_connect(rdma_cm_id *id, rdma_cm_event *event)
{
	return rds_ib_handle_connect(id, event);
}

int inc_copy_to_user(rds_incoming *inc, iov_iter *to)
{
	return rds_ib_inc_copy_to_user(inc, to);
}

void inc_free(rds_incoming *inc)
{
	rds_ib_inc_free(inc);
}

void *get_mr_ex(scatterlist *sg, unsigned long nr, rds_sock *rs, u32 *key, rds_connection *conn,
		const rds_region *want)
{
	return rds_ib_get_mr(sg, nr, rs, key, conn, want);
}

void sync_mr(void *handle, int direction)
{
	rds_ib_sync_mr(handle, direction);
}

void free_mr(void *handle, int invalidate)
{
	rds_ib_free_mr(handle, invalidate);
}

void flush_mrs(void)
{
	rds_ib_flush_mrs();
}

} // extern "C"

} // namespace

constinit rds_transport rds_ib_transport = {
	.t_name = "infiniband",
	.t_item = {},
	.t_owner = nullptr, /* set by rds_ib_start() */
	.t_prefer_loopback = 0,
	.t_type = RDS_TRANS_IB,
	.laddr_check = laddr_check,
	.conn_alloc = conn_alloc,
	.conn_free = conn_free,
	.conn_connect = conn_connect,
	.conn_shutdown = conn_shutdown,
	.xmit_prepare = nullptr,
	.xmit_complete = xmit_complete,
	.xmit = xmit,
	.xmit_rdma = xmit_rdma,
	.xmit_atomic = xmit_atomic,
	.recv = recv,
	.inc_copy_to_user = inc_copy_to_user,
	.inc_free = inc_free,
	.cm_handle_connect = handle_connect,
	.cm_initiate_connect = cm_initiate_connect,
	.cm_connect_complete = cm_connect_complete,
	.stats_info_copy = stats_info_copy,
	.exit = nullptr,
	.get_mr = nullptr,
	.sync_mr = sync_mr,
	.free_mr = free_mr,
	.flush_mrs = flush_mrs,
	.t_mp_capable = 0,
	.t_small_connects = 0,
	.t_zerocopy = 0,
	.t_xmit_atomic = 1,
	.t_immediate = 0,
	.laddr_check6 = laddr_check6,
	.get_tos_map = tos_map,
	.get_mr_ex = get_mr_ex,
	.lanes_known = nullptr,
};

void rds_ib_count(rds_ib_counter counter, u64 n)
{
	kernel_stats_add(counters, counter, n);
}

rds_ib_conn_list &rds_ib_conns()
{
	return *reinterpret_cast<rds_ib_conn_list *>(conns_room);
}

rds_ib_device_list &rds_ib_devices()
{
	return *reinterpret_cast<rds_ib_device_list *>(devices_room);
}

namespace {

/* Without a listener nobody reaches us; IPv6 may be off. */
int start_listening()
{
	int err = rv_listen(false);
	if (err)
		return err;
	if (rv_listen(true))
		kernel_log_info("RDS/IB: IPv4 only");
	if (rds_ib_devices().all.empty())
		kernel_log_info("RDS/IB: no device yet");
	return 0;
}

int start_serving(struct module *owner)
{
	rds_ib_transport.t_owner = owner;
	int err = rds_trans_register(&rds_ib_transport);
	if (err)
		return err;
	err = rds_ib_info_start(owner);
	if (!err) {
		err = start_listening();
		if (!err)
			return 0;
		rds_ib_info_stop();
	}
	rv_unlisten();
	rds_trans_unregister(&rds_ib_transport);
	return err;
}

} // namespace

/**
 * rds_ib_start - bring the transport up
 * Context: P, module init. Return: 0, or errno with nothing left behind.
 */
extern "C" int rds_ib_start(struct module *owner)
{
	new (conns_room) rds_ib_conn_list;
	new (devices_room) rds_ib_device_list;
	counters = kernel_stats_alloc(RDS_IB_COUNTERS);
	if (!counters)
		return -ENOMEM;
	int err = rv_start();
	if (!err) {
		err = start_serving(owner);
		if (err)
			rv_stop();
	}
	if (err)
		kernel_stats_free(counters);
	return err;
}

/**
 * rds_ib_stop - and down: entry points, connections, devices
 * Context: P, module exit; no socket is bound to the transport any more.
 */
extern "C" void rds_ib_stop(void)
{
	rv_unlisten();
	rds_ib_info_stop();
	rds_trans_unregister(&rds_ib_transport);
	rv_stop();
	kernel_stats_free(counters);
}
