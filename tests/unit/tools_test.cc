// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the tools' headers: where each field of an info record lies, records that are
 * longer or shorter than we know, the text and the JSON of each list, the retry loop of the
 * reader, and the numbers of the command line. No kernel needed, no locks.
 */
#include "endpoint.h"
#include "info_format.h"
#include "info_json.h"
#include "info_reader.h"
#include "info_records.h"
#include "interval.h"
#include "proc_number.h"
#include "record_builder.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

using namespace rds_tools;
using namespace std::chrono_literals;

/* The documented sizes and offsets, against the layouts here and against the interface header. */
#define SAME(layout, field, type, member, offset)                                                  \
	static_assert((layout).field == (offset) && offsetof(type, member) == (offset))

static_assert(counter_fields.size == 40 && sizeof(rds_info_counter) == 40);
SAME(counter_fields, name, rds_info_counter, name, 0);
SAME(counter_fields, value, rds_info_counter, value, 32);

static_assert(connection4.size == 42 && sizeof(rds_info_connection) == 42);
SAME(connection4, next_tx, rds_info_connection, next_tx_seq, 0);
SAME(connection4, next_rx, rds_info_connection, next_rx_seq, 8);
SAME(connection4, laddr, rds_info_connection, laddr, 16);
SAME(connection4, faddr, rds_info_connection, faddr, 20);
SAME(connection4, transport, rds_info_connection, transport, 24);
SAME(connection4, flags, rds_info_connection, flags, 40);
SAME(connection4, tos, rds_info_connection, tos, 41);

static_assert(connection6.size == 65 && sizeof(rds6_info_connection) == 65);
SAME(connection6, next_tx, rds6_info_connection, next_tx_seq, 0);
SAME(connection6, next_rx, rds6_info_connection, next_rx_seq, 8);
SAME(connection6, laddr, rds6_info_connection, laddr, 16);
SAME(connection6, faddr, rds6_info_connection, faddr, 32);
SAME(connection6, transport, rds6_info_connection, transport, 48);
SAME(connection6, flags, rds6_info_connection, flags, 64);
static_assert(connection6.tos == none);

static_assert(message4.size == 26 && sizeof(rds_info_message) == 26);
SAME(message4, seq, rds_info_message, seq, 0);
SAME(message4, len, rds_info_message, len, 8);
SAME(message4, laddr, rds_info_message, laddr, 12);
SAME(message4, faddr, rds_info_message, faddr, 16);
SAME(message4, lport, rds_info_message, lport, 20);
SAME(message4, fport, rds_info_message, fport, 22);
SAME(message4, flags, rds_info_message, flags, 24);
SAME(message4, tos, rds_info_message, tos, 25);

static_assert(message6.size == 50 && sizeof(rds6_info_message) == 50);
SAME(message6, seq, rds6_info_message, seq, 0);
SAME(message6, len, rds6_info_message, len, 8);
SAME(message6, laddr, rds6_info_message, laddr, 12);
SAME(message6, faddr, rds6_info_message, faddr, 28);
SAME(message6, lport, rds6_info_message, lport, 44);
SAME(message6, fport, rds6_info_message, fport, 46);
SAME(message6, flags, rds6_info_message, flags, 48);
SAME(message6, tos, rds6_info_message, tos, 49);

static_assert(socket4.size == 28 && sizeof(rds_info_socket) == 28);
SAME(socket4, sndbuf, rds_info_socket, sndbuf, 0);
SAME(socket4, bound, rds_info_socket, bound_addr, 4);
SAME(socket4, connected, rds_info_socket, connected_addr, 8);
SAME(socket4, bound_port, rds_info_socket, bound_port, 12);
SAME(socket4, connected_port, rds_info_socket, connected_port, 14);
SAME(socket4, rcvbuf, rds_info_socket, rcvbuf, 16);
SAME(socket4, inum, rds_info_socket, inum, 20);

