// SPDX-License-Identifier: GPL-2.0
/*
 * Pointers to where no program may read or write, at each place where a call takes one. A copy that trusts one of them
 * is an exploit.
 */
#include <sys/uio.h>

#include <cstring>
#include <string>
#include <vector>

#include "topics.h"

namespace {

struct pointer {
	std::string name;
	void *where;
};

/* Where no program may read or write @room bytes; a copy that trusts one of them is an exploit. */
std::vector<pointer> wild_pointers(const half_mapped &memory, std::size_t room)
{
	auto at = [](std::uintptr_t value) { return reinterpret_cast<void *>(value); };
	std::vector<pointer> all{
		{"1", at(1)},
		{"the last byte of user space", at(0x7fffffffefff)},
		{"the first byte beyond", at(0x7ffffffff000)},
		{"no canonical address", at(std::uintptr_t{1} << 62)},
		{"kernel memory", at(0xffff888000000000)},
		{"kernel text", at(0xffffffff81000000)},
		{"the last byte of all", at(~std::uintptr_t{0})},
		{"a page's end", memory.end() - room + 1},
	};
	return all;
}

void rows_pointers_send(tap &t, const half_mapped &memory)
{
	t.section("pointers, send");
	sock to(ip("127.0.0.1")), s(ip("127.0.0.1"));
	endpoint name = to.name();
	auto payload = [&](const pointer &p) {
		t.is("payload at " + p.name, -EFAULT, s.send(name, p.where, 64));
	};

	for (const pointer &p : wild_pointers(memory, 64)) {
		payload(p);
		message m(&name, "x", 1);
		m.hdr.msg_control = p.where;
		m.hdr.msg_controllen = 64;
		t.is("control at " + p.name, -EFAULT, m.send(s));
	}
	payload({"NULL", nullptr});
	for (const pointer &p : wild_pointers(memory, 16)) {
		message m(&name, "x", 1);
		m.hdr.msg_name = p.where;
		t.is("name at " + p.name, -EFAULT, m.send(s));
		message v(&name, "x", 1);
		v.hdr.msg_iov = static_cast<iovec *>(p.where);
		t.is("vector at " + p.name, -EFAULT, v.send(s));
	}
	t.ok("nothing arrived", to.empty());
}

/* A payload that cannot be copied out stays. */
void rows_pointers_receive(tap &t, const half_mapped &memory, const half_mapped &constant)
{
	t.section("pointers, receive");
	sock r(ip("127.0.0.1")), s(ip("127.0.0.1"));
	endpoint name = r.name();
	auto with = [](const std::vector<pointer> &wild, const pointer &more) {
		auto all = wild;
		all.push_back(more);
		return all;
	};
	pointer read_only{"read-only memory", constant.start()};
	char room[64];

	s.send_text(name, "still there");
	auto buffers = with(wild_pointers(memory, 7), read_only);
	for (const pointer &p : with(buffers, {"NULL", nullptr})) {
		t.is("payload to " + p.name, -EFAULT, result_of(::recv(r.fd(), p.where, 11, 0)));
		iovec two[] = {{room, 4}, {p.where, 60}};
		t.is("payload to a good buffer and " + p.name, -EFAULT,
		     result_of(::readv(r.fd(), two, 2)));
	}
	t.ok("the message is still there", r.receives("still there"));

	r.set(SOL_SOCKET, SO_TIMESTAMP, 1);
	for (const pointer &p : with(wild_pointers(memory, 16), read_only)) {
		s.send_text(name, "name");
		message m(nullptr, room, sizeof(room));
		m.hdr.msg_name = p.where;
		m.hdr.msg_namelen = 16;
		t.is("name to " + p.name, -EFAULT, m.receive(r));
		s.send_text(name, "control");
		message c(nullptr, room, sizeof(room));
		c.hdr.msg_control = p.where;
		c.hdr.msg_controllen = 64;
		t.is("control to " + p.name, -EFAULT, result_of(::recvmsg(r.fd(), &c.hdr, 0)));
		/* whether it is still there is a row of arrival.cc */
		std::string got;
		r.receive(got, MSG_DONTWAIT);
	}
	t.ok("nothing is left", r.empty());
}

void rows_pointers_options(tap &t, const half_mapped &memory, const half_mapped &constant)
{
	t.section("pointers, options and names");
	sock s(ip("127.0.0.1")), fresh;
	int value = 0;
	socklen_t four = 4, plenty = 4096;

	for (const pointer &p : wild_pointers(memory, 4)) {
		auto *len = static_cast<socklen_t *>(p.where);
		for (int option : {RDS_RECVERR, RDS_CONG_MONITOR})
			t.is("setsockopt " + std::to_string(option) + " from " + p.name, -EFAULT,
			     result_of(::setsockopt(s.fd(), SOL_RDS, option, p.where, 4)));
		t.is("SO_RDS_TRANSPORT from " + p.name, -EFAULT,
		     result_of(::setsockopt(fresh.fd(), SOL_RDS, SO_RDS_TRANSPORT, p.where, 4)));
		for (int option : {RDS_RECVERR, SO_RDS_TRANSPORT, RDS_INFO_COUNTERS})
			t.is("length of " + std::to_string(option) + " at " + p.name, -EFAULT,
			     result_of(::getsockopt(s.fd(), SOL_RDS, option, &value, len)));
		for (int option : {RDS_RECVERR, SO_RDS_TRANSPORT})
			t.is("getsockopt " + std::to_string(option) + " to " + p.name, -EFAULT,
			     result_of(::getsockopt(s.fd(), SOL_RDS, option, p.where, &four)));
	}
	for (const pointer &p : wild_pointers(memory, 16)) {
		auto *sa = static_cast<sockaddr *>(p.where);
		socklen_t len = 16;
		t.is("RDS_CANCEL_SENT_TO from " + p.name, -EFAULT,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, sa, 16)));
		t.is("bind from " + p.name, -EFAULT, result_of(::bind(fresh.fd(), sa, 16)));
		t.is("connect from " + p.name, -EFAULT, result_of(::connect(fresh.fd(), sa, 16)));
		t.is("getsockname to " + p.name, -EFAULT,
		     result_of(::getsockname(s.fd(), sa, &len)));
	}
	for (const pointer &p : wild_pointers(memory, plenty)) {
		bool wraps = reinterpret_cast<std::uintptr_t>(p.where) + plenty < plenty;
		t.is("counters to " + p.name, wraps ? -EINVAL : -EAGAIN,
		     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, p.where, &plenty)));
	}
	auto *frozen = reinterpret_cast<socklen_t *>(constant.start());
	t.is("length in read-only memory", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, SO_RDS_TRANSPORT, &value, frozen)));
	t.is("counters, length in read-only memory", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, &value, frozen)));
	t.number("still unbound", -1, fresh.transport());
}

void rows_pointers(tap &t)
{
	half_mapped memory, constant;
	constexpr socklen_t four = 4;

	std::memcpy(constant.start(), &four, sizeof(four));
	constant.read_only();
	rows_pointers_send(t, memory);
	rows_pointers_receive(t, memory, constant);
	rows_pointers_options(t, memory, constant);
}

} // namespace

void topic_pointers(tap &t, const world &)
{
	rows_pointers(t);
}
