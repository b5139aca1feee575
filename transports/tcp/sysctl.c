// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_tcp: net.rds.tcp.rds_tcp_sndbuf and rds_tcp_rcvbuf of each namespace. Which
 * namespace a handler works for, its table entry says; never the task that happens to write.
 */
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "module.h"

#define NR_ENTRIES 2

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
typedef const struct ctl_table handler_table;
#define TABLE_SIZE			 NR_ENTRIES
#define register_table(net, path, table) register_net_sysctl_sz(net, path, table, NR_ENTRIES)
#else
typedef struct ctl_table handler_table;
#define TABLE_SIZE			 (NR_ENTRIES + 1) /* an empty entry ends it */
#define register_table(net, path, table) register_net_sysctl(net, path, table)
#endif

static int sndbuf_min = SOCK_MIN_SNDBUF;
static int rcvbuf_min = SOCK_MIN_RCVBUF;

/*
 * Any successful write counts, also of the value that was there. 0 gives the choice back to TCP.
 * extra1 is the least size otherwise; extra2 would be the maximum, there is none, so it holds the
 * namespace.
 */
static int size_handler(handler_table *table, int write, void *buffer, size_t *len, loff_t *pos)
{
	int size = READ_ONCE(*(int *)table->data), min = *(int *)table->extra1;
	struct ctl_table plain = {.data = &size, .maxlen = sizeof(size)};
	int err = proc_dointvec(&plain, write, buffer, len, pos);

	if (err || !write)
		return err;
	if (size && size < min)
		return -EINVAL;
	WRITE_ONCE(*(int *)table->data, size);
	rds_tcp_sizes_changed(table->extra2);
	return 0;
}

static void fill_entry(struct ctl_table *entry, const char *name, int *size, int *min,
		       struct net *net)
{
	entry->procname = name;
	entry->data = size;
	entry->maxlen = sizeof(*size);
	entry->mode = 0644;
	entry->proc_handler = size_handler;
	entry->extra1 = min;
	entry->extra2 = net;
}

struct ctl_table_header *rds_tcp_sysctl_add(struct net *net, struct rds_tcp_sizes *sizes)
{
	struct ctl_table *table = kcalloc(TABLE_SIZE, sizeof(*table), GFP_KERNEL);
	struct ctl_table_header *header;

	if (!table)
		return NULL;
	fill_entry(&table[0], "rds_tcp_sndbuf", &sizes->sndbuf, &sndbuf_min, net);
	fill_entry(&table[1], "rds_tcp_rcvbuf", &sizes->rcvbuf, &rcvbuf_min, net);
	header = register_table(net, "net/rds/tcp", table);
	if (!header)
		kfree(table);
	return header;
}

void rds_tcp_sysctl_remove(struct ctl_table_header *header)
{
	const struct ctl_table *table = header->ctl_table_arg;

	unregister_net_sysctl_table(header);
	kfree(table);
}
