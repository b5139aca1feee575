// SPDX-License-Identifier: GPL-2.0
/* Work request rings and credits: ib.md 10 and 15. */
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include <rds/ib_credit.h>
#include <rds/ib_ring.h>

using rds::ib::credits;
using rds::ib::ring;

TEST(ib_ring, take__what_there_is)
{
	ring r;
	std::uint32_t first = 99;

	r.init(5);
	EXPECT_TRUE(r.empty() && r.low());
	EXPECT_EQ(r.take(3, first), 3U);
	EXPECT_EQ(first, 0U);
	EXPECT_FALSE(r.low());
	EXPECT_EQ(r.take(3, first), 2U);
	EXPECT_EQ(first, 3U);
	EXPECT_EQ(r.take(1, first), 0U);
	EXPECT_EQ(r.used(), 5U);
}

TEST(ib_ring, retire__one_for_all_before)
{
	ring r;
	std::uint32_t first;

	r.init(5);
	ASSERT_EQ(r.take(4, first), 4U);
	EXPECT_EQ(r.covered(2), 3U);
	r.retire(3);
	EXPECT_EQ(r.oldest(), 3U);
	EXPECT_EQ(r.used(), 1U);
	/* around the end */
	ASSERT_EQ(r.take(9, first), 4U);
	EXPECT_EQ(first, 4U);
	EXPECT_EQ(r.covered(1), 4U);
	r.retire(4);
	EXPECT_EQ(r.oldest(), 2U);
	EXPECT_EQ(r.covered(2), 1U);
	r.retire(1);
	EXPECT_TRUE(r.empty());
}

/* A completion that no request of ours can have. */
TEST(ib_ring, covered__nothing_that_is_not_taken)
{
	ring r;
	std::uint32_t first;

	r.init(5);
	EXPECT_EQ(r.covered(0), 0U);
	ASSERT_EQ(r.take(3, first), 3U);
	for (std::uint64_t pos : {std::uint64_t{3}, std::uint64_t{4}, std::uint64_t{5},
				  ~std::uint64_t{0}, std::uint64_t{1} << 32})
		EXPECT_EQ(r.covered(pos), 0U) << pos;
	r.retire(2);
	EXPECT_EQ(r.covered(1), 0U);
	EXPECT_EQ(r.covered(2), 1U);
}

TEST(ib_ring, give_back__the_newest)
{
	ring r;
	std::uint32_t first;

	r.init(4);
	ASSERT_EQ(r.take(3, first), 3U);
	r.retire(r.covered(1));
	ASSERT_EQ(r.take(3, first), 3U);
	EXPECT_EQ(first, 3U);
	r.give_back(2);
	EXPECT_EQ(r.used(), 2U);
	EXPECT_EQ(r.covered(3), 2U);
	EXPECT_EQ(r.covered(0), 0U);
	ASSERT_EQ(r.take(1, first), 1U);
	EXPECT_EQ(first, 0U);
	r.give_back(1);
	r.give_back(0);
	EXPECT_EQ(r.used(), 2U);
}

/* Sizes that divide no power of two, for longer than any counter of 32 bits lasts if it ran freely. */
TEST(ib_ring, after__any_size)
{
	for (std::uint32_t size : {1u, 2u, 3u, 1000u, 0x80000001u, 0xffffffffu}) {
		ring r;
		r.init(size);
		for (std::uint32_t pos : {0u, size / 2, size - 1})
			for (std::uint32_t n : {0u, 1u, size / 3, size - 1, size})
				EXPECT_EQ(r.after(pos, std::min(n, size)),
					  (std::uint64_t{pos} + std::min(n, size)) % size)
					<< size << " " << pos << " " << n;
	}
}

TEST(ib_ring, stress__two_ends)
{
	constexpr std::uint32_t size = 7, rounds = 200000;
	ring r;
	std::vector<std::uint32_t> slot(size);
	std::uint32_t read = 0;

	r.init(size);
	std::thread producer([&] {
		for (std::uint32_t value = 0; value < rounds;) {
			std::uint32_t first, got = r.take(3, first);
			if (!got)
				std::this_thread::yield();
			if (got > 1)
				r.give_back(1), got--;
			for (std::uint32_t i = 0; i < got; i++)
				__atomic_store_n(&slot[r.after(first, i)], ++value,
						 __ATOMIC_RELAXED);
			/* the doorbell, in a real one */
			__atomic_store_n(&read, value, __ATOMIC_RELEASE);
		}
	});
	std::uint32_t seen = 0;
	while (seen < rounds) {
		std::uint32_t there = __atomic_load_n(&read, __ATOMIC_ACQUIRE);
		if (there == seen) {
			std::this_thread::yield();
			continue;
		}
		std::uint32_t n = there - seen;
		ASSERT_LE(n, size);
		ASSERT_EQ(r.covered(r.after(r.oldest(), n - 1)), n);
		for (std::uint32_t i = 0; i < n; i++)
			ASSERT_EQ(__atomic_load_n(&slot[r.after(r.oldest(), i)], __ATOMIC_RELAXED),
				  ++seen);
		r.retire(n);
	}
	producer.join();
	EXPECT_TRUE(r.empty());
}