static_assert(socket6.size == 52 && sizeof(rds6_info_socket) == 52);
SAME(socket6, sndbuf, rds6_info_socket, sndbuf, 0);
SAME(socket6, bound, rds6_info_socket, bound_addr, 4);
SAME(socket6, connected, rds6_info_socket, connected_addr, 20);
SAME(socket6, bound_port, rds6_info_socket, bound_port, 36);
SAME(socket6, connected_port, rds6_info_socket, connected_port, 38);
SAME(socket6, rcvbuf, rds6_info_socket, rcvbuf, 40);
SAME(socket6, inum, rds6_info_socket, inum, 44);

static_assert(tcp4.size == 41 && sizeof(rds_info_tcp_socket) == 41);
SAME(tcp4, laddr, rds_info_tcp_socket, local_addr, 0);
SAME(tcp4, lport, rds_info_tcp_socket, local_port, 4);
SAME(tcp4, faddr, rds_info_tcp_socket, peer_addr, 6);
SAME(tcp4, fport, rds_info_tcp_socket, peer_port, 10);
SAME(tcp4, hdr_rem, rds_info_tcp_socket, hdr_rem, 12);
SAME(tcp4, data_rem, rds_info_tcp_socket, data_rem, 20);
SAME(tcp4, sent_nxt, rds_info_tcp_socket, last_sent_nxt, 28);
SAME(tcp4, expect_una, rds_info_tcp_socket, last_expected_una, 32);
SAME(tcp4, seen_una, rds_info_tcp_socket, last_seen_una, 36);
SAME(tcp4, tos, rds_info_tcp_socket, tos, 40);

static_assert(tcp6.size == 64 && sizeof(rds6_info_tcp_socket) == 64);
SAME(tcp6, laddr, rds6_info_tcp_socket, local_addr, 0);
SAME(tcp6, lport, rds6_info_tcp_socket, local_port, 16);
SAME(tcp6, faddr, rds6_info_tcp_socket, peer_addr, 18);
SAME(tcp6, fport, rds6_info_tcp_socket, peer_port, 34);
SAME(tcp6, hdr_rem, rds6_info_tcp_socket, hdr_rem, 36);
SAME(tcp6, data_rem, rds6_info_tcp_socket, data_rem, 44);
SAME(tcp6, sent_nxt, rds6_info_tcp_socket, last_sent_nxt, 52);
SAME(tcp6, expect_una, rds6_info_tcp_socket, last_expected_una, 56);
SAME(tcp6, seen_una, rds6_info_tcp_socket, last_seen_una, 60);
static_assert(tcp6.tos == none);

static_assert(rdma4.size == 68 && sizeof(rds_info_rdma_connection) == 68);
SAME(rdma4, src, rds_info_rdma_connection, src_addr, 0);
SAME(rdma4, dst, rds_info_rdma_connection, dst_addr, 4);
SAME(rdma4, src_gid, rds_info_rdma_connection, src_gid, 8);
SAME(rdma4, dst_gid, rds_info_rdma_connection, dst_gid, 24);
SAME(rdma4, send_wr, rds_info_rdma_connection, max_send_wr, 40);
SAME(rdma4, recv_wr, rds_info_rdma_connection, max_recv_wr, 44);
SAME(rdma4, send_sge, rds_info_rdma_connection, max_send_sge, 48);
SAME(rdma4, mr_max, rds_info_rdma_connection, rdma_mr_max, 52);
SAME(rdma4, mr_size, rds_info_rdma_connection, rdma_mr_size, 56);
SAME(rdma4, tos, rds_info_rdma_connection, tos, 60);
SAME(rdma4, sl, rds_info_rdma_connection, sl, 61);
SAME(rdma4, cache_allocs, rds_info_rdma_connection, cache_allocs, 64);

