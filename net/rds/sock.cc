// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets: birth, bind, connect, names, options, poll, end. Called by kernel/af_rds.c in process
 * context; the socket lock is taken here where it is needed.
 */
#include <linux/errno.h>

#include "rds.h"
#include "sock.h"

constinit unsigned int rds_sock_bytes = 0;
constinit u32 rds_tracing = 0;

namespace {

/* socket.md 2.1, the part that bind and send share: EINVAL for anything odd. */
int check_name(const rds_name &n)
{
	if (!n.present || n.short_form)
		return -EINVAL;
	if (n.family == AF_INET_VALUE || n.mapped_in6)
		return rds::addr_v4_is_unicast(rds::addr_v4(n.addr)) ? 0 : -EINVAL;
	if (n.family != AF_INET6_VALUE || !rds::addr_v6_is_unicast(n.addr))
		return -EINVAL;
	return rds::addr_is_link_local(n.addr) && !n.scope ? -EINVAL : 0;
}

/* connect has errnos of its own. */
int check_connect_name(const rds_name &n)
{
	if (!n.present || n.short_form)
		return -EINVAL;
	if (n.family == AF_INET_VALUE) {
		if (!rds::addr_v4(n.addr))
			return -EDESTADDRREQ;
		return rds::addr_v4_is_unicast(rds::addr_v4(n.addr)) ? 0 : -EINVAL;
	}
	if (n.family != AF_INET6_VALUE)
		return -EAFNOSUPPORT;
	bool usable = n.mapped_in6 ? rds::addr_v4_is_unicast(rds::addr_v4(n.addr))
				   : rds::addr_v6_is_unicast(n.addr);
	if (!usable)
		return -EPROTOTYPE;
	return rds::addr_is_link_local(n.addr) && !n.scope ? -EINVAL : 0;
}

u32 scope_of(const rds_name &n)
{
	return rds::addr_is_link_local(n.addr) ? n.scope : 0;
}

/*
 * Transport, map and table entry of a new binding. A transport that was preset stays preset when
 * this fails; one chosen here is put (lifecycle.md L9).
 */
int attach(rds_sock *rs, const rds_name *name, rds_transport *trans)
{
	rs->cong = rds_cong_get(rs->rn, &name->addr);
	if (!rs->cong)
		return -ENOMEM;
	rs->addr = name->addr;
	rs->scope = scope_of(*name);
	rs->trans = trans;
	int err = rds_bind_add(rs, name->port);
	if (!err) {
		kernel::store_release(rs->is_bound, true);
		return 0;
	}
	rs->addr = rds::addr_none();
	rs->scope = 0;
	rs->cong->put();
	rs->cong = nullptr;
	return err;
}

int bind_with(rds_sock *rs, const rds_name *name, rds_transport *trans, bool preset)
{
	int err = name->port == RDS_FLAG_PROBE_PORT ? -EINVAL : attach(rs, name, trans);
	if (err && !preset) {
		rs->trans = nullptr;
		rds_trans_put(trans);
	}
	return err;
}

int bind_locked(rds_sock *rs, const rds_name *name)
{
	u32 scope = scope_of(*name);
	if (rs->bound())
		return -EINVAL;
	if (rs->conn_scope && rs->conn_scope != scope && scope)
		return -EINVAL;
	if (rs->trans) {
		if (!rds_trans_serves(rs->trans, rs->rn, &name->addr, scope))
			return -ENOPROTOOPT;
		return bind_with(rs, name, rs->trans, true);
	}
	rds_transport *trans = rds_trans_get_preferred(rs->rn, &name->addr, scope);
	if (!trans) {
		kernel_log("no transport serves %pI6c: is rds_tcp loaded?", &name->addr);
		return -EADDRNOTAVAIL;
	}
	return bind_with(rs, name, trans, false);
}

bool caches(rds_sock *rs, const rds_transport *trans)
{
	kernel::guard hold(rs->snd_lock);
	return rs->cached && rs->cached->lane0.c_trans == trans;
}

rds_peer *steal_cached(rds_sock *rs, const rds_transport *trans)
{
	kernel::guard hold(rs->snd_lock);
	rds_peer *p = rs->cached;
	if (!p || (trans && p->lane0.c_trans != trans))
		return nullptr;
	kernel::write_once(rs->cached, static_cast<rds_peer *>(nullptr));
	return p;
}

void set_traces(rds_sock *rs, const rds_rx_trace_so &want)
{
	kernel::guard hold(rs->rcv_lock);
	if (!rs->traces.rx_traces != !want.rx_traces)
		kernel::add_return(rds_tracing, want.rx_traces ? 1u : -1u);
	rs->traces = want;
}

} // namespace

