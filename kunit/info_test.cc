// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_info: the snapshot that getsockopt copies to the user. What the option call does with
 * lengths and pointers is seen from user space (tests/abi).
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;
constexpr u32 room = 64 * 1024;

struct snapshot {
	buffer mem{room};
	int each = 0;
	u64 bytes = 0;

	snapshot(int optname, u8 poison = 0, struct net *net = bench_init_net())
	{
		if (!mem)
			return;
		for (u32 i = 0; i < room; i++)
			mem[i] = poison;
		each = rds_info_snapshot(net, optname, mem.get(), room, &bytes);
	}
	u32 nr() const { return each > 0 ? u32(bytes / each) : 0; }
	template <typename R>
	const R *at(u32 i) const
	{
		return reinterpret_cast<const R *>(mem.get() + u64(i) * each);
	}
};

/* Lists that the core serves, and the record size of each; info.md 3. */
constexpr struct {
	int optname, each;
} lists[] = {
	{RDS_INFO_COUNTERS, 40},	  {RDS_INFO_CONNECTIONS, 42},
	{RDS_INFO_SEND_MESSAGES, 26},	  {RDS_INFO_RETRANS_MESSAGES, 26},
	{RDS_INFO_RECV_MESSAGES, 26},	  {RDS_INFO_SOCKETS, 28},
	{RDS6_INFO_CONNECTIONS, 65},	  {RDS6_INFO_SEND_MESSAGES, 50},
	{RDS6_INFO_RETRANS_MESSAGES, 50}, {RDS6_INFO_RECV_MESSAGES, 50},
	{RDS6_INFO_SOCKETS, 52},
};

/* Traffic that leaves something on each list. */
struct busy_world {
	scenario &s;
	test_socket from{1, from_port}, to{2, to_port};
	lane_ref lane, back;
	u8 data[100] = {};

	explicit busy_world(scenario &scene)
	    : s(scene), lane(scene.fake(), 1, 2), back(scene.fake(), 2, 1)
	{}
	/* No probe, pong or map is under way any more: what we put on the lists is all there is. */
	bool quiet() { return settled(lane.get()) && settled(back.get()); }
	static bool settled(rds_lane *l)
	{
		return l->up() && !queued_on(l) && !unacked_on(l) &&
		       !kernel::read_once(l->c_xmit_rm) &&
		       !kernel::read_once(l->c_peer->map_pending);
	}
	bool ok()
	{
		if (!from.bound() || !to.bound() || !lane || !back)
			return false;
		rds_conn_connect_if_down(back.get());
		/* received */
		if (from.send(2, to_port, data, 10) != 10 ||
		    !eventually([&] { return !to.rds()->received.empty() && quiet(); }))
			return false;
		/* on the retransmit list: taken by the wire, not acknowledged */
		s->deliver = s->ack = false;
		if (from.send(2, to_port, data, 20) != 20 ||
		    !eventually([&] { return unacked_on(lane.get()) == 1; }))
			return false;
		/* on the send list: the wire is full */
		s->room = 0;
		return from.send(2, to_port, data, 30) == 30 &&
		       from.send(2, to_port, data, 40) == 40;
	}
	u32 all_queued() { return queued_on(lane.get()) + unacked_on(lane.get()); }
};

void one_record(struct net *, rds_info_iterator *iter, unsigned int *each)
{
	*each = 4;
	rds_info_copy(iter, "abcd", 4);
}

void other_record(struct net *, rds_info_iterator *, unsigned int *each)
{
	*each = 8;
}

} // namespace

