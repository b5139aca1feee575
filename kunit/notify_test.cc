// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_notify: operations go past the socket's own checks to the fake transport, which keeps
 * them until the test lets them end. What the socket is told is read with recvmsg.
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;
constexpr u32 most = 8;

/* What a message asks for. Tokens: that of the RDMA is the message's, the atomic's 100 more. */
struct wish {
	bool rdma = true;
	bool read = false; /* else it writes */
	bool atomic = false;
	bool notify = true;
	bool recverr = false;
	bool silent = false;
	u32 len = 16;
};

template <typename Op>
void fill(Op &op, rds_sock *rs, const wish &w, u64 token)
{
	op.op_active = 1;
	op.op_notify = w.notify;
	op.op_recverr = w.recverr;
	op.op_silent = w.silent;
	if (w.notify || w.recverr)
		op.op_notifier = rds_notify_make(rs, token);
}

/* Two sockets, a lane between them, and what the transport has of its operations. */
struct world {
	explicit world(scenario &scene) : s(scene), lane(scene.fake(), 1, 2)
	{
		s->arg = this;
		s->on_operation = keep;
	}
	~world()
	{
		s->on_operation = nullptr;
		for (u32 i = 0; i < nr; i++)
			give_up(i);
	}
	bool ok() const { return from.bound() && to.bound() && lane; }

	/* A message that asks for operations, on its way. */
	bool send(const wish &w, u64 token)
	{
		rds_message *rm = rds_message_alloc(w.len, kernel::gfp_kernel);
		if (!rm)
			return false;
		rds_sock *rs = from.rds();
		rm->m_inc.i_hdr = rds::make_header(kernel::be16(from_port), kernel::be16(to_port),
						   w.len);
		rs->get();
		rm->m_rs = rs;
		if (w.rdma)
			fill(rm->m_rdma, rs, w, token);
		rm->m_rdma.op_write = !w.read;
		if (w.atomic)
			fill(rm->m_atomic, rs, w, token + 100);
		int err = rds_sock_enqueue(rs, lane.get(), rm, ~0u);
		rds_message_put(rm);
		if (!err && !lane->up())
			rds_conn_connect_if_down(lane.get());
		rds_send_xmit(lane.get());
		return !err;
	}
	/* The transport has got so many operations, and has sent what goes with them. */
	bool has(u32 operations)
	{
		return eventually([&] {
			return kernel::read_once(nr) == operations && !queued_on(lane.get()) &&
			       !kernel::read_once(lane->c_xmit_rm);
		});
	}
	void complete(u32 i, int status = RDS_RDMA_SUCCESS)
	{
		if (atomic[i])
			rds_atomic_send_complete(held[i], status);
		else
			rds_rdma_send_complete(held[i], status);
	}
	/* The transport's reference goes; what was not completed is thrown away. */
	void give_up(u32 i)
	{
		rds_message *rm = held[i];
		held[i] = nullptr;
		if (!rm)
			return;
		rds_message_unmapped(rm);
		rds_message_put(rm);
	}
	void acknowledge() { rds_send_drop_acked(lane.get(), ~0ull, nullptr); }

	scenario &s;
	test_socket from{1, from_port};
	test_socket to{2, to_port};
	lane_ref lane;
	rds_message *held[most] = {};
	bool atomic[most] = {};
	u32 nr = 0;
	bool full = false;

private:
	static int keep(fake_transport *f, rds_connection *)
	{
		auto *w = static_cast<world *>(f->arg);
		if (kernel::read_once(w->full) || w->nr == most)
			return -ENOMEM;
		rds_message_addref(f->posted);
		w->held[w->nr] = f->posted;
		w->atomic[w->nr] = f->posted_atomic;
		kernel::add_return(w->nr, 1u);
		return 0;
	}
};

