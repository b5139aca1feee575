// SPDX-License-Identifier: GPL-2.0
/*
 * The table that the core calls, counters, start and stop of the module. The hooks only cast and
 * forward to the files that do the work.
 */
#include "tcp.h"

#include "kernel/layout_check.h"
#include "rds_abi.h"

namespace {

u64 *counters;
bool unloading;

constinit const char *const counter_names[RDS_TCP_COUNTERS] = {
	"tcp_data_ready_calls",	   "tcp_write_space_calls", "tcp_sndbuf_full",	"tcp_connect_raced",
	"tcp_listen_closed_stale", "tcp_recv_bad_header",   "tcp_recv_bad_map",
};

extern "C" {

int laddr_check(struct net *net, __be32 addr)
{
	return ksock_local4(net, addr) ? 0 : -EADDRNOTAVAIL;
}

/* There is one class of service; who asks for another gets it. socket.md 13.1. */
u8 tos_map(u8)
{
	return 0;
}

int laddr_check6(struct net *net, const in6_addr *addr, u32 scope_id)
{
	return ksock_local6(net, addr, scope_id) ? 0 : -EADDRNOTAVAIL;
}

int conn_alloc(rds_connection *conn, gfp_t gfp)
{
	auto *tc = kernel::make<rds_tcp_connection>(gfp, conn, rds_tcp_net_of(conn->c_net));

	if (!tc)
		return -ENOMEM;
	conn->c_transport_data = tc;
	return 0;
}

void conn_free(void *data)
{
	kernel::destroy(static_cast<rds_tcp_connection *>(data));
}

int conn_connect(rds_connection *conn)
{
	return rds_tcp_of(conn)->connect();
}

void conn_shutdown(rds_connection *conn)
{
	rds_tcp_of(conn)->shutdown();
}

void lanes_known(rds_connection *conn)
{
	rds_tcp_connection *tc = rds_tcp_of(conn);
	kernel::write_once(tc->lanes_news, true);
	tc->look_again();
}

int xmit(rds_connection *conn, rds_message *rm, unsigned int hdr_off, unsigned int sg,
	 unsigned int off)
{
	return rds_tcp_of(conn)->xmit(rm, hdr_off, sg, off);
}

void xmit_complete(rds_connection *conn)
{
	rds_tcp_of(conn)->push();
}

int recv(rds_connection *conn)
{
	return rds_tcp_of(conn)->receive();
}

unsigned int stats_info_copy(rds_info_iterator *iter, unsigned int avail)
{
	u64 values[RDS_TCP_COUNTERS];

	if (avail < RDS_TCP_COUNTERS)
		return RDS_TCP_COUNTERS;
	for (unsigned int i = 0; i < RDS_TCP_COUNTERS; i++)
		values[i] = kernel_stats_sum(counters, i);
	rds_stats_info_copy(iter, values, counter_names, RDS_TCP_COUNTERS);
	return RDS_TCP_COUNTERS;
}

} // extern "C"

} // namespace

constinit rds_transport rds_tcp_transport = {
	.t_name = "tcp",
	.t_item = {},
	.t_owner = nullptr, /* set by rds_tcp_start() */
	.t_prefer_loopback = 1,
	.t_type = RDS_TRANS_TCP,
	.laddr_check = laddr_check,
	.conn_alloc = conn_alloc,
	.conn_free = conn_free,
	.conn_connect = conn_connect,
	.conn_shutdown = conn_shutdown,
	.xmit_prepare = nullptr,
	.xmit_complete = xmit_complete,
	.xmit = xmit,
	.xmit_rdma = nullptr,
	.xmit_atomic = nullptr,
	.recv = recv,
	.inc_copy_to_user = rds_tcp_inc_copy_to_user,
	.inc_free = rds_tcp_inc_free,
	.cm_handle_connect = nullptr,
	.cm_initiate_connect = nullptr,
	.cm_connect_complete = nullptr,
	.stats_info_copy = stats_info_copy,
	.exit = nullptr,
	.get_mr = nullptr,
	.sync_mr = nullptr,
	.free_mr = nullptr,
	.flush_mrs = nullptr,
	.t_mp_capable = 1,
	.t_small_connects = 1,
	.t_zerocopy = 1,
	.t_xmit_atomic = 0,
	.t_immediate = 0,
	.laddr_check6 = laddr_check6,
	.get_tos_map = tos_map,
	.get_mr_ex = nullptr,
	.lanes_known = lanes_known,
};

void rds_tcp_count(rds_tcp_counter counter)
{
	kernel_stats_add(counters, counter, 1);
}

bool rds_tcp_ending(const rds_tcp_connection *tc)
{
	return kernel::read_once(unloading) || kernel_net_is_dying(tc->conn->c_net);
}

namespace {

int start_all(struct module *owner)
{
	int err = rds_tcp_netns_init();

	if (err)
		return err;
	rds_tcp_transport.t_owner = owner;
	err = rds_trans_register(&rds_tcp_transport);
	if (err) {
		rds_tcp_netns_exit();
		return err;
	}
	err = rds_tcp_info_start(owner);
	if (err) {
		kernel::write_once(unloading, true);
		rds_tcp_netns_exit();
		rds_trans_unregister(&rds_tcp_transport);
		return err;
	}
	rds_tcp_open_for_all();
	return 0;
}

} // namespace

/**
 * rds_tcp_start - bring the transport up
 * Context: P, module init. Return: 0, or errno with nothing left behind.
 */
extern "C" int rds_tcp_start(struct module *owner)
{
	counters = kernel_stats_alloc(RDS_TCP_COUNTERS);
	if (!counters)
		return -ENOMEM;
	int err = start_all(owner);
	if (err)
		kernel_stats_free(counters);
	return err;
}

/**
 * rds_tcp_stop - and down: entry points, then sources with their connections, then the rest
 * Context: P, module exit; no socket is bound to the transport any more.
 */
extern "C" void rds_tcp_stop(void)
{
	kernel::write_once(unloading, true);
	rds_tcp_info_stop();
	rds_tcp_netns_exit();
	rds_trans_unregister(&rds_tcp_transport);
	kernel_stats_free(counters);
}
