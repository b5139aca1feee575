// SPDX-License-Identifier: GPL-2.0
/* Fields and fixed messages against the bytes of known peers; what a header is taken for. */
#include <gtest/gtest.h>

#include <rds/exthdr.h>
#include <rds/header.h>

#include "hex.h"
#include "vectors.h"

using kernel::be16;
using kernel::be64;

namespace {

rds_header with_ports(std::uint16_t sport, std::uint16_t dport, std::uint8_t flags = 0,
		      std::uint32_t len = 0)
{
	rds_header hdr = rds::make_header(be16(sport), be16(dport), len);

	hdr.h_flags = flags;
	return hdr;
}

} // namespace

TEST(wire, header__fields_of_the_rdma_vector)
{
	rds_header hdr = test::header(test::vectors[test::rdma_header].bytes);

	EXPECT_EQ(hdr.h_sequence.host(), 0x0102030405060708U);
	EXPECT_EQ(hdr.h_ack.host(), 0x1112131415161718U);
	EXPECT_EQ(hdr.h_len.host(), 256U);
	EXPECT_EQ(hdr.h_sport.host(), 10000);
	EXPECT_EQ(hdr.h_dport.host(), 20000);
	EXPECT_EQ(hdr.h_flags, RDS_FLAG_ACK_REQUIRED | RDS_FLAG_RETRANSMITTED);
	EXPECT_EQ(hdr.h_credit, 3);
	EXPECT_EQ(hdr.h_csum.host(), 0);
	EXPECT_EQ(hdr.h_exthdr[0], RDS_EXTHDR_RDMA_DEST);
}

TEST(wire, make_header__data_vector)
{
	rds_header hdr = rds::make_header(be16(10000), be16(20000), 5);

	hdr.h_sequence = be64(2);
	EXPECT_EQ(test::to_hex(hdr), test::vectors[test::data_header].bytes);
}

TEST(wire, make_congestion_map__map_vector)
{
	EXPECT_EQ(test::to_hex(rds::make_congestion_map()), test::vectors[test::map_header].bytes);
}

TEST(wire, write_handshake__eight_lanes_are_the_new_vector)
{
	rds_header hdr = test::our_probe(0xa1b2c3d4, 8);

	hdr.h_sequence = be64(1);
	EXPECT_EQ(test::to_hex(hdr), test::vectors[test::new_probe].bytes);
}

TEST(wire, write_handshake__one_lane_has_no_port_index)
{
	rds_header hdr = test::our_probe(0xa1b2c3d4, 1);

	EXPECT_EQ(test::to_hex(hdr.h_exthdr, 16), "05000106 a1b2c3d4 00000000 00000000");
}

TEST(wire, write_handshake__nothing_of_lanes_yet)
{
	rds_header hdr{};

	rds::write_handshake(hdr, 0xa1b2c3d4, 0, 0, true);
	EXPECT_EQ(test::to_hex(hdr.h_exthdr, 16), "06a1b2c3 d4080000 00000000 00000000");
	EXPECT_FALSE(rds::read_handshake(hdr).has_npaths);
	EXPECT_TRUE(rds::read_handshake(hdr).sport_idx);
}

TEST(wire, write_handshake__generation_zero_is_not_announced)
{
	rds_header hdr = test::our_probe(0, 8);

	EXPECT_EQ(test::to_hex(hdr.h_exthdr, 16), "05000808 00000000 00000000 00000000");
}

TEST(wire, write_handshake__reply_has_ports_swapped_same_extensions)
{
	rds_header hdr = test::our_probe_reply(0xa1b2c3d4, 8);

	hdr.h_sequence = be64(1);
	EXPECT_EQ(test::to_hex(hdr),
		  "00000000 00000001 00000000 00000000 00000000 00000001 00000000 00000000 "
		  "05000806 a1b2c3d4 08000000 00000000");
}

TEST(wire, make_pong__empty_from_port_0_no_flags)
{
	rds_header hdr = rds::make_pong(be16(4711));

	EXPECT_EQ(test::to_hex(hdr),
		  "00000000 00000000 00000000 00000000 00000000 00001267 00000000 00000000 "
		  "00000000 00000000 00000000 00000000");
	EXPECT_FALSE(rds::is_ping(hdr));
	EXPECT_FALSE(rds::is_handshake(hdr));
	EXPECT_FALSE(rds::is_forged_pong(hdr));
}

