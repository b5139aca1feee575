// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's half of rds_rdma's seam, in memory: see fake_verbs.h. Contexts are those of
 * transports/ib/verbs.h. One lock guards what the fake has; under it nothing of the transport's is
 * called, but for tasklets, which run when it is released.
 */
#include "fake_verbs.h"

fake_verbs *fv;

/* module.c has them otherwise. */
struct rds_ib_settings rds_ib_settings;

namespace {

/* What a device calls an address is no pointer. */
constexpr u64 bias = 1ull << 61;
constexpr u32 the_lkey = 0x5150;
constexpr u32 request_bytes = 56,
	      answer_bytes = 196; /* as the CM reports them, whatever was sent */

u64 address_of(const void *p)
{
	return reinterpret_cast<u64>(p) ^ bias;
}

u8 *memory_at(u64 addr)
{
	return reinterpret_cast<u8 *>(addr ^ bias);
}

constexpr u8 direction_of(bool to_device)
{
	return to_device ? fv_to_device : fv_from_device;
}

template <typename T>
T *error(int err)
{
	return reinterpret_cast<T *>(static_cast<long>(err));
}

u32 bucket_of(u64 page)
{
	return static_cast<u32>((page ^ page >> 10) % 1024);
}

/* Bits of 16 bytes each, from @at on; what is touched counts. */
template <typename F>
void each_unit(const fv_map &m, u64 addr, u32 len, F f)
{
	/* of what was joined nobody looks at parts */
	for (u64 i = (addr - m.addr) / 16; m.len <= PAGE_BYTES && i * 16 < addr - m.addr + len; i++)
		f(i / 64, u64{1} << i % 64);
}

bool fits(u8 have, u8 want)
{
	return have == want || have == fv_both;
}

bool is_mapped(const in6_addr &a)
{
	return a.in6_u.u6_addr16[5] == 0xffff && !a.in6_u.u6_addr32[0];
}

/* The device that serves it; -1: none of ours. */
int device_at(const in6_addr &a)
{
	u32 last = kernel::be32::from_raw(a.in6_u.u6_addr32[3]).host();
	for (int v6 = 0; v6 < 2; v6++)
		for (u32 n = 1; n < 32; n++) {
			in6_addr is = fv_addr(n, v6);
			if ((last & 0xff) == n && !__builtin_memcmp(&is, &a, sizeof(a)))
				return static_cast<int>(n / 16);
		}
	return -1;
}

} // namespace

u64 fv_user_address(const void *p)
{
	return address_of(p);
}

in6_addr fv_addr(u32 n, bool v6)
{
	in6_addr a{};
	if (!v6)
		return rds::addr_mapped(kernel::be32(fv_net + n).raw());
	a.in6_u.u6_addr8[0] = 0xfd;
	a.in6_u.u6_addr8[1] = 0x96;
	a.in6_u.u6_addr8[15] = static_cast<u8>(n);
	return a;
}

/* ---- the fake itself ---- */

fake_verbs::fake_verbs()
{
	for (u32 i = 0; i < fv_devices; i++) {
		devices[i] = {};
		devices[i].index = i;
		rv_limits &l = devices[i].limits;
		l.qp_wr = 4096;
		l.cqe = 4096;
		l.send_sge = l.read_sge = 8;
		l.recv_sge = 8;
		l.mrs = 0;
		l.mr_pages = 512;
		l.initiator_depth = l.responder_resources = 128;
		l.atomics = l.masked_atomics = true;
	}
	fv = this;
}

fake_verbs::~fake_verbs()
{
	stop_cm();
	for (fv_map *&bucket : buckets)
		while (fv_map *m = bucket) {
			bucket = m->next;
			kernel_free(m);
		}
	while (fv_list *l = lists) {
		lists = l->next;
		kernel_free(l);
	}
	while (rdma_cm_event *e = events.pop_front())
		kernel::destroy(e);
	while (rv_queues *q = queues.pop_front()) {
		ib_tasklet_free(q->tasklet);
		kernel_big_free(q->sends);
		kernel_big_free(q->recvs);
		kernel_big_free(q->send_wcs);
		kernel_big_free(q->send_wc_pos);
		kernel_big_free(q->recv_wcs);
		kernel::destroy(q);
	}
	while (rdma_cm_id *id = ids.pop_front()) {
		ib_mutex_free(id->handler);
		kernel::destroy(id);
	}
	while (rv_mr *mr = mrs.pop_front())
		kernel::destroy(mr);
	fv = nullptr;
}

void fake_verbs::violate(const char *what)
{
	if (kernel::add_return(violations, 1u) == 1)
		kernel::write_once(violation, what);
}

bool fake_verbs::fails(fv_point point)
{
	fv_fault &f = faults[point];
	u32 nth = kernel::read_once(f.nth);
	u32 use = kernel::add_return(f.uses, 1u);
	return nth && use >= nth && use - nth < f.times;
}

/* ---- what is mapped; lock held ---- */

/* @posted: one that is, or rather not. */
fv_map *fake_verbs::find(u64 addr, u32 len, u8 direction, bool exact, bool posted)
{
	fv_map *found = nullptr;
	u64 page = addr / PAGE_BYTES;
	for (u64 at = exact ? page : page - 1; at <= page; at++)
		for (fv_map *m = buckets[bucket_of(at)]; m; m = m->next) {
			bool in = addr >= m->addr && addr + len <= m->addr + m->len;
			if (exact)
				in = addr == m->addr && len == m->len;
			if (!in ||
			    !(exact ? m->direction == direction : fits(m->direction, direction)))
				continue;
			if (!found || (m->posted != 0) == posted)
				found = m;
		}
	return found;
}

bool fake_verbs::map(u64 addr, u32 len, u8 direction, rv_mr *mr)
{
	auto *m = static_cast<fv_map *>(kernel_zalloc(sizeof(fv_map), kernel::gfp_atomic));
	if (!m)
		return false;
	m->addr = addr;
	m->len = len;
	m->direction = direction;
	m->mr = mr;
	if (!len || (len > PAGE_BYTES && !join))
		violate("mapped: nothing, or too much");
	kernel::guard hold(lock);
	fv_map *&bucket = buckets[bucket_of(addr / PAGE_BYTES)];
	m->next = bucket;
	bucket = m;
	maps++;
	return true;
}

void fake_verbs::unmap(u64 addr, u32 len, u8 direction)
{
	fv_map *m;
	{
		kernel::guard hold(lock);
		m = find(addr, len, direction, true, false);
		if (!m) {
			violate("unmapped what is not mapped, or not so");
			return;
		}
		if (m->posted)
			violate("unmapped while a work request refers to it");
		if (m->mr && m->mr->registered)
			violate("unmapped while a peer may reach it");
		fv_map **at = &buckets[bucket_of(addr / PAGE_BYTES)];
		while (*at != m)
			at = &(*at)->next;
		*at = m->next;
		unmaps++;
	}
	kernel_free(m);
}

