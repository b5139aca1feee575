// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_lanes: several lanes between two addresses. The peer 9 is far away: what goes out are
 * frames, what comes in the test injects. Process context.
 */
#include "test.h"

namespace {

constexpr u32 lanes_of_all = RDS_MPATH_WORKERS;
constexpr u16 to_port = 2000;

/* 1 -> 9 (or 9 -> 1 for the larger side), by a transport that has lanes. */
struct many {
	scenario &s;
	u32 here, there;
	lane_ref lane;
	u64 next = 1;

	many(scenario &scene, u32 from, u32 to)
	    : s(scene), here(from), there(to), lane(prepare(scene), from, to)
	{}
	~many() { s->on_xmit = nullptr; }
	static fake_transport *prepare(scenario &s)
	{
		s->trans.t_mp_capable = 1;
		s->deliver = false;
		s->ack = false;
		return s.fake();
	}
	rds_peer *peer() const { return lane->c_peer; }
	rds_lane *at(u32 i) const { return peer()->lane(i); }

	/* A message of the peer's kernel on @on. */
	bool handshake(u16 sport, u16 dport, u16 lanes, u32 caps = RDS_CAP_ASKS_FOR_LANES,
		       rds_lane *on = nullptr, u32 gen = 77, bool named = true)
	{
		rds_header h = rds::make_header(kernel::be16(sport), kernel::be16(dport), 0);
		if (named) {
			rds::write_handshake(h, gen, lanes, caps);
		} else {
			h.h_exthdr[0] = RDS_EXTHDR_NPATHS;
			h.h_exthdr[2] = static_cast<u8>(lanes);
		}
		h.h_sequence = kernel::be64(next++);
		return s->inject(on ? on : lane.get(), h, nullptr);
	}
	bool pong(u16 lanes, u32 caps = RDS_CAP_ASKS_FOR_LANES, bool named = true)
	{
		return handshake(RDS_PING_PORT, RDS_FLAG_PROBE_PORT, lanes, caps, nullptr, 77,
				 named);
	}
	/* And its probe is out. */
	bool up()
	{
		rds_conn_connect_if_down(lane.get());
		return eventually([&] {
			return lane->up() && unacked_on(lane.get()) == 1 &&
			       !queued_on(lane.get()) && !kernel::read_once(lane->c_sending);
		});
	}
	/* Frames of sockets on lane @i; any: of all. */
	u32 sent_on(u32 i, bool any = false)
	{
		u32 n = 0;
		kernel::guard hold(s->lock);
		s->frames.each([&](fake_frame *f) {
			n += !f->map && f->len && (any || f->conn->c_index == i);
		});
		return n;
	}
	/* Messages from one of the kernel's own ports; the last of them. */
	u32 own(u16 sport, rds_header &last)
	{
		u32 n = 0;
		kernel::guard hold(s->lock);
		s->frames.each([&](fake_frame *f) {
			if (f->map || f->len || f->hdr.h_sport.host() != sport)
				return;
			n++;
			last = f->hdr;
		});
		return n;
	}
	/* The last of @nr, as soon as there are so many, says so many lanes. */
	bool told(u16 sport, u32 nr, u16 lanes)
	{
		rds_header h{};
		if (!eventually([&] { return own(sport, h) == nr; }))
			return false;
		rds::handshake hs = rds::read_handshake(h);
		return hs.npaths == lanes && hs.has_npaths == !!lanes && hs.sport_idx;
	}
	bool sends_on(u32 i, u32 nr)
	{
		return eventually([&] { return sent_on(i) == nr; });
	}
	/* Its probe is out: a lane may send a message first, as soon as it is up. */
	bool probes(u32 i)
	{
		return eventually(
			[&] { return kernel::read_once(at(i)->c_probes) && !queued_on(at(i)); });
	}
	void ack_all(u32 i = 0) { rds_send_drop_acked(at(i), ~0ull, nullptr); }
	long send(test_socket &from, u32 number)
	{
		return send_number(from, there, to_port, number);
	}
};

#define MANY(name, from, to)                                                                       \
	SCENARIO(s);                                                                               \
	many name(s, from, to);                                                                    \
	ASSERT(name.lane)

u32 lane_of_socket(const test_socket &t)
{
	return t.rds()->lane_hash % lanes_of_all;
}

/* Sockets on host @h, one for each lane. */
struct one_each : kernel::pinned {
	explicit one_each(u32 h)
	{
		for (u16 port = 1000; port < 2000 && found < lanes_of_all; port++) {
			auto *t = kernel::make<test_socket>(kernel::gfp_kernel, h, port);
			if (!t)
				return;
			u32 i = t->bound() ? lane_of_socket(*t) : lanes_of_all;
			if (i < lanes_of_all && !of[i]) {
				of[i] = t;
				found++;
			} else {
				kernel::destroy(t);
			}
		}
	}
	~one_each()
	{
		for (test_socket *t : of)
			if (t)
				kernel::destroy(t);
	}
	test_socket &operator[](u32 i) { return *of[i]; }
	explicit operator bool() const { return found == lanes_of_all; }

