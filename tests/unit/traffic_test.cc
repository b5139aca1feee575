// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of what the VM scenarios trust: the judge of a flow must notice every way in which a
 * message can go wrong, and SHA-256 and the sizes must be what they claim. No kernel needed, no
 * locks.
 */
#include "../programs/flow_check.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace {

using bytes_of = std::vector<std::uint8_t>;

flow_plan plan_of(const char *sizes, std::uint64_t count)
{
	return {42, count, 0, 5000, *size_spec::parse(sizes)};
}

/* A flow with its judge; the test spoils what is delivered. */
class flow : public testing::Test {
protected:
	void start(const char *sizes, std::uint64_t count)
	{
		plan = plan_of(sizes, count);
		judge = std::make_unique<flow_check>(plan, "flow", errors,
						     [](const std::string &) {});
		digest_of_all = flow_digest();
		bytes = 0;
		for (std::uint64_t seq = 0; seq < count; seq++) {
			bytes_of message;
			digest body = plan.build(seq, message);
			digest_of_all.add(seq, message.size(), body);
			bytes += message.size();
		}
	}
	bytes_of message(std::uint64_t seq)
	{
		bytes_of out;
		plan.build(seq, out);
		return out;
	}
	void take(std::uint64_t seq) { judge->take(message(seq), false, nullptr); }
	end_body finish() { return judge->finish({plan.count, bytes, 0, digest_of_all.finish()}); }

	flow_plan plan;
	flow_errors errors;
	std::unique_ptr<flow_check> judge;
	flow_digest digest_of_all;
	std::uint64_t bytes = 0;
};

} // namespace

