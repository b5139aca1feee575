// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel memory of bound sockets and of idle connections, both ends in one guest, which nobody else
 * uses. One thread.
 */
#ifndef TESTS_PROGRAMS_BENCH_MEMORY_H
#define TESTS_PROGRAMS_BENCH_MEMORY_H

#include <sys/epoll.h>
#include <sys/resource.h>

#include "bench_traffic.h"

inline void write_file(const char *path, const char *text)
{
	int fd = ::open(path, O_WRONLY);
	if (fd < 0 || ::write(fd, text, std::strlen(text)) < 0)
		die(path);
	::close(fd);
}

struct memory {
	long slab = 0, used = 0; /* bytes; used is all that is not free */

	static memory read()
	{
		char text[4096];
		int fd = ::open("/proc/meminfo", O_RDONLY);
		ssize_t n = ::read(fd, text, sizeof(text) - 1);
		if (n <= 0)
			die("/proc/meminfo");
		::close(fd);
		text[n] = 0;
		auto kib = [&](const char *name) {
			const char *at = std::strstr(text, name);
			if (!at)
				die(name, ENOENT);
			return std::atol(at + std::strlen(name)) * 1024;
		};
		return {kib("\nSlab:"), -kib("MemFree:")};
	}

	/* What is under way has ended: nothing changes for a second. */
	static memory settled()
	{
		/* free pages kept for a CPU are not counted as free */
		write_file("/proc/sys/vm/percpu_pagelist_high_fraction", "100000");
		memory last;
		for (int same = 0, tries = 0; same < 5 && tries < 50; tries++) {
			write_file("/proc/sys/vm/drop_caches", "3");
			::usleep(200000);
			memory now = read();
			same = now.slab == last.slab && now.used == last.used ? same + 1 : 0;
			last = now;
		}
		return last;
	}

	memory operator-(const memory &m) const { return {slab - m.slab, used - m.used}; }
};

struct memory_plan {
	carrier over = carrier::rds;
	unsigned peers = 100, sockets = 1, nth = 0;
};

struct memory_cost {
	double slab_pair = 0, used_pair = 0, slab_socket = 0, used_socket = 0;
	bool complete = true;
};

class memory_bench {
public:
	explicit memory_bench(const memory_plan &plan) : plan_(plan)
	{
		rlimit many{65536, 65536};
		if (::setrlimit(RLIMIT_NOFILE, &many))
			die("setrlimit");
		write_file("/proc/sys/vm/drop_caches", "4"); /* says nothing from now on */
		fds_.reserve(std::size_t{3} * plan.peers + plan.sockets);
		epoll_ = ::epoll_create1(0);
	}

	memory_cost run()
	{
		memory_cost cost;
		bind_peers(1000 + plan_.nth, 2); /* what the first of its kind needs */
		memory none = memory::settled();
		bind_peers(plan_.nth, plan_.peers);
		memory bound = memory::settled() - none;
		cost.slab_socket = static_cast<double>(bound.slab) / plan_.peers;
		cost.used_socket = static_cast<double>(bound.used) / plan_.peers;
		if (plan_.over == carrier::udp)
			return cost;

		enter_host("a");
		if (plan_.over == carrier::rds)
			open_senders();
		cost.complete = connect_to(1000 + plan_.nth, 2);
		memory apart = memory::settled();
		cost.complete = cost.complete && connect_to(plan_.nth, plan_.peers);
		::sleep(5);
		memory pairs = memory::settled() - apart;
		cost.slab_pair = static_cast<double>(pairs.slab) / plan_.peers;
		cost.used_pair = static_cast<double>(pairs.used) / plan_.peers;
		return cost;
	}

private:
	endpoint peer(unsigned nth) const { return place::net(nth, 4000).right; }
	endpoint self() const { return place::net(plan_.nth, 4000).left; }

	void watch(int fd)
	{
		epoll_event e{EPOLLIN, {.fd = fd}};
		if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e))
			die("epoll_ctl");
	}

	void bind_peers(unsigned nth, unsigned count)
	{
		enter_host("b");
		for (unsigned i = 0; i < count; i++) {
			int fd = plan_.over == carrier::tcp ? tcp_listener(peer(nth + i))
				 : plan_.over == carrier::udp
					 ? bound_socket(AF_INET, SOCK_DGRAM, peer(nth + i))
					 : rds_bound(peer(nth + i));
			fds_.push_back(fd);
			if (plan_.over == carrier::rds)
				watch(fd);
		}
	}

	void open_senders()
	{
		for (unsigned i = 0; i < plan_.sockets; i++) {
			auto port = static_cast<std::uint16_t>(6000 + i);
			int fd = rds_bound(self().with_port(port));
			fds_.push_back(fd);
			senders_.push_back(fd);
		}
	}

	/* Sixteen peers at a time: it is not the backlog that is measured. */
	bool connect_to(unsigned nth, unsigned count)
	{
		constexpr unsigned batch = 16;
		for (unsigned i = 0; i < count; i++) {
			if (plan_.over == carrier::tcp) {
				fds_.push_back(tcp_connect(self(), peer(nth + i)));
				fds_.push_back(tcp_accept(fds_[first_of(nth) + i]));
				continue;
			}
			for (int fd : senders_)
				if (!send(fd, peer(nth + i)))
					return false;
			if ((i % batch == batch - 1 || i == count - 1) &&
			    !arrive((i % batch + 1) * plan_.sockets))
				return false;
		}
		return true;
	}
	/* Listeners: the two that are met first, then the others. */
	std::size_t first_of(unsigned nth) const { return nth == plan_.nth ? 2 : 0; }

	static bool send(int fd, const endpoint &to)
	{
		static const char data[64]{};
		while (::sendto(fd, data, sizeof(data), MSG_DONTWAIT, to.sa(), to.length()) < 0) {
			if (errno != EAGAIN && errno != ENOBUFS)
				die("sendto " + to.text());
			::usleep(10000);
		}
		return true;
	}

	/* False: some are lost, and more with each second. */
	bool arrive(unsigned count)
	{
		char data[64];
		while (count) {
			epoll_event e[64];
			int n = ::epoll_wait(epoll_, e, 64, 20000);
			if (n <= 0)
				return false;
			for (int i = 0; i < n; i++)
				while (count &&
				       ::recv(e[i].data.fd, data, sizeof(data), MSG_DONTWAIT) >= 0)
					count--;
		}
		return true;
	}

	memory_plan plan_;
	int epoll_;
	std::vector<int> fds_, senders_;
};

#endif