	test_socket *of[lanes_of_all] = {};
	u32 found = 0;
};

/* A message of each, and no other lane comes to be. */
void all_on_the_first(kunit *test, many &m, one_each &from)
{
	for (u32 i = 0; i < lanes_of_all; i++)
		EXPECT_EQ(m.send(from[i], 1), sizeof(numbered));
	EXPECT(m.sends_on(0, lanes_of_all));
	for (u32 i = 1; i < lanes_of_all; i++)
		EXPECT(!m.at(i));
}

} // namespace

/* ... up, with eight lanes, and a socket on 1 for each. */
#define SPREAD(name, sockets)                                                                      \
	MANY(name, 1, 9);                                                                          \
	one_each sockets(1);                                                                       \
	ASSERT(sockets &&name.up());                                                               \
	ASSERT(name.pong(8))

TEST_CASE(fan_out__one_lane_for_each_socket)
{
	SPREAD(m, from);
	EXPECT_EQ(m.peer()->nr_lanes, 8);
	for (u32 n = 0; n < 3; n++)
		for (u32 i = 0; i < lanes_of_all; i++)
			EXPECT_EQ(m.send(from[i], n), sizeof(numbered));
	for (u32 i = 0; i < lanes_of_all; i++) {
		EXPECT(m.sends_on(i, 3));
		ASSERT(m.at(i));
		EXPECT_EQ(m.at(i)->c_index, i);
		EXPECT(m.probes(i));
		m.ack_all(i);
		EXPECT_EQ(unacked_on(m.at(i)), 0);
	}
}

TEST_CASE(fan_out__by_the_handshake)
{
	MANY(m, 1, 9);
	one_each from(1);
	ASSERT(from && m.up());
	/* before it all take the first */
	EXPECT_EQ(m.send(from[5], 1), sizeof(numbered));
	EXPECT(m.sends_on(0, 1));
	m.ack_all();
	ASSERT(m.pong(4));
	EXPECT_EQ(m.send(from[5], 2), sizeof(numbered));
	EXPECT(m.sends_on(5 % 4, 1));
	/* their number stays: nothing is stranded, nobody moves again (W14) */
	ASSERT(m.pong(8));
	ASSERT(m.pong(2));
	EXPECT_EQ(m.send(from[5], 3), sizeof(numbered));
	EXPECT(m.sends_on(5 % 4, 2));
}

TEST_CASE(fan_out__not_for_one_lane)
{
	MANY(m, 1, 9);
	one_each from(1);
	ASSERT(from && m.up());
	ASSERT(m.pong(1));
	all_on_the_first(test, m, from);
}

/* A peer that could have eight has one with us: no stream of its is another lane's. */
TEST_CASE(fan_out__as_many_as_both_want)
{
	MANY(m, 1, 9);
	rds_tunables.lanes = 1;
	one_each from(1);
	ASSERT(from && m.up());
	ASSERT(m.pong(8));
	EXPECT_EQ(rds_conn_lanes(m.lane.get()), 1);
	all_on_the_first(test, m, from);
}

/* W3, W4, W8: a peer whose ports say nothing gets one lane, although it offers eight. */
TEST_CASE(first__one_lane_for_who_names_none)
{
	MANY(m, 1, 9);
	rds_tunables.lanes_unnamed = 1;
	one_each from(1);
	ASSERT(from && m.up());
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, 1, 0));
	ASSERT(m.pong(8, 0, false));
	/* it may have more to somebody before us */
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, 2, 1));
	ASSERT(m.handshake(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 8, 0, nullptr, 77, false));
	EXPECT(m.told(RDS_PING_PORT, 1, 1));
	EXPECT_EQ(m.peer()->nr_lanes, 1);
	all_on_the_first(test, m, from);
}