TEST_CASE(info__registry)
{
	constexpr int unused = 10002; /* was flows */
	u64 bytes = 0;
	EXPECT_EQ(rds_info_snapshot(bench_init_net(), unused, nullptr, 0, &bytes), -ENOPROTOOPT);
	EXPECT_EQ(rds_info_register_func(RDS_INFO_FIRST - 1, one_record, nullptr), -EINVAL);
	EXPECT_EQ(rds_info_register_func(RDS_INFO_LAST + 1, one_record, nullptr), -EINVAL);
	EXPECT_EQ(rds_info_register_func(RDS_INFO_COUNTERS, one_record, nullptr), -EEXIST);
	ASSERT_EQ(rds_info_register_func(unused, one_record, nullptr), 0);
	EXPECT_EQ(rds_info_register_func(unused, other_record, nullptr), -EEXIST);
	rds_info_deregister_func(unused, other_record); /* not its own */
	snapshot got(unused);
	EXPECT_EQ(got.each, 4);
	EXPECT_EQ(got.bytes, 4);
	EXPECT(got.mem && got.mem[3] == 'd');
	rds_info_deregister_func(unused, one_record);
	EXPECT_EQ(rds_info_snapshot(bench_init_net(), unused, nullptr, 0, &bytes), -ENOPROTOOPT);
}

TEST_CASE(info__counting_and_copying_agree)
{
	SCENARIO(s);
	busy_world w(s);
	ASSERT(w.ok());
	for (auto &list : lists) {
		u64 bytes = 0;
		int each = rds_info_snapshot(bench_init_net(), list.optname, nullptr, 0, &bytes);
		snapshot got(list.optname);
		EXPECT_EQ(each, list.each);
		EXPECT_EQ(got.each, list.each);
		EXPECT_EQ(got.bytes, bytes);
		EXPECT_EQ(bytes % list.each, 0);
		EXPECT(bytes > 0);
	}
}

/* Less room than needed: whole records, the rest untouched, and all of them counted. */
TEST_CASE(info__whole_records_only)
{
	SCENARIO(s);
	busy_world w(s);
	ASSERT(w.ok());
	for (auto &list : lists) {
		snapshot all(list.optname);
		buffer part(room);
		ASSERT(all.mem && part && all.bytes < room);
		for (u64 have = 0; have <= all.bytes; have += have < 100 ? 1 : 37) {
			u64 bytes = 0;
			for (u32 i = 0; i < room; i++)
				part[i] = 0xee;
			EXPECT_EQ(rds_info_snapshot(bench_init_net(), list.optname, part.get(),
						    have, &bytes),
				  list.each);
			EXPECT_EQ(bytes, all.bytes);
			u64 tail = 0;
			for (u64 i = have; i < room; i++)
				tail += part[i] != 0xee;
			EXPECT_EQ(tail, 0);
		}
	}
}

TEST_CASE(info__counters_in_order)
{
	struct counter {
		char name[32];
		u64 value;
	};
	snapshot got(RDS_INFO_COUNTERS);
	ASSERT(got.nr() >= 36);
	auto is = [&](u32 i, const char *name) {
		const char *have = got.at<counter>(i)->name;
		return !__builtin_strcmp(have, name);
	};
	EXPECT(is(0, "conn_reset"));
	EXPECT(is(2, "recv_drop_old_seq"));
	EXPECT(is(6, "recv_delivered"));
	EXPECT(is(24, "send_pong"));
	EXPECT(is(33, "recv_bytes_added_to_sock"));
	EXPECT(is(34, "recv_bytes_freed_fromsock"));
	EXPECT(is(35, "send_stuck_rm"));
	for (u32 i = 0; i < got.nr(); i++)
		EXPECT(!got.at<counter>(i)->name[31]);
}

TEST_CASE(info__sockets)
{
	test_socket unbound;
	SCENARIO(s);
	test_socket a(1, from_port);
	ASSERT(unbound && a.bound());
	a.buffers(5000, 6000);
	EXPECT_EQ(bench_connect(a.raw(), fake_net + 7, 77), 0);
	snapshot v4(RDS_INFO_SOCKETS), v6(RDS6_INFO_SOCKETS);
	EXPECT_EQ(v6.nr(), v4.nr() + 1);
	bool found = false, lone = false;
	for (u32 i = 0; i < v4.nr(); i++) {
		auto *r = v4.at<rds_info_socket>(i);
		if (r->bound_port != kernel::be16(from_port).raw())
			continue;
		found = true;
		EXPECT_EQ(r->sndbuf, 5000);
		EXPECT_EQ(r->rcvbuf, 6000);
		EXPECT(r->bound_addr == kernel::be32(fake_net + 1).raw());
		EXPECT(r->connected_addr == kernel::be32(fake_net + 7).raw());
		EXPECT(r->connected_port == kernel::be16(77).raw());
	}
	for (u32 i = 0; i < v6.nr(); i++)
		lone |= !v6.at<rds6_info_socket>(i)->bound_port;
	EXPECT(found);
	EXPECT(lone);
}

