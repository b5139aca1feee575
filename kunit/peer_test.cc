// SPDX-License-Identifier: GPL-2.0
/* Suite rds_peer: how many peers, for how long, and what they leave behind. Process context. */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;

rds_net *here()
{
	return rds_net_of(bench_init_net());
}

/* As a transport does for an incoming connection from fake address @faddr. */
rds_connection *accept_from(scenario &s, u32 faddr)
{
	in6_addr l = fake_addr(1), f = fake_addr(faddr);
	return rds_conn_accept(bench_init_net(), &l, &f, &s->trans, 0, 0);
}

int try_accept(scenario &s, u32 faddr)
{
	rds_connection *conn = accept_from(s, faddr);
	if (int err = kernel::pointer_error(conn))
		return err;
	rds_conn_put(conn);
	return 0;
}

u32 peers()
{
	return kernel::read_once(here()->nr_peers);
}

} // namespace

/* Memory is bounded whatever is sent to whom. */
TEST_CASE(cap__of_the_namespace)
{
	SCENARIO(s);
	test_socket from(1, from_port);
	ASSERT(from.bound());
	s->connect_mode = FAKE_CONNECT_LATER;
	s->deliver = false; /* the other half of a pair that was let in may always come */
	ASSERT_EQ(peers(), 0);
	rds_tunables.max_peers = 10;
	u64 refused = stat_of(rds_s_peer_refused);
	u32 ok = 0;
	for (u32 i = 0; i < 30; i++) {
		long ret = send_number(from, 2 + i, to_port, i);
		if (ret == sizeof(numbered))
			ok++;
		else
			EXPECT_EQ(ret, -ENOMEM);
		EXPECT(peers() <= 10);
	}
	EXPECT(ok > 0 && ok <= 10);
	EXPECT(stat_of(rds_s_peer_refused) > refused);
	EXPECT_EQ(try_accept(s, 77), -ENOMEM);
	/* those that are there still work */
	EXPECT_EQ(send_number(from, 2, to_port, 0), sizeof(numbered));
}

TEST_CASE(cap__of_a_user)
{
	SCENARIO(s);
	test_socket from(1, from_port);
	ASSERT(from.bound());
	s->connect_mode = FAKE_CONNECT_LATER;
	rds_tunables.max_peers_user = 3;
	u32 ok = 0;
	for (u32 i = 0; i < 10; i++)
		ok += send_number(from, 2 + i, to_port, i) == sizeof(numbered);
	EXPECT(ok > 0 && ok <= 3);
	EXPECT_EQ(try_accept(s, 77), 0); /* strangers have their own share */
}

TEST_CASE(cap__of_strangers)
{
	SCENARIO(s);
	rds_tunables.max_peers_user = 3;
	for (u32 i = 0; i < 3; i++)
		EXPECT_EQ(try_accept(s, 2 + i), 0);
	EXPECT_EQ(try_accept(s, 9), -ENOMEM);
	EXPECT_EQ(try_accept(s, 2), 0); /* known already */
	test_socket from(1, from_port);
	ASSERT(from.bound());
	s->connect_mode = FAKE_CONNECT_LATER;
	EXPECT_EQ(send_number(from, 20, to_port, 0), sizeof(numbered));
}

TEST_CASE(cap__of_strangers_at_once)
{
	SCENARIO(s);
	rds_tunables.max_strangers_second = 3;
	here()->strangers_since = kernel_ticks() - TICKS_PER_SECOND; /* a new second */
	u32 ok = 0;
	unsigned long start = kernel_ticks();
	for (u32 i = 0; i < 10; i++)
		ok += try_accept(s, 2 + i) == 0;
	/* a slow machine may have begun another second */
	EXPECT(ok >= 3 && ok <= 3 * (2 + (kernel_ticks() - start) / TICKS_PER_SECOND));
	EXPECT_EQ(peers(), ok);
	EXPECT_EQ(try_accept(s, 2), 0); /* known already */
	EXPECT(eventually([&] { return !try_accept(s, 99); }));
}

TEST_CASE(reap__idle_peers_go)
{
	SCENARIO(s);
	for (u32 i = 0; i < 5; i++)
		EXPECT_EQ(try_accept(s, 2 + i), 0);
	EXPECT_EQ(peers(), 5);
	EXPECT_EQ(rds_peer_reap(here()), 0); /* not idle for long enough */
	rds_tunables.idle_seconds = 0;
	/* by itself, within the interval */
	EXPECT(eventually([&] { return !peers(); }));
	EXPECT(eventually([&] { return kernel::read_once(s->frees) == 5; }));
	EXPECT_EQ(s->allocs, 5);
}

