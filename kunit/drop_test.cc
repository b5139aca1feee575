// SPDX-License-Identifier: GPL-2.0
/* Suite rds_drop: what counts a dropped message, and that nothing else does. Process context. */
#include "test.h"
#include "rds_abi.h"

namespace {

constexpr u16 from_port = 1000, to_port = 2000;

constexpr rds_stat counters[] = {
#define x(reason, counter) rds_s_##counter,
	RDS_DROPS(x)
#undef x
};

u64 all_drops()
{
	u64 sum = 0;
	for (u32 i = 0; i < RDS_DROP_NR; i++) {
		bool seen = false; /* some reasons share one */
		for (u32 j = 0; j < i; j++)
			seen |= counters[j] == counters[i];
		if (!seen)
			sum += stat_of(counters[i]);
	}
	return sum;
}

/* From here on, so many messages are dropped for one reason, and none for another. */
class expected_drops : kernel::pinned {
public:
	expected_drops(kunit *t, rds_drop_why why)
	    : test(t), m_counter(counters[why]), m_one(stat_of(m_counter)), m_all(all_drops())
	{}
	void are(u64 n) const
	{
		EXPECT_EQ(stat_of(m_counter) - m_one, n);
		EXPECT_EQ(all_drops() - m_all, n);
	}

private:
	kunit *test;
	const rds_stat m_counter;
	const u64 m_one, m_all;
};

/* A message from the far end 9 for a port of address 1. */
bool arrive(scenario &s, rds_connection *conn, u64 sequence, u16 port)
{
	numbered n{0, 1};
	rds_header h = rds::make_header(kernel::be16(from_port), kernel::be16(port), sizeof(n));
	h.h_sequence = kernel::be64(sequence);
	return s->inject(conn, h, &n);
}

bool send_some(test_socket &from, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (send_number(from, 2, to_port, i) != sizeof(numbered))
			return false;
	return true;
}

} // namespace

TEST_CASE(drop__cancelled)
{
	SCENARIO(s);
	s->connect_mode = FAKE_CONNECT_LATER;
	test_socket from(1, from_port);
	expected_drops drops(test, RDS_DROP_cancelled);
	ASSERT(send_some(from, 3));
	EXPECT_EQ(from.cancel(2, to_port + 1), 0);
	drops.are(0);
	EXPECT_EQ(from.cancel(2, to_port), 0);
	drops.are(3);
	from.close();
	drops.are(3);
}

TEST_CASE(drop__closed)
{
	SCENARIO(s);
	s->connect_mode = FAKE_CONNECT_LATER;
	test_socket from(1, from_port);
	expected_drops drops(test, RDS_DROP_closed);
	ASSERT(send_some(from, 3));
	from.close();
	drops.are(3);
}

TEST_CASE(drop__conn_destroyed)
{
	SCENARIO(s);
	s->connect_mode = FAKE_CONNECT_LATER;
	test_socket from(1, from_port);
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	ASSERT(send_some(from, 3));
	expected_drops drops(test, RDS_DROP_conn_destroyed);
	u32 own = kernel::read_once(lane->c_pongs);
	rds_peer_destroy(lane->c_peer);
	drops.are(3 + own);
}

/* RDMA is never posted twice: the message is dropped where it would be sent again. */
TEST_CASE(drop__op_not_repeated)
{
	SCENARIO(s);
	s->deliver = s->ack = false;
	lane_ref lane(s.fake(), 1, 2);
	ASSERT(lane);
	rds_message *rm = rds_message_alloc(0, kernel::gfp_kernel);
	ASSERT(rm);
	rm->m_inc.i_hdr = rds::make_header(kernel::be16(from_port), kernel::be16(to_port), 0);
	rm->m_rdma.op_active = 1;
	expected_drops drops(test, RDS_DROP_op_not_repeated);
	EXPECT_EQ(rds_message_queue(lane.get(), rm), 0);
	rds_message_put(rm);
	rds_conn_connect_if_down(lane.get());
	EXPECT(eventually([&] { return kernel::read_once(s->operations) == 1; }));
	EXPECT(eventually([&] { return unacked_on(lane.get()); }));
	rds_conn_drop(lane.get());
	EXPECT(eventually([&] { return !queued_on(lane.get()) && !unacked_on(lane.get()); }));
	EXPECT_EQ(s->operations, 1);
	drops.are(1);
}

TEST_CASE(drop__unread)
{
	SCENARIO(s);
	test_socket to(1, to_port);
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(lane && to.bound());
	expected_drops drops(test, RDS_DROP_unread);
	for (u64 i = 1; i <= 3; i++)
		ASSERT(arrive(s, lane.get(), i, to_port));
	EXPECT_NUMBER(to, 1);
	to.close();
	drops.are(2);
}

TEST_CASE(drop__wrong_port)
{
	SCENARIO(s);
	test_socket to(1, to_port);
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(lane && to.bound());
	expected_drops drops(test, RDS_DROP_no_sock);
	ASSERT(arrive(s, lane.get(), 1, to_port + 1));
	drops.are(1);
}

/* What a transport throws away itself; it may not even have a header. */
TEST_CASE(drop__by_the_transport)
{
	SCENARIO(s);
	lane_ref lane(s.fake(), 1, 9);
	ASSERT(lane);
	expected_drops drops(test, RDS_DROP_bad_map);
	rds_header h = rds::make_congestion_map();
	rds_recv_drop(lane.get(), RDS_DROP_bad_map, &h);
	rds_recv_drop(lane.get(), RDS_DROP_bad_map, nullptr);
	drops.are(2);
}
