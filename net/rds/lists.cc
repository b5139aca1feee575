// SPDX-License-Identifier: GPL-2.0
/*
 * What the RDS_INFO_* lists show of the core: connections, messages, sockets of the caller's
 * namespace. Record layouts are ABI (info.md 4) and come from linux/rds.h; each is value
 * initialised, so no byte of the kernel's leaks.
 */
#include <linux/errno.h>

#include "rds.h"
#include "sock.h"

namespace {

bool v4(const rds_connection *c)
{
	return !c->c_isv6;
}

struct list_call {
	rds_info_iterator *iter;
	bool retrans;
};

u8 state_flags(const rds_lane *l)
{
	u8 flags = kernel::read_once(l->c_sending) ? RDS_INFO_CONNECTION_FLAG_SENDING : 0;
	if (l->state() == RDS_CONN_CONNECTING)
		flags |= RDS_INFO_CONNECTION_FLAG_CONNECTING;
	if (l->up())
		flags |= RDS_INFO_CONNECTION_FLAG_CONNECTED;
	return flags;
}

template <typename R>
void fill_connection(R &r, const rds_lane *l)
{
	r.next_tx_seq = kernel::read_once(l->c_tx.next);
	r.next_rx_seq = kernel::read_once(l->c_rx.next);
	__builtin_memcpy(r.transport, l->c_trans->t_name, sizeof(r.transport));
	r.transport[sizeof(r.transport) - 1] = 0;
	r.flags = state_flags(l);
}

bool connection4(rds_peer *p, void *arg)
{
	const rds_lane *l = &p->lane0;
	if (!v4(l))
		return true;
	rds_info_connection r{};
	fill_connection(r, l);
	r.laddr = rds::addr_v4(l->c_laddr);
	r.faddr = rds::addr_v4(l->c_faddr);
	r.tos = l->c_tos;
	rds_info_copy(static_cast<rds_info_iterator *>(arg), &r, sizeof(r));
	return true;
}

bool connection6(rds_peer *p, void *arg)
{
	const rds_lane *l = &p->lane0;
	rds6_info_connection r{};
	fill_connection(r, l);
	r.laddr = l->c_laddr;
	r.faddr = l->c_faddr;
	rds_info_copy(static_cast<rds_info_iterator *>(arg), &r, sizeof(r));
	return true;
}

/* Local is the side that asks. */
void message4(rds_info_iterator *iter, const rds_header &h, const in6_addr &laddr,
	      const in6_addr &faddr, kernel::be16 lport, kernel::be16 fport, u8 tos)
{
	rds_info_message r{};
	r.seq = h.h_sequence.host();
	r.len = h.h_len.host();
	r.laddr = rds::addr_v4(laddr);
	r.faddr = rds::addr_v4(faddr);
	r.lport = lport.raw();
	r.fport = fport.raw();
	r.tos = tos;
	rds_info_copy(iter, &r, sizeof(r));
}

void message6(rds_info_iterator *iter, const rds_header &h, const in6_addr &laddr,
	      const in6_addr &faddr, kernel::be16 lport, kernel::be16 fport, u8 tos)
{
	rds6_info_message r{};
	r.seq = h.h_sequence.host();
	r.len = h.h_len.host();
	r.laddr = laddr;
	r.faddr = faddr;
	r.lport = lport.raw();
	r.fport = fport.raw();
	r.tos = tos;
	rds_info_copy(iter, &r, sizeof(r));
}

using message_func = void (*)(rds_info_iterator *, const rds_header &, const in6_addr &,
			      const in6_addr &, kernel::be16, kernel::be16, u8);

void lane_messages(rds_lane *l, list_call *call, message_func show)
{
	kernel::guard hold(l->c_lock);
	rds_lane::message_list &from = call->retrans ? l->c_retrans : l->c_send;
	from.each([&](rds_message *rm) {
		const rds_header &h = rm->m_inc.i_hdr;
		show(call->iter, h, l->c_laddr, l->c_faddr, h.h_sport, h.h_dport, l->c_tos);
	});
}

bool messages4(rds_peer *p, void *arg)
{
	p->each_lane([=](rds_lane *l) {
		if (v4(l))
			lane_messages(l, static_cast<list_call *>(arg), message4);
	});
	return true;
}

bool messages6(rds_peer *p, void *arg)
{
	p->each_lane(
		[=](rds_lane *l) { lane_messages(l, static_cast<list_call *>(arg), message6); });
	return true;
}

void received(struct net *net, rds_info_iterator *iter, bool all, message_func show)
{
	rds::each_sock(rds_net_of(net), [&](rds_sock *rs) {
		kernel::guard hold(rs->rcv_lock);
		rs->received.each([&](rds_incoming *inc) {
			const rds_header &h = inc->i_hdr;
			if (all || rds::addr_is_mapped(inc->i_saddr))
				show(iter, h, rs->addr, inc->i_saddr, h.h_dport, h.h_sport,
				     inc->i_conn->c_tos);
		});
	});
}

void connections4_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds_info_connection);
	rds_peer_each(rds_net_of(net), connection4, iter);
}

