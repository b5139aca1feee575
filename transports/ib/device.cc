// SPDX-License-Identifier: GPL-2.0
/*
 * Devices: whether one will do, and its end with everything on it. Called by the kernel's device
 * list (verbs_device.c), which lets one go only when remove() has returned.
 */
#include "ib.h"

namespace {

constexpr u32 least_sge = 2; /* a header and a piece of payload */
constexpr u32 least_wr = 64;
constexpr u32 small_region_pages = 3; /* 8 KiB at any alignment */

u32 smaller(u32 a, u32 b)
{
	return a < b ? a : b;
}

/* What a device that does not say how many it can have is believed to have. */
u32 pool_limit(u32 device, u32 share, u32 setting)
{
	u64 half = u64{device} / 2 * share;
	return device && half < setting ? static_cast<u32>(half) : setting;
}

rds_ib_device_conns &conns_of(rds_ib_device *dev)
{
	return *reinterpret_cast<rds_ib_device_conns *>(&dev->conns_head);
}

} // namespace

rds_ib_device::rds_ib_device(rv_device *d, const rv_limits &l)
    : rv(d),
      limits(l),
      send_sge(smaller(l.send_sge, rds_ib_most_sge)),
      read_sge(smaller(l.read_sge ? l.read_sge : 1, send_sge)),
      flush_work(kernel::work_thunk<&rds_ib_device::flush_work, &rds_ib_device::flush>::call,
		 KERNEL_WORK_IB_FLUSH)
{
	kernel::list_item_init(&conns_head);
	small.pages = small_region_pages;
	small.most = pool_limit(l.mrs, 85, rds_ib_settings.pool_8k);
	large.pages = rds_ib_region_pages;
	large.most = pool_limit(l.mrs, 1, rds_ib_settings.pool_1m);
	paged.pages = 0;
	paged.most = large.most;
	small.nr = large.nr = paged.nr = 0;
	small.large = false;
	large.large = paged.large = true;
}

void rds_ib_device::put()
{
	if (refs.put())
		kernel::destroy(this);
}

bool rds_ib_device::enter()
{
	kernel::guard hold(lock);
	if (gone)
		return false;
	rv_device_get(rv);
	return true;
}

/* From here on @ic is told when the device goes. */
bool rds_ib_device::attach(rds_ib_connection *ic)
{
	kernel::guard hold(lock);
	if (!gone)
		conns_of(this).push_back(ic);
	return !gone;
}

void rds_ib_device::detach(rds_ib_connection *ic)
{
	kernel::guard hold(lock);
	rds_ib_device_conns::remove(ic);
}

/*
 * Nobody gets onto it any more; its connections are shut down, by their own work, and whoever
 * registers at this moment has done so when the wait is over. What is left then are regions that
 * applications hold: they lose their memory here, and go when they are freed. Until that is done who
 * flushes all finds it: what was freed must be out of reach when he returns. What is paged and ends by
 * itself has a reference, so it is waited for.
 */
void rds_ib_device::remove()
{
	{
		kernel::guard hold(lock);
		gone = true;
		conns_of(this).each([](rds_ib_connection *ic) {
			rds_conn_drop_why(ic->conn, RDS_WHY_device_gone);
		});
	}
	flush_work.cancel();
	rv_device_wait(rv);
	end_regions();
	{
		kernel::guard hold(rds_ib_devices().mutex);
		kernel::list<rds_ib_device, &rds_ib_device::all_item>::remove(this);
	}
	/* release() may have queued it just before */
	flush_work.cancel();
	put();
}

extern "C" void *rds_ib_device_add(rv_device *rv, const rv_limits *limits)
{
	void *refused = reinterpret_cast<void *>(long{-EOPNOTSUPP});

	if (limits->send_sge < least_sge || limits->recv_sge < least_sge ||
	    limits->mr_pages < rds_ib_region_pages || limits->qp_wr < least_wr ||
	    limits->cqe < least_wr)
		return refused;
	auto *dev = kernel::make<rds_ib_device>(kernel::gfp_kernel, rv, *limits);
	if (!dev)
		return refused;
	kernel::guard hold(rds_ib_devices().mutex);
	rds_ib_devices().all.push_back(dev);
	return dev;
}

extern "C" void rds_ib_device_remove(void *user)
{
	static_cast<rds_ib_device *>(user)->remove();
}
