/* SPDX-License-Identifier: GPL-2.0 */
/* What the seam's C half keeps in the opaque storage of C++ objects. For the C half only. */
#ifndef RDS_KERNEL_OBJECTS_H
#define RDS_KERNEL_OBJECTS_H

#include <linux/rcupdate.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "kernel/seam.h"

/*
 * A semaphore of count one whose try and release are an atomic each, with a lockdep map: struct
 * semaphore takes a spinlock with interrupts off for either, and has no map.
 */
struct seam_semaphore {
	atomic_t taken;
	wait_queue_head_t waiters;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map dep_map;
#endif
};

struct seam_work {
	struct delayed_work dwork;
	struct workqueue_struct *wq;
	kernel_work_func func;
};

struct seam_rcu {
	struct rcu_head head;
	void (*func)(void *rcu_head);
};

#endif
