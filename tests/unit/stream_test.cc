// SPDX-License-Identifier: GPL-2.0
/* Cutting a TCP byte stream into messages, however the network cuts it first. */
#include <gtest/gtest.h>

#include <rds/exthdr.h>

#include "hex.h"
#include "stream_driver.h"
#include "vectors.h"

using kernel::be16;
using kernel::be32;
using kernel::be64;
using rds::stream_error;
using rds::stream_kind;

namespace {

void append(test::bytes &out, const rds_header &hdr, std::uint8_t first = 0)
{
	std::size_t at = out.size();
	std::uint32_t len = hdr.h_len.host();

	out.resize(at + sizeof(hdr) + len);
	std::memcpy(out.data() + at, &hdr, sizeof(hdr));
	for (std::uint32_t i = 0; i < len; i++)
		out[at + sizeof(hdr) + i] = static_cast<std::uint8_t>(first + i);
}

test::bytes just_header(const rds_header &hdr)
{
	test::bytes out(sizeof(hdr));

	std::memcpy(out.data(), &hdr, sizeof(hdr));
	return out;
}

rds_header data_header(std::uint32_t len)
{
	rds_header hdr = rds::make_header(be16(10000), be16(20000), len);

	hdr.h_sequence = be64(2);
	return hdr;
}

/* Data, an empty message, a ping with payload; 164 bytes. */
test::bytes three_messages()
{
	test::bytes out;
	rds_header ping = rds::make_header(be16(4000), be16(0), 7);

	append(out, data_header(13), 100);
	append(out, data_header(0));
	append(out, ping, 50);
	return out;
}

/* Text only where it differs: this runs for every cut. */
void expect_same(const rds_header &got, const rds_header &want)
{
	if (std::memcmp(&got, &want, sizeof(got)) != 0)
		ADD_FAILURE() << test::to_hex(got) << " instead of " << test::to_hex(want);
}

void expect_three(const test::driver &d)
{
	ASSERT_EQ(d.delivered.size(), 3U);
	EXPECT_EQ(d.delivered[0].kind, stream_kind::message);
	expect_same(d.delivered[0].header(), data_header(13));
	ASSERT_EQ(d.delivered[0].payload.size(), 13U);
	for (std::size_t i = 0; i < 13; i++)
		EXPECT_EQ(d.delivered[0].payload[i], 100 + i);
	EXPECT_EQ(d.delivered[1].kind, stream_kind::message);
	expect_same(d.delivered[1].header(), data_header(0));
	EXPECT_TRUE(d.delivered[1].payload.empty());
	EXPECT_EQ(d.delivered[2].kind, stream_kind::ping);
	EXPECT_TRUE(d.delivered[2].payload.empty());
	EXPECT_TRUE(d.stream.idle());
	EXPECT_EQ(d.most_kept, 13U);
}

/* The header alone, complete. */
rds::stream after_header(const rds_header &hdr)
{
	test::bytes raw = just_header(hdr);
	rds::stream stream;

	EXPECT_EQ(stream.take_header(raw.data(), raw.size()), raw.size());
	return stream;
}

} // namespace

TEST(stream, fresh__wants_48_header_bytes)
{
	rds::stream stream;

	EXPECT_EQ(stream.hdr_rem, 48U);
	EXPECT_EQ(stream.data_rem, 0U);
	EXPECT_TRUE(stream.idle());
	EXPECT_TRUE(stream.wants_header());
	EXPECT_FALSE(stream.wants_payload());
	EXPECT_FALSE(stream.complete());
	EXPECT_EQ(stream.error(), stream_error::none);
}

