// SPDX-License-Identifier: GPL-2.0
/*
 * Options at level SOL_SOCKET: those that matter, and those that the generic layer takes without effect.
 */
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <net/if.h>

#include <string>

#include "topics.h"

namespace {

struct option_row {
	const char *name;
	int option, value;
	long set, get;
};

void rows_sol_socket(tap &t)
{
	t.section("SOL_SOCKET");
	sock s;

	t.is("SO_REUSEADDR", 0, s.set(SOL_SOCKET, SO_REUSEADDR, 1));
	t.is("SO_REUSEPORT", -EOPNOTSUPP, s.set(SOL_SOCKET, SO_REUSEPORT, 1));
	t.is("SO_PEEK_OFF", -EOPNOTSUPP, s.set(SOL_SOCKET, SO_PEEK_OFF, 1));
	t.is("SO_SNDBUF 1", 0, s.set(SOL_SOCKET, SO_SNDBUF, 1));
	t.is("... gives the minimum", 4608, s.get(SOL_SOCKET, SO_SNDBUF));
	t.is("SO_RCVBUF 1", 0, s.set(SOL_SOCKET, SO_RCVBUF, 1));
	t.is("... gives the minimum", 2304, s.get(SOL_SOCKET, SO_RCVBUF));
	t.is("SO_SNDBUF 10000", 0, s.set(SOL_SOCKET, SO_SNDBUF, 10000));
	t.is("... is doubled", 20000, s.get(SOL_SOCKET, SO_SNDBUF));
	t.is("SO_ZEROCOPY 2", -EINVAL, s.set(SOL_SOCKET, SO_ZEROCOPY, 2));
}

/* Taken or refused before RDS is asked. */
void rows_generic(tap &t)
{
	t.section("SOL_SOCKET, generic");
	sock s;
	const option_row rows[] = {
		{"SO_MARK", SO_MARK, 7, 0, 7},
		{"SO_PRIORITY", SO_PRIORITY, 3, 0, 3},
		{"SO_KEEPALIVE", SO_KEEPALIVE, 1, 0, 1},
		{"SO_RCVLOWAT", SO_RCVLOWAT, 100, 0, 100},
		{"SO_BROADCAST", SO_BROADCAST, 1, 0, 1},
		{"SO_OOBINLINE", SO_OOBINLINE, 1, 0, 1},
		{"SO_DONTROUTE", SO_DONTROUTE, 1, 0, 1},
		{"SO_RXQ_OVFL", SO_RXQ_OVFL, 1, 0, 1},
		{"SO_INCOMING_CPU", SO_INCOMING_CPU, 0, 0, 0},
		{"SO_PASSCRED", SO_PASSCRED, 1, 0, 1},
		{"SO_SELECT_ERR_QUEUE", SO_SELECT_ERR_QUEUE, 1, 0, 1},
		{"SO_BUSY_POLL", SO_BUSY_POLL, 0, 0, 0},
		{"SO_TIMESTAMPING", SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE, 0,
		 SOF_TIMESTAMPING_RX_SOFTWARE},
		{"SO_ERROR", SO_ERROR, 1, -ENOPROTOOPT, 0},
		{"SO_DOMAIN", SO_DOMAIN, 1, -ENOPROTOOPT, AF_RDS},
		{"SO_TYPE", SO_TYPE, 1, -ENOPROTOOPT, SOCK_SEQPACKET},
		{"SO_PROTOCOL", SO_PROTOCOL, 1, -ENOPROTOOPT, 0},
		{"SO_ACCEPTCONN", SO_ACCEPTCONN, 1, -ENOPROTOOPT, 0},
		{"SO_PEEK_OFF", SO_PEEK_OFF, 1, -EOPNOTSUPP, -EOPNOTSUPP},
		{"SO_REUSEPORT", SO_REUSEPORT, 1, -EOPNOTSUPP, 0},
		{"SO_REUSEADDR", SO_REUSEADDR, 1, 0, 1},
		{"SO_ZEROCOPY", SO_ZEROCOPY, 1, 0, 1},
		{"SO_ZEROCOPY -1", SO_ZEROCOPY, -1, -EINVAL, 1},
		{"SO_TXTIME", SO_TXTIME, 0, -EINVAL, 0},
		{"option 9999", 9999, 1, -ENOPROTOOPT, -ENOPROTOOPT},
	};

	for (const option_row &row : rows) {
		t.is(row.name, row.set, s.set(SOL_SOCKET, row.option, row.value));
		t.is("... reads", row.get, s.get(SOL_SOCKET, row.option));
	}

	linger hang{1, 5};
	t.is("SO_LINGER", 0, result_of(::setsockopt(s.fd(), SOL_SOCKET, SO_LINGER, &hang, 8)));
	t.is("SO_BINDTODEVICE", 0,
	     result_of(::setsockopt(s.fd(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)));
	sock_filter all[] = {{BPF_RET | BPF_K, 0, 0, 0}};
	sock_fprog program{1, all};
	t.is("SO_ATTACH_FILTER", 0,
	     result_of(::setsockopt(s.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program,
				    sizeof(program))));
	std::uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	t.is("SO_COOKIE", 0, result_of(::getsockopt(s.fd(), SOL_SOCKET, SO_COOKIE, &cookie, &len)));
	t.ok("... is one", cookie != 0);
	std::uint32_t info[SK_MEMINFO_VARS] = {};
	len = sizeof(info);
	t.is("SO_MEMINFO", 0, result_of(::getsockopt(s.fd(), SOL_SOCKET, SO_MEMINFO, info, &len)));
	t.is("... send buffer", s.get(SOL_SOCKET, SO_SNDBUF), info[SK_MEMINFO_SNDBUF]);
	t.is("... receive buffer", s.get(SOL_SOCKET, SO_RCVBUF), info[SK_MEMINFO_RCVBUF]);
	for (int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
		timeval wrong{1, 1000000}, got{};
		std::string name = option == SO_SNDTIMEO ? "SO_SNDTIMEO" : "SO_RCVTIMEO";
		t.is(name + ", too many microseconds", -EDOM,
		     result_of(::setsockopt(s.fd(), SOL_SOCKET, option, &wrong, sizeof(wrong))));
		timeval two{2, 0};
		t.is(name, 0,
		     result_of(::setsockopt(s.fd(), SOL_SOCKET, option, &two, sizeof(two))));
		len = sizeof(got);
		t.is(name + ", read", 0,
		     result_of(::getsockopt(s.fd(), SOL_SOCKET, option, &got, &len)));
		t.is("... seconds", 2, got.tv_sec);
	}
}

/* None of them changes what is received. */
void rows_no_effect(tap &t, const place &p)
{
	t.section("SOL_SOCKET, no effect, " + p.name);
	sock r(p.at()), s(p.at());
	linger hang{1, 5};
	sock_filter nothing[] = {{BPF_RET | BPF_K, 0, 0, 0}};
	sock_fprog program{1, nothing};
	char buffer[8] = {};

	for (sock *one : {&r, &s}) {
		for (int option : {SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_DONTROUTE,
				   SO_RXQ_OVFL, SO_PASSCRED, SO_TIMESTAMPING})
			one->set(SOL_SOCKET, option, option == SO_TIMESTAMPING ? 0x1b : 1);
		one->set(SOL_SOCKET, SO_RCVLOWAT, 100);
		::setsockopt(one->fd(), SOL_SOCKET, SO_LINGER, &hang, sizeof(hang));
		::setsockopt(one->fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	}
	t.is("send", 5, s.send_text(r.name(), "plain"));
	t.ok("it is there", r.holds_message());
	message m(nullptr, buffer, sizeof(buffer));
	t.is("receive", 5, m.receive(r));
	t.same("... no control message", "none", controls(m.hdr));
	t.is("... no flags", 0, m.hdr.msg_flags);
}

void rows_buffers(tap &t, const world &w)
{
	t.section("SOL_SOCKET, buffers");
	sock s;
	int huge = 1 << 30;
	auto force = [&](int option) {
		return result_of(::setsockopt(s.fd(), SOL_SOCKET, option, &huge, sizeof(huge)));
	};
	long most = s.set(SOL_SOCKET, SO_SNDBUF, huge);

	t.is("SO_SNDBUF, more than allowed", 0, most);
	t.ok("... is cut to the most that is allowed", s.get(SOL_SOCKET, SO_SNDBUF) < huge);
	t.is("SO_SNDBUF -1", 0, s.set(SOL_SOCKET, SO_SNDBUF, -1));
	t.is("SO_RCVBUF -1", 0, s.set(SOL_SOCKET, SO_RCVBUF, -1));
	t.is("SO_RCVBUF 10000", 0, s.set(SOL_SOCKET, SO_RCVBUF, 10000));
	t.is("... is doubled", 20000, s.get(SOL_SOCKET, SO_RCVBUF));
	t.is("SO_SNDBUFFORCE", w.user ? -EPERM : 0, force(SO_SNDBUFFORCE));
	t.is("SO_RCVBUFFORCE", w.user ? -EPERM : 0, force(SO_RCVBUFFORCE));
	if (w.user)
		return t.skip("forced sizes", "not for users");
	t.is("SO_SNDBUFFORCE reads", 0x7ffffffe, s.get(SOL_SOCKET, SO_SNDBUF));
	t.is("SO_RCVBUFFORCE reads", 0x7ffffffe, s.get(SOL_SOCKET, SO_RCVBUF));
}

} // namespace

void topic_sol_socket(tap &t, const world &w)
{
	rows_sol_socket(t);
	rows_generic(t);
	rows_buffers(t, w);
	on_each_place(t, w, rows_no_effect);
}
