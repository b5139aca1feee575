// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_cong: maps of local addresses go out when they change, maps of peers are obeyed. The
 * peer 10.99.0.9 has no socket here: its map is what the test injects.
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;
constexpr u32 far = 9;

bool told(const fake_frame *f, u16 port)
{
	return rds::congmap_test(f->data, port);
}

/* The newest map that went out on @lane: is @port congested in it? -1: there was none. */
int last_map(scenario &s, rds_lane *lane, u16 port)
{
	int yes = -1;
	kernel::guard hold(s->lock);
	s->frames.each([&](fake_frame *f) {
		if (f->map && f->conn == lane)
			yes = told(f, port);
	});
	return yes;
}

u32 maps_sent(scenario &s, rds_lane *lane)
{
	u32 n = 0;
	kernel::guard hold(s->lock);
	s->frames.each([&](fake_frame *f) { n += f->map && f->conn == lane; });
	return n;
}

bool bring_up(rds_lane *lane)
{
	rds_conn_connect_if_down(lane);
	return eventually([&] {
		return lane->up() && !kernel::read_once(lane->c_peer->map_pending) &&
		       !kernel::read_once(lane->c_xmit_rm) && !kernel::read_once(lane->c_sending);
	});
}

/* A socket on 10.99.0.1 that sends to the far peer, whose map has @port set. */
struct far_world {
	scenario &s;
	test_socket from{1, from_port};
	lane_ref lane;
	buffer map{RDS_CONG_MAP_BYTES};

	explicit far_world(scenario &scene) : s(scene), lane(scene.fake(), 1, far)
	{
		s->deliver = false; /* nobody is there */
	}
	/* what is known of a peer counts while it is connected */
	bool ok() { return from.bound() && lane && map && bring_up(lane.get()); }
	int set(u16 port, bool on, bool exact = false)
	{
		if (on)
			rds::congmap_set(map.get(), port);
		else
			rds::congmap_clear(map.get(), port);
		return s->inject_map(lane.get(), map.get(), exact);
	}
};

} // namespace

TEST_CASE(receiver__sets_and_clears_its_port)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	to.buffers(0, 4000);
	lane_ref back(s.fake(), 2, 1);
	ASSERT(back && bring_up(back.get()));
	u8 data[1000] = {};
	for (u32 i = 0; i < 4; i++) /* up to the limit is not above it */
		ASSERT_EQ(from.send(2, to_port, data, sizeof(data)), sizeof(data));
	ASSERT(eventually([&] { return kernel::read_once(to.rds()->rcv_count) == 4; }));
	EXPECT_EQ(to.rds()->rcv_congested, false);
	ASSERT_EQ(from.send(2, to_port, data, sizeof(data)), sizeof(data));
	EXPECT(eventually([&] { return last_map(s, back.get(), to_port) == 1; }));
	EXPECT_EQ(from.send(2, to_port, data, sizeof(data)), -ENOBUFS);
	EXPECT_EQ(from.send(2, to_port + 1, data, sizeof(data)), sizeof(data));
	/* free below half of the limit, not before */
	for (u32 i = 0; i < 2; i++)
		EXPECT_EQ(to.recv(data, sizeof(data)), sizeof(data));
	EXPECT_EQ(to.rds()->rcv_congested, true);
	for (u32 i = 0; i < 2; i++)
		EXPECT_EQ(to.recv(data, sizeof(data)), sizeof(data));
	EXPECT_EQ(to.rds()->rcv_congested, false);
	EXPECT(eventually([&] { return last_map(s, back.get(), to_port) == 0; }));
	EXPECT_EQ(from.send(2, to_port, data, sizeof(data)), sizeof(data));
}

