// SPDX-License-Identifier: GPL-2.0
/* Seam: memory, payload pages, copying from and to the user. */
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "kernel/seam.h"
#include "module.h"

/* 32 KiB: the largest piece that the allocator gives without effort. */
#define PIECE_ORDER 3

/*
 * Memory that its user fills in. Kernels that zero what they allocate (init_on_alloc, Debian's
 * default) spare caches that have a constructor: for a message, most of the price. Those need a
 * pointer behind each object.
 */
static const struct {
	const char *name;
	unsigned int bytes;
} raw_sizes[] = {{"rds_512", 504}, {"rds_1k", 1016}, {"rds_2k", RDS_RAW_MAX}};
static struct kmem_cache *raw_caches[ARRAY_SIZE(raw_sizes)];

static void raw_constructor(void *room) {}

/* ARRAY_SIZE(raw_sizes): none. Small ones are zeroed faster than a cache is found. */
static unsigned int raw_class(size_t bytes)
{
	return bytes <= 256	      ? 3
	       : bytes <= 504	      ? 0
	       : bytes <= 1016	      ? 1
	       : bytes <= RDS_RAW_MAX ? 2
				      : 3;
}

void *kernel_alloc(size_t bytes, gfp_t gfp)
{
	unsigned int i = raw_class(bytes);

	return i < ARRAY_SIZE(raw_sizes) ? kmem_cache_alloc(raw_caches[i], gfp)
					 : kmalloc(bytes, gfp);
}

size_t kernel_alloc_takes(size_t bytes)
{
	unsigned int i = raw_class(bytes);

	return i < ARRAY_SIZE(raw_sizes) ? raw_sizes[i].bytes + sizeof(void *)
					 : kmalloc_size_roundup(bytes);
}

void *kernel_zalloc(size_t bytes, gfp_t gfp)
{
	return kzalloc(bytes, gfp);
}

void kernel_free(const void *p)
{
	kfree(p);
}

void *kernel_big_zalloc(size_t bytes)
{
	return kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
}

void kernel_big_free(const void *p)
{
	kvfree(p);
}

/*
 * Pages of ended messages, for the next ones of the same CPU: neither allocated nor zeroed again,
 * which costs as much as copying the payload. A page may still be in use elsewhere (by a receiver
 * on this host, by a driver) when it gets here, so it is looked at when it is wanted, the oldest
 * first. Pages stay charged to the cgroup that allocated them and serve only that.
 *
 * Few pages that are warm do for traffic of single messages. Beyond them there is a stack of single
 * pages, for transports whose messages come in many: 1 MiB of one goes when it is read, and is
 * wanted at once for the next.
 */
#define SPARE_PAGES   8
#define SPARE_SINGLES 256

struct spares {
	struct page *page[PIECE_ORDER + 1][SPARE_PAGES]; /* a ring for each order */
	struct page *single[SPARE_SINGLES];
	u16 nr_singles;
	u8 first[PIECE_ORDER + 1], nr[PIECE_ORDER + 1];
};
/* Not static: what modules may have of that is little, and for all of them together. */
static struct spares __percpu *spares;

static bool same_cgroup(struct page *page, gfp_t gfp)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *charged, *mine;
	bool same;

	rcu_read_lock();
	charged = folio_memcg(page_folio(page));
	mine = gfp & __GFP_ACCOUNT ? mem_cgroup_from_task(current) : NULL;
	/* what the root group has is not charged */
	same = charged == mine || (!charged && mine && !mine->css.parent);
	rcu_read_unlock();
	return same;
#else
	return true;
#endif
}

static struct page *spare_get(unsigned int order, gfp_t gfp)
{
	struct page *page = NULL;
	struct spares *s;
	u8 *first;

	local_bh_disable();
	s = this_cpu_ptr(spares);
	first = &s->first[order];
	if (s->nr[order] && page_count(s->page[order][*first]) == 1) {
		page = s->page[order][*first];
		*first = (*first + 1) % SPARE_PAGES;
		s->nr[order]--;
	} else if (!order && s->nr_singles) {
		page = s->single[--s->nr_singles];
	}
	local_bh_enable();
	/* of the stack it may be in use elsewhere, too */
	if (page && (page_count(page) != 1 || !same_cgroup(page, gfp))) {
		put_page(page);
		page = NULL;
	}
	return page;
}

