// SPDX-License-Identifier: GPL-2.0
/* Kernel side of rds_tcp: the module itself. */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "module.h"

static int __init rds_tcp_module_init(void)
{
	return rds_tcp_start(THIS_MODULE);
}

static void __exit rds_tcp_module_exit(void)
{
	rds_tcp_stop();
	/* an upcall of a listener that is gone may still be on its way out */
	synchronize_rcu();
	rcu_barrier();
}

module_init(rds_tcp_module_init);
module_exit(rds_tcp_module_exit);
MODULE_IMPORT_NS(RDS);
MODULE_DESCRIPTION("RDS over TCP");
MODULE_VERSION(RDS_VERSION);
MODULE_LICENSE("GPL");
