// SPDX-License-Identifier: GPL-2.0
/*
 * RDS_INFO_*: how to ask. Lengths, probes, buffers of all kinds, who may.
 */
#include <cstring>
#include <string>
#include <vector>

#include "topics.h"

namespace {

struct info_row {
	int option;
	long size;
};

constexpr info_row info_rows[] = {
	{RDS_INFO_COUNTERS, 40},       {RDS_INFO_CONNECTIONS, 42},
	{RDS_INFO_SEND_MESSAGES, 26},  {RDS_INFO_RETRANS_MESSAGES, 26},
	{RDS_INFO_RECV_MESSAGES, 26},  {RDS_INFO_SOCKETS, 28},
	{RDS_INFO_TCP_SOCKETS, 41},    {RDS6_INFO_CONNECTIONS, 65},
	{RDS6_INFO_SEND_MESSAGES, 50}, {RDS6_INFO_RETRANS_MESSAGES, 50},
	{RDS6_INFO_RECV_MESSAGES, 50}, {RDS6_INFO_SOCKETS, 52},
	{RDS6_INFO_TCP_SOCKETS, 64},
};

void rows_info(tap &t)
{
	t.section("info");
	sock s, bound(ip("127.0.0.1"));
	std::vector<std::uint8_t> buffer(1 << 20);
	socklen_t len;
	auto get = [&](int option, void *where, socklen_t length) {
		len = length;
		return result_of(::getsockopt(s.fd(), SOL_RDS, option, where, &len));
	};
	constexpr socklen_t plenty = 1 << 20;

	for (const auto &row : info_rows) {
		std::string name = std::to_string(row.option);
		t.is(name + ", record size", row.size, get(row.option, buffer.data(), plenty));
		t.is("... whole records", 0, len % row.size);
		long r = get(row.option, nullptr, 0);
		t.ok("... probe",
		     r == row.size ? len == 0 : r == -ENOSPC && len && len % row.size == 0);
	}
	for (int option : {10002, 10008, 10009, 10010, 10017})
		t.is(std::to_string(option), -ENOPROTOOPT, get(option, buffer.data(), plenty));
	for (int option : {9999, 10018})
		t.is(std::to_string(option), -ENOPROTOOPT, get(option, buffer.data(), plenty));

	t.is("negative length", -EINVAL, get(RDS_INFO_COUNTERS, buffer.data(), socklen_t(-1)));
	t.is("length beyond the largest", -EINVAL,
	     get(RDS_INFO_COUNTERS, buffer.data(), 0x7fffffff));
	t.is("buffer wraps", -EINVAL,
	     get(RDS_INFO_COUNTERS, reinterpret_cast<void *>(~std::uintptr_t{0} - 100), 4096));
	t.is("NULL with a length", -EAGAIN, get(RDS_INFO_COUNTERS, nullptr, 4096));
	t.is("NULL with a length, nobody's number", -EAGAIN, get(10002, nullptr, 4096));
	t.is("bad length pointer", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, buffer.data(),
				    static_cast<socklen_t *>(bad_pointer))));
	t.is("other level", -ENOPROTOOPT,
	     result_of(::getsockopt(s.fd(), 275, RDS_INFO_COUNTERS, buffer.data(),
				    (len = 4096, &len))));

	t.is("NULL with length 0", -ENOSPC, get(RDS_INFO_COUNTERS, nullptr, 0));
	t.is("a bad pointer with length 0", -ENOSPC, get(RDS_INFO_COUNTERS, bad_pointer, 0));
	for (int option : {RDS_INFO_COUNTERS, RDS_INFO_SOCKETS, RDS6_INFO_CONNECTIONS})
		t.is("setsockopt " + std::to_string(option), -ENOPROTOOPT,
		     result_of(::setsockopt(s.fd(), SOL_RDS, option, buffer.data(), 40)));
	half_mapped memory;
	t.is("buffer runs into a hole", -EAGAIN,
	     get(RDS_INFO_COUNTERS, memory.start(), static_cast<socklen_t>(memory.size() + 1)));
	memory.read_only();
	t.is("read-only buffer", -EAGAIN,
	     get(RDS_INFO_COUNTERS, memory.start(), static_cast<socklen_t>(memory.size())));

	get(RDS_INFO_COUNTERS, nullptr, 0);
	socklen_t need = len;
	t.ok("counters, at least the 36 of the core", need >= 36 * 40);
	t.is("one byte short", -ENOSPC, get(RDS_INFO_COUNTERS, buffer.data(), need - 1));
	t.ok("... tells the need", len == need);
	buffer.assign(buffer.size(), 0xaa);
	t.is("exactly enough, odd address, across a page", 40,
	     get(RDS_INFO_COUNTERS, buffer.data() + 4001, need));
	t.ok("... first counter",
	     !std::strcmp(reinterpret_cast<char *>(buffer.data() + 4001), "conn_reset"));
	t.ok("... nothing before and behind", buffer[4000] == 0xaa && buffer[4001 + need] == 0xaa);

	/* Unbound sockets are in the IPv6 list only. */
	auto records = [&](int option) {
		long size = get(option, buffer.data(), plenty);
		return size > 0 ? long(len) / size : size;
	};
	long four = records(RDS_INFO_SOCKETS), six = records(RDS6_INFO_SOCKETS);
	sock one_more;
	t.is("an unbound socket is not in 10006", four, records(RDS_INFO_SOCKETS));
	t.is("an unbound socket is in 10015", six + 1, records(RDS6_INFO_SOCKETS));
	one_more.bind(ip("127.0.0.1"));
	t.is("a bound one is in 10006", four + 1, records(RDS_INFO_SOCKETS));
	t.is("a bound one is in 10015", six + 1, records(RDS6_INFO_SOCKETS));
}

