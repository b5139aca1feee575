// SPDX-License-Identifier: GPL-2.0
/* The workbench of the InfiniBand suites, C half: see ib_bench.h. */
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ib_bench.h"

/*
 * ---- tasklets ----
 */

struct ib_tasklet {
	struct tasklet_struct tasklet;
	void (*func)(void *arg);
	void *arg;
};

static void tasklet_main(struct tasklet_struct *tasklet)
{
	struct ib_tasklet *t = from_tasklet(t, tasklet, tasklet);

	t->func(t->arg);
}

struct ib_tasklet *ib_tasklet_make(void (*func)(void *arg), void *arg)
{
	struct ib_tasklet *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	t->func = func;
	t->arg = arg;
	tasklet_setup(&t->tasklet, tasklet_main);
	return t;
}

void ib_tasklet_schedule(struct ib_tasklet *t)
{
	/* where softirqs may run, it runs before this returns */
	local_bh_disable();
	tasklet_schedule(&t->tasklet);
	local_bh_enable();
}

static bool busy(const struct ib_tasklet *t)
{
	return test_bit(TASKLET_STATE_SCHED, &t->tasklet.state) ||
	       test_bit(TASKLET_STATE_RUN, &t->tasklet.state);
}

void ib_tasklet_settle(struct ib_tasklet *t)
{
	while (busy(t))
		schedule_timeout_uninterruptible(1);
}

void ib_tasklet_free(struct ib_tasklet *t)
{
	if (t)
		tasklet_kill(&t->tasklet);
	kfree(t);
}

/*
 * ---- mutexes ----
 */

struct ib_mutex {
	struct mutex mutex;
	struct task_struct *owner;
};

struct ib_mutex *ib_mutex_make(void)
{
	struct ib_mutex *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (m)
		mutex_init(&m->mutex);
	return m;
}

void ib_mutex_lock(struct ib_mutex *m)
{
	mutex_lock(&m->mutex);
	WRITE_ONCE(m->owner, current);
}

void ib_mutex_unlock(struct ib_mutex *m)
{
	WRITE_ONCE(m->owner, NULL);
	mutex_unlock(&m->mutex);
}

bool ib_mutex_is_mine(struct ib_mutex *m)
{
	return READ_ONCE(m->owner) == current;
}

void ib_mutex_free(struct ib_mutex *m)
{
	kfree(m);
}

/*
 * ---- scatter lists ----
 */

struct ib_sg {
	size_t nr; /* pages */
	void *memory;
	atomic_t unpins;
	struct scatterlist sg[];
};

/* As many as a message has; longer lists have each of them several times. */
#define MOST_PAGES 257u

struct scatterlist *ib_sg_make(unsigned int nr)
{
	struct ib_sg *s = kvzalloc(struct_size(s, sg, nr), GFP_KERNEL);
	unsigned int i;

	if (!s)
		return NULL;
	s->nr = min(nr, MOST_PAGES);
	s->memory = alloc_pages_exact(s->nr * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!s->memory) {
		kvfree(s);
		return NULL;
	}
	sg_init_table(s->sg, nr);
	for (i = 0; i < nr; i++)
		sg_set_page(&s->sg[i], virt_to_page(s->memory + i % s->nr * PAGE_SIZE), PAGE_SIZE,
			    0);
	return s->sg;
}

void ib_sg_free(struct scatterlist *sg)
{
	struct ib_sg *s;

	if (!sg)
		return;
	s = container_of(sg, struct ib_sg, sg[0]);
	free_pages_exact(s->memory, s->nr * PAGE_SIZE);
	kvfree(s);
}

void ib_sg_cut(struct scatterlist *sg, unsigned int i, unsigned int off, unsigned int len)
{
	sg[i].offset = off;
	sg[i].length = len;
}

struct scatterlist *ib_sg_at(struct scatterlist *sg, unsigned int i)
{
	return sg + i;
}

unsigned int ib_sg_index(const struct scatterlist *base, const struct scatterlist *sg)
{
	return sg < base ? UINT_MAX : sg - base;
}

void *ib_sg_data(const struct scatterlist *sg)
{
	return page_address(sg_page((struct scatterlist *)sg)) + sg->offset;
}

unsigned int ib_sg_len(const struct scatterlist *sg)
{
	return sg->length;
}

int ib_sg_unpin(struct scatterlist *sg)
{
	return atomic_inc_return(&container_of(sg, struct ib_sg, sg[0])->unpins);
}

int ib_sg_unpins(struct scatterlist *sg)
{
	return atomic_read(&container_of(sg, struct ib_sg, sg[0])->unpins);
}

void *ib_page_address(struct page *page)
{
	return page_address(page);
}
