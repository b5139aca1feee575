// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_ib_rdma: operations of messages, past the socket's own checks, on memory of the test's.
 * It completes their work requests, or a second end of ours has the other memory. rdma.md 8 and 10.
 */
#include "ib_scenario.h"

namespace {

constexpr u32 most_ops = 8;
constexpr u64 remote = 0x7000;
constexpr u32 rkey = 0xabcd01;
constexpr u64 all_ones = ~u64{0};

/* What a message asks for. The atomic's token is 100 more. */
struct wish {
	bool rdma = true;
	bool read = false;
	u32 entries = 1, entry_len = 4096;
	bool atomic = false, masked = false;
	u8 kind = RDS_ATOMIC_FADD;
	bool notify = true;
	bool silent = false;
	bool fence = false;
	u32 len = 16;
	u64 at = remote;
	u32 key = rkey;
	u64 compare_mask = all_ones, swap_mask = all_ones;
	const ib_paged *paged = nullptr; /* its memory, instead of entries */
};

struct operation {
	rds_message *rm;
	scatterlist *sg, *atomic_sg;
};

template <typename Op>
void fill(Op &op, rds_sock *rs, const wish &w, u64 token)
{
	op.op_active = 1;
	op.op_notify = w.notify;
	op.op_silent = w.silent;
	op.op_remote_addr = w.at;
	op.op_rkey = w.key;
	if (w.notify)
		op.op_notifier = rds_notify_make(rs, token);
}

/* Messages with operations from @from, which goes when they do, with @lane. */
class operations : kernel::pinned {
public:
	operations(test_socket &sock, u16 source, u32 to, u16 dport, const ib_lane &l)
	    : m_sock(sock), m_source(source), m_to(to), m_dport(dport), m_lane(l)
	{}
	/* Nobody has them any more when their memory goes. */
	~operations()
	{
		rds_peer_destroy(m_lane.get()->c_peer);
		m_sock.close();
		for (u32 i = 0; i < m_nr; i++) {
			m_ops[i].rm->m_rdma.op_sg = m_ops[i].rm->m_atomic.op_sg = nullptr;
			rds_message_put(m_ops[i].rm);
			ib_sg_free(m_ops[i].sg);
			ib_sg_free(m_ops[i].atomic_sg);
		}
	}
	/* On its way. The token is its place. */
	bool send(const wish &w)
	{
		rds_message *rm = rds_message_alloc(w.len, kernel::gfp_kernel);
		if (!rm || m_nr == most_ops)
			return false;
		u64 token = m_nr;
		operation &o = m_ops[m_nr++];
		o = {rm, w.rdma && !w.paged ? ib_sg_make(w.entries) : nullptr,
		     w.atomic ? ib_sg_make(1) : nullptr};
		rds_sock *rs = m_sock.rds();
		rm->m_inc.i_hdr = rds::make_header(kernel::be16(m_source), kernel::be16(m_dport),
						   w.len);
		rs->get();
		rm->m_rs = rs;
		if (w.rdma) {
			fill(rm->m_rdma, rs, w, token);
			rm->m_rdma.op_write = !w.read;
			rm->m_rdma.op_fence = w.fence;
		}
		if (w.paged) {
			rm->m_rdma.op_region = w.paged->handle();
			rm->m_rdma.op_local_addr = w.paged->addr();
			rm->m_rdma.op_bytes = w.entry_len;
		}
		if (o.sg) {
			rm->m_rdma.op_nents = w.entries;
			rm->m_rdma.op_sg = o.sg;
			rm->m_rdma.op_bytes = u64{w.entries} * w.entry_len;
			for (u32 i = 0; i < w.entries; i++)
				ib_sg_cut(o.sg, i, i / 257 * 800, w.entry_len);
		}
		if (o.atomic_sg) {
			rm_atomic_op &a = rm->m_atomic;
			fill(a, rs, w, token + 100);
			a.op_kind = w.kind;
			a.op_masked = w.masked;
			a.op_compare_add = 0x1122334455667788;
			a.op_swap = 0x99aabbccddeeff00;
			a.op_compare_mask = w.compare_mask;
			a.op_swap_mask = w.swap_mask;
			a.op_sg = o.atomic_sg;
			ib_sg_cut(o.atomic_sg, 0, 64, 8);
		}
		if (rds_sock_enqueue(rs, m_lane.get(), rm, ~0u))
			return false;
		rds_conn_connect_if_down(m_lane.get());
		rds_send_xmit(m_lane.get());
		return true;
	}
	u8 *memory(u32 i) const { return static_cast<u8 *>(ib_sg_data(m_ops[i].sg)); }
	u8 *atomic_memory(u32 i) const { return static_cast<u8 *>(ib_sg_data(m_ops[i].atomic_sg)); }
	rds_message *message(u32 i) const { return m_ops[i].rm; }
	/* The socket's helper knows another network. */
	int cancel() { return m_sock.cancel(m_to + (fv_net - fake_net), m_dport); }
	/* The next word: token * 10 + status. -1: none, although we wait. */
	long word(unsigned int ms = patience)
	{
		long got = -1;
		(void)eventually([&] { return (got = look()) >= 0; }, ms);
		return got;
	}
	/* No other one comes. */
	bool silent() { return word(30) < 0; }

private:
	long look()
	{
		u8 control[64] = {};
		bench_message m{};
		m.flags = MSG_DONTWAIT_VALUE;
		m.control = control;
		m.control_len = 32;
		if (bench_recvmsg(m_sock.raw(), &m) != 0)
			return -1;
		auto *n = static_cast<const rds_rdma_notify *>(
			bench_control_find(control, m.control_len, SOL_RDS, RDS_CMSG_RDMA_STATUS));
		return n ? static_cast<long>(n->user_token * 10 + n->status) : -1;
	}
	test_socket &m_sock;
	const u16 m_source;
	const u32 m_to;
	const u16 m_dport;
	const ib_lane &m_lane;
	operation m_ops[most_ops] = {};
	u32 m_nr = 0;
};

constexpr long word(u64 token, int status)
{
	return static_cast<long>(token * 10 + status);
}

/* A connection whose far end is the test, and operations on it. */
struct world : kernel::pinned {
	world(kunit *test, ib_scenario &s)
	    : far(test, s), ops(far.near, far.near_port, ib_far, ib_far_port, far.lane)
	{}
	bool up() { return far.ok() && far.up(); }
	ib_far_end far;
	operations ops;
};

#define WORLD(name)                                                                                \
	world name(test, s);                                                                       \
	ASSERT(name.up())

bool ends_and_works(kunit *test, world &w)
{
	numbered n{1, 1};
	EXPECT_EQ(w.far.send(&n, sizeof(n)), sizeof(n));
	ib_frame f;
	return EXPECT(w.far.take(f)) && EXPECT_EQ(f.len, sizeof(n));
}

} // namespace

