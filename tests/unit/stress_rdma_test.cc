// SPDX-License-Identifier: GPL-2.0
/*
 * The RDMA of rds-stress without a kernel: the command line and its limits, what a request may say,
 * the token of a notification, what lies in the memory that is moved, the control messages.
 */
#include "stress_command_line.h"
#include "stress_control.h"
#include "stress_memory.h"
#include "stress_mover.h"
#include "stress_rdma.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace rds_tools;
using namespace rds_tools::stress;

namespace {

using byte_vector = std::vector<std::uint8_t>;

constexpr rds_rdma_cookie_t some_cookie = 0x0000030900000102;

rdma_options some_options(std::uint32_t bytes = 1000, std::uint32_t vectors = 3)
{
	rdma_options opt;
	opt.bytes = bytes;
	opt.vectors = vectors;
	return opt;
}

rdma_part some_request()
{
	return {rdma_operation::read, 0x1000, 0, 1000, 3};
}

/* What the words make; or why they are refused. */
std::string parse(command_line &line, const std::string &words)
{
	CLI::App app;
	add_command_line(app, line);
	try {
		app.parse(words);
	} catch (const CLI::ParseError &e) {
		return e.what();
	}
	return refusal(line.shared, line.local.port);
}

std::string refusal_of(const std::string &words)
{
	command_line line;
	return parse(line, words);
}

rdma_options rdma_of(const std::string &words)
{
	command_line line;
	EXPECT_EQ(parse(line, words), "") << words;
	return line.shared.rdma;
}

} // namespace

TEST(rdma_line, nothing)
{
	EXPECT_EQ(rdma_of(""), rdma_options());
	EXPECT_FALSE(rdma_of("").active());
	EXPECT_FALSE(rdma_of("-D 0 -I 1 -M 0 --rdma-use-once 0 --rdma-use-fence 1").active());
}

TEST(rdma_line, all)
{
	auto opt = rdma_of("-D 4096 -I 8 -M 2 --rdma-use-once 1 --rdma-use-get-mr=1 "
			   "--rdma-use-fence=0 --rdma-alignment 100 --rdma-cache-mrs 0");

	EXPECT_EQ(opt, (rdma_options{4096, 8, 100, rdma_write_only, true, true, false, false}));
	EXPECT_TRUE(opt.active());
	EXPECT_EQ(opt.total(), 32768u);
	EXPECT_EQ(opt.stride(), 36864u);
	EXPECT_TRUE(rdma_of("--rdma-bytes 1 --rdma-cache-mrs 1").cache_mrs);
}

TEST(rdma_line, notify_with_and_without_a_number)
{
	for (const char *words :
	     {"-D 1 --rdma-use-notify", "-D 1 --rdma-use-notify 1", "-D 1 --rdma-use-notify=0",
	      "--rdma-use-notify -D 1", "--rdma-use-notify --rdma-bytes 1"})
		EXPECT_EQ(rdma_of(words).bytes, 1u) << words;
	EXPECT_NE(refusal_of("--rdma-use-notify 2"), "");
}

TEST(rdma_line, meter_is_of_this_side)
{
	command_line line;

	EXPECT_EQ(parse(line, "--rdma-key-o-meter"), "");
	EXPECT_TRUE(line.local.key_o_meter);
}

TEST(rdma_line, out_of_range)
{
	for (const char *words :
	     {"-D 1048577", "-D x", "-D 1 -I 0", "-D 1 -I 513", "-D 1 -M 3",
	      "-D 1 --rdma-use-once 2", "-D 1 --rdma-alignment 4096", "-D 1 --rdma-cache-mrs",
	      "-I 2", "-M 1", "--rdma-use-get-mr 1", "--rdma-use-fence 0", "--rdma-alignment 8",
	      "-D 1048576 -I 2", "-D 2049 -I 512", "-D 1 --rdma-use-once 1 --rdma-cache-mrs 1",
	      "-D 1048576 -d 1025", "-D 1048576 -d 512 -t 2 --rdma-alignment 1"})
		EXPECT_NE(refusal_of(words), "") << words;
	for (const char *words : {"-D 1048576", "-D 2048 -I 512", "-D 1048576 -d 1024",
				  "-D 1 --rdma-alignment 4095", "-D 1 -d 65535 -t 4"})
		EXPECT_EQ(refusal_of(words), "") << words;
}

