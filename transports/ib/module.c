// SPDX-License-Identifier: GPL-2.0
/* Kernel side of rds_rdma: the module, its parameters, net.rds.ib.*. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/net_namespace.h>

#include "module.h"

struct rds_ib_settings rds_ib_settings = {
	.max_send_wr = 256,
	.max_recv_wr = 1024,
	.max_unsignaled_wr = 16,
	.pool_1m = 4096,
	.pool_8k = 348160,
	.retry_count = 1,
};

module_param_named(rds_ib_mr_1m_pool_size, rds_ib_settings.pool_1m, uint, 0444);
MODULE_PARM_DESC(rds_ib_mr_1m_pool_size, "memory regions of more than 8 KiB on each device");
module_param_named(rds_ib_mr_8k_pool_size, rds_ib_settings.pool_8k, uint, 0444);
MODULE_PARM_DESC(rds_ib_mr_8k_pool_size, "memory regions of up to 8 KiB on each device");
module_param_named(rds_ib_retry_count, rds_ib_settings.retry_count, uint, 0444);
MODULE_PARM_DESC(rds_ib_retry_count, "how often the device repeats what the peer does not answer");

static unsigned long one = 1, most = UINT_MAX, most_unsignaled = 64;

#define NUMBER(name, above)                                                                        \
	{                                                                                          \
		.procname = #name, .data = &rds_ib_settings.name, .maxlen = sizeof(unsigned long), \
		.mode = 0644, .proc_handler = proc_doulongvec_minmax, .extra1 = &one,              \
		.extra2 = &(above),                                                                \
	}

static struct ctl_table ib_table[] = {NUMBER(max_send_wr, most),
				      NUMBER(max_recv_wr, most),
				      NUMBER(max_unsignaled_wr, most_unsignaled),
				      {
					      .procname = "max_recv_allocation",
					      .data = &rds_ib_settings.max_recv_allocation,
					      .maxlen = sizeof(unsigned long),
					      .mode = 0644,
					      .proc_handler = proc_doulongvec_minmax,
				      },
				      {
					      .procname = "flow_control",
					      .data = &rds_ib_settings.flow_control,
					      .maxlen = sizeof(int),
					      .mode = 0644,
					      .proc_handler = proc_dointvec,
				      },
				      {}};

static struct ctl_table_header *header;

static int sysctl_add(void)
{
	/* a third of the memory, in parts of messages */
	rds_ib_settings.max_recv_allocation = totalram_pages() / 3;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	header = register_net_sysctl_sz(&init_net, "net/rds/ib", ib_table,
					ARRAY_SIZE(ib_table) - 1);
#else
	header = register_net_sysctl(&init_net, "net/rds/ib", ib_table);
#endif
	return header ? 0 : -ENOMEM;
}

static int __init rds_rdma_init(void)
{
	int err = sysctl_add();

	if (err)
		return err;
	err = rds_ib_start(THIS_MODULE);
	if (err)
		unregister_net_sysctl_table(header);
	return err;
}

static void __exit rds_rdma_exit(void)
{
	rds_ib_stop();
	unregister_net_sysctl_table(header);
	rcu_barrier();
}

module_init(rds_rdma_init);
module_exit(rds_rdma_exit);
MODULE_IMPORT_NS(RDS);
MODULE_DESCRIPTION("RDS over InfiniBand and RoCE");
MODULE_VERSION(RDS_VERSION);
MODULE_LICENSE("GPL");
