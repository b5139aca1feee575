// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_ib_regions: memory regions from their registration to their end, or that of their
 * device. The hooks are called as the core does; the memory is the test's. rdma.md 4 and 5.
 */
#include "ib_scenario.h"

namespace {

/* The transport's hooks, for one piece of memory. */
class region : kernel::pinned {
public:
	explicit region(u32 pages = 1, u64 start = 0, u64 length = 0, bool writable = true,
			u32 host = ib_near, rds_connection *conn = nullptr)
	    : m_pages(pages), m_sg(ib_sg_make(pages))
	{
		in6_addr addr = fv_addr(host);
		if (!length)
			length = pages * PAGE_BYTES - start % PAGE_BYTES;
		const rds_region want = {&addr, 0, writable, false, start, length, nullptr};
		m_handle = rds_ib_transport.get_mr_ex(m_sg, pages, nullptr, &key, conn, &want);
	}
	/* The memory is the transport's until it says so. */
	~region()
	{
		if (!error() && m_handle)
			free(true);
		if (!error())
			(void)eventually([&] { return ib_sg_unpins(m_sg) > 0; });
		ib_sg_free(m_sg);
	}
	int error() const { return kernel::pointer_error(m_handle); }
	void free(bool soon)
	{
		rds_ib_transport.free_mr(m_handle, soon);
		m_handle = nullptr;
	}
	void sync(int direction) { rds_ib_transport.sync_mr(m_handle, direction); }
	/* What the device has of it; null: nothing. */
	rv_mr *of() const
	{
		rv_mr *found = nullptr;
		kernel::guard hold(fv->lock);
		fv->mrs.each([&](rv_mr *mr) {
			if (mr->key == key && mr->registered)
				found = mr;
		});
		return found;
	}
	u32 key = 0;

private:
	const u32 m_pages;
	scatterlist *m_sg;
	void *m_handle = nullptr;
};

/* So many at once. */
template <u32 N>
struct regions : kernel::pinned {
	explicit regions(u32 pages) : pages_each(pages) {}
	~regions()
	{
		for (region *r : r)
			kernel::destroy(r);
	}
	/* Return: how many were to be had. */
	u32 take(u32 want)
	{
		for (u32 i = 0; i < want && i < N; i++) {
			r[i] = kernel::make<region>(kernel::gfp_kernel, pages_each);
			if (!r[i] || r[i]->error())
				return i;
		}
		return want;
	}
	const u32 pages_each;
	region *r[N] = {};
};

} // namespace

/* ---- what a peer gets ---- */

TEST_CASE(regions__exact_range)
{
	IB_SCENARIO(s);
	const struct {
		u32 pages;
		u64 start, length;
	} rows[] = {
		{1, 0, 4096},	{1, 0x12345678000 + 100, 1}, {1, 4095, 1}, {2, 4095, 2},
		{2, 100, 5000}, {257, 1, 1 << 20},
	};
	for (const auto &row : rows) {
		region r(row.pages, row.start, row.length);
		ASSERT_EQ(r.error(), 0);
		EXPECT(r.key != 0);
		rv_mr *mr = r.of();
		ASSERT(mr);
		EXPECT_EQ(mr->iova, row.start % PAGE_BYTES);
		EXPECT_EQ(mr->length, row.length);
		EXPECT_EQ(mr->nr, row.pages);
		EXPECT_EQ(mr->pages, row.pages <= 3 ? 3 : 257);
	}
}

TEST_CASE(regions__rights)
{
	for (bool atomics : {false, true}) {
		ib_scenario s(test);
		ASSERT(s);
		s->devices[0].limits.atomics = atomics;
		ASSERT_EQ(s.start(), 0);
		region read_only(1, 0, 0, false), writable(1, 0, 0, true);
		ASSERT(read_only.of() && writable.of());
		EXPECT_EQ(read_only.of()->access, RV_REMOTE_READ);
		EXPECT_EQ(writable.of()->access,
			  RV_REMOTE_READ | RV_REMOTE_WRITE | (atomics ? RV_REMOTE_ATOMIC : 0));
	}
}

