// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_tcp: what hangs off each network namespace. Registered as a device
 * operation, so that a dying namespace runs its exit before the layers below TCP go.
 */
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "module.h"

struct netns_data {
	struct rds_tcp_net *tn;
	struct ctl_table_header *sysctls;
	struct rds_tcp_sizes sizes;
};

static unsigned int netns_id;

static struct netns_data *data_of(const struct net *net)
{
	return net_generic(net, netns_id);
}

struct rds_tcp_net *rds_tcp_net_of(const struct net *net)
{
	return data_of(net)->tn;
}

const struct rds_tcp_sizes *rds_tcp_sizes_of(const struct net *net)
{
	return &data_of(net)->sizes;
}

static int __net_init netns_start(struct net *net)
{
	struct netns_data *data = data_of(net);
	int err;

	err = rds_tcp_net_start(net, &data->tn);
	if (err)
		return err;
	data->sysctls = rds_tcp_sysctl_add(net, &data->sizes);
	if (data->sysctls)
		return 0;
	rds_tcp_net_stop(data->tn);
	return -ENOMEM;
}

/* Sysctl handlers reach for everything else, so they go first. */
static void __net_exit netns_stop(struct net *net)
{
	struct netns_data *data = data_of(net);

	rds_tcp_sysctl_remove(data->sysctls);
	rds_tcp_net_stop(data->tn);
}

static struct pernet_operations netns_ops = {
	.init = netns_start,
	.exit = netns_stop,
	.id = &netns_id,
	.size = sizeof(struct netns_data),
};

int rds_tcp_netns_init(void)
{
	return register_pernet_device(&netns_ops);
}

void rds_tcp_netns_exit(void)
{
	unregister_pernet_device(&netns_ops);
}
