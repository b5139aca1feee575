// SPDX-License-Identifier: GPL-2.0
/*
 * Where rds(7) and the kernel disagree, the kernel is right: programs were written for what it does.
 */
#include <linux/rds.h>

#include <fstream>

#include "trial.h"

namespace {

void cancel_everything(trial &t)
{
	sock s(t.set.tcp);
	t.is("RDS_CANCEL_SENT_TO without an address",
	     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, nullptr, 0)), {-EINVAL});
}

void monitor_mask(trial &t)
{
	sock s(t.set.tcp);
	std::uint64_t mask = 1ull << 40;
	socklen_t len = sizeof(mask);
	t.is("a mask of 64 bits",
	     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_CONG_MONITOR, &mask, sizeof(mask))), {0});
	t.is("reading it", result_of(::getsockopt(s.fd(), SOL_RDS, RDS_CONG_MONITOR, &mask, &len)),
	     {-ENOPROTOOPT});
	static_assert(sizeof(RDS_CONG_MONITOR_MASK(40)) == 8, "the macro shifts 64 bits");
}

void message_size(trial &t)
{
	sock s(ip("127.0.0.1")), r(ip("127.0.0.1"));
	int wish = 4 << 20;
	if (::setsockopt(s.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &wish, sizeof(wish)))
		t.skip("not root");
	t.is("1 MiB and a byte", s.send(r.name(), (1 << 20) + 1), {-EMSGSIZE});
	t.is("1 MiB", s.send(r.name(), 1 << 20), {1 << 20});
}

void settings(trial &t)
{
	const std::string dir = "/proc/sys/net/rds/";
	for (const char *name :
	     {"pf_rds", "sol_rds", "reconnect_delay_min_ms", "reconnect_delay_max_ms"})
		t.expect(std::string(name) + " is there",
			 ::access((dir + name).c_str(), F_OK) != 0);
	for (const char *name : {"reconnect_min_delay_ms", "reconnect_max_delay_ms"})
		t.expect(std::string(name) + " is not there",
			 ::access((dir + name).c_str(), F_OK) == 0);
	long packets = 0;
	std::ifstream(dir + "max_unacked_packets") >> packets;
	t.is("max_unacked_packets", packets, {8});
}

void local_destination(trial &t)
{
	sock s(t.set.tcp), r(t.set.tcp), loop(ip("127.0.0.1"));
	t.is("TCP to its own address", s.send_text(r.name(), "own"), {3});
	t.expect("it does not come", r.receives("own"));
	t.is("TCP to 127.0.0.1", s.send_text(loop.name(), "loop"), {4});
	t.expect("it does not come", loop.receives("loop"));
	t.is("127.0.0.1 to the TCP address", loop.send_text(r.name(), "back"), {4});
	t.expect("it does not come", r.receives("back"));
	t.is("transport of 127.0.0.1", loop.transport(), {3});
	t.is("transport 3 as a preset", sock().set(SOL_RDS, SO_RDS_TRANSPORT, 3), {-EINVAL});
}

void loopback_to_nowhere(trial &t)
{
	sock loop(ip("127.0.0.1"));
	long r = loop.send(ip("198.51.100.1", 4000), 10, MSG_DONTWAIT);
	t.is("127.0.0.1 to a remote address", r, {10});
}

void flags_refused(trial &t)
{
	sock s(ip("127.0.0.1")), r(ip("127.0.0.1"));
	s.connect(r.name());
	for (int flag : {MSG_NOSIGNAL, MSG_EOR, MSG_MORE, MSG_OOB})
		t.is("flag " + std::to_string(flag), s.send(r.name(), 1, flag), {-EOPNOTSUPP});
	t.is("write", result_of(::write(s.fd(), "x", 1)), {-EOPNOTSUPP});
	mmsghdr two[2]{};
	iovec vec{const_cast<char *>("x"), 1};
	for (auto &m : two) {
		m.msg_hdr.msg_iov = &vec;
		m.msg_hdr.msg_iovlen = 1;
	}
	t.is("sendmmsg of two", result_of(::sendmmsg(s.fd(), two, 2, 0)), {-EOPNOTSUPP});
	t.expect("something came", r.empty());
}

const listed these{
	{"cancel-all", "K17.1", "cancelling without an address", cancel_everything},
	{"monitor-mask", "K17.2, K17.7", "the monitor's mask", monitor_mask},
	{"message-size", "K17.4", "length of a message", message_size},
	{"settings", "K17.5, K17.6", "names of the settings", settings},
	{"local-destination", "K17.9, K17.11", "local destinations of any transport",
	 local_destination},
	{"loop-nowhere", "K3.2", "loopback to a remote address", loopback_to_nowhere},
	{"flags", "K18.11", "flags that are refused", flags_refused},
};

} // namespace
