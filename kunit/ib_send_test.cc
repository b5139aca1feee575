// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_ib_send: messages become work requests, whose ends the test decides; acknowledgements
 * and credits, of both sides. ib.md 11, 12, 14, 15 and 18.
 */
#include "ib_scenario.h"

namespace {

#define FAR_END(name, ...)                                                                         \
	ib_far_end name(test, s __VA_OPT__(, ) __VA_ARGS__);                                       \
	ASSERT(name.ok())

constexpr u32 large = 1024 * 1024;

bool sent_all(test_socket &sock)
{
	return eventually([&] { return !kernel::read_once(sock.rds()->snd_bytes); });
}

bool is_ack(kunit *test, const ib_frame &f, u64 ack)
{
	EXPECT_EQ(f.len, 0);
	EXPECT_EQ(f.hdr.h_len.host(), 0);
	EXPECT_EQ(f.hdr.h_sequence.host(), 0);
	EXPECT_EQ(f.hdr.h_sport.host(), 0);
	EXPECT_EQ(f.hdr.h_dport.host(), 0);
	EXPECT_EQ(f.hdr.h_flags, 0);
	EXPECT(f.wr.signaled && f.wr.solicited && !f.wr.fence);
	return EXPECT_EQ(f.hdr.h_ack.host(), ack);
}

/* The parts of one message, as they should be. Return: its number. */
u64 take_message(kunit *test, ib_far_end &far, u32 len, u8 flags)
{
	buffer in(len + RDS_FRAG_SIZE);
	u64 sequence = 0;
	u32 parts = rds::ib::parts_of(len), done = 0, quiet = 0;
	for (u32 i = 0; i < parts; i++) {
		ib_frame f;
		if (!far.take(f, in.get() + done))
			return 0;
		if (!i)
			sequence = f.hdr.h_sequence.host();
		bool last = i + 1 == parts;
		EXPECT_EQ(f.hdr.h_sequence.host(), sequence);
		EXPECT_EQ(f.hdr.h_len.host(), len);
		EXPECT_EQ(f.hdr.h_sport.host(), far.near_port);
		EXPECT_EQ(f.hdr.h_dport.host(), ib_far_port);
		EXPECT_EQ(f.hdr.h_flags, flags);
		EXPECT_EQ(f.wr.solicited, last);
		EXPECT(f.wr.signaled || !last);
		EXPECT(!f.wr.fence);
		EXPECT_EQ(f.len, last ? len - done : u32{RDS_FRAG_SIZE});
		quiet = f.wr.signaled ? 0 : quiet + 1;
		EXPECT(quiet <= rds_ib_settings.max_unsignaled_wr);
		done += f.len;
	}
	EXPECT_EQ(done, len);
	EXPECT(check_pattern(in.get(), len, len));
	return sequence;
}

bool send_pattern(kunit *test, ib_far_end &far, u32 len)
{
	buffer out(len);
	if (!EXPECT(out))
		return false;
	fill_pattern(out.get(), len, len);
	return EXPECT_EQ(far.send(out.get(), len), len);
}

/* @nr messages of 100 bytes go out, one after another. Return: the sequence of the last; 0: not all did. */
u64 small_ones_out(kunit *test, ib_far_end &far, u32 nr)
{
	ib_frame f{};
	for (u32 i = 0; i < nr; i++)
		if (!send_pattern(test, far, 100) || !EXPECT(far.take(f)))
			return 0;
	return f.hdr.h_sequence.host();
}

/* Messages 1 to @nr come, which want to be acknowledged. */
bool hear(ib_far_end &far, u64 first, u64 nr, u8 flags = RDS_FLAG_ACK_REQUIRED)
{
	ib_words w;
	w.flags = flags;
	w.dport = far.near_port;
	numbered n{2, 0};
	for (w.sequence = first; w.sequence < first + nr; w.sequence++) {
		n.number = static_cast<u32>(w.sequence);
		if (!far.says(w, &n, sizeof(n)))
			return false;
	}
	return true;
}

} // namespace

