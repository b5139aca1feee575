// SPDX-License-Identifier: GPL-2.0
/* Private data of the CM, and versions: ib.md 5 and 6. */
#include <gtest/gtest.h>

#include <rds/ib_cm.h>

#include "hex.h"

using namespace rds::ib;

namespace {

in6_addr v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
{
	in6_addr out{};
	const std::uint8_t end[] = {0xff, 0xff, a, b, c, d};
	std::memcpy(out.in6_u.u6_addr8 + 10, end, sizeof(end));
	return out;
}

in6_addr v6(std::uint8_t last)
{
	in6_addr out{};
	out.in6_u.u6_addr8[0] = 0xfd;
	out.in6_u.u6_addr8[15] = last;
	return out;
}

bool same(const in6_addr &a, const in6_addr &b)
{
	return !std::memcmp(&a, &b, sizeof(a));
}

introduction stock(const in6_addr &from, const in6_addr &to)
{
	return {from, to, version_3_1, known_minors, 0, 0, 0, 0};
}

/* An IPv4 REQ with this version and mask. */
test::bytes req(std::uint16_t version, std::uint16_t minors)
{
	introduction us = stock(v4(10, 9, 0, 2), v4(10, 9, 0, 1));
	test::bytes out(32);
	us.version = version;
	us.minors = minors;
	write_introduction(out.data(), false, us);
	return out;
}

std::uint16_t accepted(std::uint16_t version, std::uint16_t minors)
{
	test::bytes data = req(version, minors);
	return accept_version(data.data(), data.size(), false);
}

} // namespace

TEST(ib_cm, write_introduction__ipv4_vector)
{
	std::uint8_t out[32];

	write_introduction(out, false, stock(v4(10, 9, 0, 2), v4(10, 9, 0, 1)));
	EXPECT_EQ(test::to_hex(out, sizeof(out)),
		  "0a090002 0a090001 03010003 00000000 00000000 00000000 00000000 00000000");
	EXPECT_EQ(format_v4.size(), 32U);
	EXPECT_EQ(format_v6.size(), 56U);
}

TEST(ib_cm, write_introduction__every_field_has_its_place)
{
	std::uint8_t out[56];
	introduction us = {v6(2),      v6(1), version_4_1, 0x0102, 0xab, 0x0102030405060708,
			   0x11121314, 0};

	std::memset(out, 0xee, sizeof(out));
	write_introduction(out, true, us);
	EXPECT_EQ(test::to_hex(out, sizeof(out)),
		  "fd000000 00000000 00000000 00000002 fd000000 00000000 00000000 00000001 "
		  "04010102 ab000000 01020304 05060708 11121314 00000000");
}

/* Where others have padding; they write zeros, and what is not marked is not believed. */
TEST(ib_cm, generation__ours_alone)
{
	std::uint8_t out[32];
	introduction us = stock(v4(10, 9, 0, 2), v4(10, 9, 0, 1)), read;

	us.generation = 0x21222324;
	write_introduction(out, false, us);
	EXPECT_EQ(test::to_hex(out, sizeof(out)),
		  "0a090002 0a090001 03010003 00470000 00000000 00000000 00000000 21222324");
	ASSERT_TRUE(read_introduction(out, sizeof(out), false, read));
	EXPECT_EQ(read.generation, 0x21222324U);
	out[8 + 5] = 0;
	ASSERT_TRUE(read_introduction(out, sizeof(out), false, read));
	EXPECT_EQ(read.generation, 0U);
}

TEST(ib_cm, read_introduction__what_was_written)
{
	for (bool six : {false, true}) {
		introduction us = stock(six ? v6(2) : v4(10, 9, 0, 2),
					six ? v6(1) : v4(10, 9, 0, 1));
		us.tos = 7;
		us.ack = 0xfedcba9876543210;
		us.credit = 9;
		/* at an odd address, with the CM's filling behind it */
		std::vector<std::uint8_t> at(1 + 196);
		write_introduction(at.data() + 1, six, us);
		introduction peer;
		ASSERT_TRUE(read_introduction(at.data() + 1, 196, six, peer));
		EXPECT_TRUE(same(peer.source, us.source));
		EXPECT_TRUE(same(peer.destination, us.destination));
		EXPECT_EQ(peer.version, version_3_1);
		EXPECT_EQ(peer.minors, known_minors);
		EXPECT_EQ(peer.tos, 7);
		EXPECT_EQ(peer.ack, us.ack);
		EXPECT_EQ(peer.credit, 9U);
	}
}

TEST(ib_cm, read_introduction__not_a_byte_beyond)
{
	for (bool six : {false, true})
		for (std::size_t len = 0; len < format_of(six).size(); len++) {
			/* alone on the heap, and no more than that */
			std::vector<std::uint8_t> few(len, 0x03);
			introduction peer;
			EXPECT_FALSE(read_introduction(few.data(), len, six, peer));
		}
}

TEST(ib_cm, accept_version__table)
{
	struct {
		std::uint16_t version, minors, want;
	} rows[] = {
		{0x0301, 0x0003, version_3_1}, {0x0301, 0x0000, version_3_1},
		{0x0400, 0x0001, version_4_0}, {0x0401, 0x0003, version_4_1},
		{0x0401, 0x0002, version_4_1}, {0x0403, 0x000f, version_4_1},
		{0x0404, 0x0010, 0},	       {0x0400, 0x0000, 0},
		{0x0300, 0x0003, 0},	       {0x0302, 0x0003, 0},
		{0x0201, 0x0003, 0},	       {0x0500, 0x0003, 0},
		{0xff01, 0xffff, 0},	       {0x0001, 0x0003, version_4_0},
		{0x0000, 0x0000, version_4_0},
	};
	for (const auto &row : rows)
		EXPECT_EQ(accepted(row.version, row.minors), row.want)
			<< std::hex << row.version << " " << row.minors;
}

TEST(ib_cm, accept_version__little_or_nothing)
{
	test::bytes data = req(0x0500, 3);

	EXPECT_EQ(accept_version(nullptr, 0, false), 0);
	EXPECT_EQ(accept_version(data.data(), 31, false), version_4_0);
	/* I11: the CM's area has 56 bytes whoever sends, so an IPv4 REQ can be read as IPv6, and as
	 * nonsense: the caller has looked at the CM's address family first */
	data.resize(56);
	introduction peer;
	EXPECT_TRUE(read_introduction(data.data(), data.size(), true, peer));
	EXPECT_FALSE(same(peer.source, v4(10, 9, 0, 2)));
}

TEST(ib_cm, settled_version)
{
	test::bytes three = req(version_3_1, 3), two = req(0x0201, 3), old = req(0x0002, 3);

	/* the acceptor hears nothing more */
	EXPECT_EQ(settled_version(version_3_1, nullptr, 0, false), version_3_1);
	/* who connects takes the answer's */
	EXPECT_EQ(settled_version(version_4_1, three.data(), three.size(), false), version_3_1);
	EXPECT_EQ(settled_version(version_4_1, old.data(), old.size(), false), version_4_1);
	EXPECT_EQ(settled_version(version_4_1, two.data(), two.size(), false), 0);
}

TEST(ib_cm, depth__fits_into_a_byte)
{
	EXPECT_EQ(depth(128, 16), 16);
	EXPECT_EQ(depth(4, 16), 4);
	EXPECT_EQ(depth(256, 256), 255);
	EXPECT_EQ(depth(0, 256), 0);
	EXPECT_EQ(depth(0xffffffff, 0x100), 255);
}