static_assert(rdma6.size == 92 && sizeof(rds6_info_rdma_connection) == 92);
SAME(rdma6, src, rds6_info_rdma_connection, src_addr, 0);
SAME(rdma6, dst, rds6_info_rdma_connection, dst_addr, 16);
SAME(rdma6, src_gid, rds6_info_rdma_connection, src_gid, 32);
SAME(rdma6, dst_gid, rds6_info_rdma_connection, dst_gid, 48);
SAME(rdma6, send_wr, rds6_info_rdma_connection, max_send_wr, 64);
SAME(rdma6, recv_wr, rds6_info_rdma_connection, max_recv_wr, 68);
SAME(rdma6, send_sge, rds6_info_rdma_connection, max_send_sge, 72);
SAME(rdma6, mr_max, rds6_info_rdma_connection, rdma_mr_max, 76);
SAME(rdma6, mr_size, rds6_info_rdma_connection, rdma_mr_size, 80);
SAME(rdma6, tos, rds6_info_rdma_connection, tos, 84);
SAME(rdma6, sl, rds6_info_rdma_connection, sl, 85);
SAME(rdma6, cache_allocs, rds6_info_rdma_connection, cache_allocs, 88);

namespace {

/* Builds records byte by byte, without the code under test. */
builder message4_bytes()
{
	return builder()
		.host<std::uint64_t>(0, 0x1122334455667788)
		.host<std::uint32_t>(8, 4096)
		.put(12, ip4(10, 0, 0, 1))
		.put(16, ip4(10, 0, 0, 2))
		.port(20, 4000)
		.port(22, 65535)
		.put(24, std::string("\x00\x07", 2));
}

} // namespace

TEST(records, message_fields)
{
	auto message = decode_message(message4_bytes().bytes(), message4);

	EXPECT_EQ(message.seq, 0x1122334455667788u);
	EXPECT_EQ(message.len, 4096u);
	EXPECT_EQ(message.local, "10.0.0.1");
	EXPECT_EQ(message.remote, "10.0.0.2");
	EXPECT_EQ(message.local_port, 4000);
	EXPECT_EQ(message.remote_port, 65535);
	EXPECT_EQ(message.flags, 0);
	EXPECT_EQ(message.tos, 7);
}

TEST(records, message6_fields)
{
	builder raw;
	raw.host<std::uint64_t>(0, 9)
		.host<std::uint32_t>(8, 1)
		.put(12, ip6("\x01"))
		.put(28, ip6("\x02"));
	raw.port(44, 1).port(46, 2).put(48, std::string("\x00\x05", 2));
	auto message = decode_message(raw.bytes(), message6);

	EXPECT_EQ(message.local, "2001:db8::1");
	EXPECT_EQ(message.remote, "2001:db8::2");
	EXPECT_EQ(message.local_port, 1);
	EXPECT_EQ(message.remote_port, 2);
	EXPECT_EQ(message.seq, 9u);
	EXPECT_EQ(message.tos, 5);
}

TEST(records, connection_fields)
{
	builder raw;
	raw.host<std::uint64_t>(0, 1).host<std::uint64_t>(8, 2).put(16, ip4(192, 168, 0, 1));
	raw.put(20, ip4(192, 168, 0, 2)).put(24, "infiniband").pad(40).put(40, "\x05\x03");
	auto conn = decode_connection(raw.bytes(), connection4);

	EXPECT_EQ(conn.next_tx, 1u);
	EXPECT_EQ(conn.next_rx, 2u);
	EXPECT_EQ(conn.local, "192.168.0.1");
	EXPECT_EQ(conn.remote, "192.168.0.2");
	EXPECT_EQ(conn.transport, "infiniband");
	EXPECT_EQ(conn.flags, 5);
	EXPECT_EQ(conn.tos, 3);
}

TEST(records, transport_name_without_terminator_stops_at_its_field)
{
	builder raw;
	raw.pad(24).put(24, "0123456789abcdef").put(40, "\xff\xff");

	EXPECT_EQ(decode_connection(raw.bytes(), connection4).transport, "0123456789abcdef");
}

TEST(records, connection6_has_no_tos)
{
	builder raw;
	raw.pad(65);

	EXPECT_EQ(decode_connection(raw.bytes(), connection6).tos, 0);
	EXPECT_FALSE(json_record('n', raw.bytes(), ip::v6).contains("tos"));
	EXPECT_TRUE(json_record('n', raw.bytes(), ip::v4).contains("tos"));
}

