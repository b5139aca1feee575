// SPDX-License-Identifier: GPL-2.0
/* Start and end of rds.ko. */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/rcupdate.h>

#include "module.h"
#include "sock_calls.h"

static int __init rds_init(void)
{
	int err = rds_memory_init();

	if (err)
		return err;
	err = rds_work_init();
	if (err)
		goto no_work;
	rds_trans_init();
	err = rds_core_init();
	if (err)
		goto no_core;
	err = rds_net_ops_init();
	if (err)
		goto no_net;
	err = rds_sysctl_init();
	if (err)
		goto no_sysctl;
	err = rds_family_init();
	if (err)
		goto no_family;
	return 0;

no_family:
	rds_sysctl_exit();
no_sysctl:
	rds_net_ops_exit();
no_net:
	rds_core_exit();
no_core:
	rds_work_exit();
no_work:
	rds_memory_exit();
	return err;
}

/*
 * Entry points, sources, work, grace periods, tables. There are no sockets: each holds a module
 * reference until its memory is freed. Nor transports: they use our symbols.
 */
static void __exit rds_exit(void)
{
	rds_family_exit();
	rds_sysctl_exit();
	rds_net_ops_exit();
	rcu_barrier();
	rds_core_exit();
	rds_work_exit();
	rds_memory_exit();
}

module_init(rds_init);
module_exit(rds_exit);
MODULE_DESCRIPTION("Reliable Datagram Sockets");
MODULE_LICENSE("GPL");
MODULE_VERSION(RDS_VERSION);
MODULE_SOFTDEP("post: rds_loop");
/* Only where whoever builds it wants that: any user's socket() would load the module. */
#ifdef RDS_NETPROTO_ALIAS
MODULE_ALIAS_NETPROTO(PF_RDS);
#endif
