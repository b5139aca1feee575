// SPDX-License-Identifier: GPL-2.0
/*
 * RDS_INFO_TCP_SOCKETS and its IPv6 twin: one record for each connection that has a socket, of the
 * asking namespace only. Called by the core.
 */
#include "tcp.h"

namespace {

static_assert(sizeof(rds_info_tcp_socket) == 41);
static_assert(sizeof(rds6_info_tcp_socket) == 64);

/* Numbers of a live stream, of slightly different moments. */
template <typename Record>
void fill_numbers(const rds_tcp_connection &tc, Record &r)
{
	r.hdr_rem = kernel::read_once(tc.stream.hdr_rem);
	r.data_rem = kernel::read_once(tc.stream.data_rem);
	r.last_sent_nxt = kernel::read_once(tc.last_sent_nxt);
	r.last_expected_una = kernel::read_once(tc.last_expected_una);
	r.last_seen_una = kernel::read_once(tc.last_seen_una);
}

void copy_v4(const rds_tcp_connection &tc, const ksock_names &names, rds_info_iterator *iter)
{
	rds_info_tcp_socket r = {};

	r.local_addr = names.laddr.in6_u.u6_addr32[3];
	r.local_port = names.lport;
	r.peer_addr = names.faddr.in6_u.u6_addr32[3];
	r.peer_port = names.fport;
	r.tos = tc.conn->c_tos;
	fill_numbers(tc, r);
	rds_info_copy(iter, &r, sizeof(r));
}

void copy_v6(const rds_tcp_connection &tc, const ksock_names &names, rds_info_iterator *iter)
{
	rds6_info_tcp_socket r = {};

	r.local_addr = names.laddr;
	r.local_port = names.lport;
	r.peer_addr = names.faddr;
	r.peer_port = names.fport;
	fill_numbers(tc, r);
	rds_info_copy(iter, &r, sizeof(r));
}

/* The net's lock keeps the sockets that are on its list. */
template <typename Copy>
void each_open(struct net *net, Copy copy)
{
	rds_tcp_net *tn = rds_tcp_net_of(net);

	if (!tn)
		return;
	kernel::guard g(tn->lock);
	tn->open.each([&](rds_tcp_connection *tc) {
		ksock_names names;
		ksock_get_names(tc->sock, &names);
		copy(*tc, names);
	});
}

extern "C" {

void list_v4(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds_info_tcp_socket);
	each_open(net, [=](const rds_tcp_connection &tc, const ksock_names &names) {
		if (!tc.conn->c_isv6)
			copy_v4(tc, names, iter);
	});
}

void list_v6(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds6_info_tcp_socket);
	each_open(net, [=](const rds_tcp_connection &tc, const ksock_names &names) {
		copy_v6(tc, names, iter);
	});
}

} // extern "C"

} // namespace

int rds_tcp_info_start(struct module *owner)
{
	int err = rds_info_register_func(RDS_INFO_TCP_SOCKETS, list_v4, owner);

	if (err)
		return err;
	err = rds_info_register_func(RDS6_INFO_TCP_SOCKETS, list_v6, owner);
	if (err)
		rds_info_deregister_func(RDS_INFO_TCP_SOCKETS, list_v4);
	return err;
}

void rds_tcp_info_stop()
{
	rds_info_deregister_func(RDS6_INFO_TCP_SOCKETS, list_v6);
	rds_info_deregister_func(RDS_INFO_TCP_SOCKETS, list_v4);
}
