// SPDX-License-Identifier: GPL-2.0
/* Congestion map arithmetic, against fixed points and against a set of ports. */
#include <memory>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include <rds/congmap.h>

namespace {

/* On the heap and exactly sized, so that ASan sees an access beside it. */
struct map {
	map() : bytes(new std::uint8_t[RDS_CONG_MAP_BYTES]()) {}

	std::uint8_t *get() { return bytes.get(); }

	std::unique_ptr<std::uint8_t[]> bytes;
};

/* Port by port, from the definition. */
std::uint64_t slow_relieved(const map &was, const map &now)
{
	std::uint64_t groups = 0;

	for (unsigned int port = 0; port < RDS_CONG_MAP_PORTS; port++) {
		unsigned int bit = 1U << port % 8;

		if ((was.bytes[port / 8] & bit) && !(now.bytes[port / 8] & bit))
			groups |= std::uint64_t{1} << port % 64;
	}
	return groups;
}

} // namespace

TEST(congmap, congmap_set__fixed_points)
{
	struct {
		std::uint16_t port;
		std::size_t byte;
		unsigned int bit;
	} points[] = {
		{0, 0, 0},	  {7, 0, 7},	    {8, 1, 0},	      {4096, 512, 0},
		{10000, 1250, 0}, {20001, 2500, 1}, {65535, 8191, 7},
	};

	for (const auto &p : points) {
		map m;

		EXPECT_TRUE(rds::congmap_set(m.get(), p.port));
		for (std::size_t i = 0; i < RDS_CONG_MAP_BYTES; i++)
			ASSERT_EQ(m.bytes[i], i == p.byte ? 1U << p.bit : 0U) << p.port;
	}
}

TEST(congmap, congmap_set__says_whether_it_changed)
{
	map m;

	EXPECT_FALSE(rds::congmap_clear(m.get(), 4711));
	EXPECT_TRUE(rds::congmap_set(m.get(), 4711));
	EXPECT_FALSE(rds::congmap_set(m.get(), 4711));
	EXPECT_TRUE(rds::congmap_test(m.get(), 4711));
	EXPECT_TRUE(rds::congmap_clear(m.get(), 4711));
	EXPECT_FALSE(rds::congmap_clear(m.get(), 4711));
	EXPECT_FALSE(rds::congmap_test(m.get(), 4711));
}

TEST(congmap, congmap_clear__leaves_the_neighbours)
{
	map m;

	std::fill_n(m.get(), RDS_CONG_MAP_BYTES, 0xff);
	EXPECT_TRUE(rds::congmap_clear(m.get(), 20001));
	EXPECT_TRUE(rds::congmap_test(m.get(), 20000));
	EXPECT_FALSE(rds::congmap_test(m.get(), 20001));
	EXPECT_TRUE(rds::congmap_test(m.get(), 20002));
	EXPECT_EQ(m.bytes[2500], 0xfd);
}

TEST(congmap, random_run__agrees_with_a_set_of_ports)
{
	std::mt19937 rng(1);
	std::set<std::uint16_t> oracle;
	map m;

	for (int i = 0; i < 200000; i++) {
		/* Few ports, so that they are set and cleared many times. */
		auto port = static_cast<std::uint16_t>(rng() % 512 * 128 + rng() % 2);

		switch (rng() % 3) {
		case 0:
			ASSERT_EQ(rds::congmap_set(m.get(), port), oracle.insert(port).second);
			break;
		case 1:
			ASSERT_EQ(rds::congmap_clear(m.get(), port), oracle.erase(port) == 1);
			break;
		default:
			ASSERT_EQ(rds::congmap_test(m.get(), port), oracle.contains(port));
		}
	}
	for (unsigned int port = 0; port < RDS_CONG_MAP_PORTS; port++)
		ASSERT_EQ(rds::congmap_test(m.get(), static_cast<std::uint16_t>(port)),
			  oracle.contains(static_cast<std::uint16_t>(port)));
}

TEST(congmap, congmap_relieved__one_port_at_a_time)
{
	map was;
	map now;

	for (unsigned int port = 0; port < RDS_CONG_MAP_PORTS; port += 61) {
		auto p = static_cast<std::uint16_t>(port);

		rds::congmap_set(was.get(), p);
		ASSERT_EQ(rds::congmap_relieved(was.get(), now.get(), RDS_CONG_MAP_BYTES),
			  std::uint64_t{1} << port % 64);
		ASSERT_EQ(rds::congmap_relieved(now.get(), was.get(), RDS_CONG_MAP_BYTES), 0U);
		ASSERT_EQ(rds::congmap_relieved(was.get(), was.get(), RDS_CONG_MAP_BYTES), 0U);
		rds::congmap_clear(was.get(), p);
	}
}

TEST(congmap, congmap_relieved__random_maps_and_fragments)
{
	std::mt19937 rng(1);

	for (int run = 0; run < 200; run++) {
		map was;
		map now;

		for (int i = 0; i < 40; i++) {
			rds::congmap_set(was.get(), static_cast<std::uint16_t>(rng()));
			rds::congmap_set(now.get(), static_cast<std::uint16_t>(rng()));
		}

		std::uint64_t want = slow_relieved(was, now);
		std::uint64_t halves = rds::congmap_relieved(was.get(), now.get(), RDS_FRAG_SIZE) |
				       rds::congmap_relieved(was.get() + RDS_FRAG_SIZE,
							     now.get() + RDS_FRAG_SIZE,
							     RDS_FRAG_SIZE);

		ASSERT_EQ(rds::congmap_relieved(was.get(), now.get(), RDS_CONG_MAP_BYTES), want);
		ASSERT_EQ(halves, want);
	}
}

TEST(congmap, congmap_relieved__unaligned_buffers)
{
	alignas(8) std::uint8_t was[33] = {};
	alignas(8) std::uint8_t now[33] = {};

	was[1 + 9] = 0x04;
	EXPECT_EQ(rds::congmap_relieved(was + 1, now + 1, 32), std::uint64_t{1} << 10);
}

TEST(congmap, congmap_all_groups__covers_every_port)
{
	for (unsigned int port = 0; port < 64; port++)
		EXPECT_TRUE(rds::congmap_all_groups >> port & 1);
}