TEST_CASE(regions__which_device)
{
	IB_SCENARIO(s);
	ASSERT_EQ(s->add(1), 0);
	region first(1, 0, 0, true, 1), second(1, 0, 0, true, 17), none(1, 0, 0, true, 99);
	ASSERT(first.of() && second.of());
	EXPECT_EQ(first.of()->dev->index, 0);
	EXPECT_EQ(second.of()->dev->index, 1);
	EXPECT_EQ(none.error(), -ENODEV);
	/* a connection that is up says it better than the address */
	ib_far_end far(test, s);
	ASSERT(far.ok());
	region before(1, 0, 0, true, 17, far.lane.get());
	ASSERT(before.of());
	EXPECT_EQ(before.of()->dev->index, 1);
	ASSERT(far.up());
	region there(1, 0, 0, true, 17, far.lane.get());
	ASSERT(there.of());
	EXPECT_EQ(there.of()->dev->index, 0);
}

TEST_CASE(regions__sync)
{
	IB_SCENARIO(s);
	region r(2);
	ASSERT_EQ(r.error(), 0);
	r.sync(DMA_TO_DEVICE_VALUE);
	EXPECT_EQ(s->mr_syncs[1], 1);
	EXPECT_EQ(s->mr_syncs[0], 0);
	r.sync(DMA_FROM_DEVICE_VALUE);
	EXPECT_EQ(s->mr_syncs[0], 1);
	s->remove(0);
	r.sync(DMA_FROM_DEVICE_VALUE);
	EXPECT_EQ(s->mr_syncs[0], 1);
}

/* ---- their end ---- */

TEST_CASE(regions__freed_at_once)
{
	IB_SCENARIO(s);
	region r(2);
	ASSERT_EQ(r.error(), 0);
	r.free(true);
	EXPECT(eventually([&] { return kernel::read_once(s->unpins) == 1; }));
	EXPECT_EQ(s->invalidates, 1);
	EXPECT(!r.of());
	bench_sleep(100);
	EXPECT_EQ(s->unpins, 1);
}

/* Soon, by itself, many at a time. */
TEST_CASE(regions__freed_lazily)
{
	IB_SCENARIO(s);
	regions<10> many(1);
	ASSERT_EQ(many.take(10), 10);
	u64 flushes = s.counter(RDS_IB_RDMA_MR_8K_POOL_FLUSH);
	for (u32 i = 0; i < 10; i++)
		many.r[i]->free(false);
	EXPECT(eventually([&] { return kernel::read_once(s->unpins) == 10; }));
	EXPECT(s.counter(RDS_IB_RDMA_MR_8K_POOL_FLUSH) - flushes <= 3);
	EXPECT_EQ(s->invalidates, 10);
	EXPECT_EQ(s->mr_frees, 0);
}

TEST_CASE(regions__freed_in_softirq)
{
	IB_SCENARIO(s);
	region a(1), b(1);
	ASSERT(!a.error() && !b.error());
	in_softirq([&] {
		a.free(true);
		b.free(false);
	});
	EXPECT(eventually([&] { return kernel::read_once(s->unpins) == 2; }));
}

/* Who flushes finds everything out of reach that was freed before. */
TEST_CASE(regions__flush)
{
	IB_SCENARIO(s);
	ASSERT_EQ(s->add(1), 0);
	rds_ib_settings.pool_8k = 64;
	regions<10> many(1);
	region other(1, 0, 0, true, 17), kept(1);
	ASSERT_EQ(many.take(10), 10);
	ASSERT(!other.error() && !kept.error());
	for (u32 i = 0; i < 10; i++)
		many.r[i]->free(false);
	other.free(false);
	rds_ib_transport.flush_mrs();
	EXPECT_EQ(s->unpins, 11);
	EXPECT_EQ(s->invalidates, 11);
	EXPECT(kept.of());
}

