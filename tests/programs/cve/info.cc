// SPDX-License-Identifier: GPL-2.0
/*
 * The information lists: addresses that are right, no byte that was not written, sizes that programs rely on.
 */
#include <fcntl.h>
#include <sys/uio.h>

#include <map>

#include "trial.h"

namespace {

using bytes = std::vector<std::uint8_t>;

/* All records of a list, into poisoned memory. */
bytes read_list(int list, long &stride)
{
	sock s;
	bytes buffer(1 << 20, 0xa5);
	socklen_t len = 1 << 20;
	stride = result_of(::getsockopt(s.fd(), SOL_RDS, list, buffer.data(), &len));
	buffer.resize(stride > 0 ? len : 0);
	return buffer;
}

/* Fills the kernel's stack of this thread with what a record must not show. */
void dirty_stack()
{
	std::vector<std::uint8_t> junk(60000, 0xcc);
	iovec vec[64];
	for (auto &v : vec)
		v = {junk.data(), 900};
	int fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (::writev(fd, vec, 64) < 0)
		std::abort();
	::close(fd);
	pollfd fds[30];
	for (auto &p : fds)
		p = {-1, static_cast<short>(0xcccc), static_cast<short>(0xcccc)};
	::poll(fds, 30, 0);
}

/* Messages in each of the queues, of both families. */
struct queues {
	sock unread, sender, far;
	endpoint nobody;

	explicit queues(trial &t)
	    : unread(ip("127.0.0.1", 4321)),
	      sender(ip("127.0.0.2")),
	      far(t.set.tcp),
	      nobody(t.set.nobody())
	{
		sender.send(unread.name(), 10);
		far.send(nobody, 20, MSG_DONTWAIT);
		unread.becomes(POLLIN);
		std::string got;
		unread.receive(got, MSG_PEEK);
	}
	~queues()
	{
		::setsockopt(far.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, nobody.sa(), nobody.length());
	}
};

template <int first, int last, long size, long from, long to>
void zero_bytes(trial &t)
{
	queues q(t);
	std::size_t records = 0;
	for (int list = first; list <= last; list++) {
		long stride;
		dirty_stack();
		bytes all = read_list(list, stride);
		if (stride == -ENOPROTOOPT)
			continue;
		t.is("record size of " + std::to_string(list), stride, {size});
		for (std::size_t at = 0; at + size <= all.size(); at += size, records++)
			for (long i = from; i < to; i++)
				t.is("list " + std::to_string(list) + ", byte " + std::to_string(i),
				     all[at + static_cast<std::size_t>(i)], {0});
	}
	t.expect("there was no record", records > 0);
}

/* Messages of IPv4 have their addresses in the IPv4 lists. */
void addresses(trial &t)
{
	queues q(t);
	std::size_t records = 0;
	for (int list :
	     {RDS_INFO_SEND_MESSAGES, RDS_INFO_RETRANS_MESSAGES, RDS_INFO_RECV_MESSAGES}) {
		long stride;
		bytes all = read_list(list, stride);
		for (std::size_t at = 0; stride == 26 && at < all.size(); at += 26, records++) {
			rds_info_message m;
			std::memcpy(static_cast<void *>(&m), all.data() + at, sizeof(m));
			t.expect("list " + std::to_string(list) + " shows 0.0.0.0",
				 m.laddr && m.faddr);
		}
	}
	t.expect("there were no messages", records >= 2);
}

/* What stays as it is, because programs know it so. */
void kept(trial &t)
{
	queues q(t);
	const std::map<int, long> sizes{{RDS_INFO_COUNTERS, 40},      {RDS_INFO_CONNECTIONS, 42},
					{RDS_INFO_SEND_MESSAGES, 26}, {RDS_INFO_RECV_MESSAGES, 26},
					{RDS_INFO_SOCKETS, 28},	      {RDS_INFO_TCP_SOCKETS, 41},
					{RDS6_INFO_CONNECTIONS, 65},  {RDS6_INFO_SEND_MESSAGES, 50},
					{RDS6_INFO_SOCKETS, 52},      {RDS6_INFO_TCP_SOCKETS, 64}};
	long stride;
	for (auto [list, size] : sizes) {
		read_list(list, stride);
		t.is("record size of " + std::to_string(list), stride, {size});
	}

	/* one record for each connection */
	bytes all = read_list(RDS_INFO_CONNECTIONS, stride);
	std::map<bytes, int> seen;
	for (std::size_t at = 0; at + 42 <= all.size(); at += 42)
		seen[bytes(all.begin() + static_cast<long>(at) + 16,
			   all.begin() + static_cast<long>(at) + 40)]++;
	for (auto &[connection, times] : seen)
		t.is("records of one connection", times, {1});
	t.expect("there was no connection", !seen.empty());

	auto count = [&](int list) {
		long size;
		std::size_t n = read_list(list, size).size();
		return size > 0 ? static_cast<long>(n) / size : size;
	};
	long four = count(RDS_INFO_SOCKETS), six = count(RDS6_INFO_SOCKETS);
	sock unbound;
	t.is("unbound sockets in 10006", count(RDS_INFO_SOCKETS) - four, {0});
	t.is("unbound sockets in 10015", count(RDS6_INFO_SOCKETS) - six, {1});
}

/* A list that grows between the probe and the call is asked for again, and that has an end; the rest is untouched. */
void growing(trial &t)
{
	std::vector<sock> more;
	sock s;
	socklen_t len = 0;
	bytes buffer(1 << 20, 0xa5);
	more.emplace_back(ip("127.0.0.1"));
	t.is("a probe", result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_SOCKETS, nullptr, &len)),
	     {-ENOSPC});
	socklen_t probed = len;
	more.emplace_back(ip("127.0.0.1"));
	t.is("it has grown",
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_SOCKETS, buffer.data(), &len)),
	     {-ENOSPC});
	t.is("the new need", len, {static_cast<long>(probed) + 28});
	t.is("with that",
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_SOCKETS, buffer.data(), &len)), {28});
	t.is("behind the records", buffer[len], {0xa5});
}

const listed these{
	{"info-flags", "CVE-2016-5244, S2.5.4", "flags of message records",
	 zero_bytes<RDS_INFO_SEND_MESSAGES, RDS_INFO_RECV_MESSAGES, 26, 24, 26>},
	{"info-tos", "CVE-2019-16714", "tos of message records",
	 zero_bytes<RDS6_INFO_SEND_MESSAGES, RDS6_INFO_RECV_MESSAGES, 50, 48, 50>},
	{"info-addresses", "N6.1, K18.12", "addresses of message records", addresses},
	{"info-kept", "N6.2, N6.3, N6.4", "oddities that programs know", kept},
	{"info-growing", "N6.6, N6.7", "list that grows between the calls", growing},
};

} // namespace
