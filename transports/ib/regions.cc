// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions of a device: registered for the core (process context), freed in any context,
 * invalidated by many at a time. A peer reaches what was asked for and no byte more, and changes it
 * only if that was asked for, too. rdma.md 4 and 5; it departs from 5 in that no connection is
 * needed or held up (verbs_region.c). Memory that cannot be pinned is paged on demand, if the device
 * can. The end of such a region may take as long as its owner likes, so it holds up nobody else's.
 */
#include "ib.h"

namespace {

constexpr u32 flush_batch = 32;
constexpr unsigned long lazy_ticks = TICKS_PER_SECOND / 25;
constexpr u32 many_pages = 4096; /* pinned by freed regions: time to flush at once */

constexpr rds_ib_counter pool_counters[2][7] = {
	{RDS_IB_RDMA_MR_8K_ALLOC, RDS_IB_RDMA_MR_8K_FREE, RDS_IB_RDMA_MR_8K_USED,
	 RDS_IB_RDMA_MR_8K_POOL_FLUSH, RDS_IB_RDMA_MR_8K_POOL_WAIT, RDS_IB_RDMA_MR_8K_POOL_DEPLETED,
	 RDS_IB_RDMA_MR_8K_REUSED},
	{RDS_IB_RDMA_MR_1M_ALLOC, RDS_IB_RDMA_MR_1M_FREE, RDS_IB_RDMA_MR_1M_USED,
	 RDS_IB_RDMA_MR_1M_POOL_FLUSH, RDS_IB_RDMA_MR_1M_POOL_WAIT, RDS_IB_RDMA_MR_1M_POOL_DEPLETED,
	 RDS_IB_RDMA_MR_1M_REUSED},
};

void count(const rds_ib_pool &pool, rds_ib_pool_counter what)
{
	rds_ib_count(pool_counters[pool.large][what]);
}

} // namespace

rds_ib_region *rds_ib_device::take_clean(rds_ib_pool &pool)
{
	rds_ib_region *r;
	{
		kernel::guard hold(lock);
		r = pool.clean.pop_front();
	}
	if (r)
		count(pool, RDS_IB_POOL_REUSED);
	return r;
}

/* @want: what is to be paged, else null. */
rds_ib_region *rds_ib_device::make_region(rds_ib_pool &pool, const rds_region *want, int &err)
{
	{
		kernel::guard hold(lock);
		if (pool.nr == pool.most) {
			err = -EAGAIN;
			return nullptr;
		}
		pool.nr++;
	}
	rv_mr *mr = nullptr;
	auto *r = kernel::make<rds_ib_region>(kernel::gfp_kernel);
	err = -ENOMEM;
	if (r) {
		mr = want ? page_on_demand(*want) : rv_mr_alloc(rv, pool.pages);
		err = kernel::pointer_error(mr);
	}
	if (err) {
		kernel::destroy(r);
		kernel::guard hold(lock);
		pool.nr--;
		return nullptr;
	}
	kernel::list_item_init(&r->item);
	r->dev = this;
	r->pool = &pool;
	r->mr = mr;
	count(pool, RDS_IB_POOL_ALLOC);
	return r;
}

/* A device that has no more gets what was freed lately. */
rds_ib_region *rds_ib_device::find_region(rds_ib_pool &pool, const rds_region *want, int &err)
{
	for (int round = 0;; round++) {
		rds_ib_region *r = take_clean(pool);
		if (!r)
			r = make_region(pool, want, err);
		if (r)
			return r;
		/* of memory that is paged it may be the range that does not please */
		if (round || (want && err != -EAGAIN && err != -ENOMEM))
			break;
		count(pool, RDS_IB_POOL_WAIT);
		flush();
		if (want)
			rv_mr_wait();
	}
	count(pool, RDS_IB_POOL_DEPLETED);
	return nullptr;
}

/* The device has it no more. */
void rds_ib_device::forget(rds_ib_region *r)
{
	rds_ib_pool &pool = *r->pool;

	kernel::destroy(r);
	count(pool, RDS_IB_POOL_FREE);
	kernel::guard hold(lock);
	pool.nr--;
}

/* The device's state of it is not known: it is not used again (softroce.md 13). */
void rds_ib_device::discard(rds_ib_region *r)
{
	rv_mr_free(r->mr);
	forget(r);
}

void rds_ib_device::give_clean(rds_ib_region *r)
{
	kernel::guard hold(lock);
	r->pool->clean.push_front(r);
}

