// SPDX-License-Identifier: GPL-2.0
/*
 * Control messages that come with a message: timestamps in each form, receive-path latency, their order and lengths,
 * control buffers that are too small.
 */
#include <ctime>
#include <cstring>
#include <string>

#include "topics.h"

namespace {

void rows_timestamp(tap &t, const place &p)
{
	t.section("timestamp, " + p.name);
	sock r(p.at()), s(p.at());
	char buffer[8] = {};

	t.is("SO_TIMESTAMP", 0, r.set(SOL_SOCKET, SO_TIMESTAMP, 1));
	s.send_text(r.name(), "time");
	message m(nullptr, buffer, sizeof(buffer));
	timeval before, after;
	t.is("recvmsg", 4, m.receive(r));
	::gettimeofday(&after, nullptr);
	const cmsghdr *c = m.find(SOL_SOCKET, SO_TIMESTAMP);
	t.ok("comes as a control message", c && c->cmsg_len == CMSG_LEN(sizeof(timeval)));
	long age = -1;
	if (c) {
		std::memcpy(&before, CMSG_DATA(c), sizeof(before));
		age = (after.tv_sec - before.tv_sec) * 1000000 + after.tv_usec - before.tv_usec;
	}
	t.ok("is the time of arrival", age >= 0 && age < 600000000);

	s.send_text(r.name(), "cut");
	message cut(nullptr, buffer, sizeof(buffer));
	cut.hdr.msg_controllen = 4;
	long n = result_of(::recvmsg(r.fd(), &cut.hdr, 0));
	t.is("control buffer too small", 3, n);
	t.ok("... MSG_CTRUNC", cut.hdr.msg_flags & MSG_CTRUNC);
	s.send_text(r.name(), "bad");
	cut.hdr.msg_control = bad_pointer;
	cut.hdr.msg_controllen = 64;
	t.is("bad control pointer", -EFAULT, result_of(::recvmsg(r.fd(), &cut.hdr, 0)));
	t.ok("... and the message stays", r.receives("bad"));

	t.is("off again", 0, r.set(SOL_SOCKET, SO_TIMESTAMP, 0));
	s.send_text(r.name(), "off");
	message off(nullptr, buffer, sizeof(buffer));
	t.is("recvmsg", 3, off.receive(r));
	t.is("no control message", 0, static_cast<long>(off.hdr.msg_controllen));
}

constexpr int timestamp_new = 63, timestampns_new = 64, timestampns = 35;

/* What one message brings, with whatever is switched on. */
std::string brings(sock &r, sock &s, int flags = 0)
{
	char buffer[8] = {};
	message m(nullptr, buffer, sizeof(buffer));

	s.send_text(r.name(), "x");
	long n = m.receive(r, flags);
	return n == 1 ? controls(m.hdr) : result_text(n);
}

/* The options that switch timestamps on and off, at either level: one flag and one form. */
void rows_timestamp_forms(tap &t, const place &p)
{
	t.section("timestamp forms, " + p.name);
	sock s(p.at());
	struct {
		const char *name;
		int level, option;
		const char *expected;
	} rows[] = {
		{"SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP, "1/29(32)"},
		{"SO_TIMESTAMPNS", SOL_SOCKET, timestampns, "1/29(32)"},
		{"SO_TIMESTAMP_NEW", SOL_SOCKET, timestamp_new, "1/63(32)"},
		{"SO_TIMESTAMPNS_NEW", SOL_SOCKET, timestampns_new, "1/63(32)"},
		{"SOL_RDS, SO_TIMESTAMP", SOL_RDS, SO_TIMESTAMP, "1/29(32)"},
		{"SOL_RDS, SO_TIMESTAMP_NEW", SOL_RDS, timestamp_new, "1/63(32)"},
	};

	for (const auto &row : rows) {
		sock r(p.at());
		t.is(row.name, 0, r.set(row.level, row.option, 1));
		t.same("... brings", row.expected, brings(r, s));
		t.is("... reads back", 1, r.get(SOL_SOCKET, row.option));
		t.is("... off", 0, r.set(row.level, row.option, 0));
		t.same("... brings nothing", "none", brings(r, s));
		r.set(SOL_SOCKET, SO_TIMESTAMP, 1);
		t.same("... then SO_TIMESTAMP", "1/29(32)", brings(r, s));
	}

	sock fresh(p.at()), both(p.at());
	fresh.set(SOL_RDS, timestamp_new, 1);
	fresh.set(SOL_RDS, SO_TIMESTAMP, 1);
	t.same("SOL_RDS, new and then old", "1/63(32)", brings(fresh, s));
	/* On when it arrives and on when it is read. */
	s.send_text(both.name(), "x");
	both.holds_message();
	both.set(SOL_SOCKET, SO_TIMESTAMP, 1);
	message m(nullptr, nullptr, 0);
	m.receive(both);
	t.same("switched on after the arrival", "none", controls(m.hdr));
	s.send_text(both.name(), "x");
	both.holds_message();
	both.set(SOL_SOCKET, SO_TIMESTAMP, 0);
	message off(nullptr, nullptr, 0);
	off.receive(both);
	t.same("switched off after the arrival", "none", controls(off.hdr));
}

std::string trace(const cmsghdr *c)
{
	rds_cmsg_rx_trace got;
	if (!c || c->cmsg_len < CMSG_LEN(sizeof(got)))
		return "none";
	std::memcpy(&got, CMSG_DATA(c), sizeof(got));
	std::string text = std::to_string(got.rx_traces) + " traces, positions";
	for (unsigned char pos : got.rx_trace_pos)
		text += " " + std::to_string(pos);
	std::uint32_t padding;
	std::memcpy(&padding, CMSG_DATA(c) + 4, 4);
	return text + ", padding " + std::to_string(padding);
}

void rows_latency(tap &t, const place &p)
{
	t.section("latency, " + p.name);
	sock r(p.at()), s(p.at());
	char buffer[8] = {};
	auto set = [&](rds_rx_trace_so value) {
		return result_of(::setsockopt(r.fd(), SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &value,
					      sizeof(value)));
	};
	auto got = [&] {
		message m(nullptr, buffer, sizeof(buffer));
		s.send_text(r.name(), "x");
		m.receive(r);
		return trace(m.find(SOL_RDS, RDS_CMSG_RXPATH_LATENCY));
	};

	t.is("three positions", 0, set({3, {0, 1, 2}}));
	t.same("... brings", "276/11(48)", brings(r, s));
	t.same("... has", "3 traces, positions 0 1 2, padding 0", got());
	t.is("two positions", 0, set({2, {2, 0, 0}}));
	t.same("... has", "2 traces, positions 2 0 0, padding 0", got());
	t.is("one position", 0, set({1, {1, 0, 0}}));
	t.same("... has", "1 traces, positions 1 0 0, padding 0", got());
	t.is("a wrong position", -EFAULT, set({1, {3, 0, 0}}));
	t.same("... switches it off", "none", brings(r, s));
	set({1, {1, 0, 0}});
	t.is("none", 0, set({0, {0, 0, 0}}));
	t.same("... switches it off", "none", brings(r, s));
	set({1, {1, 0, 0}});
	t.is("four", -EFAULT, set({4, {0, 0, 0}}));
	t.same("... and what was on is", "276/11(48)", brings(r, s));
}

void rows_order(tap &t, const place &p)
{
	t.section("order of control messages, " + p.name);
	sock r(p.at()), s(p.at());
	rds_rx_trace_so all{3, {0, 1, 2}};
	char buffer[8] = {};

	r.set(SOL_SOCKET, SO_TIMESTAMP, 1);
	::setsockopt(r.fd(), SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &all, sizeof(all));
	t.same("timestamp and latency", "1/29(32), 276/11(48)", brings(r, s));
	s.send_text(r.name(), "x");
	message peek(nullptr, buffer, sizeof(buffer)), take(nullptr, buffer, sizeof(buffer));
	peek.receive(r, MSG_PEEK);
	t.same("MSG_PEEK", "1/29(32), 276/11(48)", controls(peek.hdr));
	take.receive(r);
	t.same("... and again when it is taken", "1/29(32), 276/11(48)", controls(take.hdr));

	for (std::size_t room : {0, 8, 16, 24, 32, 40, 56, 64, 79, 80, 128}) {
		message m(nullptr, buffer, sizeof(buffer));
		m.hdr.msg_controllen = room;
		s.send_text(r.name(), "cut");
		std::string text = "control room " + std::to_string(room);
		t.is(text, 3, result_of(::recvmsg(r.fd(), &m.hdr, 0)));
		bool whole = room >= 80, first = room >= 32;
		t.is("... msg_flags", whole ? 0 : MSG_CTRUNC, m.hdr.msg_flags);
		std::string left = room < 48 ? "" : ", 276/11(" + std::to_string(room - 32) + ")";
		t.same("... brings",
		       whole	   ? "1/29(32), 276/11(48)"
		       : first	   ? "1/29(32)" + left
		       : room < 16 ? "none"
				   : "1/29(" + std::to_string(room) + ")",
		       controls(m.hdr));
		t.is("... msg_controllen",
		     room < 16		      ? 0
		     : room < 48 && room > 32 ? 32
					      : long(std::min<std::size_t>(room, 80)),
		     static_cast<long>(m.hdr.msg_controllen));
	}
	message none(nullptr, buffer, sizeof(buffer));
	none.hdr.msg_control = nullptr;
	none.hdr.msg_controllen = 64;
	s.send_text(r.name(), "x");
	t.is("no control buffer, but a length", 1, result_of(::recvmsg(r.fd(), &none.hdr, 0)));
	t.is("... msg_flags", MSG_CTRUNC, none.hdr.msg_flags);
}

} // namespace

void topic_arrival(tap &t, const world &w)
{
	on_each_place(t, w, [](tap &tt, const place &p) {
		rows_timestamp(tt, p);
		rows_timestamp_forms(tt, p);
		rows_latency(tt, p);
		rows_order(tt, p);
	});
	t.section("arrival");
	t.skip("RDMA_DEST", "no transport here has RDMA; kunit does");
	t.skip("RDMA_STATUS", "no transport here has RDMA; kunit does");
}
