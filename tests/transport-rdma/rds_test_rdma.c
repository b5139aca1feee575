// SPDX-License-Identifier: GPL-2.0
/*
 * A transport in the place of the InfiniBand one, with memory regions, RDMA and atomics that are
 * carried out by copying between pinned pages, and that fail as a test wants. For
 * tests/programs/rds-rdma.cc, which writes its parameters. It serves 10.96.0.0/16 in the initial
 * network namespace and reaches only itself.
 *
 * A connection is a queue of what was posted, operations and messages, which its work item carries
 * out in order. What the core may be told in softirq it is told with softirqs off: whatever sleeps
 * there shows. The mutex guards contents of regions and what is freed of them.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "rds/transport.h"
#include "rds_abi.h"

/* hold: what does not happen until the bit is cleared */
#define HOLD_WIRE	 1 /* anything at all */
#define HOLD_COMPLETIONS 2 /* operations are carried out, but not reported */
#define HOLD_ACKS	 4 /* messages are delivered, but not acknowledged */

static struct workqueue_struct *test_wq;
static DEFINE_MUTEX(region_mutex);
static LIST_HEAD(conns); /* conns_lock */
static DEFINE_SPINLOCK(conns_lock);

static atomic_t nr_regions, nr_operations, nr_flushes, nr_to_device, nr_from_device, nr_posted;

/*
 * ---- parameters ----
 */

static bool plain;
module_param(plain, bool, 0444);
MODULE_PARM_DESC(plain, "offer get_mr instead of get_mr_ex");
static bool need_conn;
module_param(need_conn, bool, 0644);
MODULE_PARM_DESC(need_conn, "get_mr_ex: EOPNOTSUPP without a connection, ENODEV before it is up");
static bool on_demand;
module_param(on_demand, bool, 0644);
MODULE_PARM_DESC(on_demand, "get_mr_ex takes memory that cannot be pinned, too");
static bool no_connect;
module_param(no_connect, bool, 0644);
MODULE_PARM_DESC(no_connect, "conn_connect fails");
static bool lazy;
module_param(lazy, bool, 0644);
MODULE_PARM_DESC(lazy, "freed regions stay in reach until flush_mrs, unless they are invalidated");
static uint next_key;
module_param(next_key, uint, 0644);
MODULE_PARM_DESC(next_key, "each region gets this key, taken or not; 0: a new one");
static int status = -1;
module_param(status, int, 0644);
MODULE_PARM_DESC(status, "what operations complete as; -1: as they went");

/* fail: "HOOK NTH ERRNO": the NTH call of it from now on fails with -ERRNO */
static struct fault {
	const char *hook;
	atomic_t left; /* 0: none */
	int err;
} faults[] = {
	{"get_mr"}, {"xmit_rdma"}, {"xmit_atomic"}, {"xmit"}, {"conn_connect"}, {"conn_alloc"},
};

static int fault(const char *hook)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (!strcmp(faults[i].hook, hook))
			return atomic_add_unless(&faults[i].left, -1, 0) &&
					       !atomic_read(&faults[i].left)
				       ? -faults[i].err
				       : 0;
	return 0;
}

static int fail_set(const char *value, const struct kernel_param *kp)
{
	char hook[16];
	int nth, err, i;

	if (sscanf(value, "%15s %d %d", hook, &nth, &err) != 3)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(faults[i].hook, hook))
			continue;
		faults[i].err = err;
		atomic_set(&faults[i].left, nth);
		return 0;
	}
	return -EINVAL;
}

static const struct kernel_param_ops fail_ops = {.set = fail_set};
module_param_cb(fail, &fail_ops, NULL, 0200);

/*
 * ---- regions ----
 */

struct region {
	struct list_head item; /* on freed */
	struct scatterlist *sg;
	u64 bytes;
	u32 key;
	bool listed; /* in regions, under its key */
	struct scatterlist *charge; /* of one whose pages are not pinned */
};

static DEFINE_XARRAY_ALLOC1(regions); /* region_mutex */
static LIST_HEAD(freed); /* freed_lock */
static DEFINE_SPINLOCK(freed_lock);

static void let_go(struct scatterlist *sg, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		put_page(sg_page(&sg[i]));
	kvfree(sg);
}