/* Who counts ports modulo the lanes that it knows is told of all before a stream comes. */
TEST_CASE(first__all_are_told_before_they_open)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 1, 9);
	ASSERT(m.lane);
	rds_tunables.lanes_unnamed = 1;
	ASSERT(m.up());
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, 1, 0));
	ASSERT(m.handshake(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 8, 0));
	EXPECT(m.told(RDS_PING_PORT, 1, 8));
	ASSERT(m.pong(8, 0));
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, 2, 8));
	bench_sleep(50);
	EXPECT(!m.at(3) || m.at(3)->state() == RDS_CONN_DOWN);
	ASSERT(m.pong(8, 0));
	EXPECT(eventually([&] { return m.at(3) && m.at(3)->up(); }));
	/* each lane has its own; once told, it knows */
	m.ack_all();
	u32 probes = 2 + lanes_of_all - 1;
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, probes, 8));
	ASSERT(m.pong(8, 0));
	bench_sleep(20);
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, probes, 8));
}

/* Another kernel comes in its place, which was told of one lane: it is told again. */
TEST_CASE(first__again_after_a_change_of_kernels)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 1, 9);
	ASSERT(m.lane);
	rds_tunables.lanes_unnamed = 1;
	ASSERT(m.up());
	ASSERT(m.pong(8, 0, false));
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, 2, 1));
	ASSERT(m.pong(8, 0, false));
	EXPECT_EQ(m.peer()->nr_lanes, 1);
	ASSERT(m.pong(8, 0));
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, 3, 8));
	bench_sleep(50);
	EXPECT(!m.at(3) || m.at(3)->state() == RDS_CONN_DOWN);
	ASSERT(m.pong(8, 0));
	EXPECT(eventually([&] { return m.at(3) && m.at(3)->up(); }));
}

/* One of ours takes a port as it is: nothing more is said. */
TEST_CASE(first__who_asks_knows)
{
	MANY(m, 1, 9);
	rds_tunables.lanes_unnamed = 1;
	one_each from(1);
	ASSERT(from && m.up());
	ASSERT(m.pong(8));
	m.ack_all();
	EXPECT_EQ(m.peer()->nr_lanes, 8);
	EXPECT_EQ(m.send(from[3], 1), sizeof(numbered));
	EXPECT(m.sends_on(3, 1));
	EXPECT(m.told(RDS_FLAG_PROBE_PORT, 2, 8)); /* the other is of lane 3 */
}

/* Whoever chose lane 0 because there was no other, and queues later, chooses again. */
TEST_CASE(fan_out__late_sender_is_sent_back)
{
	MANY(m, 1, 9);
	one_each from(1);
	ASSERT(from && m.up());
	rds_message *rm = rds_message_alloc(0, kernel::gfp_kernel);
	ASSERT(rm);
	int err = 0;
	EXPECT(rds_lane_choose(from[3].rds(), m.peer(), rm, &err) == m.at(0));
	ASSERT(m.pong(8));
	EXPECT_EQ(rds_message_queue(m.at(0), rm), -ESTALE);
	rds_lane *again = rds_lane_choose(from[3].rds(), m.peer(), rm, &err);
	ASSERT(again);
	EXPECT_EQ(again->c_index, 3);
	/* and who is of lane 0 may have it */
	EXPECT(rds_lane_choose(from[0].rds(), m.peer(), rm, &err) == m.at(0));
	EXPECT_EQ(rds_message_queue(m.at(0), rm), 0);
	rds_message_put(rm);
}

/* W4, L6: a message of the socket's new lane does not overtake, and nobody spins for it. */
TEST_CASE(catch_up__other_lanes_wait)
{
	MANY(m, 1, 9);
	one_each from(1);
	ASSERT(from && m.up());
	EXPECT_EQ(m.send(from[4], 1), sizeof(numbered));
	EXPECT_EQ(m.send(from[6], 1), sizeof(numbered));
	EXPECT(m.sends_on(0, 2));
	ASSERT(m.pong(8));
	EXPECT_EQ(m.send(from[4], 2), sizeof(numbered));
	EXPECT_EQ(m.send(from[7], 2), sizeof(numbered));
	/* of lane 0, but behind the point: does not matter to others */
	EXPECT_EQ(m.send(from[0], 2), sizeof(numbered));
	EXPECT(m.sends_on(0, 3));
	EXPECT(eventually([&] { return m.at(4)->up() && m.at(7)->up(); }));
	u32 xmits = kernel::read_once(s->xmits);
	bench_sleep(50);
	EXPECT_EQ(m.sent_on(4), 0);
	EXPECT_EQ(m.sent_on(7), 0);
	EXPECT_EQ(queued_on(m.at(4)) > 0, true);
	EXPECT_EQ(kernel::read_once(s->xmits), xmits);
	/* all but one of what was queued before, is not enough */
	u64 first = unacked_on(m.at(0)) ? m.at(0)->c_retrans.front()->m_inc.i_hdr.h_sequence.host()
					: 0;
	rds_send_drop_acked(m.at(0), first, nullptr);
	bench_sleep(20);
	EXPECT_EQ(m.sent_on(4) + m.sent_on(7), 0);
	rds_send_drop_acked(m.at(0), m.peer()->catch_up - 1, nullptr);
	EXPECT(m.sends_on(4, 1));
	EXPECT(m.sends_on(7, 1));
	EXPECT_EQ(m.peer()->catch_up, 0);
}