/* More than one batch of a flush, and pages enough to be flushed out of turn. */
TEST_CASE(regions__flush_of_many)
{
	ib_scenario s(test);
	ASSERT(s);
	rds_ib_settings.pool_8k = 80;
	ASSERT_EQ(s.start(), 0);
	{
		regions<80> many(1);
		ASSERT_EQ(many.take(80), 80);
		for (u32 i = 0; i < 80; i++)
			many.r[i]->free(false);
		rds_ib_transport.flush_mrs();
		EXPECT_EQ(s->unpins, 80);
	}
}

/* Who closes flushes: that costs what was freed, however much others hold (R32). */
TEST_CASE(regions__flush_beside_what_is_held)
{
	constexpr u32 nr = 4000, closes = 1000;
	ib_scenario s(test);
	ASSERT(s);
	rds_ib_settings.pool_8k = nr + 10;
	ASSERT_EQ(s.start(), 0);
	auto *held = kernel::make<regions<nr>>(kernel::gfp_kernel, 1u);
	ASSERT(held);
	EXPECT_EQ(held->take(nr), nr);
	for (u32 i = 0; i < closes; i++) {
		region mine(1);
		if (!EXPECT_EQ(mine.error(), 0))
			break;
		mine.free(false);
		rds_ib_transport.flush_mrs();
	}
	EXPECT_EQ(s->unpins, closes);
	EXPECT_EQ(s->invalidates, closes);
	EXPECT_EQ(s->mr_allocs, nr + 1);
	/* nor anything where nothing was freed */
	rds_ib_transport.flush_mrs();
	EXPECT_EQ(s->invalidates, closes);
	for (u32 i = 0; i < nr; i += 97)
		EXPECT(held->r[i]->of());
	for (region *r : held->r)
		if (r && !r->error())
			r->free(false);
	rds_ib_transport.flush_mrs();
	kernel::destroy(held);
}

/* ---- pools ---- */

TEST_CASE(regions__used_again)
{
	IB_SCENARIO(s);
	u32 keys[6];
	for (u32 i = 0; i < 6; i++) {
		region r(i % 2 ? 200 : 1);
		ASSERT_EQ(r.error(), 0);
		keys[i] = r.key;
		for (u32 n = 0; n < i; n++)
			EXPECT(keys[n] != r.key);
		r.free(false);
		rds_ib_transport.flush_mrs();
	}
	EXPECT_EQ(s->mr_allocs, 2);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_ALLOC), 1);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_1M_ALLOC), 1);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_USED), 3);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_REUSED), 2);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_1M_REUSED), 2);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_FREE), 0);
}

/* When all are in use, what was freed lately is flushed; if that is nothing, there is none. */
TEST_CASE(regions__limit)
{
	IB_SCENARIO(s);
	regions<17> small(1);
	EXPECT_EQ(small.take(17), 16);
	EXPECT_EQ(small.r[16]->error(), -EAGAIN);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_POOL_WAIT), 1);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_POOL_DEPLETED), 1);
	/* the other pool is another */
	regions<9> large(4);
	EXPECT_EQ(large.take(9), 8);
	EXPECT_EQ(large.r[8]->error(), -EAGAIN);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_1M_POOL_DEPLETED), 1);
	small.r[3]->free(false);
	region again(1);
	EXPECT_EQ(again.error(), 0);
	EXPECT_EQ(s->unpins, 1);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_POOL_DEPLETED), 1);
}

/* A device that says how many it has is not asked for all of them. */
TEST_CASE(regions__limit_of_the_device)
{
	ib_scenario s(test);
	ASSERT(s);
	s->devices[0].limits.mrs = 6;
	rds_ib_settings.pool_1m = 100;
	ASSERT_EQ(s.start(), 0);
	regions<4> large(4);
	EXPECT_EQ(large.take(4), 3);
	EXPECT_EQ(large.r[3]->error(), -EAGAIN);
}

/* ---- failures ---- */