int rds::check_send_name(const rds_name &name)
{
	return check_name(name);
}

rds_sock::rds_sock(rds_net *net) : rn(net)
{
	kernel::list_item_init(&all_item);
	kernel::list_item_init(&watch_item);
	bind_link.pprev = nullptr;
	cong_seen = kernel::read_once(net->cong_generation);
	kernel::guard hold(net->socks_lock);
	kernel::list_link(&all_item, net->socks_head.prev, &net->socks_head);
}

rds_sock::~rds_sock()
{
	rds_notify_purge(this); /* of messages that outlived the file */
	if (cong)
		cong->put();
}

/* The kernel has made the struct sock at the start of the room; the constructor leaves it alone. */
void rds_sock_construct(rds_sock *rs, struct net *net)
{
	new (rs) rds_sock(rds_net_of(net));
}

void rds_sock_destruct(rds_sock *rs)
{
	rs->~rds_sock();
}

/* In the order of lifecycle.md 2.2. */
void rds_sock_release(rds_sock *rs)
{
	{
		kernel::guard hold(rs->rcv_lock);
		rs->dead = true;
	}
	rds_recv_purge(rs, nullptr);
	rds_cong_unwatch(rs);
	rds_bind_remove(rs);
	rds_send_cancel(rs, nullptr, 0, true);
	rds_mr_close(rs);
	rds_notify_purge(rs);
	rds_zcopy_purge(rs);
	set_traces(rs, {});
	{
		kernel::guard hold(rs->rn->socks_lock);
		kernel::list_unlink(&rs->all_item);
	}
	if (rds_peer *p = steal_cached(rs, nullptr))
		p->put();
	rds_trans_put(rs->trans);
}

/* An incoming whose hooks are the core's own may stay for its reader. */
static bool has_foreign(rds_sock *rs, const rds_transport *trans)
{
	if (trans->inc_free == rds_message_inc_free)
		return false;
	bool found = false;
	kernel::guard hold(rs->rcv_lock);
	rs->received.each([&](rds_incoming *inc) { found |= inc->i_conn->c_trans == trans; });
	return found;
}

void rds_socks_forget(rds_net *rn, const rds_transport *trans)
{
	for (;;) {
		/* one at a time: neither a peer nor an incoming is put under the lock */
		rds_sock *rs = nullptr;
		rds::each_sock(rn, [&](rds_sock *s) {
			if (!rs && (caches(s, trans) || has_foreign(s, trans)) &&
			    kernel_sock_hold_not_zero(s))
				rs = s;
		});
		if (!rs)
			return;
		if (rds_peer *p = steal_cached(rs, trans))
			p->put();
		if (has_foreign(rs, trans))
			rds_recv_purge(rs, trans);
		rs->put();
	}
}

int rds_sock_bind(rds_sock *rs, const rds_name *name)
{
	int err = check_name(*name);
	if (err)
		return err;
	/* may load a module: before the socket is locked */
	if (rds::addr_is_loopback(name->addr) && !kernel::read_once(rs->trans))
		rds_trans_loopback();
	rds::socket_guard hold(rs);
	return bind_locked(rs, name);
}

int rds_sock_connect(rds_sock *rs, const rds_name *name)
{
	int err = check_connect_name(*name);
	if (err)
		return err;
	u32 scope = scope_of(*name);
	rds::socket_guard hold(rs);
	if (scope && rs->bound() && rs->scope && rs->scope != scope)
		return -EINVAL;
	rs->conn_addr = name->addr;
	rs->conn_port = name->port;
	rs->conn_scope = scope;
	return 0;
}

