// SPDX-License-Identifier: GPL-2.0
/*
 * Seam: work items, on unbound queues: items of different lanes run in parallel, one item never
 * twice at once. What may sleep for seconds (shutting a connection down, and what waits for that)
 * has a queue of its own, so that it never keeps senders and receivers from theirs. That queue has
 * no rescuer: one takes all pending items for itself when a worker is slow in the making, and
 * runs them one after the other (lifecycle.md L28). Nothing that frees memory waits for it.
 */
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "objects.h"
#include "module.h"

static struct workqueue_struct *rds_wq, *rds_slow_wq, *rds_unpin_wq;
static struct lock_class_key work_keys[KERNEL_WORK_CLASSES];
static const char *const work_names[KERNEL_WORK_CLASSES] = {
	[KERNEL_WORK_LIFE] = "rds_lane_life",	 [KERNEL_WORK_SEND] = "rds_lane_send",
	[KERNEL_WORK_RECV] = "rds_lane_recv",	 [KERNEL_WORK_REAP] = "rds_net_reap",
	[KERNEL_WORK_UNPIN] = "rds_unpin",	 [KERNEL_WORK_TCP_ACCEPT] = "rds_tcp_accept",
	[KERNEL_WORK_TCP_TAKE] = "rds_tcp_take", [KERNEL_WORK_IB_FLUSH] = "rds_ib_flush",
};

int rds_work_init(void)
{
	rds_wq = alloc_workqueue("krdsd", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!rds_wq)
		return -ENOMEM;
	rds_slow_wq = alloc_workqueue("krdsd_slow", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!rds_slow_wq)
		goto no_slow;
	/* waits for page locks, which a user's file system may hold: nobody else is behind it */
	rds_unpin_wq = alloc_workqueue("krdsd_unpin", WQ_UNBOUND, 0);
	if (rds_unpin_wq)
		return 0;
	destroy_workqueue(rds_slow_wq);
no_slow:
	destroy_workqueue(rds_wq);
	return -ENOMEM;
}

void rds_work_exit(void)
{
	destroy_workqueue(rds_unpin_wq);
	destroy_workqueue(rds_slow_wq);
	destroy_workqueue(rds_wq);
}

static bool is_slow(enum kernel_work_class cls)
{
	return cls == KERNEL_WORK_LIFE || cls == KERNEL_WORK_REAP || cls == KERNEL_WORK_TCP_TAKE ||
	       cls == KERNEL_WORK_IB_FLUSH;
}

static struct workqueue_struct *queue_of(enum kernel_work_class cls)
{
	if (cls == KERNEL_WORK_UNPIN)
		return rds_unpin_wq;
	return is_slow(cls) ? rds_slow_wq : rds_wq;
}

static void work_run(struct work_struct *work)
{
	struct seam_work *w = container_of(to_delayed_work(work), struct seam_work, dwork);

	w->func(w);
}

void kernel_work_init(void *work, kernel_work_func func, enum kernel_work_class cls)
{
	struct seam_work *w = work;

	w->func = func;
	w->wq = queue_of(cls);
	INIT_DELAYED_WORK(&w->dwork, work_run);
	/* a class for each kind: a life work waits for its lane's recv work */
	lockdep_init_map(&w->dwork.work.lockdep_map, work_names[cls], &work_keys[cls], 0);
}

bool kernel_work_queue(void *work, unsigned long delay_ticks)
{
	struct seam_work *w = work;

	return queue_delayed_work(w->wq, &w->dwork, delay_ticks);
}

void kernel_work_requeue(void *work, unsigned long delay_ticks)
{
	struct seam_work *w = work;

	mod_delayed_work(w->wq, &w->dwork, delay_ticks);
}

bool kernel_work_cancel(void *work)
{
	struct seam_work *w = work;

	return cancel_delayed_work_sync(&w->dwork);
}

void kernel_work_flush(void *work)
{
	struct seam_work *w = work;

	flush_delayed_work(&w->dwork);
}

void kernel_cond_resched(void)
{
	cond_resched();
}
