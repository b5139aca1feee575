// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_lane: each transition of the state machine, legal and not, through the calls that a
 * transport has. A lane is held in a state by a fake transport that does not answer.
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;

bool reaches(rds_lane *lane, int state)
{
	return eventually([&] { return lane->state() == state; });
}

/*
 * A lane 1 -> 2 that can be put into each state and held there:
 *   CONNECTING     the transport does not answer
 *   ERROR          dropped while conn_connect is still running
 *   DISCONNECTING  conn_shutdown does not return
 */
struct stage {
	scenario &s;
	gate connecting, closing;
	lane_ref lane;

	explicit stage(scenario &scene) : s(scene), lane(scene.fake(), 1, 2)
	{
		s->arg = this;
		s->on_connect = [](fake_transport *f, rds_connection *) {
			static_cast<stage *>(f->arg)->connecting.pass();
		};
		s->on_shutdown = [](fake_transport *f, rds_connection *) {
			static_cast<stage *>(f->arg)->closing.pass();
		};
		s->connect_mode = FAKE_CONNECT_LATER;
	}
	~stage()
	{
		release();
		/* no hook needs us any more */
		s->on_connect = nullptr;
		s->on_shutdown = nullptr;
	}
	void release()
	{
		s->connect_mode = FAKE_CONNECT_NOW;
		connecting.open();
		closing.open();
		if (lane && lane->state() == RDS_CONN_CONNECTING && fake_of(lane.get())->connecting)
			s->complete(lane.get());
	}
	bool put(int state);
	/* From wherever it is: the lane works. */
	bool works(kunit *test);
};

bool stage::put(int state)
{
	rds_lane *l = lane.get();
	switch (state) {
	case RDS_CONN_DOWN:
		return l->state() == RDS_CONN_DOWN;
	case RDS_CONN_CONNECTING:
		rds_conn_connect_if_down(l);
		return eventually([&] { return kernel::read_once(fake_of(l)->connecting); });
	case RDS_CONN_UP:
		if (!put(RDS_CONN_CONNECTING))
			return false;
		s->complete(l);
		return l->up();
	case RDS_CONN_ERROR:
		connecting.close();
		rds_conn_connect_if_down(l);
		if (!connecting.reached())
			return false;
		rds_conn_drop(l);
		return l->state() == RDS_CONN_ERROR;
	case RDS_CONN_DISCONNECTING:
		if (!put(RDS_CONN_UP))
			return false;
		closing.close();
		rds_conn_drop(l);
		return closing.reached() && l->state() == RDS_CONN_DISCONNECTING;
	}
	return false;
}

bool stage::works(kunit *test)
{
	release();
	test_socket from(1, from_port), to(2, to_port);
	return EXPECT(from.bound() && to.bound()) &&
	       EXPECT_EQ(send_number(from, 2, to_port, 42), sizeof(numbered)) &&
	       EXPECT_NUMBER(to, 42) && EXPECT(reaches(lane.get(), RDS_CONN_UP));
}

constexpr int all_states[] = {RDS_CONN_DOWN, RDS_CONN_CONNECTING, RDS_CONN_UP, RDS_CONN_ERROR,
			      RDS_CONN_DISCONNECTING};

} // namespace

TEST_CASE(connect__by_the_first_message)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	EXPECT_EQ(lane->state(), RDS_CONN_DOWN);
	bench_sleep(20);
	EXPECT_EQ(s->connects, 0);
	EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
	EXPECT_NUMBER(to, 1);
	EXPECT(lane->up());
	EXPECT_EQ(s->connects, 1);
}

TEST_CASE(connect__errno_is_retried)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	s->connect_failures = 5;
	EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
	EXPECT_NUMBER(to, 1);
	EXPECT_EQ(s->connects, 6);
	EXPECT_EQ(s->shutdowns, 0); /* nothing was started: nothing is shut down */
}

TEST_CASE(connect__late)
{
	SCENARIO(s);
	stage g(s);
	ASSERT(g.lane);
	ASSERT(g.put(RDS_CONN_CONNECTING));
	bench_sleep(50);
	EXPECT_EQ(g.lane->state(), RDS_CONN_CONNECTING);
	EXPECT_EQ(s->connects, 1);
	s->complete(g.lane.get());
	EXPECT(g.lane->up());
	EXPECT(g.works(test));
}