void fake_verbs::sync(u64 addr, u32 len, u8 direction, bool for_device)
{
	kernel::guard hold(lock);
	fv_map *m = find(addr, len, direction, false, false);
	if (!m) {
		violate("handed over what is not mapped, or not so");
		return;
	}
	syncs[direction == fv_to_device][for_device]++;
	each_unit(*m, addr, len, [&](u64 word, u64 bit) {
		if (for_device) {
			m->cpu[word] &= ~bit;
		} else {
			m->cpu[word] |= bit;
			m->dirty[word] &= ~bit;
		}
	});
}

/* The region that the device pages for a request of ours, if it is one. */
rv_mr *fake_verbs::paged_by(const rv_sge &sge)
{
	rv_mr *found = nullptr;
	mrs.each([&](rv_mr *mr) {
		if (mr->paged && mr->key == sge.lkey)
			found = mr;
	});
	return found;
}

void fake_verbs::post_sge(const rv_sge &sge, u8 direction)
{
	if (rv_mr *mr = paged_by(sge)) {
		mr->posted++;
		if (sge.addr < mr->iova || sge.addr + sge.length > mr->iova + mr->length)
			violate("posted what is not the region's");
		if (direction == fv_from_device && !(mr->access & RV_LOCAL_WRITE))
			violate("the device may not write there");
		return;
	}
	fv_map *m = find(sge.addr, sge.length, direction, false, false);
	if (sge.lkey != the_lkey)
		violate("posted with a wrong key");
	if (!m || !sge.length) {
		violate("posted what is not mapped, or not so");
		return;
	}
	m->posted++;
	each_unit(*m, sge.addr, sge.length, [&](u64 word, u64 bit) {
		if (m->cpu[word] & bit)
			violate("posted while it is the CPU's");
		if (direction == fv_from_device && m->dirty[word] & bit)
			violate("posted again, and nobody has looked at what had come");
	});
}

void fake_verbs::unpost_sge(const rv_sge &sge, u8 direction)
{
	if (rv_mr *mr = paged_by(sge)) {
		mr->posted--;
		return;
	}
	fv_map *m = find(sge.addr, sge.length, direction, false, true);
	if (m && m->posted)
		m->posted--;
}

void fake_verbs::wrote(u64 addr, u32 len, u8 direction)
{
	fv_map *m = find(addr, len, direction, false, true);
	if (m && len)
		each_unit(*m, addr, len, [&](u64 word, u64 bit) { m->dirty[word] |= bit; });
}

/* ---- devices ---- */

int fake_verbs::add(u32 index)
{
	rv_device &dev = devices[index];
	dev.refs = 1;
	void *user = rds_ib_device_add(&dev, &dev.limits);
	int err = kernel::pointer_error(user);
	if (err)
		return err;
	dev.user = user;
	kernel::store_release(dev.present, true);
	return 0;
}

/* Nobody finds it any more; who does at this moment has a reference. */
void fake_verbs::remove(u32 index)
{
	rv_device &dev = devices[index];
	if (!dev.present)
		return;
	{
		kernel::guard hold(lock);
		dev.present = false;
	}
	rds_ib_device_remove(dev.user);
}

static rv_device *get_present(rv_device *dev)
{
	kernel::guard hold(fv->lock);
	if (!dev || !dev->present)
		return nullptr;
	kernel::add_return(dev->refs, 1u);
	return dev;
}

extern "C" {

int rv_start(void)
{
	if (fv->fails(FV_START))
		return -ENOMEM;
	fv->started = true;
	for (u32 i = 0; i < fv->nr_devices; i++)
		(void)fv->add(i);
	return 0;
}

void rv_stop(void)
{
	fv->started = false;
	for (u32 i = 0; i < fv_devices; i++)
		fv->remove(i);
}

const char *rv_device_name(const rv_device *)
{
	return "fake";
}

void *rv_device_user(const rv_device *dev)
{
	return dev->user;
}

rv_device *rv_device_get(rv_device *dev)
{
	if (kernel::add_return(dev->refs, 1u) == 1)
		fv->violate("a device that nobody holds was taken");
	return dev;
}

bool rv_device_tryget(rv_device *dev)
{
	kernel::guard hold(fv->lock);
	if (!dev->refs)
		return false;
	kernel::add_return(dev->refs, 1u);
	return true;
}

void rv_device_put(rv_device *dev)
{
	u32 left = kernel::add_return(dev->refs, ~0u);
	if (left == ~0u)
		fv->violate("a device was given back that nobody holds");
}

void rv_device_wait(rv_device *dev)
{
	bench_may_sleep();
	rv_device_put(dev);
	if (!eventually([&] { return !kernel::read_once(dev->refs); }))
		fv->violate("somebody still holds a device that is to go");
}

u32 rv_lkey(const rv_device *)
{
	return the_lkey;
}

void *rv_page_address(page *page)
{
	return ib_page_address(page);
}

u64 rv_map(rv_device *, page *page, u32 off, u32 len, bool to_device)
{
	if (fv->fails(FV_MAP))
		return RV_NO_ADDRESS;
	u64 addr = address_of(static_cast<u8 *>(ib_page_address(page)) + off);
	return fv->map(addr, len, direction_of(to_device), nullptr) ? addr : RV_NO_ADDRESS;
}

void rv_unmap(rv_device *, u64 addr, u32 len, bool to_device)
{
	fv->unmap(addr, len, direction_of(to_device));
}

void rv_sync_for_cpu(rv_device *, u64 addr, u32 len, bool to_device)
{
	fv->sync(addr, len, direction_of(to_device), false);
}

void rv_sync_for_device(rv_device *, u64 addr, u32 len, bool to_device)
{
	fv->sync(addr, len, direction_of(to_device), true);
}

u32 rv_map_sg(rv_device *, scatterlist *sg, u32 nr, bool to_device)
{
	if (fv->fails(FV_MAP_SG))
		return 0;
	auto *l = static_cast<fv_list *>(
		kernel_zalloc(sizeof(fv_list) + nr * sizeof(rv_sge), kernel::gfp_atomic));
	if (!l)
		return 0;
	l->base = sg;
	l->nr = nr;
	l->to_device = to_device;
	for (u32 i = 0; i < nr; i++) {
		scatterlist *entry = ib_sg_at(sg, i);
		u64 addr = address_of(ib_sg_data(entry));
		u32 len = ib_sg_len(entry);
		rv_sge *last = l->mapped ? &l->sge[l->mapped - 1] : nullptr;
		if (fv->join && last && last->addr + last->length == addr)
			last->length += len;
		else
			l->sge[l->mapped++] = {addr, len, the_lkey};
	}
	for (u32 i = 0; i < l->mapped; i++)
		if (!fv->map(l->sge[i].addr, l->sge[i].length, direction_of(to_device), nullptr))
			fv->violate("no memory for the fake");
	kernel::guard hold(fv->lock);
	l->next = fv->lists;
	fv->lists = l;
	return l->mapped;
}

void rv_unmap_sg(rv_device *, scatterlist *sg, u32 nr, bool to_device)
{
	fv_list *l;
	{
		kernel::guard hold(fv->lock);
		fv_list **at = &fv->lists;
		while (*at &&
		       ((*at)->base != sg || (*at)->nr != nr || (*at)->to_device != to_device))
			at = &(*at)->next;
		l = *at;
		if (l)
			*at = l->next;
	}
	if (!l) {
		fv->violate("a scatter list was unmapped that is not mapped, or not so");
		return;
	}
	for (u32 i = 0; i < l->mapped; i++)
		fv->unmap(l->sge[i].addr, l->sge[i].length, direction_of(to_device));
	kernel_free(l);
}

scatterlist *rv_sg_next(rv_device *, scatterlist *sg, rv_sge *sge)
{
	kernel::guard hold(fv->lock);
	for (fv_list *l = fv->lists; l; l = l->next) {
		u32 i = ib_sg_index(l->base, sg);
		if (i >= l->mapped)
			continue;
		*sge = l->sge[i];
		return ib_sg_at(sg, 1);
	}
	fv->violate("more of a scatter list was read than is mapped");
	*sge = {};
	return sg;
}

} // extern "C"