/* ---- work requests ---- */

TEST_CASE(rdma__work_requests)
{
	for (bool read : {false, true})
		for (u32 entries : {1u, 4u, 5u, 8u, 9u, 2303u}) {
			ib_scenario s(test);
			ASSERT(s);
			s->devices[0].limits.read_sge = 4;
			rds_ib_settings.max_send_wr = 600;
			ASSERT_EQ(s.start(), 0);
			WORLD(w);
			wish op;
			op.read = read;
			op.entries = entries;
			op.entry_len = 200 +
				       entries % 7; /* 2303: 1024 ranges in twice as many pages */
			ASSERT(w.ops.send(op));
			u32 each = read ? 4 : 8, wrs = (entries + each - 1) / each;
			ASSERT(w.far.waiting(wrs + 1));
			u64 at = remote;
			for (u32 i = 0; i < wrs; i++) {
				const fv_send &r = w.far.q->request(i);
				EXPECT_EQ(r.wr.op, read ? RV_READ : RV_WRITE);
				EXPECT_EQ(r.wr.rkey, rkey);
				EXPECT_EQ(r.wr.remote_addr, at);
				EXPECT_EQ(r.wr.nr_sge,
					  i + 1 < wrs ? each : entries - (wrs - 1) * each);
				EXPECT_EQ(r.wr.signaled, i + 1 == wrs);
				EXPECT(!r.wr.solicited && !r.wr.fence);
				at += fv_bytes(r);
			}
			EXPECT_EQ(at - remote, u64{entries} * op.entry_len);
			/* the message follows */
			EXPECT_EQ(w.far.q->request(wrs).wr.op, RV_SEND);
			EXPECT(!w.far.q->request(wrs).wr.fence);
			for (u32 i = 0; i < wrs; i++)
				w.far.q->complete();
			w.far.q->settle();
			EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_SUCCESS));
			EXPECT(!w.ops.message(0)->m_rdma.op_mapped);
			EXPECT(w.ops.silent());
		}
}

