// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ping: pings and probes injected on a lane 1 <- 9; answers are frames. */
#include "test.h"

namespace {

struct pinged {
	scenario &s;
	lane_ref lane;
	u64 next = 1;

	explicit pinged(scenario &scene) : s(scene), lane(scene.fake(), 1, 9)
	{
		s->deliver = false;
	}
	bool up()
	{
		rds_conn_connect_if_down(lane.get());
		return eventually([&] { return lane->up() && settled(); });
	}
	bool settled()
	{
		return !kernel::read_once(lane->c_peer->map_pending) &&
		       !kernel::read_once(lane->c_xmit_rm) && !kernel::read_once(lane->c_sending);
	}
	bool arrive(u16 sport, u16 dport, u32 gen = 0, u16 lanes = 8, const void *data = nullptr,
		    u32 len = 0, u8 flags = 0)
	{
		rds_header h = rds::make_header(kernel::be16(sport), kernel::be16(dport), len);
		if (gen)
			rds::write_handshake(h, gen, lanes);
		h.h_sequence = kernel::be64(next++);
		h.h_flags = flags;
		return s->inject(lane.get(), h, data);
	}
	/* Frames that went out on it so far, but for maps. */
	u32 answers()
	{
		u32 n = 0;
		kernel::guard hold(s->lock);
		s->frames.each([&](fake_frame *f) { n += !f->map && f->conn == lane.get(); });
		return n;
	}
	bool answered(u32 nr)
	{
		return eventually([&] { return answers() == nr; });
	}
	rds_header last()
	{
		rds_header h{};
		kernel::guard hold(s->lock);
		s->frames.each([&](fake_frame *f) {
			if (!f->map && f->conn == lane.get())
				h = f->hdr;
		});
		return h;
	}
};

#define PINGED(name)                                                                               \
	SCENARIO(s);                                                                               \
	pinged name(s);                                                                            \
	ASSERT(name.lane)

bool no_extension(const rds_header &h)
{
	for (u8 byte : h.h_exthdr)
		if (byte)
			return false;
	return true;
}

} // namespace

TEST_CASE(ping__answered_from_port_zero)
{
	PINGED(p);
	/* the answer makes the connection, if need be */
	ASSERT(p.arrive(4321, RDS_PING_PORT));
	ASSERT(p.answered(1));
	rds_header h = p.last();
	EXPECT_EQ(h.h_sport.host(), RDS_PING_PORT);
	EXPECT_EQ(h.h_dport.host(), 4321);
	EXPECT_EQ(h.h_len.host(), 0);
	EXPECT_EQ(h.h_flags, 0);
	EXPECT(no_extension(h));
	rds_send_drop_acked(p.lane.get(), ~0ull, nullptr);
	EXPECT_EQ(p.lane->c_pongs, 0);
}

/* Both ways through the wire: a socket pings, and reads the pong. */
TEST_CASE(ping__to_a_socket)
{
	SCENARIO(s);
	test_socket a(1, 1000);
	ASSERT(a.bound());
	EXPECT_EQ(a.send(2, RDS_PING_PORT, nullptr, 0), 0);
	bench_from from{};
	u8 none[1];
	EXPECT_EQ(a.recv_wait(none, sizeof(none), &from), 0);
	EXPECT_EQ(from.addr, fake_net + 2);
	EXPECT_EQ(from.port, RDS_PING_PORT);
}

TEST_CASE(ping__source_port_zero_is_silence)
{
	PINGED(p);
	ASSERT(p.up());
	p.lane->c_handshakes = true;
	for (u32 i = 0; i < 5; i++)
		ASSERT(p.arrive(0, RDS_PING_PORT));
	ASSERT(p.arrive(0, 0, 77)); /* also with a handshake in it */
	ASSERT(p.arrive(5, RDS_PING_PORT));
	ASSERT(p.answered(1)); /* that one */
	EXPECT_EQ(p.last().h_dport.host(), 5);
}

TEST_CASE(ping__switched_off)
{
	PINGED(p);
	rds_tunables.ping_enable = 0;
	ASSERT(p.up());
	ASSERT(p.arrive(4321, RDS_PING_PORT));
	EXPECT_EQ(p.lane->c_pongs, 0);
	EXPECT_EQ(p.answers(), 0);
	rds_tunables.ping_enable = 1;
	ASSERT(p.arrive(4322, RDS_PING_PORT));
	ASSERT(p.answered(1));
	EXPECT_EQ(p.last().h_dport.host(), 4322);
}