/* Both ends of the hook: it drops and returns 0, or it returns an errno of a dropped connection. */
TEST_CASE(connect__dropped_inside_the_hook)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	s->connect_mode = FAKE_CONNECT_DROP;
	EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
	ASSERT(eventually([&] { return kernel::read_once(s->connects) >= 3; }));
	s->on_connect = [](fake_transport *f, rds_connection *conn) {
		f->connect_failures = 1;
		rds_conn_drop(conn);
	};
	u32 seen = s->connects;
	ASSERT(eventually([&] { return kernel::read_once(s->connects) >= seen + 3; }));
	s->on_connect = nullptr;
	s->connect_mode = FAKE_CONNECT_NOW;
	EXPECT_NUMBER(to, 1);
}

TEST_CASE(connect_complete__only_from_connecting)
{
	for (int state : all_states) {
		SCENARIO(s);
		stage g(s);
		ASSERT(g.lane);
		if (!EXPECT_AT(g.put(state), "could not reach state", state, g.lane->state()))
			return;
		u32 shutdowns = s->shutdowns;
		if (state == RDS_CONN_CONNECTING) {
			s->complete(g.lane.get());
			EXPECT(g.lane->up());
		} else {
			rds_connect_complete(g.lane.get());
		}
		/* out of turn while UP it costs the connection; elsewhere nothing */
		if (state == RDS_CONN_UP)
			EXPECT(eventually(
				[&] { return kernel::read_once(s->shutdowns) == shutdowns + 1; }));
		else if (state != RDS_CONN_CONNECTING)
			EXPECT_EQ(g.lane->state(), state);
		EXPECT(g.works(test));
	}
}

TEST_CASE(drop__in_each_state)
{
	for (int state : all_states) {
		SCENARIO(s);
		stage g(s);
		ASSERT(g.lane);
		if (!EXPECT_AT(g.put(state), "could not reach state", state, g.lane->state()))
			return;
		u32 shutdowns = s->shutdowns;
		bool has_connection = state == RDS_CONN_CONNECTING || state == RDS_CONN_UP;
		if (has_connection)
			g.closing.close(); /* no new one until all drops were made */
		for (int i = 0; i < 3; i++) /* idempotent */
			rds_conn_drop(g.lane.get());
		if (has_connection) {
			g.closing.open();
			EXPECT(eventually(
				[&] { return kernel::read_once(s->shutdowns) == shutdowns + 1; }));
		} else {
			EXPECT_EQ(g.lane->state(), state);
		}
		EXPECT(g.works(test));
		EXPECT(s->shutdowns <= 1);
	}
}

/* L1: an accepted connection must not take a lane that has yet to be shut down. */
TEST_CASE(claim__only_from_down)
{
	for (int state : all_states) {
		SCENARIO(s);
		stage g(s);
		ASSERT(g.lane);
		if (!EXPECT_AT(g.put(state), "could not reach state", state, g.lane->state()))
			return;
		bool may = state == RDS_CONN_DOWN;
		EXPECT_EQ(rds_conn_claim(g.lane.get()), may);
		EXPECT_EQ(rds_conn_claim(g.lane.get()), 0);
		if (may) {
			EXPECT_EQ(g.lane->state(), RDS_CONN_CONNECTING);
			/* the claimed connection is lost again before it was complete */
			rds_conn_drop(g.lane.get());
		} else {
			EXPECT_EQ(g.lane->state(), state);
		}
		EXPECT(g.works(test));
	}
}

TEST_CASE(connect_if_down__in_each_state)
{
	for (int state : all_states) {
		SCENARIO(s);
		stage g(s);
		ASSERT(g.lane);
		if (!EXPECT_AT(g.put(state), "could not reach state", state, g.lane->state()))
			return;
		u32 connects = s->connects;
		for (int i = 0; i < 3; i++)
			rds_conn_connect_if_down(g.lane.get());
		if (state == RDS_CONN_DOWN) {
			EXPECT(eventually([&] {
				return kernel::read_once(fake_of(g.lane.get())->connecting);
			}));
			EXPECT_EQ(s->connects, 1);
		} else {
			EXPECT_EQ(g.lane->state(), state);
			EXPECT_EQ(s->connects, connects);
		}
		EXPECT(g.works(test));
	}
}

