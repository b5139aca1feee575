/* SPDX-License-Identifier: GPL-2.0 */
/* What the C files of rds_rdma share: the kernel's objects behind verbs.h. */
#ifndef RDS_IB_HALF_H
#define RDS_IB_HALF_H

#include <linux/completion.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <rdma/ib_verbs.h>

#include "verbs.h"

struct rv_device {
	struct ib_device *ib;
	struct ib_pd *pd;
	void *user;
	refcount_t refs;
	struct completion unused;
	char name[IB_DEVICE_NAME_MAX];
	/* for memory regions: posted with the lock held for reading, mended with it held for writing */
	struct rw_semaphore region_lock;
	struct semaphore region_room; /* in the send queue */
	struct ib_cq *region_cq;
	struct ib_qp *region_qp;
	bool region_broken;
	struct rcu_head rcu;
};

extern struct ib_client rv_client;

int rv_cm_init(void);
void rv_cm_exit(void);
int rv_regions_init(void);
void rv_regions_exit(void);
int rv_region_queue_make(struct rv_device *dev);
void rv_region_queue_free(struct rv_device *dev);

#endif /* RDS_IB_HALF_H */
