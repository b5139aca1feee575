// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_ib_recv: what comes, in parts, good and bad, with and without memory. The far end is the
 * test, and knows no rules. ib.md 11, 13 and 16.
 */
#include "ib_scenario.h"

namespace {

#define FAR_END(name, ...)                                                                         \
	ib_far_end name(test, s __VA_OPT__(, ) __VA_ARGS__);                                       \
	ASSERT(name.ok())

constexpr u32 large = 1024 * 1024;

/* One SEND of any kind. */
bool part(ib_far_end &far, const rds_header &hdr, const void *payload, u32 payload_len)
{
	bool came = far.q->arrive(&hdr, payload, RDS_HEADER_BYTES + payload_len);
	far.q->settle();
	return came;
}

bool reads(kunit *test, test_socket &sock, u32 len, u32 seed)
{
	buffer in(len + 1);
	return EXPECT(in) && EXPECT_EQ(sock.recv_wait(in.get(), len + 1), len) &&
	       EXPECT(check_pattern(in.get(), len, seed));
}

u64 dropped(rds_drop_why why)
{
	return stat_of(why == RDS_DROP_bad_length ? rds_s_recv_drop_bad_length
						  : rds_s_recv_drop_bad_checksum);
}

/* The connection goes, and nothing of it has come up; the next one works. */
bool ends_for(kunit *test, ib_scenario &s, ib_far_end &far)
{
	numbered none;
	if (!far.drops())
		return false;
	EXPECT_EQ(far.near.recv(&none, sizeof(none)), -EAGAIN);
	EXPECT_EQ(s->maps, s->unmaps);
	if (!far.up())
		return false;
	ib_words w;
	w.sequence = 1000;
	w.dport = far.near_port;
	numbered n{3, 77};
	EXPECT(far.says(w, &n, sizeof(n)));
	return EXPECT_NUMBER(far.near, 77);
}

rds_header first_header(u32 len)
{
	ib_words w;
	w.sequence = 1;
	return ib_header(w, len);
}

} // namespace

TEST_CASE(recv__sizes)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(large);
	ASSERT(out);
	ib_words w;
	const u32 sizes[] = {0, 1, 1023, 1024, 1025, 4095, 4096, 4097, 8192, 8193, 100000};
	for (u32 len : sizes) {
		w.sequence++;
		fill_pattern(out.get(), len, len);
		ASSERT(far.says(w, out.get(), len));
		ASSERT(reads(test, far.near, len, len));
		EXPECT_EQ(far.q->buffers(), 64);
	}
	EXPECT_EMPTY(far.near);
}

/* More parts than there are buffers: each one is back before it is needed again. */
TEST_CASE(recv__largest)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(large);
	ASSERT(out);
	fill_pattern(out.get(), large, 9);
	rds_header hdr = first_header(large);
	for (u32 done = 0; done < large; done += 4096)
		ASSERT(part(far, hdr, out.get() + done, 4096));
	ASSERT(reads(test, far.near, large, 9));
	EXPECT_EQ(s.counter(RDS_IB_RX_TOTAL_FRAGS), 256);
	EXPECT_EQ(s.counter(RDS_IB_RX_TOTAL_INCS), 1);
}

/* Up to 1024 bytes are copied, and their buffer stays; of more the buffer goes up. */
TEST_CASE(recv__what_is_copied)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(2048);
	ASSERT(out);
	ib_words w;
	for (u32 len : {1u, 1024u, 1025u}) {
		w.sequence++;
		u32 maps = s->maps;
		fill_pattern(out.get(), len, len);
		ASSERT(far.says(w, out.get(), len));
		EXPECT_EQ(s->maps - maps, len > 1024);
		ASSERT(reads(test, far.near, len, len));
	}
}

