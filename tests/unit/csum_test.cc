// SPDX-License-Identifier: GPL-2.0
/* The header checksum, against the known sums and against a plain second computation. */
#include <random>

#include <gtest/gtest.h>

#include <rds/csum.h>

#include "hex.h"
#include "vectors.h"

using kernel::be16;

namespace {

/* One's complement the long way: end-around carry after every word. */
std::uint16_t slow_csum(const rds_header &hdr)
{
	std::uint8_t raw[sizeof(hdr)];
	std::uint32_t sum = 0;

	std::memcpy(raw, &hdr, sizeof(hdr));
	raw[30] = raw[31] = 0;
	for (std::size_t i = 0; i < sizeof(raw); i += 2) {
		sum += raw[i] * 256U + raw[i + 1];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return static_cast<std::uint16_t>(~sum);
}

rds_header random_header(std::mt19937 &rng)
{
	std::uint8_t raw[sizeof(rds_header)];
	rds_header hdr;

	for (std::uint8_t &byte : raw)
		byte = static_cast<std::uint8_t>(rng());
	std::memcpy(&hdr, raw, sizeof(hdr));
	return hdr;
}

} // namespace

TEST(csum, header_csum__known_sums)
{
	for (const test::vector &v : test::vectors)
		EXPECT_EQ(rds::header_csum(test::header(v.bytes)).host(), v.sum) << v.name;
}

TEST(csum, header_csum__ignores_what_the_field_holds)
{
	rds_header hdr = test::header(test::vectors[test::data_header].bytes);

	hdr.h_csum = be16(0x1234);
	EXPECT_EQ(rds::header_csum(hdr).host(), 0x8ac8);
}

TEST(csum, header_csum__extremes)
{
	rds_header hdr{};

	EXPECT_EQ(rds::header_csum(hdr).host(), 0xffff);
	std::memset(&hdr, 0xff, sizeof(hdr));
	EXPECT_EQ(rds::header_csum(hdr).host(), 0);
}

TEST(csum, header_csum__agrees_with_oracle)
{
	std::mt19937 rng(1);

	for (int i = 0; i < 20000; i++) {
		rds_header hdr = random_header(rng);

		ASSERT_EQ(rds::header_csum(hdr).host(), slow_csum(hdr)) << test::to_hex(hdr);
	}
}

TEST(csum, header_csum__lands_at_offset_30_in_network_order)
{
	rds_header hdr = test::header(test::vectors[test::rdma_header].bytes);

	hdr.h_csum = rds::header_csum(hdr);
	EXPECT_EQ(test::to_hex(hdr).substr(0, 71),
		  "01020304 05060708 11121314 15161718 00000100 27104e20 06030000 00005fc5");
}

TEST(csum, header_csum_ok__zero_means_not_computed)
{
	for (const test::vector &v : test::vectors)
		EXPECT_TRUE(rds::header_csum_ok(test::header(v.bytes))) << v.name;
}

TEST(csum, header_csum_ok__right_value)
{
	for (const test::vector &v : test::vectors) {
		rds_header hdr = test::header(v.bytes);

		hdr.h_csum = be16(v.sum);
		EXPECT_TRUE(rds::header_csum_ok(hdr)) << v.name;
	}
}

TEST(csum, header_csum_ok__every_flipped_bit_is_seen)
{
	for (const test::vector &v : test::vectors) {
		rds_header good = test::header(v.bytes);
		std::uint8_t raw[sizeof(good)];

		good.h_csum = be16(v.sum);
		for (std::size_t bit = 0; bit < sizeof(raw) * 8; bit++) {
			rds_header bad;

			std::memcpy(raw, &good, sizeof(raw));
			raw[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
			std::memcpy(&bad, raw, sizeof(bad));
			EXPECT_FALSE(rds::header_csum_ok(bad)) << v.name << " bit " << bit;
		}
	}
}