TEST(sha256, known_answers)
{
	EXPECT_EQ(hex(sha256::of("", 0)),
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	EXPECT_EQ(hex(sha256::of("abc", 3)),
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256 million;
	std::string part(999, 'a');
	for (int i = 0; i < 1001; i++)
		million.add(part.data(), part.size());
	million.add("a", 1);
	EXPECT_EQ(hex(million.finish()),
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(size_spec, parse)
{
	EXPECT_EQ(size_spec::parse("100")->size_of(12345), 100u);
	EXPECT_EQ(size_spec::parse("0")->size_of(12345), 0u);
	EXPECT_EQ(size_spec::parse("mix:1000")->max, 1000u);
	for (const char *text :
	     {"", "-", "5-", "-5", "7-5", "mix:", "tail:", "tails", "1048577", "mixed", "1-2-3"})
		EXPECT_FALSE(size_spec::parse(text)) << text;
}

TEST(size_spec, stays_within_its_limits)
{
	for (const char *text : {"mix", "mix:0", "mix:1", "mix:100", "mix:1048576", "10-20",
				 "0-1048576", "tail", "tail:0", "tail:1", "tail:100000"}) {
		auto spec = *size_spec::parse(text);
		for (std::uint64_t i = 0; i < 20000; i++) {
			auto size = spec.size_of(mixed(i));
			ASSERT_GE(size, spec.min) << text;
			ASSERT_LE(size, spec.max) << text;
		}
	}
	size_spec file{size_mode::file, 1, 512 * 1024};
	std::set<std::size_t> seen;
	for (std::uint64_t i = 0; i < 20000; i++)
		seen.insert(file.size_of(mixed(i)));
	EXPECT_EQ(*seen.begin(), 1u);
	EXPECT_EQ(*seen.rbegin(), 512u * 1024);
}

TEST(size_spec, mix_has_the_edges)
{
	auto spec = *size_spec::parse("mix");
	std::set<std::size_t> seen;
	for (std::uint64_t i = 0; i < 20000; i++)
		seen.insert(spec.size_of(mixed(i)));
	for (std::size_t edge : {0, 1, 47, 48, 49, 4095, 4096, 4097, 8192, 65535, 65536})
		EXPECT_TRUE(seen.count(edge)) << edge;
}

TEST(size_spec, tail_is_mostly_small_and_has_the_largest)
{
	auto spec = *size_spec::parse("tail");
	std::uint64_t sum = 0, largest = 0, empty = 0;
	constexpr std::uint64_t n = 100000;
	for (std::uint64_t i = 0; i < n; i++) {
		auto size = spec.size_of(mixed(i));
		sum += size;
		largest += size == 1048576;
		empty += !size;
	}
	EXPECT_LT(sum / n, 4096u);
	EXPECT_GT(largest, 5u);
	EXPECT_GT(empty, 1000u);
}

TEST(control, only_whole_and_unspoilt_messages_count)
{
	std::uint64_t body = 77;
	auto raw = control_message(message_type::fin, body);

	EXPECT_EQ(control_body<std::uint64_t>(message_type::fin, raw), 77u);
	EXPECT_FALSE(control_body<std::uint64_t>(message_type::ack, raw));
	auto cut = raw;
	cut.pop_back();
	EXPECT_FALSE(control_body<std::uint64_t>(message_type::fin, cut));
	auto grown = raw;
	grown.push_back(0);
	EXPECT_FALSE(control_body<std::uint64_t>(message_type::fin, grown));
	raw[64] ^= 1;
	EXPECT_FALSE(control_body<std::uint64_t>(message_type::fin, raw));
	EXPECT_EQ(control_message(message_type::ack, body, 2304).size(), 2304u);
}

TEST_F(flow, exact)
{
	start("mix", 300);
	for (std::uint64_t i = 0; i < 300; i++)
		take(i);
	auto end = finish();

	EXPECT_EQ(errors.sum(), 0u);
	EXPECT_EQ(end.errors, 0u);
	EXPECT_EQ(end.count, 300u);
	EXPECT_TRUE(judge->done());
}

TEST_F(flow, loss_in_the_middle)
{
	start("100", 10);
	for (std::uint64_t i : {0, 1, 4, 5, 6, 7, 8, 9})
		take(i);
	auto end = finish();

	EXPECT_EQ(errors.lost, 2u);
	EXPECT_NE(end.errors, 0u);
}

TEST_F(flow, loss_at_the_end)
{
	start("100", 10);
	for (std::uint64_t i = 0; i < 9; i++)
		take(i);
	finish();

	EXPECT_EQ(errors.lost, 1u);
}

TEST_F(flow, loss_of_an_empty_message)
{
	start("0", 10);
	for (int i = 0; i < 9; i++)
		take(0);
	EXPECT_NE(finish().errors, 0u);
	EXPECT_EQ(errors.lost, 1u);
}

TEST_F(flow, duplicate)
{
	start("100", 5);
	for (std::uint64_t i : {0, 1, 1, 2, 3, 4})
		take(i);
	finish();

	EXPECT_EQ(errors.duplicate, 1u);
	EXPECT_EQ(errors.lost, 0u);
}

TEST_F(flow, reordered)
{
	start("100", 5);
	for (std::uint64_t i : {0, 2, 1, 3, 4})
		take(i);
	EXPECT_NE(finish().errors, 0u);

	EXPECT_EQ(errors.reordered, 1u);
	EXPECT_EQ(errors.lost, 0u);
	EXPECT_EQ(errors.duplicate, 0u);
}

TEST_F(flow, every_single_byte_matters)
{
	auto size = static_cast<std::size_t>(200);
	for (std::size_t at = 0; at < size; at++) {
		start("200", 2);
		auto spoilt = message(0);
		spoilt[at] ^= 0x80;
		judge->take(spoilt, false, nullptr);
		EXPECT_GT(errors.sum(), 0u) << at;
		errors.lost = errors.duplicate = errors.reordered = errors.corrupt = errors.length =
			0;
	}
}

TEST_F(flow, length)
{
	start("200", 3);
	auto cut = message(0), grown = message(1);
	cut.pop_back();
	grown.push_back(0);
	judge->take(cut, false, nullptr);
	judge->take(grown, false, nullptr);
	judge->take(message(2), true, nullptr);
	EXPECT_EQ(errors.length, 3u);
}

TEST_F(flow, merged_and_split_messages)
{
	start("50", 4);
	auto merged = message(0), second = message(1);
	merged.insert(merged.end(), second.begin(), second.end());
	judge->take(merged, false, nullptr);
	EXPECT_EQ(errors.length, 1u);
}

TEST_F(flow, another_seed)
{
	start("100", 3);
	plan.seed++;
	take(0);
	EXPECT_GT(errors.corrupt, 0u);
}

TEST_F(flow, sums_of_the_sender)
{
	start("100", 3);
	for (std::uint64_t i = 0; i < 3; i++)
		take(i);
	EXPECT_NE(judge->finish({3, bytes, 0, digest{}}).errors, 0u);
}

TEST_F(flow, file)
{
	bytes_of data(100000);
	fill_random(data, 5);
	plan = {7, 0, data.size(), 5000, {size_mode::file, 1, 512 * 1024}};
	auto deliver = [&](bool spoil) {
		errors.corrupt = errors.length = 0;
		flow_check file(plan, "file", errors, [](const std::string &) {});
		std::size_t at = 0;
		std::uint64_t seq = 0;
		while (at < data.size()) {
			std::size_t size = std::min(plan.size_of(seq++), data.size() - at);
			bytes_of part(data.begin() + long(at), data.begin() + long(at + size));
			if (spoil && seq == 1)
				part[0] ^= 1;
			file.take(part, false, nullptr);
			at += size;
		}
		EXPECT_TRUE(file.data_complete());
		return file.finish({seq, data.size(), 0, sha256::of(data.data(), data.size())})
			.errors;
	};

	EXPECT_EQ(deliver(false), 0u);
	EXPECT_NE(deliver(true), 0u);
}

TEST_F(flow, may_begin_later_and_without_hashes)
{
	plan = plan_of("mix", 300);
	plan.first = 200;
	plan.hashed = false;
	judge = std::make_unique<flow_check>(plan, "flow", errors, [](const std::string &) {});
	for (std::uint64_t seq = 200; seq < 300; seq++)
		take(seq);
	EXPECT_TRUE(judge->data_complete());
	EXPECT_EQ(errors.sum(), 0u);
	auto spoilt = message(250);
	spoilt.push_back(0);
	plan.first = 250;
	judge = std::make_unique<flow_check>(plan, "flow", errors, [](const std::string &) {});
	judge->take(spoilt, false, nullptr);
	EXPECT_EQ(errors.length, 1u);
}
