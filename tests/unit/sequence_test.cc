// SPDX-License-Identifier: GPL-2.0
/* Message numbers, suppression of repetitions, cadence of ack requests. */
#include <vector>

#include <gtest/gtest.h>

#include <rds/sequence.h>

namespace {

constexpr std::uint8_t again = RDS_FLAG_RETRANSMITTED;
constexpr std::uint64_t last = ~std::uint64_t{0};

/* Defaults of the two sysctls. */
constexpr std::uint32_t packets = 8;
constexpr std::uint32_t bytes = 16 * 1024 * 1024;

/* Numbers, counted from 1, of the messages that ask for an ack. */
std::vector<int> asking(rds::ack_cadence &cadence, int count, std::uint32_t len)
{
	std::vector<int> out;

	for (int i = 1; i <= count; i++)
		if (cadence.ask(len, packets, bytes))
			out.push_back(i);
	return out;
}

} // namespace

TEST(send_sequence, take__starts_at_1_and_counts)
{
	rds::send_sequence seq;

	EXPECT_EQ(seq.take(), 1U);
	EXPECT_EQ(seq.take(), 2U);
	EXPECT_EQ(seq.next, 3U);
	seq.restart();
	EXPECT_EQ(seq.take(), 1U);
}

TEST(recv_sequence, accept__in_order)
{
	rds::recv_sequence seq;

	for (std::uint64_t i = 1; i < 100; i++) {
		EXPECT_TRUE(seq.accept(i, 0));
		EXPECT_EQ(seq.next, i + 1);
	}
}

TEST(recv_sequence, accept__gaps_are_legal)
{
	rds::recv_sequence seq;

	EXPECT_TRUE(seq.accept(1, 0));
	EXPECT_TRUE(seq.accept(5, 0));
	EXPECT_EQ(seq.next, 6U);
	EXPECT_TRUE(seq.accept(9, again));
	EXPECT_EQ(seq.next, 10U);
}

TEST(recv_sequence, accept__repetition_needs_low_number_and_flag)
{
	rds::recv_sequence seq{10};

	EXPECT_FALSE(seq.accept(9, again));
	EXPECT_FALSE(seq.accept(0, again));
	EXPECT_FALSE(seq.accept(9, again | RDS_FLAG_ACK_REQUIRED));
	EXPECT_EQ(seq.next, 10U);
	EXPECT_TRUE(seq.accept(10, again));
	EXPECT_EQ(seq.next, 11U);
}

TEST(recv_sequence, accept__first_message_ever_may_carry_the_flag)
{
	rds::recv_sequence seq;

	EXPECT_TRUE(seq.accept(1, again));
	EXPECT_FALSE(seq.accept(1, again));
}

TEST(recv_sequence, accept__rebooted_peer_moves_it_backwards)
{
	rds::recv_sequence seq{1000};

	EXPECT_TRUE(seq.accept(1, 0));
	EXPECT_EQ(seq.next, 2U);
	EXPECT_TRUE(seq.accept(2, again));
	EXPECT_EQ(seq.next, 3U);
}

TEST(recv_sequence, accept__other_flags_do_not_suppress)
{
	rds::recv_sequence seq{1000};

	EXPECT_TRUE(seq.accept(5, static_cast<std::uint8_t>(~again)));
	EXPECT_EQ(seq.next, 6U);
}

TEST(recv_sequence, accept__largest_number_wraps_unsigned)
{
	rds::recv_sequence seq{5};

	EXPECT_TRUE(seq.accept(last, 0));
	EXPECT_EQ(seq.next, 0U);
	EXPECT_TRUE(seq.accept(3, again));
	EXPECT_EQ(seq.next, 4U);
}

TEST(recv_sequence, restart__lets_retransmissions_through)
{
	rds::recv_sequence seq{1000};

	seq.restart();
	EXPECT_TRUE(seq.accept(1, again));
}

TEST(ack_cadence, ask__first_then_every_ninth)
{
	rds::ack_cadence cadence;

	EXPECT_EQ(asking(cadence, 30, 100), (std::vector<int>{1, 10, 19, 28}));
}

TEST(ack_cadence, ask__empty_messages_count_as_packets)
{
	rds::ack_cadence cadence;

	EXPECT_EQ(asking(cadence, 20, 0), (std::vector<int>{1, 10, 19}));
}

TEST(ack_cadence, ask__bytes_run_out_first)
{
	rds::ack_cadence cadence;

	/* 16 MiB hold two messages of 6 MiB; the third asks. */
	EXPECT_EQ(asking(cadence, 8, 6 * 1024 * 1024), (std::vector<int>{1, 4, 7}));
}

TEST(ack_cadence, ask__exactly_the_bytes_left_does_not_ask)
{
	rds::ack_cadence cadence{8, 100};

	EXPECT_FALSE(cadence.ask(100, packets, bytes));
	EXPECT_EQ(cadence.bytes, 0U);
	EXPECT_EQ(cadence.packets, 7U);
	EXPECT_FALSE(cadence.ask(0, packets, bytes));
	EXPECT_TRUE(cadence.ask(1, packets, bytes));
}

TEST(ack_cadence, ask__the_asking_message_is_not_counted)
{
	rds::ack_cadence cadence;

	EXPECT_TRUE(cadence.ask(1000, packets, bytes));
	EXPECT_EQ(cadence.packets, packets);
	EXPECT_EQ(cadence.bytes, bytes);
}

TEST(ack_cadence, reload__after_a_reset_eight_are_free)
{
	rds::ack_cadence cadence;

	cadence.reload(packets, bytes);
	EXPECT_EQ(asking(cadence, 20, 1), (std::vector<int>{9, 18}));
}

TEST(ack_cadence, ask__maximum_zero_always_asks)
{
	rds::ack_cadence cadence;

	for (int i = 0; i < 5; i++)
		EXPECT_TRUE(cadence.ask(1, 0, bytes));
}
