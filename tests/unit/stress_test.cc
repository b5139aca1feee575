// SPDX-License-Identifier: GPL-2.0
/*
 * rds-stress without a kernel: the header and the pattern of a message, the frames of the control
 * stream whatever a peer sends, the limits of options, the arithmetic of the report.
 */
#include "stress_control.h"
#include "stress_message.h"
#include "stress_options.h"
#include "stress_stats.h"
#include "stress_task.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace rds_tools;
using namespace rds_tools::stress;

namespace {

using byte_vector = std::vector<std::uint8_t>;

header some_header()
{
	header h;
	h.sequence = 0x01020304;
	h.from_address = 0x0a000001;
	h.to_address = 0x0a000002;
	h.from_port = 4001;
	h.to_port = 4002;
	h.index = 0x0506;
	h.op = operation::ack;
	h.pattern = 0x1112131415161718;
	h.run = 0x2122232425262728;
	h.rdma = {rdma_operation::write, 0x3132333435363738, 0x4142434445464748, 0x51525354,
		  0x0155};
	return h;
}

shared_options other_than_default()
{
	shared_options opt;
	opt.request_bytes = 5000;
	opt.ack_bytes = 64;
	opt.tasks = 16;
	opt.seconds = 77;
	opt.tos = 200;
	opt.one_way = true;
	opt.verify = true;
	opt.cong_monitor = false;
	opt.run = 0x0123456789abcdef;
	opt.rdma = {1000, 3, 777, rdma_write_only, true, true, false, false};
	/* no larger than what a task may have for RDMA */
	opt.depth = 8000;
	return opt;
}

/* A frame with any numbers in its head. */
byte_vector raw_frame(std::uint32_t magic, std::uint16_t version, std::uint8_t type,
		      std::uint32_t length)
{
	writer out;
	out.put(magic).put(version).put(type).put(std::uint8_t{0}).put(length);
	return out.bytes();
}

std::string complaint_about(const byte_vector &bytes)
{
	frame_decoder decoder;
	decoder.feed(bytes);
	try {
		return decoder.next() ? "a frame" : "not yet";
	} catch (const std::runtime_error &e) {
		return e.what();
	}
}

template <typename F>
std::string thrown_by(F f)
{
	try {
		f();
		return "";
	} catch (const std::runtime_error &e) {
		return e.what();
	}
}

std::string refusal_of(void (*change)(shared_options &), std::uint16_t port = 4000)
{
	shared_options opt;
	change(opt);
	return refusal(opt, port);
}

} // namespace

TEST(message, layout)
{
	auto bytes = encode(some_header());

	ASSERT_EQ(bytes.size(), header_bytes);
	EXPECT_EQ(byte_vector(bytes.begin(), bytes.begin() + 20),
		  (byte_vector{1, 2, 3,	   4,	 10,   0,    0, 1, 10, 0,
			       0, 2, 0x0f, 0xa1, 0x0f, 0xa2, 5, 6, 2,  2}));
	/* RDMA address, run, pattern, key; size and vectors; three that are not used */
	std::vector<std::pair<std::size_t, unsigned>> at = {
		{20, 0x31}, {27, 0x38}, {28, 0x21}, {35, 0x28}, {36, 0x11}, {43, 0x18}, {44, 0x41},
		{51, 0x48}, {52, 0x51}, {55, 0x54}, {58, 0x01}, {59, 0x55}, {60, 0},	{62, 0}};
	for (auto [where, value] : at)
		EXPECT_EQ(bytes[where], value) << where;
}

TEST(message, there_and_back)
{
	EXPECT_EQ(decode_header(encode(some_header())), some_header());
}

TEST(message, each_field_counts)
{
	auto bytes = encode(some_header());
	/* but for retry, error, pending */
	for (std::size_t at = 0; at < 60; at++) {
		auto changed = bytes;
		changed[at] ^= 0x40;
		EXPECT_NE(decode_header(changed), some_header()) << at;
	}
}

TEST(message, too_short)
{
	auto bytes = encode(some_header());
	for (std::size_t size = 0; size < header_bytes; size++)
		EXPECT_FALSE(decode_header(std::span(bytes).first(size))) << size;
	bytes.resize(2000);
	EXPECT_TRUE(decode_header(bytes));
}