/* Send list, retransmit list, receive list; and the addresses that the kernel's own lists lack. */
TEST_CASE(info__messages_move_along)
{
	SCENARIO(s);
	busy_world w(s);
	ASSERT(w.ok());
	snapshot queue(RDS_INFO_SEND_MESSAGES), sent(RDS_INFO_RETRANS_MESSAGES),
		got(RDS_INFO_RECV_MESSAGES);
	EXPECT_EQ(queue.nr() + sent.nr(), w.all_queued());
	EXPECT_EQ(got.nr(), 1);
	ASSERT(queue.nr() && sent.nr() && got.nr());
	auto *r = queue.at<rds_info_message>(queue.nr() - 1);
	EXPECT_EQ(r->len, 40);
	EXPECT(r->laddr == kernel::be32(fake_net + 1).raw());
	EXPECT(r->faddr == kernel::be32(fake_net + 2).raw());
	EXPECT(r->lport == kernel::be16(from_port).raw());
	EXPECT(r->fport == kernel::be16(to_port).raw());
	EXPECT_EQ(sent.at<rds_info_message>(0)->len, 20);
	EXPECT(sent.at<rds_info_message>(0)->seq < r->seq);
	auto *in = got.at<rds_info_message>(0);
	EXPECT_EQ(in->len, 10);
	/* local is the side that asks */
	EXPECT(in->laddr == kernel::be32(fake_net + 2).raw());
	EXPECT(in->lport == kernel::be16(to_port).raw());
	EXPECT(in->fport == kernel::be16(from_port).raw());
}

/* CVE-2026-97476 */
TEST_CASE(info__only_of_the_namespace)
{
	struct net *other = bench_net_make();
	ASSERT(other);
	{
		SCENARIO(s);
		busy_world w(s);
		if (EXPECT(w.ok())) {
			for (auto &list : lists) {
				if (list.optname == RDS_INFO_COUNTERS)
					continue;
				snapshot here(list.optname), there(list.optname, 0, other);
				EXPECT(here.nr() > 0);
				EXPECT_EQ(there.each, list.each);
				EXPECT_EQ(there.nr(), 0);
			}
		}
	}
	EXPECT(bench_net_put(other));
}

/* CVE-2016-5244, CVE-2019-16714: what was there before shows nowhere. */
TEST_CASE(info__no_byte_unwritten)
{
	SCENARIO(s);
	busy_world w(s);
	ASSERT(w.ok());
	for (auto &list : lists) {
		snapshot a(list.optname, 0x00), b(list.optname, 0xff);
		ASSERT(a.mem && b.mem);
		EXPECT_EQ(a.bytes, b.bytes);
		if (list.optname == RDS_INFO_COUNTERS)
			continue; /* they count on */
		u32 differ = 0;
		for (u64 i = 0; i < a.bytes; i++)
			differ += a.mem[i] != b.mem[i];
		EXPECT_EQ(differ, 0);
	}
}

/* The lists take none: they are read where there may be none. */
TEST_CASE(info__nth_allocation_fails)
{
	SCENARIO(s);
	busy_world w(s);
	ASSERT(w.ok());
	buffer mem(room);
	ASSERT(mem);
	for (auto &list : lists) {
		u64 bytes = 0;
		bench_fault(1);
		int each = rds_info_snapshot(bench_init_net(), list.optname, mem.get(), room,
					     &bytes);
		EXPECT(!bench_fault_end());
		EXPECT_EQ(each, list.each);
	}
}