/* L3: teardown owns send_sem; the fake transport reports a shutdown during xmit. */
TEST_CASE(shutdown__waits_for_the_sender)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	EXPECT_EQ(send_number(from, 2, to_port, 0), sizeof(numbered));
	ASSERT(EXPECT_NUMBER(to, 0));
	gate inside;
	s->arg = &inside;
	s->on_xmit = [](fake_transport *f, rds_connection *, rds_message *, bool *) {
		static_cast<gate *>(f->arg)->pass();
		return 0;
	};
	inside.close();
	{
		thread sender(
			[&] { EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered)); });
		ASSERT(inside.reached());
		rds_conn_drop(lane.get());
		ASSERT(reaches(lane.get(), RDS_CONN_DISCONNECTING));
		bench_sleep(30); /* for the shutdown that must not come */
		EXPECT_EQ(s->shutdowns, 0);
		inside.open();
	}
	EXPECT_NUMBER(to, 1);
	EXPECT(eventually([&] { return kernel::read_once(s->shutdowns) == 1; }));
	EXPECT_EMPTY(to);
	s->on_xmit = nullptr;
}

namespace {

struct windows {
	unsigned long seen[13];
	u32 nr;
};

} // namespace

TEST_CASE(backoff__window_doubles_to_the_ceiling)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	rds_tunables.reconnect_min_ticks = 1;
	rds_tunables.reconnect_max_ticks = 10;
	windows w{};
	s->arg = &w;
	s->on_connect = [](fake_transport *f, rds_connection *conn) {
		auto *to_note = static_cast<windows *>(f->arg);
		if (to_note->nr < 13)
			to_note->seen[to_note->nr++] = lane_of(conn)->c_backoff.window;
	};
	s->connect_failures = 11;
	EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
	ASSERT(EXPECT_NUMBER(to, 1));
	const unsigned long want[12] = {0, 1, 2, 4, 8, 10, 10, 10, 10, 10, 10, 10};
	ASSERT_EQ(w.nr, 12);
	for (u32 i = 0; i < 12; i++)
		EXPECT_EQ(w.seen[i], want[i]);
	/* a connection that was of use starts it anew */
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_conn_drop(lane.get());
	ASSERT(eventually([&] { return kernel::read_once(w.nr) == 13; }));
	EXPECT_EQ(w.seen[12], 1);
	s->on_connect = nullptr;
}

/* The second attempt is immediate, and the third would come in some weeks. */
struct slow_retries {
	slow_retries()
	{
		rds_tunables.reconnect_min_ticks = 1UL << 40;
		rds_tunables.reconnect_max_ticks = 1UL << 40;
	}
};

TEST_CASE(backoff__also_for_failures_that_come_later)
{
	SCENARIO(s);
	slow_retries slow;
	s->connect_mode = FAKE_CONNECT_DROP;
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_conn_connect_if_down(lane.get());
	ASSERT(eventually([&] {
		return kernel::read_once(s->connects) == 2 && lane->state() == RDS_CONN_DOWN;
	}));
	eventually([&] { return kernel::read_once(s->connects) > 2; }, 100);
	EXPECT_EQ(s->connects, 2);
}

/* A peer that waits for it need not wait for the delay; the delay after that is as it was. */
TEST_CASE(backoff__connect_now)
{
	SCENARIO(s);
	slow_retries slow;
	s->connect_mode = FAKE_CONNECT_DROP;
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	auto waits_after = [&](u32 connects) {
		bool came = eventually([&] {
			return kernel::read_once(s->connects) == connects &&
			       lane->state() == RDS_CONN_DOWN;
		});
		bench_sleep(50);
		return came && kernel::read_once(s->connects) == connects;
	};
	rds_conn_connect_if_down(lane.get());
	ASSERT(waits_after(2));
	rds_conn_connect_now(lane.get());
	ASSERT(waits_after(3));
	auto now_once = [](fake_transport *f, rds_connection *conn) {
		f->on_connect = nullptr;
		rds_conn_connect_now(conn);
	};
	/* inside the hook: before the connection is lost, whose delay it is */
	s->on_connect = now_once;
	rds_conn_connect_now(lane.get());
	ASSERT(waits_after(5));
	/* what fails at once, and not after a while */
	s->connect_failures = 2;
	s->on_connect = now_once;
	rds_conn_connect_now(lane.get());
	ASSERT(waits_after(7));
}

