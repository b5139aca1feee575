// SPDX-License-Identifier: GPL-2.0
/*
 * RDS_INFO_IB_CONNECTIONS and its IPv6 twin: one record for each connection, what it showed when it
 * came up, zeros while it is not. Called by the core. ib.md 23.
 */
#include "ib.h"

namespace {

static_assert(sizeof(rds_info_rdma_connection) == 68);
static_assert(sizeof(rds6_info_rdma_connection) == 92);

template <typename Record>
void fill_numbers(const rds_ib_connection &ic, Record &r)
{
	const rds_ib_shown &s = ic.shown;

	__builtin_memcpy(r.src_gid, s.sgid, sizeof(s.sgid));
	__builtin_memcpy(r.dst_gid, s.dgid, sizeof(s.dgid));
	r.max_send_wr = s.send_wr;
	r.max_recv_wr = s.recv_wr;
	r.max_send_sge = s.send_sge;
	r.rdma_mr_max = s.mr_max;
	r.rdma_mr_size = s.mr_size;
	r.tos = ic.conn->c_tos;
	r.sl = s.sl;
}

void copy_v4(const rds_ib_connection &ic, rds_info_iterator *iter)
{
	rds_info_rdma_connection r;

	/* there is a hole in it */
	__builtin_memset(&r, 0, sizeof(r));
	r.src_addr = ic.conn->c_laddr.in6_u.u6_addr32[3];
	r.dst_addr = ic.conn->c_faddr.in6_u.u6_addr32[3];
	fill_numbers(ic, r);
	rds_info_copy(iter, &r, sizeof(r));
}

void copy_v6(const rds_ib_connection &ic, rds_info_iterator *iter)
{
	rds6_info_rdma_connection r;

	__builtin_memset(&r, 0, sizeof(r));
	r.src_addr = ic.conn->c_laddr;
	r.dst_addr = ic.conn->c_faddr;
	fill_numbers(ic, r);
	rds_info_copy(iter, &r, sizeof(r));
}

template <typename Copy>
void each_connection(struct net *net, Copy copy)
{
	kernel::guard hold(rds_ib_conns().lock);
	rds_ib_conns().all.each([&](rds_ib_connection *ic) {
		if (ic->conn->c_net == net)
			copy(*ic);
	});
}

extern "C" {

void list_v4(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds_info_rdma_connection);
	each_connection(net, [=](const rds_ib_connection &ic) {
		if (!ic.conn->c_isv6)
			copy_v4(ic, iter);
	});
}

void list_v6(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds6_info_rdma_connection);
	each_connection(net, [=](const rds_ib_connection &ic) { copy_v6(ic, iter); });
}

} // extern "C"

} // namespace

int rds_ib_info_start(struct module *owner)
{
	int err = rds_info_register_func(RDS_INFO_IB_CONNECTIONS, list_v4, owner);

	if (err)
		return err;
	err = rds_info_register_func(RDS6_INFO_IB_CONNECTIONS, list_v6, owner);
	if (err)
		rds_info_deregister_func(RDS_INFO_IB_CONNECTIONS, list_v4);
	return err;
}

void rds_ib_info_stop()
{
	rds_info_deregister_func(RDS6_INFO_IB_CONNECTIONS, list_v6);
	rds_info_deregister_func(RDS_INFO_IB_CONNECTIONS, list_v4);
}