TEST_CASE(catch_up__ends_with_a_cancel)
{
	MANY(m, 1, 9);
	one_each from(1);
	ASSERT(from && m.up());
	/* only sockets' messages are on lane 0 */
	ASSERT(eventually([&] { return unacked_on(m.at(0)) == 1; }));
	m.ack_all();
	EXPECT_EQ(m.send(from[4], 1), sizeof(numbered));
	ASSERT(m.sends_on(0, 1));
	ASSERT(m.pong(8));
	EXPECT(m.peer()->catch_up != 0);
	EXPECT_EQ(m.send(from[3], 1), sizeof(numbered));
	bench_sleep(20);
	EXPECT_EQ(m.sent_on(3), 0);
	from[4].close();
	EXPECT(m.sends_on(3, 1));
}

/* What lane k has begun it finishes, whatever becomes of the others. */
TEST_CASE(catch_up__message_under_way)
{
	SPREAD(m, from);
	/* the kernels' own have no order: nobody waits for them, who may have no lane 0 again soon */
	EXPECT(unacked_on(m.at(0)) != 0);
	EXPECT_EQ(m.peer()->catch_up, 0);
	m.ack_all();
	s->most = 7;
	for (u32 i = 1; i < lanes_of_all; i++)
		EXPECT_EQ(m.send(from[i], i), sizeof(numbered));
	for (u32 i = 1; i < lanes_of_all; i++)
		EXPECT(m.sends_on(i, 1));
}

/* An answer takes the lane of what it answers, so that acknowledgements ride on messages. */
TEST_CASE(follow__the_peer_that_spoke)
{
	SPREAD(m, from);
	m.ack_all();
	auto arrives = [&](u32 on, u32 to) {
		rds_header h = rds::make_header(kernel::be16(to_port),
						kernel::be16(from[to].rds()->port), 0);
		h.h_sequence = kernel::be64(1);
		return s->inject(m.at(on), h, nullptr);
	};
	for (u32 i : {5u, 6u}) {
		EXPECT_EQ(m.send(from[i], 1), sizeof(numbered));
		ASSERT(m.sends_on(i, 1));
	}
	/* lane 0 says nothing; of the others the first that spoke */
	ASSERT(arrives(0, 2) && arrives(5, 2) && arrives(6, 2) && arrives(0, 2));
	EXPECT_EQ(m.send(from[2], 1), sizeof(numbered));
	EXPECT(m.sends_on(5, 2));
	ASSERT(arrives(6, 2));
	EXPECT_EQ(m.send(from[2], 2), sizeof(numbered));
	EXPECT(m.sends_on(5, 3));
	/* whose messages have a lane keeps it: they would overtake each other */
	ASSERT(arrives(5, 6));
	EXPECT_EQ(m.send(from[6], 2), sizeof(numbered));
	EXPECT(m.sends_on(6, 2));
	EXPECT(!m.at(2));
	/* who can be followed nowhere goes elsewhere */
	u32 on_first = m.sent_on(0), on_all = m.sent_on(0, true);
	ASSERT(arrives(0, 0));
	EXPECT_EQ(m.send(from[0], 1), sizeof(numbered));
	EXPECT(eventually([&] { return m.sent_on(0, true) == on_all + 1; }));
	EXPECT_EQ(m.sent_on(0), on_first);
}

