// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_ZEROCOPY: what is refused, completions in their records, what they need to be delivered, the memory that may be
 * locked.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include <cstring>
#include <string>
#include <vector>

#include "topics.h"

namespace {

void rows_checks(tap &t, const place &tcp)
{
	t.section("zero copy");
	sock to(tcp.at()), s(tcp.at()), loop(ip("127.0.0.1"));
	endpoint name = to.name(), loop_name = loop.name();
	std::vector<std::uint8_t> data(10000, 7);
	std::uint32_t cookie = 0xabcd;
	auto send = [&](sock &from, const endpoint &dest, bool with_cookie, std::size_t len,
			int flags) {
		message m(&dest, data.data(), len);
		if (with_cookie)
			m.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
		return m.send(from, flags);
	};

	t.is("option off, cookie", -EINVAL, send(s, name, true, 100, MSG_ZEROCOPY));
	t.is("option off, no cookie", -EINVAL, send(s, name, false, 100, MSG_ZEROCOPY));
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	loop.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.is("no cookie", -EINVAL, send(s, name, false, 100, MSG_ZEROCOPY));
	t.is("cookie without the flag", -EINVAL, send(s, name, true, 100, 0));
	t.is("empty", -EINVAL, send(s, name, true, 0, MSG_ZEROCOPY));
	t.is("loopback", -EOPNOTSUPP, send(loop, loop_name, true, 100, MSG_ZEROCOPY));
	t.is("loopback, no cookie", -EOPNOTSUPP, send(loop, loop_name, false, 100, MSG_ZEROCOPY));
	message shorter(&name, data.data(), 100);
	shorter.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, 3);
	t.is("short cookie", -EINVAL, shorter.send(s, MSG_ZEROCOPY));
	message bad(&name, bad_pointer, 100), huge(&name, data.data(), 2 << 20),
		twice(&name, data.data(), 100);
	for (message *m : {&bad, &huge, &twice, &twice})
		m->add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
	half_mapped memory;
	message hole(&name, memory.end() - 100, 200);
	hole.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
	t.is("runs into a hole", -EFAULT, hole.send(s, MSG_ZEROCOPY));

	t.is("SO_ZEROCOPY reads back", 1, s.get(SOL_SOCKET, SO_ZEROCOPY));
	t.is("without MSG_ZEROCOPY", 100, send(s, name, false, 100, MSG_DONTWAIT));
	std::string got;
	t.is("... arrives", 100, to.receive(got, 0, 65536));
	t.is("bad payload pointer", -EFAULT, bad.send(s, MSG_ZEROCOPY));
	t.is("too long", -EMSGSIZE, huge.send(s, MSG_ZEROCOPY));
	t.is("cookie twice", 100, twice.send(s, MSG_ZEROCOPY));
	t.is("... arrives", 100, to.receive(got, 0, 65536));
	t.ok("nothing else arrived", to.empty());
}

long send_cookie(sock &s, const endpoint &to, const std::vector<std::uint8_t> &data,
		 std::uint32_t cookie)
{
	message m(&to, data.data(), data.size());
	m.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
	return m.send(s, MSG_ZEROCOPY | MSG_DONTWAIT);
}

/* One receive call: its result, and the record that came with it. */
std::string record(sock &s, std::size_t room = 512, int flags = MSG_DONTWAIT)
{
	char buffer[64] = {};
	sockaddr_storage name;
	message m(nullptr, buffer, sizeof(buffer));
	rds_zcopy_cookies got;

	m.hdr.msg_name = &name;
	m.hdr.msg_namelen = sizeof(name);
	m.hdr.msg_controllen = room;
	long n = result_of(::recvmsg(s.fd(), &m.hdr, flags));
	std::string text = result_text(n);
	if (n < 0)
		return text;
	text += ", name " + std::to_string(m.hdr.msg_namelen) + ", flags " +
		std::to_string(m.hdr.msg_flags);
	const cmsghdr *c = m.hdr.msg_control && m.hdr.msg_controllen
				   ? m.find(SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION)
				   : nullptr;
	if (!c)
		return text + ", no record";
	std::memcpy(&got, CMSG_DATA(c), sizeof(got));
	text += ", record(" + std::to_string(c->cmsg_len) + ")";
	for (std::uint32_t i = 0; i < 8; i++)
		if (i < got.num || got.cookies[i])
			text += " " + std::to_string(got.cookies[i]);
	return text;
}