/* A peer's numbers are checked as those of the command line are. */
TEST(rdma_control, hostile_numbers)
{
	auto taken = [](rdma_options r) {
		shared_options opt;
		opt.rdma = r;
		try {
			return decode_options(encode_options(opt), 4000) == opt;
		} catch (const std::runtime_error &) {
			return false;
		}
	};

	EXPECT_TRUE(taken(some_options()));
	EXPECT_TRUE(taken({1, 1, 1, rdma_read_only, false, true, false, true}));
	for (std::uint32_t bytes : {0u, 1048577u, 0x80000000u, 0xffffffffu})
		EXPECT_FALSE(taken(some_options(bytes, 2))) << bytes;
	for (std::uint32_t vectors : {0u, 513u, 0x80000000u, 0xffffffffu})
		EXPECT_FALSE(taken(some_options(1, vectors))) << vectors;
	/* a product of 32 bits would be 0 */
	EXPECT_FALSE(taken(some_options(1 << 23, 512)));
	auto opt = some_options();
	opt.alignment = 0xffffffff;
	EXPECT_FALSE(taken(opt));
	opt = some_options();
	opt.mode = 3;
	EXPECT_FALSE(taken(opt));
}

TEST(rdma_operations, by_mode)
{
	rdma_options opt;

	EXPECT_EQ(operation_of(opt, 0), rdma_operation::read);
	EXPECT_EQ(operation_of(opt, 1), rdma_operation::write);
	EXPECT_EQ(operation_of(opt, 2), rdma_operation::read);
	opt.mode = rdma_read_only;
	EXPECT_EQ(operation_of(opt, 1), rdma_operation::read);
	opt.mode = rdma_write_only;
	EXPECT_EQ(operation_of(opt, 0), rdma_operation::write);
}

TEST(rdma_requests, as_agreed)
{
	auto opt = some_options();
	auto keyed = some_request();
	keyed.key = some_cookie;

	EXPECT_EQ(complaint(opt, some_request(), some_cookie), "");
	EXPECT_EQ(complaint(opt, keyed, some_cookie), "");
	EXPECT_NE(complaint(opt, some_request(), std::nullopt), "");
	EXPECT_NE(complaint(opt, keyed, some_cookie + 1), "");
	EXPECT_NE(complaint(opt, {}, some_cookie), "");
	auto other = some_request();
	other.size++;
	EXPECT_NE(complaint(opt, other, some_cookie), "");
	other = some_request();
	other.vectors = 0xffffffff;
	EXPECT_NE(complaint(opt, other, some_cookie), "");
	other = some_request();
	other.op = static_cast<rdma_operation>(3);
	EXPECT_NE(complaint(opt, other, some_cookie), "");
}

TEST(rdma_requests, only_what_the_mode_allows)
{
	auto opt = some_options();
	auto read = some_request(), write = some_request();
	write.op = rdma_operation::write;

	EXPECT_EQ(complaint(opt, write, some_cookie), "");
	opt.mode = rdma_read_only;
	EXPECT_EQ(complaint(opt, read, some_cookie), "");
	EXPECT_NE(complaint(opt, write, some_cookie), "");
	opt.mode = rdma_write_only;
	EXPECT_NE(complaint(opt, read, some_cookie), "");
	EXPECT_EQ(complaint(opt, write, some_cookie), "");
}

TEST(rdma_requests, without_rdma)
{
	EXPECT_EQ(complaint({}, {}, std::nullopt), "");
	EXPECT_NE(complaint({}, some_request(), std::nullopt), "");
	EXPECT_NE(complaint({}, {}, some_cookie), "");
}

TEST(rdma_token, there_and_back)
{
	rdma_token token{0x01020304, 0x050607, rdma_operation::write};

	EXPECT_EQ(token.encode(), 0x0102030405060702u);
	EXPECT_EQ(rdma_token::decode(token.encode()), token);
	token = {0xffffffff, max_slots - 1, rdma_operation::read};
	EXPECT_EQ(rdma_token::decode(token.encode()), token);
	EXPECT_NE(rdma_token::decode(token.encode() + 0x100), token);
}

TEST(rdma_status, has_words)
{
	EXPECT_NE(describe_status(RDS_RDMA_DROPPED).find("connection"), std::string::npos);
	EXPECT_EQ(describe_status(77), "status 77");
}