/* ---- parts ---- */

TEST_CASE(send__sizes)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	u64 number = 0;
	const u32 sizes[] = {0, 1, 47, 4095, 4096, 4097, 8192, 8193, 65536, 100001, large};
	for (u32 len : sizes) {
		ASSERT(send_pattern(test, far, len));
		/* the first of a connection wants to be acknowledged, as do those of many bytes */
		bool asks = false;
		{
			kernel::guard hold(far.lane->c_lock);
			far.lane->c_retrans.each(
				[&](rds_message *rm) { asks = rm->m_ack_required; });
		}
		u64 got = take_message(test, far, len, asks ? u8{RDS_FLAG_ACK_REQUIRED} : u8{0});
		EXPECT(got > number);
		number = got;
	}
	ASSERT(far.says_ack(number));
	EXPECT(sent_all(far.near));
	EXPECT_EQ(s.counter(RDS_IB_ACK_RECEIVED), 1);
}

TEST_CASE(send__first_asks_for_acknowledgement)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(send_pattern(test, far, 10));
	EXPECT(take_message(test, far, 10, RDS_FLAG_ACK_REQUIRED) != 0);
	ASSERT(send_pattern(test, far, 11));
	EXPECT(take_message(test, far, 11, 0) != 0);
}

/* One completion is asked for in each so many, and at the end. */
TEST_CASE(send__signals)
{
	IB_SCENARIO(s);
	const struct {
		unsigned long setting;
		u32 every;
	} rows[] = {{16, 17}, {1, 2}, {64, 49} /* a quarter of the ring */};
	u32 host = ib_far;
	for (const auto &row : rows) {
		rds_ib_settings.max_unsignaled_wr = row.setting;
		FAR_END(far, host++);
		ASSERT(far.up());
		ASSERT(send_pattern(test, far, 128 * 4096));
		ASSERT(far.waiting(128));
		u32 signaled = 0, quiet = 0;
		for (u32 i = 0; i < 128; i++) {
			bool is = far.q->request(i).wr.signaled;
			quiet = is ? 0 : quiet + 1;
			EXPECT(quiet < row.every);
			signaled += is;
		}
		/* also for the last of each batch */
		EXPECT(signaled <= 128 / (row.every < 16 ? row.every : 16) + 8);
		EXPECT(far.q->request(127).wr.signaled);
		far.take_all();
		far.lane.destroy();
	}
}

/* A completion stands for those before it; what nothing is heard of stays. */
TEST_CASE(send__completion_covers)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(send_pattern(test, far, 40 * 4096));
	ASSERT(far.waiting(40));
	u32 signals = 0, before = s->unmaps, heard = 0;
	for (u32 i = 0; i < 40; i++) {
		bool is = far.q->request(0).wr.signaled;
		far.q->complete();
		far.q->settle();
		if (is) {
			signals++;
			heard = i + 1;
		}
		EXPECT_EQ(s->unmaps - before, heard);
	}
	EXPECT_EQ(heard, 40);
	EXPECT(signals >= 2);
}

TEST_CASE(send__ring_full_and_on)
{
	IB_SMALL_RING(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(send_pattern(test, far, large));
	ASSERT(far.waiting(160));
	EXPECT(eventually([&] { return s.counter(RDS_IB_TX_RING_FULL) > 0; }));
	/* the last that found room is heard of */
	EXPECT(far.q->request(159).wr.signaled);
	EXPECT(take_message(test, far, large, RDS_FLAG_ACK_REQUIRED) != 0);
	EXPECT(far.waiting(0));
}

/* Nothing of the next message comes between the parts of one. */
TEST_CASE(send__messages_follow_each_other)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	for (u32 i = 0; i < 4; i++)
		ASSERT(send_pattern(test, far, 100000 + i));
	u64 last = 0;
	for (u32 i = 0; i < 4; i++) {
		buffer in(120000);
		ASSERT(in);
		u64 number = 0;
		for (u32 done = 0; done < 100000 + i;) {
			ib_frame f;
			ASSERT(far.take(f, in.get() + done));
			if (done)
				EXPECT_EQ(f.hdr.h_sequence.host(), number);
			number = f.hdr.h_sequence.host();
			done += f.len;
		}
		EXPECT(number > last);
		last = number;
		EXPECT(check_pattern(in.get(), 100000 + i, 100000 + i));
	}
}