/* The key's owner may do so much; rdma.md 4.3. */
u32 rds_ib_device::access_of(const rds_region &want, bool atomics) const
{
	if (want.r_operand)
		return want.r_writable ? RV_LOCAL_WRITE : 0;
	if (!want.r_writable)
		return RV_REMOTE_READ;
	return RV_REMOTE_READ | RV_REMOTE_WRITE | (atomics ? RV_REMOTE_ATOMIC : 0);
}

/* To a peer the first byte is at the cookie's offset, to an operation at the user's address. */
rv_mr *rds_ib_device::page_on_demand(const rds_region &want)
{
	u64 first = want.r_operand ? want.r_start : want.r_start % PAGE_BYTES;
	return rv_mr_on_demand(rv, want.r_start, want.r_length, first,
			       access_of(want, limits.on_demand_atomics));
}

/* It is in use; the core has it. */
void rds_ib_device::hand_out(rds_ib_region *r)
{
	count(*r->pool, RDS_IB_POOL_USED);
	get();
	kernel::guard hold(lock);
	used.push_back(r);
}

/* Context, return: as register_pages(). */
rds_ib_region *rds_ib_device::register_on_demand(const rds_region &want, int &err)
{
	err = -EOPNOTSUPP;
	if (!limits.on_demand)
		return nullptr;
	rds_ib_region *r = find_region(paged, &want, err);
	if (!r)
		return nullptr;
	r->sg = want.r_charge;
	hand_out(r);
	return r;
}

/*
 * Context: P, the caller has entered. Return: null and @err. On success the pages are ours; the
 * region holds the device.
 */
rds_ib_region *rds_ib_device::register_pages(scatterlist *sg, u32 nr, const rds_region &want,
					     int &err)
{
	rds_ib_pool &pool = nr <= small.pages ? small : large;
	rds_ib_region *r = find_region(pool, nullptr, err);
	if (!r)
		return nullptr;
	err = rv_mr_map(r->mr, sg, nr, static_cast<u32>(want.r_start % PAGE_BYTES), want.r_length);
	if (err) {
		give_clean(r);
		return nullptr;
	}
	err = rv_mr_register(r->mr, access_of(want, limits.atomics));
	if (err) {
		discard(r);
		rv_mr_unmap(rv, sg, nr);
		return nullptr;
	}
	r->sg = sg;
	r->nr = nr;
	hand_out(r);
	return r;
}

/* Context: A. */
void rds_ib_device::release(rds_ib_region *r, bool soon)
{
	bool orphan, later = false;
	{
		kernel::guard hold(lock);
		bool is_paged = r->is_paged();
		orphan = r->orphan;
		/* remove() waits for who has a reference, and ends the rest when no peer is left */
		later = !orphan && is_paged && rv_device_tryget(rv);
		r->released = !orphan && is_paged && !later;
		if (!orphan && !r->released)
			rds_ib_region_list::remove(r);
		if (!orphan && !is_paged)
			make_dirty(r, soon);
	}
	if (later) {
		rv_mr_free_later(r->mr, r);
		return;
	}
	if (orphan)
		kernel::destroy(r);
	put();
}

/* lock held */
void rds_ib_device::make_dirty(rds_ib_region *r, bool soon)
{
	dirty.push_back(r);
	dirty_pages += r->nr;
	if (!gone && (soon || dirty_pages >= many_pages))
		flush_work.requeue(0);
	else if (!gone)
		flush_work.queue(lazy_ticks);
}

/* rv_mr_free_later() has done so. */
void rds_ib_device::freed(rds_ib_region *r)
{
	rds_sg_unpin(r->sg);
	forget(r);
	put();
}

/* Up to a batch of what is dirty. Return: how many. */
u32 rds_ib_device::flush_some()
{
	rds_ib_region *batch[flush_batch];
	rv_mr *mrs[flush_batch];
	bool failed[flush_batch];
	u32 nr = 0;
	{
		kernel::guard hold(lock);
		while (nr < flush_batch) {
			rds_ib_region *r = dirty.pop_front();
			if (!r)
				break;
			dirty_pages -= r->nr;
			batch[nr] = r;
			mrs[nr++] = r->mr;
		}
	}
	rv_mr_invalidate(rv, mrs, failed, nr);
	for (u32 i = 0; i < nr; i++) {
		rds_ib_region *r = batch[i];
		scatterlist *sg = r->sg;
		u32 entries = r->nr;
		r->sg = nullptr;
		if (failed[i])
			discard(r);
		/* out of reach, one way or the other */
		rv_mr_unmap(rv, sg, entries);
		rds_sg_unpin(sg);
		if (!failed[i])
			give_clean(r);
	}
	return nr;
}

