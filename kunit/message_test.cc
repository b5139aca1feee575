// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_message: what a message is made of, who counts it, and what sendmsg and recvmsg make of
 * the control messages around it. Operations and zero copy have suites of their own.
 */
#include "test.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;
constexpr size_t control_room = 512;

struct message_ref : kernel::pinned {
	rds_message *rm;
	explicit message_ref(u32 len, gfp_t gfp = kernel::gfp_kernel)
	    : rm(rds_message_alloc(len, gfp))
	{}
	~message_ref()
	{
		if (rm)
			rds_message_put(rm);
	}
	explicit operator bool() const { return rm; }
	rds_message *operator->() const { return rm; }
};

u64 bytes_of(const rds_message *rm)
{
	u64 n = 0;
	for (u32 i = 0; i < rm->m_nr_pieces; i++)
		n += rm->m_pieces[i].bv_len;
	return n;
}

/* A sender and a receiver, and a message with control data between them. */
struct pair {
	test_socket from{1, from_port}, to{2, to_port};
	alignas(8) u8 control[control_room] = {};
	size_t used = 0;

	bool ok() { return from.bound() && to.bound(); }
	template <typename T>
	pair &add(int level, int type, const T &data, size_t len = sizeof(T))
	{
		used = bench_control_add(control, used, level, type, &data, len);
		return *this;
	}
	long send(u32 len = 5, int flags = MSG_DONTWAIT_VALUE)
	{
		u8 data[16] = {1, 2, 3, 4, 5};
		bench_message m{};
		m.addr = fake_net + 2;
		m.port = to_port;
		m.flags = flags;
		m.buf = data;
		m.len = len;
		m.control = control;
		m.control_len = used;
		return bench_sendmsg(from.raw(), &m);
	}
	/* Nothing of it is anywhere. */
	bool nothing_sent()
	{
		numbered n;
		return to.recv(&n, sizeof(n)) == -EAGAIN && !from.rds()->snd_bytes &&
		       from.rds()->sent.empty();
	}
};

size_t &length_of(u8 *header)
{
	return *reinterpret_cast<size_t *>(header);
}

} // namespace

TEST_CASE(message__of_every_size)
{
	constexpr u32 sizes[] = {0,    1,    31,   32,	 1023,	1024,  2047,  2048,
				 2049, 4095, 4096, 4097, 32768, 65535, 65537, 1 << 20};
	for (u32 len : sizes) {
		message_ref a(len), b(len, kernel::gfp_atomic);
		if (!EXPECT(a))
			continue;
		EXPECT_EQ(a->m_len, len);
		EXPECT_EQ(bytes_of(a.rm), len);
		EXPECT(len <= 1024 ? a->m_linear == (len != 0) : true);
		EXPECT(!a->m_zcopy && !a->m_rs && !a->m_conn);
		for (u32 i = 0; i < a->m_nr_pieces; i++)
			EXPECT(a->m_pieces[i].bv_len > 0);
		if (b)
			EXPECT_EQ(bytes_of(b.rm), len);
	}
}

TEST_CASE(message__numbers_and_lists)
{
	SCENARIO(s);
	s->connect_mode = FAKE_CONNECT_LATER;
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	u64 first = lane->c_tx.next;
	for (u32 i = 0; i < 5; i++) {
		message_ref m(i);
		ASSERT(m);
		EXPECT_EQ(rds_message_queue(lane.get(), m.rm), 0);
		EXPECT_EQ(m->m_inc.i_hdr.h_sequence.host(), first + i);
		EXPECT(m->m_on_conn && m->m_conn == lane.get());
		EXPECT_EQ(m->m_refs, 2);
	}
	EXPECT_EQ(queued_on(lane.get()), 5);
	EXPECT_EQ(lane->c_messages, 5);
	rds_peer_destroy_all(rds_net_of(bench_init_net()), &s->trans);
	EXPECT_EQ(queued_on(lane.get()), 0);
	EXPECT_EQ(lane->c_messages, 0);
}

TEST_CASE(message__not_on_a_dying_lane)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 2);
	message_ref m(10);
	ASSERT(lane && m);
	rds_peer_destroy_all(rds_net_of(bench_init_net()), &s->trans);
	EXPECT_EQ(rds_message_queue(lane.get(), m.rm), -ESTALE);
	EXPECT_EQ(m->m_refs, 1);
	EXPECT(!m->m_conn && !m->m_on_conn);
}

