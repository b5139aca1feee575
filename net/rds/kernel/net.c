// SPDX-License-Identifier: GPL-2.0
/* Seam: network namespaces. */
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "kernel/seam.h"
#include "module.h"
#include "sock_calls.h"

static unsigned int rds_net_id;

struct rds_net_slot {
	struct rds_net *rn;
};

void *kernel_net_rds(const struct net *net)
{
	const struct rds_net_slot *slot = net_generic(net, rds_net_id);

	return slot ? READ_ONCE(slot->rn) : NULL;
}

bool kernel_net_is_dying(const struct net *net)
{
	return !check_net(net);
}

/*
 * net_rwsem keeps the list; @func may sleep, and must not make or unmake a namespace. One that is
 * being dismantled is not on it any more: its end is waited for.
 */
void kernel_net_each(void (*func)(struct net *net, void *arg), void *arg)
{
	struct net *net;

	down_read(&net_rwsem);
	for_each_net (net)
		func(net, arg);
	up_read(&net_rwsem);
	net_ns_barrier();
}

static int __net_init rds_net_init(struct net *net)
{
	struct rds_net_slot *slot = net_generic(net, rds_net_id);

	slot->rn = rds_net_create(net);
	return slot->rn ? 0 : -ENOMEM;
}

static void __net_exit rds_net_exit(struct net *net)
{
	struct rds_net_slot *slot = net_generic(net, rds_net_id);

	rds_net_destroy(slot->rn);
	slot->rn = NULL;
}

static struct pernet_operations rds_net_ops = {
	.init = rds_net_init,
	.exit = rds_net_exit,
	.id = &rds_net_id,
	.size = sizeof(struct rds_net_slot),
};

int rds_net_ops_init(void)
{
	return register_pernet_subsys(&rds_net_ops);
}

void rds_net_ops_exit(void)
{
	unregister_pernet_subsys(&rds_net_ops);
}