/* While the old connection is shut down it is not DOWN yet, and the mark stays. */
TEST_CASE(backoff__connect_now_during_the_end)
{
	SCENARIO(s);
	slow_retries slow;
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(lane);
	s->deliver = false;
	for (u32 i = 1; i <= 3; i++) {
		rds_conn_connect_now(lane.get());
		ASSERT(eventually([&] { return lane->up(); }));
		EXPECT_EQ(s->connects, i);
		rds_conn_drop(lane.get());
	}
}

/* A connection that the peer makes is what was to come at once, too. */
TEST_CASE(backoff__connect_now_and_accepted)
{
	SCENARIO(s);
	slow_retries slow;
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(lane);
	/* its work has not run yet */
	kernel::write_once(lane->c_hurry, true);
	ASSERT(rds_conn_claim(lane.get()));
	EXPECT(!lane->c_hurry);
	/* this one is for the next */
	rds_conn_connect_now(lane.get());
	EXPECT(lane->c_hurry);
	EXPECT(!rds_conn_claim(lane.get()));
	EXPECT(lane->c_hurry);
	rds_conn_drop(lane.get());
	EXPECT(eventually([&] { return lane->up(); }));
	EXPECT(!lane->c_hurry);
}

/* Who accepts and hangs up without a word is not called in a circle. */
TEST_CASE(backoff__goes_on_until_the_peer_is_heard)
{
	SCENARIO(s);
	slow_retries slow;
	s->deliver = false;
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(lane);
	auto hang_up = [&](u32 connects) {
		return eventually([&] {
			       return kernel::read_once(s->connects) == connects && lane->up();
		       }) &&
		       (rds_conn_drop(lane.get()), true);
	};
	rds_conn_connect_if_down(lane.get());
	ASSERT(hang_up(1));
	ASSERT(eventually([&] { return kernel::read_once(s->connects) == 2 && lane->up(); }));
	buffer map(RDS_CONG_MAP_BYTES);
	ASSERT(map);
	EXPECT_EQ(s->inject_map(lane.get(), map.get(), false), 0);
	ASSERT(hang_up(2)); /* it has spoken: at once again */
	ASSERT(hang_up(3));
	ASSERT(eventually([&] { return lane->state() == RDS_CONN_DOWN; }));
	eventually([&] { return kernel::read_once(s->connects) > 3; }, 100);
	EXPECT_EQ(s->connects, 3);
}

/* L2: whatever happens while the delay runs, the lane connects in the end. */
TEST_CASE(backoff__drop_and_requests_during_the_delay)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_tunables.reconnect_min_ticks = 5;
	rds_tunables.reconnect_max_ticks = 20;
	for (u32 round = 0; round < 10; round++) {
		kernel::write_once(s->connect_failures, 4u);
		rds_conn_drop(lane.get());
		EXPECT_EQ(send_number(from, 2, to_port, round), sizeof(numbered));
		u32 seen = kernel::read_once(s->connects);
		while (kernel::read_once(s->connects) < seen + 3) {
			rds_conn_drop(lane.get());
			rds_conn_connect_if_down(lane.get());
			u32 now = kernel::read_once(s->connects);
			bench_yield();
			if (!eventually([&] { return kernel::read_once(s->connects) != now; }, 5) &&
			    lane->up())
				break;
		}
		ASSERT(EXPECT_NUMBER(to, round));
	}
}

