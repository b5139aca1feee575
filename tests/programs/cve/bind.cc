// SPDX-License-Identifier: GPL-2.0
/*
 * A socket is fresh, preset or bound, and each call says the same about it. What fails leaves it as it was, and keeps
 * no module.
 */
#include <atomic>
#include <barrier>
#include <fstream>
#include <thread>

#include "hosts.h"
#include "trial.h"

namespace {

long references()
{
	long value = -1;
	std::ifstream("/sys/module/rds_tcp/refcnt") >> value;
	return value;
}

void unbound_send(trial &t)
{
	sock target(t.set.tcp), loop_target(ip("127.0.0.1"));
	auto all = [&](const std::string &state, sock &s) {
		for (const endpoint &to :
		     {target.name(), loop_target.name(), t.set.nobody(), t.set.tcp})
			t.is(state + ": send to " + to.text(), s.send(to, 1, MSG_DONTWAIT),
			     {-ENOTCONN});
		t.is(state + ": send without a name",
		     result_of(::send(s.fd(), "x", 1, MSG_DONTWAIT)), {-ENOTCONN});
		s.connect(target.name());
		t.is(state + ", connected: send", result_of(::send(s.fd(), "x", 1, MSG_DONTWAIT)),
		     {-ENOTCONN});
	};
	sock fresh, preset, failed, twice;
	all("fresh", fresh);
	preset.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	all("preset", preset);
	failed.bind(ip("198.51.100.1"));
	all("after a failed bind", failed);
	twice.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	twice.bind(target.name());
	twice.bind(t.set.tcp.with_port(1));
	all("preset, after a failed bind", twice);
	t.expect("something was sent", target.empty() && loop_target.empty());
}

/* Address and transport come together, whoever looks while bind runs. */
void racing(trial &t)
{
	sock target(t.set.tcp);
	endpoint name = target.name();
	for (std::uint64_t i = 0; i < t.set.times(600); i++) {
		sock s;
		std::barrier start(3);
		std::jthread sender([&] {
			start.arrive_and_wait();
			for (int j = 0; j < 5; j++)
				t.is("a send while bind runs", s.send(name, "x", 1, MSG_DONTWAIT),
				     {-ENOTCONN, 1, -ENOBUFS, -EAGAIN});
		});
		std::jthread failing([&] {
			start.arrive_and_wait();
			::bind(s.fd(), name.sa(), name.length());
			::bind(s.fd(), ip("198.51.100.1").sa(), 16);
		});
		start.arrive_and_wait();
		t.is("bind", s.bind(t.set.tcp), {0});
	}
}

/* One port for several sockets at once: one gets it, the others hear why not. */
void racing_port(trial &t)
{
	for (std::uint64_t i = 0; i < t.set.times(800); i++) {
		sock one, two;
		endpoint where = t.set.tcp.with_port(static_cast<std::uint16_t>(30000 + i % 1000));
		std::barrier start(2);
		long other = 0;
		{
			std::jthread second([&] {
				start.arrive_and_wait();
				other = two.bind(where);
			});
			start.arrive_and_wait();
			t.is("a bind", one.bind(where), {0, -EADDRINUSE});
		}
		t.is("the other bind", other, {0, -EADDRINUSE});
		t.expect("not one of two was bound",
			 (one.transport() >= 0) + (two.transport() >= 0) == 1);
	}
}

void module_references(trial &t)
{
	sock taken(t.set.tcp);
	long before = references();
	if (before < 0)
		t.skip("the transport is not a module");
	for (std::uint64_t i = 0; i < t.set.times(2000); i++) {
		sock s, preset;
		preset.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
		t.is("a taken port", s.bind(taken.name()), {-EADDRINUSE});
		t.is("port 1", s.bind(t.set.tcp.with_port(1)), {-EINVAL});
		t.is("a taken port, preset", preset.bind(taken.name()), {-EADDRINUSE});
	}
	t.is("references to rds_tcp", references(), {before});
}

void keeps_preset(trial &t)
{
	sock taken(t.set.tcp), s;
	s.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	t.is("a taken port", s.bind(taken.name()), {-EADDRINUSE});
	t.is("the transport", s.transport(), {RDS_TRANS_TCP});
	t.is("bind after that", s.bind(ip("127.0.0.1")), {0});
	t.is("the transport", s.transport(), {RDS_TRANS_TCP});
}

void mixed_families(trial &t)
{
	sock four(ip("127.0.0.1")), six(ip("::1"));
	t.is("connecting to the other family", four.connect(six.name()), {0});
	t.is("sending without a name", result_of(::send(four.fd(), "x", 1, MSG_DONTWAIT)),
	     {-EOPNOTSUPP});
	t.is("connecting to the other family", six.connect(four.name()), {0});
	t.is("sending without a name", result_of(::send(six.fd(), "x", 1, MSG_DONTWAIT)),
	     {-EOPNOTSUPP});
	t.expect("it came", four.empty() && six.empty());
}

/* A sender cannot choose an address that is not the machine's, nor somebody's port. */
void spoof(trial &t)
{
	sock taken(t.set.tcp);
	endpoint theirs = taken.name();
	if (::setuid(65534))
		std::abort();
	sock s, preset;
	preset.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	t.is("a foreign address", s.bind(t.set.nobody()), {-EADDRNOTAVAIL});
	t.is("a foreign address, preset", preset.bind(t.set.nobody()), {-ENOPROTOOPT});
	t.is("another user's port", s.bind(theirs), {-EADDRINUSE});
	s.set(SOL_SOCKET, SO_REUSEADDR, 1);
	t.is("another user's port, SO_REUSEADDR", s.bind(theirs), {-EADDRINUSE});
}

void going_device(trial &t)
{
	netns ns;
	for (std::uint64_t i = 0; i < t.set.times(4); i++) {
		if (!ns.run("ip link add d0 type veth peer name d1 && ip link set d0 up && "
			    "ip addr add fe80::7/64 dev d0 nodad"))
			t.skip("no veth");
		visit here(ns.fd());
		endpoint local = ip("fe80::7%d0");
		std::atomic<bool> gone = false;
		std::jthread binder([&] {
			visit there(ns.fd());
			while (!gone)
				t.is("bind", sock().bind(local), {0, -EADDRNOTAVAIL});
		});
		command("ip link del d0");
		gone = true;
	}
}

/* Kernel booted with ipv6.disable=1. */
void without_ipv6(trial &t)
{
	std::ifstream line("/proc/cmdline");
	std::string text;
	std::getline(line, text);
	if (text.find("ipv6.disable=1") == text.npos)
		t.skip("IPv6 is enabled");
	for (const char *address : {"::1", "2001:db8::1"})
		t.is(address, sock().bind(ip(address)),
		     {-EADDRNOTAVAIL, address[0] == ':' ? 0 : -EADDRNOTAVAIL});
	endpoint link = ip("fe80::1%lo");
	t.is("fe80::1%lo", sock().bind(link), {-EADDRNOTAVAIL});
	t.is("IPv4", sock().bind(t.set.tcp), {0});
}

const listed these{
	{"unbound-send", "CVE-2015-6937", "send on an unbound socket", unbound_send},
	{"bind-race", "CVE-2015-7990", "send while bind runs", racing, 60},
	{"bind-port-race", "K3.10", "two binds of one port", racing_port, 60},
	{"bind-module", "S2.1.28", "failed bind keeps the module", module_references},
	{"bind-preset", "K18.6", "failed bind forgets the transport", keeps_preset},
	{"mixed-families", "K18.7", "connected to the other family", mixed_families},
	{"spoof", "S3.1.11, S3.1.12", "another's address or port", spoof},
	{"going-device", "CVE-2026-74563", "device goes during bind", going_device, 60},
	{"no-ipv6", "CVE-2026-68322", "IPv6 disabled at boot", without_ipv6},
};

} // namespace