/* It chooses for itself only. */
TEST_CASE(follow__nobody_elses_lane)
{
	SPREAD(m, from);
	many other(s, 1, 8);
	ASSERT(other.lane && other.up() && other.pong(8));
	m.ack_all();
	other.ack_all();
	EXPECT_EQ(m.send(from[5], 1), sizeof(numbered));
	ASSERT(m.sends_on(5, 1));
	for (u32 i : {2u, 3u}) {
		rds_header h = rds::make_header(kernel::be16(to_port),
						kernel::be16(from[i].rds()->port), 0);
		h.h_sequence = kernel::be64(i);
		ASSERT(s->inject(m.at(5), h, nullptr));
	}
	/* the first choice is for the one that spoke, or it is not */
	EXPECT_EQ(m.send(from[2], 1), sizeof(numbered));
	EXPECT_EQ(other.send(from[2], 1), sizeof(numbered));
	EXPECT_EQ(other.send(from[3], 1), sizeof(numbered));
	EXPECT_EQ(m.send(from[3], 1), sizeof(numbered));
	EXPECT(eventually([&] { return m.at(3) && unacked_on(m.at(3)) >= 1; }));
	EXPECT(!m.at(2));
	ASSERT(other.at(2) && other.at(3));
	EXPECT(!other.at(5));
}

/* A lane that is needed waits until the peer knows, on what connects us now, what it will be. */
TEST_CASE(open__after_the_handshake)
{
	SPREAD(m, from);
	EXPECT_EQ(m.send(from[2], 1), sizeof(numbered));
	ASSERT(eventually([&] { return m.at(2) && m.at(2)->up(); }));
	/* all go, the peer has restarted, say */
	rds_conn_drop(m.at(0));
	ASSERT(eventually([&] { return m.lane->up() && fake_of(m.at(0))->connects == 2; }));
	rds_conn_drop(m.at(2));
	ASSERT(eventually([&] { return kernel::read_once(m.at(2)->c_waits); }));
	bench_sleep(50);
	EXPECT_EQ(m.at(2)->state(), RDS_CONN_DOWN);
	/* that it asks does not say that it knows us */
	ASSERT(m.handshake(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 8));
	bench_sleep(50);
	EXPECT_EQ(m.at(2)->state(), RDS_CONN_DOWN);
	ASSERT(m.pong(8));
	EXPECT(eventually([&] { return m.at(2)->up(); }));
	/* alone, it needs nobody's leave */
	rds_conn_drop(m.at(2));
	EXPECT(eventually([&] { return m.at(2)->up() && fake_of(m.at(2))->connects == 3; }));
}

/* W3, T4: a peer that takes streams as they come gets them as it counts. */
TEST_CASE(open__in_order)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 1, 9);
	one_each from(1);
	ASSERT(m.lane && from && m.up());
	s->connect_mode = FAKE_CONNECT_LATER;
	ASSERT(m.pong(8, 0, false));
	EXPECT(!m.peer()->names_lanes);
	m.ack_all();
	EXPECT_EQ(m.send(from[5], 1), sizeof(numbered));
	for (u32 i = 1; i < lanes_of_all; i++) {
		ASSERT(eventually([&] {
			return m.at(i) && kernel::read_once(fake_of(m.at(i))->connecting);
		}));
		for (u32 above = i + 1; above < lanes_of_all; above++)
			EXPECT(!m.at(above) || m.at(above)->state() == RDS_CONN_DOWN);
		s->complete(m.at(i));
	}
	EXPECT(m.sends_on(5, 1));
	/* two go: the lower one comes first */
	rds_conn_drop(m.at(3));
	rds_conn_drop(m.at(6));
	ASSERT(eventually([&] { return kernel::read_once(fake_of(m.at(3))->connecting); }));
	bench_sleep(50);
	EXPECT(!fake_of(m.at(6))->connecting || fake_of(m.at(6))->connects == 1);
	s->complete(m.at(3));
	if (eventually([&] { return kernel::read_once(fake_of(m.at(6))->connecting); }))
		s->complete(m.at(6));
	EXPECT(eventually([&] { return m.at(6)->up(); }));
}

TEST_CASE(open__all_for_who_cannot_ask)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 1, 9);
	ASSERT(m.lane && m.up());
	ASSERT(m.pong(8, 0));
	EXPECT(eventually([&] {
		for (u32 i = 0; i < lanes_of_all; i++)
			if (!m.at(i) || !m.at(i)->up())
				return false;
		return true;
	}));
	/* and again, whoever needs it */
	rds_conn_drop(m.at(4));
	EXPECT(eventually([&] { return m.at(4)->up() && fake_of(m.at(4))->connects == 2; }));
}

