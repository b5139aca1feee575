// SPDX-License-Identifier: GPL-2.0
/* Suite rds_retrans: retransmission, acknowledgement, cancelling, closing. Process context. */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;

/* Two sockets and an idle lane 1 -> 2 that is up; frames stay in the wire. */
struct world {
	scenario &s;
	test_socket from{1, from_port};
	test_socket to{2, to_port};
	lane_ref lane;

	explicit world(scenario &scene) : s(scene), lane(scene.fake(), 1, 2)
	{
		if (ok())
			to.buffers(0, 4 << 20);
	}
	bool ok() const { return from.bound() && to.bound() && lane; }
	bool up()
	{
		s->deliver = s->ack = true;
		rds_conn_connect_if_down(lane.get());
		bool done = eventually([&] {
			return lane->up() && !kernel::read_once(lane->c_peer->map_pending) &&
			       !kernel::read_once(lane->c_xmit_rm) &&
			       !kernel::read_once(lane->c_sending);
		});
		s->forget_frames();
		s->deliver = s->ack = false;
		return done;
	}
	bool send(kunit *test, u32 first, u32 nr)
	{
		for (u32 i = first; i < first + nr; i++)
			if (!EXPECT_EQ(send_number(from, 2, to_port, i), sizeof(numbered)))
				return false;
		return true;
	}
	bool all_sent()
	{
		return eventually([&] {
			return !queued_on(lane.get()) && !kernel::read_once(lane->c_xmit_rm);
		});
	}
	u64 last_sequence() { return kernel::read_once(lane->c_tx.next) - 1; }
};

#define WORLD(name)                                                                                \
	SCENARIO(s);                                                                               \
	world name(s);                                                                             \
	ASSERT(name.ok());                                                                         \
	ASSERT(name.up())

} // namespace

TEST_CASE(drop__unacked_go_again_first)
{
	WORLD(w);
	ASSERT(w.send(test, 0, 5));
	ASSERT(w.all_sent());
	/* nothing arrived; two more are queued while the connection is lost */
	s->connect_mode = FAKE_CONNECT_LATER;
	s->forget_frames();
	rds_conn_drop(w.lane.get());
	ASSERT(eventually([&] { return kernel::read_once(fake_of(w.lane.get())->connecting); }));
	ASSERT(w.send(test, 5, 2));
	EXPECT_EQ(unacked_on(w.lane.get()), 0);
	EXPECT_EQ(queued_on(w.lane.get()), 7);
	s->complete(w.lane.get());
	ASSERT(w.all_sent());
	u64 sequence = w.last_sequence() - 7;
	u32 number = 0;
	s->frames.each([&](fake_frame *f) {
		if (f->map) {
			EXPECT_EQ(number, 0); /* it goes before everything */
			return;
		}
		EXPECT_EQ(f->hdr.h_sequence.host(), ++sequence);
		EXPECT_EQ(reinterpret_cast<numbered *>(f->data)->number, number);
		bool again = number < 5;
		EXPECT_EQ(f->hdr.h_flags, again ? RDS_FLAG_RETRANSMITTED : 0);
		EXPECT_EQ(f->retransmitted, again);
		EXPECT_EQ(f->ack_required, again);
		number++;
	});
	EXPECT_EQ(number, 7);
	s->deliver_all();
	for (u32 i = 0; i < 7; i++)
		EXPECT_NUMBER(w.to, i);
	EXPECT_EMPTY(w.to);
}

/* tcp.md T7: a number of the old connection must not acknowledge on the new one. */
TEST_CASE(drop__ack_numbers_are_forgotten)
{
	WORLD(w);
	u32 stale = 0;
	s->arg = &stale;
	s->on_xmit = [](fake_transport *f, rds_connection *, rds_message *rm, bool *) {
		if (rm->m_flags & RDS_MSG_MAP)
			return 0;
		if (rm->m_has_ack_seq)
			++*static_cast<u32 *>(f->arg);
		rm->m_ack_seq = 1000;
		rm->m_has_ack_seq = 1;
		return 0;
	};
	ASSERT(w.send(test, 0, 3));
	ASSERT(w.all_sent());
	rds_conn_drop(w.lane.get());
	ASSERT(eventually([&] { return kernel::read_once(s->xmits) >= 7; }));
	ASSERT(w.all_sent());
	EXPECT_EQ(stale, 0);
	s->on_xmit = nullptr;
}

TEST_CASE(drop__partial_message_starts_anew)
{
	constexpr u32 len = 50000;
	buffer out(len), in(len);
	ASSERT(out && in);
	WORLD(w);
	w.from.buffers(1 << 20, 0);
	fill_pattern(out.get(), len, 3);
	const u32 cuts[] = {1, 47, 48, 49, 4144, 32816, len + 47};
	for (u32 cut : cuts) {
		s->deliver = s->ack = true;
		s->room = cut;
		ASSERT_EQ(w.from.send(2, to_port, out.get(), len), len);
		ASSERT(eventually([&] { return !kernel::read_once(s->room); }));
		s->room = -1;
		rds_conn_drop(w.lane.get());
		ASSERT_EQ(w.to.recv_wait(in.get(), len), len);
		EXPECT(check_pattern(in.get(), len, 3));
		ASSERT(eventually([&] {
			return !w.lane->has_messages() && !kernel::read_once(w.lane->c_xmit_rm) &&
			       !kernel::read_once(w.lane->c_peer->map_pending);
		}));
	}
	EXPECT_EMPTY(w.to);
}

