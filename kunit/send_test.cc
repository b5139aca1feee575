// SPDX-License-Identifier: GPL-2.0
/* Suite rds_send: order, partial sends, every answer of xmit, operations. Process context. */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;

/* Two sockets, 1 -> 2, big enough for what follows. */
struct pair {
	test_socket from{1, from_port};
	test_socket to{2, to_port};
	pair()
	{
		if (!ok())
			return;
		from.buffers(4 << 20, 4 << 20);
		to.buffers(4 << 20, 4 << 20);
	}
	bool ok() const { return from.bound() && to.bound(); }
};

/* The connection and its first map are out of the way. */
bool warm_up(scenario &s, pair &p, rds_lane *lane)
{
	numbered n;
	bool deliver = s->deliver, ack = s->ack;
	s->deliver = s->ack = true;
	bool done = send_number(p.from, 2, to_port, 0) == sizeof(n) &&
		    p.to.recv_wait(&n, sizeof(n)) == sizeof(n) && eventually([&] {
			    return lane->up() && !lane->has_messages() &&
				   !kernel::read_once(lane->c_peer->map_pending) &&
				   !kernel::read_once(lane->c_xmit_rm);
		    });
	s->deliver = deliver;
	s->ack = ack;
	s->forget_frames();
	return done;
}

/* The transport has said full after @bytes of the message; a worker may have been the sender. */
bool full_at(rds_lane *lane, u32 bytes)
{
	u32 hdr_off = bytes < RDS_HEADER_BYTES ? bytes : u32{RDS_HEADER_BYTES};
	return eventually([&] {
		return kernel::read_once(lane->c_blocked) &&
		       kernel::read_once(lane->c_xmit_hdr_off) == hdr_off &&
		       kernel::read_once(lane->c_xmit_off) == bytes - hdr_off &&
		       !kernel::read_once(lane->c_sending);
	});
}

} // namespace

TEST_CASE(fifo__one_sender)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	for (u32 i = 0; i < 100; i++)
		ASSERT_EQ(send_number(p.from, 2, to_port, i), sizeof(numbered));
	for (u32 i = 0; i < 100; i++)
		if (!EXPECT_NUMBER(p.to, i))
			return;
	EXPECT_EMPTY(p.to);
}

TEST_CASE(fifo__many_senders_one_lane)
{
	constexpr u32 senders = 6, each = 60;
	SCENARIO(s);
	/* whoever is in xmit lets the others run: all of them meet here if nothing stops them */
	s->on_xmit = [](fake_transport *, rds_connection *, rds_message *, bool *) {
		bench_yield();
		return 0;
	};
	/* where nothing but send_sem stops them */
	s->on_bracket = [](fake_transport *, rds_connection *) { bench_yield(); };
	test_socket to(2, to_port);
	ASSERT(to.bound());
	to.buffers(0, 4 << 20);
	auto send_all = [&](u32 me) {
		test_socket from(1, from_port + me);
		EXPECT(from.bound());
		for (u32 i = 0; from.bound() && i < each; i++)
			EXPECT_EQ(send_number(from, 2, to_port, i, me, 0), sizeof(numbered));
		/* closing would cancel what is queued */
		EXPECT(eventually([&] { return !kernel::read_once(from.rds()->snd_bytes); }));
	};
	{
		thread a([&] { send_all(0); });
		thread b([&] { send_all(1); });
		thread c([&] { send_all(2); });
		thread d([&] { send_all(3); });
		thread e([&] { send_all(4); });
		thread f([&] { send_all(5); });
	}
	u32 next[senders] = {};
	for (u32 i = 0; i < senders * each; i++) {
		numbered n{};
		ASSERT_EQ(to.recv(&n, sizeof(n)), sizeof(n));
		ASSERT(n.sender < senders);
		ASSERT_EQ(n.number, next[n.sender]++);
	}
	EXPECT_EMPTY(to);
}