/* The last of the region is the first of the mover's buffer. */
TEST(rdma_vectors, in_reverse)
{
	auto vectors = local_vectors(0x10000, some_options());

	ASSERT_EQ(vectors.size(), 3u);
	EXPECT_EQ(vectors[0].addr, 0x10000u + 2000);
	EXPECT_EQ(vectors[1].addr, 0x10000u + 1000);
	EXPECT_EQ(vectors[2].addr, 0x10000u);
	for (const auto &v : vectors)
		EXPECT_EQ(v.bytes, 1000u);
}

/* What RDMA does: the vectors, one after the other, are the region. */
TEST(rdma_vectors, gathered_they_are_the_region)
{
	for (auto [bytes, count] : {std::pair{1u, 512u}, {7u, 5u}, {1000u, 3u}, {4096u, 1u}}) {
		auto opt = some_options(bytes, count);
		byte_vector local(opt.total()), region;
		fill_vectors(local, opt, 99, vector_order::reversed);
		EXPECT_FALSE(vectors_differ(local, opt, 99, vector_order::reversed));
		for (const auto &v : local_vectors(0, opt))
			region.insert(region.end(), local.begin() + static_cast<long>(v.addr),
				      local.begin() + static_cast<long>(v.addr + v.bytes));
		EXPECT_FALSE(vectors_differ(region, opt, 99, vector_order::straight)) << bytes;
	}
}

TEST(rdma_vectors, found_where_they_differ)
{
	auto opt = some_options(9, 4);
	byte_vector region(opt.total());
	fill_vectors(region, opt, 5, vector_order::straight);
	for (std::size_t at = 0; at < region.size(); at++) {
		region[at] ^= 0x80;
		EXPECT_EQ(vectors_differ(region, opt, 5, vector_order::straight), at);
		region[at] ^= 0x80;
	}
	/* an older one's content, and vectors that were exchanged */
	EXPECT_TRUE(vectors_differ(region, opt, 4, vector_order::straight));
	EXPECT_TRUE(vectors_differ(region, opt, 5, vector_order::reversed));
}

TEST(rdma_memory, each_buffer_has_its_pages)
{
	auto opt = some_options(4096, 1);
	opt.alignment = 100;
	rdma_memory memory(opt, 3);

	for (std::size_t i = 0; i < 3; i++) {
		auto slot = memory.slot(i);
		EXPECT_EQ(slot.size(), 4096u);
		EXPECT_EQ(address_of(slot.data()) % rdma_page_bytes, 100u);
		slot.front() = slot.back() = 1;
	}
	EXPECT_EQ(address_of(memory.slot(1).data()) - address_of(memory.slot(0).data()), 8192u);
}

TEST(rdma_keys, by_their_low_half)
{
	key_meter meter;

	EXPECT_TRUE(meter.is_new(0x100));
	EXPECT_FALSE(meter.is_new(0x100));
	EXPECT_FALSE(meter.is_new(0x0000030900000100));
	EXPECT_TRUE(meter.is_new(0x101));
}

TEST(rdma_control_message, length_and_place)
{
	control_message none, args;
	EXPECT_EQ(none.bytes().size(), 0u);
	EXPECT_EQ(none.type(), 0);

	rds_rdma_args value{};
	value.user_token = 0x1122;
	args.put(276, RDS_CMSG_RDMA_ARGS, value);
	ASSERT_EQ(args.bytes().size(), 72u);
	cmsghdr head;
	std::memcpy(&head, args.bytes().data(), sizeof(head));
	EXPECT_EQ(head.cmsg_len, 72u);
	EXPECT_EQ(head.cmsg_level, 276);
	EXPECT_EQ(head.cmsg_type, RDS_CMSG_RDMA_ARGS);
	EXPECT_EQ(args.bytes()[64], 0x22);
	rds_rdma_cookie_t cookie = 7;
	args.put(276, RDS_CMSG_RDMA_DEST, cookie);
	EXPECT_EQ(args.bytes().size(), 24u);
	EXPECT_EQ(args.type(), RDS_CMSG_RDMA_DEST);
}

TEST(rdma_errors, have_hints)
{
	EXPECT_NE(rdma_hint(ENOMEM).find("RLIMIT_MEMLOCK"), std::string::npos);
	EXPECT_EQ(rdma_hint(EFAULT), "");
	for (int err : {ENODEV, EOPNOTSUPP})
		EXPECT_NE(std::string(get_mr_failure(err).what()).find("--rdma-cache-mrs"),
			  std::string::npos);
}