/*
 * All that was freed before the call is out of reach when it returns, but for what is paged. Context: P;
 * entered, or remove() cannot be over.
 */
void rds_ib_device::flush()
{
	kernel::guard hold(flush_mutex);
	count(small, RDS_IB_POOL_FLUSH);
	count(large, RDS_IB_POOL_FLUSH);
	while (flush_some() == flush_batch)
		kernel_cond_resched();
}

/* The next region that the device has, of whose memory it loses sight. Return: there is one. */
bool rds_ib_device::next_leftover(rds_ib_leftover &left)
{
	kernel::guard hold(lock);
	rds_ib_region *r = dirty.pop_front();
	if (!r)
		r = small.clean.pop_front();
	if (!r)
		r = large.clean.pop_front();
	bool owned = r;
	if (!r)
		r = used.pop_front();
	if (!r)
		return false;
	/* one that was in use may be gone from here on */
	r->orphan = true;
	left = {owned || r->released ? r : nullptr, r->pool, r->mr, r->sg, r->nr, r->is_paged()};
	return true;
}

void rds_ib_device::end(const rds_ib_leftover &left)
{
	rv_mr_free(left.mr);
	count(*left.pool, RDS_IB_POOL_FREE);
	if (left.sg && !left.is_paged)
		rv_mr_unmap(rv, left.sg, left.nr);
	if (left.sg)
		rds_sg_unpin(left.sg);
	kernel::destroy(left.owned);
}

/* Nobody is in it any more, but regions may be freed, and flushed, at any time. */
void rds_ib_device::end_regions()
{
	for (;;) {
		rds_ib_leftover left;
		{
			/* each by itself: who flushes is not to wait for all of them */
			kernel::guard one(flush_mutex);
			if (!next_leftover(left))
				return;
			if (!left.is_paged)
				end(left);
		}
		/* and not at all for what its owner may hold up */
		if (left.is_paged)
			end(left);
	}
}

/* ---- the hooks ---- */

namespace {

/* The device of a connection that is up, entered. */
rds_ib_device *device_of(rds_connection *conn)
{
	auto ic = rds_ib_find(conn);
	if (!ic)
		return nullptr;
	kernel::guard hold(ic->mutex);

	return ic->link && ic->link->dev->enter() ? ic->link->dev : nullptr;
}

/* Without one the socket's address says which; entered. Null: it is no device's, perhaps no more. */
rds_ib_device *device_at(const rds_region &want)
{
	rv_device *rv = rv_local_device(want.r_laddr, want.r_if_index);
	if (kernel::pointer_error(rv))
		return nullptr;
	auto *dev = static_cast<rds_ib_device *>(rv_device_user(rv));
	if (!dev->enter())
		dev = nullptr;
	rv_device_put(rv);
	return dev;
}

} // namespace

void *rds_ib_get_mr(scatterlist *sg, unsigned long nr, rds_sock *, u32 *key, rds_connection *conn,
		    const rds_region *want)
{
	rds_ib_device *dev = conn ? device_of(conn) : nullptr;
	if (!dev)
		dev = device_at(*want);
	if (!dev)
		return reinterpret_cast<void *>(long{-ENODEV});
	int err;
	rds_ib_region *r = sg ? dev->register_pages(sg, static_cast<u32>(nr), *want, err)
			      : dev->register_on_demand(*want, err);
	if (r)
		*key = rv_mr_key(r->mr);
	dev->leave();
	return r ? r : reinterpret_cast<void *>(long{err});
}

void rds_ib_sync_mr(void *handle, int direction)
{
	auto *r = static_cast<rds_ib_region *>(handle);
	kernel::guard hold(r->dev->lock);

	if (!r->orphan && !r->is_paged())
		rv_mr_sync(r->mr, r->sg, r->nr, direction);
}

void rds_ib_free_mr(void *handle, int invalidate)
{
	auto *r = static_cast<rds_ib_region *>(handle);
	r->dev->release(r, invalidate);
}

/* What is paged is waited for where nobody waits for us. */
void rds_ib_flush_mrs()
{
	{
		kernel::guard hold(rds_ib_devices().mutex);
		rds_ib_devices().all.each([](rds_ib_device *dev) { dev->flush(); });
	}
	rv_mr_wait();
}

extern "C" void rds_ib_mr_freed(void *user)
{
	auto *r = static_cast<rds_ib_region *>(user);
	r->dev->freed(r);
}