TEST_CASE(regions__cannot_be_made)
{
	IB_SCENARIO(s);
	/* more often than there may be: none is lost */
	s->fail(FV_MR_ALLOC, 1, 40);
	for (u32 i = 0; i < 20; i++) {
		region r(1);
		EXPECT_EQ(r.error(), -ENOMEM);
	}
	s->heal(FV_MR_ALLOC);
	regions<16> all(1);
	EXPECT_EQ(all.take(16), 16);
	EXPECT_EQ(s->unpins, 0); /* of those that failed the pages are the caller's */
}

TEST_CASE(regions__cannot_be_mapped)
{
	IB_SCENARIO(s);
	s->fail(FV_MR_MAP, 1, 20);
	for (u32 i = 0; i < 20; i++) {
		region r(1);
		EXPECT_EQ(r.error(), -EBUSY);
	}
	s->heal(FV_MR_MAP);
	EXPECT_EQ(s->mr_allocs, 1); /* it is as good as new */
	regions<16> all(1);
	EXPECT_EQ(all.take(16), 16);
	EXPECT_EQ(s->unpins, 0);
}

/* What the device thinks of it is not known: it is not used again. */
TEST_CASE(regions__cannot_be_registered)
{
	IB_SCENARIO(s);
	s->fail(FV_MR_REGISTER, 1, 20);
	for (u32 i = 0; i < 20; i++) {
		region r(i % 2 ? 5 : 1);
		EXPECT_EQ(r.error(), -EIO);
	}
	s->heal(FV_MR_REGISTER);
	EXPECT_EQ(s->mr_allocs, 20);
	EXPECT_EQ(s->mr_frees, 20);
	EXPECT_EQ(s->maps, s->unmaps);
	EXPECT_EQ(s->unpins, 0);
	region r(1);
	EXPECT_EQ(r.error(), 0);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_FREE), 10);
}

TEST_CASE(regions__cannot_be_invalidated)
{
	IB_SCENARIO(s);
	regions<4> many(1);
	ASSERT_EQ(many.take(4), 4);
	s->fail(FV_MR_INVALIDATE, 2, 2);
	for (u32 i = 0; i < 4; i++)
		many.r[i]->free(false);
	rds_ib_transport.flush_mrs();
	EXPECT_EQ(s->unpins, 4);
	EXPECT_EQ(s->mr_frees, 2);
	s->heal(FV_MR_INVALIDATE);
	/* there is room for others */
	regions<16> all(1);
	EXPECT_EQ(all.take(16), 16);
	EXPECT_EQ(s->mr_allocs, 4 + 14);
}

/* What lacks memory for itself tries twice; for the rest it says so. */
TEST_CASE(regions__no_memory)
{
	IB_SCENARIO(s);
	int nth = 1;
	for (bool hit = true; hit && nth < 50; nth++) {
		scatterlist *sg = ib_sg_make(2);
		ASSERT(sg);
		in6_addr addr = fv_addr(ib_near);
		const rds_region want = {&addr, 0, 1, 0, 0, 8192, nullptr};
		u32 key = 0;
		bench_fault(nth);
		void *handle = rds_ib_transport.get_mr_ex(sg, 2, nullptr, &key, nullptr, &want);
		hit = bench_fault_end();
		int err = kernel::pointer_error(handle);
		if (err) {
			EXPECT(err == -EBUSY || err == -ENOMEM);
		} else {
			rds_ib_transport.free_mr(handle, 1);
			EXPECT(eventually([&] { return ib_sg_unpins(sg) == 1; }));
		}
		ib_sg_free(sg);
		EXPECT_EQ(s->maps, s->unmaps);
	}
	EXPECT(nth > 2);
	EXPECT(nth < 50);
}

/* ---- memory that cannot be pinned ---- */