static void reap(void)
{
	LIST_HEAD(gone);
	struct region *r, *next;

	mutex_lock(&region_mutex);
	spin_lock_bh(&freed_lock);
	list_splice_init(&freed, &gone);
	spin_unlock_bh(&freed_lock);
	list_for_each_entry_safe (r, next, &gone, item) {
		if (r->listed)
			xa_erase(&regions, r->key);
		if (r->charge)
			let_go(r->sg, r->bytes / PAGE_SIZE);
		rds_sg_unpin(r->charge ?: r->sg);
		kfree(r);
		atomic_dec(&nr_regions);
	}
	mutex_unlock(&region_mutex);
}

static void reap_later(struct work_struct *work)
{
	reap();
}
static DECLARE_WORK(reap_work, reap_later);

static int region_list(struct region *r)
{
	static u32 next = 0x1000;
	int err;

	if (next_key) {
		r->key = next_key;
		err = xa_insert(&regions, r->key, r, GFP_KERNEL);
		r->listed = !err;
		return err == -EBUSY ? 0 : err;
	}
	r->listed = true;
	return xa_alloc_cyclic(&regions, &r->key, r, XA_LIMIT(0x1000, 0x7fffffff), &next,
			       GFP_KERNEL) < 0
		       ? -ENOMEM
		       : 0;
}

static void *test_get_mr(struct scatterlist *sg, unsigned long nr_sg, struct rds_sock *rs,
			 u32 *key_ret)
{
	int err = fault("get_mr");
	struct region *r = err ? NULL : kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return ERR_PTR(err ?: -ENOMEM);
	r->sg = sg;
	r->bytes = nr_sg * PAGE_SIZE;
	mutex_lock(&region_mutex);
	err = region_list(r);
	mutex_unlock(&region_mutex);
	if (err) {
		kfree(r);
		return ERR_PTR(err);
	}
	atomic_inc(&nr_regions);
	*key_ret = r->key;
	return r;
}

/*
 * "On demand": what cannot be pinned for long stays where it is as long as the tests keep its file.
 * The pages of @want, as a scatter list; or NULL.
 */
static struct scatterlist *look_up(const struct rds_region *want, unsigned int nr)
{
	struct scatterlist *sg = kvcalloc(nr, sizeof(*sg), GFP_KERNEL);
	struct page **pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	int i, got = 0;

	if (sg && pages)
		got = get_user_pages_fast(want->r_start & PAGE_MASK, nr,
					  want->r_writable ? FOLL_WRITE : 0, pages);
	if (sg && got == nr) {
		sg_init_table(sg, nr);
		for (i = 0; i < got; i++)
			sg_set_page(&sg[i], pages[i], PAGE_SIZE, 0);
	} else {
		for (i = 0; i < got; i++)
			put_page(pages[i]);
		kvfree(sg);
		sg = NULL;
	}
	kvfree(pages);
	return sg;
}

static void *page_region(struct rds_sock *rs, u32 *key_ret, const struct rds_region *want)
{
	unsigned int nr = DIV_ROUND_UP(offset_in_page(want->r_start) + want->r_length, PAGE_SIZE);
	struct scatterlist *sg = look_up(want, nr);
	struct region *r;

	if (!sg)
		return ERR_PTR(-EFAULT);
	r = test_get_mr(sg, nr, rs, key_ret);
	if (IS_ERR(r))
		let_go(sg, nr);
	else
		r->charge = want->r_charge;
	return r;
}

static void *test_get_mr_ex(struct scatterlist *sg, unsigned long nr_sg, struct rds_sock *rs,
			    u32 *key_ret, struct rds_connection *conn,
			    const struct rds_region *want)
{
	if (need_conn && !conn)
		return ERR_PTR(-EOPNOTSUPP);
	if (need_conn && rds_conn_state(conn) != RDS_CONN_UP)
		return ERR_PTR(-ENODEV);
	if (!sg)
		return WARN_ON(nr_sg) || !on_demand ? ERR_PTR(-EOPNOTSUPP)
						    : page_region(rs, key_ret, want);
	if (WARN_ON(want->r_operand))
		return ERR_PTR(-EINVAL);
	if (WARN_ON((want->r_start & ~PAGE_MASK) + want->r_length > nr_sg * PAGE_SIZE))
		return ERR_PTR(-EINVAL);
	return test_get_mr(sg, nr_sg, rs, key_ret);
}

static void test_sync_mr(void *handle, int direction)
{
	atomic_inc(direction == DMA_TO_DEVICE ? &nr_to_device : &nr_from_device);
}