/* Who answers no pings is not known to open what it is asked for: it opens all. */
TEST_CASE(open__all_by_who_answers_nothing)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 1, 9);
	ASSERT(m.lane);
	rds_tunables.ping_enable = 0;
	ASSERT(m.up());
	ASSERT(m.pong(8));
	ASSERT(eventually([&] {
		for (u32 i = 0; i < lanes_of_all; i++)
			if (!m.at(i) || !m.at(i)->up())
				return false;
		return true;
	}));
	m.ack_all(4);
	rds_conn_drop(m.at(4));
	EXPECT(eventually([&] { return m.at(4)->up() && fake_of(m.at(4))->connects == 2; }));
}

TEST_CASE(open__what_is_used_for_who_asks)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 1, 9);
	one_each from(1);
	ASSERT(m.lane && from && m.up());
	ASSERT(m.pong(8));
	m.ack_all();
	EXPECT_EQ(m.send(from[3], 1), sizeof(numbered));
	ASSERT(m.sends_on(3, 1) && m.probes(3));
	m.ack_all(3);
	for (u32 i = 1; i < lanes_of_all; i++)
		EXPECT_EQ(m.at(i) != nullptr, i == 3);
	/* nobody needs it any more, not for what the kernels had to say on it */
	ASSERT(m.handshake(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 8, RDS_CAP_ASKS_FOR_LANES, m.at(3)));
	ASSERT(eventually([&] { return unacked_on(m.at(3)) == 1; }));
	rds_conn_drop(m.at(3));
	ASSERT(eventually([&] { return m.at(3)->state() == RDS_CONN_DOWN; }));
	EXPECT(eventually([&] { return !queued_on(m.at(3)) && !unacked_on(m.at(3)); }));
	bench_sleep(50);
	EXPECT_EQ(m.at(3)->state(), RDS_CONN_DOWN);
	EXPECT_EQ(m.at(3)->c_pongs, 0);
	/* the peer does: it asks, as transports do */
	rds_conn_connect_if_down(m.at(3));
	EXPECT(eventually([&] { return m.at(3)->up(); }));
}

/* The larger side does not connect, it asks, on lane 0, as often as it must. */
TEST_CASE(open__asked_for)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 9, 1);
	one_each from(9);
	ASSERT(m.lane && from);
	ASSERT(rds_conn_claim(m.lane.get()));
	fake_of(m.lane.get())->connected = true;
	rds_connect_complete(m.lane.get());
	ASSERT(eventually([&] { return unacked_on(m.lane.get()) == 1; }));
	ASSERT(m.pong(8));
	m.ack_all();
	EXPECT_EQ(m.send(from[6], 1), sizeof(numbered));
	auto asked = [&] {
		u32 n = 0;
		kernel::guard hold(s->lock);
		s->frames.each([&](fake_frame *f) {
			if (!f->map && rds::is_probe(f->hdr) && !f->conn->c_index)
				n += rds::read_handshake(f->hdr).asked_lanes() == 1 << 6;
		});
		return n;
	};
	EXPECT(eventually([&] { return asked() >= 2; }));
	EXPECT_EQ(m.at(6)->state(), RDS_CONN_DOWN);
	EXPECT_EQ(fake_of(m.at(6))->connects, 0);
	/* it comes */
	ASSERT(rds_conn_claim(m.at(6)));
	fake_of(m.at(6))->connected = true;
	rds_connect_complete(m.at(6));
	EXPECT(m.sends_on(6, 1));
	u32 then = asked();
	bench_sleep(300);
	EXPECT_EQ(asked(), then);
}

/* ... and the smaller one does as it is asked. */
TEST_CASE(open__as_asked)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	many m(s, 1, 9);
	ASSERT(m.lane && m.up());
	ASSERT(m.pong(8));
	bench_sleep(20);
	EXPECT(!m.at(6) && !m.at(2));
	u32 caps = RDS_CAP_ASKS_FOR_LANES | 1u << (RDS_CAP_LANES_SHIFT + 6) |
		   1u << (RDS_CAP_LANES_SHIFT + 2);
	ASSERT(m.handshake(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 8, caps));
	EXPECT(eventually([&] { return m.at(6) && m.at(6)->up() && m.at(2) && m.at(2)->up(); }));
	EXPECT(!m.at(5));
}