TEST_CASE(receiver__closing_clears_its_port)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	to.buffers(0, 100);
	lane_ref back(s.fake(), 2, 1);
	ASSERT(back && bring_up(back.get()));
	u8 data[200] = {};
	ASSERT_EQ(from.send(2, to_port, data, sizeof(data)), sizeof(data));
	ASSERT(eventually([&] { return last_map(s, back.get(), to_port) == 1; }));
	to.close();
	EXPECT(eventually([&] { return last_map(s, back.get(), to_port) == 0; }));
	EXPECT_EQ(from.send(2, to_port, data, sizeof(data)), sizeof(data));
}

TEST_CASE(sender__enobufs_and_notification)
{
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	bench_from from{};
	numbered n;
	ASSERT_EQ(w.set(to_port, true), 0);
	/* without the monitor: no notification */
	EXPECT_EQ(send_number(w.from, far, to_port, 1), -ENOBUFS);
	ASSERT_EQ(w.set(to_port, false), 0);
	EXPECT_EMPTY(w.from);
	/* with it: one bit for each 64 ports */
	ASSERT_EQ(w.from.option(RDS_CONG_MONITOR, 1), 0);
	ASSERT_EQ(w.set(to_port, true), 0);
	ASSERT_EQ(w.set(to_port + 1, true), 0);
	EXPECT_EQ(send_number(w.from, far, to_port, 1), -ENOBUFS);
	EXPECT_EMPTY(w.from);
	ASSERT_EQ(w.set(to_port + 1, false, true), 0); /* another group than ours, told exactly */
	EXPECT_EMPTY(w.from);
	ASSERT_EQ(w.set(to_port, false, true), 0);
	EXPECT(bench_poll(w.from.raw()) & POLLIN_BITS);
	EXPECT_EQ(w.from.recv(&n, sizeof(n), &from), 0);
	EXPECT(from.cong == 1ull << to_port % 64);
	EXPECT_EMPTY(w.from);
	EXPECT_EQ(send_number(w.from, far, to_port, 1), sizeof(numbered));
}

TEST_CASE(sender__blocked_is_woken)
{
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	ASSERT_EQ(w.set(to_port, true), 0);
	w.from.timeouts(patience);
	thread sender(
		[&] { EXPECT_EQ(send_number(w.from, far, to_port, 1, 0, 0), sizeof(numbered)); });
	ASSERT(w.from.has_waiter());
	EXPECT(!w.lane->has_messages());
	ASSERT_EQ(w.set(to_port, false), 0);
	sender.join();
}

/* Somebody who shares the socket switches the monitor off meanwhile. */
TEST_CASE(sender__blocked_is_woken_without_monitor)
{
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	ASSERT_EQ(w.from.option(RDS_CONG_MONITOR, 1), 0);
	ASSERT_EQ(w.set(to_port, true), 0);
	w.from.timeouts(patience);
	thread sender(
		[&] { EXPECT_EQ(send_number(w.from, far, to_port, 1, 0, 0), sizeof(numbered)); });
	ASSERT(eventually([&] { return kernel::read_once(w.from.rds()->watching); }));
	ASSERT_EQ(w.from.option(RDS_CONG_MONITOR, 0), 0);
	ASSERT_EQ(w.set(to_port, false), 0);
	sender.join();
}

/* L7 */
TEST_CASE(sender__blocked_times_out)
{
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	ASSERT_EQ(w.set(to_port, true), 0);
	w.from.timeouts(60);
	unsigned long start = kernel_ticks();
	EXPECT_EQ(send_number(w.from, far, to_port, 1, 0, 0), -ETIMEDOUT);
	EXPECT(kernel_ticks() - start >= kernel_ms_to_ticks(50));
	EXPECT(!w.lane->has_messages());
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
}

/* The map that it waits for goes with the peer; the message finds a fresh one. */
TEST_CASE(sender__woken_when_the_peer_goes)
{
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	ASSERT_EQ(w.set(to_port, true), 0);
	w.from.timeouts(patience);
	long ret = 0;
	thread sender([&] { ret = send_number(w.from, far, to_port, 1, 0, 0); });
	ASSERT(w.from.has_waiter());
	s.unregister();
	sender.join();
	EXPECT_EQ(ret, -ENETDOWN);
}