TEST(ib_credit, take__no_more_than_there_are)
{
	credits c;

	c.init(10);
	EXPECT_EQ(c.take(4).sends, 4U);
	/* the last is kept for a header that says something */
	EXPECT_EQ(c.take(9).sends, 5U);
	EXPECT_EQ(c.take(1).sends, 0U);
	EXPECT_FALSE(c.posted(3));
	credits::grant g = c.take(1);
	EXPECT_EQ(g.sends, 1U);
	EXPECT_EQ(g.said, 3);
	EXPECT_EQ(c.sends() + c.unsaid(), 0U);
	EXPECT_EQ(c.take(1).sends, 0U);
	c.heard(7);
	EXPECT_EQ(c.take(3).sends, 3U);
}

TEST(ib_credit, take__announces)
{
	credits c;

	c.init(3);
	EXPECT_FALSE(c.posted(15));
	EXPECT_TRUE(c.posted(285));
	credits::grant g = c.take(2);
	EXPECT_EQ(g.sends, 2U);
	EXPECT_EQ(g.said, 255);
	/* in a header that goes anyway */
	g = c.take(0);
	EXPECT_EQ(g.sends, 0U);
	EXPECT_EQ(g.said, 45);
	EXPECT_EQ(c.unsaid(), 0U);
	EXPECT_EQ(c.sends(), 1U);
	/* nothing is announced by a SEND that must not be */
	credits none;
	none.init(0);
	EXPECT_FALSE(none.posted(1));
	g = none.take(1);
	EXPECT_EQ(g.sends + g.said, 0U);
	EXPECT_EQ(none.unsaid(), 1U);
}

/* Or who is turned away, and looks again as long as there are some, looks for ever. */
TEST(ib_credit, usable__as_take)
{
	for (std::uint32_t sends = 0; sends < 4; sends++)
		for (std::uint32_t unsaid = 0; unsaid < 3; unsaid++) {
			credits c;

			c.init(sends);
			EXPECT_FALSE(c.posted(unsaid));
			bool usable = c.usable();
			EXPECT_EQ(usable, c.take(1).sends == 1) << sends << " " << unsaid;
		}
}

TEST(ib_credit, give_back)
{
	credits c;

	c.init(10);
	EXPECT_FALSE(c.posted(4));
	credits::grant g = c.take(6);
	c.give_back(g);
	EXPECT_EQ(c.sends(), 10U);
	EXPECT_EQ(c.unsaid(), 4U);
}

/* A peer that grants without end does not make them few again. */
TEST(ib_credit, heard__never_overflows)
{
	credits c;

	c.init(0xffffffff);
	EXPECT_EQ(c.sends(), 0xffffU);
	for (int i = 0; i < 1000; i++)
		c.heard(255);
	EXPECT_EQ(c.sends(), 0xffffU);
	EXPECT_EQ(c.unsaid(), 0U);
	for (int i = 0; i < 300; i++)
		EXPECT_TRUE(c.posted(1000));
	EXPECT_EQ(c.unsaid(), 0xffffU);
	EXPECT_EQ(c.sends(), 0xffffU);
}

/* What is granted on one end is spent on the other, whatever happens at once. */
TEST(ib_credit, stress__none_is_lost)
{
	constexpr std::uint32_t all = 60000; /* fewer than saturate */
	credits c;
	std::uint32_t spent = 0, said = 0;

	c.init(1);
	std::thread peer([&] {
		for (std::uint32_t i = 0; i < all; i++)
			c.heard(1);
	});
	std::thread refill([&] {
		for (std::uint32_t i = 0; i < all; i++)
			(void)c.posted(1);
	});
	auto sender = [&] {
		for (std::uint32_t mine = 0; mine < all / 4;) {
			credits::grant g = c.take(3);
			if (!g.sends)
				std::this_thread::yield();
			mine += g.sends;
			__atomic_add_fetch(&spent, g.sends, __ATOMIC_RELAXED);
			__atomic_add_fetch(&said, g.said, __ATOMIC_RELAXED);
		}
	};
	std::thread one(sender), two(sender);
	for (auto *t : {&peer, &refill, &one, &two})
		t->join();
	EXPECT_EQ(spent + c.sends(), all + 1);
	EXPECT_EQ(said + c.unsaid(), all);
	EXPECT_GE(spent, all / 2);
}