static void test_free_mr(void *handle, int invalidate)
{
	struct region *r = handle;

	spin_lock_bh(&freed_lock);
	list_add_tail(&r->item, &freed);
	spin_unlock_bh(&freed_lock);
	if (invalidate || !lazy)
		queue_work(test_wq, &reap_work);
}

static void test_flush_mrs(void)
{
	atomic_inc(&nr_flushes);
	reap();
}

/* The region that a key names, if so many bytes lie in it. region_mutex held. */
static struct region *target(u32 key, u64 addr, u64 bytes)
{
	struct region *r = xa_load(&regions, key);

	return r && addr <= r->bytes && bytes <= r->bytes - addr ? r : NULL;
}

static void *byte_of(struct region *r, u64 addr, u64 *left)
{
	struct scatterlist *sg = r->sg + addr / PAGE_SIZE;

	*left = PAGE_SIZE - addr % PAGE_SIZE;
	return page_address(sg_page(sg)) + sg->offset + addr % PAGE_SIZE;
}

/*
 * ---- operations ----
 */

/* Between @local and what is at @addr of @r. */
static void move_part(bool write, void *local, struct region *r, u64 addr, u64 bytes)
{
	u64 left, n;

	for (; bytes; local += n, addr += n, bytes -= n) {
		void *remote = byte_of(r, addr, &left);

		n = min(left, bytes);
		if (write)
			memcpy(remote, local, n);
		else
			memcpy(local, remote, n);
	}
}

static int do_rdma(struct rm_rdma_op *op)
{
	struct region *r = target(op->op_rkey, op->op_remote_addr, op->op_bytes);
	u64 addr = op->op_remote_addr, from = offset_in_page(op->op_local_addr), done, left;
	struct scatterlist *sg;
	int i;

	if (!r)
		return RDS_RDMA_REMOTE_ERROR;
	for (done = 0; op->op_region && done < op->op_bytes; done += left) {
		void *local = byte_of(op->op_region, from + done, &left);

		left = min(left, op->op_bytes - done);
		move_part(op->op_write, local, r, addr + done, left);
	}
	for_each_sg(op->op_sg, sg, op->op_nents, i)
	{
		move_part(op->op_write, page_address(sg_page(sg)) + sg->offset, r, addr,
			  sg->length);
		addr += sg->length;
	}
	return RDS_RDMA_SUCCESS;
}

/* A bit of @nocarry keeps the carry of its place to itself. */
static u64 add_fields(u64 a, u64 b, u64 nocarry)
{
	u64 sum = 0;
	int bit, carry = 0;

	for (bit = 0; bit < 64; bit++) {
		int n = (a >> bit & 1) + (b >> bit & 1) + carry;

		sum |= (u64)(n & 1) << bit;
		carry = nocarry >> bit & 1 ? 0 : n >> 1;
	}
	return sum;
}

static u64 new_value(const struct rm_atomic_op *op, u64 old)
{
	if (op->op_kind == RDS_ATOMIC_FADD)
		return op->op_masked ? add_fields(old, op->op_compare_add, op->op_compare_mask)
				     : old + op->op_compare_add;
	if ((old ^ op->op_compare_add) & op->op_compare_mask)
		return old;
	return (old & ~op->op_swap_mask) | (op->op_swap & op->op_swap_mask);
}

static int do_atomic(struct rm_atomic_op *op)
{
	struct region *r = target(op->op_rkey, op->op_remote_addr, sizeof(u64));
	u64 *at, left;

	if (!r || op->op_remote_addr % sizeof(u64))
		return RDS_RDMA_REMOTE_ERROR;
	at = byte_of(r, op->op_remote_addr, &left);
	*(u64 *)(page_address(sg_page(op->op_sg)) + op->op_sg->offset) = *at;
	*at = new_value(op, *at);
	return RDS_RDMA_SUCCESS;
}

/*
 * ---- connections ----
 */

struct test_inc {
	struct rds_incoming inc;
	u8 *data;
};

/* One thing that was posted. */
struct item {
	struct list_head item;
	struct rds_message *rm; /* of an operation, counted; a message: NULL */
	bool atomic;
	int status; /* once carried out */
	struct rds_header hdr;
	struct test_inc *ti;
};

