// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_rdma: memory regions. They are registered and invalidated by work requests; so
 * that neither needs a connection, nor is lost with one, each device has a queue pair for them,
 * connected to itself, on which nothing else is ever posted. A region's key is good for all queue
 * pairs of the protection domain. Memory that is paged on demand the driver registers itself. See
 * verbs.h.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_verbs.h>

#include "verbs_half.h"

#define REGION_WRS   128 /* under way at once; more wait */
#define REGION_BATCH 32 /* invalidated by one call of the device */

struct rv_mr {
	struct rv_device *dev;
	struct ib_mr *ib;
	u8 key; /* the part of it that changes with each registration */
	struct work_struct end; /* of one that is paged on demand */
	void *user;
};

/* One request, its owner waits. */
struct region_wait {
	struct ib_cqe cqe;
	struct completion done;
	enum ib_wc_status status;
};

/* ---- the queue pair ---- */

static void region_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct region_wait *w = container_of(wc->wr_cqe, struct region_wait, cqe);

	w->status = wc->status;
	complete(&w->done);
}

static u32 first_active_port(struct ib_device *ib)
{
	u32 port;

	rdma_for_each_port(ib, port)
	{
		struct ib_port_attr attr;

		if (!ib_query_port(ib, port, &attr) && attr.state == IB_PORT_ACTIVE)
			return port;
	}
	return rdma_start_port(ib);
}

/* Nothing is ever sent: the address only has to be one. */
static int address_self(struct rv_device *dev, u32 port, struct rdma_ah_attr *ah)
{
	struct ib_port_attr attr;
	union ib_gid gid;
	int err = ib_query_port(dev->ib, port, &attr);

	if (!err)
		err = rdma_query_gid(dev->ib, port, 0, &gid);
	if (err)
		return err;
	memset(ah, 0, sizeof(*ah));
	ah->type = rdma_ah_find_type(dev->ib, port);
	rdma_ah_set_port_num(ah, port);
	rdma_ah_set_grh(ah, &gid, 0, 0, 1, 0);
	if (ah->type == RDMA_AH_ATTR_TYPE_IB)
		rdma_ah_set_dlid(ah, attr.lid);
	return 0;
}

static int to_init(struct rv_device *dev, u32 port)
{
	struct ib_qp_attr attr = {
		.qp_state = IB_QPS_INIT,
		.port_num = port,
	};

	return ib_modify_qp(dev->region_qp, &attr,
			    IB_QP_STATE | IB_QP_PKEY_INDEX | IB_QP_PORT | IB_QP_ACCESS_FLAGS);
}

static int to_rtr(struct rv_device *dev, u32 port)
{
	struct ib_qp_attr attr = {
		.qp_state = IB_QPS_RTR,
		.path_mtu = IB_MTU_256,
		.dest_qp_num = dev->region_qp->qp_num,
		.min_rnr_timer = 12,
	};
	int err = address_self(dev, port, &attr.ah_attr);

	if (err)
		return err;
	return ib_modify_qp(dev->region_qp, &attr,
			    IB_QP_STATE | IB_QP_AV | IB_QP_PATH_MTU | IB_QP_DEST_QPN |
				    IB_QP_RQ_PSN | IB_QP_MAX_DEST_RD_ATOMIC | IB_QP_MIN_RNR_TIMER);
}

static int to_rts(struct rv_device *dev)
{
	struct ib_qp_attr attr = {
		.qp_state = IB_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
	};

	return ib_modify_qp(dev->region_qp, &attr,
			    IB_QP_STATE | IB_QP_TIMEOUT | IB_QP_RETRY_CNT | IB_QP_RNR_RETRY |
				    IB_QP_SQ_PSN | IB_QP_MAX_QP_RD_ATOMIC);
}

static int region_connect(struct rv_device *dev)
{
	u32 port = first_active_port(dev->ib);
	int err = to_init(dev, port);

	if (!err)
		err = to_rtr(dev, port);
	if (!err)
		err = to_rts(dev);
	return err;
}

