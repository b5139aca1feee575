// SPDX-License-Identifier: GPL-2.0
/* The bounded cursor. Buffers are exactly sized, so that ASan sees a read too far. */
#include <memory>

#include <gtest/gtest.h>

#include <rds/cursor.h>

using rds::cursor;

namespace {

struct exact {
	explicit exact(std::size_t n) : data(new std::uint8_t[n]), size(n)
	{
		for (std::size_t i = 0; i < n; i++)
			data[i] = static_cast<std::uint8_t>(i + 1);
	}

	cursor all() const { return cursor{{data.get(), size}}; }

	std::unique_ptr<std::uint8_t[]> data;
	std::size_t size;
};

template <typename T>
void reads_if_it_fits(T want)
{
	for (std::size_t n = 0; n < 12; n++) {
		exact buf(n);
		cursor c = buf.all();
		kernel::be<T> value(0);

		EXPECT_EQ(c.read(value), n >= sizeof(T));
		EXPECT_EQ(value.host(), n >= sizeof(T) ? want : T{0});
		EXPECT_EQ(c.left(), n >= sizeof(T) ? n - sizeof(T) : n);
	}
}

} // namespace

TEST(cursor, read__integers_whole_or_not_at_all)
{
	reads_if_it_fits<std::uint16_t>(0x0102);
	reads_if_it_fits<std::uint32_t>(0x01020304);
	reads_if_it_fits<std::uint64_t>(0x0102030405060708);
}

TEST(cursor, read__unaligned)
{
	exact buf(9);
	cursor c = buf.all();
	std::uint8_t first = 0;
	kernel::be64 rest(0);

	ASSERT_TRUE(c.read(first));
	ASSERT_TRUE(c.read(rest));
	EXPECT_EQ(first, 1);
	EXPECT_EQ(rest.host(), 0x0203040506070809);
	EXPECT_EQ(c.left(), 0U);
	EXPECT_FALSE(c.read(first));
}

TEST(cursor, take__bounds)
{
	exact buf(4);

	for (std::size_t n = 0; n < 8; n++) {
		cursor c = buf.all();
		std::span<const std::uint8_t> out;

		EXPECT_EQ(c.take(n, out), n <= 4);
		EXPECT_EQ(out.size(), n <= 4 ? n : 0);
		EXPECT_EQ(c.left(), n <= 4 ? 4 - n : 4);
	}
}

TEST(cursor, take__length_that_would_wrap)
{
	exact buf(4);
	cursor c = buf.all();
	std::span<const std::uint8_t> out;

	EXPECT_FALSE(c.take(~std::size_t{0}, out));
	EXPECT_FALSE(c.skip(~std::size_t{0}));
	EXPECT_EQ(c.left(), 4U);
}

TEST(cursor, skip__bounds)
{
	exact buf(4);
	cursor c = buf.all();
	std::uint8_t byte = 0;

	EXPECT_TRUE(c.skip(3));
	EXPECT_FALSE(c.skip(2));
	ASSERT_TRUE(c.read(byte));
	EXPECT_EQ(byte, 4);
	EXPECT_TRUE(c.skip(0));
}

TEST(cursor, default__is_empty)
{
	cursor c;
	std::uint8_t byte;
	std::span<const std::uint8_t> out;

	EXPECT_EQ(c.left(), 0U);
	EXPECT_FALSE(c.read(byte));
	EXPECT_TRUE(c.take(0, out));
	EXPECT_FALSE(c.take(1, out));
}
