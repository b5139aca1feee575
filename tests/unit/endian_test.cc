// SPDX-License-Identifier: GPL-2.0
/* Big-endian integers: bytes in memory, and which conversions must not compile. */
#include <cstring>
#include <type_traits>

#include <gtest/gtest.h>

#include <kernel/endian.h>

using kernel::be16;
using kernel::be32;
using kernel::be64;

static_assert(!std::is_convertible_v<std::uint16_t, be16>);
static_assert(!std::is_convertible_v<be16, std::uint16_t>);
static_assert(!std::is_constructible_v<std::uint64_t, be64>);
static_assert(!std::is_constructible_v<be32, be16> && !std::is_constructible_v<be16, be32>);
static_assert(!std::is_constructible_v<be16, std::uint32_t>);
static_assert(!std::is_constructible_v<be32, std::uint64_t>);
static_assert(std::is_constructible_v<be16, std::uint16_t> && std::is_constructible_v<be16, int>);
static_assert(!std::is_constructible_v<bool, be32>);
static_assert(std::is_trivially_default_constructible_v<be16>);
static_assert(std::is_trivially_copyable_v<be32> && std::is_standard_layout_v<be32>);

template <typename T>
concept comparable_with_u32 = requires(T a, std::uint32_t b)
{
	a == b;
};
static_assert(!comparable_with_u32<be32> && !comparable_with_u32<be16>);

TEST(endian, be__bytes_are_big_endian)
{
	const std::uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8};
	be16 a(std::uint16_t{0x0102});
	be32 b(std::uint32_t{0x01020304});
	be64 c(std::uint64_t{0x0102030405060708});

	EXPECT_EQ(std::memcmp(&a, want, 2), 0);
	EXPECT_EQ(std::memcmp(&b, want, 4), 0);
	EXPECT_EQ(std::memcmp(&c, want, 8), 0);
}

TEST(endian, host__inverts_the_constructor)
{
	EXPECT_EQ(be16(16385).host(), 16385);
	EXPECT_EQ(be32(std::uint32_t{0xdeadbeef}).host(), 0xdeadbeef);
	EXPECT_EQ(be64(std::uint64_t{1} << 63).host(), std::uint64_t{1} << 63);
	static_assert(be32(7).host() == 7);
}

TEST(endian, from_raw__takes_bytes_as_they_are)
{
	const std::uint8_t wire[] = {0x40, 0x01};
	std::uint16_t raw;

	std::memcpy(&raw, wire, sizeof(raw));
	EXPECT_EQ(be16::from_raw(raw).host(), 0x4001);
	EXPECT_EQ(be16::from_raw(raw).raw(), raw);
	EXPECT_EQ(be16::from_raw(raw), be16(0x4001));
	EXPECT_NE(be16::from_raw(raw), be16(0x0140));
}