TEST(records, socket_fields)
{
	builder raw;
	raw.host<std::uint32_t>(0, 106496).put(4, ip4(127, 0, 0, 1)).put(8, ip4(127, 0, 0, 2));
	raw.port(12, 7).port(14, 8).host<std::uint32_t>(16, 5).host<std::uint64_t>(20, 1ull << 40);
	auto socket = decode_socket(raw.bytes(), socket4);

	EXPECT_EQ(socket.sndbuf, 106496u);
	EXPECT_EQ(socket.rcvbuf, 5u);
	EXPECT_EQ(socket.bound, "127.0.0.1");
	EXPECT_EQ(socket.connected, "127.0.0.2");
	EXPECT_EQ(socket.bound_port, 7);
	EXPECT_EQ(socket.connected_port, 8);
	EXPECT_EQ(socket.inum, 1ull << 40);
}

TEST(records, tcp_fields)
{
	builder raw;
	raw.put(0, ip4(10, 0, 0, 1)).port(4, 40000).put(6, ip4(10, 0, 0, 2)).port(10, 16385);
	raw.host<std::uint64_t>(12, 48).host<std::uint64_t>(20, 3).host<std::uint32_t>(28, 4);
	raw.host<std::uint32_t>(32, 5).host<std::uint32_t>(36, 6).put(40, "\x09");
	auto tcp = decode_tcp(raw.bytes(), tcp4);

	EXPECT_EQ(tcp.local_port, 40000);
	EXPECT_EQ(tcp.remote_port, 16385);
	EXPECT_EQ(tcp.remote, "10.0.0.2");
	EXPECT_EQ(tcp.hdr_rem, 48u);
	EXPECT_EQ(tcp.data_rem, 3u);
	EXPECT_EQ(tcp.sent_nxt, 4u);
	EXPECT_EQ(tcp.expect_una, 5u);
	EXPECT_EQ(tcp.seen_una, 6u);
	EXPECT_EQ(tcp.tos, 9);
}

TEST(records, rdma_fields)
{
	builder raw;
	raw.put(0, ip4(10, 0, 0, 1))
		.put(4, ip4(10, 0, 0, 2))
		.put(8, ip6("\x0a"))
		.put(24, ip6("\x0b"));
	for (std::uint32_t i = 0; i < 5; i++)
		raw.host<std::uint32_t>(40 + 4 * i, 100 + i);
	raw.put(60, "\x01\x02").pad(64).host<std::uint32_t>(64, 77);
	auto conn = decode_rdma(raw.bytes(), rdma4);

	EXPECT_EQ(conn.source, "10.0.0.1");
	EXPECT_EQ(conn.destination_gid, "2001:db8::b");
	EXPECT_EQ(conn.send_wr, 100u);
	EXPECT_EQ(conn.mr_size, 104u);
	EXPECT_EQ(conn.tos, 1);
	EXPECT_EQ(conn.sl, 2);
	EXPECT_EQ(conn.cache_allocs, 77u);
}

TEST(stride, longer_records_are_stepped_over)
{
	auto one = message4_bytes().pad(40, '\x55').bytes();
	snapshot snap{one, 40};
	snap.data.insert(snap.data.end(), one.begin(), one.end());
	auto list = json_list(list_of('r'), snap, ip::v4);

	ASSERT_EQ(list.size(), 2u);
	EXPECT_EQ(list[0], list[1]);
	EXPECT_EQ(list[1]["tos"], 7);
}

/* The rds_info_tcp_socket of older kernels ended before the type of service. */
TEST(stride, missing_fields_read_as_zero)
{
	builder raw;
	raw.put(0, ip4(10, 0, 0, 1)).pad(36).host<std::uint32_t>(36, 6);
	ASSERT_EQ(raw.bytes().size(), 40u);
	snapshot snap = raw.snap();
	snap.data.insert(snap.data.end(), raw.bytes().begin(), raw.bytes().end());
	auto list = json_list(list_of('T'), snap, ip::v4);

	ASSERT_EQ(list.size(), 2u);
	EXPECT_EQ(list[1]["tos"], 0);
	EXPECT_EQ(list[1]["last_seen_una"], 6);
}