TEST(stream, fresh_lane__map_then_probe)
{
	test::bytes wire = test::from_hex(test::vectors[test::map_header].bytes);
	test::bytes probe = test::from_hex(test::vectors[test::new_probe].bytes);
	test::driver d;

	wire.resize(wire.size() + RDS_CONG_MAP_BYTES);
	wire.insert(wire.end(), probe.begin(), probe.end());
	EXPECT_EQ(d.feed(wire), wire.size());
	ASSERT_EQ(d.delivered.size(), 2U);
	EXPECT_EQ(d.delivered[0].kind, stream_kind::map);
	EXPECT_EQ(d.delivered[0].payload, test::bytes(RDS_CONG_MAP_BYTES));
	EXPECT_EQ(d.delivered[1].kind, stream_kind::ping);
	EXPECT_EQ(test::to_hex(d.delivered[1].header()), test::vectors[test::new_probe].bytes);
}

TEST(stream, cut__whole)
{
	test::driver d;

	EXPECT_EQ(d.feed(three_messages()), 164U);
	expect_three(d);
}

TEST(stream, cut__byte_by_byte)
{
	test::bytes wire = three_messages();
	test::driver d;

	for (const std::uint8_t &byte : wire)
		ASSERT_EQ(d.feed(&byte, 1), 1U);
	expect_three(d);
}

TEST(stream, cut__every_split_into_two_and_three)
{
	test::bytes wire = three_messages();

	for (std::size_t a = 0; a <= wire.size(); a++) {
		for (std::size_t b = a; b <= wire.size(); b++) {
			/* Copies, so that a read beyond a piece is seen. */
			test::bytes first(wire.begin(), wire.begin() + a);
			test::bytes second(wire.begin() + a, wire.begin() + b);
			test::bytes third(wire.begin() + b, wire.end());
			test::driver d;

			ASSERT_EQ(d.feed(first), first.size());
			ASSERT_EQ(d.feed(second), second.size());
			ASSERT_EQ(d.feed(third), third.size());
			expect_three(d);
			if (HasFailure())
				FAIL() << "cut at " << a << " and " << b;
		}
	}
}

TEST(stream, cut__map_at_every_offset)
{
	test::bytes wire;

	append(wire, rds::make_congestion_map(), 3);
	append(wire, data_header(1), 9);
	for (std::size_t a = 0; a <= wire.size(); a++) {
		test::driver d;

		ASSERT_EQ(d.feed(wire.data(), a), a);
		ASSERT_EQ(d.feed(wire.data() + a, wire.size() - a), wire.size() - a);
		ASSERT_EQ(d.delivered.size(), 2U) << a;
		ASSERT_EQ(d.delivered[0].kind, stream_kind::map) << a;
		ASSERT_EQ(d.delivered[0].payload.size(), 8192U) << a;
		ASSERT_EQ(d.delivered[0].payload[8191], static_cast<std::uint8_t>(3 + 8191)) << a;
		ASSERT_EQ(d.delivered[1].payload, test::bytes{9}) << a;
	}
}

TEST(stream, empty_message__complete_right_after_the_header)
{
	rds::stream stream = after_header(data_header(0));

	EXPECT_TRUE(stream.complete());
	EXPECT_FALSE(stream.wants_payload());
	EXPECT_EQ(stream.keep(), 0U);
}

TEST(stream, take_header__takes_no_payload)
{
	test::bytes wire = three_messages();
	rds::stream stream;

	EXPECT_EQ(stream.take_header(wire.data(), wire.size()), 48U);
	EXPECT_EQ(stream.take_header(wire.data() + 48, 10), 0U);
	EXPECT_EQ(stream.data_rem, 13U);
}

TEST(stream, take_header__nothing_to_take)
{
	rds::stream stream;

	EXPECT_EQ(stream.take_header(nullptr, 0), 0U);
	stream.header_filled(0);
	EXPECT_TRUE(stream.idle());
}

TEST(stream, header_filled__more_than_missing_is_clamped)
{
	rds::stream stream;
	test::bytes raw = just_header(data_header(5));

	std::memcpy(stream.header_space(), raw.data(), raw.size());
	stream.header_filled(1000);
	EXPECT_EQ(stream.hdr_rem, 0U);
	EXPECT_EQ(stream.data_rem, 5U);
	EXPECT_EQ(stream.take_payload(2), 2U);
	stream.header_filled(1000);
	EXPECT_EQ(stream.data_rem, 3U);
}