/* L8: where only the smaller address connects, the larger one knocks, with something to send. */
TEST_CASE(larger__knocks_while_it_has_something_to_send)
{
	SCENARIO(s);
	s->trans.t_small_connects = 1;
	test_socket from(2, from_port), to(1, to_port);
	ASSERT(from.bound() && to.bound());
	rds_tunables.reconnect_max_ticks = 5;
	lane_ref lane(s.fake(), 2, 1);
	ASSERT(lane);
	EXPECT_EQ(lane->c_larger, 1);
	kernel::write_once(s->connect_failures, ~0u);
	rds_conn_connect_if_down(lane.get());
	ASSERT(eventually([&] { return kernel::read_once(s->connects) == 1; }));
	bench_sleep(200);
	EXPECT_EQ(s->connects, 1); /* the queue is empty: nobody needs it */
	/* the peer is down; a message waits, and the first knock that is heard brings it over */
	EXPECT_EQ(send_number(from, 1, to_port, 1), sizeof(numbered));
	ASSERT(eventually([&] { return kernel::read_once(s->connects) >= 5; }));
	kernel::write_once(s->connect_failures, 0u);
	EXPECT_NUMBER(to, 1);
}

/* Senders, and somebody who drops all the time: each message once, in the order of its sender. */
TEST_CASE(storm__drops_under_traffic)
{
	constexpr u32 senders = 3, each = 80;
	SCENARIO(s);
	s->most = 30;
	s->on_xmit = [](fake_transport *f, rds_connection *conn, rds_message *, bool *) {
		if (f->xmits % 7 == 0)
			bench_yield();
		if (f->xmits % 41 == 0)
			rds_conn_drop(conn);
		return 0;
	};
	s->on_bracket = [](fake_transport *, rds_connection *) { bench_yield(); };
	test_socket to(2, to_port);
	ASSERT(to.bound());
	to.buffers(0, 4 << 20);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_tunables.reconnect_max_ticks = 2;
	rds_tunables.send_batch_count = 4; /* a batch is finished before the shutdown */
	bool done = false;
	auto send_all = [&](u32 me) {
		test_socket from(1, from_port + me);
		EXPECT(from.bound());
		for (u32 i = 0; from.bound() && i < each; i++)
			EXPECT_EQ(send_number(from, 2, to_port, i, me, 0), sizeof(numbered));
		EXPECT(eventually([&] { return !kernel::read_once(from.rds()->snd_bytes); }));
	};
	{
		thread breaker([&] {
			while (!kernel::read_once(done)) {
				u32 seen = kernel::read_once(s->nr_frames);
				eventually(
					[&] {
						return kernel::read_once(s->nr_frames) >=
							       seen + 3 ||
						       kernel::read_once(done);
					},
					100);
				rds_conn_drop(lane.get());
			}
		});
		{
			thread a([&] { send_all(0); });
			thread b([&] { send_all(1); });
			thread c([&] { send_all(2); });
		}
		kernel::write_once(done, true);
		bench_wake();
	}
	u32 next[senders] = {};
	for (u32 i = 0; i < senders * each; i++) {
		numbered n{};
		ASSERT_EQ(to.recv(&n, sizeof(n)), sizeof(n));
		ASSERT(n.sender < senders);
		ASSERT_EQ(n.number, next[n.sender]++);
	}
	EXPECT_EMPTY(to);
	EXPECT_AT(s->shutdowns > 3, "the storm was none", s->shutdowns, s->xmits);
	s->on_xmit = nullptr;
}

/* X19: a sender that is told "no memory" while the lane dies leaves no work behind. */
TEST_CASE(destroy__no_retry_is_left)
{
	for (u32 round = 0; round < 20; round++) {
		SCENARIO(s);
		test_socket from(1, from_port);
		ASSERT(from.bound());
		lane_ref lane(s.fake(), 1, 2);
		ASSERT(lane);
		s->deliver = false;
		rds_conn_connect_if_down(lane.get());
		ASSERT(reaches(lane.get(), RDS_CONN_UP));
		gate inside;
		s->arg = &inside;
		s->on_xmit = [](fake_transport *f, rds_connection *, rds_message *rm, bool *) {
			if (rm->m_flags & RDS_MSG_MAP)
				return 0;
			static_cast<gate *>(f->arg)->pass();
			return -ENOMEM;
		};
		inside.close();
		thread sender(
			[&] { EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered)); });
		EXPECT(inside.reached());
		thread destroyer([&] { rds_peer_destroy(lane->c_peer); });
		EXPECT(eventually([&] { return lane->dying(); }));
		inside.open();
		sender.join();
		destroyer.join();
		EXPECT(!lane->c_send_work.cancel());
		s->on_xmit = nullptr;
	}
}

