/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Network namespaces for the cases of rds-cve: a fresh one, or two with a cable between them. A socket belongs to the
 * namespace that its maker was in. Needs root and ip(8); each object cleans up behind itself.
 */
#ifndef TESTS_PROGRAMS_CVE_HOSTS_H
#define TESTS_PROGRAMS_CVE_HOSTS_H

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "trial.h"

inline bool command(const std::string &line)
{
	return std::system((line + " > /dev/null 2>&1").c_str()) == 0;
}

/* This thread is elsewhere while it exists. */
class visit {
public:
	explicit visit(int there) : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC))
	{
		if (::setns(there, CLONE_NEWNET))
			std::abort();
	}
	visit(const visit &) = delete;
	~visit()
	{
		::setns(home_, CLONE_NEWNET);
		::close(home_);
	}

private:
	int home_;
};

/* A namespace with its loopback up; gone with the object, unless a socket keeps it. */
class netns {
public:
	netns()
	{
		int home = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (::unshare(CLONE_NEWNET))
			std::abort();
		command("ip link set lo up");
		fd_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		::setns(home, CLONE_NEWNET);
		::close(home);
	}
	netns(const netns &) = delete;
	~netns() { leave(); }

	int fd() const { return fd_; }
	void leave()
	{
		if (fd_ >= 0)
			::close(fd_);
		fd_ = -1;
	}

	bool run(const std::string &line) const
	{
		visit here(fd_);
		return command(line);
	}
	/* Several commands of ip(8), one a line. */
	bool batch(const std::string &lines) const
	{
		return run("printf '" + lines + "' | ip -batch -");
	}
	sock socket() const
	{
		visit here(fd_);
		return sock();
	}
	sock bound(const endpoint &local) const
	{
		sock s = socket();
		s.bind(local);
		return s;
	}

private:
	int fd_ = -1;
};

/* A cable: 10.78.0.1 and 10.78.0.2; the first has the smaller address. */
class two_hosts {
public:
	two_hosts()
	{
		std::string ns_of_b = "/proc/" + std::to_string(::getpid()) + "/fd/" +
				      std::to_string(b.fd());
		good_ = a.batch("link add e0 type veth peer name e1 netns " + ns_of_b +
				"\naddr add 10.78.0.1/24 dev e0\nlink set e0 up\n") &&
			b.batch("addr add 10.78.0.2/24 dev e1\nlink set e1 up\n");
	}

	bool good() const { return good_; }
	endpoint of_a(std::uint16_t port = 0) const { return ip("10.78.0.1", port); }
	endpoint of_b(std::uint16_t port = 0) const { return ip("10.78.0.2", port); }

	netns a, b;

private:
	bool good_ = false;
};

#endif