/* ---- queue pairs ---- */

namespace {

u8 direction_of(rv_op op)
{
	return op == RV_SEND || op == RV_WRITE ? fv_to_device : fv_from_device;
}

/* Lock held, as for all of these. */
void announce(rv_queues *q)
{
	if (q->silenced)
		return;
	rds_ib_cq_event();
	ib_tasklet_schedule(q->tasklet);
}

void push_send(rv_queues *q, u64 pos, u64 id, rv_status status, bool tell)
{
	if (q->send_wc_in - q->send_wc_out == q->sizes.send_cqe) {
		fv->violate("overrun of the completion queue of sends");
		return;
	}
	u64 at = q->send_wc_in++ % q->sizes.send_cqe;
	q->send_wcs[at] = {id, 0, status, status ? 100u + status : 0, false};
	q->send_wc_pos[at] = pos;
	if (tell && q->send_armed) {
		q->send_armed = false;
		announce(q);
	}
}

/* @tell: it was solicited, or has failed. */
void push_recv(rv_queues *q, const rv_wc &wc, bool tell, bool quiet = false)
{
	if (q->recv_wc_in - q->recv_wc_out == q->sizes.recv_cqe) {
		fv->violate("overrun of the completion queue of receives");
		return;
	}
	q->recv_wcs[q->recv_wc_in++ % q->sizes.recv_cqe] = wc;
	if (!quiet && q->recv_armed && (tell || !q->solicited_only)) {
		q->recv_armed = false;
		announce(q);
	}
}

/* The device lets go of the oldest request. */
const fv_send &let_go_send(rv_queues *q)
{
	fv_send &s = q->sends[q->done++ % q->sizes.send_wr];
	for (u32 i = 0; i < s.wr.nr_sge; i++)
		fv->unpost_sge(s.sge[i], direction_of(s.wr.op));
	return s;
}

const rv_recv &let_go_recv(rv_queues *q)
{
	const rv_recv &r = q->recvs[q->recv_done++ % q->sizes.recv_wr];
	for (const rv_sge &sge : r.sge)
		fv->unpost_sge(sge, fv_from_device);
	return r;
}

void end_send(rv_queues *q, rv_status status, bool tell)
{
	u64 pos = q->done;
	const fv_send &s = let_go_send(q);
	if (s.wr.signaled || status != RV_OK)
		push_send(q, pos, s.wr.id, status, tell);
}

void flush_all(rv_queues *q, bool tell)
{
	while (q->done != q->posted)
		end_send(q, RV_FLUSHED, tell);
	while (q->recv_done != q->recv_posted)
		push_recv(q, {let_go_recv(q).id, 0, RV_FLUSHED, 100u + RV_FLUSHED, false}, tell,
			  !tell);
}

/* Into the oldest buffer. @read(offset, to, len) */
template <typename F>
bool fill_buffer(rv_queues *q, u32 len, bool solicited, F read)
{
	if (q->recv_done == q->recv_posted || len > RDS_HEADER_BYTES + RDS_FRAG_SIZE)
		return false;
	const rv_recv &r = q->recvs[q->recv_done % q->sizes.recv_wr];
	u32 at = 0;
	for (const rv_sge &sge : r.sge) {
		u32 n = len - at < sge.length ? len - at : sge.length;
		read(at, memory_at(sge.addr), n);
		fv->wrote(sge.addr, n, fv_from_device);
		at += n;
	}
	let_go_recv(q);
	push_recv(q, {r.id, len, RV_OK, 0, true}, solicited);
	return true;
}

bool move_message(rv_queues *from, rv_queues *to, const fv_send &s)
{
	u32 sge = 0, used = 0;
	return fill_buffer(to, fv_bytes(s), s.wr.solicited,
			   [&](u32, u8 *room, u32 len) {
				   while (len) {
					   u32 n = s.sge[sge].length - used;
					   if (n > len)
						   n = len;
					   __builtin_memcpy(room, memory_at(s.sge[sge].addr + used),
							    n);
					   room += n;
					   len -= n;
					   used += n;
					   if (used == s.sge[sge].length) {
						   sge++;
						   used = 0;
					   }
				   }
			   }) &&
	       (void(from), true);
}

/* Byte @at of a region, and how many follow it. */
u8 *byte_of(const rv_mr *mr, u64 at, u32 &left)
{
	u32 entry = 0;
	if (mr->paged) {
		left = static_cast<u32>(mr->length - at);
		return mr->paged + at;
	}
	while (at >= ib_sg_len(ib_sg_at(mr->sg, entry)))
		at -= ib_sg_len(ib_sg_at(mr->sg, entry++));
	scatterlist *e = ib_sg_at(mr->sg, entry);
	left = ib_sg_len(e) - static_cast<u32>(at);
	return static_cast<u8 *>(ib_sg_data(e)) + at;
}

/* @f(memory here, memory there, bytes) for each part of a transfer. */
template <typename F>
void each_part(const fv_send &s, rv_mr *mr, F f)
{
	u64 at = s.wr.remote_addr - mr->iova;
	for (u32 i = 0; i < s.wr.nr_sge; i++)
		for (u32 used = 0; used < s.sge[i].length;) {
			u32 n;
			u8 *there = byte_of(mr, at, n);
			if (n > s.sge[i].length - used)
				n = s.sge[i].length - used;
			f(memory_at(s.sge[i].addr + used), there, n);
			used += n;
			at += n;
		}
}

void operate(const fv_send &s, u8 *here, u8 *there)
{
	u64 was, now;
	__builtin_memcpy(&was, there, sizeof(was));
	const rv_wr &wr = s.wr;
	bool masked = wr.op == RV_MASKED_CSWP;
	u64 compare = masked ? wr.compare_mask : ~u64{0}, swap = masked ? wr.swap_mask : ~u64{0};
	now = was;
	if (wr.op == RV_FADD || wr.op == RV_MASKED_FADD)
		now = was + wr.compare_add;
	else if (!((was ^ wr.compare_add) & compare))
		now = (was & ~swap) | (wr.swap & swap);
	__builtin_memcpy(there, &now, sizeof(now));
	__builtin_memcpy(here, &was, sizeof(was));
}

/* Return: how it ends. */
rv_status transfer(rv_queues *to, const fv_send &s)
{
	rv_mr *mr = fv->reached(to->dev, s.wr.rkey, s.wr.remote_addr, fv_bytes(s));
	bool read = s.wr.op == RV_READ, write = s.wr.op == RV_WRITE;
	u32 needed = read ? RV_REMOTE_READ : write ? RV_REMOTE_WRITE : RV_REMOTE_ATOMIC;
	if (!mr || !(mr->access & needed))
		return RV_REMOTE_ACCESS;
	each_part(s, mr, [&](u8 *here, u8 *there, u32 n) {
		if (write)
			__builtin_memcpy(there, here, n);
		else if (read)
			__builtin_memcpy(here, there, n);
		else
			operate(s, here, there);
	});
	return RV_OK;
}

/* What is joined moves. Return: it broke. */
bool pump(rv_queues *q)
{
	rv_queues *to = q->peer;
	while (to && !q->failed && !to->failed && !q->held && q->done != q->posted) {
		const fv_send &s = q->sends[q->done % q->sizes.send_wr];
		if (s.wr.op == RV_SEND) {
			if (!move_message(q, to, s))
				return false;
			end_send(q, RV_OK, true);
			continue;
		}
		rv_status status = transfer(to, s);
		end_send(q, status, true);
		if (status == RV_OK)
			continue;
		q->failed = to->failed = true;
		flush_all(q, true);
		flush_all(to, true);
		return true;
	}
	return false;
}

/* What rv_queues_fail() and the end of a connection do. */
void fail_queues(rv_queues *q)
{
	q->failed = true;
	if (fv->flush_mode == fake_verbs::FLUSH_AT_ONCE)
		flush_all(q, false);
	else
		q->flush_polls = fv->flush_mode == fake_verbs::FLUSH_LATE ? 3 : ~0u;
}

void tasklet(void *arg)
{
	auto *q = static_cast<rv_queues *>(arg);
	if (kernel::read_once(q->silenced))
		return;
	if (kernel::exchange(q->event, false))
		rds_ib_broken(q->user);
	rds_ib_poll(q->user);
}

bool too_large(const rv_limits &l, const rv_sizes &s)
{
	return s.send_wr > l.qp_wr || s.recv_wr > l.qp_wr || s.send_cqe > l.cqe ||
	       s.recv_cqe > l.cqe || s.send_sge > l.send_sge || s.recv_sge > l.recv_sge ||
	       s.send_sge > fv_most_sge || s.recv_sge != 2 || !s.send_wr || !s.recv_wr;
}

template <typename T>
T *array(u32 nr)
{
	return static_cast<T *>(kernel_big_zalloc(nr * sizeof(T)));
}

} // namespace