TEST_CASE(rdma__fence)
{
	IB_SCENARIO(s);
	WORLD(w);
	wish op;
	op.fence = true;
	op.len = 10000;
	ASSERT(w.ops.send(op));
	ASSERT(w.far.waiting(1 + 3));
	EXPECT(!w.far.q->request(0).wr.fence);
	for (u32 i = 1; i < 4; i++)
		EXPECT(w.far.q->request(i).wr.fence);
	w.far.take_all();
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_SUCCESS));
}

/* A device that joins entries needs fewer work requests than there was room taken for. */
TEST_CASE(rdma__joined_entries)
{
	IB_SCENARIO(s);
	s->join = true;
	WORLD(w);
	u32 used = w.far.link()->send_ring.used();
	wish op;
	op.entries = 100;
	ASSERT(w.ops.send(op));
	ASSERT(w.far.waiting(2));
	EXPECT_EQ(w.far.q->request(0).wr.nr_sge, 1);
	EXPECT_EQ(fv_bytes(w.far.q->request(0)), 100 * 4096);
	EXPECT(w.far.q->request(0).wr.signaled);
	EXPECT_EQ(w.far.link()->send_ring.used() - used, 2);
	w.far.take_all();
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_SUCCESS));
}

/* Nobody waits for later traffic to hear of his operation; and many do not fill the ring. */
TEST_CASE(rdma__many_in_a_row)
{
	IB_SMALL_RING(s);
	WORLD(w);
	wish op;
	op.entries = 600; /* 75 work requests of 160 */
	for (u32 i = 0; i < 4; i++)
		ASSERT(w.ops.send(op));
	ASSERT(w.far.waiting(152));
	EXPECT(eventually([&] { return s.counter(RDS_IB_TX_RING_FULL) > 0; }));
	for (u32 i = 0; i < 4; i++) {
		for (u32 n = 0; n < 76; n++) {
			ASSERT(eventually([&] { return w.far.q->waiting() > 0; }));
			EXPECT_EQ(w.far.q->request(0).wr.op, n < 75 ? RV_WRITE : RV_SEND);
			w.far.q->complete();
			w.far.q->settle();
		}
		EXPECT_EQ(w.ops.word(), word(i, RDS_RDMA_SUCCESS));
	}
	EXPECT(w.ops.silent());
}

/* Silent ones with nothing to say have no message, and end with their completion. */
TEST_CASE(rdma__without_a_message)
{
	IB_SCENARIO(s);
	WORLD(w);
	wish op;
	op.silent = true;
	op.len = 0;
	ASSERT(w.ops.send(op));
	ASSERT(w.far.waiting(1));
	EXPECT_EQ(w.far.q->request(0).wr.op, RV_WRITE);
	w.far.q->complete();
	w.far.q->settle();
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_SUCCESS));
	EXPECT(eventually([&] { return !kernel::read_once(w.far.near.rds()->snd_bytes); }));
}

/* ---- how they end ---- */