/* Each owner one; the last may be a softirq. */
TEST_CASE(message__references)
{
	SCENARIO(s);
	s->deliver = s->ack = false;
	test_socket from(1, from_port);
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(from.bound() && lane);
	EXPECT_EQ(send_number(from, 9, to_port, 1), sizeof(numbered));
	ASSERT(eventually(
		[&] { return !queued_on(lane.get()) && !kernel::read_once(lane->c_xmit_rm); }));
	rds_message *rm = from.rds()->sent.front();
	ASSERT(rm);
	EXPECT_EQ(rm->m_refs, 2); /* the socket's list, the lane's */
	rds_message_addref(rm);
	in_softirq([&] { rds_send_drop_acked(lane.get(), lane->c_tx.next, nullptr); });
	EXPECT_EQ(rm->m_refs, 1);
	EXPECT(!rm->m_rs && !rm->m_on_sock && !rm->m_on_conn);
	in_softirq([&] { rds_message_put(rm); });
	EXPECT_EQ(from.rds()->snd_bytes, 0);
}

TEST_CASE(message__cancel_meets_acknowledgement)
{
	SCENARIO(s);
	s->deliver = s->ack = false;
	test_socket from(1, from_port);
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(from.bound() && lane);
	for (u32 round = 0; round < 200; round++) {
		for (u32 i = 0; i < 4; i++)
			EXPECT_EQ(send_number(from, 9, to_port, i), sizeof(numbered));
		u64 last = kernel::read_once(lane->c_tx.next) - 1;
		thread acks([&] { rds_send_drop_acked(lane.get(), last, nullptr); });
		EXPECT_EQ(from.cancel(9, to_port), 0);
		acks.join();
		EXPECT_EQ(from.rds()->snd_bytes, 0);
		ASSERT(eventually([&] {
			rds_send_drop_acked(lane.get(), last, nullptr);
			return !lane->has_messages();
		}));
	}
}

TEST_CASE(control__broken_headers)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	u64 data = 0;
	p.add(SOL_RDS + 1, 1, data).add(SOL_RDS + 1, 2, data);
	EXPECT_EQ(p.send(), 5);
	u8 in[8];
	EXPECT_EQ(p.to.recv_wait(in, sizeof(in)), 5);
	ASSERT(eventually([&] { return !kernel::read_once(p.from.rds()->snd_bytes); }));
	size_t whole = length_of(p.control);
	constexpr size_t lengths[] = {0, 1, 15, 1000, ~size_t{0}, ~size_t{0} - 7, size_t{1} << 31};
	for (size_t len : lengths) {
		length_of(p.control) = len;
		EXPECT_EQ(p.send(), -EINVAL);
		EXPECT(p.nothing_sent());
	}
	/* cut, but whole: the next one begins elsewhere and is no header any more, or none */
	length_of(p.control) = whole;
	length_of(p.control + whole) = 15;
	EXPECT_EQ(p.send(), -EINVAL);
	rds_rdma_args args{};
	p.used = 0;
	p.add(SOL_RDS, RDS_CMSG_RDMA_ARGS, args, sizeof(args) - 1);
	EXPECT_EQ(p.send(), -EINVAL);
	EXPECT(p.nothing_sent());
}

TEST_CASE(control__unknown_types)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	constexpr int types[] = {0, 4, 5, 10, 11, 13, 14, 255, 1 << 30, -1};
	u64 data[16] = {};
	for (int type : types) {
		p.used = 0;
		p.add(SOL_RDS, type, data);
		EXPECT_EQ(p.send(), -EINVAL);
	}
	EXPECT(p.nothing_sent());
}

TEST_CASE(control__other_levels_are_skipped)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	u64 data = 0;
	p.add(0, 8, data).add(SOL_RDS - 1, RDS_CMSG_RDMA_ARGS, data).add(41, 50, data);
	EXPECT_EQ(p.send(), 5);
	u8 in[8];
	EXPECT_EQ(p.to.recv_wait(in, sizeof(in)), 5);
}

