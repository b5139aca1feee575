// SPDX-License-Identifier: GPL-2.0
/*
 * Options at level SOL_RDS: both directions, every length, bad pointers, what they leave.
 */
#include <cstring>
#include <string>

#include "topics.h"

namespace {

void rows_getsockopt(tap &t)
{
	t.section("getsockopt");
	sock s;
	int value = 77;
	socklen_t len;
	auto get = [&](int level, int option, socklen_t length) {
		len = length;
		return result_of(::getsockopt(s.fd(), level, option, &value, &len));
	};

	t.is("RDS_RECVERR", 0, get(SOL_RDS, RDS_RECVERR, 4));
	t.is("... length", 4, len);
	t.is("RDS_RECVERR, length 3", -EINVAL, get(SOL_RDS, RDS_RECVERR, 3));
	t.is("RDS_RECVERR, length 100", 0, get(SOL_RDS, RDS_RECVERR, 100));
	t.is("... length", 4, len);
	t.is("SO_RDS_TRANSPORT", 0, get(SOL_RDS, SO_RDS_TRANSPORT, 4));
	t.is("... none", -1, value);
	t.is("... length", 4, len);
	t.is("SO_RDS_TRANSPORT, length 3", -EINVAL, get(SOL_RDS, SO_RDS_TRANSPORT, 3));
	t.is("SO_RDS_TRANSPORT, length 100", 0, get(SOL_RDS, SO_RDS_TRANSPORT, 100));
	t.is("... length", 4, len);
	t.is("RDS_RECVERR, length -1", -EINVAL, get(SOL_RDS, RDS_RECVERR, socklen_t(-1)));
	t.is("SO_RDS_TRANSPORT, length -1", -EINVAL, get(SOL_RDS, SO_RDS_TRANSPORT, socklen_t(-1)));
	for (int option : {0, 1, 2, 3, 4, RDS_CONG_MONITOR, 7, 9, SO_RDS_MSG_RXPATH_LATENCY, 11, 29,
			   63, 9999, 10018})
		t.is("option " + std::to_string(option), -ENOPROTOOPT, get(SOL_RDS, option, 4));
	t.is("level IPPROTO_IP", -ENOPROTOOPT, get(IPPROTO_IP, 1, 4));
	t.is("level IPPROTO_TCP", -ENOPROTOOPT, get(IPPROTO_TCP, 1, 4));
	auto *bad_len = static_cast<socklen_t *>(bad_pointer);
	t.is("bad length pointer", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_RECVERR, &value, bad_len)));
	t.is("bad length pointer, unknown option", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, 9, &value, bad_len)));
	len = 4;
	t.is("bad value pointer", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_RECVERR, bad_pointer, &len)));
	t.is("setsockopt, level IPPROTO_IP", -ENOPROTOOPT, s.set(IPPROTO_IP, 1, 1));
	for (int option : {0, 4, 9, 11, 10000, 10006})
		t.is("setsockopt " + std::to_string(option), -ENOPROTOOPT,
		     s.set(SOL_RDS, option, 1));
}

void rows_options(tap &t)
{
	t.section("setsockopt");
	sock s, bound(ip("127.0.0.1"));
	int one = 1;
	auto set = [&](int option, const void *value, socklen_t len) {
		return result_of(::setsockopt(s.fd(), SOL_RDS, option, value, len));
	};

	for (int option : {RDS_RECVERR, RDS_CONG_MONITOR}) {
		std::string name = option == RDS_RECVERR ? "RDS_RECVERR" : "RDS_CONG_MONITOR";
		t.is(name + " 1", 0, set(option, &one, 4));
		t.is(name + ", length 3", -EINVAL, set(option, &one, 3));
		t.is(name + ", length 0", -EINVAL, set(option, &one, 0));
		t.is(name + ", bad pointer", -EFAULT, set(option, bad_pointer, 4));
	}
	std::uint64_t wide = 1;
	t.is("RDS_CONG_MONITOR, length 8", 0, set(RDS_CONG_MONITOR, &wide, 8));
	t.is("RDS_RECVERR reads back", 1, s.get(SOL_RDS, RDS_RECVERR));
	s.set(SOL_RDS, RDS_RECVERR, 55);
	t.is("RDS_RECVERR is a boolean", 1, s.get(SOL_RDS, RDS_RECVERR));

	sockaddr_storage address{};
	endpoint there = ip("127.0.0.1", 4000);
	std::memcpy(&address, there.sa(), there.length());
	t.is("RDS_CANCEL_SENT_TO, unbound", -ENOTCONN, set(RDS_CANCEL_SENT_TO, &address, 16));
	auto cancel = [&](const void *where, socklen_t len) {
		return result_of(::setsockopt(bound.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, where, len));
	};
	for (socklen_t len : {0, 15})
		t.is("RDS_CANCEL_SENT_TO, length " + std::to_string(len), -EINVAL,
		     cancel(&address, len));
	for (socklen_t len : {16, 27, 28, 128})
		t.is("RDS_CANCEL_SENT_TO, length " + std::to_string(len), 0, cancel(&address, len));
	t.is("RDS_CANCEL_SENT_TO, bad pointer", -EFAULT, cancel(bad_pointer, 16));
}