/* The request that fails says why; those behind it are flushed. One word each. */
TEST_CASE(rdma__statuses)
{
	const struct {
		u32 good; /* of its 3 work requests, before the bad one */
		rv_status status;
		int told;
	} rows[] = {
		{0, RV_REMOTE_ACCESS, RDS_RDMA_REMOTE_ERROR},
		{1, RV_REMOTE_ACCESS, RDS_RDMA_REMOTE_ERROR},
		{2, RV_REMOTE_ACCESS, RDS_RDMA_REMOTE_ERROR},
		{1, RV_ERROR, RDS_RDMA_OTHER_ERROR},
		{2, RV_ERROR, RDS_RDMA_OTHER_ERROR},
	};
	for (bool read : {false, true})
		for (const auto &row : rows) {
			IB_SCENARIO(s);
			WORLD(w);
			wish op;
			op.read = read;
			op.entries = 24;
			ASSERT(w.ops.send(op)); /* this one fails */
			ASSERT(w.ops.send(op)); /* this one had no turn */
			ASSERT(w.far.waiting(8));
			for (u32 i = 0; i < row.good; i++)
				w.far.q->complete();
			w.far.q->complete(row.status);
			w.far.q->flush();
			ASSERT(w.far.drops());
			EXPECT_EQ(w.ops.word(), word(0, row.told));
			EXPECT(w.ops.silent());
			/* neither is repeated */
			ASSERT(w.far.up());
			EXPECT_EQ(w.ops.word(), word(1, RDS_RDMA_DROPPED));
			EXPECT(w.ops.silent());
			ends_and_works(test, w);
		}
}

TEST_CASE(rdma__flushed)
{
	IB_SCENARIO(s);
	for (auto mode :
	     {fake_verbs::FLUSH_AT_ONCE, fake_verbs::FLUSH_LATE, fake_verbs::FLUSH_NEVER}) {
		s->flush_mode = mode;
		s->drain_ms = 100;
		WORLD(w);
		wish op;
		op.entries = 20;
		ASSERT(w.ops.send(op));
		ASSERT(w.far.waiting(4));
		EXPECT(w.ops.message(0)->m_rdma.op_mapped);
		s->deliver(w.far.id, RV_EVENT_LOST);
		ASSERT(w.far.drops());
		EXPECT(!w.ops.message(0)->m_rdma.op_mapped);
		EXPECT(w.ops.silent());
		ASSERT(w.far.up());
		EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_DROPPED));
		EXPECT(w.ops.silent());
	}
}

/* Who cancels gets his memory back when the device has let go of it, not before. */
TEST_CASE(rdma__cancelled)
{
	for (bool lost : {false, true}) {
		IB_SCENARIO(s);
		WORLD(w);
		wish op;
		op.entries = 9;
		ASSERT(w.ops.send(op));
		ASSERT(w.far.waiting(3));
		bool returned = false;
		thread cancel([&] {
			w.ops.cancel();
			kernel::store_release(returned, true);
		});
		bench_sleep(50);
		EXPECT(!kernel::load_acquire(returned));
		if (lost) {
			s->deliver(w.far.id, RV_EVENT_LOST);
		} else {
			w.far.q->complete_all();
			w.far.q->settle();
		}
		EXPECT(eventually([&] { return kernel::load_acquire(returned); }));
		cancel.join();
		/* it was done all the same, or was not */
		EXPECT_EQ(w.ops.word(), word(0, lost ? RDS_RDMA_CANCELED : RDS_RDMA_SUCCESS));
		EXPECT(w.ops.silent());
		if (lost)
			ASSERT(w.far.drops() && w.far.up());
		ends_and_works(test, w);
	}
}

/* ---- what cannot be done ---- */

TEST_CASE(rdma__larger_than_the_ring)
{
	ib_scenario s(test);
	ASSERT(s);
	s->devices[0].limits.qp_wr = 64;
	ASSERT_EQ(s.start(), 0);
	WORLD(w);
	wish op;
	op.entries = 62 * 8 + 1;
	op.entry_len = 100;
	ASSERT(w.ops.send(op));
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_OTHER_ERROR));
	ends_and_works(test, w);
	op.entries = 62 * 8;
	ASSERT(w.ops.send(op));
	w.far.take_all();
	EXPECT_EQ(w.ops.word(), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(rds_conn_state(w.far.lane.get()), RDS_CONN_UP);
}