TEST_CASE(map__first_of_a_connection)
{
	SCENARIO(s);
	test_socket near(1, from_port), from(2, to_port), other(1, from_port + 1);
	ASSERT(near.bound() && from.bound() && other.bound());
	s->connect_mode = FAKE_CONNECT_LATER;
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_conn_connect_if_down(lane.get());
	ASSERT(eventually([&] { return kernel::read_once(fake_of(lane.get())->connecting); }));
	for (u32 i = 0; i < 3; i++)
		EXPECT_EQ(send_number(near, 2, to_port, i), sizeof(numbered));
	rds_cong_set_port(lane->c_peer->lcong, from_port + 1);
	s->complete(lane.get());
	for (u32 i = 0; i < 3; i++)
		EXPECT_NUMBER(from, i);
	fake_frame *first = s->frames.front();
	ASSERT(first && first->map);
	EXPECT_EQ(first->len, RDS_CONG_MAP_BYTES);
	EXPECT_EQ(first->hdr.h_flags, RDS_FLAG_CONG_BITMAP);
	EXPECT_EQ(first->hdr.h_sequence.host(), 0);
	EXPECT_EQ(first->hdr.h_sport.host(), 0);
	EXPECT_EQ(first->hdr.h_dport.host(), 0);
	for (u32 port = 0; port < RDS_CONG_MAP_PORTS; port++)
		if (told(first, port) != (port == from_port + 1u)) {
			bench_fail(test, __FILE__, __LINE__, "port in the map", port, 0);
			break;
		}
	rds_cong_clear_port(lane->c_peer->lcong, from_port + 1);
}

TEST_CASE(map__partial)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	const u32 cuts[] = {0, 1, 47, 48, 49, 4096, 8239};
	for (u32 cut : cuts) {
		s->room = cut;
		rds_conn_drop(lane.get());
		ASSERT_EQ(send_number(from, 2, to_port, cut), sizeof(numbered));
		ASSERT(eventually([&] {
			return !kernel::read_once(s->room) && kernel::read_once(lane->c_blocked) &&
			       !kernel::read_once(lane->c_sending);
		}));
		s->make_room(lane.get(), -1);
		ASSERT(EXPECT_NUMBER(to, cut));
		ASSERT(eventually([&] { return !lane->has_messages(); }));
	}
}

/* What goes out is one state, and a later change follows it (wire.md W10). */
TEST_CASE(map__change_during_transmission)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane && bring_up(lane.get()));
	rds_cong_map *map = lane->c_peer->lcong;
	u32 before = maps_sent(s, lane.get());
	s->room = 100;
	rds_cong_set_port(map, 5000);
	ASSERT(eventually([&] { return !kernel::read_once(s->room); }));
	rds_cong_set_port(map, 5001);
	s->make_room(lane.get(), -1);
	ASSERT(eventually([&] { return maps_sent(s, lane.get()) == before + 2; }));
	u32 n = 0;
	s->frames.each([&](fake_frame *f) {
		if (!f->map || f->conn != lane.get() || n++ < before)
			return;
		EXPECT(told(f, 5000));
		EXPECT_EQ(told(f, 5001), n == before + 2);
	});
	rds_cong_clear_port(map, 5000);
	rds_cong_clear_port(map, 5001);
}

/* W9, L19: what could not be sent for lack of memory is sent later. */
TEST_CASE(map__mark_survives_lack_of_memory)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane && bring_up(lane.get()));
	u32 hits = 0;
	for (int nth = 1; nth < 20; nth++) {
		u32 before = maps_sent(s, lane.get());
		kernel::write_once(lane->c_peer->map_pending, u8{1});
		bench_fault(nth);
		rds_send_xmit(lane.get());
		bool hit = bench_fault_end();
		hits += hit;
		/* here, or in the worker after two ticks */
		ASSERT(eventually([&] { return maps_sent(s, lane.get()) == before + 1; }));
		ASSERT(eventually([&] { return !kernel::read_once(lane->c_sending); }));
		if (!hit)
			break;
	}
	EXPECT(hits > 0);
	EXPECT_EQ(s->shutdowns, 0);
}