/* ---- failures ---- */

TEST_CASE(send__no_address_in_the_middle)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	for (u32 nth = 1; nth <= 20; nth += 3) {
		s->fail(FV_MAP, nth);
		ASSERT(send_pattern(test, far, 19 * 4096 + nth));
		buffer in(21 * 4096);
		ASSERT(in);
		for (u32 done = 0; done < 19 * 4096 + nth;) {
			ib_frame f;
			ASSERT(far.take(f, in.get() + done));
			done += f.len;
		}
		EXPECT(check_pattern(in.get(), 19 * 4096 + nth, 19 * 4096 + nth));
		EXPECT(s->heal(FV_MAP) > nth);
	}
	EXPECT(s.counter(RDS_IB_TX_SG_MAPPING_FAILURE) > 0);
	EXPECT_EQ(rds_conn_state(far.lane.get()), RDS_CONN_UP);
}

/* The device takes none, some, all but one: the connection is lost, the message comes again. */
TEST_CASE(send__post_fails)
{
	IB_SCENARIO(s);
	FAR_END(far);
	for (u32 takes : {0u, 1u, 5u, 9u}) {
		ASSERT(far.up());
		s->post_takes = takes;
		s->fail(FV_POST);
		ASSERT(send_pattern(test, far, 10 * 4096));
		ASSERT(far.drops());
		s->heal(FV_POST);
		ASSERT(far.up());
		u64 number = take_message(test, far, 10 * 4096,
					  RDS_FLAG_ACK_REQUIRED | RDS_FLAG_RETRANSMITTED);
		ASSERT(far.says_ack(number));
		EXPECT(sent_all(far.near));
		s->deliver(far.id, RV_EVENT_LOST);
		ASSERT(far.drops());
	}
}

TEST_CASE(send__error_drops_and_repeats)
{
	IB_SCENARIO(s);
	FAR_END(far);
	for (rv_status status : {RV_ERROR, RV_REMOTE_ACCESS, RV_FLUSHED}) {
		ASSERT(far.up());
		ASSERT(send_pattern(test, far, 20000));
		ASSERT(far.waiting(5));
		far.q->complete();
		far.q->complete(status); /* one that was not signaled */
		ASSERT(far.drops());
		ASSERT(far.up());
		u64 number = take_message(test, far, 20000,
					  RDS_FLAG_ACK_REQUIRED | RDS_FLAG_RETRANSMITTED);
		ASSERT(far.says_ack(number));
		EXPECT(sent_all(far.near));
		s->deliver(far.id, RV_EVENT_LOST);
		ASSERT(far.drops());
	}
}

/* Completions never come, or late: the buffers stay until the queue pair is gone. */
TEST_CASE(send__teardown_without_completions)
{
	IB_SCENARIO(s);
	FAR_END(far);
	for (auto mode : {fake_verbs::FLUSH_NEVER, fake_verbs::FLUSH_LATE}) {
		s->flush_mode = mode;
		s->drain_ms = mode == fake_verbs::FLUSH_NEVER ? 50 : ~0u;
		ASSERT(far.up());
		ASSERT(send_pattern(test, far, 100000));
		ASSERT(far.waiting(25));
		far.q->complete();
		far.q->complete();
		s->deliver(far.id, RV_EVENT_LOST);
		ASSERT(far.drops());
		EXPECT_EQ(s->maps, s->unmaps);
		ASSERT(far.up());
		u64 number = take_message(test, far, 100000,
					  RDS_FLAG_ACK_REQUIRED | RDS_FLAG_RETRANSMITTED);
		ASSERT(far.says_ack(number));
		EXPECT(sent_all(far.near));
		s->deliver(far.id, RV_EVENT_LOST);
		ASSERT(far.drops());
	}
}