/* With a large ring only the last part is announced; all are there when it is. */
TEST_CASE(recv__solicited)
{
	IB_SCENARIO(s);
	rds_ib_settings.max_recv_wr = 514;
	FAR_END(far);
	ASSERT(far.up());
	buffer out(3 * 4096);
	ASSERT(out);
	fill_pattern(out.get(), 3 * 4096, 1);
	rds_header hdr = first_header(3 * 4096);
	u64 calls = s.counter(RDS_IB_TASKLET_CALL);
	for (u32 i = 0; i < 2; i++)
		ASSERT(far.q->arrive(&hdr, out.get() + i * 4096, 48 + 4096, false));
	far.q->settle();
	EXPECT_EQ(s.counter(RDS_IB_TASKLET_CALL), calls);
	ASSERT(part(far, hdr, out.get() + 2 * 4096, 4096));
	ASSERT(reads(test, far.near, 3 * 4096, 1));
}

/* What says nothing of a checksum is believed (pitfall 21). */
TEST_CASE(recv__no_checksum)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	rds_header hdr = first_header(8);
	hdr.h_csum = kernel::be16(0);
	numbered n{1, 5};
	ASSERT(part(far, hdr, &n, sizeof(n)));
	EXPECT_NUMBER(far.near, 5);
}

/* Acknowledgements and credits may differ in the parts of one message, the rest may not. */
TEST_CASE(recv__ack_between_parts)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(8192);
	ASSERT(out);
	fill_pattern(out.get(), 8192, 3);
	ib_words w;
	w.sequence = 1;
	ASSERT(part(far, ib_header(w, 8192), out.get(), 4096));
	ASSERT(far.says_ack(0));
	w.ack = 12;
	w.credit = 3;
	ASSERT(part(far, ib_header(w, 8192), out.get() + 4096, 4096));
	ASSERT(reads(test, far.near, 8192, 3));
}

/* ---- what is no RDS ---- */

TEST_CASE(recv__bad_checksum)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	u64 before = dropped(RDS_DROP_bad_checksum);
	rds_header hdr = first_header(8);
	hdr.h_sequence = kernel::be64(2);
	numbered n{1, 5};
	ASSERT(part(far, hdr, &n, sizeof(n)));
	ends_for(test, s, far);
	EXPECT_EQ(dropped(RDS_DROP_bad_checksum) - before, 1);
}

TEST_CASE(recv__less_than_a_header)
{
	IB_SCENARIO(s);
	FAR_END(far);
	for (u32 len : {0u, 1u, 47u}) {
		ASSERT(far.up());
		rds_header hdr = first_header(8);
		ASSERT(far.q->arrive(&hdr, nullptr, len));
		ends_for(test, s, far);
		s->deliver(far.id, RV_EVENT_LOST);
		ASSERT(far.drops());
	}
}

/* The header says more, or less, than there is: stale bytes would be delivered (I18). */
TEST_CASE(recv__bad_lengths)
{
	IB_SCENARIO(s);
	FAR_END(far);
	const struct {
		u32 said, first, second; /* of the parts; second ~0: none */
	} rows[] = {
		{10, 9, ~0u},	    {10, 0, ~0u},      {10, 11, ~0u},	       {0, 1, ~0u},
		{4097, 4095, ~0u},  {4097, 1, ~0u},    {4097, 4096, 0},	       {4097, 4096, 2},
		{8192, 4096, 4095}, {8192, 0, ~0u},    {large + 1, 4096, ~0u}, {~0u, 4096, ~0u},
		{1024, 1023, ~0u},  {1024, 1025, ~0u}, {1024, 4096, ~0u},      {1025, 1024, ~0u},
	};
	buffer out(8192);
	ASSERT(out);
	for (const auto &row : rows) {
		ASSERT(far.up());
		rds_header hdr = first_header(row.said);
		ASSERT(part(far, hdr, out.get(), row.first));
		if (row.second != ~0u)
			ASSERT(part(far, hdr, out.get(), row.second));
		ends_for(test, s, far);
		s->deliver(far.id, RV_EVENT_LOST);
		ASSERT(far.drops());
	}
}

