// SPDX-License-Identifier: GPL-2.0
/* Suite rds_recv: messages injected as if from the wire, and who gets them. Process context. */
#include "test.h"
#include "rds_abi.h"

namespace {

constexpr u16 far_port = 1000, my_port = 2000;

/* A lane 1 <- 9 on which the far end says what the test wants. */
struct receiver {
	scenario &s;
	test_socket to{1, my_port};
	lane_ref lane;
	u64 next = 1;

	explicit receiver(scenario &scene) : s(scene), lane(scene.fake(), 1, 9) {}
	bool ok() const { return to.bound() && lane; }
	bool arrive(u64 sequence, u8 flags, u32 number, u16 port = my_port)
	{
		numbered n{0, number};
		rds_header h = rds::make_header(kernel::be16(far_port), kernel::be16(port),
						sizeof(n));
		h.h_sequence = kernel::be64(sequence);
		h.h_flags = flags;
		return s->inject(lane.get(), h, &n);
	}
	bool arrive_bytes(const void *data, u32 len)
	{
		rds_header h = rds::make_header(kernel::be16(far_port), kernel::be16(my_port), len);
		h.h_sequence = kernel::be64(next++);
		return s->inject(lane.get(), h, data);
	}
};

#define RECEIVER(name)                                                                             \
	SCENARIO(s);                                                                               \
	receiver name(s);                                                                          \
	ASSERT(name.ok())

} // namespace

TEST_CASE(sequence__repetitions_are_dropped)
{
	RECEIVER(r);
	u64 old = stat_of(rds_s_recv_drop_old_seq);
	ASSERT(r.arrive(1, 0, 1));
	ASSERT(r.arrive(2, 0, 2));
	ASSERT(r.arrive(1, RDS_FLAG_RETRANSMITTED, 1));
	ASSERT(r.arrive(2, RDS_FLAG_RETRANSMITTED, 2));
	ASSERT(r.arrive(3, RDS_FLAG_RETRANSMITTED, 3)); /* had been lost the first time */
	ASSERT(r.arrive(4, 0, 4));
	for (u32 i = 1; i <= 4; i++)
		EXPECT_NUMBER(r.to, i);
	EXPECT_EMPTY(r.to);
	EXPECT_EQ(stat_of(rds_s_recv_drop_old_seq) - old, 2);
	/* not even a drop makes us forget what we have */
	rds_conn_drop(r.lane.get());
	ASSERT(r.arrive(4, RDS_FLAG_RETRANSMITTED, 4));
	EXPECT_EMPTY(r.to);
}

TEST_CASE(sequence__a_peer_may_start_anew)
{
	RECEIVER(r);
	ASSERT(r.arrive(1000, 0, 1)); /* numbers may be skipped */
	ASSERT(r.arrive(1, 0, 2)); /* it was rebooted */
	ASSERT(r.arrive(2, 0, 3));
	ASSERT(r.arrive(1, RDS_FLAG_RETRANSMITTED, 4));
	ASSERT(r.arrive(3, RDS_FLAG_RETRANSMITTED, 5));
	const u32 want[] = {1, 2, 3, 5};
	for (u32 n : want)
		EXPECT_NUMBER(r.to, n);
	EXPECT_EMPTY(r.to);
	EXPECT_EQ(r.lane->c_rx.next, 4);
}

/* Silently lost, but acknowledged: the number counts. */
/* Where the transport's own handshake says that it does (ib.md I17). */
TEST_CASE(sequence__a_peer_says_that_it_starts_anew)
{
	RECEIVER(r);
	u64 old = stat_of(rds_s_recv_drop_old_seq);
	rds_conn_peer_generation(r.lane.get(), 7);
	ASSERT(r.arrive(1, 0, 1));
	ASSERT(r.arrive(2, 0, 2));
	rds_conn_peer_generation(r.lane.get(), 7);
	ASSERT(r.arrive(1, RDS_FLAG_RETRANSMITTED, 1));
	EXPECT_EQ(stat_of(rds_s_recv_drop_old_seq) - old, 1);
	rds_conn_peer_generation(r.lane.get(), 8);
	ASSERT(r.arrive(1, RDS_FLAG_RETRANSMITTED, 3));
	/* the kernel's own modules say nothing */
	rds_conn_peer_generation(r.lane.get(), 0);
	ASSERT(r.arrive(1, RDS_FLAG_RETRANSMITTED, 4));
	for (u32 i = 1; i <= 4; i++)
		EXPECT_NUMBER(r.to, i);
	EXPECT_EMPTY(r.to);
	EXPECT_EQ(stat_of(rds_s_recv_drop_old_seq) - old, 1);
}