/* Those of sends before those of receives, and the other way round. */
TEST_CASE(send__teardown_with_messages_of_both)
{
	IB_SCENARIO(s);
	FAR_END(far);
	for (bool receives_first : {false, true}) {
		ASSERT(far.up());
		ASSERT(send_pattern(test, far, 30000));
		/* the first one comes again, too */
		ASSERT(far.waiting(receives_first ? 16 : 8));
		s->flush_mode = fake_verbs::FLUSH_LATE;
		if (receives_first) {
			rv_wc flushed{};
			flushed.status = RV_FLUSHED;
			while (far.q->arrive_as(flushed))
				;
		} else {
			far.q->complete_all(RV_FLUSHED);
		}
		ASSERT(far.drops());
		EXPECT_EQ(s->maps, s->unmaps);
		s->flush_mode = fake_verbs::FLUSH_AT_ONCE;
	}
}

/* ---- acknowledgements of theirs ---- */

TEST_CASE(send__acks_are_cumulative)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	u64 number = small_ones_out(test, far, 4);
	ASSERT(number);
	EXPECT_EQ(unacked_on(far.lane.get()), 4);
	ASSERT(far.says_ack(number - 1));
	EXPECT_EQ(unacked_on(far.lane.get()), 1);
	ASSERT(far.says_ack(number - 2)); /* late, from another way */
	EXPECT_EQ(unacked_on(far.lane.get()), 1);
	ASSERT(far.says_ack(0));
	EXPECT_EQ(unacked_on(far.lane.get()), 1);
	/* one that rides on a message counts as well */
	ib_words w;
	w.ack = number;
	w.sequence = 1;
	numbered n{2, 1};
	ASSERT(far.says(w, &n, sizeof(n)));
	EXPECT_EQ(unacked_on(far.lane.get()), 0);
	EXPECT(sent_all(far.near));
	EXPECT_EQ(s.counter(RDS_IB_ACK_RECEIVED), 3);
}

/* S3.3.4: what was not sent cannot be acknowledged, not even by who does it beforehand. */
TEST_CASE(send__ack_beforehand)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(far.says_ack(~0ull));
	u64 number = small_ones_out(test, far, 2);
	ASSERT(number);
	EXPECT_EQ(unacked_on(far.lane.get()), 2);
	ASSERT(far.says_ack(number - 1));
	EXPECT_EQ(unacked_on(far.lane.get()), 1);
	ASSERT(far.says_ack(number));
	EXPECT_EQ(unacked_on(far.lane.get()), 0);
	EXPECT(sent_all(far.near));
}

/* ib_tx_stalled: what the device has had for half a second. */
TEST_CASE(send__stalled)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(send_pattern(test, far, 100));
	far.take_all();
	/* that, and the map, unless we were put aside that long */
	u64 before = s.counter(RDS_IB_TX_STALLED);
	EXPECT(before < 3);
	ASSERT(send_pattern(test, far, 3 * RDS_FRAG_SIZE));
	ASSERT(far.waiting(3));
	bench_sleep(700);
	far.take_all();
	EXPECT_EQ(s.counter(RDS_IB_TX_STALLED) - before, 3);
}