/* Who does not get send_sem leaves at once, and his message goes out all the same. */
TEST_CASE(fifo__busy_sender_takes_what_others_queue)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	struct gate {
		bool inside = false, open = false;
	} gate;
	s->arg = &gate;
	s->on_xmit = [](fake_transport *f, rds_connection *, rds_message *, bool *) {
		auto *g = static_cast<struct gate *>(f->arg);
		if (kernel::read_once(g->inside))
			return 0;
		kernel::write_once(g->inside, true);
		bench_wake();
		eventually([&] { return kernel::read_once(g->open); });
		return 0;
	};
	{
		thread busy(
			[&] { EXPECT_EQ(send_number(p.from, 2, to_port, 0), sizeof(numbered)); });
		ASSERT(eventually([&] { return kernel::read_once(gate.inside); }));
		test_socket other(1, from_port + 1);
		for (u32 i = 1; i < 5; i++)
			EXPECT_EQ(send_number(other, 2, to_port, i), sizeof(numbered));
		EXPECT_EQ(queued_on(lane.get()), 4);
		kernel::write_once(gate.open, true);
		bench_wake();
		for (u32 i = 0; i < 5; i++)
			EXPECT_NUMBER(p.to, i);
	}
}

/* It has found nothing more to send, but still has the lane: who comes now relies on its next look. */
TEST_CASE(fifo__queued_while_the_holder_leaves)
{
	struct leaving {
		gate out;
		rds_connection *conn;
		u32 xmits;
	} l;
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	l.conn = lane.get();
	l.xmits = fake_of(lane.get())->xmits;
	s->arg = &l;
	s->on_bracket = [](fake_transport *f, rds_connection *conn) {
		auto *l = static_cast<leaving *>(f->arg);
		if (conn == l->conn && fake_of(conn)->xmits > l->xmits)
			l->out.pass();
	};
	l.out.close();
	{
		thread holder(
			[&] { EXPECT_EQ(send_number(p.from, 2, to_port, 0), sizeof(numbered)); });
		EXPECT(l.out.reached());
		EXPECT_EQ(send_number(p.from, 2, to_port, 1), sizeof(numbered));
		EXPECT_EQ(queued_on(lane.get()), 1);
		l.out.open();
	}
	EXPECT_NUMBER(p.to, 0);
	EXPECT_NUMBER(p.to, 1);
	s->on_bracket = nullptr;
}

TEST_CASE(partial__resumed_at_each_byte)
{
	constexpr u32 len = 24;
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	u8 out[len], in[len];
	for (u32 cut = 0; cut < RDS_HEADER_BYTES + len; cut++) {
		fill_pattern(out, len, cut);
		s->room = cut;
		ASSERT_EQ(p.from.send(2, to_port, out, len), len);
		ASSERT(full_at(lane.get(), cut));
		s->make_room(lane.get(), -1);
		ASSERT_EQ(p.to.recv_wait(in, len), len);
		EXPECT(check_pattern(in, len, cut));
		ASSERT(eventually([&] { return !lane->has_messages(); }));
	}
}

TEST_CASE(partial__pieces)
{
	constexpr u32 len = 100001; /* several pieces, the last one odd */
	SCENARIO(s);
	pair p;
	buffer out(len), in(len);
	ASSERT(p.ok() && out && in);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	const u32 sizes[] = {1500, 4096, 32767, 32768, 32769, 47, 48, 49};
	for (u32 most : sizes) {
		s->most = most;
		fill_pattern(out.get(), len, most);
		ASSERT_EQ(p.from.send(2, to_port, out.get(), len), len);
		ASSERT_EQ(p.to.recv_wait(in.get(), len), len);
		EXPECT(check_pattern(in.get(), len, most));
	}
}

/* More calls than the guard against a stuck message allows at once: the worker goes on. */
TEST_CASE(partial__byte_by_byte_past_the_guard)
{
	constexpr u32 len = 9000;
	SCENARIO(s);
	pair p;
	buffer out(len), in(len);
	ASSERT(p.ok() && out && in);
	u64 stuck = stat_of(rds_s_send_stuck_rm);
	s->most = 1;
	fill_pattern(out.get(), len, 7);
	ASSERT_EQ(p.from.send(2, to_port, out.get(), len), len);
	ASSERT_EQ(p.to.recv_wait(in.get(), len), len);
	EXPECT(check_pattern(in.get(), len, 7));
	EXPECT(stat_of(rds_s_send_stuck_rm) >= stuck + 2);
}

