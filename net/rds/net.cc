// SPDX-License-Identifier: GPL-2.0
/*
 * The core's part of a network namespace, and start and end of the core itself. Called by the
 * seam (kernel/net.c, kernel/module.c) in process context, no locks.
 */
#include "kernel/layout_check.h"
#include "rds.h"

constinit struct rds_live rds_live = {};

static u32 random_but_0()
{
	u32 value;
	do
		value = kernel_random();
	while (!value);
	return value;
}

rds_net::rds_net(struct net *n)
    : net(n),
      seed(kernel_random()),
      generation(random_but_0()),
      reap_work(kernel::work_thunk<&rds_net::reap_work, &rds_net::reap>::call, KERNEL_WORK_REAP)
{
	kernel::list_item_init(&owners_head);
	kernel::list_item_init(&socks_head);
	kernel::list_item_init(&watch_head);
	kernel::add_return(rds_live.nets, 1u);
}

rds_net::~rds_net()
{
	kernel::add_return(rds_live.nets, -1u);
}

/* Looks at all peers now and then; the interval is what makes a peer's end late at most. */
void rds_net::reap()
{
	rds_peer_reap(this);
	kernel::guard hold(lock);
	if (nr_peers && !dying)
		reap_work.queue(kernel_ms_to_ticks(1000));
}

rds_net *rds_net_of(const struct net *net)
{
	return static_cast<rds_net *>(kernel_net_rds(net));
}

rds_net *rds_net_create(struct net *net)
{
	void *room = kernel_big_zalloc(sizeof(rds_net));
	return room ? new (room) rds_net(net) : nullptr;
}

void rds_net_destroy(rds_net *rn)
{
	{
		kernel::guard hold(rn->lock);
		rn->dying = true;
	}
	rn->reap_work.cancel();
	rds_peer_destroy_all(rn, nullptr);
	rn->put();
}

void rds_net::put()
{
	if (!refs.put())
		return;
	this->~rds_net();
	kernel_big_free(this);
}

int rds_core_init(void)
{
	rds_sock_bytes = sizeof(rds_sock);
	int err = rds_stats_init();
	if (err)
		return err;
	err = rds_info_init();
	if (err) {
		rds_stats_exit();
		return err;
	}
	err = rds_lists_init();
	if (err) {
		rds_info_exit();
		rds_stats_exit();
	}
	return err;
}

/* Nobody can look for what is left now: say so, tests listen. */
void rds_core_exit(void)
{
	if (rds_live.nets || rds_live.peers || rds_live.maps)
		kernel_log_info("RDS: %u namespaces, %u peers, %u maps were never freed",
				rds_live.nets, rds_live.peers, rds_live.maps);
	rds_lists_exit();
	rds_info_exit();
	rds_stats_exit();
}
