// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl: the two of RDS, the generic ones, those that are not there.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <string>

#include "topics.h"

namespace {

std::string hex(int number)
{
	char text[16];
	std::snprintf(text, sizeof(text), "0x%x", static_cast<unsigned>(number));
	return text;
}

void rows_ioctl(tap &t)
{
	t.section("ioctl");
	sock s(ip("127.0.0.1"));
	int value = 0, one = 1;
	ifreq ifr{};

	t.is("FIONREAD", -ENOTTY, result_of(::ioctl(s.fd(), FIONREAD, &value)));
	t.is("SIOCOUTQ", -ENOTTY, result_of(::ioctl(s.fd(), SIOCOUTQ, &value)));
	t.is("SIOCATMARK", -ENOTTY, result_of(::ioctl(s.fd(), SIOCATMARK, &value)));
	ifr.ifr_ifindex = 0;
	std::strcpy(ifr.ifr_name, "lo");
	t.is("SIOCGIFADDR", -ENOTTY, result_of(::ioctl(s.fd(), SIOCGIFADDR, &ifr)));
	t.is("SIOCGIFINDEX", 0, result_of(::ioctl(s.fd(), SIOCGIFINDEX, &ifr)));
	t.is("FIONBIO", 0, result_of(::ioctl(s.fd(), FIONBIO, &one)));
	t.ok("... sets O_NONBLOCK", ::fcntl(s.fd(), F_GETFL) & O_NONBLOCK);
	ifr.ifr_ifindex = 1;
	t.is("SIOCGIFNAME", 0, result_of(::ioctl(s.fd(), SIOCGIFNAME, &ifr)));
	t.is("SIOCGIFFLAGS", 0, result_of(::ioctl(s.fd(), SIOCGIFFLAGS, &ifr)));
	t.is("SIOCGIFMTU", 0, result_of(::ioctl(s.fd(), SIOCGIFMTU, &ifr)));
	t.is("SIOCGIFMTU, bad pointer", -EFAULT,
	     result_of(::ioctl(s.fd(), SIOCGIFMTU, bad_pointer)));
	ifconf all{};
	t.is("SIOCGIFCONF", 0, result_of(::ioctl(s.fd(), SIOCGIFCONF, &all)));
	t.is("FIOASYNC", 0, result_of(::ioctl(s.fd(), FIOASYNC, &one)));
	t.is("FIOCLEX", 0, result_of(::ioctl(s.fd(), FIOCLEX, 0)));
	t.ok("... sets FD_CLOEXEC", ::fcntl(s.fd(), F_GETFD) & FD_CLOEXEC);
	/* the generic layer looks at an ifreq before it says no */
	for (int number : {0x8906, 0x8907, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCADDRT, SIOCGARP})
		t.is("ioctl " + hex(number), -ENOTTY, result_of(::ioctl(s.fd(), number, &ifr)));
	for (int number : {0x89e2, 0x89ef, 0x12345})
		t.is("ioctl " + hex(number), -ENOTTY, result_of(::ioctl(s.fd(), number, &ifr)));
	t.is("FIONREAD, bad pointer", -ENOTTY, result_of(::ioctl(s.fd(), FIONREAD, bad_pointer)));
	t.skip("from a 32-bit process", "the program is a 64-bit one");
	t.is("private ioctl 2", -ENOTTY, result_of(::ioctl(s.fd(), SIOCPROTOPRIVATE + 2, &ifr)));
}

void rows_tos(tap &t, const place &tcp)
{
	t.section("TOS");
	sock fresh, preset, loop(ip("127.0.0.1")), s(tcp.at()), to(tcp.at());
	std::uint8_t tos = 5, got = 99;
	auto set = [](sock &on, void *value) {
		return result_of(::ioctl(on.fd(), SIOCRDSSETTOS, value));
	};
	auto get = [](sock &on, void *value) {
		return result_of(::ioctl(on.fd(), SIOCRDSGETTOS, value));
	};
	/* In the refusing case the generic layer looks at more than one byte. */
	std::uint8_t space[64] = {5};

	t.is("get", 0, get(s, &got));
	t.is("... is 0", 0, got);
	t.is("get, unbound", 0, get(fresh, &got));
	t.is("get, bad pointer", -EFAULT, get(s, bad_pointer));
	t.is("set, unbound", -ENOTTY, set(fresh, space));
	t.is("set, loopback", -ENOTTY, set(loop, space));
	t.is("set, bad pointer", -EFAULT, set(s, bad_pointer));
	preset.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	t.is("set, transport chosen", 0, set(preset, &tos));
	t.is("set, loopback, bad pointer", -EFAULT, set(loop, bad_pointer));
	t.is("get, loopback", 0, get(loop, &got));
	t.is("... is 0", 0, got);
	half_mapped memory;
	memory.end()[-1] = 9;
	t.is("get to the last byte of a page", 0, get(s, memory.end() - 1));
	t.is("... is 0", 0, memory.end()[-1]);
	t.is("set from the last byte of a page", 0, set(s, memory.end() - 1));
	t.is("set, TCP", 0, set(s, &tos));
	t.is("get after that", 0, get(s, &got));
	t.is("... is 0 on TCP", 0, got);
	t.is("set again", 0, set(s, &tos));
	s.send_text(to.name(), "x");
	t.is("set after a send", -EINVAL, set(s, &tos));
}

} // namespace

void topic_ioctl(tap &t, const world &w)
{
	rows_ioctl(t);
	rows_tos(t, w.tcp);
}