/* Pongs that nobody takes away: the kernel's memory is not the peer's to fill. */
TEST_CASE(ping__flood_is_bounded)
{
	PINGED(p);
	s->connect_mode = FAKE_CONNECT_LATER;
	u64 refused = stat_of(rds_s_recv_drop_ping_flood);
	for (u32 i = 0; i < 1000; i++)
		ASSERT(p.arrive(4321, RDS_PING_PORT));
	EXPECT(queued_on(p.lane.get()) <= 64);
	EXPECT(queued_on(p.lane.get()) > 0);
	EXPECT_EQ(stat_of(rds_s_recv_drop_ping_flood) - refused, 1000 - queued_on(p.lane.get()));
	/* acknowledged ones make room */
	ASSERT(eventually([&] { return kernel::read_once(fake_of(p.lane.get())->connecting); }));
	s->complete(p.lane.get());
	ASSERT(eventually([&] { return !queued_on(p.lane.get()) && p.settled(); }));
	rds_send_drop_acked(p.lane.get(), ~0ull, nullptr);
	EXPECT_EQ(p.lane->c_pongs, 0);
	u32 before = p.answers();
	ASSERT(p.arrive(1, RDS_PING_PORT));
	EXPECT(p.answered(before + 1));
}

TEST_CASE(ping__congested_source)
{
	PINGED(p);
	buffer map(RDS_CONG_MAP_BYTES);
	ASSERT(map && p.up());
	rds::congmap_set(map.get(), 4321);
	ASSERT_EQ(s->inject_map(p.lane.get(), map.get(), false), 0);
	ASSERT(p.arrive(4321, RDS_PING_PORT));
	ASSERT(p.arrive(4322, RDS_PING_PORT));
	ASSERT(p.answered(1));
	EXPECT_EQ(p.last().h_dport.host(), 4322);
}

TEST_CASE(pong__with_payload_is_dropped)
{
	PINGED(p);
	test_socket to(1, 2000);
	ASSERT(to.bound());
	u8 data[8] = {};
	u64 bad = stat_of(rds_s_recv_drop_bad_pong);
	ASSERT(p.arrive(RDS_PING_PORT, 2000, 0, 0, data, sizeof(data)));
	EXPECT_EQ(stat_of(rds_s_recv_drop_bad_pong) - bad, 1);
	EXPECT_EMPTY(to);
	bench_from from{};
	ASSERT(p.arrive(RDS_PING_PORT, 2000));
	EXPECT_EQ(to.recv(data, sizeof(data), &from), 0);
	EXPECT_EQ(from.port, RDS_PING_PORT);
}

/* The bytes that Linux 7.0 sends (wire.md 16), and for who has said he reads ports, what we can. */
TEST_CASE(probe__answered_with_eight_lanes)
{
	PINGED(p);
	ASSERT(p.up());
	p.lane->c_handshakes = true;
	ASSERT(p.arrive(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 1234));
	ASSERT(p.answered(1));
	rds_header h = p.last();
	EXPECT_EQ(h.h_sport.host(), RDS_PING_PORT);
	EXPECT_EQ(h.h_dport.host(), RDS_FLAG_PROBE_PORT);
	rds::handshake hs = rds::read_handshake(h);
	EXPECT(hs.has_npaths);
	EXPECT_EQ(hs.npaths, 8);
	EXPECT(hs.gen_num != 0);
	EXPECT(hs.sport_idx);
	EXPECT_EQ(hs.caps, RDS_CAP_ASKS_FOR_LANES);
	EXPECT_EQ(p.lane->c_peer->peer_gen, 1234);
	EXPECT_EQ(p.lane->c_peer->nr_lanes, 8);
	EXPECT(p.lane->c_peer->names_lanes);
	/* older ones get what they know */
	ASSERT(p.arrive(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 1234, 1));
	ASSERT(p.answered(2));
	hs = rds::read_handshake(p.last());
	EXPECT(hs.sport_idx);
	EXPECT_EQ(hs.caps, 0);
}