/* The next word. Return: token * 10 + status; -1: none. */
long next_word(test_socket &s)
{
	u8 control[64] = {};
	bench_message m{};
	m.flags = MSG_DONTWAIT_VALUE;
	m.control = control;
	m.control_len = 32;
	if (bench_recvmsg(s.raw(), &m) != 0)
		return -1;
	auto *n = static_cast<const rds_rdma_notify *>(
		bench_control_find(control, m.control_len, SOL_RDS, RDS_CMSG_RDMA_STATUS));
	return n ? static_cast<long>(n->user_token * 10 + n->status) : -1;
}

constexpr long word(u64 token, int status)
{
	return static_cast<long>(token * 10 + status);
}

/* A world whose messages stay unacknowledged: nothing ends but by the test. */
#define WORLD(name)                                                                                \
	SCENARIO(name##_scene);                                                                    \
	name##_scene->deliver = name##_scene->ack = false;                                         \
	world name(name##_scene);                                                                  \
	ASSERT(name.ok())

} // namespace

TEST_CASE(notify__in_order_of_completion)
{
	WORLD(w);
	ASSERT(w.send({}, 1) && w.send({}, 2) && w.send({}, 3));
	ASSERT(w.has(3));
	EXPECT_EQ(next_word(w.from), -1);
	w.complete(1);
	w.complete(2);
	w.complete(0);
	EXPECT(bench_poll(w.from.raw()) & POLLIN_BITS);
	EXPECT_EQ(next_word(w.from), word(2, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), word(3, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), -1);
}

TEST_CASE(notify__each_status)
{
	WORLD(w);
	ASSERT(w.send({.atomic = true}, 1) && w.send({.atomic = true}, 2));
	ASSERT(w.has(4));
	w.complete(0, RDS_RDMA_REMOTE_ERROR);
	w.complete(1, RDS_RDMA_OTHER_ERROR);
	w.complete(2, RDS_RDMA_OTHER_ERROR);
	w.complete(3, RDS_RDMA_REMOTE_ERROR);
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_REMOTE_ERROR));
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_OTHER_ERROR));
	EXPECT_EQ(next_word(w.from), word(2, RDS_RDMA_OTHER_ERROR));
	EXPECT_EQ(next_word(w.from), word(102, RDS_RDMA_REMOTE_ERROR));
}

TEST_CASE(notify__at_most_once)
{
	WORLD(w);
	ASSERT(w.send({.atomic = true}, 1));
	ASSERT(w.has(2));
	w.complete(0, RDS_RDMA_REMOTE_ERROR);
	w.complete(0);
	w.complete(1);
	w.complete(1, RDS_RDMA_OTHER_ERROR);
	w.acknowledge();
	w.give_up(0);
	w.give_up(1);
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_REMOTE_ERROR));
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), -1);
}

TEST_CASE(notify__completed_in_softirq)
{
	WORLD(w);
	ASSERT(w.send({}, 1) && w.send({.rdma = false, .atomic = true}, 2));
	ASSERT(w.has(2));
	in_softirq([&] {
		w.complete(0);
		w.complete(1);
		w.acknowledge();
		w.give_up(0);
		w.give_up(1);
	});
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), word(102, RDS_RDMA_SUCCESS));
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
}

/* RDS_RECVERR alone asks about being dropped, not about anything else. */
TEST_CASE(notify__only_who_asked)
{
	WORLD(w);
	ASSERT(w.send({.atomic = true, .notify = false}, 1));
	ASSERT(w.send({.atomic = true, .notify = false, .recverr = true}, 2));
	ASSERT(w.has(4));
	w.complete(0);
	w.complete(1, RDS_RDMA_OTHER_ERROR);
	w.complete(2, RDS_RDMA_REMOTE_ERROR);
	w.complete(3);
	w.acknowledge();
	for (u32 i = 0; i < 4; i++)
		w.give_up(i);
	EXPECT_EQ(next_word(w.from), -1);
}

TEST_CASE(notify__acknowledged_first)
{
	WORLD(w);
	ASSERT(w.send({}, 1));
	ASSERT(w.has(1));
	w.acknowledge();
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	w.complete(0, RDS_RDMA_OTHER_ERROR);
	EXPECT_EQ(next_word(w.from), -1);
}