TEST_CASE(deliver__nobody_there)
{
	RECEIVER(r);
	u64 none = stat_of(rds_s_recv_drop_no_sock);
	ASSERT(r.arrive(1, 0, 1, my_port + 1));
	EXPECT_EQ(stat_of(rds_s_recv_drop_no_sock) - none, 1);
	EXPECT_EQ(r.lane->c_rx.next, 2);
	r.to.close();
	ASSERT(r.arrive(2, 0, 2));
	EXPECT_EQ(stat_of(rds_s_recv_drop_no_sock) - none, 2);
}

TEST_CASE(deliver__only_by_the_sockets_transport)
{
	SCENARIO(s);
	auto *other = kernel::make<fake_transport>(kernel::gfp_kernel);
	ASSERT(other);
	other->trans.t_type = 1;
	if (EXPECT_EQ(rds_trans_register(&other->trans), 0)) {
		{
			test_socket mine(1, my_port), theirs;
			EXPECT(mine.bound());
			EXPECT_EQ(theirs.option(SO_RDS_TRANSPORT, 1), 0);
			EXPECT_EQ(theirs.bind(fake_net + 1, my_port + 1), 0);
			lane_ref lane(s.fake(), 1, 9);
			EXPECT(lane);
			rds_header h = rds::make_header(kernel::be16(far_port),
							kernel::be16(my_port + 1), 0);
			h.h_sequence = kernel::be64(1);
			EXPECT(s->inject(lane.get(), h, nullptr));
			EXPECT_EMPTY(theirs);
		}
		rds_trans_unregister(&other->trans);
	}
	kernel::destroy(other);
}

TEST_CASE(deliver__source_and_length)
{
	constexpr u32 len = 70000;
	buffer out(len), in(len);
	ASSERT(out && in);
	RECEIVER(r);
	const u32 sizes[] = {0, 1, 47, 48, 4095, 4096, 4097, len};
	for (u32 size : sizes) {
		fill_pattern(out.get(), size, size);
		ASSERT(r.arrive_bytes(out.get(), size));
		bench_from from{};
		ASSERT_EQ(r.to.recv(in.get(), len, &from), size);
		EXPECT(check_pattern(in.get(), size, size));
		EXPECT_EQ(from.addr, fake_net + 9);
		EXPECT_EQ(from.port, far_port);
		EXPECT_EQ(from.truncated, 0);
	}
}

/* Nothing but the socket's lock orders them. */
TEST_CASE(deliver__two_lanes_at_once)
{
	constexpr u32 each = 3000;
	RECEIVER(r);
	lane_ref other(s.fake(), 1, 8);
	ASSERT(other);
	r.to.buffers(0, 16 << 20);
	auto deliver = [&](u32 me, rds_lane *lane) {
		rds_header h = rds::make_header(kernel::be16(far_port), kernel::be16(my_port),
						sizeof(numbered));
		for (u32 i = 0; i < each; i++) {
			numbered n{me, i};
			h.h_sequence = kernel::be64(i + 1);
			if (!EXPECT(s->inject(lane, h, &n)))
				return;
		}
	};
	{
		thread a([&] { deliver(0, r.lane.get()); });
		thread b([&] { deliver(1, other.get()); });
	}
	EXPECT_EQ(r.to.rds()->rcv_count, 2 * each);
	u32 next[2] = {};
	for (u32 i = 0; i < 2 * each; i++) {
		numbered n{};
		ASSERT_EQ(r.to.recv(&n, sizeof(n)), sizeof(n));
		ASSERT(n.sender < 2);
		ASSERT_EQ(n.number, next[n.sender]++);
	}
	EXPECT_EMPTY(r.to);
	EXPECT_EQ(r.to.rds()->rcv_bytes, 0);
}