/* L28, CVE-2026-97491: what is shut down slowly keeps nobody else from anything. */
TEST_CASE(shutdown__of_others_is_not_waited_for)
{
	constexpr u32 many = 100, first_host = 10;
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	gate closing;
	s->arg = &closing;
	s->on_shutdown = [](fake_transport *f, rds_connection *conn) {
		if (!rds::addr_equal(conn->c_faddr, fake_addr(2)) &&
		    !rds::addr_equal(conn->c_laddr, fake_addr(2)))
			static_cast<gate *>(f->arg)->pass();
	};
	s->deliver = false; /* the many are far away */
	buffer room(many * sizeof(lane_ref *));
	ASSERT(room);
	auto **others = reinterpret_cast<lane_ref **>(room.get());
	for (u32 i = 0; i < many; i++) {
		others[i] = kernel::make<lane_ref>(kernel::gfp_kernel, s.fake(), 1, first_host + i);
		if (EXPECT(others[i] && *others[i]))
			rds_conn_connect_if_down(others[i]->get());
	}
	for (u32 i = 0; i < many; i++)
		EXPECT(others[i] && reaches(others[i]->get(), RDS_CONN_UP));
	s->deliver = true;
	EXPECT_EQ(send_number(from, 2, to_port, 0), sizeof(numbered));
	EXPECT_NUMBER(to, 0);
	lane_ref lane(s.fake(), 1, 2);
	EXPECT(lane);
	closing.close();
	for (u32 i = 0; i < many; i++)
		if (others[i])
			rds_conn_drop(others[i]->get());
	EXPECT(closing.reached(many));
	for (u32 i = 1; lane && i < 20; i++) {
		u32 connects = kernel::read_once(fake_of(lane.get())->connects);
		rds_conn_drop(lane.get());
		EXPECT_EQ(send_number(from, 2, to_port, i), sizeof(numbered));
		if (!EXPECT_NUMBER(to, i) ||
		    !EXPECT(kernel::read_once(fake_of(lane.get())->connects) > connects))
			break;
	}
	EXPECT_EQ(closing.waiting, many);
	closing.open();
	for (u32 i = 0; i < many; i++) {
		EXPECT(others[i] && reaches(others[i]->get(), RDS_CONN_UP));
		kernel::destroy(others[i]);
	}
	s->on_shutdown = nullptr;
}

/* A namespace or a transport may end at any time. */
TEST_CASE(destroy__in_each_state)
{
	for (int state : all_states) {
		SCENARIO(s);
		test_socket from(1, from_port);
		ASSERT(from.bound());
		{
			stage g(s);
			ASSERT(g.lane);
			if (!EXPECT_AT(g.put(state), "could not reach state", state,
				       g.lane->state()))
				return;
			EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
			thread opener([&] {
				/* destroying waits for the hooks: let them go once it has begun */
				EXPECT(eventually([&] { return g.lane->dying(); }));
				g.connecting.open();
				g.closing.open();
			});
			rds_peer_destroy(g.lane->c_peer);
			opener.join();
			EXPECT_EQ(g.lane->state(), RDS_CONN_DOWN);
			EXPECT(!g.lane->has_messages());
			/* late calls of a transport meet an empty shell */
			rds_connect_complete(g.lane.get());
			rds_conn_drop(g.lane.get());
			rds_conn_connect_if_down(g.lane.get());
			rds_send_kick(g.lane.get());
			rds_recv_kick(g.lane.get());
			EXPECT_EQ(rds_conn_claim(g.lane.get()), 0);
			EXPECT_EQ(g.lane->state(), RDS_CONN_DOWN);
			EXPECT_EQ(rds_conn_alive(g.lane.get()), 0);
		}
		EXPECT_EQ(from.rds()->snd_bytes, 0);
	}
}