TEST_CASE(map__mark_survives_a_drop)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane && bring_up(lane.get()));
	rds_cong_map *map = lane->c_peer->lcong;
	s->room = 100;
	rds_cong_set_port(map, 5000); /* half of this map gets out */
	ASSERT(eventually([&] { return !kernel::read_once(s->room); }));
	s->room = -1;
	rds_conn_drop(lane.get());
	EXPECT(eventually([&] { return last_map(s, lane.get(), 5000) == 1; }));
	rds_cong_clear_port(map, 5000);
	EXPECT(eventually([&] { return last_map(s, lane.get(), 5000) == 0; }));
}

TEST_CASE(received__wakes_exactly_or_all)
{
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	bench_from from{};
	numbered n;
	ASSERT_EQ(w.from.option(RDS_CONG_MONITOR, 1), 0);
	ASSERT_EQ(w.set(to_port, true), 0);
	ASSERT_EQ(w.set(to_port + 1, true), 0);
	EXPECT_EQ(send_number(w.from, far, to_port, 1), -ENOBUFS);
	EXPECT_EQ(send_number(w.from, far, to_port + 1, 1), -ENOBUFS);
	/* TCP's way: a port became free, everybody is to look */
	ASSERT_EQ(w.set(to_port, false, false), 0);
	EXPECT_EQ(w.from.recv(&n, sizeof(n), &from), 0);
	EXPECT(from.cong == (1ull << to_port % 64 | 1ull << (to_port + 1) % 64));
	EXPECT_EQ(send_number(w.from, far, to_port + 1, 1), -ENOBUFS);
	EXPECT_EQ(send_number(w.from, far, to_port, 1), sizeof(numbered));
	/* a map that frees nothing wakes nobody */
	ASSERT_EQ(w.set(to_port + 2, true, false), 0);
	EXPECT_EMPTY(w.from);
}

TEST_CASE(poll__tells_once_without_monitor)
{
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	ASSERT_EQ(w.set(to_port, true), 0);
	EXPECT_EQ(send_number(w.from, far, to_port, 1), -ENOBUFS);
	bench_poll(w.from.raw());
	EXPECT_EQ(bench_poll(w.from.raw()) & POLLWRBAND_BIT, 0);
	ASSERT_EQ(w.set(to_port, false), 0);
	EXPECT(bench_poll(w.from.raw()) & POLLWRBAND_BIT);
	EXPECT_EQ(bench_poll(w.from.raw()) & POLLWRBAND_BIT, 0);
}

/*
 * A socket bound to 127.0.0.1 may name a host elsewhere: the loopback takes it, and has a connection
 * whose own address is that host's. What that host says on the wire counts all the same.
 */
TEST_CASE(map__survives_the_loopback)
{
	constexpr u32 localhost = 0x7f000001;
	SCENARIO(s);
	far_world w(s);
	ASSERT(w.ok());
	test_socket local;
	ASSERT(local);
	ASSERT_EQ(local.bind(localhost, 0), 0);
	numbered n{};
	EXPECT_EQ(local.send_to(fake_net + far, to_port, &n, sizeof(n)), sizeof(n));
	ASSERT(eventually([&] { return !kernel::read_once(local.rds()->snd_bytes); }));
	ASSERT_EQ(w.set(to_port, true), 0);
	EXPECT_EQ(send_number(w.from, far, to_port, 1), -ENOBUFS);
	ASSERT_EQ(w.set(to_port, false), 0);
	EXPECT_EQ(send_number(w.from, far, to_port, 1), sizeof(numbered));
	/* the scenario sees to the fake transport's peers only */
	rds_transport *loop = rds_trans_get(RDS_TRANS_LOOP);
	ASSERT(loop);
	rds_peer_destroy_all(rds_net_of(bench_init_net()), loop);
	rds_trans_put(loop);
}