TEST_CASE(charge__added_and_given_back)
{
	RECEIVER(r);
	u8 data[500] = {};
	EXPECT_EQ(r.to.rds()->rcv_bytes, 0);
	for (u32 i = 0; i < 10; i++)
		ASSERT(r.arrive_bytes(data, sizeof(data)));
	EXPECT_EQ(r.to.rds()->rcv_bytes, 10 * sizeof(data));
	EXPECT_EQ(r.to.rds()->rcv_count, 10);
	for (u32 i = 10; i; i--) {
		EXPECT_EQ(r.to.rds()->rcv_count, i);
		EXPECT_EQ(r.to.recv(data, sizeof(data)), sizeof(data));
	}
	EXPECT_EQ(r.to.rds()->rcv_bytes, 0);
	/* nothing for free: an empty message has its price */
	ASSERT(r.arrive_bytes(nullptr, 0));
	EXPECT(r.to.rds()->rcv_bytes > 0);
	EXPECT_EQ(r.to.recv(data, sizeof(data)), 0);
	EXPECT_EQ(r.to.rds()->rcv_bytes, 0);
}

/* L17: who ignores the congestion map for long enough is not listened to any more. */
TEST_CASE(charge__hard_cap_costs_the_connection)
{
	constexpr u32 len = 256 * 1024, cap = 32 * 1024 * 1024 + 4 * 4096;
	buffer data(len);
	ASSERT(data);
	RECEIVER(r);
	rds_tunables.recv_cap_mb = 32;
	r.to.buffers(0, 4096);
	rds_conn_connect_if_down(r.lane.get());
	ASSERT(eventually([&] { return r.lane->up(); }));
	u64 dropped = stat_of(rds_s_recv_drop_over_limit);
	for (u32 i = 0; i < 140; i++)
		ASSERT(r.arrive_bytes(data.get(), len));
	EXPECT(stat_of(rds_s_recv_drop_over_limit) > dropped);
	EXPECT(r.to.rds()->rcv_bytes >= cap / 2);
	EXPECT(r.to.rds()->rcv_bytes <= cap + len);
	EXPECT(eventually([&] { return kernel::read_once(s->shutdowns) >= 1; }));
	/* empty messages have their price, too: what is left takes no more than a thousand */
	while (r.to.rds()->rcv_bytes + len > cap)
		ASSERT_EQ(r.to.recv(data.get(), len), len);
	u32 count = r.to.rds()->rcv_count;
	for (u32 i = 0; i < 3000; i++)
		ASSERT(r.arrive_bytes(nullptr, 0));
	EXPECT(r.to.rds()->rcv_count > count);
	EXPECT(r.to.rds()->rcv_count < count + 1500);
}

TEST_CASE(recvmsg__short_buffer)
{
	RECEIVER(r);
	u8 data[100], in[100] = {};
	fill_pattern(data, sizeof(data), 1);
	bench_from from{};
	ASSERT(r.arrive_bytes(data, sizeof(data)));
	ASSERT(r.arrive_bytes(data, sizeof(data)));
	EXPECT_EQ(r.to.recv(in, 10, &from), 10);
	EXPECT_EQ(from.truncated, 1);
	EXPECT(check_pattern(in, 10, 1));
	EXPECT_EQ(r.to.recv(in, 10, &from, MSG_DONTWAIT_VALUE | MSG_TRUNC_VALUE), 100);
	EXPECT_EQ(from.truncated, 1);
	EXPECT_EMPTY(r.to);
}

TEST_CASE(recvmsg__peek)
{
	RECEIVER(r);
	numbered n{};
	ASSERT(r.arrive(1, 0, 7));
	ASSERT(r.arrive(2, 0, 8));
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(r.to.recv(&n, sizeof(n), nullptr, MSG_DONTWAIT_VALUE | MSG_PEEK_VALUE),
			  sizeof(n));
		EXPECT_EQ(n.number, 7);
	}
	EXPECT_EQ(r.to.rds()->rcv_count, 2);
	EXPECT_NUMBER(r.to, 7);
	EXPECT_NUMBER(r.to, 8);
	EXPECT_EMPTY(r.to);
}

