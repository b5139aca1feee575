// SPDX-License-Identifier: GPL-2.0
/* Suite rds_bind: errors, choosing a port, races for one, references. Process context. */
#include "test.h"

namespace {

constexpr u32 host(u32 n)
{
	return fake_net + n;
}

} // namespace

TEST_CASE(bind__errors)
{
	SCENARIO(s);
	test_socket a(1, 1000);
	ASSERT(a.bound());
	EXPECT_EQ(a.bind(host(1), 1001), -EINVAL); /* once only */
	test_socket b;
	ASSERT(b);
	EXPECT_EQ(b.bind(host(1), 1000), -EADDRINUSE);
	EXPECT_EQ(b.bind(host(1), RDS_FLAG_PROBE_PORT), -EINVAL);
	EXPECT_EQ(b.bind(0, 1000), -EINVAL);
	EXPECT_EQ(b.bind(0xffffffff, 1000), -EINVAL);
	EXPECT_EQ(b.bind(0xe0000001, 1000), -EINVAL);
	EXPECT_EQ(b.bind(0x0a640001, 1000), -EADDRNOTAVAIL); /* 10.100.0.1 */
	numbered n{};
	EXPECT_EQ(b.send(1, 1000, &n, sizeof(n)), -ENOTCONN);
	/* the same port of another address is another name */
	EXPECT_EQ(b.bind(host(2), 1000), 0);
	/* a failed bind leaves nothing behind, and a closed socket frees its name */
	a.close();
	test_socket c(1, 1000);
	EXPECT(c.bound());
}

TEST_CASE(bind__port_zero_gives_different_ports)
{
	constexpr u32 many = 300;
	SCENARIO(s);
	buffer room(many * sizeof(test_socket *));
	ASSERT(room);
	auto **socks = reinterpret_cast<test_socket **>(room.get());
	u32 nr = 0;
	for (; nr < many; nr++) {
		socks[nr] = kernel::make<test_socket>(kernel::gfp_kernel);
		if (!EXPECT(socks[nr]) || !EXPECT_EQ(socks[nr]->bind(host(1), 0), 0))
			break;
		EXPECT(socks[nr]->port() >= 2);
		for (u32 i = 0; i < nr; i++)
			EXPECT(socks[i]->port() != socks[nr]->port());
	}
	EXPECT_EQ(nr, many);
	for (u32 i = 0; i < many; i++)
		kernel::destroy(socks[i]);
}

namespace {

/* Racers meet here, as close to each other as two CPUs allow. */
struct start_line {
	u32 racers;
	u32 arrived = 0;

	void meet(u32 round)
	{
		kernel::add_return(arrived, 1u);
		for (u32 spins = 0; kernel::read_once(arrived) < racers * (round + 1); spins++)
			if (bench_cpus() == 1 || spins > 100000)
				bench_yield();
	}
};

} // namespace

/* L27: one wins, the other is told that it is taken, and nothing else. */
TEST_CASE(bind__racing_for_one_port)
{
	constexpr u32 rounds = 400;
	SCENARIO(s);
	start_line start{2}, finish{2};
	u32 won = 0, lost = 0;
	auto race = [&] {
		for (u32 round = 0; round < rounds; round++) {
			test_socket mine;
			start.meet(round);
			int err = mine.bind(host(1), 3000 + round);
			kernel::add_return(err ? lost : won, 1u);
			if (err)
				EXPECT_EQ(err, -EADDRINUSE);
			finish.meet(round); /* the winner keeps it so long */
		}
	};
	{
		thread a(race), b(race);
	}
	EXPECT_EQ(won, rounds);
	EXPECT_EQ(lost, rounds);
}

TEST_CASE(bind__racing_for_port_zero)
{
	SCENARIO(s);
	for (u16 round = 0; round < 10; round++) {
		u32 won = 0;
		auto race = [&] {
			for (int i = 0; i < 10; i++) {
				test_socket mine;
				if (EXPECT_EQ(mine.bind(host(1), 0), 0))
					kernel::add_return(won, 1u);
			}
		};
		{
			thread a(race), b(race), c(race), d(race);
		}
		ASSERT_EQ(won, 40);
	}
}