static void spare_put(struct page *page)
{
	unsigned int order = compound_order(page), i;
	struct page *out = NULL;
	struct spares *s;

	/* reserves go back; and where freed memory is to be cleared, it is not kept */
	if (page_to_nid(page) != numa_mem_id() || page_is_pfmemalloc(page) || want_init_on_free()) {
		put_page(page);
		return;
	}
	local_bh_disable();
	s = this_cpu_ptr(spares);
	i = (s->first[order] + s->nr[order]) % SPARE_PAGES;
	if (s->nr[order] == SPARE_PAGES) {
		out = s->page[order][i];
		s->first[order] = (i + 1) % SPARE_PAGES;
	} else {
		s->nr[order]++;
	}
	s->page[order][i] = page;
	if (out && !order && s->nr_singles < SPARE_SINGLES) {
		s->single[s->nr_singles++] = out;
		out = NULL;
	}
	local_bh_enable();
	if (out)
		put_page(out);
}

/* No message is left. */
static void spares_free(void)
{
	unsigned int order, i;
	int cpu;

	for_each_possible_cpu(cpu)
	{
		struct spares *s = per_cpu_ptr(spares, cpu);

		for (order = 0; order <= PIECE_ORDER; order++)
			for (i = 0; i < s->nr[order]; i++)
				put_page(s->page[order][(s->first[order] + i) % SPARE_PAGES]);
		while (s->nr_singles)
			put_page(s->single[--s->nr_singles]);
	}
	free_percpu(spares);
}

