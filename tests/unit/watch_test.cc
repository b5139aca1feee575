// SPDX-License-Identifier: GPL-2.0
/*
 * rds-info --watch: which records came, went or changed, whatever their order and stride, and how
 * that is printed. No kernel needed.
 */
#include "info_watch.h"
#include "record_builder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace rds_tools;

namespace {

snapshot joined(const std::vector<builder> &records)
{
	snapshot out;
	for (const builder &one : records) {
		out.stride = one.bytes().size();
		out.data.insert(out.data.end(), one.bytes().begin(), one.bytes().end());
	}
	return out;
}

builder counter(const std::string &name, std::uint64_t value)
{
	return builder().put(0, name).pad(32).host(32, value);
}

builder socket_of(std::uint64_t inode, unsigned port)
{
	return builder()
		.pad(28)
		.put(4, ip4(10, 0, 0, 1))
		.port(12, port)
		.host<std::uint64_t>(20, inode);
}

builder connection_of(int peer, std::uint64_t next_tx, std::uint8_t flags)
{
	return builder()
		.pad(42)
		.host(0, next_tx)
		.put(16, ip4(10, 0, 0, 1))
		.put(20, ip4(10, 0, 0, peer))
		.put(24, "tcp")
		.host(40, flags);
}

/* "+inode" and so on, one word a change */
std::string told(const snapshot &before, const snapshot &after)
{
	std::string out;
	for (const auto &change : changes_between(list_of('k'), before, after, ip::v4))
		out += static_cast<char>(change.what) +
		       std::to_string(decode_socket(change.record, socket4).inum) + " ";
	return out;
}

} // namespace

TEST(counter_changes, only_what_moved)
{
	auto before = joined({counter("a", 5), counter("b", 7), counter("c", 9)});
	auto after = joined({counter("a", 5), counter("b", 10), counter("c", 8)});
	auto changes = counter_changes(before, after);

	ASSERT_EQ(changes.size(), 2u);
	EXPECT_EQ(changes[0].now.name, "b");
	EXPECT_EQ(changes[0].now.value, 10u);
	EXPECT_EQ(changes[0].difference, 3);
	EXPECT_EQ(changes[1].difference, -1);
}

TEST(counter_changes, are_found_by_name)
{
	auto before = joined({counter("a", 5), counter("b", 7)});
	auto after = joined({counter("new", 2), counter("b", 7), counter("a", 6)});
	auto changes = counter_changes(before, after);

	ASSERT_EQ(changes.size(), 2u);
	EXPECT_EQ(changes[0].now.name, "new");
	EXPECT_EQ(changes[0].difference, 2);
	EXPECT_EQ(changes[1].now.name, "a");
	EXPECT_EQ(changes[1].difference, 1);
}

TEST(counter_changes, large_values)
{
	auto changes = counter_changes(joined({counter("a", ~0ull - 1)}),
				       joined({counter("a", ~0ull)}));

	ASSERT_EQ(changes.size(), 1u);
	EXPECT_EQ(changes[0].difference, 1);
}

TEST(changes_between, nothing)
{
	auto snap = joined({socket_of(1, 10), socket_of(2, 20)});

	EXPECT_EQ(told(snap, snap), "");
	EXPECT_EQ(told({}, {}), "");
}

TEST(changes_between, order_does_not_matter)
{
	EXPECT_EQ(told(joined({socket_of(1, 10), socket_of(2, 20)}),
		       joined({socket_of(2, 20), socket_of(1, 10)})),
		  "");
}

TEST(changes_between, came_went_changed)
{
	EXPECT_EQ(told(joined({socket_of(1, 10), socket_of(2, 20), socket_of(3, 30)}),
		       joined({socket_of(4, 40), socket_of(3, 31), socket_of(1, 10)})),
		  "+4 *3 -2 ");
	EXPECT_EQ(told({}, joined({socket_of(1, 10)})), "+1 ");
	EXPECT_EQ(told(joined({socket_of(1, 10)}), {}), "-1 ");
}

TEST(changes_between, twins_are_counted)
{
	auto two = joined({socket_of(1, 10), socket_of(1, 11)});

	EXPECT_EQ(told(two, two), "");
	EXPECT_EQ(told(two, joined({socket_of(1, 10)})), "-1 ");
	EXPECT_EQ(told(joined({socket_of(1, 10)}), two), "+1 ");
}

TEST(changes_between, every_list_names_its_things)
{
	for (const auto &list : info_lists)
		for (ip family : {ip::v4, ip::v6})
			for (std::size_t size :
			     {std::size_t{1}, std::size_t{40}, std::size_t{100}}) {
				snapshot two{std::vector<std::uint8_t>(size * 2, 0x11), size};
				two.data.back() = 0x12;
				auto one = two;
				one.data.resize(size);
				EXPECT_TRUE(changes_between(list, two, two, family).empty());
				auto gone = changes_between(list, two, one, family);
				ASSERT_EQ(gone.size(), 1u) << list.letter << size;
				EXPECT_EQ(gone[0].what, fate::went);
			}
}

TEST(format_changes, records)
{
	auto before = joined({connection_of(2, 9, 2), connection_of(3, 1, 4)});
	auto after = joined({connection_of(2, 10, 4)});

	EXPECT_EQ(format_changes(list_of('n'), before, before, ip::v4, false), "");
	EXPECT_EQ(
		format_changes(list_of('n'), before, after, ip::v4, false),
		"\nRDS Connections:\n"
		"        LocalAddr      RemoteAddr  Tos           NextTX           NextRX Flgs\n"
		"*        10.0.0.1        10.0.0.2    0               10                0 --C-\n"
		"-        10.0.0.1        10.0.0.3    0                1                0 --C-\n");
}

TEST(format_changes, counters)
{
	auto before = joined({counter("conn_reset", 5), counter("recv_ping", 7)});
	auto after = joined({counter("conn_reset", 5), counter("recv_ping", 17)});

	EXPECT_EQ(format_changes(list_of('c'), before, before, ip::v4, false), "");
	EXPECT_EQ(format_changes(list_of('c'), before, after, ip::v4, false),
		  "\nCounters:\n"
		  "              CounterName            Value           Change\n"
		  "                recv_ping               17              +10\n");
}

TEST(json_changes, shapes)
{
	auto moved = json_changes(list_of('c'), joined({counter("a", 5)}),
				  joined({counter("a", 3)}), ip::v4);
	EXPECT_EQ(json_line(moved), "[{\"name\":\"a\",\"value\":3,\"change\":-2}]\n");

	auto before = joined({socket_of(1, 10), socket_of(2, 20)});
	auto after = joined({socket_of(2, 21), socket_of(3, 30)});
	auto sockets = json_changes(list_of('k'), before, after, ip::v4);
	ASSERT_EQ(sockets["came"].size(), 1u);
	ASSERT_EQ(sockets["went"].size(), 1u);
	ASSERT_EQ(sockets["changed"].size(), 1u);
	EXPECT_EQ(sockets["came"][0]["inode"], 3);
	EXPECT_EQ(sockets["went"][0]["inode"], 1);
	EXPECT_EQ(sockets["changed"][0]["bound_port"], 21);
}
