// SPDX-License-Identifier: GPL-2.0
/* Start and end of rds_loop.ko. */
#include <linux/module.h>
#include <net/net_namespace.h>

#include "loop.h"

/* Before the core's own: connections end while their namespace is whole. */
static void __net_exit loop_net_exit(struct net *net)
{
	rds_conn_destroy_net(&rds_loop_transport, net);
}

static struct pernet_operations loop_net_ops = {
	.exit = loop_net_exit,
};

static int __init rds_loop_init(void)
{
	int err = register_pernet_device(&loop_net_ops);

	if (err)
		return err;
	err = rds_loop_start(THIS_MODULE);
	if (err)
		unregister_pernet_device(&loop_net_ops);
	return err;
}

static void __exit rds_loop_exit(void)
{
	rds_loop_stop();
	unregister_pernet_device(&loop_net_ops);
}

module_init(rds_loop_init);
module_exit(rds_loop_exit);
MODULE_DESCRIPTION("RDS: loopback transport");
MODULE_LICENSE("GPL");
MODULE_VERSION(RDS_VERSION);
MODULE_IMPORT_NS(RDS);
