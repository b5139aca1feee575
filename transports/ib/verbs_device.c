// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_rdma: devices that come and go, their limits, and the addresses at which they
 * reach our memory. See verbs.h.
 */
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <rdma/ib_verbs.h>

#include "verbs_half.h"

static void device_release(struct rv_device *dev)
{
	complete(&dev->unused);
}

struct rv_device *rv_device_get(struct rv_device *dev)
{
	refcount_inc(&dev->refs);
	return dev;
}

bool rv_device_tryget(struct rv_device *dev)
{
	return refcount_inc_not_zero(&dev->refs);
}

void rv_device_put(struct rv_device *dev)
{
	if (refcount_dec_and_test(&dev->refs))
		device_release(dev);
}

void rv_device_wait(struct rv_device *dev)
{
	rv_device_put(dev);
	wait_for_completion(&dev->unused);
}

const char *rv_device_name(const struct rv_device *dev)
{
	return dev->name;
}

void *rv_device_user(const struct rv_device *dev)
{
	return dev->user;
}

u32 rv_lkey(const struct rv_device *dev)
{
	return dev->pd->local_dma_lkey;
}

void *rv_page_address(struct page *page)
{
	return page_address(page);
}

/* ---- addresses ---- */

static enum dma_data_direction direction(bool to_device)
{
	return to_device ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
}

u64 rv_map(struct rv_device *dev, struct page *page, u32 off, u32 len, bool to_device)
{
	u64 addr = ib_dma_map_page(dev->ib, page, off, len, direction(to_device));

	return ib_dma_mapping_error(dev->ib, addr) ? RV_NO_ADDRESS : addr;
}

void rv_unmap(struct rv_device *dev, u64 addr, u32 len, bool to_device)
{
	ib_dma_unmap_page(dev->ib, addr, len, direction(to_device));
}

void rv_sync_for_cpu(struct rv_device *dev, u64 addr, u32 len, bool to_device)
{
	ib_dma_sync_single_for_cpu(dev->ib, addr, len, direction(to_device));
}

void rv_sync_for_device(struct rv_device *dev, u64 addr, u32 len, bool to_device)
{
	ib_dma_sync_single_for_device(dev->ib, addr, len, direction(to_device));
}

u32 rv_map_sg(struct rv_device *dev, struct scatterlist *sg, u32 nr, bool to_device)
{
	int mapped = ib_dma_map_sg(dev->ib, sg, nr, direction(to_device));

	return mapped > 0 ? mapped : 0;
}

void rv_unmap_sg(struct rv_device *dev, struct scatterlist *sg, u32 nr, bool to_device)
{
	ib_dma_unmap_sg(dev->ib, sg, nr, direction(to_device));
}

struct scatterlist *rv_sg_next(struct rv_device *dev, struct scatterlist *sg, struct rv_sge *sge)
{
	sge->addr = sg_dma_address(sg);
	sge->length = sg_dma_len(sg);
	sge->lkey = rv_lkey(dev);
	return sg_next(sg);
}

/* ---- coming and going ---- */

static void read_limits(const struct ib_device *ib, struct rv_limits *l)
{
	const struct ib_device_attr *a = &ib->attrs;
	u32 on_demand = a->odp_caps.per_transport_caps.rc_odp_caps;

	memset(l, 0, sizeof(*l));
	l->qp_wr = max(a->max_qp_wr, 0);
	l->cqe = max(a->max_cqe, 0);
	l->send_sge = max(a->max_send_sge, 0);
	l->read_sge = max(a->max_sge_rd, 0);
	l->recv_sge = max(a->max_recv_sge, 0);
	l->mrs = max(a->max_mr, 0);
	l->mr_pages = a->max_fast_reg_page_list_len;
	l->initiator_depth = max(a->max_qp_init_rd_atom, 0);
	l->responder_resources = max(a->max_qp_rd_atom, 0);
	l->atomics = a->atomic_cap != IB_ATOMIC_NONE;
	l->masked_atomics = a->masked_atomic_cap != IB_ATOMIC_NONE;
	l->on_demand = (a->kernel_cap_flags & IBK_ON_DEMAND_PAGING) &&
		       (on_demand & IB_ODP_SUPPORT_READ) && (on_demand & IB_ODP_SUPPORT_WRITE);
	l->on_demand_atomics = l->on_demand && (on_demand & IB_ODP_SUPPORT_ATOMIC);
}

static struct rv_device *device_make(struct ib_device *ib)
{
	struct rv_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int err;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	refcount_set(&dev->refs, 1);
	init_completion(&dev->unused);
	dev->ib = ib;
	strscpy(dev->name, dev_name(&ib->dev), sizeof(dev->name));
	dev->pd = ib_alloc_pd(ib, 0);
	if (IS_ERR(dev->pd)) {
		err = PTR_ERR(dev->pd);
		kfree(dev);
		return ERR_PTR(err);
	}
	err = rv_region_queue_make(dev);
	if (err) {
		ib_dealloc_pd(dev->pd);
		kfree(dev);
		return ERR_PTR(err);
	}
	return dev;
}

static void device_free(struct rv_device *dev)
{
	rv_region_queue_free(dev);
	ib_dealloc_pd(dev->pd);
	kfree_rcu(dev, rcu);
}

static int device_refused(const struct ib_device *ib, const char *why)
{
	pr_info_ratelimited("RDS/IB: %s is not used: %s\n", dev_name(&ib->dev), why);
	return -EOPNOTSUPP;
}

/* What the CM takes for InfiniBand, but is not, has no path records (ib.md I23). */
static int client_add(struct ib_device *ib)
{
	struct rv_limits limits;
	struct rv_device *dev;

	if (ib->node_type != RDMA_NODE_IB_CA)
		return device_refused(ib, "it is neither InfiniBand nor RoCE");
	if (!(ib->attrs.device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS))
		return device_refused(ib, "it has no memory management extensions");
	dev = device_make(ib);
	if (IS_ERR(dev)) {
		pr_info_ratelimited("RDS/IB: %s is not used: error %ld\n", dev_name(&ib->dev),
				    PTR_ERR(dev));
		return PTR_ERR(dev);
	}
	read_limits(ib, &limits);
	dev->user = rds_ib_device_add(dev, &limits);
	if (IS_ERR(dev->user)) {
		device_free(dev);
		return device_refused(ib, "its limits are too low, or there is no memory");
	}
	ib_set_client_data(ib, &rv_client, dev);
	pr_info("RDS/IB: %s: added\n", dev->name);
	return 0;
}

static void client_remove(struct ib_device *ib, void *client_data)
{
	struct rv_device *dev = client_data;

	/* nobody finds it any more; who does at this moment gets no reference, or has one */
	ib_set_client_data(ib, &rv_client, NULL);
	rds_ib_device_remove(dev->user);
	device_free(dev);
}

struct ib_client rv_client = {
	.name = "rds_ib",
	.add = client_add,
	.remove = client_remove,
};

int rv_start(void)
{
	int err = rv_regions_init();

	if (err)
		return err;
	err = rv_cm_init();
	if (err)
		goto no_cm;
	err = ib_register_client(&rv_client);
	if (!err)
		return 0;
	rv_cm_exit();
no_cm:
	rv_regions_exit();
	return err;
}

void rv_stop(void)
{
	ib_unregister_client(&rv_client);
	rv_cm_exit();
	rv_regions_exit();
	/* who has just looked for a device */
	synchronize_rcu();
}