/* A part of another message comes while one is not over. */
TEST_CASE(recv__wrong_part)
{
	IB_SCENARIO(s);
	FAR_END(far);
	buffer out(4096);
	ASSERT(out);
	for (u32 which = 0; which < 4; which++) {
		ASSERT(far.up());
		ib_words w;
		w.sequence = 1;
		ASSERT(part(far, ib_header(w, 8192), out.get(), 4096));
		u32 len = 8192;
		if (which == 0)
			w.sequence = 2;
		else if (which == 1)
			len = 8191;
		else if (which == 2)
			w.sport++;
		else
			w.dport++;
		ASSERT(part(far, ib_header(w, len), out.get(), 4096));
		ends_for(test, s, far);
		s->deliver(far.id, RV_EVENT_LOST);
		ASSERT(far.drops());
	}
}

/* As a write with immediate data would end (I19). */
TEST_CASE(recv__unexpected_completion)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	rv_wc wc{};
	wc.bytes = 56;
	ASSERT(far.q->arrive_as(wc));
	far.q->settle();
	ends_for(test, s, far);
	wc.bytes = 0;
	wc.status = RV_ERROR;
	ASSERT(far.q->arrive_as(wc));
	ends_for(test, s, far);
}

/* Nothing that comes after what is wrong is believed. */
TEST_CASE(recv__nothing_after_an_error)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	s->flush_mode = fake_verbs::FLUSH_LATE;
	numbered n{1, 5};
	rds_header bad = first_header(9), good = first_header(8);
	/* in one go */
	ASSERT(far.q->arrive(&bad, &n, 48 + 8, false));
	for (u32 i = 0; i < 20; i++)
		ASSERT(far.q->arrive(&good, &n, 48 + 8, i == 19));
	far.q->settle();
	ends_for(test, s, far);
}

/* Half a message and its connection: what comes on the next one is not its rest. */
TEST_CASE(recv__half_a_message)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(8192);
	ASSERT(out);
	for (u32 len : {8192u, 200000u}) {
		ASSERT(part(far, first_header(len), out.get(), 4096));
		s->deliver(far.id, RV_EVENT_LOST);
		ends_for(test, s, far);
	}
}

/* What has come whole before the end is delivered, or an acknowledgement would lie. */
TEST_CASE(recv__whole_before_the_end)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	numbered n{1, 5};
	rds_header hdr = first_header(8);
	/* not announced; the end of the connection looks */
	ASSERT(far.q->arrive(&hdr, &n, 48 + 8, false));
	s->deliver(far.id, RV_EVENT_LOST);
	ASSERT(far.drops());
	EXPECT_NUMBER(far.near, 5);
}

/* A peer that comes before the connection stands here is not lost (its answer is on its way). */
TEST_CASE(recv__before_it_stands)
{
	IB_SCENARIO(s);
	FAR_END(far);
	EXPECT_EQ(far.request(), 0);
	numbered n{1, 5};
	rds_header hdr = first_header(8);
	ASSERT(far.q->arrive(&hdr, &n, 48 + 8));
	far.q->settle();
	EXPECT_EMPTY(far.near);
	ASSERT(far.stands());
	EXPECT_NUMBER(far.near, 5);
}

/*
 * One that never stood: what has come on it is not delivered at its end. It was not acknowledged, so
 * it comes again, from a peer who only then says whether he counts anew.
 */
TEST_CASE(recv__never_stood)
{
	IB_SCENARIO(s);
	FAR_END(far);
	EXPECT_EQ(far.request(), 0);
	numbered n{1, 5};
	rds_header hdr = first_header(8);
	ASSERT(far.q->arrive(&hdr, &n, 48 + 8));
	s->deliver(far.id, RV_EVENT_LOST);
	ASSERT(far.drops());
	EXPECT_EMPTY(far.near);
}

/* ---- without memory ---- */