/* lifecycle.md L5, transport.md X9: full is a state, and nobody asks again before the kick. */
TEST_CASE(full__waits_for_the_kick)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	s->room = 0;
	u32 before = s->xmits;
	for (u32 i = 0; i < 20; i++)
		ASSERT_EQ(send_number(p.from, 2, to_port, i), sizeof(numbered));
	EXPECT(full_at(lane.get(), 0));
	bench_sleep(50); /* time for calls that must not come */
	EXPECT_EQ(s->xmits - before, 1);
	s->make_room(lane.get(), -1);
	for (u32 i = 0; i < 20; i++)
		EXPECT_NUMBER(p.to, i);
	EXPECT_EQ(s->xmits - before, 21);
}

TEST_CASE(full__kick_during_xmit)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	u32 fulls = 3;
	s->arg = &fulls;
	s->on_xmit = [](fake_transport *f, rds_connection *conn, rds_message *, bool *handled) {
		auto *left = static_cast<u32 *>(f->arg);
		if (*left) {
			--*left;
			*handled = true;
			rds_send_kick(conn); /* room appears while we say that there is none */
		}
		return 0;
	};
	for (u32 i = 0; i < 5; i++)
		ASSERT_EQ(send_number(p.from, 2, to_port, i), sizeof(numbered));
	for (u32 i = 0; i < 5; i++)
		EXPECT_NUMBER(p.to, i);
	EXPECT_EQ(fulls, 0);
}

TEST_CASE(eagain__at_once)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	u32 before = s->xmits;
	s->error = -EAGAIN;
	s->errors = 10;
	ASSERT_EQ(send_number(p.from, 2, to_port, 1), sizeof(numbered));
	EXPECT_NUMBER(p.to, 1);
	EXPECT_EQ(s->xmits - before, 11);
	EXPECT_EQ(s->shutdowns, 0);
}

TEST_CASE(enomem__later)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	u32 before = s->xmits;
	unsigned long start = kernel_ticks();
	s->error = -ENOMEM;
	s->errors = 3;
	ASSERT_EQ(send_number(p.from, 2, to_port, 1), sizeof(numbered));
	EXPECT_NUMBER(p.to, 1);
	EXPECT_EQ(s->xmits - before, 4);
	/* two ticks each, of which the first is a broken one */
	EXPECT(kernel_ticks() - start >= 3);
	EXPECT_EQ(s->shutdowns, 0);
}

/* X10: whatever the errno, traffic goes on after a reconnect and nothing is lost or doubled. */
TEST_CASE(errno__drops_even_if_the_transport_did_not)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	const int errnos[] = {-EIO,	    -EPIPE,	-ENOTCONN, -EINVAL, -ECONNRESET,
			      -ENETUNREACH, -ETIMEDOUT, -EINTR,	   -EPERM,  -ENOBUFS};
	u32 number = 0;
	for (int err : errnos) {
		u32 shutdowns = s->shutdowns, xmits = s->xmits;
		s->error = err;
		s->errors = 1;
		for (u32 i = 0; i < 3; i++)
			ASSERT_EQ(send_number(p.from, 2, to_port, number + i), sizeof(numbered));
		for (u32 i = 0; i < 3; i++)
			ASSERT(EXPECT_NUMBER(p.to, number + i));
		number += 3;
		EXPECT_EQ(s->shutdowns - shutdowns, 1);
		EXPECT(s->xmits - xmits <= 6); /* the error, three messages, the map */
		ASSERT(eventually([&] { return !lane->has_messages(); }));
	}
}

TEST_CASE(overrun__drops)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	u32 lies = 1;
	s->arg = &lies;
	s->on_xmit = [](fake_transport *f, rds_connection *, rds_message *rm, bool *) {
		auto *left = static_cast<u32 *>(f->arg);
		if (!*left)
			return 0;
		--*left;
		return static_cast<int>(RDS_HEADER_BYTES + rm->m_len + 1);
	};
	ASSERT_EQ(send_number(p.from, 2, to_port, 1), sizeof(numbered));
	EXPECT_NUMBER(p.to, 1);
	EXPECT_EQ(s->shutdowns, 1);
}