TEST(message, addresses)
{
	EXPECT_EQ(short_address(*endpoint::parse_address("10.0.0.1")), 0x0a000001u);
	EXPECT_EQ(short_address(*endpoint::parse_address("2001:db8::1")), 0x20010db9u);
	EXPECT_NE(short_address(*endpoint::parse_address("fd00::1")),
		  short_address(*endpoint::parse_address("fd00::2")));
}

TEST(pattern, found_where_it_differs)
{
	for (std::size_t size : {0u, 1u, 7u, 8u, 9u, 63u, 64u, 1000u}) {
		byte_vector bytes(size);
		fill_pattern(bytes, 0xfedcba9876543210);
		EXPECT_FALSE(first_difference(bytes, 0xfedcba9876543210)) << size;
		for (std::size_t at = 0; at < size; at++) {
			bytes[at] ^= 1;
			EXPECT_EQ(first_difference(bytes, 0xfedcba9876543210), at) << size;
			bytes[at] ^= 1;
		}
	}
}

TEST(pattern, differs_by_message)
{
	auto one = pattern_of(1, 4001, 4002, 7);

	EXPECT_EQ(one, pattern_of(1, 4001, 4002, 7));
	EXPECT_NE(one, pattern_of(2, 4001, 4002, 7));
	EXPECT_NE(one, pattern_of(1, 4002, 4001, 7));
	EXPECT_NE(one, pattern_of(1, 4001, 4002, 8));
	byte_vector bytes(16);
	fill_pattern(bytes, one);
	EXPECT_TRUE(first_difference(bytes, pattern_of(1, 4001, 4002, 8)));
}

TEST(control, there_and_back)
{
	frame_decoder decoder;
	decoder.feed(encode_frame(frame_type::options, encode_options(other_than_default())));
	decoder.feed(encode_frame(frame_type::bye));
	auto first = decoder.next(), second = decoder.next();

	ASSERT_TRUE(first && second);
	EXPECT_EQ(first->type, frame_type::options);
	EXPECT_EQ(decode_options(first->body, 4000), other_than_default());
	EXPECT_EQ(second->type, frame_type::bye);
	EXPECT_TRUE(second->body.empty());
	EXPECT_FALSE(decoder.next());
}

TEST(control, byte_by_byte)
{
	auto bytes = encode_frame(frame_type::refused, "no room");
	frame_decoder decoder;

	for (std::size_t i = 0; i < bytes.size(); i++) {
		EXPECT_FALSE(decoder.next());
		decoder.feed(std::span(bytes).subspan(i, 1));
	}
	auto got = decoder.next();
	ASSERT_TRUE(got);
	EXPECT_EQ(got->text(), "no room");
}

TEST(control, other_languages_are_seen_at_once)
{
	EXPECT_NE(complaint_about({'G', 'E', 'T'}).find("does not speak"), std::string::npos);
	EXPECT_NE(complaint_about({0}).find("does not speak"), std::string::npos);
	EXPECT_NE(complaint_about({'R', 'D', 'S', 'u'}).find("does not speak"), std::string::npos);
	EXPECT_EQ(complaint_about({'R', 'D', 'S', 't'}), "not yet");
	EXPECT_EQ(complaint_about({}), "not yet");
}

TEST(control, other_versions_are_named)
{
	auto text = complaint_about(raw_frame(control_magic, control_version + 1, 1, 0));

	EXPECT_NE(text.find("version " + std::to_string(control_version + 1)), text.npos) << text;
}

TEST(control, hostile_numbers)
{
	for (std::uint32_t length : {513u, 0x7fffffffu, 0x80000000u, 0xffffffffu})
		EXPECT_NE(complaint_about(raw_frame(control_magic, control_version, 1, length))
				  .find("bytes"),
			  std::string::npos)
			<< length;
	for (unsigned type : {0u, 7u, 255u})
		EXPECT_NE(complaint_about(raw_frame(control_magic, control_version,
						    static_cast<std::uint8_t>(type), 0))
				  .find("unknown type"),
			  std::string::npos)
			<< type;
	EXPECT_EQ(complaint_about(raw_frame(control_magic, control_version, 1, 512)), "not yet");
}