static int region_reset(struct rv_device *dev)
{
	struct ib_qp_attr attr = {.qp_state = IB_QPS_RESET};
	int err = ib_modify_qp(dev->region_qp, &attr, IB_QP_STATE);

	return err ? err : region_connect(dev);
}

int rv_region_queue_make(struct rv_device *dev)
{
	struct ib_qp_init_attr attr = {
		.cap =
			{
				.max_send_wr = REGION_WRS,
				.max_recv_wr = 1,
				.max_send_sge = 1,
				.max_recv_sge = 1,
			},
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.qp_type = IB_QPT_RC,
	};

	init_rwsem(&dev->region_lock);
	sema_init(&dev->region_room, REGION_WRS);
	dev->region_cq = ib_alloc_cq(dev->ib, dev, REGION_WRS + 1, 0, IB_POLL_SOFTIRQ);
	if (IS_ERR(dev->region_cq))
		return PTR_ERR(dev->region_cq);
	attr.send_cq = dev->region_cq;
	attr.recv_cq = dev->region_cq;
	dev->region_qp = ib_create_qp(dev->pd, &attr);
	if (IS_ERR(dev->region_qp)) {
		ib_free_cq(dev->region_cq);
		return PTR_ERR(dev->region_qp);
	}
	/* a port that has no address yet will have one when somebody registers memory */
	dev->region_broken = region_connect(dev) != 0;
	return 0;
}

void rv_region_queue_free(struct rv_device *dev)
{
	ib_destroy_qp(dev->region_qp);
	ib_free_cq(dev->region_cq);
}

/* Nobody's request is under way. */
static int region_mend(struct rv_device *dev)
{
	int err = 0;

	down_write(&dev->region_lock);
	if (dev->region_broken)
		err = region_reset(dev);
	dev->region_broken = err != 0;
	up_write(&dev->region_lock);
	return err;
}

static void region_prepare(struct region_wait *w, struct ib_send_wr *wr)
{
	w->cqe.done = region_done;
	init_completion(&w->done);
	wr->wr_cqe = &w->cqe;
	wr->send_flags = IB_SEND_SIGNALED;
}

/* Posts a chain of @nr and waits for all. region_lock held for reading. */
static void region_post(struct rv_device *dev, const struct ib_send_wr *chain,
			struct region_wait *waits, u32 nr)
{
	const struct ib_send_wr *bad = NULL, *wr;
	u32 i, posted = 0;

	for (i = 0; i < nr; i++)
		down(&dev->region_room);
	if (!ib_post_send(dev->region_qp, chain, &bad))
		bad = NULL;
	else if (!bad) /* not every driver says which, when it takes none */
		bad = chain;
	for (wr = chain; wr && wr != bad; wr = wr->next)
		posted++;
	for (i = 0; i < nr; i++) {
		if (i < posted)
			wait_for_completion(&waits[i].done);
		else
			waits[i].status = IB_WC_LOC_QP_OP_ERR;
		if (waits[i].status != IB_WC_SUCCESS)
			WRITE_ONCE(dev->region_broken, true);
		up(&dev->region_room);
	}
}

static int region_run(struct rv_device *dev, const struct ib_send_wr *chain,
		      struct region_wait *waits, u32 nr)
{
	for (;;) {
		int err = READ_ONCE(dev->region_broken) ? region_mend(dev) : 0;

		if (err)
			return err;
		down_read(&dev->region_lock);
		/* where a mend has failed meanwhile, what is posted may never be told of */
		if (!READ_ONCE(dev->region_broken))
			break;
		up_read(&dev->region_lock);
	}
	region_post(dev, chain, waits, nr);
	up_read(&dev->region_lock);
	return 0;
}

/* ---- regions ---- */