/* Waits for a record: what else makes the socket readable is not one. */
std::string next_record(sock &s, std::size_t room = 512, int flags = MSG_DONTWAIT)
{
	std::string text = "EAGAIN";
	for (stopwatch watch; text == "EAGAIN" && watch.ms() < patience(5000); s.poll(POLLIN, 20))
		text = record(s, room, flags);
	return text;
}

/* To the own machine: the message is the receiver's, until he has read it. */
void rows_local(tap &t, const place &p)
{
	t.section("zero copy, local, " + p.name);
	sock to(p.at()), s(p.at());
	std::vector<std::uint8_t> data(10000, 7);

	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.same("no completion", "EAGAIN", record(s));
	t.is("send", 10000, send_cookie(s, to.name(), data, 0xabcd));
	t.ok("... arrives", to.receives(std::string(10000, 7)));
	t.ok("... POLLIN for the completion", s.becomes(POLLIN));
	t.is("... POLLERR", 0, s.poll(POLLERR | POLLPRI | POLLHUP));
	t.same("... room for 55 bytes", "EAGAIN", record(s, 55));
	t.same("... no control buffer", "EAGAIN", record(s, 0));
	s.set(SOL_SOCKET, SO_ZEROCOPY, 0);
	t.same("... SO_ZEROCOPY off", "EAGAIN", record(s));
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.same("... MSG_ERRQUEUE", "EAGAIN", record(s, 512, MSG_ERRQUEUE | MSG_DONTWAIT));
	t.same("... room for 56 bytes", "0, name 0, flags 0, record(52) 43981", next_record(s, 56));
	t.same("... only once", "EAGAIN", record(s));

	send_cookie(s, to.name(), data, 5);
	std::string got;
	to.receive(got);
	s.becomes(POLLIN);
	t.same("MSG_PEEK takes it", "0, name 0, flags 0, record(52) 5",
	       next_record(s, 512, MSG_PEEK | MSG_DONTWAIT));
	t.same("... it is gone", "EAGAIN", record(s));
}

/* To another machine: completions come with its acknowledgements, in order. */
void rows_remote(tap &t, const world &w)
{
	t.section("zero copy, remote");
	sock s(w.near), to = w.at_far(w.far);
	std::vector<std::uint8_t> data(5000, 7);
	std::string got;

	t.ok("connected", w.linked(s, to));
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.is("send", 5000, send_cookie(s, to.name(), data, 1));
	t.ok("... arrives", to.receives(std::string(5000, 7)));
	t.same("... completion", "0, name 0, flags 0, record(52) 1", next_record(s));

	std::vector<std::uint32_t> order;
	for (std::uint32_t i = 100; i < 120; i++)
		send_cookie(s, to.name(), data, i == 119 ? 118 : i);
	/* on one machine, the pages are the reader's until he has read */
	bool whole = true;
	for (int i = 0; i < 20; i++)
		whole &= to.receive(got) == 5000;
	t.ok("20 sends arrive", whole);
	for (stopwatch watch; order.size() < 20 && watch.ms() < patience(5000);) {
		message m(nullptr, nullptr, 0);
		s.poll(POLLIN, 100);
		if (m.receive(s, MSG_DONTWAIT))
			continue;
		const cmsghdr *c = m.find(SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION);
		rds_zcopy_cookies all;
		if (!c)
			continue;
		std::memcpy(&all, CMSG_DATA(c), sizeof(all));
		order.insert(order.end(), all.cookies, all.cookies + all.num);
	}
	t.is("... completions", 20, static_cast<long>(order.size()));
	t.ok("... in order, equal ones twice",
	     order.size() == 20 && std::is_sorted(order.begin(), order.end()) &&
		     order.front() == 100 && order.back() == 118 && order[18] == 118);
}

/* Is a message of this port in the list? */
bool listed(sock &s, int list)
{
	std::vector<std::uint8_t> buffer(1 << 20);
	socklen_t len = 1 << 20;
	long stride = ::getsockopt(s.fd(), SOL_RDS, list, buffer.data(), &len);
	std::uint16_t port = htons(s.name().port());

	for (socklen_t at = 0; stride > 46 && at < len; at += socklen_t(stride))
		if (!std::memcmp(buffer.data() + at + 44, &port, 2))
			return true;
	return false;
}