TEST_CASE(rdma__no_address)
{
	IB_SCENARIO(s);
	WORLD(w);
	s->fail(FV_MAP_SG, 1, 2);
	wish op;
	op.entries = 9;
	ASSERT(w.ops.send(op));
	ASSERT(w.far.waiting(3)); /* it was tried again */
	EXPECT(s->heal(FV_MAP_SG) >= 3);
	EXPECT_EQ(s.counter(RDS_IB_TX_SG_MAPPING_FAILURE), 2);
	w.far.take_all();
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_SUCCESS));
}

/* The device takes nothing of it: its sender is told, and the next one goes on. */
TEST_CASE(rdma__post_refused)
{
	IB_SCENARIO(s);
	WORLD(w);
	for (u32 i = 0; i < 2; i++) {
		s->post_takes = 0;
		s->fail(FV_POST);
		wish op;
		op.rdma = !i;
		op.atomic = i;
		op.entries = 9;
		ASSERT(w.ops.send(op));
		EXPECT_EQ(w.ops.word(), word(i ? 101 : 0, RDS_RDMA_OTHER_ERROR));
		EXPECT(w.ops.silent());
		s->heal(FV_POST);
		ends_and_works(test, w);
	}
	EXPECT_EQ(rds_conn_state(w.far.lane.get()), RDS_CONN_UP);
}

/* It takes a part: that may be executed, so the memory stays until the queue pair is gone. */
TEST_CASE(rdma__post_fails_half_way)
{
	for (u32 takes : {1u, 2u, 16u, 17u}) {
		IB_SCENARIO(s);
		s->flush_mode = fake_verbs::FLUSH_LATE;
		WORLD(w);
		s->post_takes = takes % 16;
		s->fail(FV_POST, takes > 15 ? 2 : 1);
		wish op;
		op.entries = 20 * 8;
		ASSERT(w.ops.send(op));
		ASSERT(w.far.drops());
		s->heal(FV_POST);
		EXPECT(!w.ops.message(0)->m_rdma.op_mapped);
		ASSERT(w.far.up());
		EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_DROPPED));
		EXPECT(w.ops.silent());
		ends_and_works(test, w);
	}
}

static void writes_only(kunit *test, ib_scenario &s)
{
	WORLD(w);
	wish op;
	op.read = true;
	ASSERT(w.ops.send(op));
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_OTHER_ERROR));
	op.read = false;
	ASSERT(w.ops.send(op));
	w.far.take_all();
	EXPECT_EQ(w.ops.word(), word(1, RDS_RDMA_SUCCESS));
}

/* One that reads needs depth; one that writes does not. */
TEST_CASE(rdma__no_reads)
{
	ib_scenario s(test);
	ASSERT(s);
	s->devices[0].limits.initiator_depth = 0;
	ASSERT_EQ(s.start(), 0);
	writes_only(test, s);
}

/* And the peer's depth counts as much: without it a device would never begin. */
TEST_CASE(rdma__peer_answers_no_reads)
{
	IB_SCENARIO(s);
	s->answer_depth = 0;
	writes_only(test, s);
}

/* ---- atomics ---- */