int rds_sock_name(rds_sock *rs, int peer, rds_name *name)
{
	rds::socket_guard hold(rs);
	bool connected = !rds::addr_is_none(rs->conn_addr);
	*name = rds_name{};
	if (peer) {
		if (!connected)
			return -ENOTCONN;
		name->addr = rs->conn_addr;
		name->port = rs->conn_port;
		name->scope = rs->scope;
	} else if (rs->bound()) {
		name->addr = rs->addr;
		name->port = rs->port;
		name->scope = rs->scope;
	} else if (connected) {
		/* unbound: nothing but the family that it will have */
		bool v4 = rds::addr_is_mapped(rs->conn_addr);
		name->addr = v4 ? rds::addr_mapped(0) : rds::addr_none();
	} else {
		return 0;
	}
	name->family = rds::addr_is_mapped(name->addr) ? AF_INET_VALUE : AF_INET6_VALUE;
	return 0;
}

/* socket.md 10.1. Congestion that has ended is reported once with the monitor off. */
u32 rds_sock_poll(rds_sock *rs)
{
	u32 mask = 0;
	if (kernel::read_once(rs->monitor)) {
		if (kernel::read_once(rs->cong_notify))
			mask |= POLLIN_BITS;
	} else {
		u32 now = kernel::read_once(rs->rn->cong_generation);
		if (kernel::read_once(rs->cong_seen) != now) {
			kernel::write_once(rs->cong_seen, now);
			mask |= POLLIN_BITS | POLLWRBAND_BIT;
		}
	}
	if (!rs->received.empty() || !rs->notices.empty() || !rs->completed.empty())
		mask |= POLLIN_BITS;
	if (kernel::read_once(rs->snd_bytes) < rs->send_limit())
		mask |= POLLOUT_BITS;
	return mask;
}

int rds_sock_set_recverr(rds_sock *rs, int on)
{
	rds::socket_guard hold(rs);
	rs->recverr = on;
	return 0;
}

int rds_sock_get_recverr(rds_sock *rs)
{
	return rs->recverr;
}

void rds_sock_set_monitor(rds_sock *rs, int on)
{
	kernel::guard hold(rs->rn->watch_lock);
	kernel::write_once(rs->monitor, on != 0);
	/* it stays on the watch list: a blocked sender may rely on that */
	if (!on)
		rs->cong_mask = rs->cong_notify = 0;
}

int rds_sock_cancel(rds_sock *rs, const rds_name *name)
{
	if (!rs->bound())
		return -ENOTCONN;
	rds_send_cancel(rs, &name->addr, name->port, false);
	return 0;
}

int rds_sock_check_transport(rds_sock *rs)
{
	rds::socket_guard hold(rs);
	return rs->trans ? -EOPNOTSUPP : 0;
}

/*
 * Loading a transport on a user's request needs the right to configure the network; without it,
 * or without the module, the transport is just not there.
 */
int rds_sock_set_transport(rds_sock *rs, int type, const char *module)
{
	rds_transport *trans = rds_trans_get(type);
	if (!trans && module && kernel_capable_net_admin()) {
		kernel_load_module(module);
		trans = rds_trans_get(type);
	}
	if (!trans)
		return -ENOPROTOOPT;
	bool taken;
	{
		rds::socket_guard hold(rs);
		taken = rs->trans;
		if (!taken)
			rs->trans = trans;
	}
	if (!taken)
		return 0;
	rds_trans_put(trans);
	return -EOPNOTSUPP;
}

int rds_sock_get_transport(rds_sock *rs)
{
	rds::socket_guard hold(rs);
	return rs->trans ? static_cast<int>(rs->trans->t_type) : -1;
}

/* A bad position switches tracing off. */
int rds_sock_set_latency(rds_sock *rs, const rds_rx_trace_so *want)
{
	if (want->rx_traces > RDS_MSG_RX_DGRAM_TRACE_MAX)
		return -EFAULT;
	for (u32 i = 0; i < want->rx_traces; i++) {
		if (want->rx_trace_pos[i] < RDS_MSG_RX_DGRAM_TRACE_MAX)
			continue;
		set_traces(rs, {});
		return -EFAULT;
	}
	set_traces(rs, *want);
	return 0;
}

/* The connection that a message takes depends on it: settled with the first one. socket.md 13.1. */
int rds_sock_set_tos(rds_sock *rs, u8 tos)
{
	rds::socket_guard hold(rs);
	if (!rs->trans || !rs->trans->get_tos_map)
		return -ENOTTY;
	if (rs->tos || kernel::read_once(rs->has_sent))
		return -EINVAL;
	kernel::write_once(rs->tos, rs->trans->get_tos_map(tos));
	return 0;
}

u8 rds_sock_get_tos(rds_sock *rs)
{
	return kernel::read_once(rs->tos);
}