/* Each message goes to one reader. */
TEST_CASE(recvmsg__several_readers)
{
	constexpr u32 many = 300;
	RECEIVER(r);
	buffer seen(many);
	ASSERT(seen);
	u32 got = 0;
	auto read_all = [&] {
		numbered n;
		while (kernel::read_once(got) < many) {
			long ret = r.to.recv(&n, sizeof(n));
			if (ret == -EAGAIN) {
				bench_yield();
				continue;
			}
			if (!EXPECT_EQ(ret, sizeof(n)) || !EXPECT(n.number < many))
				return;
			EXPECT_EQ(kernel::exchange(seen[n.number], u8{1}), 0);
			kernel::add_return(got, 1u);
		}
	};
	{
		thread a(read_all), b(read_all), c(read_all);
		for (u32 i = 0; i < many; i++) {
			EXPECT(r.arrive(i + 1, 0, i));
			if (i % 16 == 0)
				bench_yield();
		}
	}
	EXPECT_EQ(got, many);
	EXPECT_EQ(r.to.rds()->rcv_bytes, 0);
}

TEST_CASE(recvmsg__timeout)
{
	RECEIVER(r);
	numbered n;
	r.to.timeouts(50);
	unsigned long start = kernel_ticks();
	EXPECT_EQ(r.to.recv(&n, sizeof(n), nullptr, 0), -ETIMEDOUT);
	EXPECT(kernel_ticks() - start >= kernel_ms_to_ticks(40));
	/* a message wakes it */
	thread sender([&] {
		EXPECT(r.to.has_waiter());
		EXPECT(r.arrive(1, 0, 5));
	});
	EXPECT_NUMBER(r.to, 5);
}

TEST_CASE(close__with_unread_messages)
{
	RECEIVER(r);
	for (u32 i = 1; i <= 10; i++)
		ASSERT(r.arrive(i, 0, i));
	EXPECT_EQ(s->incs, 10);
	r.to.close();
	EXPECT_EQ(s->incs, 0);
}

/*
 * ---- the recv hook ----
 */

namespace {

/* A lane 1 <- 9 whose recv hook answers what the test has written down, then 0. */
struct recv_script {
	scenario &s;
	lane_ref lane;
	int answers[4] = {};
	u32 nr = 0;
	unsigned long called[8] = {}; /* ticks */
	gate inside;

	explicit recv_script(scenario &scene) : s(scene), lane(scene.fake(), 1, 9)
	{
		s->deliver = false;
		s->arg = this;
		s->on_recv = [](fake_transport *f, rds_connection *) {
			return static_cast<recv_script *>(f->arg)->answer(f->recvs - 1);
		};
	}
	~recv_script()
	{
		inside.open();
		lane->c_recv_work.flush();
		s->on_recv = nullptr;
	}
	int answer(u32 call)
	{
		if (call < 8)
			called[call] = kernel_ticks();
		inside.pass();
		return call < nr ? answers[call] : 0;
	}
	/* A connection calls the hook by itself, once. */
	bool up()
	{
		rds_conn_connect_if_down(lane.get());
		return eventually([&] { return lane->up(); });
	}
	/* That many calls, and none is to come: a retry would be on the queue by now. */
	bool calls(kunit *test, u32 want)
	{
		bool all = eventually([&] { return kernel::read_once(s->recvs) >= want; });
		lane->c_recv_work.flush();
		lane->c_recv_work.flush();
		return EXPECT_EQ(s->recvs, want) && all;
	}
};

#define RECV_SCRIPT(name)                                                                          \
	SCENARIO(s);                                                                               \
	recv_script name(s);                                                                       \
	ASSERT(name.lane)

} // namespace

TEST_CASE(hook__done_is_done)
{
	RECV_SCRIPT(r);
	ASSERT(r.up());
	ASSERT(r.calls(test, 1));
	for (u32 i = 2; i < 6; i++) {
		rds_recv_kick(r.lane.get());
		ASSERT(r.calls(test, i));
	}
}

