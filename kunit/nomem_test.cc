// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_nomem: each call with the first, the second ... allocation failing, until none does.
 * What counts is the outcome: 0 or -ENOMEM, and that everything works afterwards. Debug kernels
 * allocate for themselves, too, so n says nothing. The scenario and kmemleak look for leaks.
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;
constexpr int most = 400;

/* @attempt(n) with the n-th allocation failing, @after() without. */
template <typename A, typename B>
void each_fault(kunit *test, A attempt, B after)
{
	u32 failed = 0;
	for (int nth = 1; nth < most; nth++) {
		bench_fault(nth);
		long ret = attempt();
		bool hit = bench_fault_end();
		if (ret < 0)
			EXPECT_EQ(ret, -ENOMEM);
		failed += ret < 0;
		after(ret);
		if (!hit) {
			EXPECT(ret >= 0);
			EXPECT(failed > 0);
			return;
		}
	}
	bench_fail(test, __FILE__, __LINE__, "too many allocations", most, failed);
}

} // namespace

TEST_CASE(nomem__bind)
{
	SCENARIO(s);
	s->trans.t_owner = bench_module();
	int before = bench_module_refs(bench_module());
	each_fault(
		test,
		[&] {
			test_socket a;
			return a ? bench_bind(a.raw(), fake_net + 1, from_port) : -ENOMEM;
		},
		[&](long) {
			EXPECT_EQ(bench_module_refs(bench_module()), before);
			EXPECT_EQ(rds_net_of(bench_init_net())->nr_bound, 0);
		});
	s->trans.t_owner = nullptr;
}

TEST_CASE(nomem__send_to_a_new_peer)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	rds_net *rn = rds_net_of(bench_init_net());
	u32 number = 0;
	each_fault(
		test, [&] { return send_number(from, 2, to_port, number); },
		[&](long ret) {
			if (ret >= 0)
				EXPECT_NUMBER(to, number);
			number++;
			rds_peer_destroy_all(rn, &s->trans);
			EXPECT_EQ(from.rds()->snd_bytes, 0);
			EXPECT_EQ(rn->nr_peers, 0);
			EXPECT(kernel::list_item_linked(&rn->owners_head) == false);
		});
	EXPECT_EMPTY(to);
}

TEST_CASE(nomem__send_small)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	u32 number = 0;
	EXPECT_EQ(send_number(from, 2, to_port, number), sizeof(numbered));
	EXPECT_NUMBER(to, number++);
	each_fault(
		test, [&] { return send_number(from, 2, to_port, number); },
		[&](long ret) {
			if (ret >= 0) /* what the transport lacked was tried again */
				EXPECT_NUMBER(to, number);
			number++;
		});
	EXPECT_EMPTY(to);
	EXPECT(eventually([&] { return !kernel::read_once(from.rds()->snd_bytes); }));
}

TEST_CASE(nomem__send_large)
{
	constexpr u32 len = 300000;
	buffer out(len), in(len);
	ASSERT(out && in);
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	from.buffers(1 << 20, 0);
	to.buffers(0, 1 << 20);
	fill_pattern(out.get(), len, 5);
	each_fault(
		test, [&] { return from.send(2, to_port, out.get(), len); },
		[&](long ret) {
			if (ret < 0)
				return;
			EXPECT_EQ(to.recv_wait(in.get(), len), len);
			EXPECT(check_pattern(in.get(), len, 5));
		});
	EXPECT_EMPTY(to);
	EXPECT(eventually([&] { return !kernel::read_once(from.rds()->snd_bytes); }));
}

TEST_CASE(nomem__accept)
{
	SCENARIO(s);
	rds_net *rn = rds_net_of(bench_init_net());
	in6_addr l = fake_addr(1), f = fake_addr(2);
	each_fault(
		test,
		[&]() -> long {
			rds_connection *c = rds_conn_accept(bench_init_net(), &l, &f, &s->trans, 0,
							    0);
			if (int err = kernel::pointer_error(c))
				return err;
			rds_conn_put(c);
			return 0;
		},
		[&](long) {
			rds_peer_destroy_all(rn, &s->trans);
			EXPECT_EQ(s->allocs, s->frees);
		});
}

/* Without memory for the bits a port stays open; it must not be half marked. */
TEST_CASE(nomem__congestion)
{
	SCENARIO(s);
	each_fault(
		test,
		[&]() -> long {
			test_socket to(2, to_port);
			if (!to.bound())
				return -ENOMEM;
			rds_cong_set_port(to.rds()->cong, to_port);
			bool set = to.rds()->cong->congested(to_port);
			rds_cong_clear_port(to.rds()->cong, to_port);
			EXPECT(!to.rds()->cong->congested(to_port));
			return set ? 0 : -ENOMEM;
		},
		[](long) {});
}

TEST_CASE(nomem__ping)
{
	SCENARIO(s);
	s->deliver = false;
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(lane);
	u64 sequence = 1;
	each_fault(
		test,
		[&]() -> long {
			u64 next = lane->c_tx.next;
			rds_header h = rds::make_header(kernel::be16(4321), kernel::be16(0), 0);
			h.h_sequence = kernel::be64(sequence++);
			if (!s->inject(lane.get(), h, nullptr))
				return -ENOMEM;
			return lane->c_tx.next == next ? -ENOMEM : 0; /* a lost pong is no harm */
		},
		[&](long) {
			ASSERT(eventually([&] { return !queued_on(lane.get()); }));
			rds_send_drop_acked(lane.get(), ~0ull, nullptr);
		});
	EXPECT_EQ(lane->c_pongs, 0);
}

TEST_CASE(nomem__received_map)
{
	SCENARIO(s);
	buffer map(RDS_CONG_MAP_BYTES);
	ASSERT(map);
	rds::congmap_set(map.get(), 7);
	rds::congmap_set(map.get(), 60000);
	each_fault(
		test,
		[&]() -> long {
			in6_addr l = fake_addr(1), f = fake_addr(9);
			int err = 0;
			rds_peer *p = rds_peer_find_or_create(rds_net_of(bench_init_net()), &l, &f,
							      &s->trans, 0, 0, &err);
			if (!p)
				return err;
			int ret = s->inject_map(&p->lane0, map.get(), false);
			EXPECT_EQ(p->fcong->congested(7), !ret);
			EXPECT_EQ(p->fcong->congested(60000), !ret);
			rds_conn_put(&p->lane0);
			return ret;
		},
		[&](long) { rds_peer_destroy_all(rds_net_of(bench_init_net()), &s->trans); });
}

/* Reading needs no memory of its own: what arrived can be had, however little there is. */
TEST_CASE(nomem__recvmsg)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	for (int nth = 1; nth < 10; nth++) {
		ASSERT_EQ(send_number(from, 2, to_port, nth), sizeof(numbered));
		ASSERT(eventually([&] { return kernel::read_once(to.rds()->rcv_count) == 1; }));
		numbered n{};
		bench_from who{};
		bench_fault(nth);
		long ret = to.recv(&n, sizeof(n), &who);
		bench_fault_end();
		EXPECT_EQ(ret, sizeof(n));
		EXPECT_EQ(n.number, nth);
		EXPECT_EQ(who.port, from_port);
	}
	EXPECT_EMPTY(to);
}