void connections6_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds6_info_connection);
	rds_peer_each(rds_net_of(net), connection6, iter);
}

void queued(struct net *net, rds_info_iterator *iter, bool retrans,
	    bool (*peer_func)(rds_peer *, void *))
{
	list_call call{iter, retrans};
	rds_peer_each(rds_net_of(net), peer_func, &call);
}

void send4_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds_info_message);
	queued(net, iter, false, messages4);
}

void send6_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds6_info_message);
	queued(net, iter, false, messages6);
}

void retrans4_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds_info_message);
	queued(net, iter, true, messages4);
}

void retrans6_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds6_info_message);
	queued(net, iter, true, messages6);
}

void recv4_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds_info_message);
	received(net, iter, false, message4);
}

void recv6_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds6_info_message);
	received(net, iter, true, message6);
}

template <typename R>
void fill_socket(R &r, rds_sock *rs)
{
	r.sndbuf = rs->send_limit();
	r.rcvbuf = rs->recv_limit();
	r.bound_port = kernel::be16(rs->bound() ? rs->port : u16{0}).raw();
	r.connected_port = kernel::be16(rs->conn_port).raw();
	r.inum = kernel_sock_inode(rs);
}

/* Only sockets bound to IPv4 are listed here; all of them by the IPv6 form. */
void sockets4_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds_info_socket);
	rds::each_sock(rds_net_of(net), [&](rds_sock *rs) {
		if (!rs->bound() || !rds::addr_is_mapped(rs->addr))
			return;
		rds_info_socket r{};
		fill_socket(r, rs);
		r.bound_addr = rds::addr_v4(rs->addr);
		r.connected_addr = rds::addr_v4(rs->conn_addr);
		rds_info_copy(iter, &r, sizeof(r));
	});
}

void sockets6_info(struct net *net, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(rds6_info_socket);
	rds::each_sock(rds_net_of(net), [&](rds_sock *rs) {
		rds6_info_socket r{};
		fill_socket(r, rs);
		if (rs->bound())
			r.bound_addr = rs->addr;
		r.connected_addr = rs->conn_addr;
		rds_info_copy(iter, &r, sizeof(r));
	});
}

struct entry {
	int optname;
	rds_info_func func;
};

constexpr entry lists[] = {
	{RDS_INFO_CONNECTIONS, connections4_info},  {RDS6_INFO_CONNECTIONS, connections6_info},
	{RDS_INFO_SEND_MESSAGES, send4_info},	    {RDS6_INFO_SEND_MESSAGES, send6_info},
	{RDS_INFO_RETRANS_MESSAGES, retrans4_info}, {RDS6_INFO_RETRANS_MESSAGES, retrans6_info},
	{RDS_INFO_RECV_MESSAGES, recv4_info},	    {RDS6_INFO_RECV_MESSAGES, recv6_info},
	{RDS_INFO_SOCKETS, sockets4_info},	    {RDS6_INFO_SOCKETS, sockets6_info},
};

static_assert(sizeof(rds_info_connection) == 42 && sizeof(rds6_info_connection) == 65);
static_assert(sizeof(rds_info_message) == 26 && sizeof(rds6_info_message) == 50);
static_assert(sizeof(rds_info_socket) == 28 && sizeof(rds6_info_socket) == 52);

} // namespace

int rds_lists_init(void)
{
	int err = rds_stats_register();
	for (const entry &e : lists)
		if (!err)
			err = rds_info_register_func(e.optname, e.func, nullptr);
	if (err)
		rds_lists_exit();
	return err;
}

void rds_lists_exit(void)
{
	for (const entry &e : lists)
		rds_info_deregister_func(e.optname, e.func);
	rds_stats_deregister();
}
