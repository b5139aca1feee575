// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer's threads share: two hosts joined by a veth pair, namespaces that come and go, and
 * the sockets. A socket's place is a descriptor that is never free: another socket is put over it
 * by dup3, so that a call may meet a socket that is being closed, but never somebody else's file.
 *
 *   +------- host 0 -------+        +------- host 1 -------+
 *   | fz0  10.99.0.1       |--------| fz1  10.99.0.2       |     10.99.0.77, 203.0.113.1: nobody
 *   |      fd99::1 fe80::91|        |      fd99::2 fe80::92|
 *   +----------------------+        +----------------------+
 *
 * Further namespaces have 10.99.<n>.2, on a veth to host 0 or on lo.
 */
#ifndef TESTS_PROGRAMS_FUZZ_WORLD_H
#define TESTS_PROGRAMS_FUZZ_WORLD_H

#include <linux/rds.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fuzz_net.h"
#include "fuzz_random.h"
#include "rds_socket.h"

class fuzz_world {
public:
	static constexpr std::size_t hosts = 2, guests = 3, namespaces = hosts + guests;
	static constexpr std::size_t places = 20;

	/* @private_user: as an unprivileged user who has made namespaces */
	explicit fuzz_world(bool private_user)
	{
		if (private_user && ::unshare(CLONE_NEWUSER | CLONE_NEWNET))
			die("unshare");
		set_link("lo", true);
		spaces_[0] = std::make_shared<owned_fd>(this_namespace());
		{
			stay away;
			if (!away.ok())
				die("unshare");
			spaces_[1] = std::make_shared<owned_fd>(this_namespace());
			set_link("lo", true);
		}
		check(make_veth("fz0", "fz1", spaces_[1]->get()), "veth");
		check(address(0), "addresses of host 0");
		stay away(spaces_[1]->get());
		check(address(1), "addresses of host 1");
	}
	fuzz_world(const fuzz_world &) = delete;
	~fuzz_world()
	{
		for (std::size_t i = 0; i < places; i++)
			::close(place(i));
		delete_link("fz0");
	}

	/* Each place gets its first socket. */
	void furnish()
	{
		for (std::size_t i = 0; i < places; i++) {
			where_[i] = i % hosts;
			stay away(spaces_[i % hosts]->get());
			owned_fd s(::socket(AF_RDS, SOCK_SEQPACKET, 0));
			if (!s)
				die("socket(AF_RDS)");
			if (::dup3(s.get(), place(i), O_CLOEXEC) < 0)
				die("dup3");
		}
	}

	static int place(std::size_t i) { return static_cast<int>(500 + i); }
	void moved(std::size_t i, std::size_t space) { where_[i] = space; }
	std::size_t where(std::size_t i) const { return where_[i]; }

	std::shared_ptr<owned_fd> space(std::size_t i)
	{
		std::lock_guard hold(lock_);
		return spaces_[i];
	}
	/* The old one dies with its last socket. */
	void set_space(std::size_t i, std::shared_ptr<owned_fd> fresh)
	{
		std::lock_guard hold(lock_);
		spaces_[i].swap(fresh);
	}

	static std::string guest_address(std::size_t space)
	{
		return "10.99." + std::to_string(space) + ".2";
	}
	/* What is there for all that is random: added and removed. */
	static std::string passing_address(std::size_t n)
	{
		return "10.99.200." + std::to_string(n + 1);
	}

	std::size_t next_link() { return links_++; }

	/* Return: 0 or a negated errno. */
	static int address_v6(int host)
	{
		std::string link = "fz" + std::to_string(host), digit = std::to_string(host + 1);
		int err = change_address(link, "fd99::" + digit, 64, true);
		return err ? err : change_address(link, "fe80::9" + digit, 64, true);
	}

private:
	static int address(int host)
	{
		std::string link = "fz" + std::to_string(host);
		int err = set_link(link, true);
		if (!err)
			err = change_address(link, "10.99.0." + std::to_string(host + 1), 24, true);
		return err ? err : address_v6(host);
	}
	static void check(int result, const char *what)
	{
		if (result)
			die(what, -result);
	}

	std::atomic<std::size_t> links_{0};
	std::mutex lock_;
	std::array<std::shared_ptr<owned_fd>, namespaces> spaces_;
	std::array<std::atomic<std::size_t>, places> where_{};
};

#endif