struct rv_mr *rv_mr_alloc(struct rv_device *dev, u32 pages)
{
	struct rv_mr *mr = kzalloc(sizeof(*mr), GFP_KERNEL);

	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->dev = dev;
	mr->ib = ib_alloc_mr(dev->pd, IB_MR_TYPE_MEM_REG, pages);
	if (IS_ERR(mr->ib)) {
		int err = PTR_ERR(mr->ib);

		kfree(mr);
		return ERR_PTR(err);
	}
	return mr;
}

void rv_mr_free(struct rv_mr *mr)
{
	ib_dereg_mr(mr->ib);
	kfree(mr);
}

u32 rv_mr_key(const struct rv_mr *mr)
{
	return mr->ib->rkey;
}

u32 rv_mr_lkey(const struct rv_mr *mr)
{
	return mr->ib->lkey;
}

static int access_flags(u32 access)
{
	u32 changes = RV_LOCAL_WRITE | RV_REMOTE_WRITE | RV_REMOTE_ATOMIC;

	return (access & changes ? IB_ACCESS_LOCAL_WRITE : 0) |
	       (access & RV_REMOTE_READ ? IB_ACCESS_REMOTE_READ : 0) |
	       (access & RV_REMOTE_WRITE ? IB_ACCESS_REMOTE_WRITE : 0) |
	       (access & RV_REMOTE_ATOMIC ? IB_ACCESS_REMOTE_ATOMIC : 0);
}

/* Whole pages come in; what the peer may reach is cut to the bytes that were asked for. */
static void trim(struct scatterlist *sg, u32 nr, u32 off, u64 length)
{
	struct scatterlist *s;
	u32 i;

	for_each_sg(sg, s, nr, i)
	{
		s->offset = off;
		s->length = min_t(u64, length, PAGE_SIZE - off);
		length -= s->length;
		off = 0;
	}
}

int rv_mr_map(struct rv_mr *mr, struct scatterlist *sg, u32 nr, u32 off, u64 length)
{
	struct ib_device *ib = mr->dev->ib;
	int mapped, taken;

	trim(sg, nr, off, length);
	mapped = ib_dma_map_sg(ib, sg, nr, DMA_BIDIRECTIONAL);
	if (mapped <= 0)
		return -EBUSY;
	taken = ib_map_mr_sg(mr->ib, sg, mapped, NULL, PAGE_SIZE);
	if (taken != mapped || mr->ib->length != length) {
		ib_dma_unmap_sg(ib, sg, nr, DMA_BIDIRECTIONAL);
		return taken < 0 ? taken : -EINVAL;
	}
	mr->ib->iova = off;
	return 0;
}

void rv_mr_unmap(struct rv_device *dev, struct scatterlist *sg, u32 nr)
{
	ib_dma_unmap_sg(dev->ib, sg, nr, DMA_BIDIRECTIONAL);
}

void rv_mr_sync(struct rv_mr *mr, struct scatterlist *sg, u32 nr, int direction)
{
	struct ib_device *ib = mr->dev->ib;
	struct scatterlist *s;
	u32 i;

	for_each_sg(sg, s, nr, i)
	{
		if (!sg_dma_len(s))
			break;
		if (direction == DMA_FROM_DEVICE)
			ib_dma_sync_single_for_cpu(ib, sg_dma_address(s), sg_dma_len(s),
						   DMA_BIDIRECTIONAL);
		else
			ib_dma_sync_single_for_device(ib, sg_dma_address(s), sg_dma_len(s),
						      DMA_BIDIRECTIONAL);
	}
}

int rv_mr_register(struct rv_mr *mr, u32 access)
{
	struct ib_reg_wr wr = {.wr.opcode = IB_WR_REG_MR};
	struct region_wait wait;
	int tries, err;

	ib_update_fast_reg_key(mr->ib, mr->key++);
	wr.mr = mr->ib;
	wr.key = mr->ib->rkey;
	wr.access = access_flags(access);
	/* another's failure takes ours with it, once */
	for (tries = 0; tries < 3; tries++) {
		region_prepare(&wait, &wr.wr);
		err = region_run(mr->dev, &wr.wr, &wait, 1);
		if (err || wait.status == IB_WC_SUCCESS)
			return err;
		if (wait.status != IB_WC_WR_FLUSH_ERR)
			break;
	}
	return -EIO;
}