u32 fv_bytes(const fv_send &s)
{
	u32 bytes = 0;
	for (u32 i = 0; i < s.wr.nr_sge; i++)
		bytes += s.sge[i].length;
	return bytes;
}

u32 fv_read(const fv_send &s, void *to, u32 len)
{
	auto *out = static_cast<u8 *>(to);
	u32 done = 0;
	for (u32 i = 0; i < s.wr.nr_sge && done < len; i++) {
		u32 n = s.sge[i].length < len - done ? s.sge[i].length : len - done;
		__builtin_memcpy(out + done, memory_at(s.sge[i].addr), n);
		done += n;
	}
	return done;
}

extern "C" {

rv_queues *rv_queues_create(rv_device *dev, rdma_cm_id *id, const rv_sizes *sizes, void *user)
{
	bench_may_sleep();
	if (fv->fails(FV_QUEUES))
		return error<rv_queues>(-ENOMEM);
	if (too_large(dev->limits, *sizes)) {
		fv->violate("a queue pair of more than the device has");
		return error<rv_queues>(-EINVAL);
	}
	auto *q = kernel::make<rv_queues>(kernel::gfp_kernel);
	if (!q)
		return error<rv_queues>(-ENOMEM);
	q->dev = dev;
	q->id = id;
	q->user = user;
	q->sizes = *sizes;
	q->tasklet = ib_tasklet_make(tasklet, q);
	q->sends = array<fv_send>(sizes->send_wr);
	q->recvs = array<rv_recv>(sizes->recv_wr);
	q->send_wcs = array<rv_wc>(sizes->send_cqe);
	q->send_wc_pos = array<u64>(sizes->send_cqe);
	q->recv_wcs = array<rv_wc>(sizes->recv_cqe);
	bool good = q->tasklet && q->sends && q->recvs && q->send_wcs && q->send_wc_pos &&
		    q->recv_wcs;
	q->destroyed = !good;
	kernel::guard hold(fv->lock);
	fv->queues.push_back(q);
	if (!good)
		return error<rv_queues>(-ENOMEM);
	if (id->queues)
		fv->violate("a second queue pair of one id");
	id->queues = q;
	return q;
}

void rv_queues_fail(rv_queues *q)
{
	bench_may_sleep();
	kernel::guard hold(fv->lock);
	if (q->destroyed)
		fv->violate("used after its end");
	fail_queues(q);
}

void rv_queues_poll_soon(rv_queues *q)
{
	if (kernel::read_once(q->silenced))
		fv->violate("polled after it was silenced");
	else
		ib_tasklet_schedule(q->tasklet);
}

bool rv_queues_drain(rv_queues *q, bool (*empty)(void *user), u32 ms)
{
	bench_may_sleep();
	if (!q->failed)
		fv->violate("drained, but it still works");
	struct call {
		rv_queues *q;
		bool (*empty)(void *user);
	} call = {q, empty};
	auto look = [](void *arg) {
		auto *c = static_cast<struct call *>(arg);
		{
			kernel::guard hold(fv->lock);
			if (c->q->flush_polls && c->q->flush_polls != ~0u && !--c->q->flush_polls)
				flush_all(c->q, false);
		}
		ib_tasklet_schedule(c->q->tasklet);
		ib_tasklet_settle(c->q->tasklet);
		return c->empty(c->q->user);
	};
	return bench_wait(look, &call, ms < fv->drain_ms ? ms : fv->drain_ms);
}

void rv_queues_silence(rv_queues *q)
{
	bench_may_sleep();
	kernel::exchange(q->silenced, true);
	ib_tasklet_settle(q->tasklet);
}

void rv_queues_destroy(rv_queues *q)
{
	bench_may_sleep();
	kernel::guard hold(fv->lock);
	if (q->destroyed || !q->silenced) {
		fv->violate("destroyed twice, or not silenced");
		return;
	}
	q->destroyed = true;
	while (q->done != q->posted)
		let_go_send(q);
	while (q->recv_done != q->recv_posted)
		let_go_recv(q);
	if (q->peer)
		q->peer->peer = nullptr;
	q->peer = nullptr;
	if (q->id->queues == q)
		q->id->queues = nullptr;
}

static bool well_formed(const rv_queues *q, const rv_wr &wr)
{
	bool atomic = wr.op >= RV_CSWP;
	bool sge = wr.nr_sge && wr.nr_sge <= q->sizes.send_sge;
	if (wr.op == RV_READ)
		sge = sge && wr.nr_sge <= q->dev->limits.read_sge;
	if (atomic)
		sge = wr.nr_sge == 1 && wr.sge->length == 8 && wr.remote_addr % 8 == 0;
	return sge && (wr.op == RV_SEND || (!wr.solicited && !wr.fence));
}

/* Ids are what completions are told by: of two at once one would be lost. */
static bool id_is_posted(const rv_queues *q, u64 id)
{
	for (u64 i = q->retired; i != q->posted; i++)
		if (q->sends[i % q->sizes.send_wr].wr.id == id)
			return true;
	return false;
}

u32 rv_post(rv_queues *q, const rv_wr *wrs, u32 nr)
{
	bool broke = false;
	rv_queues *to = nullptr;
	u32 take = fv->fails(FV_POST) ? kernel::read_once(fv->post_takes) : nr;
	if (take > nr)
		take = nr;
	{
		kernel::guard hold(fv->lock);
		fv->posts++;
		if (q->destroyed || q->silenced)
			fv->violate("posted after its end");
		for (u32 i = 0; i < take; i++) {
			if (q->posted - q->retired == q->sizes.send_wr) {
				fv->violate("overrun of the send queue");
				take = i;
				break;
			}
			if (!well_formed(q, wrs[i]))
				fv->violate("a work request that no device takes");
			if (id_is_posted(q, wrs[i].id))
				fv->violate("two work requests of one name");
			fv_send &s = q->sends[q->posted % q->sizes.send_wr];
			s.wr = wrs[i];
			for (u32 n = 0; n < wrs[i].nr_sge; n++) {
				s.sge[n] = wrs[i].sge[n];
				fv->post_sge(s.sge[n], direction_of(wrs[i].op));
			}
			s.wr.sge = s.sge;
			q->posted++;
			fv->wrs++;
			if (q->failed && !q->flush_polls)
				end_send(q, RV_FLUSHED, true);
		}
		to = q->peer;
		broke = pump(q);
	}
	if (broke) {
		q->broken();
		to->broken();
	}
	bench_wake();
	return take;
}

u32 rv_post_recv(rv_queues *q, const rv_recv *recvs, u32 nr)
{
	if (fv->fails(FV_POST_RECV))
		nr = kernel::read_once(fv->post_takes) < nr ? fv->post_takes : nr;
	kernel::guard hold(fv->lock);
	if (q->destroyed || q->silenced)
		fv->violate("posted after its end");
	for (u32 i = 0; i < nr; i++) {
		if (q->recv_posted - q->recv_retired == q->sizes.recv_wr) {
			fv->violate("overrun of the receive queue");
			return i;
		}
		for (const rv_sge &sge : recvs[i].sge)
			fv->post_sge(sge, fv_from_device);
		if (recvs[i].sge[0].length != RDS_HEADER_BYTES ||
		    recvs[i].sge[1].length != RDS_FRAG_SIZE)
			fv->violate("a buffer of another size");
		q->recvs[q->recv_posted++ % q->sizes.recv_wr] = recvs[i];
		if (q->failed && !q->flush_polls)
			push_recv(q, {let_go_recv(q).id, 0, RV_FLUSHED, 0, false}, true);
	}
	if (q->peer)
		(void)pump(q->peer);
	return nr;
}

u32 rv_poll_send(rv_queues *q, rv_wc *wcs, u32 nr)
{
	kernel::guard hold(fv->lock);
	u32 got = 0;
	for (; got < nr && q->send_wc_out != q->send_wc_in; got++) {
		u64 at = q->send_wc_out++ % q->sizes.send_cqe;
		wcs[got] = q->send_wcs[at];
		q->retired = q->send_wc_pos[at] + 1;
	}
	return got;
}

u32 rv_poll_recv(rv_queues *q, rv_wc *wcs, u32 nr)
{
	kernel::guard hold(fv->lock);
	u32 got = 0;
	for (; got < nr && q->recv_wc_out != q->recv_wc_in; got++) {
		wcs[got] = q->recv_wcs[q->recv_wc_out++ % q->sizes.recv_cqe];
		q->recv_retired++;
	}
	return got;
}

bool rv_arm_send(rv_queues *q)
{
	kernel::guard hold(fv->lock);
	q->send_armed = true;
	return q->send_wc_in != q->send_wc_out;
}

bool rv_arm_recv(rv_queues *q, bool solicited_only)
{
	kernel::guard hold(fv->lock);
	q->recv_armed = true;
	q->solicited_only = solicited_only;
	return q->recv_wc_in != q->recv_wc_out;
}

} // extern "C"