/* The tasklet has none: the lane's worker goes on, in order, and loses nothing. */
TEST_CASE(recv__no_memory_for_messages)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(5000);
	ASSERT(out);
	s->fail(FV_ALLOC, 3, ~0u);
	ib_words w;
	for (u32 i = 1; i <= 20; i++) {
		w.sequence = i;
		u32 len = i % 2 ? i : 4500 + i;
		fill_pattern(out.get(), len, i);
		ASSERT(far.says(w, out.get(), len));
	}
	for (u32 i = 1; i <= 20; i++)
		ASSERT(reads(test, far.near, i % 2 ? i : 4500 + i, i));
	EXPECT(s->heal(FV_ALLOC) >= 3);
	EXPECT_EMPTY(far.near);
	EXPECT(eventually([&] { return far.q->buffers() == 64; }));
	/* and then the tasklet is in charge again */
	w.sequence = 21;
	numbered n{1, 21};
	ASSERT(far.says(w, &n, sizeof(n)));
	EXPECT_NUMBER(far.near, 21);
}

/* Buffers cannot be replaced: with half of them left that can wait, below it the worker does. */
TEST_CASE(recv__no_memory_for_buffers)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(4096);
	ASSERT(out);
	s->fail(FV_PIECES, 1, ~0u);
	ib_words w;
	for (u32 i = 1; i <= 60; i++) {
		w.sequence = i;
		fill_pattern(out.get(), 4096, i);
		ASSERT(far.says(w, out.get(), 4096));
		ASSERT(reads(test, far.near, 4096, i));
		EXPECT(far.q->buffers() > 0);
	}
	EXPECT(s.counter(RDS_IB_RX_REFILL_FROM_THREAD) > 0);
	EXPECT(s->heal(FV_PIECES) > 0);
}

/* The worker has none either, for a while. */
TEST_CASE(recv__no_address_for_buffers)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(4096);
	ASSERT(out);
	s->fail(FV_MAP, 1, ~0u);
	ib_words w;
	u32 i = 0;
	while (far.q->buffers()) {
		w.sequence = ++i;
		fill_pattern(out.get(), 4096, i);
		ASSERT(far.says(w, out.get(), 4096));
	}
	EXPECT_EQ(i, 64);
	bench_sleep(50);
	EXPECT_EQ(far.q->buffers(), 0);
	s->heal(FV_MAP);
	ASSERT(eventually([&] { return far.q->buffers() == 64; }));
	for (u32 n = 1; n <= i; n++)
		ASSERT(reads(test, far.near, 4096, n));
}

/* Too much is being received already: it waits until somebody reads. */
TEST_CASE(recv__allocation_limit)
{
	IB_SCENARIO(s);
	rds_ib_settings.max_recv_allocation = 8;
	FAR_END(far);
	ASSERT(far.up());
	buffer out(4 * 4096);
	ASSERT(out);
	ib_words w;
	for (u32 i = 1; i <= 4; i++) {
		w.sequence = i;
		fill_pattern(out.get(), 4 * 4096, i);
		ASSERT(far.says(w, out.get(), 4 * 4096));
	}
	EXPECT(s.counter(RDS_IB_RX_ALLOC_LIMIT) > 0);
	for (u32 i = 1; i <= 4; i++)
		ASSERT(reads(test, far.near, 4 * 4096, i));
}

/* The connection ends while what came waits for memory. It was not acknowledged. */
TEST_CASE(recv__ends_without_memory)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(4096);
	ASSERT(out);
	fill_pattern(out.get(), 4096, 1);
	ib_words w;
	w.sequence = 1;
	ASSERT(far.says(w, out.get(), 4096)); /* unread, it is what there may be */
	rds_ib_settings.max_recv_allocation = 1;
	w.sequence = 2;
	ASSERT(far.says(w, out.get(), 4096));
	w.sequence = 3;
	ASSERT(far.says(w, out.get(), 4096));
	EXPECT(s.counter(RDS_IB_RX_ALLOC_LIMIT) > 0);
	s->deliver(far.id, RV_EVENT_LOST);
	ASSERT(far.drops());
	rds_ib_settings.max_recv_allocation = 1 << 20;
	ASSERT(reads(test, far.near, 4096, 1));
	EXPECT_EMPTY(far.near);
	ASSERT(far.up());
	w.sequence = 2;
	w.flags = RDS_FLAG_RETRANSMITTED;
	ASSERT(far.says(w, out.get(), 4096));
	ASSERT(reads(test, far.near, 4096, 1));
}