TEST_CASE(rdma__atomic_operands)
{
	IB_SCENARIO(s);
	WORLD(w);
	const struct {
		u8 kind;
		bool masked;
		u64 compare_mask, swap_mask;
		rv_op op;
	} rows[] = {
		{RDS_ATOMIC_FADD, false, 0, 0, RV_FADD},
		{RDS_ATOMIC_CSWP, false, all_ones, all_ones, RV_CSWP},
		{RDS_ATOMIC_FADD, true, 0x8000, 0, RV_MASKED_FADD},
		{RDS_ATOMIC_CSWP, true, 0xff, all_ones, RV_MASKED_CSWP},
		{RDS_ATOMIC_CSWP, true, all_ones, 0xff00, RV_MASKED_CSWP},
		/* masks that change nothing */
		{RDS_ATOMIC_FADD, true, 0, 0, RV_FADD},
		{RDS_ATOMIC_CSWP, true, all_ones, all_ones, RV_CSWP},
	};
	u32 i = 0;
	for (const auto &row : rows) {
		wish op;
		op.rdma = false;
		op.atomic = true;
		op.kind = row.kind;
		op.masked = row.masked;
		op.compare_mask = row.compare_mask;
		op.swap_mask = row.swap_mask;
		ASSERT(w.ops.send(op));
		ASSERT(w.far.waiting(2));
		const rv_wr &wr = w.far.q->request(0).wr;
		EXPECT_EQ(wr.op, row.op);
		EXPECT_EQ(wr.rkey, rkey);
		EXPECT_EQ(wr.remote_addr, remote);
		EXPECT_EQ(wr.compare_add, 0x1122334455667788);
		if (row.kind == RDS_ATOMIC_CSWP)
			EXPECT_EQ(wr.swap, 0x99aabbccddeeff00);
		if (row.op == RV_MASKED_CSWP || row.op == RV_MASKED_FADD)
			EXPECT_EQ(wr.compare_mask, row.compare_mask);
		if (row.op == RV_MASKED_CSWP)
			EXPECT_EQ(wr.swap_mask, row.swap_mask);
		EXPECT_EQ(wr.nr_sge, 1);
		EXPECT(wr.signaled && !wr.fence && !wr.solicited);
		w.far.take_all();
		EXPECT_EQ(w.ops.word(), word(100 + i++, RDS_RDMA_SUCCESS));
	}
	EXPECT_EQ(s.counter(RDS_IB_ATOMIC_FADD), 3);
	EXPECT_EQ(s.counter(RDS_IB_ATOMIC_CSWP), 4);
}

TEST_CASE(rdma__atomics_not_possible)
{
	for (u32 which = 0; which < 3; which++) {
		ib_scenario s(test);
		ASSERT(s);
		s->devices[0].limits.atomics = which != 0;
		s->devices[0].limits.masked_atomics = which > 1;
		ASSERT_EQ(s.start(), 0);
		WORLD(w);
		wish op;
		op.rdma = false;
		op.atomic = true;
		op.masked = which == 1;
		op.compare_mask = 1;
		op.at = which == 2 ? remote + 4 : remote;
		ASSERT(w.ops.send(op));
		EXPECT_EQ(w.ops.word(), word(100, RDS_RDMA_OTHER_ERROR));
		EXPECT(w.ops.silent());
		/* plain traffic goes on, and what is possible */
		ends_and_works(test, w);
		if (!which)
			continue;
		op.masked = false;
		op.at = remote;
		ASSERT(w.ops.send(op));
		w.far.take_all();
		EXPECT_EQ(w.ops.word(), word(101, RDS_RDMA_SUCCESS));
	}
}

TEST_CASE(rdma__atomic_statuses)
{
	const struct {
		rv_status status;
		int told;
	} rows[] = {{RV_REMOTE_ACCESS, RDS_RDMA_REMOTE_ERROR},
		    {RV_ERROR, RDS_RDMA_OTHER_ERROR},
		    {RV_FLUSHED, RDS_RDMA_DROPPED}};
	for (const auto &row : rows) {
		IB_SCENARIO(s);
		WORLD(w);
		wish op;
		op.rdma = false;
		op.atomic = true;
		ASSERT(w.ops.send(op));
		ASSERT(w.far.waiting(2));
		w.far.q->complete(row.status);
		ASSERT(w.far.drops());
		ASSERT(w.far.up());
		EXPECT_EQ(w.ops.word(), word(100, row.told));
		EXPECT(w.ops.silent());
		EXPECT_EQ(w.far.q->waiting(), 0); /* and it is not executed twice (I16) */
	}
}

/* Both in one message: in order, and each with its own word. */
TEST_CASE(rdma__both_kinds)
{
	IB_SCENARIO(s);
	WORLD(w);
	wish op;
	op.atomic = true;
	op.entries = 9;
	ASSERT(w.ops.send(op));
	ASSERT(w.far.waiting(4));
	EXPECT_EQ(w.far.q->request(1).wr.op, RV_WRITE);
	EXPECT_EQ(w.far.q->request(2).wr.op, RV_FADD);
	EXPECT_EQ(w.far.q->request(3).wr.op, RV_SEND);
	w.far.q->complete();
	w.far.q->complete();
	w.far.q->settle();
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_SUCCESS));
	EXPECT(w.ops.message(0)->m_atomic.op_mapped);
	w.far.q->complete();
	w.far.q->settle();
	EXPECT_EQ(w.ops.word(), word(100, RDS_RDMA_SUCCESS));
	EXPECT(w.ops.silent());
	w.far.take_all();
}