/*
 * The connection is lost at the first step, at the second ...: connect, complete, prepare, before
 * and after bytes are taken, after delivery, after the ack. Each message arrives once, in order.
 */
TEST_CASE(drop__at_each_step)
{
	constexpr u32 messages = 4;
	for (u32 at = 1;; at++) {
		SCENARIO(s);
		s->most = 40;
		s->drop_at = at;
		test_socket from(1, from_port), to(2, to_port);
		ASSERT(from.bound() && to.bound());
		for (u32 i = 0; i < messages; i++)
			ASSERT_EQ(send_number(from, 2, to_port, i), sizeof(numbered));
		for (u32 i = 0; i < messages; i++)
			if (!EXPECT_NUMBER(to, i)) {
				bench_fail(test, __FILE__, __LINE__, "dropped at step", at, 0);
				return;
			}
		/* the second connection makes its steps, too, before anything is compared */
		ASSERT(eventually([&] { return !kernel::read_once(from.rds()->snd_bytes); }));
		EXPECT_EMPTY(to);
		if (s->steps < at)
			break;
		ASSERT(at < 500);
	}
}

TEST_CASE(ack__stops_at_the_first_unacked)
{
	WORLD(w);
	ASSERT(w.send(test, 0, 6));
	ASSERT(w.all_sent());
	u64 first = w.last_sequence() - 5;
	u32 charge = w.from.rds()->snd_bytes;
	rds_send_drop_acked(w.lane.get(), first - 1, nullptr);
	EXPECT_EQ(unacked_on(w.lane.get()), 6);
	rds_send_drop_acked(w.lane.get(), first + 2, nullptr);
	EXPECT_EQ(unacked_on(w.lane.get()), 3);
	EXPECT_EQ(w.from.rds()->snd_bytes, charge / 2);
	rds_send_drop_acked(w.lane.get(), first + 2, nullptr);
	EXPECT_EQ(unacked_on(w.lane.get()), 3);
	rds_send_drop_acked(w.lane.get(), ~0ull, nullptr);
	EXPECT_EQ(unacked_on(w.lane.get()), 0);
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
}

TEST_CASE(ack__by_the_transports_compare)
{
	WORLD(w);
	/* the transport's numbers: 10, 20, 30 ...; the third has none yet */
	s->on_xmit = [](fake_transport *, rds_connection *, rds_message *rm, bool *) {
		u32 number;
		bench_from_piece(&number, rm->m_pieces, 4, sizeof(number));
		rm->m_ack_seq = 10 * (number + 1);
		rm->m_has_ack_seq = number != 2;
		return 0;
	};
	ASSERT(w.send(test, 0, 5));
	ASSERT(w.all_sent());
	s->on_xmit = nullptr;
	auto compare = [](rds_message *rm, u64 ack) -> int {
		return rm->m_has_ack_seq && rm->m_ack_seq <= ack;
	};
	rds_send_drop_acked(w.lane.get(), 15, compare);
	EXPECT_EQ(unacked_on(w.lane.get()), 4);
	rds_send_drop_acked(w.lane.get(), 1000, compare);
	EXPECT_EQ(unacked_on(w.lane.get()), 3); /* not past the one without */
}

TEST_CASE(ack__wakes_a_sender_without_room)
{
	WORLD(w);
	w.from.buffers(2048, 0);
	u8 data[1024] = {};
	long ret;
	u32 n = 0;
	while ((ret = w.from.send(2, to_port, data, sizeof(data))) == sizeof(data))
		n++;
	EXPECT_EQ(ret, -EAGAIN);
	EXPECT_EQ(n, 2);
	w.from.timeouts(50);
	EXPECT_EQ(w.from.send(2, to_port, data, sizeof(data), 0), -ETIMEDOUT);
	w.from.timeouts(patience);
	thread blocked(
		[&] { EXPECT_EQ(w.from.send(2, to_port, data, sizeof(data), 0), sizeof(data)); });
	ASSERT(w.from.has_waiter());
	rds_send_drop_acked(w.lane.get(), ~0ull, nullptr);
	blocked.join();
	EXPECT(w.all_sent());
}

TEST_CASE(cancel__queued)
{
	WORLD(w);
	s->room = 0;
	ASSERT(w.send(test, 0, 5));
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
	s->deliver = s->ack = true;
	s->make_room(w.lane.get(), -1);
	ASSERT(w.send(test, 9, 1));
	EXPECT_NUMBER(w.to, 0); /* the engine had it in hand already */
	EXPECT_NUMBER(w.to, 9);
	EXPECT_EMPTY(w.to);
}