/* Waits until the list has one of the socket's, or none. */
void await_listed(sock &s, int list, bool wanted)
{
	for (stopwatch watch; watch.ms() < patience(5000) && listed(s, list) != wanted;)
		::poll(nullptr, 0, 10);
}

void await_transmitted(sock &s)
{
	await_listed(s, RDS6_INFO_RETRANS_MESSAGES, true);
}

void await_released(sock &s)
{
	await_listed(s, RDS6_INFO_RETRANS_MESSAGES, false);
}

/* Which completions share a record: none is read until all are there. */
void rows_batches(tap &t, const world &w)
{
	t.section("zero copy, batches");
	sock s(w.near), to = w.at_far(w.far);
	std::vector<std::uint8_t> data(100, 7);
	std::string got;

	t.ok("connected", w.linked(s, to));
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	for (std::uint32_t i = 1; i <= 11; i++) {
		send_cookie(s, to.name(), data, i);
		to.receive(got);
	}
	await_released(s);
	t.same("1st", "0, name 0, flags 0, record(52) 1 2 3 4 5 6 7 8", record(s));
	t.same("2nd", "0, name 0, flags 0, record(52) 9", record(s));
	t.same("3rd", "0, name 0, flags 0, record(52) 10", record(s));
	t.same("4th", "0, name 0, flags 0, record(52) 11", record(s));
	t.same("5th", "EAGAIN", record(s));

	send_cookie(s, to.name(), data, 21);
	to.receive(got);
	await_released(s);
	to.send_text(s.name(), "data");
	await_listed(s, RDS6_INFO_RECV_MESSAGES, true);
	t.same("with a message", "4, name 16, flags 0, record(52) 21", record(s));
	t.same("... and no more", "EAGAIN", record(s));

	std::string early;
	{
		world::cut cut(w);
		send_cookie(s, to.name(), data, 31);
		t.same("not acknowledged", "EAGAIN", record(s));
		/* TCP has it, and may send it once more: nobody may touch the pages yet */
		await_transmitted(s);
		endpoint name = to.name();
		::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, name.sa(), name.length());
		early = record(s);
	}
	to.receive(got);
	std::string done = early == "EAGAIN" ? next_record(s) : early;
	t.same("cancelled, while TCP has it", "EAGAIN", early);
	t.same("... in the end", "0, name 0, flags 0, record(52) 31", done);
}

/* What is locked is charged to the user, who has a limit. */
void rows_memory(tap &t, const world &w)
{
	t.section("zero copy, locked memory");
	sock to(w.near), s(w.near);
	std::vector<std::uint8_t> data(40000, 7);
	std::string got;
	auto limited = [&](rlim_t bytes, const void *where) {
		background child([&, bytes, where]() -> long {
			rlimit limit{bytes, bytes};
			::setrlimit(RLIMIT_MEMLOCK, &limit);
			if (!w.user && ::setuid(65534))
				return -EPERM;
			endpoint name = to.name();
			std::uint32_t cookie = 1;
			message m(&name, where, data.size());
			m.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
			return m.send(s, MSG_ZEROCOPY | MSG_DONTWAIT);
		});
		return child.result();
	};

	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.is("none may be locked", -ENOMEM, limited(0, data.data()));
	t.is("one page less than needed", -ENOMEM, limited(10 * 4096, data.data()));
	t.is("... is found before bad memory", -ENOMEM, limited(10 * 4096, bad_pointer));
	t.is("as much as needed", 40000, limited(11 * 4096, data.data()));
	t.is("... arrives", 40000, to.receive(got, 0, 65536));
	t.is("again: nothing stayed charged", 40000, limited(11 * 4096, data.data()));
	t.is("... arrives", 40000, to.receive(got, 0, 65536));
	t.is("bad memory", -EFAULT, limited(11 * 4096, bad_pointer));
	t.is("... charges nothing", 40000, limited(11 * 4096, data.data()));
	t.is("... arrives", 40000, to.receive(got, 0, 65536));
}

} // namespace

void topic_zerocopy(tap &t, const world &w)
{
	rows_checks(t, w.tcp);
	/* before anything is charged to the user for longer */
	rows_memory(t, w);
	rows_local(t, w.tcp);
	rows_local(t, w.tcp6);
	rows_remote(t, w);
	rows_batches(t, w);
}