TEST(stream, take_payload__stops_at_the_end_of_the_message)
{
	rds::stream stream = after_header(data_header(5));

	EXPECT_EQ(stream.take_payload(2), 2U);
	EXPECT_FALSE(stream.complete());
	EXPECT_EQ(stream.take_payload(0), 0U);
	EXPECT_EQ(stream.take_payload(~std::size_t{0}), 3U);
	EXPECT_TRUE(stream.complete());
	EXPECT_EQ(stream.take_payload(10), 0U);
}

TEST(stream, no_memory__not_taking_changes_nothing)
{
	rds::stream stream = after_header(data_header(5));

	static_cast<void>(stream.take_payload(2));
	EXPECT_EQ(stream.hdr_rem, 0U);
	EXPECT_EQ(stream.data_rem, 3U);
	EXPECT_EQ(stream.keep(), 5U);
	EXPECT_EQ(stream.take_payload(3), 3U);
	EXPECT_TRUE(stream.complete());
}

TEST(stream, length__up_to_the_limit)
{
	rds::stream stream = after_header(data_header(RDS_MAX_MSG_SIZE));

	EXPECT_EQ(stream.error(), stream_error::none);
	EXPECT_EQ(stream.data_rem, 1048576U);
	EXPECT_EQ(stream.keep(), 1048576U);
	EXPECT_FALSE(stream.discard());
}