TEST(control, any_bytes_are_survived)
{
	std::mt19937 random(1);

	for (int round = 0; round < 2000; round++) {
		auto bytes = encode_frame(frame_type::options,
					  encode_options(other_than_default()));
		for (int change = 0; change < 3; change++)
			bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
		bytes.resize(random() % (bytes.size() + 1));
		frame_decoder decoder;
		decoder.feed(bytes);
		thrown_by([&] {
			if (auto got = decoder.next())
				decode_options(got->body, 4000);
		});
	}
}

TEST(control, long_text_is_cut_and_cleaned)
{
	frame_decoder decoder;
	decoder.feed(encode_frame(frame_type::failed, "a\x1b[2Jb\n" + std::string(2000, 'x')));
	auto got = decoder.next();

	ASSERT_TRUE(got);
	EXPECT_EQ(got->text().size(), max_frame_body);
	EXPECT_EQ(got->text().substr(0, 7), "a?[2Jb?");
}

TEST(control, options_of_the_wrong_length)
{
	auto body = encode_options(shared_options());
	for (std::size_t size = 0; size < body.size(); size++)
		EXPECT_THROW(decode_options(std::span(body).first(size), 4000), std::runtime_error);
	body.push_back(0);
	EXPECT_THROW(decode_options(body, 4000), std::runtime_error);
}

TEST(control, options_out_of_range)
{
	shared_options opt;
	opt.tasks = 100000;
	auto text = thrown_by([&] { decode_options(encode_options(opt), 4000); });
	EXPECT_NE(text.find("tasks"), text.npos);

	auto body = encode_options(shared_options());
	body.back() = 2;
	text = thrown_by([&] { decode_options(body, 4000); });
	EXPECT_NE(text.find("neither on nor off"), text.npos);
}

TEST(options, limits)
{
	EXPECT_EQ(refusal({}, 4000), "");
	EXPECT_EQ(refusal(other_than_default(), 4000), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.request_bytes = 62; }), "");
	EXPECT_EQ(refusal_of([](auto &opt) { opt.request_bytes = 63; }), "");
	EXPECT_EQ(refusal_of([](auto &opt) { opt.ack_bytes = 1048576; }), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.ack_bytes = 1048577; }), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.depth = 0; }), "");
	EXPECT_EQ(refusal_of([](auto &opt) { opt.depth = 65535; }), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.depth = 65536; }), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.tasks = 0; }), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.tasks = 1025; }), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.tasks = 1024, opt.depth = 1025; }), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.seconds = 0xffffffff; }), "");
}

/* Task i has the port base + 1 + i. */
TEST(options, ports)
{
	EXPECT_EQ(refusal_of([](auto &opt) { opt.tasks = 10; }, 65525), "");
	EXPECT_NE(refusal_of([](auto &opt) { opt.tasks = 10; }, 65526), "");
	EXPECT_NE(refusal_of([](auto &) {}, 0), "");
	EXPECT_NE(refusal_of([](auto &) {}, 65535), "");
}

TEST(task_pair, as_many_requests_as_the_depth)
{
	task_pair pair(*endpoint::parse("10.0.0.2:4001"), 3, true);
	std::vector<std::uint16_t> indexes;

	while (pair.may_request()) {
		indexes.push_back(pair.next_index());
		pair.requested(stress::steady::now());
	}
	EXPECT_EQ(indexes, (std::vector<std::uint16_t>{0, 1, 2}));
	EXPECT_TRUE(pair.answered(1));
	ASSERT_TRUE(pair.may_request());
	EXPECT_EQ(pair.next_index(), 1);
}

TEST(task_pair, answers_to_nothing)
{
	task_pair pair(*endpoint::parse("10.0.0.2:4001"), 2, true);

	EXPECT_FALSE(pair.answered(0));
	pair.requested(stress::steady::now());
	EXPECT_TRUE(pair.answered(0));
	EXPECT_FALSE(pair.answered(0));
	EXPECT_FALSE(pair.answered(2));
	EXPECT_FALSE(pair.answered(65535));
}

TEST(task_pair, the_passive_side_of_one_way_asks_nothing)
{
	task_pair pair(*endpoint::parse("10.0.0.2:4001"), 2, false);

	EXPECT_FALSE(pair.may_request());
	EXPECT_FALSE(pair.answered(0));
}

