// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of transports. Look-ups hold its rwsem for reading, also around hooks that may
 * sleep; registration holds it for writing. No locks are held by callers.
 */
#include <linux/errno.h>

#include "rds.h"
#include "rds_abi.h"

namespace {

constexpr unsigned int slots = RDS_TRANS_LOOP + 1;

alignas(kernel::rwsem) constinit unsigned char registry_room[sizeof(kernel::rwsem)] = {};
constinit rds_transport *registry[slots] = {};
constinit unsigned long loop_missing_since = 0; /* in ticks; 0: it was not missing */

kernel::rwsem &registry_lock()
{
	return *reinterpret_cast<kernel::rwsem *>(registry_room);
}

bool same_build(const char *build)
{
	return build && __builtin_strcmp(build, RDS_ABI_HASH) == 0;
}

bool complete(const rds_transport *t)
{
	return t->conn_alloc && t->conn_free && t->conn_connect && t->conn_shutdown && t->xmit &&
	       t->recv && t->inc_copy_to_user && t->inc_free &&
	       (t->laddr_check || t->t_type == RDS_TRANS_LOOP) &&
	       ((!t->get_mr && !t->get_mr_ex) || (t->sync_mr && t->free_mr));
}

bool name_ends(const rds_transport *t)
{
	for (char c : t->t_name)
		if (!c)
			return t->t_name[0];
	return false;
}

void forget_in(struct net *net, void *trans)
{
	rds_net *rn = rds_net_of(net);
	if (!rn)
		return;
	rds_peer_destroy_all(rn, static_cast<rds_transport *>(trans));
	rds_socks_forget(rn, static_cast<rds_transport *>(trans));
}

} // namespace

void rds_trans_init(void)
{
	new (registry_room) kernel::rwsem(KERNEL_RWSEM_TRANSPORTS);
}

int __rds_trans_register(rds_transport *trans, unsigned int interface_nr, const char *build)
{
	if (interface_nr != RDS_TRANSPORT_INTERFACE || !same_build(build))
		return -ENOEXEC;
	if (trans->t_type >= slots || !name_ends(trans) || !complete(trans))
		return -EINVAL;

	kernel::guard hold(registry_lock());
	if (registry[trans->t_type]) {
		kernel_log("transport type %u is registered already", trans->t_type);
		return -EEXIST;
	}
	registry[trans->t_type] = trans;
	kernel_log_info("Registered RDS/%s transport", trans->t_name);
	return 0;
}

void rds_trans_unregister(rds_transport *trans)
{
	{
		kernel::guard hold(registry_lock());
		if (trans->t_type >= slots || registry[trans->t_type] != trans)
			return;
		registry[trans->t_type] = nullptr;
	}
	/* From here on nobody creates a peer: creation looks at the registry, under its lock. */
	kernel_net_each(forget_in, trans);
	/* Readers of the lists still look at names of @trans; what was put above is freed by RCU. */
	kernel_synchronize_rcu();
	kernel_rcu_barrier();
	if (trans->exit)
		trans->exit();
	kernel_log_info("Unregistered RDS/%s transport", trans->t_name);
}

void rds_trans_read_lock(void)
{
	registry_lock().lock_shared();
}

void rds_trans_read_unlock(void)
{
	registry_lock().unlock_shared();
}

bool rds_trans_alive(const rds_transport *trans)
{
	for (auto *t : registry)
		if (t == trans)
			return true;
	return false;
}

rds_transport *rds_trans_get(unsigned int type)
{
	kernel::shared_guard hold(registry_lock());
	rds_transport *t = type < slots ? registry[type] : nullptr;
	return t && kernel_module_get(t->t_owner) ? t : nullptr;
}

void rds_trans_put(rds_transport *trans)
{
	if (trans)
		kernel_module_put(trans->t_owner);
}

/*
 * With insmod alone nobody loads the loopback; its first use does. request_module() needs no
 * lock of ours, and nobody calls this from module init.
 */
rds_transport *rds_trans_loopback(void)
{
	{
		kernel::shared_guard hold(registry_lock());
		if (registry[RDS_TRANS_LOOP]) {
			/* it can be had again: should it go, the next use may ask at once */
			if (kernel::read_once(loop_missing_since))
				kernel::write_once(loop_missing_since, 0UL);
			return registry[RDS_TRANS_LOOP];
		}
	}
	/* any user gets here: not a modprobe for each call, if there is none to load */
	unsigned long now = kernel_ticks(), last = kernel::read_once(loop_missing_since);
	if (last && now - last < TICKS_PER_SECOND)
		return nullptr;
	kernel_load_module("rds_loop");
	kernel::shared_guard hold(registry_lock());
	kernel::write_once(loop_missing_since, registry[RDS_TRANS_LOOP] ? 0 : now | 1);
	return registry[RDS_TRANS_LOOP];
}

bool rds_trans_serves_locked(const rds_transport *trans, rds_net *rn, const in6_addr *addr,
			     u32 scope)
{
	if (rds::addr_is_mapped(*addr))
		return trans->laddr_check && !trans->laddr_check(rn->net, rds::addr_v4(*addr));
	return trans->laddr_check6 && !trans->laddr_check6(rn->net, addr, scope);
}

bool rds_trans_serves(rds_transport *trans, rds_net *rn, const in6_addr *addr, u32 scope)
{
	kernel::shared_guard hold(registry_lock());
	return rds_trans_alive(trans) && rds_trans_serves_locked(trans, rn, addr, scope);
}

rds_transport *rds_trans_get_preferred(rds_net *rn, const in6_addr *addr, u32 scope)
{
	if (rds::addr_is_loopback(*addr))
		return rds_trans_get(RDS_TRANS_LOOP); /* the caller has had it loaded */
	kernel::shared_guard hold(registry_lock());
	for (unsigned int type = 0; type < RDS_TRANS_LOOP; type++) {
		rds_transport *t = registry[type];
		if (t && rds_trans_serves_locked(t, rn, addr, scope) &&
		    kernel_module_get(t->t_owner))
			return t;
	}
	return nullptr;
}

unsigned int rds_trans_stats(rds_info_iterator *iter, unsigned int avail)
{
	unsigned int nr = 0;
	kernel::shared_guard hold(registry_lock());
	for (auto *t : registry)
		if (t && t->stats_info_copy)
			nr += t->stats_info_copy(iter, avail > nr ? avail - nr : 0);
	return nr;
}