TEST(wire, is_congestion_map__only_the_exact_flag_byte)
{
	for (unsigned int flags = 0; flags < 256; flags++) {
		rds_header hdr = with_ports(0, 0, static_cast<std::uint8_t>(flags), 8192);

		EXPECT_EQ(rds::is_congestion_map(hdr), flags == 1) << flags;
		EXPECT_EQ(rds::is_ping(hdr), flags != 1) << flags;
		EXPECT_FALSE(rds::wants_pong(hdr)) << flags;
		EXPECT_FALSE(rds::is_handshake(hdr)) << flags;
	}
}

TEST(wire, wants_pong__all_source_ports)
{
	for (std::uint32_t sport = 0; sport < 65536; sport++)
		ASSERT_EQ(rds::wants_pong(with_ports(static_cast<std::uint16_t>(sport), 0)),
			  sport != 0);
}

TEST(wire, wants_pong__only_for_port_0)
{
	for (std::uint32_t dport = 0; dport < 65536; dport++)
		ASSERT_EQ(rds::wants_pong(with_ports(5, static_cast<std::uint16_t>(dport))),
			  dport == 0);
}

TEST(wire, wants_pong__payload_and_flags_do_not_matter)
{
	EXPECT_TRUE(rds::wants_pong(with_ports(5, 0, RDS_FLAG_RETRANSMITTED, 1 << 20)));
	EXPECT_TRUE(rds::wants_pong(with_ports(5, 0, 0xc0)));
}

TEST(wire, wants_pong__heartbeats_stay_unanswered)
{
	EXPECT_FALSE(rds::wants_pong(with_ports(0, 0, RDS_FLAG_HB_PING)));
	EXPECT_FALSE(rds::wants_pong(with_ports(0, 0, RDS_FLAG_HB_PONG)));
	EXPECT_FALSE(rds::wants_pong(with_ports(0, 0)));
}

TEST(wire, is_handshake__probe_and_reply_only)
{
	EXPECT_TRUE(rds::is_probe(test::header(test::vectors[test::old_probe].bytes)));
	EXPECT_TRUE(rds::is_probe(test::header(test::vectors[test::new_probe].bytes)));
	EXPECT_TRUE(rds::is_probe_reply(test::header(test::vectors[test::old_probe_reply].bytes)));

	for (std::uint16_t sport = 0; sport < 4; sport++) {
		for (std::uint16_t dport = 0; dport < 4; dport++) {
			rds_header hdr = with_ports(sport, dport, RDS_FLAG_RETRANSMITTED);

			EXPECT_EQ(rds::is_probe(hdr), sport == 1 && dport == 0);
			EXPECT_EQ(rds::is_probe_reply(hdr), sport == 0 && dport == 1);
			EXPECT_EQ(rds::is_handshake(hdr), sport + dport == 1);
		}
	}
}

TEST(wire, is_handshake__not_inside_a_map)
{
	EXPECT_FALSE(rds::is_handshake(with_ports(1, 0, RDS_FLAG_CONG_BITMAP, 8192)));
	EXPECT_FALSE(rds::is_handshake(with_ports(0, 1, RDS_FLAG_CONG_BITMAP, 8192)));
	EXPECT_FALSE(rds::wants_pong(with_ports(1, 0, RDS_FLAG_CONG_BITMAP, 8192)));
}

TEST(wire, is_forged_pong__payload_from_port_0)
{
	EXPECT_TRUE(rds::is_forged_pong(with_ports(0, 7, 0, 1)));
	EXPECT_TRUE(rds::is_forged_pong(with_ports(0, 1, 0, 1)));
	EXPECT_FALSE(rds::is_forged_pong(with_ports(0, 7)));
	EXPECT_FALSE(rds::is_forged_pong(with_ports(7, 7, 0, 1)));
	EXPECT_FALSE(rds::is_forged_pong(with_ports(0, 0, 0, 1)));
	EXPECT_FALSE(rds::is_forged_pong(with_ports(0, 7, RDS_FLAG_CONG_BITMAP, 8192)));
}