/* Of a message whose first operation is posted nothing can be given up. */
TEST_CASE(rdma__both_kinds_second_refused)
{
	IB_SCENARIO(s);
	WORLD(w);
	s->post_takes = 0;
	s->fail(FV_POST, 2);
	wish op;
	op.atomic = true;
	ASSERT(w.ops.send(op));
	ASSERT(w.far.drops());
	s->heal(FV_POST);
	ASSERT(w.far.up());
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_DROPPED));
	EXPECT_EQ(w.ops.word(), word(100, RDS_RDMA_DROPPED));
	EXPECT(w.ops.silent());
	ends_and_works(test, w);
}

/* ---- between two ends of ours ---- */

namespace {

/* Memory of the far end that is registered. */
struct target : kernel::pinned {
	target(u32 host, u32 pages, u64 start, u64 length, bool writable) : sg(ib_sg_make(pages))
	{
		in6_addr addr = fv_addr(host);
		const rds_region want = {&addr, 0, writable, false, start, length, nullptr};
		handle = rds_ib_transport.get_mr_ex(sg, pages, nullptr, &key, nullptr, &want);
	}
	~target()
	{
		if (ok()) {
			rds_ib_transport.free_mr(handle, 1);
			(void)eventually([&] { return ib_sg_unpins(sg) > 0; });
		}
		ib_sg_free(sg);
	}
	bool ok() const { return sg && !kernel::pointer_error(handle); }
	u8 *memory() const { return static_cast<u8 *>(ib_sg_data(sg)); }
	scatterlist *sg;
	void *handle = nullptr;
	u32 key = 0;
};

} // namespace

TEST_CASE(rdma__write_and_read)
{
	IB_SCENARIO(s);
	ib_pair pair(test, s);
	ASSERT(pair.ok());
	target to(2, 5, 100, 4 * 4096, true);
	ASSERT(to.ok());
	operations ops(pair.near, ib_near_port, 2, ib_far_port, pair.there);
	wish op;
	op.key = to.key;
	op.at = 100;
	op.entries = 4;
	ASSERT(pair.moves(1));
	ASSERT(ops.send(op));
	EXPECT_EQ(ops.word(), word(0, RDS_RDMA_SUCCESS));
	EXPECT(!__builtin_memcmp(to.memory(), ops.memory(0), 4096 - 100));
	/* what is there now, and comes back */
	fill_pattern(to.memory(), 4 * 4096, 3);
	op.read = true;
	ASSERT(ops.send(op));
	EXPECT_EQ(ops.word(), word(1, RDS_RDMA_SUCCESS));
	EXPECT(check_pattern(ops.memory(1), 4 * 4096, 3));
	EXPECT(ops.silent());
}

/* The peer reaches what it was given, and no byte more; what it may only read it cannot change. */
TEST_CASE(rdma__out_of_reach)
{
	const struct {
		u64 at;
		bool writable, read, good;
	} rows[] = {
		{100, true, false, true}, {99, true, false, false},   {101, true, false, false},
		{100, false, true, true}, {100, false, false, false}, {101, false, true, false},
		{0, true, true, false},
	};
	for (const auto &row : rows) {
		IB_SCENARIO(s);
		ib_pair pair(test, s);
		ASSERT(pair.ok());
		target to(2, 2, 100, 4096, row.writable);
		ASSERT(to.ok());
		operations ops(pair.near, ib_near_port, 2, ib_far_port, pair.there);
		wish op;
		op.key = to.key;
		op.at = row.at;
		op.read = row.read;
		ASSERT(ops.send(op));
		EXPECT_EQ(ops.word(), word(0, row.good ? RDS_RDMA_SUCCESS : RDS_RDMA_REMOTE_ERROR));
		EXPECT(ops.silent());
	}
}