void rv_queues::complete(rv_status status)
{
	kernel::guard hold(fv->lock);
	if (done == posted) {
		fv->violate("the test completes what is not posted");
		return;
	}
	end_send(this, status, true);
}

void rv_queues::complete_all(rv_status status)
{
	while (waiting())
		complete(status);
}

bool rv_queues::arrive(const void *header, const void *payload, u32 len, bool solicited)
{
	kernel::guard hold(fv->lock);
	return fill_buffer(this, len, solicited, [&](u32 at, u8 *room, u32 n) {
		auto *from = static_cast<const u8 *>(at ? payload : header);
		if (n)
			__builtin_memcpy(room, from, n);
	});
}

bool rv_queues::arrive_as(const rv_wc &wc)
{
	kernel::guard hold(fv->lock);
	if (recv_done == recv_posted)
		return false;
	rv_wc as = wc;
	as.id = let_go_recv(this).id;
	push_recv(this, as, true);
	return true;
}

void rv_queues::flush()
{
	kernel::guard hold(fv->lock);
	flush_all(this, true);
}

void rv_queues::settle()
{
	ib_tasklet_settle(tasklet);
}

void rv_queues::poll()
{
	if (kernel::read_once(silenced))
		return;
	ib_tasklet_schedule(tasklet);
	settle();
}

void rv_queues::broken()
{
	kernel::exchange(event, true);
	ib_tasklet_schedule(tasklet);
}

/* ---- memory regions ---- */

rv_mr *fake_verbs::reached(const rv_device *dev, u32 key, u64 addr, u64 len)
{
	rv_mr *found = nullptr;
	mrs.each([&](rv_mr *mr) {
		if (mr->registered && mr->key == key && mr->dev == dev && (mr->sg || mr->paged) &&
		    addr >= mr->iova && addr + len <= mr->iova + mr->length)
			found = mr;
	});
	return found;
}