/* Of more than was sent: the rest of a message, and those that follow, go out and wait for a true one. */
TEST_CASE(send__acks_of_what_was_not_sent)
{
	IB_SMALL_RING(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(send_pattern(test, far, large));
	ASSERT(far.waiting(160));
	ASSERT(send_pattern(test, far, 100));
	ASSERT(far.says_ack(~u64{0}));
	EXPECT(take_message(test, far, large, RDS_FLAG_ACK_REQUIRED) != 0);
	ib_frame f;
	ASSERT(far.take(f));
	EXPECT_EQ(f.len, 100);
	EXPECT_EQ(unacked_on(far.lane.get()), 1);
	EXPECT_EQ(rds_conn_state(far.lane.get()), RDS_CONN_UP);
	/* the next connection begins anew */
	s->deliver(far.id, RV_EVENT_LOST);
	ASSERT(far.again());
	ASSERT(far.take(f));
	EXPECT_EQ(f.len, 100);
	ASSERT(far.says_ack(f.hdr.h_sequence.host()));
	EXPECT(sent_all(far.near));
}

/* The peer has it, and the device has not said so yet: it may still read it. */
TEST_CASE(send__ack_before_completion)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(send_pattern(test, far, 30000));
	ASSERT(far.waiting(8));
	rds_header hdr;
	fv_read(far.q->request(0), &hdr, sizeof(hdr));
	u32 before = s->unmaps;
	ASSERT(far.says_ack(hdr.h_sequence.host()));
	EXPECT(sent_all(far.near));
	far.near.close();
	EXPECT_EQ(s->unmaps, before);
	EXPECT(take_message(test, far, 30000, RDS_FLAG_ACK_REQUIRED) != 0);
	EXPECT_EQ(s->unmaps, before + 8);
}

/* ---- acknowledgements of ours ---- */

TEST_CASE(send__ack_explicit)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(hear(far, 5, 1));
	ib_frame f;
	ASSERT(far.take(f));
	is_ack(test, f, 5);
	EXPECT_EQ(s.counter(RDS_IB_ACK_SENT), 1);
	EXPECT_NUMBER(far.near, 5);
	/* what does not ask for it waits for something to ride on */
	ASSERT(hear(far, 6, 1, 0));
	EXPECT_EQ(far.q->waiting(), 0);
	ASSERT(send_pattern(test, far, 1));
	ASSERT(far.take(f));
	EXPECT_EQ(f.hdr.h_ack.host(), 6);
	EXPECT_EQ(s.counter(RDS_IB_ACK_SEND_PIGGYBACKED), 0);
}

TEST_CASE(send__one_ack_at_a_time)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(hear(far, 1, 1));
	ASSERT(far.waiting(1));
	ASSERT(hear(far, 2, 3));
	EXPECT_EQ(far.q->waiting(), 1);
	EXPECT(s.counter(RDS_IB_ACK_SEND_DELAYED) >= 1);
	ib_frame f;
	ASSERT(far.take(f));
	is_ack(test, f, 1);
	ASSERT(far.take(f)); /* one for all that came meanwhile */
	is_ack(test, f, 4);
	EXPECT_EQ(far.q->waiting(), 0);
	EXPECT_EQ(s.counter(RDS_IB_ACK_SENT), 2);
}

TEST_CASE(send__ack_rides)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(hear(far, 1, 1));
	ASSERT(far.waiting(1));
	ASSERT(hear(far, 2, 1)); /* wanted, and one is on its way */
	ASSERT(send_pattern(test, far, 5000));
	ASSERT(far.waiting(3));
	EXPECT_EQ(s.counter(RDS_IB_ACK_SEND_PIGGYBACKED), 1);
	ib_frame f;
	ASSERT(far.take(f));
	is_ack(test, f, 1);
	for (u32 i = 0; i < 2; i++) {
		ASSERT(far.take(f));
		EXPECT_EQ(f.hdr.h_ack.host(), 2);
	}
	EXPECT_EQ(far.q->waiting(), 0);
	EXPECT_EQ(s.counter(RDS_IB_ACK_SENT), 1);
}

