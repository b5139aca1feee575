// SPDX-License-Identifier: GPL-2.0
/*
 * See world.h. What cannot be set up ends the program: it is no result of RDS.
 */
#include "world.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace {

constexpr unsigned nobody_id = 65534;

[[noreturn]] void die(const std::string &what)
{
	std::fprintf(stderr, "rds-abi: %s: %s\n", what.c_str(), std::strerror(errno));
	std::exit(2);
}

void write_file(const char *path, const std::string &text)
{
	int fd = ::open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
		die(path);
	::close(fd);
}

int this_namespace()
{
	int fd = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("/proc/self/ns/net");
	return fd;
}

/* One of the two tells the other something until it hears it. */
bool hears(sock &from, sock &to, const std::string &text)
{
	endpoint name = to.name();
	std::string got;
	stopwatch watch;

	while (watch.ms() < patience(20000)) {
		from.send(name, text.data(), text.size());
		for (stopwatch turn; turn.ms() < 300;) {
			to.poll(POLLIN, 100);
			while (to.receive(got, MSG_DONTWAIT) >= 0)
				if (got == text)
					return true;
		}
	}
	return false;
}

} // namespace

world::world(bool as_user)
    : user(as_user),
      loop{"loopback", ip("127.0.0.1"), ip("::1"), transport_loop},
      loop6{"IPv6 loopback", ip("::1"), ip("127.0.0.1"), transport_loop},
      tcp{"TCP", ip("10.44.0.1"), ip("2001:db8::1"), RDS_TRANS_TCP},
      tcp6{"IPv6 TCP", ip("fd44::1"), ip("10.44.0.1"), RDS_TRANS_TCP},
      near(tcp.address),
      far(ip("10.44.0.2")),
      near6(tcp6.address),
      far6(ip("fd44::2")),
      nobody(ip("10.44.0.9"))
{
	if (user)
		enter_user_namespace();
	near_ns_ = this_namespace();
	if (::unshare(CLONE_NEWNET))
		die("a network namespace");
	far_ns_ = this_namespace();
	run("ip link set lo up");
	enter(near_ns_);
	std::string other = "/proc/" + std::to_string(::getpid()) + "/fd/" +
			    std::to_string(far_ns_);
	run("ip link set lo up");
	run("ip link add abi0 type veth peer name abi1 netns " + other);
	run("ip addr add 10.44.0.1/24 dev abi0");
	run("ip addr add fd44::1/64 dev abi0 nodad");
	run("ip addr add fe80::44/64 dev abi0 nodad");
	run("ip link set abi0 up");
	enter(far_ns_);
	run("ip addr add 10.44.0.2/24 dev abi1");
	run("ip addr add fd44::2/64 dev abi1 nodad");
	run("ip addr add fe80::45/64 dev abi1 nodad");
	run("ip link set abi1 up");
	enter(near_ns_);
	link = ip("fe80::44");
	link_scoped = ip("fe80::44%abi0");
	far_link_scoped = ip("fe80::45%abi0");
}

world::~world()
{
	run("ip link del abi0");
	::close(far_ns_);
	::close(near_ns_);
}

void world::enter_user_namespace()
{
	if (::setgroups(0, nullptr) || ::setgid(nobody_id) || ::setuid(nobody_id))
		die("become nobody");
	::prctl(PR_SET_DUMPABLE, 1);
	if (::unshare(CLONE_NEWUSER | CLONE_NEWNET))
		die("a user namespace");
	std::string map = "0 " + std::to_string(nobody_id) + " 1";
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/gid_map", map);
}

void world::run(const std::string &command) const
{
	if (std::system(command.c_str()))
		die(command);
}

void world::enter(int ns) const
{
	if (::setns(ns, CLONE_NEWNET))
		die("another network namespace");
}

sock world::at_far() const
{
	enter(far_ns_);
	sock s;
	enter(near_ns_);
	return s;
}

sock world::at_far(const endpoint &local) const
{
	sock s = at_far();
	s.bind(local);
	return s;
}

bool world::linked(sock &a, sock &b)
{
	static int number = 0;
	std::string text = "link " + std::to_string(++number);

	if (!hears(a, b, text + ".") || !hears(b, a, text + ","))
		return false;
	/* what was repeated, and took another lane, may come later */
	if (!hears(a, b, text + "!") || !hears(b, a, text + "?"))
		return false;
	for (sock *s : {&a, &b}) {
		std::string got;
		::poll(nullptr, 0, 50);
		while (s->receive(got, MSG_DONTWAIT) >= 0)
			;
	}
	return true;
}