extern "C" {

static void mr_end(rv_mr *mr, void *user);

rv_mr *rv_mr_alloc(rv_device *dev, u32 pages)
{
	bench_may_sleep();
	if (fv->fails(FV_MR_ALLOC))
		return error<rv_mr>(-ENOMEM);
	auto *mr = kernel::make<rv_mr>(kernel::gfp_kernel);
	if (!mr)
		return error<rv_mr>(-ENOMEM);
	if (pages > dev->limits.mr_pages)
		fv->violate("a region of more pages than the device knows");
	mr->dev = dev;
	mr->pages = pages;
	kernel::guard hold(fv->lock);
	mr->number = ++fv->mr_numbers;
	mr->key = u32{mr->number} << 8;
	fv->mrs.push_back(mr);
	fv->mr_allocs++;
	return mr;
}

static void mr_free(rv_mr *mr)
{
	{
		kernel::guard hold(fv->lock);
		for (u32 i = 0; mr->sg && i < mr->nr; i++) {
			scatterlist *e = ib_sg_at(mr->sg, i);
			fv_map *m = fv->find(address_of(ib_sg_data(e)), ib_sg_len(e), fv_both, true,
					     false);
			if (m)
				m->mr = nullptr;
		}
		if (mr->posted)
			fv->violate("freed while a work request refers to it");
		decltype(fv->mrs)::remove(mr);
		fv->mr_frees++;
	}
	kernel::destroy(mr);
}

void rv_mr_free(rv_mr *mr)
{
	bench_may_sleep();
	mr_free(mr);
}

static void mr_end(rv_mr *mr, void *user)
{
	rv_device *dev = mr->dev;
	mr_free(mr);
	rds_ib_mr_freed(user);
	rv_device_put(dev);
}

void rv_mr_free_later(rv_mr *mr, void *user)
{
	{
		kernel::guard hold(fv->lock);
		if (!mr->paged)
			fv->violate("freed later: what should be flushed");
		mr->registered = fv->hold_mr_ends;
		if (fv->hold_mr_ends) {
			mr->user = user;
			return;
		}
	}
	mr_end(mr, user);
}

void rv_mr_wait(void)
{
	bench_may_sleep();
	fv->mr_waits++;
}

int rv_mr_map(rv_mr *mr, scatterlist *sg, u32 nr, u32 off, u64 length)
{
	bench_may_sleep();
	if (fv->fails(FV_MR_MAP))
		return -EBUSY;
	if (mr->sg || mr->registered || mr->unknown)
		fv->violate("a region was mapped that is not clean");
	if (nr > mr->pages || off >= PAGE_BYTES)
		fv->violate("a region of more than it has room for");
	mr->sg = sg;
	mr->nr = nr;
	mr->iova = off;
	mr->length = length;
	for (u32 i = 0; i < nr; i++, off = 0) {
		u32 n = PAGE_BYTES - off;
		if (length < n)
			n = static_cast<u32>(length);
		ib_sg_cut(sg, i, off, n);
		length -= n;
		if (fv->map(address_of(ib_sg_data(ib_sg_at(sg, i))), n, fv_both, mr))
			continue;
		rv_mr_unmap(mr->dev, sg, i);
		mr->sg = nullptr;
		return -EBUSY;
	}
	if (length)
		fv->violate("a region whose pages are fewer than its bytes");
	return 0;
}

void rv_mr_unmap(rv_device *, scatterlist *sg, u32 nr)
{
	{
		kernel::guard hold(fv->lock);
		fv->mrs.each([&](rv_mr *mr) {
			if (mr->sg == sg && !mr->registered)
				mr->sg = nullptr;
		});
	}
	for (u32 i = 0; i < nr; i++) {
		scatterlist *e = ib_sg_at(sg, i);
		fv->unmap(address_of(ib_sg_data(e)), ib_sg_len(e), fv_both);
	}
}

void rv_mr_sync(rv_mr *mr, scatterlist *sg, u32 nr, int direction)
{
	kernel::guard hold(fv->lock);
	if (mr->sg != sg || mr->nr != nr)
		fv->violate("handed over memory of another region");
	fv->mr_syncs[direction != DMA_FROM_DEVICE_VALUE]++;
}

u32 rv_mr_key(const rv_mr *mr)
{
	return mr->key;
}

u32 rv_mr_lkey(const rv_mr *mr)
{
	return mr->key;
}

rv_mr *rv_mr_on_demand(rv_device *dev, u64 start, u64 length, u64 iova, u32 access)
{
	if (!dev->limits.on_demand)
		fv->violate("paged by a device that cannot");
	rv_mr *mr = rv_mr_alloc(dev, 1);
	if (kernel::pointer_error(mr))
		return mr;
	kernel::guard hold(fv->lock);
	mr->paged = memory_at(start);
	mr->iova = iova;
	mr->length = length;
	mr->access = access;
	mr->registered = true;
	return mr;
}

int rv_mr_register(rv_mr *mr, u32 access)
{
	bench_may_sleep();
	kernel::guard hold(fv->lock);
	fv->registers++;
	if (!mr->sg || mr->registered)
		fv->violate("registered: what is not mapped, or twice");
	mr->key = u32{mr->number} << 8 | ++mr->generation;
	mr->registered = true;
	mr->access = access;
	mr->unknown = fv->fails(FV_MR_REGISTER);
	return mr->unknown ? -EIO : 0;
}

void rv_mr_invalidate(rv_device *, rv_mr *const *mrs, bool *failed, u32 nr)
{
	bench_may_sleep();
	kernel::guard hold(fv->lock);
	for (u32 i = 0; i < nr; i++) {
		fv->invalidates++;
		if (!mrs[i]->registered || mrs[i]->paged)
			fv->violate("invalidated what is not registered");
		failed[i] = mrs[i]->unknown = fv->fails(FV_MR_INVALIDATE);
		mrs[i]->registered = failed[i];
	}
}

} // extern "C"

void fake_verbs::let_mrs_end()
{
	for (;;) {
		rv_mr *held = nullptr;
		{
			kernel::guard hold(lock);
			mrs.each([&](rv_mr *mr) {
				if (mr->user)
					held = mr;
			});
		}
		if (!held)
			return;
		mr_end(held, held->user);
	}
}

/* ---- connection manager ---- */

rdma_cm_id *fake_verbs::make_id(void *context)
{
	auto *id = kernel::make<rdma_cm_id>(kernel::gfp_kernel);
	if (!id)
		return nullptr;
	id->handler = ib_mutex_make();
	if (!id->handler) {
		kernel::destroy(id);
		return nullptr;
	}
	id->context = context;
	kernel::guard hold(lock);
	ids.push_back(id);
	return id;
}

/* The thread of the CM delivers it, if there is one. Return: there is memory. */
bool fake_verbs::post_event(rdma_cm_id *id, rv_event_kind kind, const void *data, u32 len,
			    u32 padded)
{
	if (!kernel::read_once(cm_runs))
		return true;
	auto *e = kernel::make<rdma_cm_event>(kernel::gfp_kernel);
	if (!e) {
		violate("no memory for the fake");
		return false;
	}
	e->id = id;
	e->kind = kind;
	if (len)
		__builtin_memcpy(e->data, data, len);
	e->len = padded;
	if (id->remote) {
		e->initiator_depth = id->remote->responder_resources;
		e->responder_resources = id->remote->initiator_depth;
	}
	e->by_peer = kind == RV_EVENT_REJECTED;
	e->reject_value = id->remote ? id->remote->reject_value : 0;
	{
		kernel::guard hold(lock);
		events.push_back(e);
	}
	bench_wake();
	return true;
}

