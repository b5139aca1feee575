// SPDX-License-Identifier: GPL-2.0
/* Extension headers: what we write, what we read from peers, what a handshake means. */
#include <random>

#include <gtest/gtest.h>

#include <rds/exthdr.h>

#include "hex.h"
#include "vectors.h"

namespace {

struct element {
	std::uint8_t type;
	test::bytes payload;

	bool operator==(const element &) const = default;
};

std::vector<element> read_all(const rds_header &hdr)
{
	rds::exthdr_reader reader{hdr.h_exthdr};
	std::vector<element> out;
	rds::exthdr ext;

	while (reader.next(ext))
		out.push_back({ext.type, {ext.payload.begin(), ext.payload.end()}});
	return out;
}

std::vector<std::uint8_t> types(const rds_header &hdr)
{
	std::vector<std::uint8_t> out;

	for (const element &e : read_all(hdr))
		out.push_back(e.type);
	return out;
}

/* The parser of kernels up to 6.19: types from 7 on and type 4 have no payload there. */
std::vector<element> read_as_old_peer(const rds_header &hdr)
{
	const std::size_t length[] = {0, 4, 4, 8, 0, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	std::vector<element> out;
	std::size_t pos = 0;

	while (pos < 16) {
		std::uint8_t type = hdr.h_exthdr[pos];

		if (type == 0 || type >= 16 || pos + 1 + length[type] > 16)
			break;
		out.push_back(
			{type, {hdr.h_exthdr + pos + 1, hdr.h_exthdr + pos + 1 + length[type]}});
		pos += 1 + length[type];
	}
	return out;
}

std::string area(const rds_header &hdr)
{
	return test::to_hex(hdr.h_exthdr, sizeof(hdr.h_exthdr));
}

using type_list = std::vector<std::uint8_t>;

} // namespace

TEST(exthdr, exthdr_payload__table)
{
	const std::size_t want[16] = {0, 4, 4, 8, 8, 2, 4, 4, 1, 8, 0, 0, 0, 0, 0, 0};

	for (std::uint8_t type = 0; type < 16; type++)
		EXPECT_EQ(rds::exthdr_payload(type), want[type]) << int(type);
}

TEST(exthdr_writer, constructor__clears_the_area)
{
	rds_header hdr = test::header_with_ext("ffffffffffffffffffffffffffffffff");
	rds::exthdr_writer writer{hdr.h_exthdr};

	EXPECT_EQ(area(hdr), "00000000 00000000 00000000 00000000");
	EXPECT_EQ(writer.used(), 0U);
}

TEST(exthdr_writer, constructor__continues_where_another_stopped)
{
	rds_header hdr = test::header_with_ext("ffffffffffffffffffffffffffffffff");
	rds::exthdr_writer first{hdr.h_exthdr};

	ASSERT_TRUE(first.npaths(8));
	hdr.h_exthdr[15] = 0xff;

	rds::exthdr_writer second{hdr.h_exthdr, first.used()};

	ASSERT_TRUE(second.sport_idx());
	EXPECT_EQ(area(hdr), "05000808 00000000 00000000 00000000");
	EXPECT_EQ(second.used(), 5U);
}

TEST(exthdr_writer, constructor__absurd_offset_writes_nothing)
{
	rds_header hdr = test::header_with_ext("ffffffffffffffffffffffffffffffff");
	rds::exthdr_writer writer{hdr.h_exthdr, 1000};

	EXPECT_FALSE(writer.sport_idx());
	EXPECT_EQ(writer.used(), 16U);
	EXPECT_EQ(area(hdr), "ffffffff ffffffff ffffffff ffffffff");
}

TEST(exthdr_writer, each_type__bytes)
{
	struct {
		bool (*add)(rds::exthdr_writer &);
		const char *want;
	} cases[] = {
		{[](rds::exthdr_writer &w) { return w.version(0x01020304); },
		 "01010203 04000000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.rdma(0xdeadbeef); },
		 "02deadbe ef000000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.rdma_dest(0xdeadbeef, 0x123); },
		 "03deadbe ef000001 23000000 00000000"},
		{[](rds::exthdr_writer &w) {
			 return w.rdma_bytes(0x00100000, rds::rdma_direction::write);
		 },
		 "04001000 00010000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.rdma_bytes(1, rds::rdma_direction::read); },
		 "04000000 01020000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.npaths(0x0108); },
		 "05010800 00000000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.gen_num(0xa1b2c3d4); },
		 "06a1b2c3 d4000000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.cap_bits(1); },
		 "07000000 01000000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.sport_idx(); },
		 "08000000 00000000 00000000 00000000"},
		{[](rds::exthdr_writer &w) { return w.csum(0xcafef00d, true); },
		 "09cafef0 0d010000 00000000 00000000"},
	};

	for (const auto &c : cases) {
		rds_header hdr{};
		rds::exthdr_writer writer{hdr.h_exthdr};

		ASSERT_TRUE(c.add(writer)) << c.want;
		EXPECT_EQ(area(hdr), c.want);
		EXPECT_EQ(writer.used(), 1 + rds::exthdr_payload(hdr.h_exthdr[0]));
		ASSERT_EQ(read_all(hdr).size(), 1U) << c.want;
	}
}

TEST(exthdr_writer, overflow__refused_and_without_a_trace)
{
	rds_header hdr{};
	rds::exthdr_writer writer{hdr.h_exthdr};

	ASSERT_TRUE(writer.rdma(0x11223344));
	ASSERT_TRUE(writer.rdma_bytes(4096, rds::rdma_direction::write));
	EXPECT_EQ(writer.used(), 14U);
	EXPECT_FALSE(writer.rdma_dest(0xffffffff, 0xffffffff));
	EXPECT_FALSE(writer.npaths(0xffff));
	EXPECT_EQ(writer.used(), 14U);
	EXPECT_EQ(area(hdr), "02112233 44040000 10000100 00000000");
}

TEST(exthdr_writer, exact_fit__no_terminator)
{
	rds_header hdr{};
	rds::exthdr_writer writer{hdr.h_exthdr};

	ASSERT_TRUE(writer.rdma(0xffffffff));
	ASSERT_TRUE(writer.rdma_bytes(0xffffffff, rds::rdma_direction::read));
	ASSERT_TRUE(writer.sport_idx());
	EXPECT_EQ(writer.used(), 16U);
	EXPECT_FALSE(writer.sport_idx());
	EXPECT_EQ(types(hdr), (type_list{2, 4, 8}));
}

TEST(exthdr_writer, rdma_and_rdma_dest__fit_together)
{
	rds_header hdr{};
	rds::exthdr_writer writer{hdr.h_exthdr};

	ASSERT_TRUE(writer.rdma(1));
	ASSERT_TRUE(writer.rdma_dest(2, 3));
	EXPECT_EQ(types(hdr), (type_list{2, 3}));
}

TEST(exthdr_reader, next__zero_ends)
{
	EXPECT_TRUE(types(test::header_with_ext("00 050008")).empty());
	/* Very old peers put a zero byte between elements; everyone stops there. */
	EXPECT_EQ(types(test::header_with_ext("050008 00 0611111111")), (type_list{5}));
}

TEST(exthdr_reader, next__unknown_type_below_16_has_no_payload)
{
	rds_header hdr = test::header_with_ext("0a 0b 0c 0d 0e 0f 050008");

	EXPECT_EQ(types(hdr), (type_list{10, 11, 12, 13, 14, 15, 5}));
	EXPECT_EQ(rds::read_handshake(hdr).npaths, 8);
}

TEST(exthdr_reader, next__unknown_payload_is_read_as_types)
{
	/* A new type whose payload does not begin with zero is misread, by design. */
	EXPECT_EQ(types(test::header_with_ext("0a 050003")), (type_list{10, 5}));
	EXPECT_EQ(types(test::header_with_ext("0a 000503")), (type_list{10}));
}

TEST(exthdr_reader, next__type_16_and_above_stops)
{
	for (unsigned int type = 16; type < 256; type++) {
		rds_header hdr = test::header_with_ext("050008 00 06a1b2c3d4");

		hdr.h_exthdr[3] = static_cast<std::uint8_t>(type);
		EXPECT_EQ(types(hdr), (type_list{5})) << type;
	}
}

TEST(exthdr_reader, next__overrun_stops_and_stays_stopped)
{
	/* 15 bytes of empty elements, then each known type in the last byte. */
	for (std::uint8_t type = 1; type < 10; type++) {
		rds_header hdr{};
		rds::exthdr ext;

		std::memset(hdr.h_exthdr, 10, 15);
		hdr.h_exthdr[15] = type;

		rds::exthdr_reader reader{hdr.h_exthdr};

		for (int i = 0; i < 15; i++)
			ASSERT_TRUE(reader.next(ext));
		EXPECT_FALSE(reader.next(ext)) << int(type);
		EXPECT_FALSE(reader.next(ext)) << int(type);
	}
}

TEST(exthdr_reader, next__overrun_by_one_at_every_type)
{
	for (std::uint8_t type = 1; type < 10; type++) {
		std::size_t need = 1 + rds::exthdr_payload(type);
		rds_header hdr{};

		std::memset(hdr.h_exthdr, 10, 16);
		hdr.h_exthdr[16 - need] = type;
		EXPECT_EQ(read_all(hdr).size(), 16 - need + 1) << int(type);

		std::memset(hdr.h_exthdr, 10, 16);
		hdr.h_exthdr[16 - need + 1] = type;
		EXPECT_EQ(read_all(hdr).size(), 16 - need + 1) << int(type);
		EXPECT_EQ(read_all(hdr).back().type, 10) << int(type);
	}
}

TEST(exthdr_reader, next__stops_for_good_at_a_terminator)
{
	rds_header hdr = test::header_with_ext("00 050008");
	rds::exthdr_reader reader{hdr.h_exthdr};
	rds::exthdr ext;

	EXPECT_FALSE(reader.next(ext));
	EXPECT_FALSE(reader.next(ext));
}

TEST(exthdr_reader, next__full_area_without_terminator)
{
	rds_header hdr = test::header_with_ext("0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");

	EXPECT_EQ(read_all(hdr).size(), 16U);
}

TEST(exthdr_reader, next__repeated_types_are_all_delivered)
{
	rds_header hdr = test::header_with_ext("050001 050002 050004");

	EXPECT_EQ(types(hdr), (type_list{5, 5, 5}));
	EXPECT_EQ(rds::read_handshake(hdr).npaths, 4);
}

TEST(exthdr_reader, round_trip__random_elements)
{
	std::mt19937 rng(1);

	for (int run = 0; run < 20000; run++) {
		rds_header hdr{};
		rds::exthdr_writer writer{hdr.h_exthdr};
		type_list written;

		for (;;) {
			std::uint32_t a = static_cast<std::uint32_t>(rng());
			std::uint32_t b = static_cast<std::uint32_t>(rng());
			bool ok = false;
			std::uint8_t type = static_cast<std::uint8_t>(1 + rng() % 9);

			switch (type) {
			case RDS_EXTHDR_VERSION:
				ok = writer.version(a);
				break;
			case RDS_EXTHDR_RDMA:
				ok = writer.rdma(a);
				break;
			case RDS_EXTHDR_RDMA_DEST:
				ok = writer.rdma_dest(a, b);
				break;
			case RDS_EXTHDR_RDMA_BYTES:
				ok = writer.rdma_bytes(a, rds::rdma_direction::read);
				break;
			case RDS_EXTHDR_NPATHS:
				ok = writer.npaths(static_cast<std::uint16_t>(a));
				break;
			case RDS_EXTHDR_GEN_NUM:
				ok = writer.gen_num(a);
				break;
			case RDS_EXTHDR_CAP_BITS:
				ok = writer.cap_bits(a);
				break;
			case RDS_EXTHDR_SPORT_IDX:
				ok = writer.sport_idx();
				break;
			case RDS_EXTHDR_CSUM:
				ok = writer.csum(a, b & 1);
				break;
			}
			if (!ok)
				break;
			written.push_back(type);
		}
		ASSERT_EQ(types(hdr), written) << area(hdr);
	}
}

TEST(exthdr, accessors__values_of_the_rdma_vector)
{
	rds_header hdr = test::header(test::vectors[test::rdma_header].bytes);
	rds::exthdr_reader reader{hdr.h_exthdr};
	rds::exthdr ext;

	ASSERT_TRUE(reader.next(ext));
	EXPECT_EQ(ext.type, RDS_EXTHDR_RDMA_DEST);
	EXPECT_EQ(ext.u32(), 0xdeadbeef);
	EXPECT_EQ(ext.u32(4), 0x123U);
	EXPECT_EQ(ext.rdma_cookie(), 0x00000123deadbeefU);
	EXPECT_EQ(ext.u8(7), 0x23);
	EXPECT_FALSE(reader.next(ext));
}

TEST(exthdr, accessors__beyond_the_payload_is_zero)
{
	rds_header hdr = test::header_with_ext("0f ffffffffffffffffffffffffffff");
	rds::exthdr_reader reader{hdr.h_exthdr};
	rds::exthdr ext;

	ASSERT_TRUE(reader.next(ext));
	EXPECT_EQ(ext.u8(), 0);
	EXPECT_EQ(ext.u16(), 0);
	EXPECT_EQ(ext.u32(), 0U);
	EXPECT_EQ(ext.u32(4), 0U);
	EXPECT_EQ(ext.rdma_cookie(), 0U);
}

TEST(old_peer, our_probe__lanes_and_generation_are_understood)
{
	auto seen = read_as_old_peer(test::our_probe(0xa1b2c3d4, 8));

	ASSERT_EQ(seen.size(), 3U);
	EXPECT_EQ(seen[0], (element{5, {0, 8}}));
	EXPECT_EQ(seen[1], (element{6, {0xa1, 0xb2, 0xc3, 0xd4}}));
	EXPECT_EQ(seen[2], (element{8, {}}));
}

TEST(old_peer, our_probe__one_lane_is_understood)
{
	auto seen = read_as_old_peer(test::our_probe(0xa1b2c3d4, 1));

	ASSERT_EQ(seen.size(), 2U);
	EXPECT_EQ(seen[0], (element{5, {0, 1}}));
	EXPECT_EQ(seen[1], (element{6, {0xa1, 0xb2, 0xc3, 0xd4}}));
}

TEST(old_peer, our_probe__no_generation_is_misread)
{
	std::mt19937 rng(1);

	for (int i = 0; i < 1000; i++) {
		auto gen = static_cast<std::uint32_t>(rng()) | 1;
		auto seen = read_as_old_peer(test::our_probe(gen, 8));

		ASSERT_EQ(seen.size(), 3U);
		ASSERT_EQ(seen[0], (element{5, {0, 8}}));
	}
}

TEST(old_peer, rdma_bytes__a_large_count_is_misread)
{
	/* Why type 4 is for peers that know it: from 16 MiB its top byte is a type. */
	rds_header hdr{};
	rds::exthdr_writer writer{hdr.h_exthdr};

	ASSERT_TRUE(writer.rdma_bytes(0x05000300, rds::rdma_direction::write));
	EXPECT_EQ(types(hdr), (type_list{4}));
	ASSERT_EQ(read_as_old_peer(hdr).size(), 2U);
	EXPECT_EQ(read_as_old_peer(hdr)[1], (element{5, {0, 3}}));
	EXPECT_FALSE(rds::read_handshake(hdr).has_npaths);
}

TEST(handshake, read_handshake__known_peers)
{
	rds::handshake old = rds::read_handshake(
		test::header(test::vectors[test::old_probe].bytes));
	rds::handshake latest = rds::read_handshake(
		test::header(test::vectors[test::new_probe].bytes));
	rds::handshake oracle = rds::read_handshake(test::header_with_ext("05000808"));
	rds::handshake single = rds::read_handshake(rds_header{});

	EXPECT_TRUE(old.has_npaths);
	EXPECT_EQ(old.npaths, 8);
	EXPECT_EQ(old.gen_num, 0U);
	EXPECT_FALSE(old.sport_idx);

	EXPECT_EQ(latest.npaths, 8);
	EXPECT_EQ(latest.gen_num, 0xa1b2c3d4);
	EXPECT_TRUE(latest.sport_idx);

	EXPECT_EQ(oracle.npaths, 8);
	EXPECT_EQ(oracle.gen_num, 0U);
	EXPECT_TRUE(oracle.sport_idx);

	EXPECT_FALSE(single.has_npaths);
	EXPECT_FALSE(single.sport_idx);
	EXPECT_EQ(single.lanes(0), 1U);
}

/* Behind all else; the upper byte is 0, where older peers stop. */
TEST(handshake, write_handshake__capabilities)
{
	rds_header hdr{};

	rds::write_handshake(hdr, 0xa1b2c3d4, 8, RDS_CAP_ASKS_FOR_LANES);
	EXPECT_EQ(test::to_hex(hdr.h_exthdr, 16), "05000806 a1b2c3d4 08000700 80000000");
	EXPECT_EQ(rds::read_handshake(hdr).caps, RDS_CAP_ASKS_FOR_LANES);
	EXPECT_TRUE(rds::read_handshake(hdr).sport_idx);
	EXPECT_EQ(RDS_CAP_ASKS_FOR_LANES >> 24, 0);
}

TEST(handshake, read_handshake__sport_idx_counts_by_presence)
{
	EXPECT_TRUE(rds::read_handshake(test::header_with_ext("08 55")).sport_idx);
}

TEST(handshake, lanes__every_announcement)
{
	for (std::uint32_t npaths = 0; npaths < 65536; npaths++) {
		rds::handshake hs;

		hs.has_npaths = true;
		hs.npaths = static_cast<std::uint16_t>(npaths);

		unsigned int want = npaths >= 8 ? 8 : npaths >= 4 ? 4 : npaths >= 2 ? 2 : 1;

		ASSERT_EQ(hs.lanes(0), want) << npaths;
		ASSERT_EQ(hs.lanes(1), want) << npaths;
		ASSERT_EQ(hs.lanes(8), 8U) << npaths;
	}
}

TEST(handshake, lanes__never_shrink)
{
	auto announce = [](int n) {
		rds::handshake hs;

		hs.has_npaths = n >= 0;
		hs.npaths = static_cast<std::uint16_t>(n);
		return hs;
	};
	unsigned int lanes = 0;

	lanes = announce(-1).lanes(lanes);
	EXPECT_EQ(lanes, 1U);
	lanes = announce(3).lanes(lanes);
	EXPECT_EQ(lanes, 2U);
	lanes = announce(8).lanes(lanes);
	EXPECT_EQ(lanes, 8U);
	lanes = announce(-1).lanes(lanes);
	EXPECT_EQ(lanes, 8U);
	lanes = announce(1).lanes(lanes);
	EXPECT_EQ(lanes, 8U);
	lanes = announce(0).lanes(lanes);
	EXPECT_EQ(lanes, 8U);
}

TEST(handshake, restarted__needs_two_different_known_numbers)
{
	rds::handshake hs;

	EXPECT_FALSE(hs.restarted(0));
	EXPECT_FALSE(hs.restarted(7));
	hs.gen_num = 8;
	EXPECT_FALSE(hs.restarted(0));
	EXPECT_FALSE(hs.restarted(8));
	EXPECT_TRUE(hs.restarted(7));
}