TEST_CASE(hook__eagain_at_once)
{
	RECV_SCRIPT(r);
	r.answers[0] = r.answers[1] = r.answers[2] = -EAGAIN;
	r.nr = 3;
	u64 at_once = stat_of(rds_s_recv_immediate_retry);
	u64 later = stat_of(rds_s_recv_delayed_retry);
	ASSERT(r.up());
	EXPECT(r.calls(test, 4));
	EXPECT_EQ(stat_of(rds_s_recv_immediate_retry) - at_once, 3);
	EXPECT_EQ(stat_of(rds_s_recv_delayed_retry) - later, 0);
}

TEST_CASE(hook__enomem_in_two_ticks)
{
	RECV_SCRIPT(r);
	r.answers[0] = r.answers[1] = -ENOMEM;
	r.nr = 2;
	u64 at_once = stat_of(rds_s_recv_immediate_retry);
	u64 later = stat_of(rds_s_recv_delayed_retry);
	ASSERT(r.up());
	ASSERT(eventually([&] { return kernel::read_once(s->recvs) == 3; }));
	EXPECT(r.called[1] - r.called[0] >= 2);
	EXPECT(r.called[2] - r.called[1] >= 2);
	EXPECT(r.calls(test, 3));
	EXPECT_EQ(stat_of(rds_s_recv_immediate_retry) - at_once, 0);
	EXPECT_EQ(stat_of(rds_s_recv_delayed_retry) - later, 2);
}

/* The transport has dropped it, or will: other errors ask for nothing. */
TEST_CASE(hook__errno_asks_for_nothing)
{
	RECV_SCRIPT(r);
	r.answers[0] = -EIO;
	r.nr = 1;
	ASSERT(r.up());
	EXPECT(r.calls(test, 1));
	EXPECT(r.lane->up());
}

/* Kicks in any other state are forgotten: the next connection calls the hook anyway. */
TEST_CASE(hook__only_while_up)
{
	RECV_SCRIPT(r);
	rds_recv_kick(r.lane.get());
	EXPECT(r.calls(test, 0)); /* DOWN */
	s->connect_mode = FAKE_CONNECT_LATER;
	rds_conn_connect_if_down(r.lane.get());
	ASSERT(eventually([&] { return kernel::read_once(fake_of(r.lane.get())->connecting); }));
	rds_recv_kick(r.lane.get());
	EXPECT(r.calls(test, 0)); /* CONNECTING */
	s->complete(r.lane.get());
	ASSERT(r.calls(test, 1));
	s->on_shutdown = [](fake_transport *f, rds_connection *) {
		static_cast<recv_script *>(f->arg)->inside.pass();
	};
	r.inside.close();
	rds_conn_drop(r.lane.get());
	ASSERT(r.inside.reached());
	rds_recv_kick(r.lane.get());
	EXPECT(r.calls(test, 1)); /* DISCONNECTING */
	r.inside.open();
	ASSERT(eventually([&] { return kernel::read_once(fake_of(r.lane.get())->connecting); }));
	EXPECT(r.calls(test, 1));
	s->on_shutdown = nullptr;
}

/* A call that runs is waited for, one that is due does not come: both before conn_shutdown. */
TEST_CASE(hook__shutdown_comes_after_it)
{
	RECV_SCRIPT(r);
	r.answers[0] = -EAGAIN;
	r.nr = 1;
	r.inside.close();
	ASSERT(r.up());
	ASSERT(r.inside.reached());
	s->connect_mode = FAKE_CONNECT_LATER;
	rds_conn_drop(r.lane.get());
	ASSERT(eventually([&] { return r.lane->state() == RDS_CONN_DISCONNECTING; }));
	/* for the shutdown that must not come; the fake transport would call it a violation, too */
	EXPECT(!eventually([&] { return kernel::read_once(s->shutdowns) > 0; }, 30));
	r.inside.open();
	ASSERT(eventually([&] { return kernel::read_once(s->shutdowns) == 1; }));
	EXPECT(r.calls(test, 1));
}