TEST_CASE(batch__limit_hands_over)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	rds_tunables.send_batch_count = 2;
	s->room = 0;
	for (u32 i = 0; i < 10; i++)
		ASSERT_EQ(send_number(p.from, 2, to_port, i), sizeof(numbered));
	u32 before = fake_of(lane.get())->prepares;
	s->make_room(lane.get(), -1);
	for (u32 i = 0; i < 10; i++)
		EXPECT_NUMBER(p.to, i);
	EXPECT(fake_of(lane.get())->prepares - before >= 5);
}

/* wire.md 11: whoever may soon have to wait for room asks. */
TEST_CASE(ack_required__when_half_full)
{
	SCENARIO(s);
	pair p;
	buffer data(1000);
	ASSERT(p.ok() && data);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	lane->c_acks.reload(1000, 1000000);
	p.from.buffers(8000, 0);
	s->ack = false;
	u32 before = s->nr_frames;
	for (u32 i = 0; i < 6; i++)
		ASSERT_EQ(p.from.send(2, to_port, data.get(), 1000), 1000);
	ASSERT(eventually([&] { return kernel::read_once(s->nr_frames) == before + 6; }));
	u32 i = 0;
	s->frames.each([&](fake_frame *frame) { EXPECT_EQ(frame->ack_required, ++i >= 4); });
}

TEST_CASE(ack_required__cadence)
{
	SCENARIO(s);
	pair p;
	buffer big(3000);
	ASSERT(p.ok() && big);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_tunables.max_unacked_packets = 4;
	rds_tunables.max_unacked_bytes = 5000;
	ASSERT(warm_up(s, p, lane.get()));
	lane->c_acks.reload(4, 5000);
	for (u32 i = 0; i < 11; i++)
		ASSERT_EQ(send_number(p.from, 2, to_port, i), sizeof(numbered));
	for (u32 i = 0; i < 4; i++)
		ASSERT_EQ(p.from.send(2, to_port, big.get(), 3000), 3000);
	/* a worker may have had the engine */
	ASSERT(eventually([&] { return !lane->has_messages(); }));
	/* four without, one that asks; then one of two in 5000 bytes */
	const bool asks[] = {false, false, false, false, true, false, false, false,
			     false, true,  false, false, true, false, true};
	u32 i = 0;
	s->frames.each([&](fake_frame *frame) {
		if (!frame->map && i < sizeof(asks))
			EXPECT_EQ(frame->ack_required, asks[i++]);
	});
	EXPECT_EQ(i, sizeof(asks));
}

/* L25: the state of the connection is not the result of sendmsg. */
TEST_CASE(sendmsg__length_whatever_the_state)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	s->connect_mode = FAKE_CONNECT_LATER;
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	EXPECT_EQ(send_number(p.from, 2, to_port, 0), sizeof(numbered)); /* DOWN */
	ASSERT(eventually([&] { return kernel::read_once(fake_of(lane.get())->connecting); }));
	EXPECT_EQ(send_number(p.from, 2, to_port, 1), sizeof(numbered)); /* CONNECTING */
	s->complete(lane.get());
	for (u32 i = 0; i < 2; i++)
		EXPECT_NUMBER(p.to, i);
	/* DISCONNECTING, and after it */
	bool go = false;
	s->arg = &go;
	s->on_shutdown = [](fake_transport *f, rds_connection *) {
		eventually([&] { return kernel::read_once(*static_cast<bool *>(f->arg)); });
	};
	s->connect_mode = FAKE_CONNECT_NOW;
	rds_conn_drop(lane.get());
	EXPECT_EQ(send_number(p.from, 2, to_port, 2), sizeof(numbered));
	ASSERT(eventually([&] { return lane->state() == RDS_CONN_DISCONNECTING; }));
	EXPECT_EQ(send_number(p.from, 2, to_port, 3), sizeof(numbered));
	kernel::write_once(go, true);
	for (u32 i = 2; i < 4; i++)
		EXPECT_NUMBER(p.to, i);
}

/* L16: the queue of a peer that is not there is bounded, also for messages without payload. */
TEST_CASE(sendmsg__empty_messages_are_charged)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	s->connect_mode = FAKE_CONNECT_LATER;
	p.from.buffers(4096, 0);
	u32 n = 0;
	long ret;
	while ((ret = p.from.send(2, to_port, nullptr, 0)) == 0 && n < 10000)
		n++;
	EXPECT_EQ(ret, -EAGAIN);
	EXPECT(n > 0 && n <= 4096);
}