/* L12: a socket is bound, connected and sent on by different threads, in whatever order. */
TEST_CASE(bind__races_with_send_and_connect)
{
	constexpr u32 rounds = 200;
	SCENARIO(s);
	test_socket to(2, 2000);
	ASSERT(to.bound());
	start_line start{3}, finish{3};
	test_socket *shared = nullptr;
	u32 refused = 0;
	bool hopeless = false;
	/* until the socket is bound, or connected, and the message goes out */
	auto send_until_sent = [&](u32 round, u32 me, u32 addr) {
		numbered n{me, round};
		long ret;
		while ((ret = shared->send_to(addr, 2000, &n, sizeof(n))) == -ENOTCONN &&
		       !kernel::read_once(hopeless)) {
			kernel::add_return(refused, 1u);
			bench_yield();
		}
		EXPECT_EQ(ret, sizeof(n));
	};
	auto binder = [&](u32) {
		if (!EXPECT_EQ(shared->bind(host(1), 0), 0))
			kernel::write_once(hopeless, true);
	};
	auto sender = [&](u32 round) { send_until_sent(round, 0, host(2)); };
	auto connector = [&](u32 round) {
		EXPECT_EQ(bench_connect(shared->raw(), host(2), 2000), 0);
		send_until_sent(round, 1, 0);
	};
	auto all_rounds = [&](auto act, bool leads) {
		for (u32 round = 0; round < rounds; round++) {
			if (leads)
				shared = kernel::make<test_socket>(kernel::gfp_kernel);
			start.meet(round);
			if (shared && *shared)
				act(round);
			finish.meet(round);
			if (!leads)
				continue;
			for (u32 i = 0; EXPECT(shared && *shared) && i < 2; i++) {
				numbered n{};
				EXPECT_EQ(to.recv_wait(&n, sizeof(n)), sizeof(n));
				EXPECT_EQ(n.number, round);
			}
			kernel::destroy(shared);
			shared = nullptr;
		}
	};
	{
		thread a([&] { all_rounds(sender, false); });
		thread b([&] { all_rounds(connector, false); });
		all_rounds(binder, true);
	}
	EXPECT_AT(refused > 0, "nobody was too early", refused, 0);
}

/* L9 */
TEST_CASE(bind__failure_returns_the_module_reference)
{
	SCENARIO(s);
	s->trans.t_owner = bench_module();
	int before = bench_module_refs(bench_module());
	{
		test_socket a(1, 1000), b;
		ASSERT(a.bound() && b);
		EXPECT_EQ(bench_module_refs(bench_module()), before + 1);
		for (int i = 0; i < 5; i++)
			EXPECT_EQ(b.bind(host(1), 1000), -EADDRINUSE);
		EXPECT_EQ(b.bind(host(1), RDS_FLAG_PROBE_PORT), -EINVAL);
		EXPECT_EQ(bench_module_refs(bench_module()), before + 1);
		EXPECT_EQ(b.bind(host(1), 1001), 0);
		EXPECT_EQ(bench_module_refs(bench_module()), before + 2);
	}
	EXPECT_EQ(bench_module_refs(bench_module()), before);
	s->trans.t_owner = nullptr;
}

TEST_CASE(bind__preset_transport)
{
	SCENARIO(s);
	s->trans.t_owner = bench_module();
	int before = bench_module_refs(bench_module());
	{
		test_socket a, taken(1, 1000);
		ASSERT(a && taken.bound());
		EXPECT_EQ(a.option(SO_RDS_TRANSPORT, fake_type), 0);
		EXPECT_EQ(a.option(SO_RDS_TRANSPORT, fake_type), -EOPNOTSUPP);
		EXPECT_EQ(bench_module_refs(bench_module()), before + 2);
		EXPECT_EQ(a.bind(0x0a640001, 1000), -ENOPROTOOPT);
		EXPECT_EQ(a.bind(host(1), 1000), -EADDRINUSE);
		EXPECT_EQ(bench_module_refs(bench_module()), before + 2); /* it stays preset */
		EXPECT_EQ(a.bind(host(1), 1001), 0);
		EXPECT_EQ(bench_module_refs(bench_module()), before + 2);
	}
	EXPECT_EQ(bench_module_refs(bench_module()), before);
	s->trans.t_owner = nullptr;
}

/* L13: sockets come and go while messages for their name arrive. */
TEST_CASE(bind__close_races_with_delivery)
{
	SCENARIO(s);
	test_socket from(1, 1000);
	ASSERT(from.bound());
	bool done = false;
	{
		thread sender([&] {
			for (u32 i = 0; !kernel::read_once(done); i++) {
				long ret = send_number(from, 2, 2000, i);
				if (ret == -EAGAIN)
					bench_yield();
				else
					EXPECT_EQ(ret, sizeof(numbered));
				bench_yield();
			}
		});
		for (u32 round = 0; round < 150; round++) {
			test_socket to(2, 2000);
			if (!EXPECT(to.bound()))
				break;
			numbered n;
			to.recv_wait(&n, sizeof(n));
			bench_yield();
		}
		kernel::write_once(done, true);
	}
}
