// SPDX-License-Identifier: GPL-2.0
/* Seam: net.rds.* of the initial namespace, and the module's parameters. */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/net_namespace.h>

#include "module.h"
#include "sysctl.h"

struct rds_tunables rds_tunables = {
	.reconnect_min_ticks = 1,
	.reconnect_max_ticks = HZ,
	.max_unacked_packets = 8,
	.max_unacked_bytes = 16 * 1024 * 1024,
	.ping_enable = 1,
	.send_batch_count = 1024,
	.max_peers = 16384,
	.max_peers_user = 8192,
	.max_strangers_second = 1024,
	.idle_seconds = 60,
	.lanes = 8,
	.lanes_unnamed = 1,
};

module_param_named(send_batch_count, rds_tunables.send_batch_count, uint, 0444);
MODULE_PARM_DESC(send_batch_count, "messages that one run of the send engine sends at most");
module_param_named(max_peers, rds_tunables.max_peers, uint, 0644);
MODULE_PARM_DESC(max_peers, "peers of one network namespace at most");
module_param_named(max_peers_user, rds_tunables.max_peers_user, uint, 0644);
MODULE_PARM_DESC(max_peers_user, "of these, peers of one user, and peers that came by themselves");
module_param_named(max_strangers_second, rds_tunables.max_strangers_second, uint, 0644);
MODULE_PARM_DESC(max_strangers_second, "unknown hosts that may connect to us in one second");
module_param_named(recv_cap_mb, rds_tunables.recv_cap_mb, uint, 0644);
MODULE_PARM_DESC(recv_cap_mb,
		 "MiB that one socket's receive queue keeps of a peer that ignores congestion");
module_param_named(lanes, rds_tunables.lanes, uint, 0644);
MODULE_PARM_DESC(lanes, "connections to one host at most: 1, 2, 4 or 8");
module_param_named(lanes_unnamed, rds_tunables.lanes_unnamed, uint, 0644);
MODULE_PARM_DESC(lanes_unnamed,
		 "the same, for hosts that do not tell one from the other: Linux 6.x");
module_param_named(idle_seconds, rds_tunables.idle_seconds, uint, 0644);
MODULE_PARM_DESC(idle_seconds,
		 "after which a peer that was never heard of is forgotten, others later");

static unsigned long tick = 1;

static struct ctl_table rds_table[] = {{
					       .procname = "reconnect_min_delay_ms",
					       .data = &rds_tunables.reconnect_min_ticks,
					       .maxlen = sizeof(unsigned long),
					       .mode = 0644,
					       .proc_handler = proc_doulongvec_ms_jiffies_minmax,
					       .extra1 = &tick,
					       .extra2 = &rds_tunables.reconnect_max_ticks,
				       },
				       {
					       .procname = "reconnect_max_delay_ms",
					       .data = &rds_tunables.reconnect_max_ticks,
					       .maxlen = sizeof(unsigned long),
					       .mode = 0644,
					       .proc_handler = proc_doulongvec_ms_jiffies_minmax,
					       .extra1 = &rds_tunables.reconnect_min_ticks,
				       },
				       {
					       .procname = "max_unacked_packets",
					       .data = &rds_tunables.max_unacked_packets,
					       .maxlen = sizeof(int),
					       .mode = 0644,
					       .proc_handler = proc_dointvec,
				       },
				       {
					       .procname = "max_unacked_bytes",
					       .data = &rds_tunables.max_unacked_bytes,
					       .maxlen = sizeof(int),
					       .mode = 0644,
					       .proc_handler = proc_dointvec,
				       },
				       {
					       .procname = "ping_enable",
					       .data = &rds_tunables.ping_enable,
					       .maxlen = sizeof(int),
					       .mode = 0644,
					       .proc_handler = proc_dointvec,
				       },
				       {}};

static struct ctl_table_header *header;

/* A sixteenth of the memory, within reason. */
static unsigned int default_recv_cap(void)
{
	return clamp_t(unsigned long, totalram_pages() >> (20 - PAGE_SHIFT) >> 4, 64, 1024);
}

int rds_sysctl_init(void)
{
	if (!rds_tunables.recv_cap_mb)
		rds_tunables.recv_cap_mb = default_recv_cap();
		/* 6.6 counts the entries instead of looking for an empty last one */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	header = register_net_sysctl_sz(&init_net, "net/rds", rds_table, ARRAY_SIZE(rds_table) - 1);
#else
	header = register_net_sysctl(&init_net, "net/rds", rds_table);
#endif
	return header ? 0 : -ENOMEM;
}

void rds_sysctl_exit(void)
{
	unregister_net_sysctl_table(header);
}