/* What was read may come behind the acknowledgement; the result is that of the operation. */
TEST_CASE(notify__read_waits_for_its_data)
{
	WORLD(w);
	ASSERT(w.send({.read = true}, 1));
	ASSERT(w.has(1));
	w.acknowledge();
	EXPECT_EQ(next_word(w.from), -1);
	w.complete(0, RDS_RDMA_REMOTE_ERROR);
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_REMOTE_ERROR));
	EXPECT_EQ(next_word(w.from), -1);
}

/* 25 */
TEST_CASE(notify__atomic_waits_for_its_result)
{
	WORLD(w);
	ASSERT(w.send({.atomic = true}, 1));
	ASSERT(w.has(2));
	w.acknowledge();
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), -1);
	w.complete(0);
	w.complete(1);
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), -1);
}

TEST_CASE(notify__result_that_never_comes)
{
	WORLD(w);
	ASSERT(w.send({.rdma = false, .atomic = true}, 1));
	ASSERT(w.has(1));
	w.acknowledge();
	EXPECT_EQ(next_word(w.from), -1);
	w.give_up(0);
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_DROPPED));
}

TEST_CASE(notify__dropped_after_a_reconnect)
{
	WORLD(w);
	ASSERT(w.send({.atomic = true}, 1));
	ASSERT(w.send({.notify = false, .recverr = true}, 2));
	ASSERT(w.send({.notify = false}, 3));
	ASSERT(w.has(4));
	w.complete(0); /* executed, told, and its message is lost all the same */
	w.s->connect_mode = FAKE_CONNECT_LATER;
	rds_conn_drop(w.lane.get());
	for (u32 i = 0; i < 4; i++)
		w.give_up(i);
	ASSERT(eventually([&] { return kernel::read_once(fake_of(w.lane.get())->connecting); }));
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), -1);
	w.s->complete(w.lane.get());
	ASSERT(w.has(4));
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_DROPPED));
	EXPECT_EQ(next_word(w.from), word(2, RDS_RDMA_DROPPED));
	EXPECT_EQ(next_word(w.from), -1);
	EXPECT(eventually([&] { return !kernel::read_once(w.from.rds()->snd_bytes); }));
}

TEST_CASE(notify__dropped_with_the_peer)
{
	WORLD(w);
	ASSERT(w.send({}, 1));
	ASSERT(w.has(1));
	rds_peer_destroy_all(rds_net_of(bench_init_net()), &w.s->trans);
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_DROPPED));
	w.complete(0);
	EXPECT_EQ(next_word(w.from), -1);
}

TEST_CASE(notify__cancelled_in_the_queue)
{
	WORLD(w);
	w.s->connect_mode = FAKE_CONNECT_LATER;
	ASSERT(w.send({.atomic = true}, 1) && w.send({.notify = false, .recverr = true}, 2));
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_CANCELED));
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_CANCELED));
	EXPECT_EQ(next_word(w.from), -1);
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
	EXPECT_EQ(next_word(w.from), -1);
	EXPECT_EQ(w.nr, 0);
}

/* Until the transport has given the memory back; its word counts, or there is none. */
TEST_CASE(notify__cancel_waits)
{
	WORLD(w);
	ASSERT(w.send({}, 1) && w.send({}, 2));
	ASSERT(w.has(2));
	bool done = false;
	thread canceller([&] {
		w.from.cancel(2, to_port);
		kernel::write_once(done, true);
		bench_wake();
	});
	ASSERT(canceller.started());
	/* no ASSERT from here on: its end waits for the canceller, and he for us */
	EXPECT(eventually([&] { return !kernel::read_once(w.from.rds()->snd_bytes); }));
	w.complete(0);
	EXPECT(!kernel::read_once(done));
	w.give_up(1);
	EXPECT(eventually([&] { return kernel::read_once(done); }));
	canceller.join();
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), word(2, RDS_RDMA_CANCELED));
	EXPECT_EQ(next_word(w.from), -1);
}