TEST_CASE(rdma__atomics_between_two)
{
	IB_SCENARIO(s);
	ib_pair pair(test, s);
	ASSERT(pair.ok());
	target to(2, 1, 8, 64, true);
	ASSERT(to.ok());
	operations ops(pair.near, ib_near_port, 2, ib_far_port, pair.there);
	u64 was = 5, value;
	__builtin_memcpy(to.memory(), &was, sizeof(was));
	wish op;
	op.rdma = false;
	op.atomic = true;
	op.key = to.key;
	op.at = 8;
	ASSERT(ops.send(op));
	EXPECT_EQ(ops.word(), word(100, RDS_RDMA_SUCCESS));
	__builtin_memcpy(&value, to.memory(), sizeof(value));
	EXPECT_EQ(value, 5 + 0x1122334455667788);
	__builtin_memcpy(&value, ops.atomic_memory(0), sizeof(value));
	EXPECT_EQ(value, 5);
}

/* ---- memory that the device pages ---- */

/* Here, there, and on both sides, of more than one WRITE's or READ's length. */
TEST_CASE(rdma__on_demand)
{
	for (bool read : {false, true}) {
		ib_scenario s(test);
		ASSERT(s);
		ASSERT_EQ(s.start_paging(), 0);
		ib_pair pair(test, s);
		ASSERT(pair.ok());
		ib_paged here(ib_near, read, true), there(2, true, false);
		ASSERT(here.of() && there.of());
		operations ops(pair.near, ib_near_port, 2, ib_far_port, pair.there);
		ASSERT(pair.moves(1));
		fill_pattern(here.memory(), 3000, 1);
		fill_pattern(there.memory(), 3000, 2);
		s->fail(FV_MAP_SG);
		wish op;
		op.key = there.key;
		op.at = 100;
		op.read = read;
		op.paged = &here;
		op.entry_len = 3000;
		ASSERT(ops.send(op));
		EXPECT_EQ(ops.word(), word(0, RDS_RDMA_SUCCESS));
		EXPECT(check_pattern((read ? here : there).memory(), 3000, read ? 2 : 1));
		EXPECT(ops.silent());
		EXPECT_EQ(s->heal(FV_MAP_SG), 0);
		wish atomic;
		atomic.rdma = false;
		atomic.atomic = true;
		atomic.key = there.key;
		atomic.at = 104;
		ASSERT(ops.send(atomic));
		EXPECT_EQ(ops.word(), word(101, RDS_RDMA_SUCCESS));
		atomic.key = here.key;
		/* an operand is no peer's: that ends the connection */
		ASSERT(ops.send(atomic));
		EXPECT_EQ(ops.word(), word(102, RDS_RDMA_REMOTE_ERROR));
	}
}

/* Posted to a device that does not know the memory's key it would end the connection. */
TEST_CASE(rdma__on_demand_of_another_device)
{
	ib_scenario s(test);
	ASSERT(s);
	ASSERT_EQ(s.start_paging(), 0);
	ASSERT_EQ(s->add(1), 0);
	WORLD(w);
	ib_paged elsewhere(17, true, true), here(ib_near, true, true, w.far.lane.get());
	ASSERT(elsewhere.of() && here.of());
	EXPECT_EQ(elsewhere.of()->dev->index, 1);
	EXPECT_EQ(here.of()->dev->index, 0);
	wish op;
	op.read = true;
	op.paged = &elsewhere;
	op.entry_len = 64;
	ASSERT(w.ops.send(op));
	EXPECT_EQ(w.ops.word(), word(0, RDS_RDMA_OTHER_ERROR));
	ends_and_works(test, w);
	op.paged = &here;
	ASSERT(w.ops.send(op));
	ASSERT(w.far.waiting(2));
	const fv_send &r = w.far.q->request(0);
	EXPECT_EQ(r.wr.op, RV_READ);
	EXPECT_EQ(r.wr.nr_sge, 1);
	EXPECT_EQ(r.sge[0].addr, here.addr());
	EXPECT_EQ(r.sge[0].length, 64);
	EXPECT_EQ(r.sge[0].lkey, here.key);
	w.far.take_all();
	EXPECT_EQ(w.ops.word(), word(1, RDS_RDMA_SUCCESS));
}
