// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_monitor: explicit congestion monitoring (socket.md 10.3). The peer 10.99.0.9 has no
 * socket here: its map is what the test injects.
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;
constexpr u32 far = 9;

struct watcher : test_socket {
	watcher(u32 host, u16 port) : test_socket(host, port)
	{
		if (bound())
			option(RDS_CONG_MONITOR, 1);
	}
	/* What the next CONG_UPDATE says; 0: there is none. */
	u64 told(int flags = MSG_DONTWAIT_VALUE)
	{
		numbered n;
		bench_from from{};
		return recv(&n, sizeof(n), &from, flags) ? 0 : from.cong;
	}
	long refused(u16 port) { return send_number(*this, far, port, 1); }
	u32 readable() { return bench_poll(raw()) & POLLIN_BITS; }
};

struct far_map {
	scenario &s;
	lane_ref lane;
	buffer map{RDS_CONG_MAP_BYTES};

	explicit far_map(scenario &scene) : s(scene), lane(scene.fake(), 1, far)
	{
		s->deliver = false;
	}
	bool ok()
	{
		if (!lane || !map)
			return false;
		rds_conn_connect_if_down(lane.get());
		return eventually(
			[&] { return lane->up() && !kernel::read_once(lane->c_sending); });
	}
	void set(u16 port) { rds::congmap_set(map.get(), port); }
	void clear(u16 port) { rds::congmap_clear(map.get(), port); }
	int tell(bool exact = true) { return s->inject_map(lane.get(), map.get(), exact); }
};

u64 bit(u16 port)
{
	return u64{1} << port % 64;
}

} // namespace

TEST_CASE(monitor__each_group_is_a_bit)
{
	SCENARIO(s);
	far_map m(s);
	watcher w(1, from_port);
	ASSERT(m.ok() && w.bound());
	for (u16 i = 0; i < 64; i++)
		m.set(to_port + i);
	ASSERT_EQ(m.tell(), 0);
	for (u16 i = 0; i < 64; i++)
		EXPECT_EQ(w.refused(to_port + i), -ENOBUFS);
	EXPECT_EQ(w.told(), 0);
	EXPECT_EQ(w.readable(), 0);
	for (u16 i = 0; i < 64; i += 7)
		m.clear(to_port + i);
	ASSERT_EQ(m.tell(), 0);
	u64 freed = 0;
	for (u16 i = 0; i < 64; i += 7)
		freed |= bit(to_port + i);
	EXPECT_EQ(w.readable(), POLLIN_BITS);
	EXPECT(w.told() == freed);
	/* those bits have left the mask, the others have not */
	ASSERT_EQ(m.tell(), 0);
	EXPECT_EQ(w.told(), 0);
	m.clear(to_port + 1);
	ASSERT_EQ(m.tell(), 0);
	EXPECT(w.told() == bit(to_port + 1));
	/* another port of a group that was refused: told, and to be tried */
	m.set(to_port + 2 + 64);
	ASSERT_EQ(m.tell(), 0);
	m.clear(to_port + 2 + 64);
	ASSERT_EQ(m.tell(), 0);
	EXPECT(w.told() == bit(to_port + 2));
}

TEST_CASE(monitor__off_forgets)
{
	SCENARIO(s);
	far_map m(s);
	watcher w(1, from_port);
	ASSERT(m.ok() && w.bound());
	m.set(to_port);
	ASSERT_EQ(m.tell(), 0);
	EXPECT_EQ(w.refused(to_port), -ENOBUFS);
	m.clear(to_port);
	ASSERT_EQ(m.tell(), 0);
	EXPECT_EQ(w.option(RDS_CONG_MONITOR, 0), 0);
	EXPECT_EQ(w.told(), 0);
	EXPECT_EQ(w.option(RDS_CONG_MONITOR, 1), 0);
	EXPECT_EQ(w.told(), 0);
	/* not even the socket's own congested bit is touched (socket.md 10.3) */
	EXPECT(!w.rds()->rcv_congested);
}

TEST_CASE(monitor__notification_before_data)
{
	SCENARIO(s);
	far_map m(s);
	watcher w(1, from_port);
	test_socket other(2, to_port);
	ASSERT(m.ok() && w.bound() && other.bound());
	m.set(to_port);
	ASSERT_EQ(m.tell(), 0);
	EXPECT_EQ(w.refused(to_port), -ENOBUFS);
	s->deliver = true;
	EXPECT_EQ(send_number(other, 1, from_port, 4), sizeof(numbered));
	ASSERT(eventually([&] { return !w.rds()->received.empty(); }));
	m.clear(to_port);
	ASSERT_EQ(m.tell(), 0);
	EXPECT(w.told() == bit(to_port));
	EXPECT_NUMBER(w, 4);
	EXPECT_EMPTY(w);
}