TEST_CASE(recv__post_fails)
{
	IB_SCENARIO(s);
	FAR_END(far);
	for (u32 takes : {0u, 1u}) {
		ASSERT(far.up());
		s->post_takes = takes;
		s->fail(FV_POST_RECV, 1, ~0u);
		ib_words w;
		w.sequence = 1;
		w.flags = takes ? RDS_FLAG_RETRANSMITTED : 0;
		numbered n{1, 5};
		for (u32 i = 0; i < 2; i++, w.sequence++)
			if (!far.says(w, &n, sizeof(n)))
				break;
		far.q->poll();
		if (!takes)
			ASSERT(far.drops());
		s->heal(FV_POST_RECV);
		if (takes) {
			s->deliver(far.id, RV_EVENT_LOST);
			ASSERT(far.drops());
		}
		EXPECT_EQ(s->maps, s->unmaps);
	}
}

/* ---- congestion maps ---- */

TEST_CASE(recv__map)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer map(RDS_CONG_MAP_BYTES);
	ASSERT(map);
	rds::congmap_set(map.get(), 7);
	rds::congmap_set(map.get(), 40000);
	rds::congmap_set(map.get(), ib_far_port);
	ib_words w;
	w.flags = RDS_FLAG_CONG_BITMAP;
	w.sport = w.dport = 0;
	ASSERT(far.says(w, map.get(), RDS_CONG_MAP_BYTES));
	rds_cong_map *seen = far.lane->c_peer->fcong;
	EXPECT(seen->congested(7) && seen->congested(40000) && !seen->congested(8));
	numbered n{1, 1};
	EXPECT_EQ(far.send(&n, sizeof(n)), -ENOBUFS);
	rds::congmap_clear(map.get(), ib_far_port);
	ASSERT(far.says(w, map.get(), RDS_CONG_MAP_BYTES));
	EXPECT(!seen->congested(ib_far_port) && seen->congested(7));
	EXPECT_EQ(far.send(&n, sizeof(n)), sizeof(n));
	EXPECT_EMPTY(far.near);
}

/* Of another size it means nothing, and does no harm. */
TEST_CASE(recv__map_of_wrong_size)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer map(2 * RDS_CONG_MAP_BYTES);
	ASSERT(map);
	__builtin_memset(map.get(), 0xff, 2 * RDS_CONG_MAP_BYTES);
	ib_words w;
	w.flags = RDS_FLAG_CONG_BITMAP;
	w.sport = w.dport = 0;
	for (u32 len : {1u, 4096u, 8191u, 8193u, 16384u})
		ASSERT(far.says(w, map.get(), len));
	EXPECT(!far.lane->c_peer->fcong->congested(ib_far_port));
	EXPECT_EQ(rds_conn_state(far.lane.get()), RDS_CONN_UP);
	/* with any other flag it is a message, to nobody */
	w.flags = RDS_FLAG_CONG_BITMAP | RDS_FLAG_ACK_REQUIRED;
	ASSERT(far.says(w, map.get(), RDS_CONG_MAP_BYTES));
	EXPECT(!far.lane->c_peer->fcong->congested(ib_far_port));
	EXPECT_EMPTY(far.near);
}