/* There is room for it also when the ring is full. */
TEST_CASE(send__ack_past_a_full_ring)
{
	IB_SMALL_RING(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(send_pattern(test, far, large));
	ASSERT(far.waiting(160));
	ASSERT(hear(far, 1, 1));
	ASSERT(far.waiting(161));
	EXPECT_EQ(far.q->request(160).wr.id, rds_ib_ack_id);
	far.take_all();
	EXPECT_EQ(rds_conn_state(far.lane.get()), RDS_CONN_UP);
}

TEST_CASE(send__ack_post_fails)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	s->post_takes = 0;
	s->fail(FV_POST);
	ASSERT(hear(far, 1, 1));
	ASSERT(far.drops());
	EXPECT_EQ(s.counter(RDS_IB_ACK_SEND_FAILURE), 1);
	s->heal(FV_POST);
	ASSERT(far.up());
	/* it comes again, is known, and is acknowledged all the same */
	ASSERT(hear(far, 1, 1, RDS_FLAG_ACK_REQUIRED | RDS_FLAG_RETRANSMITTED));
	ib_frame f;
	ASSERT(far.take(f));
	is_ack(test, f, 1);
	EXPECT_NUMBER(far.near, 1);
	EXPECT_EMPTY(far.near);
}

TEST_CASE(send__ack_completes_badly)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(hear(far, 1, 1));
	ASSERT(far.waiting(1));
	far.q->complete(RV_ERROR);
	ASSERT(far.again());
	/* not of what came on another connection */
	ASSERT(send_pattern(test, far, 1));
	ib_frame f;
	ASSERT(far.take(f));
	EXPECT_EQ(f.hdr.h_ack.host(), 0);
}

/* ---- credits ---- */

TEST_CASE(send__credits_never_above)
{
	IB_SCENARIO(s);
	rds_ib_settings.flow_control = 1;
	FAR_END(far);
	constexpr u32 first = 8, parts = 50;
	ASSERT(far.connect(first));
	ASSERT(send_pattern(test, far, parts * 4096));
	u32 taken = 0, given = first;
	for (u32 data = 0; data < parts;) {
		if (!eventually([&] { return far.q->waiting() > 0; }, 100)) {
			EXPECT(s.counter(RDS_IB_TX_THROTTLE) > 0);
			given += 7;
			ASSERT(far.says_ack(0, 7));
			continue;
		}
		EXPECT(taken + far.q->waiting() <= given);
		ib_frame f;
		ASSERT(far.take(f));
		taken++;
		data += f.hdr.h_sequence.host() != 0;
	}
	EXPECT(s.counter(RDS_IB_RX_CREDIT_UPDATES) > 4);
}

/* More than there can be is as many as there can be, and more of them are no fewer. */
TEST_CASE(send__credits_absurd)
{
	IB_SCENARIO(s);
	rds_ib_settings.flow_control = 1;
	FAR_END(far);
	ASSERT(far.connect(~0u));
	ASSERT(far.takes_map());
	for (u32 i = 0; i < 4; i++)
		ASSERT(far.says_ack(0, 255));
	EXPECT(far.link()->credits.sends() > 0xff00);
	EXPECT(far.link()->credits.unsaid() <= 64);
	ASSERT(send_pattern(test, far, 100));
	ib_frame f;
	do
		ASSERT(far.take(f));
	while (!f.len);
	EXPECT_EQ(f.len, 100);
	EXPECT_EQ(rds_conn_state(far.lane.get()), RDS_CONN_UP);
}

/* Each SEND costs one, an acknowledgement, too; without one it waits. */
TEST_CASE(send__credits_of_acks)
{
	IB_SCENARIO(s);
	rds_ib_settings.flow_control = 1;
	FAR_END(far);
	ASSERT(far.connect(4));
	ASSERT(far.takes_map());
	u32 left = far.link()->credits.sends();
	EXPECT_EQ(left, 1);
	ASSERT(hear(far, 1, 1)); /* it can use the last, since it says that there is room */
	ib_frame f;
	ASSERT(far.take(f));
	is_ack(test, f, 1);
	EXPECT(f.hdr.h_credit > 0);
	ASSERT(hear(far, 2, 1));
	EXPECT_EQ(far.q->waiting(), 0);
	ASSERT(far.says_ack(0, 2));
	ASSERT(far.take(f));
	is_ack(test, f, 2);
}