TEST(stride, very_short_records_are_safe)
{
	for (const auto &list : info_lists)
		for (ip family : {ip::v4, ip::v6})
			for (std::size_t size = 1; size < 100; size++) {
				snapshot snap{std::vector<std::uint8_t>(size * 3, 0xff), size};
				EXPECT_EQ(json_list(list, snap, family).size(), 3u);
				EXPECT_FALSE(format_list(list, snap, family, true).empty());
			}
}

TEST(stride, cut_record_and_zero_stride)
{
	snapshot snap{std::vector<std::uint8_t>(79, 'x'), 40};
	EXPECT_EQ(json_list(list_of('c'), snap, ip::v4).size(), 1u);
	snap.stride = 0;
	EXPECT_EQ(json_list(list_of('c'), snap, ip::v4).size(), 0u);
}

TEST(format, counters)
{
	builder raw;
	raw.put(0, "conn_reset").pad(32).host<std::uint64_t>(32, ~0ull);
	std::string name(15, ' '), value(11, ' ');

	EXPECT_EQ(format_list(list_of('c'), raw.snap(), ip::v4, false),
		  "\nCounters:\n              CounterName            Value\n" + name +
			  "conn_reset 18446744073709551615\n");
}

TEST(format, empty_list_prints_title_and_header)
{
	EXPECT_EQ(format_list(list_of('k'), {{}, 28}, ip::v4, false),
		  "\nRDS Sockets:\n"
		  "      BoundAddr BPort        ConnAddr CPort     SndBuf     RcvBuf    Inode\n");
	EXPECT_EQ(format_list(list_of('T'), {{}, 41}, ip::v4, false),
		  "\nTCP Connections:\n"
		  "      LocalAddr LPort      RemoteAddr RPort  HdrRemain DataRemain    SentNxt  "
		  "ExpectUna    SeenUna\n");
}

TEST(format, messages)
{
	EXPECT_EQ(
		format_list(list_of('s'), message4_bytes().snap(), ip::v4, false),
		"\nSend Message Queue:\n"
		"      LocalAddr LPort      RemoteAddr RPort  Tos              Seq      Bytes\n"
		"       10.0.0.1  4000        10.0.0.2 65535    7 1234605616436508552       4096\n");
}

TEST(format, connection_flags)
{
	EXPECT_EQ(flag_letters(0x00), "----");
	EXPECT_EQ(flag_letters(0x01), "s---");
	EXPECT_EQ(flag_letters(0x02), "-c--");
	EXPECT_EQ(flag_letters(0x04), "--C-");
	EXPECT_EQ(flag_letters(0x08), "---E");
	EXPECT_EQ(flag_letters(0xff), "scCE");

	builder raw;
	raw.host<std::uint64_t>(0, 9).host<std::uint64_t>(8, 8).put(16, ip4(10, 0, 0, 1));
	raw.put(20, ip4(10, 0, 0, 2)).put(24, "tcp").pad(40).put(40, std::string("\x04\x00", 2));
	EXPECT_EQ(format_list(list_of('n'), raw.snap(), ip::v4, false),
		  "\nRDS Connections:\n"
		  "      LocalAddr      RemoteAddr  Tos           NextTX           NextRX Flgs\n"
		  "       10.0.0.1        10.0.0.2    0                9                8 --C-\n");
}

TEST(format, rdma_verbose)
{
	builder raw;
	raw.pad(68);
	auto plain = format_list(list_of('I'), raw.snap(), ip::v4, false);
	auto verbose = format_list(list_of('I'), raw.snap(), ip::v4, true);

	EXPECT_EQ(plain.find("send_wr"), plain.npos);
	EXPECT_NE(verbose.find("  send_wr=0, recv_wr=0, send_sge=0, rdma_mr_max=0, rdma_mr_size=0, "
			       "cache_allocs=0\n"),
		  verbose.npos);
}