/* Without memory it comes later, and what is behind it waits for it. */
TEST_CASE(recv__map_without_memory)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer map(RDS_CONG_MAP_BYTES);
	ASSERT(map);
	rds::congmap_set(map.get(), 7);
	ib_words w;
	w.flags = RDS_FLAG_CONG_BITMAP;
	w.sport = w.dport = 0;
	s->fail(FV_CONG_MAP, 1, ~0u);
	ASSERT(far.says(w, map.get(), RDS_CONG_MAP_BYTES));
	numbered n{1, 5};
	ib_words behind;
	behind.sequence = 1;
	ASSERT(far.says(behind, &n, sizeof(n)));
	bench_sleep(50);
	EXPECT_EMPTY(far.near);
	EXPECT(!far.lane->c_peer->fcong->congested(7));
	s->heal(FV_CONG_MAP);
	EXPECT_NUMBER(far.near, 5);
	EXPECT(far.lane->c_peer->fcong->congested(7));
}

/* ---- the kernel's own messages ---- */

TEST_CASE(recv__ping)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ib_words w;
	w.sequence = 1;
	w.dport = RDS_PING_PORT;
	ASSERT(far.says(w, nullptr, 0));
	ib_frame f;
	ASSERT(far.take(f));
	EXPECT_EQ(f.hdr.h_sport.host(), 0);
	EXPECT_EQ(f.hdr.h_dport.host(), ib_far_port);
	EXPECT(f.hdr.h_sequence.host() != 0);
}

/* Ports of 0 and payload: no acknowledgement, and nobody's message. */
TEST_CASE(recv__no_ack)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ib_words w;
	w.sequence = 1;
	w.sport = w.dport = 0;
	u8 byte = 1;
	ASSERT(far.says(w, &byte, 1));
	EXPECT_EQ(s.counter(RDS_IB_ACK_RECEIVED), 0);
	EXPECT_EQ(rds_conn_state(far.lane.get()), RDS_CONN_UP);
	EXPECT_EMPTY(far.near);
}

/* What comes twice is delivered once, and acknowledged each time. */
TEST_CASE(recv__twice)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	ib_words w;
	w.sequence = 3;
	w.flags = RDS_FLAG_ACK_REQUIRED;
	numbered n{1, 3};
	ib_frame f;
	ASSERT(far.says(w, &n, sizeof(n)));
	ASSERT(far.take(f));
	w.flags |= RDS_FLAG_RETRANSMITTED;
	ASSERT(far.says(w, &n, sizeof(n)));
	ASSERT(far.take(f));
	EXPECT_EQ(f.hdr.h_ack.host(), 3);
	EXPECT_NUMBER(far.near, 3);
	EXPECT_EMPTY(far.near);
}

/* A message outlives its connection, and the transport. */
TEST_CASE(recv__read_late)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(5000);
	ASSERT(out);
	fill_pattern(out.get(), 5000, 1);
	ib_words w;
	w.sequence = 1;
	ASSERT(far.says(w, out.get(), 5000));
	far.lane.destroy();
	EXPECT_EQ(s->maps, s->unmaps);
	ASSERT(reads(test, far.near, 5000, 1));
}

/* With a small one each is, or a message would not fit. */
TEST_CASE(recv__unsolicited)
{
	IB_SCENARIO(s);
	FAR_END(far);
	ASSERT(far.up());
	buffer out(100 * 4096);
	ASSERT(out);
	fill_pattern(out.get(), 100 * 4096, 1);
	rds_header hdr = first_header(100 * 4096);
	for (u32 i = 0; i < 100; i++)
		ASSERT(far.q->arrive(&hdr, out.get() + i * 4096, 48 + 4096, i == 99));
	ASSERT(reads(test, far.near, 100 * 4096, 1));
}

TEST_CASE(recv__ring_of_one)
{
	IB_SCENARIO(s);
	rds_ib_settings.max_recv_wr = 1;
	FAR_END(far);
	ASSERT(far.up());
	buffer out(20000);
	ASSERT(out);
	fill_pattern(out.get(), 20000, 1);
	rds_header hdr = first_header(20000);
	for (u32 done = 0; done < 20000; done += 4096)
		ASSERT(part(far, hdr, out.get() + done, 20000 - done < 4096 ? 20000 - done : 4096));
	ASSERT(reads(test, far.near, 20000, 1));
}
