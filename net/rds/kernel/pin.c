// SPDX-License-Identifier: GPL-2.0
/*
 * Seam: pages of a user that a device reads or writes: pinned, charged, described by a scatter
 * list. One object owns all of that, and its end cannot fail: the work item that unpins where it
 * may not sleep is part of it. Called by mr.cc, rdma.cc, message.cc and transports; no locks.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "kernel/seam.h"
#include "objects.h"
#include "rds/transport.h"

struct seam_pin {
	struct seam_work work;
	struct kernel_charge charge;
	bool write;
	unsigned int nr; /* entries that hold a page */
	unsigned int max;
	struct scatterlist sg[];
};

static struct seam_pin *pin_of(const struct scatterlist *sg)
{
	return container_of(sg, struct seam_pin, sg[0]);
}

bool kernel_may_lock(void)
{
	return can_do_mlock();
}

/* Dirtying may wait for the page's lock. */
static void unpin_pages(struct seam_pin *p)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		struct page *page = sg_page(&p->sg[i]);

		unpin_user_pages_dirty_lock(&page, 1, p->write);
		cond_resched();
	}
	p->nr = 0;
}

void kernel_pin_charge_only(struct scatterlist *sg)
{
	unpin_pages(pin_of(sg));
}

void kernel_unpin_now(struct scatterlist *sg)
{
	struct seam_pin *p = pin_of(sg);

	unpin_pages(p);
	kernel_uncharge_locked(&p->charge);
	kvfree(p);
}

/* Those that a worker has not got round to. */
static atomic_t unpins;
static DECLARE_WAIT_QUEUE_HEAD(all_unpinned);

static void unpin_work(void *work)
{
	struct seam_pin *p = container_of((struct seam_work *)work, struct seam_pin, work);

	kernel_unpin_now(p->sg);
	if (atomic_dec_and_test(&unpins) && wq_has_sleeper(&all_unpinned))
		wake_up_all(&all_unpinned);
}

/* A page's lock may be in the hands of somebody who does not let go. */
void kernel_unpin_flush(void)
{
	wait_event_killable_timeout(all_unpinned, !atomic_read(&unpins), HZ / 4);
}

void kernel_unpin(struct scatterlist *sg)
{
	atomic_inc(&unpins);
	kernel_work_queue(&pin_of(sg)->work, 0);
}

void rds_sg_unpin(struct scatterlist *sg)
{
	kernel_unpin(sg);
}

struct scatterlist *kernel_pin_begin(unsigned int max, bool write)
{
	struct seam_pin *p = kvzalloc(struct_size(p, sg, max), GFP_KERNEL_ACCOUNT);

	if (!p)
		return NULL;
	if (kernel_charge_locked(&p->charge, (size_t)max * PAGE_SIZE)) {
		kvfree(p);
		return NULL;
	}
	kernel_work_init(&p->work, unpin_work, KERNEL_WORK_UNPIN);
	p->write = write;
	p->max = max;
	sg_init_table(p->sg, max);
	return p->sg;
}

int kernel_pin_add(struct scatterlist *sg, u64 addr, u64 bytes, bool whole)
{
	struct seam_pin *p = pin_of(sg);
	unsigned int flags = FOLL_LONGTERM | (p->write ? FOLL_WRITE : 0);
	struct page *pages[32];

	while (bytes) {
		unsigned int off = offset_in_page(addr), room = p->max - p->nr, i;
		unsigned long want = DIV_ROUND_UP(off + bytes, PAGE_SIZE);
		int got;

		want = min3(want, ARRAY_SIZE(pages), (unsigned long)room);
		if (WARN_ON_ONCE(!want))
			return -EFAULT;
		got = pin_user_pages_fast(addr - off, want, flags, pages);
		if (got <= 0)
			return got ? got : -EFAULT;
		for (i = 0; i < got; i++, off = 0) {
			unsigned int n = min_t(u64, bytes, PAGE_SIZE - off);

			sg_set_page(&p->sg[p->nr++], pages[i], whole ? PAGE_SIZE : n,
				    whole ? 0 : off);
			addr += n;
			bytes -= n;
		}
		cond_resched();
	}
	return 0;
}

int kernel_may_access(u64 addr, u64 bytes, bool write)
{
	u64 at = addr & PAGE_MASK, end = PAGE_ALIGN(addr + bytes);
	struct page *pages[32];

	while (at < end) {
		int got = pin_user_pages_fast(at,
					      min_t(u64, (end - at) / PAGE_SIZE, ARRAY_SIZE(pages)),
					      write ? FOLL_WRITE : 0, pages);

		if (got <= 0)
			return got ? got : -EFAULT;
		unpin_user_pages(pages, got);
		at += (u64)got * PAGE_SIZE;
		cond_resched();
	}
	return 0;
}

int kernel_copy_from_user(void *to, u64 from, size_t bytes)
{
	return copy_from_user(to, u64_to_user_ptr(from), bytes) ? -EFAULT : 0;
}

int kernel_copy_to_user(u64 to, const void *from, size_t bytes)
{
	return copy_to_user(u64_to_user_ptr(to), from, bytes) ? -EFAULT : 0;
}

/* Few wait, and seldom: one queue for all. */
static DECLARE_WAIT_QUEUE_HEAD(unmapped);

void kernel_unmapped_wait(bool (*ready)(void *arg), void *arg)
{
	/* who is exiting, or a worker (a late fput), cannot be killed; the pages stay pinned anyway */
	if (!(current->flags & (PF_EXITING | PF_WQ_WORKER)))
		wait_event_killable(unmapped, ready(arg));
}

void kernel_unmapped_wake(void)
{
	if (wq_has_sleeper(&unmapped))
		wake_up_all(&unmapped);
}