/* W5: one that answers no pings makes nobody wait for ever. */
TEST_CASE(open__silent_peer)
{
	SPREAD(m, from);
	m.ack_all();
	rds_conn_drop(m.at(0));
	ASSERT(eventually([&] { return m.lane->up() && fake_of(m.at(0))->connects == 2; }));
	EXPECT_EQ(m.send(from[2], 1), sizeof(numbered));
	EXPECT(m.sends_on(2, 1));
}

/* One lane's end is none of the others' business (W9: nor of the map's). */
TEST_CASE(drop__one_lane)
{
	SPREAD(m, from);
	m.ack_all();
	EXPECT_EQ(m.send(from[2], 1), sizeof(numbered));
	EXPECT_EQ(m.send(from[6], 1), sizeof(numbered));
	ASSERT(m.sends_on(2, 1) && m.sends_on(6, 1));
	s->room = 0; /* the map cannot leave */
	rds_cong_set_port(m.lane->c_peer->lcong, 4000);
	ASSERT(eventually([&] { return kernel::read_once(m.lane->c_blocked); }));
	kernel::write_once(m.peer()->map_pending, u8{1});
	u32 shutdowns = fake_of(m.at(6))->shutdowns;
	rds_conn_drop(m.at(2));
	ASSERT(eventually([&] { return fake_of(m.at(2))->connects == 2; }));
	EXPECT(m.peer()->map_pending);
	EXPECT_EQ(fake_of(m.at(6))->shutdowns, shutdowns);
	EXPECT(m.at(6)->up() && m.lane->up());
	EXPECT_EQ(unacked_on(m.at(6)) + queued_on(m.at(6)), 1 + m.at(6)->c_pongs);
	s->make_room(m.at(2), -1);
	EXPECT(m.sends_on(2, 2)); /* again */
	s->make_room(m.at(0), -1);
	rds_cong_clear_port(m.lane->c_peer->lcong, 4000);
}

TEST_CASE(blocked__one_lane)
{
	SPREAD(m, from);
	m.ack_all();
	s->arg = &m;
	s->on_xmit = [](fake_transport *f, rds_connection *conn, rds_message *, bool *handled) {
		*handled = conn == static_cast<many *>(f->arg)->at(3);
		return 0;
	};
	EXPECT_EQ(m.send(from[3], 1), sizeof(numbered));
	ASSERT(eventually([&] { return m.at(3) && kernel::read_once(m.at(3)->c_blocked); }));
	for (u32 n = 0; n < 5; n++)
		EXPECT_EQ(m.send(from[4], n), sizeof(numbered));
	EXPECT(m.sends_on(4, 5));
	EXPECT_EQ(m.sent_on(3), 0);
	s->on_xmit = nullptr;
	rds_send_kick(m.at(3));
	EXPECT(m.sends_on(3, 1));
}

/* W1, W18: what the peer counted before does not count. Old streams go. */
TEST_CASE(restart__counts_anew_on_each_lane)
{
	MANY(m, 1, 9);
	one_each from(1);
	test_socket to(1, to_port);
	ASSERT(from && to.bound() && m.up());
	ASSERT(m.pong(8));
	m.ack_all();
	EXPECT_EQ(m.send(from[5], 1), sizeof(numbered));
	ASSERT(m.sends_on(5, 1));
	rds_lane *five = m.at(5);
	rds_header h = rds::make_header(kernel::be16(u16{3000}), kernel::be16(to_port), 0);
	h.h_sequence = kernel::be64(u64{500});
	ASSERT(s->inject(five, h, nullptr));
	u8 none[1];
	EXPECT_EQ(to.recv(none, sizeof(none)), 0);
	u32 connects = fake_of(five)->connects;
	ASSERT(m.handshake(RDS_PING_PORT, RDS_FLAG_PROBE_PORT, 8, RDS_CAP_ASKS_FOR_LANES, nullptr,
			   78));
	EXPECT_EQ(m.peer()->peer_gen, 78);
	ASSERT(eventually([&] { return five->up() && fake_of(five)->connects > connects; }));
	EXPECT(m.lane->up());
	h.h_sequence = kernel::be64(u64{2});
	h.h_flags = RDS_FLAG_RETRANSMITTED;
	ASSERT(s->inject(five, h, nullptr));
	EXPECT_EQ(to.recv(none, sizeof(none)), 0);
	/* the same number again is a repetition, and the same life no new one */
	ASSERT(s->inject(five, h, nullptr));
	EXPECT_EQ(to.recv(none, sizeof(none)), -EAGAIN);
	connects = fake_of(five)->connects;
	ASSERT(m.handshake(RDS_PING_PORT, RDS_FLAG_PROBE_PORT, 8, RDS_CAP_ASKS_FOR_LANES, nullptr,
			   78));
	EXPECT(five->up());
	EXPECT_EQ(fake_of(five)->connects, connects);
}