struct test_conn {
	struct list_head item; /* conns */
	struct rds_connection *conn;
	struct rds_connection *reverse; /* counted, from conn_connect to conn_shutdown */
	struct delayed_work work;
	spinlock_t lock;
	struct list_head wire; /* lock */
	struct list_head done; /* operations that are not reported; work */
	u64 acked; /* work */
	u64 told;
};

static unsigned int hold;

static void kick_all(void)
{
	struct test_conn *tc;

	spin_lock_bh(&conns_lock);
	list_for_each_entry (tc, &conns, item)
		mod_delayed_work(test_wq, &tc->work, 0);
	spin_unlock_bh(&conns_lock);
}

static int hold_set(const char *value, const struct kernel_param *kp)
{
	int err = param_set_uint(value, kp);

	if (!err)
		kick_all();
	return err;
}
static const struct kernel_param_ops hold_ops = {.set = hold_set, .get = param_get_uint};
module_param_cb(hold, &hold_ops, &hold, 0644);

static int drop_set(const char *value, const struct kernel_param *kp)
{
	struct test_conn *tc;

	spin_lock_bh(&conns_lock);
	list_for_each_entry (tc, &conns, item)
		rds_conn_drop(tc->conn);
	spin_unlock_bh(&conns_lock);
	return 0;
}
static const struct kernel_param_ops drop_ops = {.set = drop_set};
module_param_cb(drop, &drop_ops, NULL, 0200);

static int counters_get(char *to, const struct kernel_param *kp)
{
	return sysfs_emit(
		to, "regions=%d operations=%d flushes=%d to_device=%d from_device=%d posted=%d\n",
		atomic_read(&nr_regions), atomic_read(&nr_operations), atomic_read(&nr_flushes),
		atomic_read(&nr_to_device), atomic_read(&nr_from_device), atomic_read(&nr_posted));
}
static const struct kernel_param_ops counters_ops = {.get = counters_get};
module_param_cb(counters, &counters_ops, NULL, 0444);

static void free_inc(struct test_inc *ti)
{
	if (ti)
		kvfree(ti->data);
	kfree(ti);
}

/* Reported, or thrown away with the connection. */
static void end_operation(struct item *it, bool thrown)
{
	int how = status < 0 ? it->status : status;

	local_bh_disable();
	if (thrown)
		rds_message_unmapped(it->rm);
	else if (it->atomic)
		rds_atomic_send_complete(it->rm, how);
	else
		rds_rdma_send_complete(it->rm, how);
	rds_message_put(it->rm);
	local_bh_enable();
	atomic_dec(&nr_operations);
	kfree(it);
}

static void read_map(void *arg, unsigned int off, void *to, unsigned int len)
{
	memcpy(to, (u8 *)arg + off, len);
}

static void deliver(struct test_conn *tc, struct rds_connection *reverse, struct item *it)
{
	struct rds_connection *conn = tc->conn;
	struct test_inc *ti = it->ti;

	it->ti = NULL;
	local_bh_disable();
	if (it->hdr.h_flags == RDS_FLAG_CONG_BITMAP) {
		if (rds_cong_recv_map(reverse, read_map, ti->data, 1))
			rds_conn_drop(conn);
		free_inc(ti);
	} else {
		rds_inc_init(&ti->inc, reverse, &conn->c_laddr);
		ti->inc.i_hdr = it->hdr;
		rds_recv_incoming(reverse, &conn->c_laddr, &conn->c_faddr, &ti->inc, GFP_ATOMIC);
		rds_inc_put(&ti->inc);
		tc->acked = be64_to_cpu(it->hdr.h_sequence);
	}
	local_bh_enable();
	kfree(it);
}

static void carry_out(struct test_conn *tc, struct item *it)
{
	atomic_inc(&nr_posted);
	mutex_lock(&region_mutex);
	it->status = it->atomic ? do_atomic(&it->rm->m_atomic) : do_rdma(&it->rm->m_rdma);
	mutex_unlock(&region_mutex);
	list_add_tail(&it->item, &tc->done);
}

/* As the end of an RDMA that went wrong is the end of its connection. */
static void report(struct test_conn *tc)
{
	struct item *it;

	while (!(hold & HOLD_COMPLETIONS)) {
		int how;

		it = list_first_entry_or_null(&tc->done, struct item, item);
		if (!it)
			return;
		list_del(&it->item);
		how = status < 0 ? it->status : status;
		end_operation(it, false);
		if (how)
			rds_conn_drop(tc->conn);
	}
}

static struct item *next_item(struct test_conn *tc)
{
	struct item *it;

