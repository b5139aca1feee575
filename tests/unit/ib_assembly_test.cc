// SPDX-License-Identifier: GPL-2.0
/* SENDs put together to messages: ib.md 11 and 13. */
#include <gtest/gtest.h>

#include <rds/ib_assembly.h>

#include "hex.h"

using kernel::be16;
using kernel::be32;
using kernel::be64;
using namespace rds::ib;

namespace {

constexpr std::uint32_t head = RDS_HEADER_BYTES, frag = RDS_FRAG_SIZE;

rds_header data(std::uint32_t len, std::uint64_t seq = 1)
{
	rds_header h = rds::make_header(be16(5001), be16(5000), len);
	h.h_sequence = be64(seq);
	return h;
}

rds_header summed(rds_header h)
{
	h.h_csum = rds::header_csum(h);
	return h;
}

} // namespace

TEST(ib_assembly, parts_of)
{
	EXPECT_EQ(parts_of(0), 1U);
	EXPECT_EQ(parts_of(1), 1U);
	EXPECT_EQ(parts_of(frag), 1U);
	EXPECT_EQ(parts_of(frag + 1), 2U);
	EXPECT_EQ(parts_of(RDS_CONG_MAP_BYTES), 2U);
	EXPECT_EQ(parts_of(RDS_MAX_MSG_SIZE), 256U);
}

TEST(ib_assembly, take__every_length)
{
	assembly a;

	for (std::uint32_t len : {0u, 1u, 47u, 48u, frag - 1, frag, frag + 1, 3 * frag, 1u << 20}) {
		std::uint32_t left = len;
		for (std::uint32_t i = 0; i < parts_of(len); i++) {
			std::uint32_t part = std::min(left, frag);
			left -= part;
			verdict want = left ? verdict::part : verdict::complete;
			ASSERT_EQ(a.take(summed(data(len)), head + part), want) << len << " " << i;
			EXPECT_EQ(a.begun(), left != 0);
		}
		EXPECT_EQ(left, 0U);
		EXPECT_EQ(a.kind(), rds::stream_kind::message);
		EXPECT_EQ(a.header().h_len.host(), len);
	}
}

TEST(ib_assembly, take__acknowledgements_between_parts)
{
	assembly a;
	rds_header ack = test::header("0000000000000000 0000000000000005 00000000 0000 0000 "
				      "00 00 00000000 fffa");

	EXPECT_EQ(a.take(ack, head), verdict::ack_only);
	EXPECT_EQ(a.take(data(2 * frag), head + frag), verdict::part);
	EXPECT_EQ(a.take(ack, head), verdict::ack_only);
	EXPECT_TRUE(a.begun());
	EXPECT_EQ(a.take(data(2 * frag), head + frag), verdict::complete);
	EXPECT_EQ(a.header().h_sequence, be64(1));
	/* an empty message that has ports is none */
	EXPECT_EQ(a.take(data(0), head), verdict::complete);
}

TEST(ib_assembly, take__congestion_map)
{
	assembly a;
	rds_header map = test::header("0000000000000000 0000000000000000 00002000 0000 0000 "
				      "01 00 00000000 deff");

	EXPECT_EQ(a.take(map, head + frag), verdict::part);
	EXPECT_EQ(a.take(map, head + frag), verdict::complete);
	EXPECT_EQ(a.kind(), rds::stream_kind::map);
	/* of another size: taken, and nobody's */
	rds_header odd = map;
	odd.h_len = be32(100);
	EXPECT_EQ(a.take(summed(odd), head + 100), verdict::complete);
	EXPECT_EQ(a.kind(), rds::stream_kind::ignore);
	/* any other bit, and it is a message to port 0 */
	odd = map;
	odd.h_flags = 3;
	EXPECT_EQ(a.take(summed(odd), head + frag), verdict::part);
	EXPECT_EQ(a.kind(), rds::stream_kind::ping);
}

/* I18: a part with fewer bytes than its header says leaves stale ones; one with more, too few pages. */
TEST(ib_assembly, take__exactly_what_is_due)
{
	for (std::uint32_t len : {1u, 100u, frag, 2 * frag, 2 * frag + 5})
		for (std::uint32_t got : {0u, 10u, 99u, 101u, frag - 1, frag + 1, 2 * frag}) {
			assembly a;
			if (got == std::min(len, frag))
				continue;
			EXPECT_EQ(a.take(data(len), head + got), verdict::bad_length) << len << got;
		}
	/* the last, too */
	assembly a;
	EXPECT_EQ(a.take(data(frag + 7), head + frag), verdict::part);
	EXPECT_EQ(a.take(data(frag + 7), head + 6), verdict::bad_length);
	assembly b;
	EXPECT_EQ(b.take(data(frag + 7), head + frag), verdict::part);
	EXPECT_EQ(b.take(data(frag + 7), head + frag), verdict::bad_length);
}

TEST(ib_assembly, take__too_long_or_too_short)
{
	assembly a;

	for (std::uint32_t bytes : {0u, 1u, head - 1})
		EXPECT_EQ(a.take(data(0), bytes), verdict::too_short);
	EXPECT_EQ(a.take(data(RDS_MAX_MSG_SIZE + 1), head + frag), verdict::bad_length);
	a.reset();
	EXPECT_EQ(a.take(data(0xffffffff), head + frag), verdict::bad_length);
}

/* I21: a checksum of 0 was not computed; all other checks hold. */
TEST(ib_assembly, take__checksum)
{
	assembly a;
	rds_header h = summed(data(10));

	h.h_sport = be16(5002);
	EXPECT_EQ(a.take(h, head + 10), verdict::bad_checksum);
	EXPECT_FALSE(a.begun());
	h.h_csum = be16(0);
	EXPECT_EQ(a.take(h, head + 10), verdict::complete);
}

TEST(ib_assembly, take__parts_of_one_message)
{
	rds_header others[5] = {data(2 * frag, 2), data(2 * frag + 1), data(2 * frag),
				data(2 * frag), data(2 * frag)};
	others[2].h_sport = be16(1);
	others[3].h_dport = be16(1);
	others[4].h_flags = RDS_FLAG_RETRANSMITTED; /* may differ, as ack and credit */

	for (int i = 0; i < 5; i++) {
		assembly a;
		ASSERT_EQ(a.take(data(2 * frag), head + frag), verdict::part);
		EXPECT_EQ(a.take(others[i], head + frag),
			  i < 4 ? verdict::not_its_part : verdict::complete)
			<< i;
		EXPECT_EQ(a.header().h_flags, 0);
	}
}

TEST(ib_assembly, reset__forgets_the_part)
{
	assembly a;

	ASSERT_EQ(a.take(data(2 * frag, 5), head + frag), verdict::part);
	a.reset();
	EXPECT_FALSE(a.begun());
	EXPECT_EQ(a.take(data(3, 6), head + 3), verdict::complete);
	EXPECT_FALSE(is_fatal(verdict::complete));
	EXPECT_TRUE(is_fatal(verdict::too_short) && is_fatal(verdict::not_its_part));
}
