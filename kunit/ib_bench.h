/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The workbench of the InfiniBand suites: what fake_verbs.cc needs of the kernel. Process context
 * unless said otherwise.
 */
#ifndef RDS_KUNIT_IB_BENCH_H
#define RDS_KUNIT_IB_BENCH_H

#include "rds/types.h"

struct ib_mutex;
struct ib_tasklet;
struct page;

RDS_EXTERN_C_BEGIN

/* ---- tasklets, as those of queue pairs ---- */

struct ib_tasklet *ib_tasklet_make(void (*func)(void *arg), void *arg); /* NULL: no memory */
void ib_tasklet_schedule(struct ib_tasklet *t); /* A */
/** ib_tasklet_settle - until it neither runs nor is going to */
void ib_tasklet_settle(struct ib_tasklet *t);
void ib_tasklet_free(struct ib_tasklet *t); /* killed */

/* ---- mutexes of a class of their own: what the CM holds around a handler ---- */

struct ib_mutex *ib_mutex_make(void); /* NULL: no memory */
void ib_mutex_lock(struct ib_mutex *m);
void ib_mutex_unlock(struct ib_mutex *m);
bool ib_mutex_is_mine(struct ib_mutex *m);
void ib_mutex_free(struct ib_mutex *m);

/* ---- scatter lists ---- */

/** ib_sg_make - @nr entries of a whole page each, 257 of them one behind the other; or NULL */
struct scatterlist *ib_sg_make(unsigned int nr);
void ib_sg_free(struct scatterlist *sg);
/* Bytes @off to @off + @len - 1 of its page. */
void ib_sg_cut(struct scatterlist *sg, unsigned int i, unsigned int off, unsigned int len);
struct scatterlist *ib_sg_at(struct scatterlist *sg, unsigned int i); /* A */
unsigned int ib_sg_index(const struct scatterlist *base, const struct scatterlist *sg); /* A */
void *ib_sg_data(const struct scatterlist *sg); /* A */
unsigned int ib_sg_len(const struct scatterlist *sg); /* A */

/** ib_sg_unpin, ib_sg_unpins - count how often the whole was given back. Return: now. A. */
int ib_sg_unpin(struct scatterlist *sg);
int ib_sg_unpins(struct scatterlist *sg);

void *ib_page_address(struct page *page); /* A */

RDS_EXTERN_C_END

#endif /* RDS_KUNIT_IB_BENCH_H */