TEST_CASE(alloc__failure_is_the_senders)
{
	SPREAD(m, from);
	s->alloc_errno = -ENOMEM;
	EXPECT_EQ(m.send(from[5], 1), -ENOMEM);
	EXPECT(!m.at(5));
	EXPECT_EQ(m.send(from[0], 1), sizeof(numbered));
	s->alloc_errno = 0;
	EXPECT_EQ(m.send(from[5], 2), sizeof(numbered));
	EXPECT(m.at(5));
}

TEST_CASE(end__with_messages_on_all)
{
	SPREAD(m, from);
	for (u32 i = 0; i < lanes_of_all; i++)
		EXPECT_EQ(m.send(from[i], 1), sizeof(numbered));
	rds_peer_destroy(m.peer());
	for (u32 i = 0; i < lanes_of_all; i++) {
		ASSERT(m.at(i));
		EXPECT_EQ(m.at(i)->state(), RDS_CONN_DOWN);
		EXPECT_EQ(queued_on(m.at(i)) + unacked_on(m.at(i)), 0);
		EXPECT_EQ(from[i].rds()->snd_bytes, 0);
	}
	int err = 0;
	EXPECT(!m.at(0)->c_transport_data);
	/* the next peer's numbers are above all of them */
	lane_ref again(s.fake(), 1, 9);
	ASSERT(again);
	EXPECT(again.get() != m.lane.get());
	for (u32 i = 0; i < lanes_of_all; i++) {
		rds_lane *l = rds_lane_get(again->c_peer, i, true, &err);
		ASSERT(l);
		for (u32 k = 0; k < lanes_of_all; k++)
			EXPECT(l->c_tx.next >= m.at(k)->c_tx.next);
	}
}

/* What peers make us keep has an end; what is needed here has not. */
TEST_CASE(cap__of_lanes)
{
	SPREAD(m, from);
	rds_tunables.max_peers_user = 1;
	EXPECT(rds_conn_lane(m.lane.get(), 1));
	EXPECT(rds_conn_lane(m.lane.get(), 2));
	EXPECT(!rds_conn_lane(m.lane.get(), 3));
	EXPECT(rds_conn_lane(m.lane.get(), 2));
	EXPECT_EQ(m.send(from[3], 1), sizeof(numbered));
	EXPECT(m.at(3));
	rds_peer_destroy(m.peer());
	EXPECT_EQ(m.peer()->rn->nr_more_lanes, 0);
}

TEST_CASE(reap__not_with_a_message_on_any)
{
	SPREAD(m, from);
	m.ack_all();
	EXPECT_EQ(m.send(from[7], 1), sizeof(numbered));
	ASSERT(m.sends_on(7, 1));
	rds_tunables.idle_seconds = 0;
	rds_tunables.max_peers = 1;
	EXPECT_EQ(rds_peer_reap(m.peer()->rn), 0);
	EXPECT(!m.peer()->dying);
	m.ack_all(7);
	EXPECT(eventually([&] {
		m.ack_all(7);
		rds_peer_reap(m.peer()->rn);
		return kernel::read_once(m.peer()->dying);
	}));
}

TEST_CASE(lists__messages_of_all_lanes)
{
	SPREAD(m, from);
	m.ack_all();
	for (u32 i = 0; i < lanes_of_all; i++)
		EXPECT_EQ(m.send(from[i], 1), sizeof(numbered));
	for (u32 i = 0; i < lanes_of_all; i++)
		ASSERT(m.sends_on(i, 1));
	buffer room(4096);
	ASSERT(room);
	u64 bytes;
	EXPECT_EQ(rds_info_snapshot(bench_init_net(), RDS_INFO_RETRANS_MESSAGES, room.get(), 4096,
				    &bytes),
		  sizeof(rds_info_message));
	u32 seen = 0;
	for (u64 at = 0; at + sizeof(rds_info_message) <= bytes; at += sizeof(rds_info_message)) {
		auto *r = reinterpret_cast<const rds_info_message *>(room.get() + at);
		seen += r->len == sizeof(numbered);
	}
	EXPECT_EQ(seen, lanes_of_all);
}