int rds_memory_init(void)
{
	unsigned int i;

	spares = alloc_percpu(struct spares);
	if (!spares)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(raw_sizes); i++) {
		raw_caches[i] = kmem_cache_create_usercopy(raw_sizes[i].name, raw_sizes[i].bytes, 0,
							   SLAB_HWCACHE_ALIGN, 0,
							   raw_sizes[i].bytes, raw_constructor);
		if (!raw_caches[i]) {
			rds_memory_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

void rds_memory_exit(void)
{
	unsigned int i;

	spares_free();
	for (i = 0; i < ARRAY_SIZE(raw_sizes); i++) {
		kmem_cache_destroy(raw_caches[i]);
		raw_caches[i] = NULL;
	}
}

static struct page *piece_alloc(size_t want, unsigned int *got, gfp_t gfp)
{
	unsigned int order = min_t(unsigned int, get_order(want), PIECE_ORDER);
	struct page *page = spare_get(order, gfp);

	for (; !page && order; order--) {
		page = alloc_pages((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP | __GFP_NOWARN |
					   __GFP_NORETRY,
				   order);
		if (page)
			break;
	}
	if (!page)
		page = alloc_page(gfp | __GFP_NOWARN);
	*got = PAGE_SIZE << order;
	return page;
}

int kernel_pieces_alloc(struct bio_vec *pieces, unsigned int max, size_t bytes, gfp_t gfp)
{
	unsigned int nr = 0, got;

	while (bytes) {
		struct page *page = nr < max ? piece_alloc(bytes, &got, gfp) : NULL;

		if (!page) {
			kernel_pieces_free(pieces, nr);
			return -ENOMEM;
		}
		pieces[nr].bv_page = page;
		pieces[nr].bv_offset = 0;
		pieces[nr].bv_len = min_t(size_t, bytes, got);
		bytes -= pieces[nr].bv_len;
		nr++;
	}
	return nr;
}

void kernel_pieces_recycle(struct bio_vec *pieces, unsigned int nr)
{
	while (nr--)
		spare_put(pieces[nr].bv_page);
}

/* Page references, not __free_pages(): a transport's skbs may still hold the page. */
void kernel_pieces_free(struct bio_vec *pieces, unsigned int nr)
{
	while (nr--)
		put_page(pieces[nr].bv_page);
}

void kernel_piece_of(struct bio_vec *piece, const void *p, unsigned int len)
{
	piece->bv_page = virt_to_page(p);
	piece->bv_offset = offset_in_page(p);
	piece->bv_len = len;
}

void kernel_pieces_fill(struct bio_vec *pieces, unsigned int nr, const void *from)
{
	unsigned int i, off = 0;

	for (i = 0; i < nr; i++) {
		void *to = page_address(pieces[i].bv_page) + pieces[i].bv_offset;

		if (from)
			memcpy(to, from + off, pieces[i].bv_len);
		else
			memset(to, 0, pieces[i].bv_len);
		off += pieces[i].bv_len;
	}
}

int kernel_pieces_from_iter(struct bio_vec *pieces, unsigned int nr, size_t bytes,
			    struct iov_iter *from)
{
	unsigned int i;

	for (i = 0; i < nr && bytes; i++) {
		/* lowmem on all supported machines: the piece is one run of addresses */
		void *to = page_address(pieces[i].bv_page) + pieces[i].bv_offset;
		size_t n = min_t(size_t, bytes, pieces[i].bv_len);

		if (copy_from_iter(to, n, from) != n)
			return -EFAULT;
		bytes -= n;
	}
	return 0;
}

int kernel_linear_from_iter(void *to, size_t bytes, struct iov_iter *from)
{
	return copy_from_iter(to, bytes, from) == bytes ? 0 : -EFAULT;
}

int kernel_linear_to_iter(const void *from, size_t bytes, struct iov_iter *to)
{
	size_t n = min_t(size_t, bytes, iov_iter_count(to));

	return copy_to_iter(from, n, to) == n ? n : -EFAULT;
}

int kernel_pieces_to_iter(const struct bio_vec *pieces, unsigned int nr, size_t bytes,
			  struct iov_iter *to)
{
	size_t left = min_t(size_t, bytes, iov_iter_count(to)), n;
	int done = 0;
	unsigned int i;

	for (i = 0; i < nr && left; i++) {
		const void *from = page_address(pieces[i].bv_page) + pieces[i].bv_offset;

		n = min_t(size_t, left, pieces[i].bv_len);
		if (copy_to_iter(from, n, to) != n)
			return -EFAULT;
		left -= n;
		done += n;
	}
	return done;
}

unsigned int kernel_iter_pages(const struct iov_iter *from)
{
	return iov_iter_npages(from, INT_MAX);
}

/* Return: how many pieces it would be; pages that find no room among @max are put. */
static unsigned int add_pieces(struct bio_vec *pieces, unsigned int nr, unsigned int max,
			       struct page **pages, size_t start, size_t bytes)
{
	unsigned int i;

	for (i = 0; bytes; i++, start = 0) {
		size_t n = min_t(size_t, bytes, PAGE_SIZE - start);

		bytes -= n;
		if (nr < max)
			bvec_set_page(&pieces[nr], pages[i], n, start);
		else
			put_page(pages[i]);
		nr++;
	}
	return nr;
}

int kernel_pieces_of_user(struct bio_vec *pieces, unsigned int max, size_t bytes,
			  struct iov_iter *from)
{
	struct page *pages[16];
	unsigned int nr = 0;
	ssize_t got = 0;
	size_t start;

	while (bytes) {
		got = iov_iter_get_pages2(from, pages, bytes, ARRAY_SIZE(pages), &start);
		if (got <= 0)
			break;
		bytes -= got;
		nr = add_pieces(pieces, nr, max, pages, start, got);
		if (nr > max)
			break;
	}
	if (!bytes && nr <= max)
		return nr;
	kernel_pieces_free(pieces, min(nr, max));
	return got < 0 ? got : -EFAULT;
}

int kernel_charge_locked(struct kernel_charge *c, size_t bytes)
{
	struct mmpin pin = {};
	int err = mm_account_pinned_pages(&pin, bytes);

	if (err)
		return err;
	c->user = pin.user;
	c->pages = pin.num_pg;
	return 0;
}

void kernel_uncharge_locked(struct kernel_charge *c)
{
	struct mmpin pin = {.user = c->user, .num_pg = c->pages};

	c->user = NULL;
	mm_unaccount_pinned_pages(&pin);
}

void kernel_list_corrupted(const void *item)
{
	WARN(1, "RDS: broken list at %p", item);
}