/* W12 */
TEST_CASE(probe__plain_pong_without_lanes)
{
	PINGED(p);
	ASSERT(p.up());
	ASSERT(p.arrive(RDS_FLAG_PROBE_PORT, RDS_PING_PORT, 1234));
	ASSERT(p.answered(1));
	EXPECT(no_extension(p.last()));
	EXPECT_EQ(p.last().h_dport.host(), RDS_FLAG_PROBE_PORT);
	EXPECT_EQ(p.lane->c_peer->peer_gen, 0);
	rds_probe_send(p.lane.get(), kernel::gfp_kernel);
	EXPECT(!queued_on(p.lane.get()));
	EXPECT_EQ(p.answers(), 1);
}

/* By itself on each connection, and not twice until it is answered. */
TEST_CASE(probe__sent_once)
{
	PINGED(p);
	p.lane->c_handshakes = true;
	ASSERT(p.up());
	ASSERT(p.answered(1));
	for (u32 i = 0; i < 5; i++)
		rds_probe_send(p.lane.get(), kernel::gfp_kernel);
	ASSERT(p.answered(1));
	rds_header h = p.last();
	EXPECT_EQ(h.h_sport.host(), RDS_FLAG_PROBE_PORT);
	EXPECT_EQ(h.h_dport.host(), RDS_PING_PORT);
	rds::handshake hs = rds::read_handshake(h);
	EXPECT_EQ(hs.npaths, 8);
	EXPECT(hs.gen_num != 0 && hs.sport_idx && !hs.caps);
	EXPECT_EQ(h.h_exthdr[9], 0); /* of SPORT_IDX, and what is behind it */
	EXPECT_EQ(h.h_exthdr[10], 0);
	/* the answer may be any; then one may be asked again. W13, W14: never fewer, a power of two */
	const u16 offers[] = {1, 0, 3, 8, 1, 0, 0xffff};
	const u8 used[] = {1, 1, 2, 2, 2, 2, 2};
	u32 asked = 1;
	for (u32 i = 0; i < 7; i++) {
		ASSERT(p.arrive(RDS_PING_PORT, RDS_FLAG_PROBE_PORT, 9, offers[i]));
		EXPECT_EQ(p.lane->c_peer->nr_lanes, used[i]);
		rds_probe_send(p.lane.get(), kernel::gfp_kernel);
		rds_probe_send(p.lane.get(), kernel::gfp_kernel);
		ASSERT(p.answered(++asked));
		EXPECT(!queued_on(p.lane.get()));
	}
	/* the peer may be another one on the next connection */
	rds_send_drop_acked(p.lane.get(), ~0ULL, nullptr);
	rds_conn_drop(p.lane.get());
	ASSERT(p.answered(++asked));
	EXPECT(rds::is_probe(p.last()));
}

/* W18, L30: a restarted peer counts from one, also in what it retransmits. */
TEST_CASE(generation__change_resets_the_receiver)
{
	PINGED(p);
	p.lane->c_handshakes = true;
	test_socket to(1, 2000);
	ASSERT(to.bound() && p.up());
	p.next = 100;
	ASSERT(p.arrive(RDS_PING_PORT, RDS_FLAG_PROBE_PORT, 5));
	EXPECT_EQ(p.lane->c_rx.next, 101);
	/* the same generation: low numbers are repetitions */
	p.next = 50;
	ASSERT(p.arrive(3000, 2000, 0, 0, nullptr, 0, RDS_FLAG_RETRANSMITTED));
	EXPECT_EMPTY(to);
	p.next = 1;
	ASSERT(p.arrive(RDS_PING_PORT, RDS_FLAG_PROBE_PORT, 6));
	EXPECT_EQ(p.lane->c_peer->peer_gen, 6);
	ASSERT(p.arrive(3000, 2000, 0, 0, nullptr, 0, RDS_FLAG_RETRANSMITTED));
	u8 none[1];
	EXPECT_EQ(to.recv(none, sizeof(none)), 0);
}

TEST_CASE(own__messages_survive_a_drop)
{
	PINGED(p);
	ASSERT(p.up());
	ASSERT(p.arrive(4321, RDS_PING_PORT));
	ASSERT(p.answered(1));
	rds_conn_drop(p.lane.get());
	ASSERT(p.answered(2));
	EXPECT_EQ(p.last().h_flags, RDS_FLAG_RETRANSMITTED);
	EXPECT_EQ(p.lane->c_pongs, 1);
}