/* Not a byte of it must be missing on the wire, or the next header would be misread. */
TEST_CASE(cancel__in_transmission)
{
	WORLD(w);
	s->deliver = s->ack = true;
	for (u32 cut = 1; cut < RDS_HEADER_BYTES + sizeof(numbered); cut += 5) {
		s->room = cut;
		ASSERT(w.send(test, cut, 2));
		ASSERT(eventually([&] {
			return !kernel::read_once(s->room) &&
			       kernel::read_once(w.lane->c_blocked) &&
			       !kernel::read_once(w.lane->c_sending);
		}));
		EXPECT_EQ(w.from.cancel(2, to_port), 0);
		EXPECT(!w.lane->has_messages());
		s->make_room(w.lane.get(), -1);
		EXPECT_NUMBER(w.to, cut);
		ASSERT(w.send(test, 1000, 1));
		ASSERT(EXPECT_NUMBER(w.to, 1000));
		/* dropped after the cancel: it does not come again */
	}
	s->room = 20;
	ASSERT(w.send(test, 1, 1));
	ASSERT(eventually([&] { return !kernel::read_once(s->room); }));
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
	s->room = -1;
	rds_conn_drop(w.lane.get());
	ASSERT(w.send(test, 2, 1));
	EXPECT_NUMBER(w.to, 2);
	EXPECT_EMPTY(w.to);
}

TEST_CASE(cancel__sent_or_acked)
{
	WORLD(w);
	ASSERT(w.send(test, 0, 4));
	ASSERT(w.all_sent());
	rds_send_drop_acked(w.lane.get(), w.last_sequence() - 2, nullptr);
	EXPECT_EQ(unacked_on(w.lane.get()), 2);
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
	EXPECT_EQ(unacked_on(w.lane.get()), 0);
	EXPECT_EQ(w.from.rds()->snd_bytes, 0);
	rds_send_drop_acked(w.lane.get(), ~0ull, nullptr); /* too late */
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
}

TEST_CASE(cancel__others_stay)
{
	WORLD(w);
	test_socket other(1, from_port + 1), unbound;
	ASSERT(other.bound());
	s->room = 0;
	ASSERT(w.send(test, 0, 2));
	ASSERT_EQ(send_number(w.from, 2, to_port + 1, 5), sizeof(numbered));
	ASSERT_EQ(send_number(w.from, 3, to_port, 6), sizeof(numbered));
	ASSERT_EQ(send_number(other, 2, to_port, 7), sizeof(numbered));
	EXPECT_EQ(unbound.cancel(2, to_port), -ENOTCONN);
	EXPECT_EQ(w.from.cancel(2, to_port), 0);
	EXPECT_EQ(queued_on(w.lane.get()) + unacked_on(w.lane.get()), 2);
	EXPECT_EQ(w.from.rds()->snd_bytes, 2 * rds_charge(sizeof(numbered)));
	s->deliver = s->ack = true;
	s->make_room(w.lane.get(), -1);
	EXPECT_NUMBER(w.to, 0); /* in hand */
	EXPECT_NUMBER(w.to, 7);
	EXPECT_EMPTY(w.to);
}

/* Queued, in transmission, unacknowledged: all go with the socket, the rest of the bytes stays. */
TEST_CASE(close__with_messages_everywhere)
{
	WORLD(w);
	s->deliver = true;
	ASSERT(w.send(test, 0, 2));
	for (u32 i = 0; i < 2; i++)
		EXPECT_NUMBER(w.to, i);
	s->room = 30;
	ASSERT(w.send(test, 2, 3));
	ASSERT(eventually([&] { return !kernel::read_once(s->room); }));
	EXPECT(w.lane->has_messages());
	w.from.close();
	EXPECT(!w.lane->has_messages());
	s->ack = true;
	s->make_room(w.lane.get(), -1);
	EXPECT_NUMBER(w.to, 2); /* it was on the wire already */
	EXPECT_EMPTY(w.to);
	test_socket again(1, from_port);
	ASSERT(again.bound());
	EXPECT_EQ(send_number(again, 2, to_port, 77), sizeof(numbered));
	EXPECT_NUMBER(w.to, 77);
}

TEST_CASE(close__races_with_acks)
{
	WORLD(w);
	s->deliver = false;
	for (u32 round = 0; round < 20; round++) {
		test_socket from(1, from_port + 1 + round);
		ASSERT(from.bound());
		for (u32 i = 0; i < 20; i++)
			EXPECT_EQ(send_number(from, 2, to_port, i), sizeof(numbered));
		u64 last = w.last_sequence();
		thread acks([&] {
			for (u64 seq = last - 20; seq <= last; seq++) {
				rds_send_drop_acked(w.lane.get(), seq, nullptr);
				bench_yield();
			}
		});
		thread canceller([&] { EXPECT_EQ(from.cancel(2, to_port), 0); });
		bench_yield();
		canceller.join();
		from.close();
	}
	EXPECT(w.all_sent());
	EXPECT(!w.lane->has_messages());
	s->forget_frames();
}