TEST_CASE(monitor__peek_and_cut_consume)
{
	constexpr int msg_ctrunc = 8;
	SCENARIO(s);
	far_map m(s);
	watcher w(1, from_port);
	ASSERT(m.ok() && w.bound());
	auto again = [&] {
		m.set(to_port);
		m.tell();
		EXPECT_EQ(w.refused(to_port), -ENOBUFS);
		m.clear(to_port);
		m.tell();
	};
	again();
	EXPECT(w.told(MSG_DONTWAIT_VALUE | MSG_PEEK_VALUE) == bit(to_port));
	EXPECT_EMPTY(w);
	again();
	alignas(8) u8 control[8];
	bench_message cut{};
	cut.flags = MSG_DONTWAIT_VALUE;
	cut.control = control;
	cut.control_len = sizeof(control);
	EXPECT_EQ(bench_recvmsg(w.raw(), &cut), 0);
	EXPECT_EQ(cut.got_flags & msg_ctrunc, msg_ctrunc);
	EXPECT_EMPTY(w);
}

TEST_CASE(monitor__blocking_send_leaves_the_mask)
{
	SCENARIO(s);
	far_map m(s);
	watcher w(1, from_port);
	ASSERT(m.ok() && w.bound());
	m.set(to_port);
	ASSERT_EQ(m.tell(), 0);
	w.timeouts(patience);
	thread sender([&] { EXPECT_EQ(send_number(w, far, to_port, 1, 0, 0), sizeof(numbered)); });
	ASSERT(w.has_waiter());
	EXPECT_EQ(w.rds()->cong_mask, 0);
	m.clear(to_port);
	ASSERT_EQ(m.tell(), 0);
	sender.join();
	EXPECT_EQ(w.told(), 0);
}

TEST_CASE(monitor__wakes_a_reader)
{
	SCENARIO(s);
	far_map m(s);
	watcher w(1, from_port);
	ASSERT(m.ok() && w.bound());
	m.set(to_port);
	ASSERT_EQ(m.tell(), 0);
	EXPECT_EQ(w.refused(to_port), -ENOBUFS);
	w.timeouts(patience);
	thread reader([&] { EXPECT(w.told(0) == bit(to_port)); });
	ASSERT(w.has_waiter());
	m.clear(to_port);
	ASSERT_EQ(m.tell(), 0);
	reader.join();
}

TEST_CASE(monitor__each_socket_its_own)
{
	SCENARIO(s);
	far_map m(s);
	watcher a(1, from_port), b(1, from_port + 1), c(1, from_port + 2);
	ASSERT(m.ok() && a.bound() && b.bound() && c.bound());
	m.set(to_port);
	m.set(to_port + 1);
	ASSERT_EQ(m.tell(), 0);
	EXPECT_EQ(a.refused(to_port), -ENOBUFS);
	EXPECT_EQ(b.refused(to_port + 1), -ENOBUFS);
	m.clear(to_port);
	ASSERT_EQ(m.tell(), 0);
	EXPECT(a.told() == bit(to_port));
	EXPECT_EQ(b.told(), 0);
	EXPECT_EQ(c.told(), 0);
	m.clear(to_port + 1);
	ASSERT_EQ(m.tell(false), 0);
	EXPECT_EQ(a.told(), 0);
	EXPECT(b.told() == bit(to_port + 1));
	EXPECT_EQ(c.told(), 0);
}

TEST_CASE(monitor__close_while_watching)
{
	SCENARIO(s);
	far_map m(s);
	ASSERT(m.ok());
	for (u32 round = 0; round < 50; round++) {
		watcher w(1, from_port);
		ASSERT(w.bound());
		m.set(to_port);
		ASSERT_EQ(m.tell(), 0);
		EXPECT_EQ(w.refused(to_port), -ENOBUFS);
		m.clear(to_port);
		thread frees([&] { m.tell(); });
		w.close();
	}
	EXPECT_EQ(rds_net_of(bench_init_net())->watch_head.next ==
			  &rds_net_of(bench_init_net())->watch_head,
		  1);
}

/* Watching takes no memory: a sender who is refused must learn of the end. */
TEST_CASE(monitor__nth_allocation_fails)
{
	SCENARIO(s);
	far_map m(s);
	watcher w(1, from_port);
	ASSERT(m.ok() && w.bound());
	for (int nth = 1;; nth++) {
		ASSERT(nth < 400);
		m.set(to_port);
		ASSERT_EQ(m.tell(), 0);
		bench_fault(nth);
		long ret = w.refused(to_port);
		bool hit = bench_fault_end();
		EXPECT(ret == -ENOBUFS || ret == -ENOMEM);
		m.clear(to_port);
		ASSERT_EQ(m.tell(), 0);
		u64 told = w.told();
		EXPECT(ret == -ENOMEM ? !told : told == bit(to_port));
		if (!hit)
			break;
	}
}