/* Its other end hears that it is gone. Handler's lock of @id held. */
void fake_verbs::lose(rdma_cm_id *id)
{
	rdma_cm_id *other = id->remote;
	if (!other)
		return;
	{
		kernel::guard hold(lock);
		if (other->queues && other->queues->peer && id->queues) {
			other->queues->peer = nullptr;
			id->queues->peer = nullptr;
		}
	}
	if (!kernel::exchange(other->told, true) && !kernel::read_once(other->destroyed))
		post_event(other, RV_EVENT_LOST, nullptr, 0, 0);
}

namespace {

/* Handler's lock held. */
void end_id(rdma_cm_id *id)
{
	if (id->destroyed)
		fv->violate("an id was destroyed twice");
	if (id->queues)
		fv->violate("an id was destroyed with its queue pair");
	kernel::write_once(id->destroyed, true);
	fv->lose(id);
}

void keep_offer(rdma_cm_id *id, const rv_offer *offer)
{
	if (offer->len > request_bytes)
		fv->violate("more private data than the CM has room for");
	__builtin_memcpy(id->data, offer->data, offer->len);
	id->len = offer->len;
	id->initiator_depth = offer->initiator_depth;
	id->responder_resources = offer->responder_resources;
	id->retry_count = offer->retry_count;
}

void alive(const rdma_cm_id *id)
{
	if (kernel::read_once(id->destroyed))
		fv->violate("an id was used after its end");
}

/* Lock not held. */
void join_queues(rdma_cm_id *a, rdma_cm_id *b)
{
	kernel::guard hold(fv->lock);
	if (!a->queues || !b->queues)
		return;
	a->queues->peer = b->queues;
	b->queues->peer = a->queues;
	(void)pump(a->queues);
	(void)pump(b->queues);
}

} // namespace

int fake_verbs::deliver(rdma_cm_id *id, rdma_cm_event &event)
{
	int ret = 0;
	ib_mutex_lock(id->handler);
	if (!kernel::read_once(id->destroyed)) {
		if (event.kind == RV_EVENT_ESTABLISHED)
			id->established = true;
		ret = rds_ib_event(id->context, id, &event);
		if (ret)
			end_id(id);
	}
	ib_mutex_unlock(id->handler);
	return ret;
}

int fake_verbs::deliver(rdma_cm_id *id, rv_event_kind kind, const void *data, u32 len)
{
	rdma_cm_event e{};
	e.kind = kind;
	e.len = len;
	if (len)
		__builtin_memcpy(e.data, data, len);
	e.initiator_depth = e.responder_resources = answer_depth;
	if (kind == RV_EVENT_ADDR_RESOLVED) {
		int index = device_at(id->laddr);
		id->dev = index < 0 ? nullptr : &devices[index];
	}
	return deliver(id, e);
}

int fake_verbs::reject(rdma_cm_id *id, s32 value, bool by_peer)
{
	rdma_cm_event e{};
	e.kind = RV_EVENT_REJECTED;
	e.by_peer = by_peer;
	e.reject_value = value;
	return deliver(id, e);
}

rdma_cm_id *fake_verbs::request_from(const in6_addr &faddr, const in6_addr &laddr, u8 tos)
{
	rdma_cm_id *id = make_id(nullptr);
	int index = device_at(laddr);
	if (!id)
		return nullptr;
	id->laddr = laddr;
	id->faddr = faddr;
	id->v6 = !is_mapped(laddr);
	id->tos = tos;
	id->requested = true;
	id->dev = index < 0 ? nullptr : &devices[index];
	return id;
}

rdma_cm_id *fake_verbs::active_id()
{
	rdma_cm_id *found = nullptr;
	kernel::guard hold(lock);
	ids.each([&](rdma_cm_id *id) {
		if (!id->requested && !id->destroyed && id->resolves)
			found = id;
	});
	return found;
}

u32 fake_verbs::living_ids()
{
	u32 n = 0;
	kernel::guard hold(lock);
	ids.each([&](rdma_cm_id *id) { n += !id->destroyed; });
	return n;
}

u32 fake_verbs::living_queues()
{
	u32 n = 0;
	kernel::guard hold(lock);
	queues.each([&](rv_queues *q) { n += !q->destroyed; });
	return n;
}

void fake_verbs::run_cm()
{
	while (!kernel::read_once(cm_stop)) {
		rdma_cm_event *e;
		auto ready = [](void *) {
			return kernel::read_once(fv->cm_stop) ||
			       (!kernel::read_once(fv->cm_hold) && !fv->events.empty());
		};
		if (!bench_wait_woken(ready, nullptr, 1000))
			continue;
		{
			kernel::guard hold(lock);
			bool stop = cm_hold || kernel::read_once(cm_stop);
			e = stop ? nullptr : events.pop_front();
			kernel::write_once(cm_busy, e != nullptr);
		}
		if (e)
			(void)deliver(e->id, *e);
		kernel::write_once(cm_busy, false);
		kernel::destroy(e);
		bench_wake();
	}
}

bool fake_verbs::start_cm()
{
	cm_stop = false;
	cm_runs = true;
	cm_thread = bench_start([](void *) { fv->run_cm(); }, nullptr);
	cm_runs = cm_thread;
	return cm_runs;
}

void fake_verbs::pause_cm()
{
	{
		kernel::guard hold(lock);
		kernel::write_once(cm_hold, true);
	}
	if (!eventually([&] { return !kernel::read_once(cm_busy); }))
		violate("a handler does not return");
}

void fake_verbs::resume_cm()
{
	kernel::write_once(cm_hold, false);
	bench_wake();
}

void fake_verbs::stop_cm()
{
	if (!cm_thread)
		return;
	kernel::write_once(cm_stop, true);
	bench_wake();
	bench_join(cm_thread);
	cm_thread = nullptr;
	cm_runs = false;
}