TEST_CASE(reap__makes_room)
{
	SCENARIO(s);
	rds_tunables.max_peers = 4;
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQ(try_accept(s, 2 + i), 0);
	EXPECT_EQ(try_accept(s, 50), -ENOMEM);
	rds_tunables.idle_seconds = 0;
	EXPECT(eventually([&] { return !try_accept(s, 50); }));
	test_socket from(1, from_port);
	ASSERT(from.bound());
	s->connect_mode = FAKE_CONNECT_LATER;
	EXPECT(eventually([&] { return send_number(from, 60, to_port, 1) == sizeof(numbered); }));
}

/* Its own messages do not make the kernel keep a peer, nor call one. */
TEST_CASE(reap__in_spite_of_a_probe)
{
	SCENARIO(s);
	s->trans.t_mp_capable = 1;
	s->trans.t_small_connects = 1;
	s->connect_mode = FAKE_CONNECT_DROP;
	rds_tunables.reconnect_max_ticks = 1;
	{
		lane_ref smaller(s.fake(), 1, 2), larger(s.fake(), 9, 8);
		ASSERT(smaller && larger);
		rds_probe_send(smaller.get(), kernel::gfp_kernel);
		rds_probe_send(larger.get(), kernel::gfp_kernel);
		EXPECT_EQ(larger->c_pongs, 1);
		ASSERT(eventually([&] { return fake_of(larger.get())->connects == 1; }));
		ASSERT(eventually([&] { return fake_of(smaller.get())->connects > 5; }));
		EXPECT_EQ(fake_of(larger.get())->connects, 1);
	}
	EXPECT(peers() >= 2);
	rds_tunables.idle_seconds = 0;
	EXPECT(eventually([&] { return !peers(); }));
}

TEST_CASE(reap__not_what_is_in_use)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	rds_tunables.idle_seconds = 0;
	/* a message waits */
	s->connect_mode = FAKE_CONNECT_LATER;
	EXPECT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_peer_reap(here());
	EXPECT_EQ(rds_conn_alive(lane.get()), 1);
	/* up, and there is room enough */
	ASSERT(eventually([&] { return kernel::read_once(fake_of(lane.get())->connecting); }));
	/* the way back was idle and may be gone: then it takes another connection */
	s->connect_mode = FAKE_CONNECT_NOW;
	s->complete(lane.get());
	EXPECT_NUMBER(to, 1);
	ASSERT(eventually(
		[&] { return !lane->has_messages() && !kernel::read_once(lane->c_xmit_rm); }));
	rds_peer_reap(here());
	EXPECT_EQ(rds_conn_alive(lane.get()), 1);
	/* and what goes does not take an unread message along */
	EXPECT_EQ(send_number(from, 2, to_port, 2), sizeof(numbered));
	ASSERT(eventually([&] { return kernel::read_once(to.rds()->rcv_count) == 1; }));
	rds_tunables.max_peers = 1;
	ASSERT(eventually([&] {
		rds_peer_reap(here());
		return !peers();
	}));
	EXPECT_NUMBER(to, 2);
}

/*
 * A connect hook that needs a peer at the cap: the lane whose hook it is may be idle itself, and
 * must not wait for its own end.
 */
TEST_CASE(reap__from_a_connect_hook)
{
	SCENARIO(s);
	test_socket from(1, from_port);
	ASSERT(from.bound());
	rds_tunables.max_peers = 1;
	for (u32 round = 0; round < 5; round++) {
		rds_tunables.idle_seconds = 60;
		s->connect_mode = FAKE_CONNECT_LATER;
		u32 seen = kernel::read_once(s->connects);
		/* its reverse has no room: the hook fails, again and again */
		ASSERT_EQ(send_number(from, 2, to_port, 1), sizeof(numbered));
		EXPECT_EQ(from.cancel(2, to_port), 0);
		rds_tunables.idle_seconds = 0;
		ASSERT(eventually(
			[&] { return kernel::read_once(s->connects) > seen || !peers(); }));
		ASSERT(eventually([&] { return !peers(); }));
	}
}