/* In the engine's hand, but the transport has no room: it is not tried again, nor sent. */
TEST_CASE(notify__cancelled_before_it_is_posted)
{
	WORLD(w);
	w.full = true;
	ASSERT(w.send({.atomic = true}, 1));
	ASSERT(eventually([&] { return kernel::read_once(w.s->operations) > 2; }));
	u32 frames = w.s->nr_frames;
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_CANCELED));
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_CANCELED));
	kernel::write_once(w.full, false);
	ASSERT(eventually([&] { return !kernel::read_once(w.lane->c_xmit_rm); }));
	EXPECT_EQ(w.nr, 0);
	EXPECT_EQ(w.s->nr_frames, frames);
}

/* While it waits for one, no other of its own is begun. */
TEST_CASE(notify__cancel_takes_all_at_once)
{
	WORLD(w);
	ASSERT(w.send({}, 1));
	ASSERT(w.has(1));
	w.full = true;
	ASSERT(w.send({}, 2) && w.send({}, 3));
	thread canceller([&] { w.from.cancel(2, to_port); });
	ASSERT(canceller.started());
	/* no ASSERT from here on: its end waits for the canceller, and he for us */
	EXPECT(eventually([&] { return !w.lane->has_messages(); }));
	kernel::write_once(w.full, false);
	EXPECT(eventually([&] { return !kernel::read_once(w.lane->c_xmit_rm); }));
	EXPECT_EQ(w.nr, 1);
	w.complete(0);
	canceller.join();
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), word(2, RDS_RDMA_CANCELED));
	EXPECT_EQ(next_word(w.from), word(3, RDS_RDMA_CANCELED));
	EXPECT_EQ(next_word(w.from), -1);
}

/* kmemleak looks for what nobody reads. */
TEST_CASE(notify__close_says_nothing)
{
	WORLD(w);
	ASSERT(w.send({}, 1) && w.send({.atomic = true}, 2));
	ASSERT(w.has(3));
	w.complete(0);
	w.complete(1);
	w.complete(2);
	w.s->connect_mode = FAKE_CONNECT_LATER;
	w.from.close();
	for (u32 i = 0; i < 3; i++)
		w.give_up(i);
}

/* An acknowledged atomic outlives its socket's file. */
TEST_CASE(notify__closed_before)
{
	WORLD(w);
	ASSERT(w.send({.rdma = false, .atomic = true}, 1));
	ASSERT(w.send({.rdma = false, .atomic = true}, 2));
	ASSERT(w.has(2));
	w.acknowledge();
	w.from.close();
	w.complete(0);
	w.give_up(0);
	w.give_up(1);
}

TEST_CASE(notify__silent_ends)
{
	WORLD(w);
	wish silent{.atomic = true, .silent = true, .len = 0};
	ASSERT(w.send(silent, 1));
	ASSERT(w.has(2));
	EXPECT_EQ(unacked_on(w.lane.get()), 1);
	w.complete(0);
	EXPECT_EQ(unacked_on(w.lane.get()), 1);
	w.complete(1);
	EXPECT_EQ(unacked_on(w.lane.get()), 0);
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
	EXPECT_EQ(next_word(w.from), word(1, RDS_RDMA_SUCCESS));
	EXPECT_EQ(next_word(w.from), word(101, RDS_RDMA_SUCCESS));
	/* one that failed does not end: its connection does */
	ASSERT(w.send(silent, 2));
	ASSERT(w.has(4));
	w.complete(2, RDS_RDMA_REMOTE_ERROR);
	w.complete(3);
	EXPECT_EQ(unacked_on(w.lane.get()), 1);
}

TEST_CASE(notify__no_memory)
{
	WORLD(w);
	bench_fault(1);
	EXPECT(!rds_notify_make(w.from.rds(), 1));
	EXPECT(bench_fault_end());
	/* telling and reading need none */
	for (int nth = 1; nth < 6; nth++) {
		ASSERT(w.send({}, nth));
		ASSERT(w.has(nth));
		bench_fault(nth);
		w.complete(nth - 1);
		long got = next_word(w.from);
		bench_fault_end();
		EXPECT_EQ(got, word(nth, RDS_RDMA_SUCCESS));
	}
}
