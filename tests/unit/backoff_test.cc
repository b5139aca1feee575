// SPDX-License-Identifier: GPL-2.0
/* Delays before a lane connects again: sequence of windows and bounds of each delay. */
#include <climits>
#include <random>

#include <gtest/gtest.h>

#include <rds/backoff.h>

TEST(backoff, next__first_attempt_is_immediate)
{
	rds::reconnect_backoff backoff;

	EXPECT_EQ(backoff.next(ULONG_MAX, 7, 1000), 0U);
	EXPECT_EQ(backoff.window, 7U);
}

TEST(backoff, next__second_is_immediate_too_with_a_window_of_one_tick)
{
	rds::reconnect_backoff backoff;

	EXPECT_EQ(backoff.next(12345, 1, 250), 0U);
	EXPECT_EQ(backoff.next(12345, 1, 250), 0U);
	EXPECT_EQ(backoff.window, 2U);
}

TEST(backoff, next__windows_double_up_to_the_maximum)
{
	const unsigned long want[] = {1, 2, 4, 8, 16, 32, 64, 128, 250, 250, 250};
	rds::reconnect_backoff backoff;

	for (unsigned long window : want) {
		static_cast<void>(backoff.next(0, 1, 250));
		EXPECT_EQ(backoff.window, window);
	}
}

TEST(backoff, next__delay_is_random_modulo_the_window_before_it_grows)
{
	rds::reconnect_backoff backoff{100};

	EXPECT_EQ(backoff.next(1234, 1, 1000), 34U);
	EXPECT_EQ(backoff.next(1234, 1, 1000), 34U);
	EXPECT_EQ(backoff.next(1599, 1, 1000), 399U);
	EXPECT_EQ(backoff.window, 800U);
}

TEST(backoff, next__both_ends_of_the_window_are_reached)
{
	EXPECT_EQ((rds::reconnect_backoff{64}.next(0, 1, 1000)), 0U);
	EXPECT_EQ((rds::reconnect_backoff{64}.next(63, 1, 1000)), 63U);
	EXPECT_EQ((rds::reconnect_backoff{64}.next(64, 1, 1000)), 0U);
}

TEST(backoff, next__random_run_stays_in_bounds)
{
	std::mt19937_64 rng(1);
	rds::reconnect_backoff backoff;

	static_cast<void>(backoff.next(rng(), 1, 250));
	for (int i = 0; i < 10000; i++) {
		unsigned long window = backoff.window;

		ASSERT_LT(backoff.next(rng(), 1, 250), window);
		ASSERT_LE(backoff.window, 250U);
		ASSERT_GE(backoff.window, window);
	}
}

TEST(backoff, connected__starts_over)
{
	rds::reconnect_backoff backoff{128};

	backoff.connected();
	EXPECT_EQ(backoff.next(99, 3, 250), 0U);
	EXPECT_EQ(backoff.window, 3U);
}

TEST(backoff, next__minimum_equal_to_maximum)
{
	rds::reconnect_backoff backoff;

	static_cast<void>(backoff.next(0, 250, 250));
	EXPECT_EQ(backoff.next(499, 250, 250), 249U);
	EXPECT_EQ(backoff.window, 250U);
}

TEST(backoff, next__maximum_lowered_meanwhile)
{
	rds::reconnect_backoff backoff{1000};

	EXPECT_EQ(backoff.next(999, 1, 10), 999U);
	EXPECT_EQ(backoff.window, 10U);
}

TEST(backoff, next__odd_maximum_is_reached_exactly)
{
	rds::reconnect_backoff backoff{3};

	static_cast<void>(backoff.next(0, 1, 7));
	EXPECT_EQ(backoff.window, 6U);
	static_cast<void>(backoff.next(0, 1, 7));
	EXPECT_EQ(backoff.window, 7U);
}

TEST(backoff, next__doubling_does_not_overflow)
{
	rds::reconnect_backoff backoff{ULONG_MAX / 2 + 1};

	static_cast<void>(backoff.next(0, 1, ULONG_MAX));
	EXPECT_EQ(backoff.window, ULONG_MAX);
	EXPECT_EQ(backoff.next(ULONG_MAX - 1, 1, ULONG_MAX), ULONG_MAX - 1);
	EXPECT_EQ(backoff.window, ULONG_MAX);
}

TEST(backoff, next__limits_of_zero_do_not_divide_by_zero)
{
	rds::reconnect_backoff backoff;

	EXPECT_EQ(backoff.next(5, 0, 0), 0U);
	EXPECT_EQ(backoff.next(5, 0, 0), 0U);
	EXPECT_EQ(backoff.next(5, 0, 0), 0U);
}