extern "C" {

int rv_listen(bool v6)
{
	if (fv->fails(v6 ? FV_LISTEN6 : FV_LISTEN))
		return -EADDRINUSE;
	fv->listening[v6] = true;
	return 0;
}

void rv_unlisten(void)
{
	fv->listening[0] = fv->listening[1] = false;
}

rdma_cm_id *rv_id_create(void *context)
{
	bench_may_sleep();
	rdma_cm_id *id = fv->fails(FV_ID_CREATE) ? nullptr : fv->make_id(context);
	return id ? id : error<rdma_cm_id>(-ENOMEM);
}

void rv_id_destroy(rdma_cm_id *id)
{
	bench_may_sleep();
	if (ib_mutex_is_mine(id->handler)) {
		fv->violate("an id was destroyed by its own handler");
		return;
	}
	ib_mutex_lock(id->handler);
	end_id(id);
	ib_mutex_unlock(id->handler);
}

void *rv_id_context(const rdma_cm_id *id)
{
	return id->context;
}

void rv_id_set_context(rdma_cm_id *id, void *context)
{
	if (!ib_mutex_is_mine(id->handler))
		fv->violate("the context was set outside of a handler");
	id->context = context;
}

void rv_id_lock(rdma_cm_id *id)
{
	ib_mutex_lock(id->handler);
	alive(id);
}

void rv_id_unlock(rdma_cm_id *id)
{
	ib_mutex_unlock(id->handler);
}

int rv_id_resolve_addr(rdma_cm_id *id, const in6_addr *laddr, const in6_addr *faddr, u32 scope_id)
{
	bench_may_sleep();
	alive(id);
	if (fv->fails(FV_RESOLVE_ADDR))
		return -EADDRNOTAVAIL;
	id->laddr = *laddr;
	id->faddr = *faddr;
	id->if_index = scope_id;
	id->v6 = !is_mapped(*laddr);
	if (fv->cm_runs) {
		int index = device_at(*laddr);
		id->dev = index < 0 ? nullptr : &fv->devices[index];
		fv->post_event(id, RV_EVENT_ADDR_RESOLVED, nullptr, 0, 0);
	}
	kernel::add_return(id->resolves, 1u);
	bench_wake();
	return 0;
}

int rv_id_resolve_route(rdma_cm_id *id, u8 tos)
{
	alive(id);
	if (fv->fails(FV_RESOLVE_ROUTE))
		return -ENODEV;
	if (!ib_mutex_is_mine(id->handler))
		fv->violate("resolved outside of a handler");
	id->tos = tos;
	id->routes++;
	fv->post_event(id, RV_EVENT_ROUTE_RESOLVED, nullptr, 0, 0);
	return 0;
}

int rv_id_connect(rdma_cm_id *id, const rv_offer *offer, u8 sl)
{
	alive(id);
	if (fv->fails(FV_CONNECT))
		return -EINVAL;
	if (!ib_mutex_is_mine(id->handler) || !id->queues)
		fv->violate("connected outside of a handler, or without a queue pair");
	keep_offer(id, offer);
	id->sl = sl;
	id->connects++;
	if (!fv->cm_runs || kernel::read_once(fv->drop_requests))
		return 0;
	rdma_cm_id *other = fv->listening[id->v6] ? fv->request_from(id->laddr, id->faddr, id->tos)
						  : nullptr;
	if (!other || !other->dev) {
		if (other)
			other->destroyed = true;
		fv->post_event(id, RV_EVENT_LOST, nullptr, 0, 0);
		return 0;
	}
	other->remote = id;
	id->remote = other;
	fv->post_event(other, RV_EVENT_REQUEST, id->data, id->len, request_bytes);
	return 0;
}

int rv_id_accept(rdma_cm_id *id, const rv_offer *offer)
{
	bench_may_sleep();
	alive(id);
	if (fv->fails(FV_ACCEPT))
		return -EINVAL;
	if (!ib_mutex_is_mine(id->handler) || !id->queues || !id->requested)
		fv->violate("accepted outside of a handler, or without a queue pair");
	keep_offer(id, offer);
	id->accepts++;
	bench_wake();
	rdma_cm_id *other = id->remote;
	if (!other)
		return 0;
	if (kernel::read_once(other->destroyed))
		return -EINVAL;
	join_queues(id, other);
	fv->post_event(other, RV_EVENT_ESTABLISHED, id->data, id->len, answer_bytes);
	fv->post_event(id, RV_EVENT_ESTABLISHED, nullptr, 0, 0);
	return 0;
}

void rv_id_reject(rdma_cm_id *id, s32 value)
{
	alive(id);
	if (!id->requested)
		fv->violate("rejected what is no request");
	id->rejects++;
	id->reject_value = value;
	if (id->remote && !kernel::exchange(id->remote->told, true))
		fv->post_event(id->remote, RV_EVENT_REJECTED, nullptr, 0, 0);
}

void rv_id_disconnect(rdma_cm_id *id)
{
	bench_may_sleep();
	alive(id);
	id->disconnects++;
	{
		kernel::guard hold(fv->lock);
		if (id->queues)
			fail_queues(id->queues);
	}
	fv->lose(id);
}

rv_device *rv_id_device(const rdma_cm_id *id)
{
	return fv->fails(FV_ID_DEVICE) ? nullptr : get_present(id->dev);
}

void rv_id_route(const rdma_cm_id *id, rv_route *route)
{
	*route = {};
	route->laddr = id->laddr;
	route->faddr = id->faddr;
	route->if_index = id->if_index;
	route->v6 = id->v6;
	route->sl = id->sl;
	for (u32 i = 0; i < 16; i++) {
		route->sgid[i] = static_cast<u8>(0x10 + i);
		route->dgid[i] = static_cast<u8>(0x20 + i);
	}
}

void rv_event_read(rdma_cm_id *, rdma_cm_event *event, rv_event *out)
{
	*out = {};
	out->kind = event->kind;
	out->data = event->len ? event->data : nullptr;
	out->len = event->len;
	out->initiator_depth = event->initiator_depth;
	out->responder_resources = event->responder_resources;
	out->by_peer = event->by_peer;
	out->reject_value = event->reject_value;
	out->name = "of the fake";
}

rv_device *rv_local_device(const in6_addr *addr, u32)
{
	int index = device_at(*addr);
	if (fv->fails(FV_LOCAL_DEVICE) || index < 0)
		return error<rv_device>(-EADDRNOTAVAIL);
	rv_device *dev = get_present(&fv->devices[index]);
	return dev ? dev : error<rv_device>(-EADDRNOTAVAIL);
}

bool rv_is_local(const in6_addr *addr, u32)
{
	return device_at(*addr) >= 0;
}

bool rv_net_is_initial(const net *net)
{
	return net == bench_init_net();
}

net *rv_net(void)
{
	return bench_init_net();
}

/* ---- ib_hooks.h ---- */

void *fv_kernel_alloc(size_t bytes, gfp_t gfp)
{
	if (gfp == kernel::gfp_atomic && fv->fails(FV_ALLOC))
		return nullptr;
	return kernel_alloc(bytes, gfp);
}

int fv_kernel_pieces_alloc(bio_vec *pieces, unsigned int max, size_t bytes, gfp_t gfp)
{
	if (gfp == kernel::gfp_atomic && fv->fails(FV_PIECES))
		return -ENOMEM;
	return kernel_pieces_alloc(pieces, max, bytes, gfp);
}

int fv_cong_recv_map(rds_connection *conn, rds_map_reader read, void *arg, int exact)
{
	return fv->fails(FV_CONG_MAP) ? -ENOMEM : rds_cong_recv_map(conn, read, arg, exact);
}

/* The scatter list is the test's from here on. */
void fv_sg_unpin(scatterlist *sg)
{
	if (ib_sg_unpin(sg) != 1)
		fv->violate("pages were unpinned twice");
	kernel::add_return(fv->unpins, 1u);
}

} // extern "C"