	spin_lock(&tc->lock);
	it = list_first_entry_or_null(&tc->wire, struct item, item);
	if (it)
		list_del(&it->item);
	spin_unlock(&tc->lock);
	return it;
}

static void run(struct work_struct *work)
{
	struct test_conn *tc = container_of(to_delayed_work(work), struct test_conn, work);
	/* kicks come at any time, also while the connection is shut down */
	struct rds_connection *reverse = READ_ONCE(tc->reverse);
	struct item *it;

	if (!reverse || rds_conn_state(tc->conn) != RDS_CONN_UP)
		return;
	if (!rds_conn_alive(reverse)) {
		rds_conn_drop(tc->conn);
		return;
	}
	for (;;) {
		report(tc);
		if (!(hold & HOLD_ACKS) && tc->told != tc->acked) {
			tc->told = tc->acked;
			local_bh_disable();
			rds_send_drop_acked(tc->conn, tc->told, NULL);
			local_bh_enable();
		}
		if (hold & HOLD_WIRE || rds_conn_state(tc->conn) != RDS_CONN_UP)
			return;
		it = next_item(tc);
		if (!it)
			return;
		if (it->rm)
			carry_out(tc, it);
		else
			deliver(tc, reverse, it);
		cond_resched();
	}
}

static void post(struct test_conn *tc, struct item *it)
{
	spin_lock(&tc->lock);
	list_add_tail(&it->item, &tc->wire);
	spin_unlock(&tc->lock);
	mod_delayed_work(test_wq, &tc->work, 0);
}

static int post_operation(struct rds_connection *conn, struct rds_message *rm, bool atomic)
{
	int err = fault(atomic ? "xmit_atomic" : "xmit_rdma");
	struct item *it;

	if (err)
		return err;
	it = kzalloc(sizeof(*it), GFP_KERNEL);
	if (!it)
		return -ENOMEM;
	rds_message_addref(rm);
	it->rm = rm;
	it->atomic = atomic;
	atomic_inc(&nr_operations);
	post(conn->c_transport_data, it);
	return 0;
}

static int test_xmit_rdma(struct rds_connection *conn, struct rm_rdma_op *op)
{
	return post_operation(conn, container_of(op, struct rds_message, m_rdma), false);
}

static int test_xmit_atomic(struct rds_connection *conn, struct rm_atomic_op *op)
{
	return post_operation(conn, container_of(op, struct rds_message, m_atomic), true);
}

static struct item *message_item(struct rds_message *rm)
{
	struct item *it = kzalloc(sizeof(*it), GFP_KERNEL);
	u32 at = 0, i;

	if (!it)
		return NULL;
	it->ti = kzalloc(sizeof(*it->ti), GFP_KERNEL);
	if (it->ti)
		it->ti->data = kvmalloc(rm->m_len ?: 1, GFP_KERNEL);
	if (!it->ti || !it->ti->data) {
		free_inc(it->ti);
		kfree(it);
		return NULL;
	}
	if (rm->m_retransmitted)
		rm->m_inc.i_hdr.h_flags |= RDS_FLAG_RETRANSMITTED;
	it->hdr = rm->m_inc.i_hdr;
	for (i = 0; i < rm->m_nr_pieces; i++) {
		struct bio_vec *piece = &rm->m_pieces[i];

		memcpy(it->ti->data + at, page_address(piece->bv_page) + piece->bv_offset,
		       piece->bv_len);
		at += piece->bv_len;
	}
	return it;
}

static int test_xmit(struct rds_connection *conn, struct rds_message *rm, unsigned int hdr_off,
		     unsigned int sg, unsigned int off)
{
	int err = fault("xmit");
	struct item *it;

	if (err)
		return err;
	it = message_item(rm);
	if (!it)
		return -ENOMEM;
	post(conn->c_transport_data, it);
	return RDS_HEADER_BYTES + rm->m_len;
}

static int test_recv(struct rds_connection *conn)
{
	return 0;
}

static int test_inc_copy_to_user(struct rds_incoming *inc, struct iov_iter *to)
{
	struct test_inc *ti = container_of(inc, struct test_inc, inc);
	size_t n = min_t(size_t, inc->i_len, iov_iter_count(to));

	return copy_to_iter(ti->data, n, to) == n ? n : -EFAULT;
}

static void test_inc_free(struct rds_incoming *inc)
{
	free_inc(container_of(inc, struct test_inc, inc));
}