TEST(report, columns_are_those_of_the_header)
{
	totals t;
	t.requests_out = 2000;
	t.requests_in = 1000;
	t.bytes = 1024 * 3000;
	t.rdma_in = 1024 * 40;
	t.rdma_out = 1024 * 5;
	t.send_calls = 4;
	t.send_ns = 10000;
	t.round_trips = 2;
	t.round_trip_ns = 500000;
	auto line = format_rates(rates::of(4, t, 2.0, -1));

	EXPECT_EQ(line,
		  "   4   1000    500    1500.00      20.00       2.50    2.50   250.00 -1.00");
	EXPECT_EQ(line.size(), std::string(rates_header).size());
}

TEST(report, nothing_happened)
{
	EXPECT_EQ(format_rates(rates::of(1, {}, 0, 12.5)),
		  "   1      0      0       0.00       0.00       0.00    0.00     0.00 12.50");
}

TEST(report, sums_and_differences)
{
	task_counters counters;
	task_counters::add(counters.bytes, 7);
	counters.round_trip(1500);
	totals before = totals::of(counters);
	counters.round_trip(4000000);
	totals difference = totals::of(counters) - before, sum = before;
	sum += difference;

	EXPECT_EQ(difference.bytes, 0u);
	EXPECT_EQ(difference.round_trips, 1u);
	EXPECT_EQ(difference.histogram[12], 1u);
	EXPECT_EQ(sum.round_trip_ns, 4001500u);
	EXPECT_EQ(sum.histogram[1], 1u);
}

TEST(histogram, classes)
{
	EXPECT_EQ(histogram_class(0), 0u);
	EXPECT_EQ(histogram_class(1), 1u);
	EXPECT_EQ(histogram_class(2), 2u);
	EXPECT_EQ(histogram_class(3), 2u);
	EXPECT_EQ(histogram_class(1023), 10u);
	EXPECT_EQ(histogram_class(1024), 11u);
	EXPECT_EQ(histogram_class(~0ull), histogram_classes - 1);
}

TEST(histogram, table)
{
	totals t;
	t.round_trips = 4;
	t.histogram[0] = 1;
	t.histogram[2] = 3;

	EXPECT_EQ(format_histogram(t), "     from us     below us  round trips       %\n"
				       "           0            1            1   25.00\n"
				       "           1            2            0    0.00\n"
				       "           2            4            3   75.00\n");
	EXPECT_EQ(format_histogram({}), "     from us     below us  round trips       %\n");
	t = {};
	t.histogram[31] = t.round_trips = 1;
	EXPECT_NE(format_histogram(t).find("  1073741824            - "), std::string::npos);
}

TEST(keys, of_all_tasks)
{
	totals t;
	EXPECT_EQ(format_keys(t), "keys: 0 regions had 0 keys, 0.0 regions for each\n");
	t.regions = 10;
	t.keys = 4;
	EXPECT_EQ(format_keys(t), "keys: 10 regions had 4 keys, 2.5 regions for each\n");
}

TEST(outliers, only_the_slow)
{
	std::vector<totals> tasks(3);
	for (auto &task : tasks) {
		task.round_trips = 10;
		task.round_trip_ns = 10000;
	}
	EXPECT_EQ(format_outliers(tasks, 2), "");
	tasks[1].round_trip_ns = 100000;
	EXPECT_EQ(format_outliers(tasks, 2),
		  "outlier: task 1, 10.00 us for a round trip, all 4.00 us\n");
	EXPECT_EQ(format_outliers(std::vector<totals>(3), 2), "");
}

TEST(perfdata, counters_by_name)
{
	kernel_counters before{{"conn_reset", 1}, {"copy_to_user", 1000}, {"gone", 5}};
	kernel_counters now{{"new", 9}, {"copy_to_user", 3000}, {"conn_reset", 2}};
	auto head = perfdata_header(before);
	auto line = format_perfdata(rates::of(1, {}, 1, -1), before, now, 2.0);

	EXPECT_TRUE(head.starts_with("::tasks,"));
	EXPECT_TRUE(head.ends_with(",conn_reset (1/s),copy_to_user (bytes/s),gone (1/s)")) << head;
	EXPECT_TRUE(line.ends_with(",-1.00,0.50,1000.00,0.00")) << line;
	EXPECT_EQ(std::count(head.begin(), head.end(), ','),
		  std::count(line.begin(), line.end(), ','));
}
