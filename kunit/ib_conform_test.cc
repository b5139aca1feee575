// SPDX-License-Identifier: GPL-2.0
/*
 * Suite rds_ib_conform: what any transport must do (transport_conformance.h), between two addresses
 * of a fake device; then the same with flow control, and with rings as small as they may be. And
 * what can only be seen with both ends: they ask at once, requests get lost, devices go.
 */
#include "ib_scenario.h"
#include "transport_conformance.h"

namespace {

/* How the rings are. */
enum { PLAIN, FLOW, SMALL };

void run(kunit *test, int how, void (*body)(conforming &))
{
	IB_SCENARIO(s);
	rds_ib_settings.max_recv_wr = 256;
	if (how == SMALL) {
		rds_ib_settings.max_recv_wr = 3;
		rds_ib_settings.max_send_wr = 1;
		rds_ib_settings.max_unsignaled_wr = 1;
	}
	rds_ib_settings.flow_control = how == FLOW;
	/* over InfiniBand who sends asks for acknowledgements; the bodies want each */
	rds_tunables.max_unacked_packets = 0;
	ASSERT(s->start_cm());
	conforming c(test, RDS_TRANS_IB, {bench_init_net(), fv_net + 1},
		     {bench_init_net(), fv_net + 2});
	if (c)
		body(c);
}

} // namespace

#define CONFORMANCE(name)                                                                          \
	TEST_CASE(ib__##name)                                                                      \
	{                                                                                          \
		run(test, PLAIN, conform_##name);                                                  \
	}                                                                                          \
	TEST_CASE(ib_flow__##name)                                                                 \
	{                                                                                          \
		run(test, FLOW, conform_##name);                                                   \
	}                                                                                          \
	TEST_CASE(ib_small__##name)                                                                \
	{                                                                                          \
		run(test, SMALL, conform_##name);                                                  \
	}

CONFORMANCE(sizes_in_order)
CONFORMANCE(both_ways)
CONFORMANCE(many_senders)
CONFORMANCE(drop_in_the_middle)
CONFORMANCE(shutdown_idempotent)
CONFORMANCE(ping)
CONFORMANCE(congestion)
CONFORMANCE(references)
CONFORMANCE(collected_and_again)

/* Both ends ask in the same moment, again and again. */
TEST_CASE(ib_pair__both_ask)
{
	IB_SCENARIO(s);
	ib_pair pair(test, s);
	ASSERT(pair.ok());
	for (u32 i = 0; i < 10; i++) {
		s->pause_cm();
		rds_conn_drop(pair.there.get());
		rds_conn_drop(pair.back.get());
		rds_conn_connect_if_down(pair.there.get());
		rds_conn_connect_if_down(pair.back.get());
		bench_sleep(20);
		s->resume_cm();
		ASSERT(pair.moves(5000 + i));
		numbered n{1, i};
		EXPECT_EQ(pair.answer(&n, sizeof(n)), sizeof(n));
		EXPECT_NUMBER(pair.near, i);
	}
}

TEST_CASE(ib_pair__to_itself)
{
	IB_SCENARIO(s);
	ib_pair pair(test, s, ib_near);
	ASSERT(pair.ok());
	for (u32 i = 0; i < 5; i++) {
		ASSERT(pair.moves(100000));
		numbered n{1, i};
		EXPECT_EQ(pair.answer(&n, sizeof(n)), sizeof(n));
		EXPECT_NUMBER(pair.near, i);
		rds_conn_drop(pair.there.get());
	}
}

/* The device of one end, or of both, goes in the middle of traffic and comes back. */
TEST_CASE(ib_pair__device_goes)
{
	for (u32 far_end : {2u, 17u}) {
		ib_scenario s(test);
		ASSERT(s);
		s->nr_devices = 2;
		ASSERT_EQ(s.start(), 0);
		ib_pair pair(test, s, far_end);
		ASSERT(pair.ok());
		constexpr u32 messages = 40;
		thread sender([&] {
			buffer out(30000);
			for (u32 i = 0; out && i < messages; i++) {
				fill_pattern(out.get(), 30000, i);
				EXPECT_EQ(pair.send(out.get(), 30000), 30000);
				bench_sleep(5);
			}
		});
		thread remover([&] {
			for (u32 i = 0; i < 4; i++) {
				bench_sleep(30);
				s->remove(i % 2);
				EXPECT_EQ(s->add(i % 2), 0);
			}
		});
		buffer in(30000);
		ASSERT(in);
		for (u32 i = 0; i < messages; i++) {
			ASSERT_EQ(pair.far.recv_wait(in.get(), 30000), 30000);
			EXPECT(check_pattern(in.get(), 30000, i));
		}
		EXPECT_EMPTY(pair.far);
	}
}

/* A connection is collected while its peer asks for it: nothing is used after its end. */
TEST_CASE(ib_pair__destroyed_while_asked)
{
	IB_SCENARIO(s);
	ib_pair pair(test, s);
	ASSERT(pair.ok());
	rds_tunables.max_strangers_second = ~0u;
	for (u32 i = 0; i < 60; i++) {
		numbered n{1, i};
		EXPECT_EQ(pair.send(&n, sizeof(n)), sizeof(n));
		if (i % 2)
			bench_sleep(i % 5);
		rds_peer_destroy_all(rds_net_of(bench_init_net()), &rds_ib_transport);
	}
	buffer in(100);
	ASSERT(in);
	while (pair.far.recv(in.get(), 100) > 0)
		;
	EXPECT(pair.moves(10));
}