/*
 * ---- RDMA and atomic operations, driven past the socket ----
 */

namespace {

rds_message *operation(bool rdma, bool atomic, bool silent, u32 len)
{
	rds_message *rm = rds_message_alloc(len, kernel::gfp_kernel);
	if (!rm)
		return nullptr;
	rm->m_inc.i_hdr = rds::make_header(kernel::be16(from_port), kernel::be16(to_port), len);
	rm->m_rdma.op_active = rdma;
	rm->m_rdma.op_silent = silent;
	rm->m_atomic.op_active = atomic;
	rm->m_atomic.op_silent = silent;
	return rm;
}

bool queue_operation(rds_lane *lane, bool rdma, bool atomic, bool silent, u32 len)
{
	rds_message *rm = operation(rdma, atomic, silent, len);
	if (!rm)
		return false;
	int err = rds_message_queue(lane, rm);
	rds_message_put(rm);
	rds_send_xmit(lane);
	return !err;
}

} // namespace

TEST_CASE(operation__before_the_header_and_once)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	u8 in[16];
	/* the header stops half-way: the operation is not posted again when it goes on */
	s->room = 20;
	ASSERT(queue_operation(lane.get(), true, true, false, sizeof(in)));
	EXPECT(full_at(lane.get(), 20));
	EXPECT_EQ(s->operations, 2);
	s->make_room(lane.get(), -1);
	EXPECT_EQ(p.to.recv_wait(in, sizeof(in)), sizeof(in));
	EXPECT_EQ(s->operations, 2);
}

TEST_CASE(operation__errors_repeat_nothing)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	/* the RDMA is posted at the second attempt, the atomic at the fourth */
	s->on_operation = [](fake_transport *f, rds_connection *) {
		const int answers[] = {-EAGAIN, 0, -ENOMEM, -EAGAIN, 0};
		u32 n = f->operations;
		return n <= 5 ? answers[n - 1] : -EIO;
	};
	u8 in[16];
	ASSERT(queue_operation(lane.get(), true, true, false, sizeof(in)));
	EXPECT_EQ(p.to.recv_wait(in, sizeof(in)), sizeof(in));
	EXPECT_EQ(s->operations, 5);
	EXPECT_EQ(s->shutdowns, 0);
}

TEST_CASE(operation__silent_sends_nothing)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	u32 before = s->xmits;
	ASSERT(queue_operation(lane.get(), true, false, true, 0));
	ASSERT(eventually([&] { return kernel::read_once(s->operations) == 1; }));
	EXPECT_EQ(s->xmits, before);
	/* with payload it is a message like any other */
	u8 in[16];
	ASSERT(queue_operation(lane.get(), true, false, true, sizeof(in)));
	EXPECT_EQ(p.to.recv_wait(in, sizeof(in)), sizeof(in));
}

/* The fake transport calls a repetition a violation. */
TEST_CASE(operation__not_repeated_after_a_drop)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(warm_up(s, p, lane.get()));
	s->deliver = s->ack = false;
	ASSERT(queue_operation(lane.get(), true, false, false, 16));
	ASSERT_EQ(send_number(p.from, 2, to_port, 9), sizeof(numbered));
	ASSERT(eventually(
		[&] { return !queued_on(lane.get()) && !kernel::read_once(lane->c_sending); }));
	EXPECT_EQ(s->operations, 1);
	s->deliver = s->ack = true;
	rds_conn_drop(lane.get());
	/* the operation is gone, what was queued behind it arrives */
	EXPECT_NUMBER(p.to, 9);
	EXPECT_EQ(s->operations, 1);
	EXPECT(eventually([&] { return !lane->has_messages(); }));
}

/*
 * ---- the engine in a softirq: t_xmit_atomic. That nothing sleeps there, the kernel tells ----
 */

namespace {

/* A lane 1 -> 2 that is up, and how often xmit was called in a softirq. */
struct atomic_world {
	scenario &s;
	pair p;
	lane_ref lane;
	u32 in_softirq = 0;