/* A reader and the list that grows under him: he is told what he needs, again and again. */
void rows_growth(tap &t, const world &w)
{
	t.section("info, growth");
	std::vector<sock> all;
	std::vector<std::uint8_t> buffer;
	sock reader;
	socklen_t len = 0;
	long r;

	all.emplace_back(w.loop.at());
	for (int turn = 0; turn < 3; turn++) {
		r = result_of(
			::getsockopt(reader.fd(), SOL_RDS, RDS_INFO_SOCKETS, buffer.data(), &len));
		t.is("a buffer for fewer", -ENOSPC, r);
		buffer.resize(len);
		all.emplace_back(w.loop.at());
	}
	r = result_of(::getsockopt(reader.fd(), SOL_RDS, RDS_INFO_SOCKETS, buffer.data(), &len));
	t.is("and again", -ENOSPC, r);
	buffer.resize(len);
	r = result_of(::getsockopt(reader.fd(), SOL_RDS, RDS_INFO_SOCKETS, buffer.data(), &len));
	t.is("then it fits", 28, r);
	all.clear();
	len = static_cast<socklen_t>(buffer.size());
	t.is("a list that shrinks", 28,
	     result_of(::getsockopt(reader.fd(), SOL_RDS, RDS_INFO_SOCKETS, buffer.data(), &len)));
	t.ok("... is shorter", len + 4 * 28 <= buffer.size());
}

/* Any socket may ask: of another namespace, bound, of any state. */
void rows_anybody(tap &t, const world &w)
{
	t.section("info, anybody");
	std::vector<std::uint8_t> buffer(1 << 20);
	auto get = [&](const sock &s) {
		socklen_t len = 1 << 20;
		return result_of(
			::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, buffer.data(), &len));
	};
	sock fresh, loop(w.loop.at()), tcp(w.near), there = w.at_far();

	t.is("fresh", 40, get(fresh));
	t.is("loopback", 40, get(loop));
	t.is("TCP", 40, get(tcp));
	t.is("of another namespace", 40, get(there));
	background child([&] {
		if (!w.user && ::setuid(65534))
			return -long(EPERM);
		return get(sock());
	});
	t.is("unprivileged", 40, child.result());
	background older([&] {
		if (!w.user && ::setuid(65534))
			return -long(EPERM);
		return get(fresh);
	});
	t.is("unprivileged, a socket of root", 40, older.result());
}

} // namespace

void topic_info(tap &t, const world &w)
{
	rows_info(t);
	rows_growth(t, w);
	rows_anybody(t, w);
}