TEST_CASE(regions__on_demand)
{
	for (bool atomics : {false, true}) {
		ib_scenario s(test);
		ASSERT(s);
		s->devices[0].limits.on_demand = true;
		s->devices[0].limits.on_demand_atomics = atomics;
		ASSERT_EQ(s.start(), 0);
		const struct {
			bool writable, operand;
			u32 access;
		} rows[] = {
			{false, false, RV_REMOTE_READ},
			{true, false,
			 RV_REMOTE_READ | RV_REMOTE_WRITE | (atomics ? u32{RV_REMOTE_ATOMIC} : 0)},
			{false, true, 0},
			{true, true, RV_LOCAL_WRITE},
		};
		u32 frees = 0;
		for (const auto &row : rows) {
			ib_paged r(ib_near, row.writable, row.operand);
			ASSERT(r.of());
			EXPECT_EQ(r.of()->access, row.access);
			EXPECT_EQ(r.of()->iova, row.operand ? r.addr() : 100);
			EXPECT_EQ(r.of()->length, 3000);
			EXPECT(r.of()->paged == r.memory());
			/* there are no pages to hand over */
			rds_ib_transport.sync_mr(r.handle(), DMA_FROM_DEVICE_VALUE);
			EXPECT_EQ(s->mr_syncs[0], 0);
			r.free(false);
			rds_ib_transport.flush_mrs();
			EXPECT_EQ(s->mr_frees, ++frees);
			EXPECT_EQ(r.unpins(), 1);
		}
		EXPECT_EQ(s->invalidates, 0);
	}
}

/* Among others that are flushed with it. */
TEST_CASE(regions__on_demand_and_others)
{
	ib_scenario s(test);
	ASSERT(s);
	ASSERT_EQ(s.start_paging(), 0);
	region one(1), two(200);
	ib_paged paged(ib_near, true, false);
	region three(1);
	ASSERT(!one.error() && !two.error() && paged.of() && !three.error());
	one.free(false);
	paged.free(false);
	two.free(false);
	three.free(false);
	rds_ib_transport.flush_mrs();
	EXPECT_EQ(s->unpins, 4);
	EXPECT_EQ(s->invalidates, 3);
	EXPECT_EQ(s->mr_frees, 1);
	/* and its own word is enough */
	ib_paged soon(ib_near, true, false);
	ASSERT(soon.of());
	soon.free(true);
	EXPECT(eventually([&] { return kernel::read_once(s->mr_frees) == 2; }));
}

TEST_CASE(regions__on_demand_refused)
{
	ib_scenario s(test);
	ASSERT(s);
	s->devices[0].limits.mrs = 16; /* 4 of them large */
	ASSERT_EQ(s.start(), 0);
	ASSERT_EQ(s->add(1), 0);
	{
		ib_paged r(ib_near, true, false);
		EXPECT_EQ(r.error(), -EOPNOTSUPP);
	}
	s.stop();
	s->devices[0].limits.on_demand = true;
	ASSERT_EQ(s.start(), 0);
	s->fail(FV_MR_ALLOC, 1, 20); /* each tries twice */
	for (int i = 0; i < 10; i++) {
		ib_paged r(ib_near, true, false);
		EXPECT_EQ(r.error(), -ENOMEM);
	}
	s->heal(FV_MR_ALLOC);
	ib_paged nowhere(99, true, false);
	EXPECT_EQ(nowhere.error(), -ENODEV);
	/* what was freed makes room at once */
	for (int i = 0; i < 40; i++) {
		ib_paged r(ib_near, true, false);
		EXPECT_EQ(r.error(), 0);
		r.free(false);
	}
	ib_paged *held[20] = {};
	u32 nr = 0;
	while (nr < 20) {
		held[nr] = kernel::make<ib_paged>(kernel::gfp_kernel, u32{ib_near}, true, false);
		if (!held[nr] || held[nr++]->error())
			break;
	}
	ASSERT(held[nr - 1]);
	EXPECT_EQ(held[nr - 1]->error(), -EAGAIN);
	EXPECT(nr > 1);
	for (ib_paged *r : held)
		kernel::destroy(r);
}