TEST(format, lists_are_in_ascii_order_of_their_letters)
{
	std::string letters;
	for (const auto &list : info_lists)
		letters += list.letter;
	EXPECT_EQ(letters, "ITcknrst");
}

TEST(json_output, fields_of_each_list)
{
	auto names = [](char letter) {
		std::string out;
		auto record = json_record(letter, {}, ip::v4);
		for (const auto &item : record.items())
			out += item.key() + " ";
		return out;
	};

	EXPECT_EQ(names('c'), "name value ");
	EXPECT_EQ(names('k'), "bound_address bound_port connected_address connected_port sndbuf "
			      "rcvbuf inode ");
	EXPECT_EQ(names('n'),
		  "local_address remote_address transport next_tx_seq next_rx_seq flags "
		  "sending connecting connected tos ");
	for (char letter : {'r', 's', 't'})
		EXPECT_EQ(names(letter), "local_address local_port remote_address remote_port "
					 "sequence bytes flags tos ");
	EXPECT_EQ(names('T'),
		  "local_address local_port remote_address remote_port header_remaining "
		  "data_remaining last_sent_nxt last_expected_una last_seen_una tos ");
	EXPECT_EQ(names('I'),
		  "source_address destination_address source_gid destination_gid tos sl "
		  "max_send_wr max_recv_wr max_send_sge rdma_mr_max rdma_mr_size "
		  "cache_allocs ");
}

TEST(json_output, numbers_stay_whole)
{
	builder raw;
	raw.put(0, "x").pad(32).host<std::uint64_t>(32, ~0ull);
	auto text = json_text(json_list(list_of('c'), raw.snap(), ip::v4));

	EXPECT_NE(text.find("18446744073709551615"), text.npos);
}

TEST(json_output, bytes_that_are_not_utf8)
{
	snapshot snap{std::vector<std::uint8_t>(40, 0xfe), 40};

	EXPECT_NO_THROW(json_text(json_list(list_of('c'), snap, ip::v4)));
}

namespace {

/* Plays getsockopt() for a list whose length is sizes[turn], in records of 10 bytes. */
struct fake_kernel {
	std::vector<std::size_t> sizes;
	std::size_t turn = 0;
	std::vector<std::size_t> offered{};

	int operator()(void *buffer, socklen_t *len)
	{
		std::size_t need = sizes[std::min(turn++, sizes.size() - 1)];
		std::size_t have = *len;
		offered.push_back(have);
		EXPECT_EQ(buffer == nullptr, have == 0);
		*len = static_cast<socklen_t>(need);
		if (need > have) {
			errno = ENOSPC;
			return -1;
		}
		if (need)
			std::memset(buffer, 7, need);
		return 10;
	}
};

} // namespace

TEST(reader, empty_list_succeeds_at_the_first_probe)
{
	fake_kernel kernel{{0}};
	auto snap = read_snapshot(std::ref(kernel));

	EXPECT_EQ(kernel.turn, 1u);
	EXPECT_TRUE(snap.data.empty());
	EXPECT_EQ(snap.stride, 10u);
}

TEST(reader, probe_then_read)
{
	fake_kernel kernel{{50}};
	auto snap = read_snapshot(std::ref(kernel));

	EXPECT_EQ(kernel.turn, 2u);
	EXPECT_EQ(snap.data, std::vector<std::uint8_t>(50, 7));
}

TEST(reader, catches_up_with_a_growing_list)
{
	fake_kernel kernel{{10, 9000, 20000, 20010}};
	auto snap = read_snapshot(std::ref(kernel));

	EXPECT_EQ(snap.data.size(), 20010u);
}

TEST(reader, shrinking_list)
{
	fake_kernel kernel{{50, 20}};

	EXPECT_EQ(read_snapshot(std::ref(kernel)).data.size(), 20u);
}