TEST(stream, length__beyond_the_limit_is_an_error)
{
	for (std::uint32_t len : {RDS_MAX_MSG_SIZE + 1U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
		rds::stream stream = after_header(data_header(len));
		test::bytes more(100);

		EXPECT_EQ(stream.error(), stream_error::bad_length) << len;
		EXPECT_FALSE(stream.complete());
		EXPECT_FALSE(stream.wants_payload());
		EXPECT_EQ(stream.take_payload(more.size()), 0U);
		EXPECT_EQ(stream.take_header(more.data(), more.size()), 0U);
		EXPECT_EQ(stream.error(), stream_error::bad_length) << len;
	}
}

TEST(stream, length__limit_holds_for_pings_and_maps)
{
	rds_header map = rds::make_congestion_map();

	map.h_len = be32(RDS_MAX_MSG_SIZE + 1);
	EXPECT_EQ(after_header(map).error(), stream_error::bad_length);
	EXPECT_EQ(after_header(rds::make_header(be16(5), be16(0), ~0U)).error(),
		  stream_error::bad_length);
}

TEST(stream, length__hostile_stream_keeps_nothing)
{
	test::bytes wire = just_header(data_header(0xffffffff));
	test::driver d;

	wire.resize(wire.size() + 100000, 0x55);
	EXPECT_EQ(d.feed(wire), 48U);
	EXPECT_EQ(d.most_kept, 0U);
	EXPECT_TRUE(d.delivered.empty());
}

TEST(stream, reset__recovers_from_an_error_and_from_half_a_message)
{
	rds::stream failed = after_header(data_header(0xffffffff));
	rds::stream half = after_header(data_header(50));
	test::bytes raw = just_header(data_header(1));

	static_cast<void>(half.take_payload(10));
	for (rds::stream *stream : {&failed, &half}) {
		stream->reset();
		EXPECT_TRUE(stream->idle());
		EXPECT_EQ(stream->error(), stream_error::none);
		EXPECT_EQ(stream->data_rem, 0U);
		EXPECT_EQ(stream->take_header(raw.data(), raw.size()), 48U);
		EXPECT_EQ(stream->data_rem, 1U);
	}
}

TEST(stream, reset__forgets_half_a_header)
{
	test::bytes raw = just_header(data_header(1));
	rds::stream stream;

	EXPECT_EQ(stream.take_header(raw.data(), 20), 20U);
	EXPECT_FALSE(stream.idle());
	stream.reset();
	EXPECT_EQ(stream.take_header(raw.data(), raw.size()), 48U);
	EXPECT_EQ(test::to_hex(stream.header), test::to_hex(data_header(1)));
}

TEST(stream, map__exact_size_only)
{
	for (std::uint32_t len : {0U, 1U, 8191U, 8193U, 4096U, 1048576U}) {
		rds_header hdr = rds::make_congestion_map();

		hdr.h_len = be32(len);

		rds::stream stream = after_header(hdr);

		EXPECT_EQ(stream.error(), stream_error::none) << len;
		EXPECT_EQ(stream.kind(), stream_kind::ignore) << len;
		EXPECT_TRUE(stream.discard()) << len;
		EXPECT_EQ(stream.keep(), 0U) << len;
		EXPECT_EQ(stream.data_rem, len);
	}
	EXPECT_EQ(after_header(rds::make_congestion_map()).kind(), stream_kind::map);
	EXPECT_FALSE(after_header(rds::make_congestion_map()).discard());
}

TEST(stream, map__wrong_size_is_consumed_and_the_stream_goes_on)
{
	rds_header hdr = rds::make_congestion_map();
	test::bytes wire;
	test::driver d;

	hdr.h_len = be32(300);
	append(wire, hdr);
	append(wire, data_header(2), 8);
	EXPECT_EQ(d.feed(wire), wire.size());
	ASSERT_EQ(d.delivered.size(), 2U);
	EXPECT_EQ(d.delivered[0].kind, stream_kind::ignore);
	EXPECT_EQ(d.delivered[1].payload, (test::bytes{8, 9}));
	EXPECT_EQ(d.most_kept, 2U);
}

TEST(stream, map__with_another_flag_is_a_ping)
{
	rds_header hdr = rds::make_congestion_map();

	hdr.h_flags |= RDS_FLAG_RETRANSMITTED;
	EXPECT_EQ(after_header(hdr).kind(), stream_kind::ping);
	EXPECT_TRUE(after_header(hdr).discard());
}

TEST(stream, ping__payload_of_a_megabyte_is_never_kept)
{
	test::bytes wire;
	test::driver d;

	append(wire, rds::make_header(be16(4000), be16(0), RDS_MAX_MSG_SIZE));
	EXPECT_EQ(d.feed(wire), wire.size());
	ASSERT_EQ(d.delivered.size(), 1U);
	EXPECT_EQ(d.delivered[0].kind, stream_kind::ping);
	EXPECT_EQ(d.most_kept, 0U);
}

TEST(stream, heartbeat__is_a_ping_that_nobody_answers)
{
	for (std::uint8_t flags : {RDS_FLAG_HB_PING, RDS_FLAG_HB_PONG}) {
		rds_header hdr = rds::make_header(be16(0), be16(0), 0);

		hdr.h_flags = flags;

		rds::stream stream = after_header(hdr);

		EXPECT_TRUE(stream.complete());
		EXPECT_EQ(stream.kind(), stream_kind::ping);
		EXPECT_FALSE(rds::wants_pong(stream.header));
	}
}

TEST(stream, checksum__right_value_is_accepted)
{
	for (const test::vector &v : test::vectors) {
		rds_header hdr = test::header(v.bytes);

		hdr.h_csum = be16(v.sum);
		EXPECT_EQ(after_header(hdr).error(), stream_error::none) << v.name;
	}
}

TEST(stream, checksum__wrong_value_is_an_error)
{
	rds_header hdr = test::header(test::vectors[test::data_header].bytes);

	hdr.h_csum = be16(0x8ac9);

	rds::stream stream = after_header(hdr);

	EXPECT_EQ(stream.error(), stream_error::bad_checksum);
	EXPECT_FALSE(stream.complete());
	EXPECT_EQ(stream.take_payload(5), 0U);
}

TEST(stream, ignored_fields__ack_credit_padding)
{
	rds_header hdr = data_header(3);

	hdr.h_ack = be64(77);
	hdr.h_credit = 200;
	hdr.h_padding[0] = 1;
	hdr.h_padding[3] = 2;
	hdr.h_flags = 0xc0;
	EXPECT_EQ(after_header(hdr).error(), stream_error::none);
	EXPECT_EQ(after_header(hdr).kind(), stream_kind::message);
}