/* Regions of other memory that lie about have a number of their own. */
TEST_CASE(regions__on_demand_beside_others)
{
	ib_scenario s(test);
	ASSERT(s);
	s->devices[0].limits.mrs = 16;
	ASSERT_EQ(s.start_paging(), 0);
	regions<8> all(100);
	ASSERT_EQ(all.take(8), 8);
	for (region *r : all.r)
		r->free(false);
	rds_ib_transport.flush_mrs();
	ib_paged paged(ib_near, true, false);
	EXPECT_EQ(paged.error(), 0);
	/* what the driver does not like is not tried again */
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_1M_POOL_WAIT), 0);
}

/* Its owner serves the page that the device fetches, and does not: that is nobody else's concern. */
TEST_CASE(regions__on_demand_does_not_end)
{
	ib_scenario s(test);
	ASSERT(s);
	s->devices[0].limits.mrs = 16;
	ASSERT_EQ(s.start_paging(), 0);
	s->hold_mr_ends = true;
	ib_paged *held[8];
	for (ib_paged *&r : held) {
		r = kernel::make<ib_paged>(kernel::gfp_kernel, u32{ib_near}, true, false);
		ASSERT(r && r->of());
		r->free(true);
		EXPECT(r->of());
	}
	region other(1);
	ASSERT(other.of());
	other.free(true);
	rds_ib_transport.flush_mrs();
	EXPECT(!other.of());
	EXPECT_EQ(s->unpins, 1); /* what is charged stays, too */
	EXPECT_EQ(s->mr_frees, 0);
	EXPECT(s->mr_waits > 0);
	/* they count until they are gone */
	ib_paged late(ib_near, true, false);
	EXPECT_EQ(late.error(), -EAGAIN);
	bool removed = false;
	thread remover([&] {
		s->remove(0);
		kernel::write_once(removed, true);
	});
	bench_sleep(30);
	EXPECT(!kernel::read_once(removed));
	s->let_mrs_end();
	EXPECT(eventually([&] { return kernel::read_once(removed); }));
	EXPECT_EQ(s->mr_frees, s->mr_allocs);
	for (ib_paged *r : held) {
		EXPECT_EQ(r->unpins(), 1);
		kernel::destroy(r);
	}
}

/* In use and freed: the device has let go of both, and their owners find nothing to do. */
TEST_CASE(regions__on_demand_device_goes)
{
	ib_scenario s(test);
	ASSERT(s);
	ASSERT_EQ(s.start_paging(), 0);
	ib_paged used(ib_near, true, false), dirty(ib_near, true, false);
	ASSERT(used.of() && dirty.of());
	dirty.free(false);
	s->remove(0);
	EXPECT_EQ(s->mr_frees, 2);
	EXPECT_EQ(used.unpins(), 1);
	EXPECT_EQ(dirty.unpins(), 1);
	rds_ib_transport.sync_mr(used.handle(), DMA_TO_DEVICE_VALUE);
	used.free(true);
	EXPECT_EQ(s->mr_frees, 2);
	EXPECT_EQ(used.unpins(), 1);
}

/* ---- the end of a device ---- */

/* In use, freed and not flushed, flushed: all of it is gone when removal returns. */
TEST_CASE(regions__device_goes)
{
	IB_SCENARIO(s);
	region used(1), also_used(100), dirty(1), clean(1);
	ASSERT(!used.error() && !also_used.error() && !dirty.error() && !clean.error());
	clean.free(false);
	rds_ib_transport.flush_mrs();
	EXPECT_EQ(s->unpins, 1);
	dirty.free(false);
	s->remove(0);
	EXPECT_EQ(s->unpins, 4);
	EXPECT_EQ(s->mr_allocs, s->mr_frees);
	EXPECT_EQ(s.counter(RDS_IB_RDMA_MR_8K_FREE) + s.counter(RDS_IB_RDMA_MR_1M_FREE),
		  s->mr_frees);
	EXPECT_EQ(s->maps, s->unmaps);
	region late(1);
	EXPECT_EQ(late.error(), -ENODEV);
	/* their owners come later, and find nothing to do */
	used.free(true);
	also_used.free(false);
	rds_ib_transport.flush_mrs();
	EXPECT_EQ(s->unpins, 4);
}