TEST(reader, gives_up_on_a_list_that_never_fits)
{
	int turns = 0;
	auto never = [&](void *, socklen_t *len) {
		turns++;
		*len = static_cast<socklen_t>(*len + 1);
		errno = ENOSPC;
		return -1;
	};

	EXPECT_THROW(read_snapshot(never), std::system_error);
	EXPECT_LE(turns, 100);
}

TEST(reader, other_errors_are_thrown)
{
	auto absent = [](void *, socklen_t *) {
		errno = ENOPROTOOPT;
		return -1;
	};
	try {
		read_snapshot(absent);
		FAIL();
	} catch (const std::system_error &e) {
		EXPECT_EQ(e.code().value(), ENOPROTOOPT);
	}
}

TEST(reader, no_record_size_is_an_error)
{
	EXPECT_THROW(read_snapshot([](void *, socklen_t *) { return 0; }), std::system_error);
}

TEST(interval, seconds_and_suffixes)
{
	EXPECT_EQ(parse_interval("1"), 1s);
	EXPECT_EQ(parse_interval("0.25"), 250ms);
	EXPECT_EQ(parse_interval("200ms"), 200ms);
	EXPECT_EQ(parse_interval("1.5ms"), 1500us);
	EXPECT_EQ(parse_interval("50us"), 50us);
}

TEST(interval, refused)
{
	for (const char *text :
	     {"", "0", "-1", "ms", "us", "1s", "1 ms", " 1", "1ms ", "nan", "inf", "1e3", "0x10",
	      "1,5", "1e400", "99999999999", "0.0000000001"})
		EXPECT_FALSE(parse_interval(text)) << text;
}

TEST(count, limits)
{
	EXPECT_EQ(parse_count("0", 10), 0u);
	EXPECT_EQ(parse_count("10", 10), 10u);
	EXPECT_EQ(parse_count("18446744073709551615", ~0ull), ~0ull);
	for (const char *text : {"", "11", "-1", "+1", "1x", " 1", "18446744073709551616"})
		EXPECT_FALSE(parse_count(text, 10)) << text;
}

TEST(proc_number, text_of_the_file)
{
	EXPECT_EQ(parse_proc_number("21\n"), 21);
	EXPECT_EQ(parse_proc_number("276"), 276);
	EXPECT_EQ(parse_proc_number("0x15\n"), 21);
	EXPECT_EQ(parse_proc_number("025"), 21);
	for (const char *text :
	     {"", "\n", "21\n\n", "21 \n", " 21", "-21", "+21", "abc", "0x", "4294967296"})
		EXPECT_FALSE(parse_proc_number(text)) << text;
}

TEST(proc_number, absent_file_means_the_official_number)
{
	EXPECT_EQ(proc_number("/nonexistent/pf_rds", 21), 21);
}

TEST(proc_number, junk_in_the_file_is_fatal)
{
	EXPECT_THROW(proc_number("/proc/self/cmdline", 21), std::runtime_error);
}

TEST(endpoint, parse_and_print)
{
	EXPECT_EQ(endpoint::parse("10.0.0.1:4000")->text(), "10.0.0.1:4000");
	EXPECT_EQ(endpoint::parse("[2001:db8::1]:65535")->text(), "[2001:db8::1]:65535");
	EXPECT_EQ(endpoint::parse_address("::1")->family(), AF_INET6);
	EXPECT_EQ(endpoint::parse_address("::1")->length(), 28u);
	EXPECT_EQ(endpoint::parse_address("127.0.0.1")->length(), 16u);
	EXPECT_EQ(endpoint::parse("10.0.0.1:0")->with_port(9).port(), 9);
	EXPECT_TRUE(endpoint::parse("10.0.0.1:1")->same_address(*endpoint::parse("10.0.0.1:2")));
	EXPECT_FALSE(*endpoint::parse("10.0.0.1:1") == *endpoint::parse("10.0.0.1:2"));
	for (const char *text :
	     {"", ":1", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0:1",
	      "2001:db8::1:80", "[2001:db8::1]", "[]:1", "10.0.0.1:1x"})
		EXPECT_FALSE(endpoint::parse(text)) << text;
}