/* L15, X5: several threads first-sending to one peer: one comes of it, the others' are freed. */
TEST_CASE(create__many_at_once)
{
	constexpr u32 rounds = 20;
	SCENARIO(s);
	s->on_alloc = [](fake_transport *) { bench_yield(); }; /* the others look for a peer, too */
	test_socket to(2, to_port);
	ASSERT(to.bound());
	for (u32 round = 0; round < rounds; round++) {
		bool go = false;
		auto race = [&](u32 me) {
			test_socket from(1, from_port + me);
			while (!kernel::read_once(go))
				bench_yield();
			EXPECT_EQ(send_number(from, 2, to_port, me), sizeof(numbered));
			eventually([&] { return !kernel::read_once(from.rds()->snd_bytes); });
		};
		{
			thread a([&] { race(0); });
			thread b([&] { race(1); });
			thread c([&] { race(2); });
			thread d([&] { race(3); });
			kernel::write_once(go, true);
		}
		numbered n;
		for (u32 i = 0; i < 4; i++)
			EXPECT_EQ(to.recv_wait(&n, sizeof(n)), sizeof(n));
		EXPECT_EQ(peers(), 2); /* there and back */
		rds_peer_destroy_all(here(), &s->trans);
		EXPECT_EQ(peers(), 0);
	}
	EXPECT_EQ(s->allocs, s->frees);
	EXPECT_AT(s->allocs > 2 * rounds, "nobody lost a race", s->allocs, 0);
}

/* Peers are collected as fast as they are made; nothing is lost but time. */
TEST_CASE(create__races_with_collection)
{
	SCENARIO(s);
	test_socket to(2, to_port);
	ASSERT(to.bound());
	rds_tunables.idle_seconds = 0;
	rds_tunables.max_peers = 2;
	/* the other half is collected as soon as it is made: it takes many attempts */
	rds_tunables.reconnect_max_ticks = 1;
	bool done = false;
	{
		thread reaper([&] {
			while (!kernel::read_once(done)) {
				rds_peer_reap(here());
				bench_yield();
			}
		});
		test_socket from(1, from_port);
		for (u32 i = 0; i < 100; i++) {
			long ret = 0;
			/* an old one may still stand in the way of a new one */
			eventually([&] {
				ret = send_number(from, 2, to_port, i);
				return ret != -ENOMEM;
			});
			if (!EXPECT_EQ(ret, sizeof(numbered)) || !EXPECT_NUMBER(to, i))
				break;
		}
		kernel::write_once(done, true);
	}
}

TEST_CASE(accept__finds_the_same)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_connection *conn = accept_from(s, 2);
	ASSERT(!kernel::pointer_error(conn));
	EXPECT(conn == lane.get());
	rds_conn_put(conn);
	rds_connection *back = rds_conn_reverse(lane.get());
	ASSERT(!kernel::pointer_error(back));
	EXPECT(back != conn);
	rds_connection *forth = rds_conn_reverse(back);
	EXPECT(forth == lane.get());
	rds_conn_put(forth);
	rds_conn_put(back);
}

/* L14: the refusal leaves nothing behind. */
TEST_CASE(accept__refuses_local_addresses)
{
	SCENARIO(s);
	s->trans.t_prefer_loopback = 1;
	for (u32 i = 0; i < 20; i++)
		EXPECT_EQ(try_accept(s, 2), -EOPNOTSUPP);
	EXPECT_EQ(s->allocs, 0);
	EXPECT_EQ(peers(), 0);
	s->trans.t_prefer_loopback = 0;
	s.unregister();
	EXPECT_EQ(try_accept(s, 2), -ENETDOWN);
}

TEST_CASE(destroy_net__and_again)
{
	SCENARIO(s);
	test_socket from(1, from_port), to(2, to_port);
	ASSERT(from.bound() && to.bound());
	for (u32 i = 0; i < 5; i++) {
		EXPECT_EQ(send_number(from, 2, to_port, i), sizeof(numbered));
		EXPECT_NUMBER(to, i);
		rds_conn_destroy_net(&s->trans, bench_init_net());
		EXPECT_EQ(peers(), 0);
		EXPECT_EQ(s->allocs, s->frees);
	}
	EXPECT_EQ(from.rds()->snd_bytes, 0);
}

/* Who is told that a peer is destroyed relies on it: nobody returns before it is done, once. */
TEST_CASE(destroy__twice_at_once)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	s->deliver = false;
	rds_conn_connect_if_down(lane.get());
	ASSERT(eventually([&] { return lane->up(); }));
	gate closing;
	s->arg = &closing;
	s->on_shutdown = [](fake_transport *f, rds_connection *) {
		static_cast<gate *>(f->arg)->pass();
	};
	closing.close();
	u32 entered = 0, returned = 0;
	auto destroy = [&] {
		kernel::add_return(entered, 1u);
		rds_peer_destroy(lane->c_peer);
		EXPECT_EQ(kernel::read_once(s->frees), 1);
		kernel::add_return(returned, 1u);
		bench_wake();
	};
	{
		thread first(destroy);
		EXPECT(closing.reached());
		thread second(destroy), third(destroy);
		EXPECT(eventually([&] { return kernel::read_once(entered) == 3; }));
		/* for the return that must not come */
		EXPECT(!eventually([&] { return kernel::read_once(returned) > 0; }, 30));
		closing.open();
	}
	EXPECT_EQ(s->shutdowns, 1);
	EXPECT_EQ(peers(), 0);
	s->on_shutdown = nullptr;
}