/* Buffers that were posted again are announced without being asked. */
TEST_CASE(send__credits_are_given_back)
{
	IB_SCENARIO(s);
	rds_ib_settings.flow_control = 1;
	FAR_END(far);
	ASSERT(far.connect(200));
	ASSERT(far.takes_map());
	far.take_all();
	u32 unsaid = far.link()->credits.unsaid(), said = 0;
	ib_frame f;
	ASSERT(hear(far, 1, 40, 0));
	while (eventually([&] { return far.q->waiting() > 0; }, 100)) {
		ASSERT(far.take(f));
		said += f.hdr.h_credit;
	}
	EXPECT(said >= 16);
	EXPECT(said <= 40 + unsaid);
	EXPECT_EQ(said + far.link()->credits.unsaid(), 40 + unsaid);
}

/* What was taken for a message that could not be posted comes back. */
TEST_CASE(send__credits_after_a_failure)
{
	IB_SCENARIO(s);
	rds_ib_settings.flow_control = 1;
	FAR_END(far);
	ASSERT(far.connect(50));
	ASSERT(far.takes_map());
	u32 before = far.link()->credits.sends();
	s->fail(FV_MAP, 2);
	ASSERT(send_pattern(test, far, 40000));
	far.take_all();
	EXPECT_EQ(far.link()->credits.sends(), before - 10);
}

/* Without flow control what the peer says of credits means nothing. */
TEST_CASE(send__credits_unwanted)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(far.says_ack(0, 255));
	EXPECT_EQ(s.counter(RDS_IB_RX_CREDIT_UPDATES), 0);
	ASSERT(send_pattern(test, far, 100));
	ib_frame f;
	ASSERT(far.take(f));
	EXPECT_EQ(f.hdr.h_credit, 0);
}

/* Never stuck, however few there are: both ends ours, much at once both ways. */
TEST_CASE(send__credits_of_small_rings)
{
	for (u32 ring : {1u, 16u, 40u}) {
		IB_SCENARIO(s);
		rds_ib_settings.flow_control = 1;
		rds_ib_settings.max_recv_wr = ring;
		ib_pair pair(test, s);
		ASSERT(pair.ok());
		buffer data(20000), in(20000);
		ASSERT(data && in);
		ASSERT(pair.moves(20000));
		for (u32 i = 0; i < 10; i++) {
			EXPECT_EQ(pair.send(data.get(), 20000), 20000);
			EXPECT_EQ(pair.answer(data.get(), 20000), 20000);
		}
		for (u32 i = 0; i < 10; i++) {
			EXPECT_EQ(pair.far.recv_wait(in.get(), 20000), 20000);
			EXPECT_EQ(pair.near.recv_wait(in.get(), 20000), 20000);
		}
		EXPECT(pair.there.ib()->link->flow);
	}
}

TEST_CASE(send__counters)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ASSERT(hear(far, 1, 3));
	far.take_all();
	EXPECT_EQ(s.counter(RDS_IB_RX_TOTAL_INCS), 3);
	EXPECT_EQ(s.counter(RDS_IB_RX_TOTAL_FRAGS), 3);
	EXPECT_EQ(s.counter(RDS_IB_RX_CQ_EVENT), 3);
	EXPECT(s.counter(RDS_IB_TX_CQ_EVENT) >= 2);
	EXPECT(s.counter(RDS_IB_TASKLET_CALL) >= 3);
	EXPECT_EQ(s.counter(RDS_IB_RX_RING_EMPTY), 0);
	EXPECT(s.counter(RDS_IB_RX_REFILL_FROM_CQ) >= 3);
}