static int test_laddr_check(struct net *net, __be32 addr)
{
	if (!net_eq(net, &init_net))
		return -EPROTOTYPE;
	return (addr & htonl(0xffff0000)) == htonl(0x0a600000) ? 0 : -EADDRNOTAVAIL;
}

static int test_conn_alloc(struct rds_connection *conn, gfp_t gfp)
{
	int err = fault("conn_alloc");
	struct test_conn *tc = err ? NULL : kzalloc(sizeof(*tc), gfp);

	if (!tc)
		return err ?: -ENOMEM;
	tc->conn = conn;
	spin_lock_init(&tc->lock);
	INIT_LIST_HEAD(&tc->wire);
	INIT_LIST_HEAD(&tc->done);
	INIT_DELAYED_WORK(&tc->work, run);
	conn->c_transport_data = tc;
	spin_lock_bh(&conns_lock);
	list_add(&tc->item, &conns);
	spin_unlock_bh(&conns_lock);
	return 0;
}

static void test_conn_free(void *data)
{
	struct test_conn *tc = data;

	spin_lock_bh(&conns_lock);
	list_del(&tc->item);
	spin_unlock_bh(&conns_lock);
	/* somebody may have kicked it meanwhile */
	cancel_delayed_work_sync(&tc->work);
	kfree(tc);
}

static int test_conn_connect(struct rds_connection *conn)
{
	struct test_conn *tc = conn->c_transport_data;
	struct rds_connection *reverse;
	int err = fault("conn_connect");

	if (err || no_connect)
		return err ?: -EHOSTUNREACH;
	reverse = rds_conn_reverse(conn);
	if (IS_ERR(reverse))
		return PTR_ERR(reverse);
	tc->reverse = reverse;
	rds_connect_complete(conn);
	return 0;
}

static void throw_away(struct list_head *items)
{
	struct item *it, *next;

	list_for_each_entry_safe (it, next, items, item) {
		list_del(&it->item);
		if (it->rm) {
			end_operation(it, true);
			continue;
		}
		free_inc(it->ti);
		kfree(it);
	}
}

static void test_conn_shutdown(struct rds_connection *conn)
{
	struct test_conn *tc = conn->c_transport_data;
	struct rds_connection *reverse = xchg(&tc->reverse, NULL);

	cancel_delayed_work_sync(&tc->work);
	throw_away(&tc->done);
	throw_away(&tc->wire);
	if (reverse)
		rds_conn_put(reverse);
}

static u8 test_tos_map(u8 tos)
{
	return tos;
}

static struct rds_transport test_transport = {
	.t_name = "test-rdma",
	.t_owner = THIS_MODULE,
	.t_type = RDS_TRANS_IB,
	.laddr_check = test_laddr_check,
	.conn_alloc = test_conn_alloc,
	.conn_free = test_conn_free,
	.conn_connect = test_conn_connect,
	.conn_shutdown = test_conn_shutdown,
	.xmit = test_xmit,
	.xmit_rdma = test_xmit_rdma,
	.xmit_atomic = test_xmit_atomic,
	.recv = test_recv,
	.inc_copy_to_user = test_inc_copy_to_user,
	.inc_free = test_inc_free,
	.sync_mr = test_sync_mr,
	.free_mr = test_free_mr,
	.flush_mrs = test_flush_mrs,
	.get_tos_map = test_tos_map,
};

static int __init test_init(void)
{
	int err;

	test_wq = alloc_workqueue("rds_test_rdma", WQ_UNBOUND, 0);
	if (!test_wq)
		return -ENOMEM;
	if (plain)
		test_transport.get_mr = test_get_mr;
	else
		test_transport.get_mr_ex = test_get_mr_ex;
	err = rds_trans_register(&test_transport);
	if (err)
		destroy_workqueue(test_wq);
	return err;
}

static void __exit test_exit(void)
{
	rds_trans_unregister(&test_transport);
	flush_workqueue(test_wq);
	reap();
	if (atomic_read(&nr_regions) || atomic_read(&nr_operations))
		pr_err("test-rdma: %d regions, %d operations were never freed\n",
		       atomic_read(&nr_regions), atomic_read(&nr_operations));
	destroy_workqueue(test_wq);
}

module_init(test_init);
module_exit(test_exit);
MODULE_DESCRIPTION("RDS: a transport with RDMA for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(RDS);