/* L10, L11: another namespace is another world, and its end takes its peers along. */
TEST_CASE(namespace__ends_with_live_peers)
{
	SCENARIO(s);
	struct net *net = bench_net_make();
	if (!net) {
		bench_skip(test, "no namespace to be had: run by scripts/run-kunit?");
		return;
	}
	{
		test_socket here_to(2, to_port), from(net), to(net);
		EXPECT(here_to.bound());
		EXPECT_EQ(from.bind(fake_net + 1, from_port), 0);
		EXPECT_EQ(to.bind(fake_net + 2, to_port), 0); /* no EADDRINUSE across */
		for (u32 i = 0; i < 5; i++)
			EXPECT_EQ(send_number(from, 2, to_port, i), sizeof(numbered));
		for (u32 i = 0; i < 5; i++)
			EXPECT_NUMBER(to, i);
		EXPECT_EMPTY(here_to);
		EXPECT_EQ(peers(), 0);
		/* frames hold peers: none must come after they are forgotten below */
		EXPECT(eventually([&] { return !kernel::read_once(from.rds()->snd_bytes); }));
		/* one direction stays in the middle of something */
		s->connect_mode = FAKE_CONNECT_LATER;
		EXPECT_EQ(send_number(from, 3, to_port, 0), sizeof(numbered));
		EXPECT(rds_net_of(net)->nr_peers >= 3);
	}
	s->forget_frames();
	EXPECT(bench_net_put(net));
	EXPECT_EQ(s->allocs, s->frees);
}

/* Messages of different types of service go to the same host on connections of their own. */
TEST_CASE(tos__part_of_the_key)
{
	SCENARIO(s);
	s->trans.get_tos_map = [](u8 tos) { return tos; };
	test_socket plain(1, from_port), fast(1, from_port + 1), to(2, to_port);
	ASSERT(plain.bound() && fast.bound() && to.bound());
	EXPECT_EQ(rds_sock_set_tos(fast.rds(), 7), 0);
	EXPECT_EQ(rds_sock_get_tos(fast.rds()), 7);
	u32 before = peers();
	EXPECT_EQ(send_number(plain, 2, to_port, 0), sizeof(numbered));
	EXPECT_NUMBER(to, 0);
	u32 with_one = peers();
	EXPECT(with_one > before);
	EXPECT_EQ(send_number(fast, 2, to_port, 1), sizeof(numbered));
	EXPECT_NUMBER(to, 1);
	/* and the answers to them */
	EXPECT_EQ(peers() - with_one, with_one - before);
	u32 fast_lanes = 0;
	{
		kernel::guard hold(s->lock);
		s->conns.each([&](fake_conn *c) { fast_lanes += c->conn->c_tos == 7; });
	}
	EXPECT_EQ(fast_lanes, with_one - before);
	u64 bytes = 0;
	buffer list(4096);
	ASSERT(list);
	EXPECT_EQ(rds_info_snapshot(bench_init_net(), RDS_INFO_CONNECTIONS, list.get(), 4096,
				    &bytes),
		  sizeof(rds_info_connection));
	u32 shown = 0;
	for (u64 i = 0; i < bytes; i += sizeof(rds_info_connection))
		shown += reinterpret_cast<rds_info_connection *>(list.get() + i)->tos == 7;
	EXPECT_EQ(shown, fast_lanes);
}

TEST_CASE(tos__settled_by_the_first_send)
{
	SCENARIO(s);
	test_socket fresh, a(1, from_port), b(1, from_port + 1);
	ASSERT(fresh && a.bound() && b.bound());
	EXPECT_EQ(rds_sock_set_tos(fresh.rds(), 1), -ENOTTY);
	EXPECT_EQ(rds_sock_set_tos(a.rds(), 1), -ENOTTY); /* the transport has none */
	s->trans.get_tos_map = [](u8) { return u8{0}; }; /* as TCP's */
	for (u8 tos = 0; tos < 3; tos++)
		EXPECT_EQ(rds_sock_set_tos(a.rds(), tos), 0);
	EXPECT_EQ(rds_sock_get_tos(a.rds()), 0);
	EXPECT_EQ(send_number(a, 9, to_port, 0), sizeof(numbered));
	EXPECT_EQ(rds_sock_set_tos(a.rds(), 0), -EINVAL);
	s->trans.get_tos_map = [](u8 tos) { return tos; };
	EXPECT_EQ(rds_sock_set_tos(b.rds(), 255), 0);
	EXPECT_EQ(rds_sock_set_tos(b.rds(), 3), -EINVAL);
	EXPECT_EQ(rds_sock_get_tos(b.rds()), 255);
}