	explicit atomic_world(scenario &scene) : s(scene), lane(scene.fake(), 1, 2) {}
	~atomic_world() { s->on_xmit = nullptr; }
	bool up()
	{
		if (!p.ok() || !lane || !warm_up(s, p, lane.get()))
			return false;
		s->arg = &in_softirq;
		s->on_xmit = [](fake_transport *f, rds_connection *, rds_message *, bool *) {
			if (bench_in_softirq())
				kernel::add_return(*static_cast<u32 *>(f->arg), 1u);
			return 0;
		};
		return true;
	}
	/* Queued, and nobody was told. */
	bool queue(u32 nr)
	{
		for (u32 i = 0; i < nr; i++) {
			rds_message *rm = operation(false, false, false, sizeof(numbered));
			if (!rm)
				return false;
			int err = rds_message_queue(lane.get(), rm);
			rds_message_put(rm);
			if (err)
				return false;
		}
		return true;
	}
	bool arrive(u32 nr)
	{
		numbered n;
		for (u32 i = 0; i < nr; i++)
			if (p.to.recv_wait(&n, sizeof(n)) != sizeof(n))
				return false;
		return true;
	}
};

} // namespace

TEST_CASE(atomic__start_sends_in_softirq)
{
	SCENARIO(s);
	s->trans.t_xmit_atomic = 1;
	atomic_world w(s);
	ASSERT(w.up());
	ASSERT(w.queue(5));
	in_softirq([&] { rds_send_start(w.lane.get()); });
	EXPECT_EQ(w.in_softirq, 5);
	EXPECT(w.arrive(5));
	EXPECT_EMPTY(w.p.to);
}

/* Without the flag it is the worker's: the hooks may sleep. */
TEST_CASE(atomic__not_without_the_flag)
{
	SCENARIO(s);
	atomic_world w(s);
	ASSERT(w.up());
	ASSERT(w.queue(5));
	in_softirq([&] { rds_send_start(w.lane.get()); });
	EXPECT(w.arrive(5));
	EXPECT_EQ(w.in_softirq, 0);
}

/* A ping is received, its answer is sent, a map goes out, all where the interrupt left us. */
TEST_CASE(atomic__pong_and_map_in_softirq)
{
	SCENARIO(s);
	s->trans.t_xmit_atomic = 1;
	atomic_world w(s);
	ASSERT(w.up());
	rds_header ping = rds::make_header(kernel::be16(4321), kernel::be16(RDS_PING_PORT), 0);
	ping.h_sequence = kernel::be64(1000);
	in_softirq([&] { EXPECT(s->inject(w.lane.get(), ping, nullptr)); });
	EXPECT_EQ(w.in_softirq, 1);
	in_softirq([&] {
		kernel::write_once(w.lane->c_peer->map_pending, u8{1});
		rds_send_start(w.lane.get());
	});
	EXPECT_EQ(w.in_softirq, 2);
	EXPECT(!kernel::read_once(w.lane->c_peer->map_pending));
}

TEST_CASE(atomic__kick_in_softirq)
{
	SCENARIO(s);
	s->trans.t_xmit_atomic = 1;
	atomic_world w(s);
	ASSERT(w.up());
	s->room = 0;
	for (u32 i = 0; i < 10; i++)
		ASSERT_EQ(send_number(w.p.from, 2, to_port, i), sizeof(numbered));
	ASSERT(full_at(w.lane.get(), 0));
	in_softirq([&] { s->make_room(w.lane.get(), -1); });
	for (u32 i = 0; i < 10; i++)
		EXPECT_NUMBER(w.p.to, i);
	EXPECT_EMPTY(w.p.to);
}

/* Softirqs and a sender want the lane at the same time. */
TEST_CASE(atomic__softirq_meets_sender)
{
	constexpr u32 many = 300;
	SCENARIO(s);
	s->trans.t_xmit_atomic = 1;
	atomic_world w(s);
	ASSERT(w.up());
	bool done = false;
	thread sender([&] {
		for (u32 i = 0; i < many; i++)
			EXPECT_EQ(send_number(w.p.from, 2, to_port, i, 0, 0), sizeof(numbered));
		kernel::write_once(done, true);
	});
	while (!kernel::read_once(done))
		in_softirq([&] { rds_send_start(w.lane.get()); });
	sender.join();
	for (u32 i = 0; i < many; i++)
		ASSERT(EXPECT_NUMBER(w.p.to, i));
	EXPECT_EMPTY(w.p.to);
}