void rows_transport(tap &t, const world &w)
{
	t.section("SO_RDS_TRANSPORT");
	sock s;
	int number = RDS_TRANS_TCP;
	auto set = [](sock &on, const void *value, socklen_t len) {
		return result_of(::setsockopt(on.fd(), SOL_RDS, SO_RDS_TRANSPORT, value, len));
	};

	for (socklen_t len : {0, 3, 5, 8})
		t.is("length " + std::to_string(len), -EINVAL, set(s, &number, len));
	t.is("bad pointer", -EFAULT, set(s, bad_pointer, 4));
	for (int wrong : {-1, 3, 4, 1000})
		t.is("number " + std::to_string(wrong), -EINVAL, set(s, &wrong, 4));
	int gap = 1;
	t.is("number 1", w.user ? -EPROTOTYPE : -ENOPROTOOPT, set(s, &gap, 4));
	int ib = 0;
	t.is("InfiniBand, which is not there", w.user ? -EPROTOTYPE : -ENOPROTOOPT, set(s, &ib, 4));
	t.is("TCP", 0, set(s, &number, 4));
	t.number("... reads back", RDS_TRANS_TCP, s.transport());
	t.is("again", -EOPNOTSUPP, set(s, &number, 4));
	t.is("foreign address", -ENOPROTOOPT, s.bind(ip("198.51.100.1")));

	sock in_use(w.near), preset;
	set(preset, &number, 4);
	t.is("port in use", -EADDRINUSE, preset.bind(in_use.name()));
	t.number("the choice is kept", RDS_TRANS_TCP, preset.transport());

	sock local;
	set(local, &number, 4);
	t.is("127.0.0.1 with TCP", 0, local.bind(ip("127.0.0.1")));
	t.number("... is TCP", RDS_TRANS_TCP, local.transport());
	t.is("after bind", -EOPNOTSUPP, set(local, &number, 4));
	t.is("after bind, wrong length", -EOPNOTSUPP, set(local, &number, 3));
}

void rows_arrival_options(tap &t)
{
	t.section("setsockopt, arrival");
	sock s;
	int one = 1;
	std::uint64_t wide = 1;
	rds_rx_trace_so trace{};
	auto set = [&](int option, const void *value, socklen_t len) {
		return result_of(::setsockopt(s.fd(), SOL_RDS, option, value, len));
	};

	t.is("RXPATH_LATENCY, length 3", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 3));
	t.is("RXPATH_LATENCY, none", 0, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace.rx_traces = 4;
	t.is("RXPATH_LATENCY, 4 positions", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace = {3, {0, 1, 2}};
	t.is("RXPATH_LATENCY, 3 positions", 0, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace = {3, {0, 1, 3}};
	t.is("RXPATH_LATENCY, third position 3", -EFAULT,
	     set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace = {1, {255, 0, 0}};
	t.is("RXPATH_LATENCY, position 255", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace = {1, {0, 99, 99}};
	t.is("RXPATH_LATENCY, unused positions", 0, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace = {255, {0, 0, 0}};
	t.is("RXPATH_LATENCY, 255 positions", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	for (socklen_t len : {0, 5, 8})
		t.is("RXPATH_LATENCY, length " + std::to_string(len), -EFAULT,
		     set(SO_RDS_MSG_RXPATH_LATENCY, &wide, len));
	t.is("RXPATH_LATENCY, bad pointer", -EFAULT,
	     set(SO_RDS_MSG_RXPATH_LATENCY, bad_pointer, 4));
	trace = {1, {3, 0, 0}};
	t.is("RXPATH_LATENCY, position 3", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	for (int option : {29, 63}) {
		t.is("timestamp option " + std::to_string(option), 0, set(option, &one, 4));
		t.is("timestamp option " + std::to_string(option) + ", length 8", -EFAULT,
		     set(option, &wide, 8));
		t.is("timestamp option " + std::to_string(option) + ", length 3", -EFAULT,
		     set(option, &wide, 3));
		t.is("timestamp option " + std::to_string(option) + ", bad pointer", -EFAULT,
		     set(option, bad_pointer, 4));
		t.is("timestamp option " + std::to_string(option) + ", 0", 0,
		     s.set(SOL_RDS, option, 0));
	}
}

/* RDS_CANCEL_SENT_TO takes what was queued for one address and port, and nothing else. */
void rows_cancel(tap &t, const world &w)
{
	t.section("RDS_CANCEL_SENT_TO");
	sock s(w.near), other(w.near);
	endpoint nobody = w.nobody.with_port(4444), port = w.nobody.with_port(4445);
	auto cancel = [&](const endpoint &to) {
		return result_of(
			::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, to.sa(), to.length()));
	};
	auto full = [&] { return s.send(nobody, 1) == -EAGAIN; };

	for (int i = 0; i < 7; i++)
		s.send(nobody, 8192);
	for (int i = 0; i < 6; i++)
		s.send(port, 8192);
	t.ok("full", full());
	t.is("another port", 0, cancel(w.nobody.with_port(4446)));
	t.ok("... full", full());
	t.is("another address", 0, cancel(w.far.with_port(4444)));
	t.ok("... full", full());
	t.is("another socket's", 0,
	     result_of(::setsockopt(other.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, nobody.sa(), 16)));
	t.ok("... full", full());
	t.is("the first port", 0, cancel(nobody));
	/* 7 came back: room for 7, and the first beyond the limit is refused */
	int room = 0;
	while (room < 100 && s.send(nobody, 8192) == 8192)
		room++;
	t.is("... gives back its messages", 7, room);
	t.is("both", 0, cancel(nobody) + cancel(port));
	room = 0;
	while (room < 100 && s.send(nobody, 8192) == 8192)
		room++;
	t.is("... gives back all", 13, room);
	cancel(nobody);
	/* The family is not looked at. */
	raw_address strange(nobody, 16);
	strange.bytes[0] = AF_UNIX;
	s.send(nobody, 106496);
	t.is("of a strange family, length 16", 0,
	     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, strange.sa(), 16)));
	t.ok("... is read as AF_INET", s.send(nobody, 1) == 1);
}

} // namespace

void topic_option(tap &t, const world &w)
{
	rows_getsockopt(t);
	rows_options(t);
	rows_arrival_options(t);
	rows_transport(t, w);
	rows_cancel(t, w);
}