/* A connection takes its time to go, and the device waits for it: who frees does not. */
TEST_CASE(regions__freed_while_the_device_goes)
{
	IB_SCENARIO(s);
	ib_far_end far(test, s);
	ASSERT(far.ok() && far.up());
	region r(1);
	ASSERT(r.of());
	s->flush_mode = fake_verbs::FLUSH_NEVER;
	s->drain_ms = 1500;
	bool removed = false;
	thread remover([&] {
		s->remove(0);
		kernel::write_once(removed, true);
	});
	ASSERT(eventually([&] { return rds_conn_state(far.lane.get()) != RDS_CONN_UP; }));
	r.free(true);
	rds_ib_transport.flush_mrs();
	EXPECT(!r.of());
	EXPECT(s->unpins >= 1);
	EXPECT(!kernel::read_once(removed));
}

TEST_CASE(regions__device_comes_back)
{
	IB_SCENARIO(s);
	region old(1);
	ASSERT_EQ(old.error(), 0);
	s->remove(0);
	ASSERT_EQ(s->add(0), 0);
	region fresh(1);
	EXPECT_EQ(fresh.error(), 0);
	EXPECT(fresh.of());
	old.free(true);
	EXPECT(fresh.of());
	EXPECT_EQ(s->unpins, 1);
}

/* Registered, freed, flushed and removed at once. */
TEST_CASE(regions__device_goes_meanwhile)
{
	IB_SCENARIO(s);
	u32 stop = 0, made = 0;
	auto work = [&] {
		while (!kernel::read_once(stop)) {
			region r((kernel_random() % 2) ? 1 : 10);
			if (!r.error()) {
				kernel::add_return(made, 1u);
				r.sync(DMA_FROM_DEVICE_VALUE);
				r.free((kernel_random() % 2));
			}
			bench_yield();
		}
	};
	{
		thread a(work), b(work);
		for (u32 i = 0; i < 20; i++) {
			bench_sleep(10);
			s->remove(0);
			EXPECT_EQ(s->add(0), 0);
		}
		kernel::write_once(stop, 1u);
	}
	rds_ib_transport.flush_mrs();
	EXPECT(made > 20);
	EXPECT_EQ(s->unpins, made);
}

/* A connection keeps no region, and no region a connection: loss and reconnect in between. */
TEST_CASE(regions__connection_goes)
{
	IB_SCENARIO(s);
	ib_far_end far(test, s);
	ASSERT(far.ok() && far.up());
	region r(1, 0, 0, true, ib_near, far.lane.get());
	ASSERT(r.of());
	s->deliver(far.id, RV_EVENT_LOST);
	ASSERT(far.drops());
	EXPECT(r.of());
	ASSERT(far.up());
	far.lane.destroy();
	EXPECT(r.of());
	EXPECT_EQ(s->unpins, 0);
}

/* They come and go while the connection that they are for does (R3, R5). */
TEST_CASE(regions__connection_flaps)
{
	IB_SCENARIO(s);
	ib_pair pair(test, s);
	ASSERT(pair.ok() && pair.moves(16));
	u32 stop = 0, made = 0, failed = 0;
	auto work = [&] {
		while (!kernel::read_once(stop)) {
			bool small = kernel_random() % 2;
			region r(small ? 1 : 10, 0, 0, true, ib_near, pair.there.get());
			if (!r.error())
				r.free(kernel_random() % 2);
			kernel::add_return(r.error() ? failed : made, 1u);
			bench_yield();
		}
	};
	{
		thread a(work), b(work);
		for (u32 i = 0; i < 30; i++) {
			rds_conn_drop(i % 2 ? pair.back.get() : pair.there.get());
			EXPECT(pair.moves(16));
			u32 before = kernel::read_once(made);
			EXPECT(eventually([&] { return kernel::read_once(made) > before; }));
		}
		kernel::write_once(stop, 1u);
	}
	rds_ib_transport.flush_mrs();
	EXPECT_EQ(failed, 0);
	EXPECT_EQ(s->unpins, made);
}