/* An error in the last one takes back what the first has done. */
TEST_CASE(control__nothing_is_left)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	u32 cookie = 1;
	p.add(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, cookie);
	EXPECT_EQ(p.send(), -EINVAL); /* nothing to complete */
	EXPECT_EQ(p.send(0), -EINVAL);
	EXPECT_EQ(p.send(5, MSG_DONTWAIT_VALUE | MSG_ZEROCOPY_VALUE), -EINVAL);
	EXPECT(p.nothing_sent());
	p.used = 0;
	EXPECT_EQ(p.send(5, MSG_DONTWAIT_VALUE | MSG_ZEROCOPY_VALUE), -EINVAL);
	EXPECT(p.nothing_sent());
}

TEST_CASE(arrival__timestamp_and_latency)
{
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	rds_rx_trace_so want{2, {RDS_MSG_RX_DGRAM_DELIVERED, RDS_MSG_RX_DGRAM_REASSEMBLE, 0}};
	EXPECT_EQ(bench_option(p.to.raw(), SO_RDS_MSG_RXPATH_LATENCY, &want, sizeof(want)), 0);
	EXPECT_EQ(rds_tracing, 1);
	EXPECT_EQ(p.send(), 5);
	u8 in[8];
	alignas(8) u8 control[control_room];
	bench_message m{};
	m.buf = in;
	m.len = sizeof(in);
	m.control = control;
	m.control_len = sizeof(control);
	p.to.timeouts(patience);
	EXPECT_EQ(bench_recvmsg(p.to.raw(), &m), 5);
	auto *t = static_cast<const rds_cmsg_rx_trace *>(
		bench_control_find(control, m.control_len, SOL_RDS, RDS_CMSG_RXPATH_LATENCY));
	ASSERT(t);
	EXPECT_EQ(t->rx_traces, 2);
	EXPECT_EQ(t->rx_trace_pos[0], RDS_MSG_RX_DGRAM_DELIVERED);
	EXPECT(t->rx_trace[0] > 0);
	EXPECT_EQ(t->rx_trace[1], 0); /* the fake transport does not say */
	/* CVE-2024-23849 */
	for (u32 pos = RDS_MSG_RX_DGRAM_TRACE_MAX; pos < 256; pos++) {
		want.rx_trace_pos[1] = u8(pos);
		EXPECT_EQ(bench_option(p.to.raw(), SO_RDS_MSG_RXPATH_LATENCY, &want, sizeof(want)),
			  -EFAULT);
		EXPECT_EQ(rds_tracing, 0);
	}
	want = {1, {0, 0, 0}};
	EXPECT_EQ(bench_option(p.to.raw(), SO_RDS_MSG_RXPATH_LATENCY, &want, sizeof(want)), 0);
	p.to.close();
	EXPECT_EQ(rds_tracing, 0);
}

/* What does not fit is cut and told, and the message is delivered all the same. */
TEST_CASE(arrival__control_fault_keeps_the_message)
{
	constexpr int msg_ctrunc = 8;
	SCENARIO(s);
	pair p;
	ASSERT(p.ok());
	rds_rx_trace_so want{1, {RDS_MSG_RX_DGRAM_DELIVERED, 0, 0}};
	EXPECT_EQ(bench_option(p.to.raw(), SO_RDS_MSG_RXPATH_LATENCY, &want, sizeof(want)), 0);
	u8 in[8];
	alignas(8) u8 control[control_room];
	for (size_t room : {size_t{0}, size_t{4}, size_t{16}, size_t{40}}) {
		EXPECT_EQ(p.send(), 5);
		ASSERT(eventually([&] { return !p.to.rds()->received.empty(); }));
		bench_message m{};
		m.flags = MSG_DONTWAIT_VALUE;
		m.buf = in;
		m.len = sizeof(in);
		m.control = control;
		m.control_len = room;
		EXPECT_EQ(bench_recvmsg(p.to.raw(), &m), 5);
		EXPECT_EQ(m.got_flags & msg_ctrunc, msg_ctrunc);
		EXPECT(m.control_len <= room);
	}
	EXPECT_EMPTY(p.to);
}

TEST_CASE(message__nth_allocation_fails)
{
	constexpr u32 sizes[] = {0, 100, 3000, 40000, 1 << 20};
	for (u32 len : sizes) {
		u32 failed = 0;
		for (int nth = 1;; nth++) {
			ASSERT(nth < 400);
			bench_fault(nth);
			message_ref m(len);
			bool hit = bench_fault_end();
			failed += !m;
			if (m)
				EXPECT_EQ(bytes_of(m.rm), len); /* perhaps in smaller pieces */
			if (!hit)
				break;
		}
		EXPECT(failed > 0);
	}
}