/* Only advice: what is not there yet comes when it is used. */
static void fetch_ahead(struct ib_mr *ib, bool write)
{
	struct ib_sge all = {.addr = ib->iova, .length = ib->length, .lkey = ib->lkey};

	ib_advise_mr(ib->pd,
		     write ? IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_WRITE
			   : IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH,
		     0, &all, 1);
}

struct rv_mr *rv_mr_on_demand(struct rv_device *dev, u64 start, u64 length, u64 iova, u32 access)
{
	struct rv_mr *mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	int flags = access_flags(access) | IB_ACCESS_ON_DEMAND;

	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->dev = dev;
	mr->ib = ib_reg_user_mr(dev->pd, start, length, iova, flags);
	if (IS_ERR(mr->ib)) {
		int err = PTR_ERR(mr->ib);

		kfree(mr);
		return ERR_PTR(err);
	}
	fetch_ahead(mr->ib, flags & IB_ACCESS_LOCAL_WRITE);
	return mr;
}

/* A queue of its own, that ends before the module does: unbound, so who waits is in nobody's way. */
static struct workqueue_struct *ends;
static atomic_t ending;
static DECLARE_WAIT_QUEUE_HEAD(all_ended);

static void mr_end(struct work_struct *work)
{
	struct rv_mr *mr = container_of(work, struct rv_mr, end);
	struct rv_device *dev = mr->dev;
	void *user = mr->user;

	rv_mr_free(mr);
	rds_ib_mr_freed(user);
	rv_device_put(dev);
	if (atomic_dec_and_test(&ending) && wq_has_sleeper(&all_ended))
		wake_up_all(&all_ended);
}

void rv_mr_free_later(struct rv_mr *mr, void *user)
{
	mr->user = user;
	INIT_WORK(&mr->end, mr_end);
	atomic_inc(&ending);
	queue_work(ends, &mr->end);
}

void rv_mr_wait(void)
{
	wait_event_killable_timeout(all_ended, !atomic_read(&ending), HZ / 4);
}

int rv_regions_init(void)
{
	ends = alloc_workqueue("rds_ib_paged", WQ_UNBOUND, WQ_UNBOUND_MAX_ACTIVE);
	return ends ? 0 : -ENOMEM;
}

void rv_regions_exit(void)
{
	destroy_workqueue(ends);
}

static void invalidate_batch(struct rv_device *dev, struct rv_mr *const *mrs, bool *failed, u32 nr)
{
	struct region_wait *waits = kcalloc(REGION_BATCH, sizeof(*waits), GFP_KERNEL);
	struct ib_send_wr *wrs = kcalloc(REGION_BATCH, sizeof(*wrs), GFP_KERNEL);
	bool ran = waits && wrs;
	u32 i;

	for (i = 0; ran && i < nr; i++) {
		wrs[i].opcode = IB_WR_LOCAL_INV;
		wrs[i].ex.invalidate_rkey = mrs[i]->ib->rkey;
		region_prepare(&waits[i], &wrs[i]);
		if (i)
			wrs[i - 1].next = &wrs[i];
	}
	ran = ran && !region_run(dev, wrs, waits, nr);
	for (i = 0; i < nr; i++)
		failed[i] = !ran || waits[i].status != IB_WC_SUCCESS;
	kfree(wrs);
	kfree(waits);
}

void rv_mr_invalidate(struct rv_device *dev, struct rv_mr *const *mrs, bool *failed, u32 nr)
{
	u32 done, n;

	for (done = 0; done < nr; done += n) {
		n = min_t(u32, nr - done, REGION_BATCH);
		invalidate_batch(dev, mrs + done, failed + done, n);
	}
}
